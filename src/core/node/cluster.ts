/**
 * What this node knows of the cluster, and how that knowledge travels: members, layout, buckets,
 * keys and users are told whole, over TCP, on contact, after a change, and now and then to one
 * node at random. Merging is commutative, associative and idempotent in each part, so neither order
 * nor repetition matters; gossip over UDP only makes the members' part faster.
 */
import { assert } from '../std/assert.ts'
import { ByteWriter } from '../std/bytes.ts'
import type { Address, NodeId } from '../std/ids.ts'
import type { Duration } from '../std/instant.ts'
import { duration, later } from '../std/instant.ts'
import type { Prng } from '../std/prng.ts'
import type { Effects } from '../std/effects.ts'
import type { Swim, SwimEffect } from '../membership/swim.ts'
import { DRAINING_SINCE } from '../wire/protocol.ts'
import { encodeMembersList } from '../wire/records.ts'
import type { Actors } from './actors.ts'
import type { AccessChanges } from './access-changes.ts'
import type { BucketChanges } from './bucket-changes.ts'
import type { BucketRegistry } from './bucket-registry.ts'
import type { NodeTimer } from './host.ts'
import type { KeyChanges } from './key-changes.ts'
import type { Adoption, LayoutKeeper } from './layout-keeper.ts'
import { spokenByAll } from './layout-machines.ts'
import type { StateSync } from './messages.ts'
import type { Outlet } from './outlet.ts'
import { stateKey } from './storage-keys.ts'

/** How long a restarted node waits to hear from the others before it serves on what it knows. */
const GRACE: Duration = duration(1_500)
/**
 * The same where there are users: what was revoked while the node was away must not be served by
 * it. Only who cannot reach anybody waits so long.
 */
const LOCKED_GRACE: Duration = duration(10_000)
/** Between a failed attempt to store the state and the next. */
const PERSIST_PAUSE: Duration = duration(1_000)
/** A storm of changes of members is stored once. */
const MEMBERS_PAUSE: Duration = duration(500)
/** While data moves, news of who is done should not wait for the ordinary round. */
const MOVING_SYNC_MS = 1_000

type NodeTimerName = Extract<NodeTimer, { owner: 'node' }>['what']

export interface ClusterParts {
  readonly swim: Swim
  readonly swimEffects: Effects<SwimEffect>
  readonly layout: LayoutKeeper
  readonly buckets: BucketRegistry
  readonly changes: BucketChanges
  readonly keys: KeyChanges
  readonly accessChanges: AccessChanges
  readonly actors: Actors
  readonly rng: Prng
  readonly stateSyncIntervalMs: number
  readonly birth: { readonly partitions: number; readonly replicas: number } | undefined
  /** Whether this node wants nothing that the layout has not given it yet (`replacing.ts`). */
  readonly isDecided: () => boolean
  /** The layout is another one: what is in flight must be aimed anew. */
  readonly replan: () => void
}

export class Cluster {
  readonly #outlet: Outlet
  readonly #parts: ClusterParts
  // Addresses to join by. Bounded by: what the operator gave.
  #seeds: readonly Address[] = []
  #heard = false
  #graceOver = false
  #ready = false
  #persistArmed = false
  #membersArmed = false

  constructor(outlet: Outlet, parts: ClusterParts) {
    this.#outlet = outlet
    this.#parts = parts
  }

  /**
   * Whether this node may coordinate: its counters are leased, and it knows the cluster or has
   * waited long enough.
   */
  get ready(): boolean {
    return this.#ready
  }

