/**
 * The machines of a node, built from what it is given and what its store remembers, and wired to
 * each other by facts: who is up, where a partition is, what the node's own copy says. Nothing
 * happens here yet.
 */
import { ByteReader } from '../std/bytes.ts'
import type { Effects } from '../std/effects.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import { duration } from '../std/instant.ts'
import { Reads } from '../coordinator/reads.ts'
import type { ReadEffect } from '../coordinator/reads.ts'
import { Replica } from '../coordinator/replica.ts'
import { Writes } from '../coordinator/writes.ts'
import type { WriteEffect } from '../coordinator/writes.ts'
import { leaveLockOf } from '../membership/leave-proof.ts'
import type { MemberRecord } from '../membership/member.ts'
import { Swim } from '../membership/swim.ts'
import type { SwimEffect } from '../membership/swim.ts'
import type { LayoutState, Placement } from '../placement/layout.ts'
import { nodesOf } from '../placement/layout-state.ts'
import { preferenceList } from '../placement/preference-list.ts'
import type { StoreReader } from '../ports.ts'
import type { Actor } from '../versions/actor.ts'
import { HybridClock } from '../versions/hybrid-clock.ts'
import { ACCESS_SINCE, PROTOCOL_MAX } from '../wire/protocol.ts'
import { decodeMembersList } from '../wire/records.ts'
import { Actors } from './actors.ts'
import { Background } from './background.ts'
import { BrokenRecords } from './broken-records.ts'
import { AccessChanges } from './access-changes.ts'
import { AccessRegistry } from './access-registry.ts'
import { BucketChanges } from './bucket-changes.ts'
import { BucketRegistry } from './bucket-registry.ts'
import { decodeClockLease } from './clock-lease.ts'
import { Cluster } from './cluster.ts'
import { Conflicts } from './conflicts.ts'
import { Explaining } from './explaining.ts'
import { Forwards } from './forwards.ts'
import { LocalHoldings } from './holdings.ts'
import { KeyChanges } from './key-changes.ts'
import { KeyRing } from './key-ring.ts'
import type { Adoption, LayoutKeeper } from './layout-keeper.ts'
import type { LayoutMachines } from './layout-machines.ts'
import { LayoutChanges } from './layout-changes.ts'
import { buildLayout, spokenByAll } from './layout-machines.ts'
import { Leaving } from './leaving.ts'
import { ListingReplica } from './listing-replica.ts'
import { Listings } from './listings.ts'
import type { StateSync } from './messages.ts'
import { Nearness } from './nearness.ts'
import type { NodeOptions } from './options.ts'
import { Outlet } from './outlet.ts'
import type { Origin } from './requests.ts'
import type { RepairMachines, Tracked } from './repair-machines.ts'
import { buildRepair } from './repair-machines.ts'
import type { Registers } from './registers.ts'
import type { Replacing } from './replacing.ts'
import { Requests } from './requests.ts'
import { stateKey } from './storage-keys.ts'
import { Transfers } from './transfers.ts'
import type { WatchMachines } from './watch-machines.ts'
import { buildWatch } from './watch-machines.ts'
import type { TransfersParts } from './transfers.ts'

/** Where the machines' effects go, and what they may ask of the node. */
export interface Wiring {
  readonly swimEffects: Effects<SwimEffect>
  readonly writeEffects: Effects<WriteEffect<Origin>>
  readonly readEffects: Effects<ReadEffect<Origin>>
  readonly leaseClock: () => void
  readonly isLinked: (peer: NodeId) => boolean
}

export interface Machines extends RepairMachines, WatchMachines {
  readonly outlet: Outlet
  readonly background: Background
  readonly swim: Swim
  readonly clock: HybridClock
  readonly holdings: LocalHoldings
  readonly actors: Actors
  readonly buckets: BucketRegistry
  readonly changes: BucketChanges
  readonly access: AccessRegistry
  readonly accessChanges: AccessChanges
  readonly keys: KeyChanges
  readonly layout: LayoutKeeper
  readonly replica: Replica
  readonly writes: Writes<Origin>
  readonly reads: Reads<Origin>
  readonly forwards: Forwards
  readonly ownListings: ListingReplica
  readonly listings: Listings
  readonly transfers: Transfers
  readonly cluster: Cluster
  readonly requests: Requests
  readonly broken: BrokenRecords
  readonly leaving: Leaving
  readonly replacing: Replacing
  readonly registers: Registers
  readonly explaining: Explaining
  readonly layoutChanges: LayoutChanges
  readonly conflicts: Conflicts
}

