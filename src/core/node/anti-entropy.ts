/**
 * Anti-entropy, as the node sees it: compares each of its partitions with the other replicas, now
 * and then, after somebody was away, and when asked; and draws the conclusions. The two sides of an
 * exchange are machines (`repair/exchange.ts`), the trees are kept in `anti-entropy-trees.ts`.
 *
 * What follows from an exchange that is complete, on both sides alike:
 *
 * ```
 *   clock      what the other's clock covered when it began is seen here as well: it is merged, so
 *              holes close that lost messages and lost hints have left             (V5)
 *   doubt      a partition in which something broke is doubted no longer once it was compared with
 *              all its other replicas                                  (`node/holdings.ts`)
 *   floor      how far the other is known to be, for whoever reaps          (`reap-floors.ts`)
 * ```
 * An exchange over a part of the keys repairs those, and nothing follows from it.
 *
 * What a clock claims it claims for ever, so nothing is concluded from an exchange during which a
 * batch of this node was lost, or of a partition that was doubted meanwhile.
 *
 * Invariants: at most EXCHANGES_AT_ONCE exchanges that this node began, one for each pair.
 */
import type { Failure, FailureCode } from '../coordinator/messages.ts'
import { assert } from '../std/assert.ts'
import type { Checksum } from '../std/crc32.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { Duration } from '../std/instant.ts'
import { duration, later } from '../std/instant.ts'
import type { Prng } from '../std/prng.ts'
import type { ExchangeDone } from '../repair/exchange.ts'
import type { Exchanges } from '../repair/exchanges.ts'
import { decodeBase, decodePartitionClock } from '../versions/partition-clock.ts'
import type { VersionVector } from '../versions/version.ts'
import { ExchangeSchedule } from './anti-entropy-schedule.ts'
import type { Pair } from './anti-entropy-schedule.ts'
import type { Trees, TreesView } from './anti-entropy-trees.ts'
import { Exchanging } from './exchanging.ts'
import type { Session } from './exchanging.ts'
import type { Host } from './host.ts'
import type { LocalHoldings } from './holdings.ts'
import type { LayoutKeeper } from './layout-keeper.ts'
import { ReapFloors } from './reap-floors.ts'
import type { Floor } from './reap-floors.ts'
import { EVERYTHING, RepairRuns } from './repair-runs.ts'
import type { RepairRunView, RepairScope } from './repair-runs.ts'

/** Exchanges that this node begins at once; those of its peers are bounded by the machine. */
const EXCHANGES_AT_ONCE = 4
/** How often it looks for what is due. */
const LOOK_INTERVAL: Duration = duration(100)
/** A pair whose tree is not made yet, or whose peer is busy, is tried again after so long. */
const PUT_OFF_MS = 1_000

export interface AntiEntropyParts {
  readonly exchanges: Exchanges
  readonly layout: LayoutKeeper
  readonly holdings: LocalHoldings
  readonly trees: Trees
  readonly checksum: Checksum
  readonly rng: Prng
  readonly intervalMs: number
  readonly skewMs: number
  readonly isReady: () => boolean
  /** Calls back when the foreground leaves room for one unit of work. */
  readonly admit: (go: () => void) => void
  readonly unreadable: (key: Uint8Array) => void
  /** A floor or a horizon may have been raised. */
  readonly raised: (partition: PartitionId) => void
}

export interface AntiEntropyView {
  readonly trees: TreesView
  /** Exchanges under way that this node began. */
  readonly active: number
  /** Pairs of a partition and another replica, and those of them compared in this life. */
  readonly pairs: number
  readonly compared: number
  /** Partitions that are doubted, or not read from. */
  readonly doubtful: number
  readonly repairs: readonly RepairRunView[]
  readonly counts: AntiEntropyCounts
}

/** In this life of the node; of exchanges on both sides. */
export interface AntiEntropyCounts {
  readonly completed: number
  readonly failed: number
  readonly found: number
  readonly received: number
  readonly sent: number
}