  start(seeds: readonly Address[]): void {
    const { swim, swimEffects, layout, actors, birth } = this.#parts
    this.#seeds = seeds
    actors.ensure(layout.held())
    if (layout.state === undefined && birth !== undefined) this.adopted(layout.found(birth))
    // Restarted while data moved: the pull goes on, for no news of the layout may come to begin it
    // again.
    if (layout.moving) this.#parts.replan()
    this.#tellSwim()
    swim.step({ type: 'start' }, this.#outlet.now, swimEffects)
    // Members of the last run are hearsay until they answer; asking all of them over TCP also works
    // where UDP does not. Nobody is where somebody has left.
    for (const { info, state } of swim.known()) {
      if (info.id === this.#outlet.self || state === 'left') continue
      this.#outlet.effect({ type: 'address', peer: info.id, address: info.address })
      this.contact(info.id)
    }
    this.#dialSeeds()
    this.#arm('grace', this.#parts.accessChanges.registry.isLocked ? LOCKED_GRACE : GRACE)
    this.#arm('state-sync', duration(this.#parts.stateSyncIntervalMs))
    layout.onJoinTimer(this.#outlet.now)
    this.settle()
  }

  onTimer(what: NodeTimerName): void {
    switch (what) {
      case 'grace':
        this.#graceOver = true
        return this.settle()
      case 'join':
        if (!this.#heard && this.others().length === 0) this.#dialSeeds()
        return this.#parts.layout.onJoinTimer(this.#outlet.now)
      case 'plan':
        return this.adopted(this.#parts.layout.onPlanTimer(this.#outlet.now))
      case 'state-sync':
        return this.#syncSomeone()
      case 'members':
        this.#membersArmed = false
        return this.persistMembers()
      case 'persist':
        this.#persistArmed = false
        this.#parts.layout.persist()
        this.#parts.changes.persist()
        this.#parts.accessChanges.persist()
        return this.persistMembers()
    }
  }

  /** Exchanges states with a node that may be there. */
  contact(peer: NodeId): void {
    this.#outlet.effect({ type: 'send', to: peer, message: this.state(true) })
  }

  /** The same with a member of whom there may be no more than hearsay. */
  reach(peer: NodeId): void {
    const address = this.#parts.swim.addressOf(peer)
    if (address === undefined) return
    this.#outlet.effect({ type: 'address', peer, address })
    this.contact(peer)
  }

  /** One of the seeds, for a node that misses somebody. */
  dialSeed(): void {
    if (this.#seeds.length === 0) return
    this.#outlet.effect({ type: 'dial', address: this.#parts.rng.pick(this.#seeds) })
  }

  /** Someone tells all that it knows. */
  heard(from: NodeId, message: StateSync): void {
    const { swim, swimEffects, buckets, changes, keys, accessChanges, layout } = this.#parts
    const { now } = this.#outlet
    swim.step({ type: 'records', records: message.members }, now, swimEffects)
    // The sender speaks for itself on a connection of its own: it is alive, whatever others say
    // (R3).
    const own = message.members.find(({ info }) => info.id === from)
    if (own !== undefined)
      swim.step({ type: 'contact', id: from, generation: own.generation }, now, swimEffects)
    if (buckets.merge(message.buckets)) changes.persist()
    changes.heard(from, message.buckets)
    keys.heard(from, message.keyring)
    accessChanges.heard(from, message.access ?? [])
    if (message.layout !== undefined) this.adopted(layout.merge(message.layout))
    this.#heard ||= message.layout !== undefined
    if (message.answer) this.#outlet.effect({ type: 'send', to: from, message: this.state(false) })
    this.settle()
  }

  /** The layout is another one than before, or further on its way. */
  adopted(adoption: Adoption | undefined): void {
    if (adoption === undefined) return
    const { layout, actors } = this.#parts
    const { current, previous } = adoption.after
    this.#outlet.changed()
    this.#tellSwim()
    const phase = previous === undefined ? 'complete' : 'moving'
    this.#outlet.note({ type: 'layout', version: current.version, phase })
    const held = new Set(layout.held())
    actors.ensure([...held])
    const lost = actors.partitions().filter((partition) => !held.has(partition))
    if (lost.length > 0) this.#outlet.store('drop', 0, actors.drop(lost))
    this.#parts.replan()
    this.settle()
  }

  /** What this node knows is durable. */
  knowledgeStored(what: 'cluster' | 'buckets' | 'access', token: number): void {
    if (what === 'cluster') return this.#stateStored(token)
    // Now the others may count on it.
    if (what === 'buckets') this.#parts.changes.stored(token)
    else this.#parts.accessChanges.stored(token)
    this.#outlet.changed()
    for (const peer of this.others()) this.#outlet.tell(peer)
  }

  /** A layout of ours is durable: now the others may act on it. */
  #stateStored(version: number): void {
    if (version === 0) return
    const acked = this.#parts.layout.stored(version)
    if (acked !== undefined) this.adopted(acked)
    for (const peer of this.others()) this.#outlet.tell(peer)
  }

  /** What we know of the keys is durable. */
  keysStored(revision: number): void {
    if (!this.#parts.keys.stored(revision)) return
    this.#outlet.changed()
    for (const peer of this.others()) this.#outlet.tell(peer)
  }

  /**
   * What this node knows of the cluster could not be stored: it is stored again, in a while, until
   * it can be.
   */
  stateFailed(): void {
    if (this.#persistArmed) return
    this.#persistArmed = true
    this.#arm('persist', PERSIST_PAUSE)
  }

  /** Tells everybody who is up, and wants to hear what they know then. */
  announce(): void {
    this.#outlet.changed()
    for (const peer of this.others()) this.contact(peer)
  }

  /**
   * Tells everybody that this node stops for a moment. Members that speak an older protocol would
   * not understand the word: they find out.
   */
  drain(): void {
    const { swim, swimEffects } = this.#parts
    if (spokenByAll(swim) < DRAINING_SINCE) return
    swim.step({ type: 'drain' }, this.#outlet.now, swimEffects)
    this.announce()
  }

  settle(): void {
    const { actors, layout } = this.#parts
    if (this.#ready || !actors.leased || layout.state === undefined) return
    if (!this.#parts.isDecided()) return
    const alone = layout.state.current.roles.every(({ node }) => node === this.#outlet.self)
    if (!this.#heard && !this.#graceOver && !alone) return
    this.#ready = true
    this.#outlet.note({ type: 'ready' })
  }

  state(answer: boolean): StateSync {
    const { swim, layout, buckets, keys } = this.#parts
    const keyring = keys.durable
    const access = this.#parts.accessChanges.registry.durableRecords()
    return {
      type: 'state-sync',
      answer,
      members: swim.records(),
      layout: layout.state,
      buckets: buckets.durableRecords(),
      ...(keyring === undefined ? {} : { keyring }),
      ...(access.length === 0 ? {} : { access }),
    }
  }

  /** Who else is up, in order of id. */
  others(): readonly NodeId[] {
    const { swim } = this.#parts
    return swim
      .records()
      .flatMap(({ info: { id } }) => (id !== this.#outlet.self && swim.isUp(id) ? [id] : []))
  }

  /** What is known of the members is kept for the next start, in a moment. */
  membersChanged(): void {
    if (this.#membersArmed) return
    this.#membersArmed = true
    this.#arm('members', MEMBERS_PAUSE)
  }

  persistMembers(): void {
    const writer = new ByteWriter(1024)
    // Who stops for a moment has started again by the time that this is read.
    const known = this.#parts.swim.known().map(({ draining: _draining, ...record }) => record)
    encodeMembersList(writer, known)
    this.#outlet.store('cluster', 0, [
      { type: 'put', key: stateKey('members'), value: writer.take() },
    ])
  }

  check(): void {
    assert(!this.#ready || this.#parts.layout.state !== undefined, 'ready without a layout')
  }

  #syncSomeone(): void {
    const { layout, rng, stateSyncIntervalMs } = this.#parts
    const others = this.others()
    const interval = layout.moving
      ? Math.min(MOVING_SYNC_MS, stateSyncIntervalMs)
      : stateSyncIntervalMs * syncFactor(others.length + 1)
    this.#arm('state-sync', duration(interval))
    if (others.length > 0) this.contact(rng.pick(others))
  }

  /** Whom the layout names is remembered as a member. */
  #tellSwim(): void {
    const { swim, swimEffects, layout } = this.#parts
    const states = [layout.state?.current, layout.state?.previous]
    const members = states.flatMap((each) => each?.roles.map(({ node }) => node) ?? [])
    swim.step({ type: 'layout', members }, this.#outlet.now, swimEffects)
  }

  #dialSeeds(): void {
    for (const address of this.#seeds) this.#outlet.effect({ type: 'dial', address })
  }

  #arm(what: NodeTimerName, by: Duration): void {
    this.#outlet.arm({ owner: 'node', what }, later(this.#outlet.now, by))
  }
}

/**
 * A full state grows with the cluster: from 33 nodes on it is told less often, so that a node's
 * load grows with the logarithm only.
 */
function syncFactor(members: number): number {
  return members <= 32 ? 1 : Math.ceil(Math.log2(members / 32)) + 1
}