export function buildMachines(options: NodeOptions, wiring: Wiring): Machines {
  const { config, rng, birth } = options
  const { requestTimeoutMs: timeoutMs } = config
  const { writeEffects, readEffects, swimEffects } = wiring
  const unreadable = (key: Uint8Array): void => broken.found(key)
  const state = (answer: boolean): StateSync => cluster.state(answer)
  const tracked: Tracked = { trees: undefined, exchanging: undefined }
  const giveUp = (): void => leaving.giveUp()
  const base = buildBase(options, {
    ...{ state, tracked, giveUp },
    adopted: (adoption) => cluster.adopted(adoption),
    contact: (peer) => cluster.contact(peer),
  })
  const { outlet, swim, clock, holdings, actors, buckets, layout } = base
  const coordinators = buildCoordinators(options, base, { ...wiring, unreadable })
  const { writes, reads, forwards, listings } = coordinators
  const complete = (): void => cluster.adopted(layout.synced())
  const compareSoon = (partition: PartitionId): void => antiEntropy.compareSoon(partition)
  const transfers = buildTransfers(options, base, { tracked, unreadable, complete, compareSoon })
  const changes = new BucketChanges(outlet, {
    registry: buckets,
    clock,
    isEmpty: (bucket, done) => listings.isEmpty(bucket, buckets.of(bucket), timeoutMs, done),
    replicas: () => layout.state?.current.replicas,
    others: () => cluster.others(),
    announce: () => cluster.announce(),
  })
  const placementOf = (partition: PartitionId): Placement =>
    layout.placementOf(partition) ?? nowhere(partition)
  const replan = (): void => {
    writes.step({ type: 'replan', placementOf }, writeEffects)
    reads.step({ type: 'replan', placementOf }, outlet.now, readEffects)
    listings.replan()
    transfers.begin()
    antiEntropy.replan()
    watch.watching.replan()
  }
  const told = buildTold(options, base, () => cluster)
  const cluster: Cluster = new Cluster(outlet, {
    ...{ swim, swimEffects, layout, buckets, changes, actors, rng: rng.fork() },
    ...{ ...told, birth, replan, isDecided: () => base.replacing.isDecided },
    stateSyncIntervalMs: config.stateSyncIntervalMs,
  })
  const broken: BrokenRecords = new BrokenRecords(outlet, {
    ...{ layout, actors, holdings, reads, readEffects, timeoutMs },
    doubted: (partition) => antiEntropy.doubted(partition),
  })
  const conflicts = new Conflicts(outlet, (bucket) => buckets.isConfigured(bucket))
  const facts = { isReady: () => cluster.ready, latestMs: () => latestMs(options, base) }
  const requests = new Requests(outlet, {
    ...{ config, clock, actors, holdings, buckets, layout, writes, reads, forwards },
    ...{ listings, broken, conflicts, writeEffects, readEffects },
    ...{ ...facts, leaseClock: wiring.leaseClock },
    preferenceList: preferring(layout),
  })
  const leaving = buildLeaving(options, base, wiring, { cluster: () => cluster, transfers })
  const repair = buildRepair(options, base, { tracked, unreadable, isReady: () => cluster.ready })
  const { antiEntropy, reaping, hinting } = repair
  const explaining = new Explaining(outlet, {
    ...{ layout, buckets, holdings, actors, timeoutMs },
    others: () => cluster.others(),
    comparisons: (partition) => antiEntropy.comparisons(partition),
    hints: () => hinting.waiting(),
    waitOf: (partition, key) => reaping.waitOf(partition, key),
  })
  const rooms = { ...told, changes, transfers, cluster, requests, broken, leaving, conflicts }
  const watch = buildWatch(options, base, facts)
  const asked = { ...watch, explaining, layoutChanges: buildLayoutChanges(base, cluster) }
  return { ...base, ...coordinators, ...repair, ...rooms, ...asked }
}

function buildTransfers(
  { store, checksum, rng }: NodeOptions,
  { outlet, background, layout, buckets, holdings }: Base,
  wiring: Pick<TransfersParts, 'unreadable' | 'complete' | 'compareSoon'> & {
    readonly tracked: Tracked
  },
): Transfers {
  const { tracked, unreadable, complete, compareSoon } = wiring
  return new Transfers(outlet, {
    ...{ layout, buckets, holdings, store, checksum, rng: rng.fork(), unreadable, complete },
    ...{ compareSoon, trees: () => tracked.trees },
    admit: (go) => background.admit('transfer', go),
  })
}