/** How far a peer is, and whom it knows to be how far. */
interface Told extends Floor {
  readonly token: number
  readonly partition: PartitionId
  readonly peer: NodeId
  readonly base: VersionVector
  readonly wallMs: number
}

export class AntiEntropy {
  readonly #host: Host
  readonly #parts: AntiEntropyParts
  readonly #schedule: ExchangeSchedule
  readonly #floors: ReapFloors
  readonly #runs = new RepairRuns()
  /** Those under way. */
  readonly exchanging: Exchanging
  // The other replicas of what is held here. Bounded by: the partitions of the ring.
  #others: ReadonlyMap<PartitionId, readonly NodeId[]> = new Map()
  // Of doubted partitions, those that it was compared with since. Bounded by: as above.
  readonly #cleared = new Map<PartitionId, Set<NodeId>>()
  // Times that a partition was doubted, so that an exchange begun before says nothing. Bounded by:
  // as above.
  readonly #doubts = new Map<PartitionId, number>()
  // Lost, and not compared with since, each with the pair that is tried until it is back. Bounded
  // by: the replicas of what is held here.
  readonly #lost = new Map<NodeId, Pair | undefined>()
  // What exchanges have told of how far others are, until their clocks are durable here, by pair.
  // Bounded by: the partitions of the ring, and the replicas of one.
  readonly #told = new Map<string, Told>()
  #tokens = 0
  // Those of which a transfer may not have brought all. Bounded by: the partitions of the ring.
  readonly #soon = new Set<PartitionId>()
  #isArmed = false
  readonly #counts = { completed: 0, failed: 0, found: 0, received: 0, sent: 0 }

  constructor(host: Host, parts: AntiEntropyParts) {
    this.#host = host
    this.#parts = parts
    const { rng, intervalMs, skewMs } = parts
    this.#schedule = new ExchangeSchedule({ self: host.self, rng, intervalMs })
    this.#floors = new ReapFloors({ isUp: (node) => host.isUp(node), skewMs })
    const { exchanges, layout, holdings, trees, checksum, admit, unreadable } = parts
    this.exchanging = new Exchanging(host, {
      ...{ exchanges, layout, holdings, trees, checksum, admit, unreadable },
      floorOf: (partition) => this.#floorOf(partition),
      doubtsOf: (partition) => this.#doubts.get(partition) ?? 0,
      ended: (session, done) => this.#onEnded(session, done),
    })
  }

