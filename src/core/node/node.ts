/**
 * One node: the machines of all layers, composed. It routes every event to the machine that it
 * concerns and maps what the machines ask for into effects of its own; it decides nothing that a
 * machine could decide. What peers say goes through `inbox.ts`.
 *
 * ```
 *   client ─ Requests ─┬─ Writes ───┐           Swim ── who is up;  Leaving ── the way out
 *                      ├─ Reads ────┼─ store,   Cluster, LayoutKeeper, Transfers ── who holds what
 *                      ├─ Forwards ─┤  peers    Actors, HybridClock ── dots and stamps
 *                      └─ Listings ─┘           BucketRegistry, BucketChanges ── under which rules
 *   peers ── Replica, ListingReplica
 * ```
 * Effects are mapped as they are pushed, so a step allocates no list in between. What one machine
 * asks of another is done when it asks; no machine is entered a second time while it is in a step.
 */
import type { Effects } from '../std/effects.ts'
import type { NodeId } from '../std/ids.ts'
import type { Duration, Instant, Now } from '../std/instant.ts'
import { duration, later } from '../std/instant.ts'
import type { ReadEffect } from '../coordinator/reads.ts'
import type { ReplicaEffect } from '../coordinator/replica.ts'
import type { WriteEffect } from '../coordinator/writes.ts'
import type { SwimEffect } from '../membership/swim.ts'
import type { AccessView } from './access.ts'
import type { ClientRequest, NodeEffect, NodeEvent } from './events.ts'
import type { NodeTimer } from './host.ts'
import type { Machines } from './machines.ts'
import { buildMachines, checkedOf } from './machines.ts'
import type { NodeOptions } from './options.ts'
import type { Origin } from './requests.ts'
import { encodeClockLease } from './clock-lease.ts'
import { Inbox } from './inbox.ts'
import { stateKey } from './storage-keys.ts'
import type { NodeView } from './view.ts'
import { viewOf } from './view-of.ts'

/** How often the leases are looked after; well below the shortest of them. */
const LEASE_INTERVAL: Duration = duration(500)

export type { NodeOptions } from './options.ts'

export class Node {
  /** Who may do what. */
  readonly access: AccessView
  readonly #options: NodeOptions
  readonly #machines: Machines
  readonly #inbox: Inbox
  readonly #checked: readonly { check(): void }[]
  // Peers towards which a connection of ours stands. Bounded by: NODES_MAX.
  readonly #linked = new Set<NodeId>()
  readonly #swimEffects: Effects<SwimEffect> = { push: (effect) => this.#onSwim(effect) }
  readonly #writeEffects: Effects<WriteEffect<Origin>> = { push: (effect) => this.#onWrite(effect) }
  readonly #readEffects: Effects<ReadEffect<Origin>> = { push: (effect) => this.#onRead(effect) }
  readonly #replicaEffects: Effects<ReplicaEffect> = { push: (effect) => this.#onReplica(effect) }