function buildLayoutChanges({ outlet, layout, swim }: Base, cluster: Cluster): LayoutChanges {
  return new LayoutChanges(outlet, {
    ...{ layout, isReady: () => cluster.ready, members: () => swim.known() },
    adopted: (adoption) => cluster.adopted(adoption),
  })
}

function buildLeaving(
  { store }: NodeOptions,
  { outlet, swim, layout }: Base,
  { swimEffects }: Wiring,
  others: { readonly cluster: () => Cluster; readonly transfers: Transfers },
): Leaving {
  const { cluster, transfers } = others
  return new Leaving(outlet, {
    ...{ layout, store, served: () => transfers.served },
    isReady: () => cluster().ready,
    others: () => cluster().others(),
    contact: (peer) => cluster().contact(peer),
    depart: () => {
      swim.step({ type: 'leave' }, outlet.now, swimEffects)
      cluster().announce()
    },
  })
}

function buildKeys(
  { keyring, digest }: NodeOptions,
  { outlet, swim, clock, layout }: Base,
  cluster: () => Cluster,
): KeyChanges {
  return new KeyChanges(outlet, {
    ...{ ring: keyring && new KeyRing(keyring, digest), digest, clock },
    layoutMembers: () => layout.state && activeNodes(layout.state),
    others: () => cluster().others(),
    nameOf: (node) => swim.record(node)?.info.name ?? node,
    announce: () => cluster().announce(),
  })
}

/** Who changes what all are told of: the cluster's keys, users and tokens. */
function buildTold(
  options: NodeOptions,
  base: Base,
  cluster: () => Cluster,
): Pick<Machines, 'keys' | 'accessChanges'> {
  return { keys: buildKeys(options, base, cluster), accessChanges: buildAccess(base, cluster) }
}

function buildAccess({ outlet, swim, clock, access }: Base, cluster: () => Cluster): AccessChanges {
  return new AccessChanges(outlet, {
    ...{ registry: access, clock, isReady: () => cluster().ready },
    isSpoken: () => spokenByAll(swim) >= ACCESS_SINCE,
    others: () => cluster().others(),
    announce: () => cluster().announce(),
  })
}

/** Who holds data by any layout in force. */
function activeNodes({ current, previous }: LayoutState): NodeId[] {
  return [...nodesOf(current), ...(previous === undefined ? [] : nodesOf(previous))]
}

/** What the others stand on. */
export type Base = Pick<
  Machines,
  | 'outlet'
  | 'background'
  | 'swim'
  | 'clock'
  | 'holdings'
  | 'actors'
  | 'buckets'
  | 'access'
  | 'layout'
  | 'replacing'
  | 'registers'
>
type Coordinators = Pick<
  Machines,
  'replica' | 'writes' | 'reads' | 'forwards' | 'ownListings' | 'listings'
>

/** Who is up, who holds what, who draws which dots, under which rules. */
function buildBase(
  options: NodeOptions,
  wiring: {
    readonly state: (answer: boolean) => StateSync
    readonly tracked: Tracked
    readonly giveUp: () => void
    readonly adopted: (adoption: Adoption) => void
    readonly contact: (peer: NodeId) => void
  },
): Base {
  const { state, tracked } = wiring
  const { config, store, checksum, rng, generation, digest, leaveSecret } = options
  const leaveLock = leaveLockOf(leaveSecret, digest)
  const self = { protocol: PROTOCOL_MAX, ...options.self, leaveLock }
  const { probeIntervalMs, probeTimeoutMs } = config
  const known = knownMembers(store)
  const swim = new Swim({
    ...{ self, generation, probeIntervalMs, probeTimeoutMs, rng: rng.fork(), known },
    ...{ digest, leaveSecret },
  })
  const nearness = new Nearness({
    self: self.id,
    zoneOf: (node) => swim.record(node)?.info.zone,
    roundTripMs: (node) => swim.roundTripMs(node),
    layout: () => layouts.layout.state,
  })
  const outlet = new Outlet({
    ...{ self: self.id, generation, rng: rng.fork(), state },
    isUp: (node) => swim.isUp(node),
    isPreferred: (node) => swim.isPreferred(node),
    distance: (node) => nearness.distance(node),
    settled: (owner, at) => {
      if (owner === 'writes' || owner === 'replica') background.waited('disk', at)
    },
    replied: (client) => background.answered(client),
  })
  const background: Background = new Background(outlet, {
    latencyMs: config.backgroundLatencyMs,
    slowdownPercent: config.backgroundSlowdownPercent,
    unitsMax: config.backgroundUnitsMax,
  })
  const lease = store.get(stateKey('clock'))
  const leasedUntilMs = lease instanceof Uint8Array ? decodeClockLease(lease, checksum) : 0
  const clock = new HybridClock({ skewMaxMs: config.clockSkewMaxMs, leasedUntilMs })
  const holdings = new LocalHoldings({
    ...{ store, checksum },
    onChange: (...change) => {
      tracked.trees?.onChange(...change)
      tracked.exchanging?.changed(...change)
    },
    onBrokenClock: (partition) => outlet.note({ type: 'clock-lost', partition }),
  })
  const { resumed } = options
  const actors = new Actors(outlet, { store, checksum, rng: rng.fork(), resumed, holdings })
  const buckets = new BucketRegistry()
  const stored = store.get(stateKey('buckets'))
  if (stored instanceof Uint8Array) buckets.restore(stored)
  const access = new AccessRegistry()
  const users = store.get(stateKey('access'))
  if (users instanceof Uint8Array) access.restore(users)
  const layouts: LayoutMachines = buildLayout(options, outlet, { ...wiring, self, swim, buckets })
  return { outlet, background, swim, clock, holdings, actors, buckets, access, ...layouts }
}