  get view(): AntiEntropyView {
    let compared = 0
    for (const pair of this.#schedule.pairs()) if (pair.comparedMs > 0) compared++
    let doubtful = 0
    for (const partition of this.#others.keys()) if (this.#isDoubted(partition)) doubtful++
    return {
      ...{
        trees: this.#parts.trees.view,
        active: this.exchanging.begun,
        pairs: this.#schedule.size,
      },
      ...{ compared, doubtful, repairs: this.#runs.views, counts: { ...this.#counts } },
    }
  }

  /** The layout is another, or further on its way. */
  replan(): void {
    const { layout, trees } = this.#parts
    const { self } = this.#host
    const others = new Map<PartitionId, readonly NodeId[]>()
    const wanted = new Map<PartitionId, readonly NodeId[]>()
    for (const partition of layout.held()) {
      const placement = layout.placementOf(partition)
      if (placement === undefined) continue
      const { writeSets, readSet } = placement
      others.set(partition, [...new Set(writeSets.flat())].filter((node) => node !== self).sort())
      // Who still pulls it gets it from a transfer.
      if (readSet.includes(self))
        wanted.set(
          partition,
          readSet.filter((node) => node !== self),
        )
    }
    this.#forgetChanged(others)
    this.#others = others
    this.#schedule.replan(wanted, this.#host.now)
    for (const partition of this.#soon) {
      if (wanted.has(partition)) this.#hurry(partition)
      if (wanted.has(partition) || !others.has(partition)) this.#soon.delete(partition)
    }
    this.#runs.retain((pair) => this.#isKnown(pair), this.#host.wallMs)
    trees.replan()
    for (const [partition, peers] of others)
      if (peers.length === 0) this.#endDoubt(partition)
      else if (this.#isDoubted(partition)) this.#hurry(partition)
    if (!this.#isArmed && others.size > 0) this.#arm()
  }

  /** A client wants what is held here compared now. */
  repair(client: number, scope: RepairScope): void {
    const { isReady, layout } = this.#parts
    if (!isReady() || layout.state === undefined)
      return this.#refuse(client, 'DND_ERR_NOT_READY', 'this node is not ready to serve yet')
    const { now, wallMs } = this.#host
    const repair = this.#runs.begin(scope, [...this.#schedule.pairs()], now, wallMs)
    if (repair === undefined)
      return this.#refuse(
        client,
        'DND_ERR_OVERLOADED',
        'this node has as many repairs under way as it remembers; wait until one is done',
      )
    this.#host.reply(client, { type: 'repair', result: { ok: true, repair } })
    this.#go()
  }

  /** Of each vnode, what all replicas that are up are known to have seen. */
  floorOf(partition: PartitionId): VersionVector {
    return this.#floorOf(partition).floor
  }

  /** Before it all deadlines have passed, on each of their clocks; 0: not known. */
  horizonOf(partition: PartitionId): number {
    return this.#floorOf(partition).horizonMs
  }

  /** When the partition was compared with whom, in this life; 0: not yet. */
  *comparisons(
    partition: PartitionId,
  ): Iterable<{ readonly peer: NodeId; readonly atMs: number; readonly differences: number }> {
    for (const { peer, comparedMs, differences } of this.#schedule.pairsOf(partition))
      yield { peer, atMs: comparedMs, differences }
  }

  /** A record of the partition broke: what was compared before says nothing of it. */
  doubted(partition: PartitionId): void {
    this.#doubts.set(partition, (this.#doubts.get(partition) ?? 0) + 1)
    this.#cleared.delete(partition)
    this.#parts.trees.distrust(partition)
    if (this.#others.get(partition)?.length === 0) this.#endDoubt(partition)
    else this.#hurry(partition)
  }

  /** To be compared before others, as soon as this node is one of those that are read from. */
  compareSoon(partition: PartitionId): void {
    this.#soon.add(partition)
  }

  /** Batches of anybody's on this node were lost. */
  batchLost(): void {
    this.#parts.trees.batchLost()
    this.exchanging.batchLost()
    this.#told.clear()
  }

  peerLost(peer: NodeId): void {
    if (this.#isPeer(peer) && !this.#lost.has(peer)) this.#lost.set(peer, undefined)
    this.#floors.peerLost(peer)
    for (const [pair, told] of this.#told) if (told.peer === peer) this.#told.delete(pair)
    this.exchanging.peerLost(peer)
  }

  check(): void {
    this.#schedule.check()
    this.#runs.check()
    this.exchanging.check()
    const { begun } = this.exchanging
    assert(begun <= EXCHANGES_AT_ONCE, () => `${begun} exchanges begun`)
  }

  onTimer(): void {
    this.#arm()
    for (const peer of this.#lost.keys()) this.#probe(peer)
    this.#go()
  }

  /**
   * One pair with a peer that was lost is due as soon as it seems to be up, which it may do for
   * long while nothing reaches it; the others when that one was compared.
   */
  #probe(peer: NodeId): void {
    if (!this.#host.isUp(peer)) return
    const tried = this.#lost.get(peer)
    if (tried !== undefined && this.#isKnown(tried)) return
    for (const pair of this.#schedule.pairs()) {
      if (pair.peer !== peer) continue
      this.#lost.set(peer, pair)
      return this.#schedule.hurry(pair, this.#host.now)
    }
    this.#lost.delete(peer)
  }

  #isPeer(node: NodeId): boolean {
    for (const { peer } of this.#schedule.pairs()) if (peer === node) return true
    return false
  }

  #back(peer: NodeId): void {
    if (!this.#lost.delete(peer)) return
    for (const pair of this.#schedule.pairs())
      if (pair.peer === peer) this.#schedule.hurry(pair, this.#host.now)
  }

  #arm(): void {
    this.#isArmed = true
    this.#host.arm({ owner: 'anti-entropy' }, later(this.#host.now, LOOK_INTERVAL))
  }

  /**
   * Begins what is due. To begin costs a message, and two equal sides are done with that: leave is
   * asked for before each scan.
   */
  #go(): void {
    if (!this.#parts.isReady() || this.#host.clonedBy !== undefined || this.#host.storeBusy) return
    while (this.exchanging.begun < EXCHANGES_AT_ONCE) {
      const next = this.#next()
      if (next === undefined) return
      next.pair.isRunning = true
      this.exchanging.begin(next.pair, next.scope)
    }
  }

  /** What people wait for comes first. */
  #next(): { readonly pair: Pair; readonly scope: RepairScope } | undefined {
    const { now, wallMs } = this.#host
    const isUp = (peer: NodeId): boolean => this.#host.isUp(peer)
    const asked = this.#runs.next((pair) => this.#mayBegin(pair), isUp, wallMs)
    if (asked !== undefined) return asked
    for (let pair = this.#schedule.next(now); pair !== undefined; pair = this.#schedule.next(now)) {
      if (this.#mayBegin(pair)) return { pair, scope: EVERYTHING }
      this.#schedule.putOff(pair, now, PUT_OFF_MS)
    }
    return undefined
  }

  #mayBegin(pair: Pair): boolean {
    if (pair.isRunning || pair.restsUntil > this.#host.now) return false
    if (!this.#host.isUp(pair.peer)) return false
    return this.#parts.trees.of(pair.partition) !== undefined
  }

  #onEnded(session: Session, done: ExchangeDone): void {
    const { isInitiator, outcome, partition, peer, received, sent, found } = done
    if (session.pair !== undefined) session.pair.isRunning = false
    const pair = this.#schedule.pairOf(partition, peer)
    this.#counts.received += received
    this.#counts.sent += sent
    const isWhole = session.scope !== undefined && session.scope.bucket === undefined
    const isSure = session.doubts === (this.#doubts.get(partition) ?? 0)
    if (isSure && (outcome === 'complete' || (outcome === 'partial' && !isWhole))) {
      this.#counts.completed++
      this.#counts.found += found
      this.#back(peer)
      if (isWhole) this.#conclude(done)
      if (pair !== undefined) this.#compared(pair, session, done)
    } else if (isInitiator && pair !== undefined) this.#failed(pair, outcome)
    if (isInitiator) this.#go()
  }

  #compared(pair: Pair, { scope, begunAt }: Session, done: ExchangeDone): void {
    const { now, wallMs } = this.#host
    const { isInitiator: isOurs, found, received, sent } = done
    if (scope === undefined) return
    if (scope.bucket === undefined) this.#schedule.succeeded(pair, now, wallMs, found)
    else this.#schedule.putOff(pair, now, PUT_OFF_MS)
    this.#runs.compared({ pair, scope, begunAt, isOurs, found, received, sent }, wallMs)
  }

  #failed(pair: Pair, outcome: ExchangeDone['outcome']): void {
    const { now, wallMs } = this.#host
    if (outcome === 'busy' || outcome === 'refused')
      return this.#schedule.putOff(pair, now, PUT_OFF_MS)
    this.#counts.failed++
    this.#schedule.failed(pair, now)
    this.#runs.failed(pair, wallMs)
  }

  /** All that the peer held when it began is here, handed to the store. */
  #conclude({ partition, peer, theirs }: ExchangeDone): void {
    const { holdings, checksum } = this.#parts
    const theirClock = theirs && decodePartitionClock(theirs.clock, checksum)
    const floor = theirs && decodeBase(theirs.floor)
    if (theirs === undefined || theirClock === undefined || floor === undefined) return
    const isSound = !theirClock.doubtful && !theirClock.incomplete
    const clock = holdings.clockOf(partition)
    const isNews = isSound && clock.merge(theirClock)
    const isCleared = this.#clear(partition, peer)
    const changes = isNews || isCleared ? [holdings.clockChange(partition).operation] : []
    if (!isSound) {
      if (isCleared) this.#host.store('floors', 0, changes)
      return
    }
    const token = ++this.#tokens
    const { wallMs, horizonMs } = theirs
    const told: Told = { token, partition, peer, base: theirClock.base, wallMs, floor, horizonMs }
    this.#told.set(`${partition} ${peer}`, told)
    const isShown = holdings.shownClock(partition)?.includes(theirClock) === true
    if (changes.length > 0 || !isShown) this.#host.store('floors', token, changes)
    else this.#believe(told)
  }

  /** The clocks of all that was told up to `token` are durable here. */
  stored(token: number): void {
    for (const told of this.#told.values()) if (told.token <= token) this.#believe(told)
  }

  /**
   * A floor says that certain replicas know of a winner; it is safe to reap by because all that
   * these wrote before they did is known here. So it is passed on with a clock that covers theirs,
   * which is the durable one, and not before.
   */
  #believe({ partition, peer, base, wallMs, floor, horizonMs }: Told): void {
    this.#told.delete(`${partition} ${peer}`)
    if (this.#others.get(partition)?.includes(peer) !== true) return
    this.#floors.learn(partition, peer, { base, wallMs })
    this.#floors.join(partition, { floor, horizonMs })
    this.#parts.raised(partition)
  }

  /** Compared with `peer` since it was doubted; whether that ends the doubt. */
  #clear(partition: PartitionId, peer: NodeId): boolean {
    if (!this.#isDoubted(partition)) return false
    const cleared = this.#cleared.get(partition) ?? new Set()
    this.#cleared.set(partition, cleared.add(peer))
    const others = this.#others.get(partition) ?? []
    if (!others.every((node) => cleared.has(node))) return false
    this.#cleared.delete(partition)
    const clock = this.#parts.holdings.clockOf(partition)
    clock.doubtful = false
    clock.incomplete = false
    return true
  }

  /** Nobody else has the partition: more than is here cannot be had. */
  #endDoubt(partition: PartitionId): void {
    if (!this.#isDoubted(partition)) return
    const { holdings } = this.#parts
    const clock = holdings.clockOf(partition)
    clock.doubtful = false
    clock.incomplete = false
    this.#host.store('anti-entropy', 0, [holdings.clockChange(partition).operation])
  }

  /** One whose replica set is another than before must tell anew how far everyone is. */
  #forgetChanged(others: ReadonlyMap<PartitionId, readonly NodeId[]>): void {
    for (const [partition, before] of this.#others) {
      const after = others.get(partition)
      if (after !== undefined && after.join() === before.join()) continue
      this.#floors.forget(partition)
      for (const [pair, told] of this.#told)
        if (told.partition === partition) this.#told.delete(pair)
      this.#cleared.delete(partition)
      if (after === undefined) this.#doubts.delete(partition)
    }
  }

  #isKnown(pair: Pair): boolean {
    return this.#schedule.pairOf(pair.partition, pair.peer) === pair
  }

  #isDoubted(partition: PartitionId): boolean {
    const clock = this.#parts.holdings.clockOf(partition)
    return clock.doubtful || clock.incomplete
  }

  #hurry(partition: PartitionId): void {
    for (const pair of this.#schedule.pairsOf(partition)) this.#schedule.hurry(pair, this.#host.now)
  }

  #floorOf(partition: PartitionId): Floor {
    const clock = this.#parts.holdings.shownClock(partition)
    const { wallMs } = this.#host
    const own = { base: clock === undefined ? [] : clock.base, wallMs }
    return this.#floors.of(partition, own, this.#others.get(partition) ?? [])
  }

  #refuse(client: number, code: FailureCode, message: string): void {
    const result: Failure = { ok: false, code, outcome: 'rejected', needed: 0, got: 0, message }
    this.#host.reply(client, { type: 'repair', result })
  }
}