  constructor(options: NodeOptions) {
    this.#options = options
    this.#machines = buildMachines(options, {
      ...{ swimEffects: this.#swimEffects, writeEffects: this.#writeEffects },
      readEffects: this.#readEffects,
      leaseClock: () => this.#leaseClock(),
      isLinked: (peer) => this.#linked.has(peer),
    })
    this.#inbox = new Inbox(this.#machines, {
      ...{ swim: this.#swimEffects, writes: this.#writeEffects },
      ...{ reads: this.#readEffects, replica: this.#replicaEffects },
    })
    this.access = this.#machines.access
    this.#checked = checkedOf(this.#machines)
  }

  /** The only input. Total: whatever a peer, a client or a disk may do, it does not throw. */
  step(event: NodeEvent, now: Now, effects: Effects<NodeEffect>): void {
    const { outlet, swim, cluster } = this.#machines
    outlet.begin(now, effects)
    this.#machines.holdings.begin()
    switch (event.type) {
      case 'start':
        this.#leaseClock()
        this.#armLeases()
        cluster.start(event.seeds)
        this.#machines.antiEntropy.replan()
        for (const name of ['reaping', 'hinting', 'leaving'] as const) this.#machines[name].start()
        return
      case 'request':
        return this.#onRequest(event.client, event.request)
      case 'message':
        return this.#inbox.received(event.from, event.message)
      case 'packet':
        return swim.step(event, outlet.now, this.#swimEffects)
      case 'link-up':
        return this.#onLinkUp(event.peer)
      case 'link-down':
        return this.#onLinkDown(event.peer)
      case 'dialed':
        return cluster.contact(event.peer)
      case 'dial-failed':
        // The seeds are dialled again as long as nobody has answered.
        return
      case 'stored':
        return this.#onStored(event.batch)
      case 'store-failed':
        return this.#onStoreFailed(event.batch, event.reason)
      case 'scanned':
      case 'scan-failed':
        return this.#onScan(event)
      case 'keyring-stored':
        return cluster.keysStored(event.revision)
      case 'keyring-failed':
        return this.#machines.keys.storeFailed(event.revision, event.reason)
      case 'drain':
        return cluster.drain()
      case 'tick':
        for (let timer = outlet.timers.due(outlet.now); timer !== undefined;) {
          this.#onTimer(timer)
          timer = outlet.timers.due(outlet.now)
        }
    }
  }

  /** When `tick` is due; later than every instant when no timer is armed. */
  nextDeadline(): Instant {
    return this.#machines.outlet.timers.nextDeadline()
  }

  /** Whether a later life may draw from this one's vnode ids, if it finds this very store. */
  get resumable(): boolean {
    return this.#machines.actors.resumable
  }

  view(): NodeView {
    return viewOf(this.#machines, this.#options.cluster)
  }

  /** Asserts every invariant of every machine. */
  check(): void {
    for (const machine of this.#checked) machine.check()
  }

  #onRequest(client: number, request: ClientRequest): void {
    const { requests, changes, keys, leaving, background } = this.#machines
    switch (request.type) {
      case 'put':
      case 'delete':
        background.asked(client, 'put')
        return requests.put(client, request)
      case 'get':
        background.asked(client, 'get')
        return requests.get(client, request)
      case 'list':
        return requests.list(client, request)
      case 'configure-bucket':
        return changes.configure(client, request.bucket, request.properties)
      case 'leave':
        return leaving.ask(client)
      case 'repair':
        return this.#machines.antiEntropy.repair(client, request.scope)
      case 'cluster-keys':
        return keys.ask(client, request.ask)
      case 'access':
        return this.#machines.accessChanges.ask(client, request.ask)
      case 'layout':
        return this.#machines.layoutChanges.ask(client, request.ask)
      case 'explain':
        return this.#machines.explaining.ask(client, request)
      case 'watch':
        return this.#machines.watching.ask(client, request.ask)
    }
  }

  #onLinkUp(peer: NodeId): void {
    this.#linked.add(peer)
    this.#machines.forwards.linkUp(peer)
    this.#machines.transfers.peerUp(peer)
  }

  #onLinkDown(peer: NodeId): void {
    const { outlet, forwards } = this.#machines
    this.#linked.delete(peer)
    outlet.lost(peer)
    this.#onPeerLost(peer)
    forwards.linkDown(peer)
  }

  /** Whatever was asked of `peer` will hardly be answered: the others are asked instead. */
  #onPeerLost(peer: NodeId): void {
    const { outlet, writes, reads, listings, transfers } = this.#machines
    writes.step({ type: 'peer-lost', peer }, this.#writeEffects)
    reads.step({ type: 'peer-lost', peer }, outlet.now, this.#readEffects)
    listings.peerLost(peer)
    transfers.peerLost(peer)
    this.#machines.antiEntropy.peerLost(peer)
    this.#machines.hinting.peerLost(peer)
    this.#machines.explaining.peerLost(peer)
    this.#machines.watching.peerLost(peer)
  }

  /** It may answer yet, but nobody waits for that: others are asked as well. */
  #onSuspect(peer: NodeId): void {
    const { reads, listings } = this.#machines
    reads.step({ type: 'peer-suspected', peer }, this.#machines.outlet.now, this.#readEffects)
    listings.peerSuspected(peer)
  }

  #onStored(batch: number): void {
    const { outlet, writes, replica, transfers, actors, cluster, clock } = this.#machines
    const ticket = outlet.takeBatch(batch)
    if (ticket === undefined) return
    const { owner, token, operations } = ticket
    if (operations !== undefined) this.#machines.feeds.stored(owner, operations)
    switch (owner) {
      case 'writes':
        return writes.step({ type: 'stored', token }, this.#writeEffects)
      case 'replica':
        return replica.step({ type: 'stored', token }, outlet.wallMs, this.#replicaEffects)
      case 'receiver':
        return transfers.stored(token)
      case 'actors':
        actors.stored(token)
        return cluster.settle()
      case 'clock':
        return clock.leaseGranted(token)
      case 'cluster':
      case 'buckets':
      case 'access':
        return cluster.knowledgeStored(owner, token)
      case 'leaving':
        return this.#machines.leaving.stored()
      case 'barrier':
        return transfers.onBarrier(token)
      case 'reaping':
      case 'trees':
      case 'registers':
        return this.#machines[owner].stored(token)
      case 'anti-entropy':
        return this.#machines.antiEntropy.exchanging.stored(token)
      case 'floors':
        return this.#machines.antiEntropy.stored(token)
      case 'hints':
        return this.#machines.hinting.stored(token)
      case 'hint-intake':
        return this.#machines.hintIntake.stored(token)
      case 'holdings':
      case 'cursors':
      case 'drop':
    }
  }

  #onStoreFailed(batch: number, reason: string): void {
    const { outlet, writes, replica, transfers, actors, cluster, clock, holdings } = this.#machines
    const ticket = outlet.takeBatch(batch)
    if (ticket === undefined) return
    const { owner, token } = ticket
    outlet.note({ type: 'store-failed', reason })
    // What was handed over since is lost as well.
    holdings.reload()
    actors.claimDrawn()
    // Whoever relied on what the store showed meanwhile must look again.
    replica.step({ type: 'batch-lost' }, outlet.wallMs, this.#replicaEffects)
    transfers.batchLost()
    this.#machines.antiEntropy.batchLost()
    this.#machines.hintIntake.batchLost()
    switch (owner) {
      case 'writes':
        return writes.step({ type: 'store-failed', token, reason }, this.#writeEffects)
      case 'replica':
        return replica.step({ type: 'store-failed', token }, outlet.wallMs, this.#replicaEffects)
      case 'receiver':
        return transfers.storeFailed(token)
      case 'actors':
        return actors.storeFailed(token)
      case 'clock':
        return clock.leaseFailed()
      case 'cluster':
      case 'buckets':
      case 'access':
        return cluster.stateFailed()
      case 'leaving':
        return this.#machines.leaving.storeFailed(reason)
      case 'barrier':
        return transfers.onBarrier(token)
      case 'reaping':
        return this.#machines.reaping.storeFailed(token)
      case 'anti-entropy':
        return this.#machines.antiEntropy.exchanging.storeFailed(token)
      case 'hints':
        return this.#machines.hinting.storeFailed(token)
      case 'hint-intake':
        return this.#machines.hintIntake.storeFailed(token)
      case 'registers':
        return this.#machines.registers.storeFailed(token)
      // What had changed is looked at again, what was told is told again, a doubt is kept with the
      // next change of the clock; and what should have gone takes space and does no harm.
      case 'trees':
      case 'floors':
      case 'holdings':
      case 'cursors':
      case 'drop':
    }
  }

  #onScan(event: Extract<NodeEvent, { type: 'scanned' | 'scan-failed' }>): void {
    const { outlet, ownListings, transfers } = this.#machines
    const ticket = outlet.takeScan(event.scan)
    if (ticket === undefined) return
    const { owner, token } = ticket
    if (owner !== 'listing' && owner !== 'source')
      return this.#onBackgroundScan(owner, token, event)
    if (event.type === 'scan-failed')
      return owner === 'listing' ? ownListings.scanFailed(token) : transfers.scanFailed(token)
    if (owner === 'listing') ownListings.scanned(token, event.ranges)
    else transfers.scanned(token, event.ranges[0] ?? [])
  }

  #onBackgroundScan(
    owner: 'reaping' | 'trees' | 'anti-entropy' | 'hints',
    token: number,
    event: Extract<NodeEvent, { type: 'scanned' | 'scan-failed' }>,
  ): void {
    const { reaping, trees, antiEntropy, hinting: hints } = this.#machines
    const room = { reaping, trees, hints, 'anti-entropy': antiEntropy.exchanging }[owner]
    if (event.type === 'scan-failed') return room.scanFailed(token)
    room.scanned(token, event.ranges[0] ?? [])
  }

  #onTimer(timer: NodeTimer): void {
    const { outlet, writes, reads, swim, transfers, forwards, listings, cluster } = this.#machines
    const { changes, accessChanges } = this.#machines
    switch (timer.owner) {
      case 'writes':
        return writes.step({ type: 'timer', request: timer.request }, this.#writeEffects)
      case 'reads':
        return reads.step({ type: 'timer', timer: timer.timer }, outlet.now, this.#readEffects)
      case 'swim':
        return swim.step({ type: 'timer', timer: timer.timer }, outlet.now, this.#swimEffects)
      case 'receiver':
        return transfers.onTimer(timer.timer)
      case 'forwards':
        return forwards.onDeadline(timer.request)
      case 'listings':
        return listings.onDeadline(timer.listing)
      case 'buckets':
      case 'access':
        return (timer.owner === 'access' ? accessChanges : changes).finish(timer.change)
      case 'node':
        return cluster.onTimer(timer.what)
      case 'leaving':
      case 'reaping':
      case 'trees':
        return this.#machines[timer.owner].onTimer()
      case 'keys':
        return this.#machines.keys.onTimer(timer.ask)
      case 'background':
        return this.#machines.background.onTimer(timer.what, timer.at)
      case 'anti-entropy':
        return this.#machines.antiEntropy.onTimer()
      case 'hints':
        return this.#machines.hinting.onTimer(timer.request)
      case 'exchanges':
        return this.#machines.antiEntropy.exchanging.onTimer(timer.timer)
      case 'explaining':
        return this.#machines.explaining.onDeadline(timer.ask)
      case 'watching':
        return this.#machines.watching.onTimer(timer.what)
      case 'registers':
        return this.#machines.registers.onTimer(timer.request, timer.turn)
      case 'leases':
        this.#armLeases()
        this.#machines.actors.retry()
        transfers.retry()
        return this.#leaseClock()
    }
  }

  #armLeases(): void {
    const { outlet } = this.#machines
    outlet.arm({ owner: 'leases' }, later(outlet.now, LEASE_INTERVAL))
  }

  #leaseClock(): void {
    const { outlet, clock } = this.#machines
    const until = clock.leaseWanted(outlet.wallMs)
    if (until === undefined) return
    const value = encodeClockLease(until, this.#options.checksum)
    outlet.store('clock', until, [{ type: 'put', key: stateKey('clock'), value }])
  }

  #onSwim(effect: SwimEffect): void {
    const { outlet, cluster } = this.#machines
    switch (effect.type) {
      case 'packet':
        return outlet.effect(effect)
      case 'arm':
        return outlet.arm({ owner: 'swim', timer: effect.timer }, effect.at)
      case 'changed':
        return this.#onMember(effect)
      case 'refuted':
      case 'stalled':
      case 'degraded':
        return outlet.note(effect)
      case 'cloned-identity':
        return this.#onClone(effect)
      case 'probe-link':
        return outlet.send(effect.id, { type: 'link-probe' })
      case 'sync':
      case 'reconnect':
        return cluster.reach(effect.id)
      case 'reconnect-seed':
        return cluster.dialSeed()
    }
  }

  #onMember({ record, from }: Extract<SwimEffect, { type: 'changed' }>): void {
    const { outlet, cluster } = this.#machines
    const { info, state } = record
    if (state !== from) outlet.note({ type: 'member', member: info, from, to: state })
    outlet.effect({ type: 'address', peer: info.id, address: info.address })
    if (state === 'suspect') this.#onSuspect(info.id)
    if (state === 'dead' || state === 'left') {
      this.#onPeerLost(info.id)
      this.#machines.forwards.memberDown(info.id)
    }
    cluster.membersChanged()
  }

  /** Another process has our identity: until this one is restarted it refuses all writes (R1). */
  #onClone(effect: Extract<SwimEffect, { type: 'cloned-identity' }>): void {
    const { outlet, transfers } = this.#machines
    outlet.clonedBy = effect.address
    transfers.stop()
    outlet.note(effect)
  }

  #onWrite(effect: WriteEffect<Origin>): void {
    const { outlet, requests } = this.#machines
    switch (effect.type) {
      case 'store':
        return outlet.store('writes', effect.token, effect.operations)
      case 'send':
        return outlet.send(effect.to, effect.message)
      case 'keep-hint':
        return this.#machines.hinting.keep(effect.hint)
      case 'arm':
        return outlet.arm({ owner: 'writes', request: effect.request }, effect.at)
      case 'done':
        return requests.written(effect.origin, effect.result)
    }
  }

  #onRead(effect: ReadEffect<Origin>): void {
    const { outlet, requests, replica, broken } = this.#machines
    switch (effect.type) {
      case 'send':
        return outlet.send(effect.to, effect.message)
      case 'arm':
        return outlet.arm({ owner: 'reads', timer: effect.timer }, effect.at)
      case 'done':
        return requests.read(effect.origin, effect.result)
      case 'repair-own': {
        const { partition, key, record } = effect
        // There will be another read.
        if (outlet.storeBusy || outlet.clonedBy !== undefined) return
        const event = { type: 'repair', partition, key, record } as const
        return replica.step(event, outlet.wallMs, this.#replicaEffects)
      }
      case 'repaired':
        return outlet.note({ type: 'read-repair', replicas: effect.replicas })
      case 'unreadable':
        return broken.found(effect.key)
      case 'hedged':
        return outlet.note(effect)
    }
  }

  #onReplica(effect: ReplicaEffect): void {
    const { outlet, actors, broken } = this.#machines
    switch (effect.type) {
      case 'store':
        return outlet.store('replica', effect.token, effect.operations)
      case 'send':
        return outlet.send(effect.to, effect.message)
      case 'outdated':
        return outlet.tell(effect.peer)
      case 'unreadable':
        return broken.found(effect.key)
      case 'amnesia':
        actors.renew(effect.partition)
        return outlet.note(effect)
      case 'clock-skew':
        return outlet.note(effect)
      case 'malformed': {
        const what = 'a record that does not decode'
        return outlet.note({ type: 'peer-misbehaved', peer: effect.from, what })
      }
    }
  }
}