/** Who does what a client asks, and what other coordinators ask of this replica. */
function buildCoordinators(
  options: NodeOptions,
  base: Base,
  wiring: Wiring & { readonly unreadable: (key: Uint8Array) => void },
): Coordinators {
  const { config, checksum } = options
  const { outlet, swim, clock, holdings, actors, layout } = base
  const { unreadable, isLinked } = wiring
  const { self } = outlet
  const isUp = (node: NodeId): boolean => swim.isUp(node)
  const isPreferred = (node: NodeId): boolean => swim.isPreferred(node)
  const nextRequest = (): number => outlet.nextRequest()
  const actorOf = (partition: PartitionId): Actor | undefined => actors.of(partition)
  const replica = new Replica({ holdings, clock, actorOf })
  const writes = new Writes<Origin>({
    ...{ self, isUp, nextRequest, preferenceList: preferring(layout) },
  })
  const reads = new Reads<Origin>({
    ...{ self, isUp, isPreferred, nextRequest, checksum },
    distance: (node) => outlet.distance(node),
    shown: (partition, key) => holdings.shown(partition, key),
    hedgeAfter: duration(config.hedgeAfterMs),
  })
  const forwards = new Forwards(outlet, isLinked)
  const ownListings = new ListingReplica(outlet, {
    ...{ checksum, unreadable },
    shownBase: (partition) => holdings.shownBase(partition),
  })
  const listings = new Listings(outlet, {
    own: ownListings,
    placementOf: (partition) => layout.placementOf(partition),
    partitions: () => layout.state?.current.partitions ?? 0,
    latestMs: () => latestMs(options, base),
  })
  return { replica, writes, reads, forwards, ownListings, listings }
}

function preferring(layout: LayoutKeeper): (partition: PartitionId) => readonly NodeId[] {
  return (partition) => (layout.state === undefined ? [] : preferenceList(layout.state, partition))
}

/** Every clock that is right to within the allowed skew is earlier, by what this node knows. */
function latestMs(
  { config }: NodeOptions,
  { clock, outlet }: Pick<Base, 'clock' | 'outlet'>,
): number {
  return clock.reading(outlet.wallMs) + config.clockSkewMaxMs
}

/**
 * Where a partition is while no layout is known: nobody holds it, so whatever is aimed at it fails.
 */
function nowhere(partition: PartitionId): Placement {
  return { partition, layoutVersion: 0, readVersion: 0, writeSets: [[]], readSet: [] }
}

/**
 * The members of the last run; none when they are not there or do not decode: they are learned
 * anew.
 */
function knownMembers(store: StoreReader): readonly MemberRecord[] {
  const bytes = store.get(stateKey('members'))
  if (!(bytes instanceof Uint8Array)) return []
  const reader = new ByteReader(bytes)
  const members = decodeMembersList(reader)
  return reader.finished ? members : []
}

/** Those that can say whether their invariants hold. */
export function checkedOf(machines: Machines): readonly { check(): void }[] {
  return Object.values(machines).filter(
    (machine: object): machine is { check(): void } => 'check' in machine,
  )
}
