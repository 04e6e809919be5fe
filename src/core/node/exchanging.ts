/**
 * Exchanges under way, as the node sees them: runs the machine of both sides (`repair/exchange.ts`)
 * for `anti-entropy.ts`, gives it what is held here, and merges what it brings.
 *
 * What arrives is merged by the rule of every arrival (`holdings.ts`): a record that was superseded
 * here is dropped, and "nothing is held under this key, and all that my clock covers was seen"
 * drops what is superseded there (V7). Each message's records are one batch.
 *
 * Invariants: each exchange that was begun or answered is ended once; one event of the machine at a
 * time, though what one leads to may be the next.
 */
import { assert } from '../std/assert.ts'
import type { Checksum } from '../std/crc32.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { Instant } from '../std/instant.ts'
import type { StoreEntry, StoreOperation } from '../ports.ts'
import type { ExchangeFacts, ExchangeMessage, ExchangeOpen } from '../repair/exchange-messages.ts'
import type {
  ExchangeDone,
  ExchangeEffect,
  ExchangeEvent,
  ExchangeTimer,
} from '../repair/exchange.ts'
import type { Exchanges } from '../repair/exchanges.ts'
import { encodeBase, PartitionClock } from '../versions/partition-clock.ts'
import type { Version } from '../versions/version.ts'
import type { Pair } from './anti-entropy-schedule.ts'
import type { Trees } from './anti-entropy-trees.ts'
import type { Host } from './host.ts'
import type { LocalHoldings } from './holdings.ts'
import type { LayoutKeeper } from './layout-keeper.ts'
import type { Floor } from './reap-floors.ts'
import { EVERYTHING } from './repair-runs.ts'
import type { RepairScope } from './repair-runs.ts'
import { isRecordKey, scopeRange } from './storage-keys.ts'

/** An exchange under way, on either side. */
export interface Session {
  /** undefined: the peer has begun it. */
  readonly pair: Pair | undefined
  /** undefined: a part of the keys that the peer has chosen; it answers nothing of ours. */
  readonly scope: RepairScope | undefined
  readonly begunAt: Instant
  /** How often the partition had been doubted by then. */
  readonly doubts: number
}

export interface ExchangingParts {
  readonly exchanges: Exchanges
  readonly layout: LayoutKeeper
  readonly holdings: LocalHoldings
  readonly trees: Trees
  readonly checksum: Checksum
  /** Calls back when the foreground leaves room for one unit of work. */
  readonly admit: (go: () => void) => void
  readonly unreadable: (key: Uint8Array) => void
  readonly floorOf: (partition: PartitionId) => Floor
  readonly doubtsOf: (partition: PartitionId) => number
  readonly ended: (session: Session, done: ExchangeDone) => void
}

/** A batch of a merge on its way to the disk. */
interface Merging {
  readonly changed: number
  readonly refused: number
}

const WHOLE = { from: new Uint8Array(0), to: new Uint8Array(0) }

export class Exchanging {
  readonly #host: Host
  readonly #parts: ExchangingParts
  // Begun here, by number. Bounded by whoever begins them.
  readonly #begun = new Map<number, Session>()
  // By peer and its number. Bounded by: what the machine takes at once.
  readonly #answered = new Map<string, Session>()
  // By token. Bounded by: one for each exchange under way.
  readonly #merging = new Map<number, Merging>()
  // What the machine is told next. Bounded by: what the effects of one step lead to.
  readonly #events: ExchangeEvent[] = []
  #isStepping = false
  /** Of the merge whose records are being changed. */
  #mergingNow: number | undefined

  constructor(host: Host, parts: ExchangingParts) {
    this.#host = host
    this.#parts = parts
  }

  isComparing(partition: PartitionId): boolean {
    return this.#parts.exchanges.isComparing(partition)
  }

  /** Exchanges under way that this node began. */
  get begun(): number {
    return this.#begun.size
  }

  begin(pair: Pair, scope: RepairScope): void {
    const { partition, peer } = pair
    const exchange = this.#host.nextRequest()
    const doubts = this.#parts.doubtsOf(partition)
    this.#begun.set(exchange, { pair, scope, begunAt: this.#host.now, doubts })
    const { bucket, prefix } = scope
    this.#step({
      ...{ type: 'start', exchange, peer, partition },
      ...(bucket === undefined ? WHOLE : scopeRange(partition, bucket, prefix)),
      ...{ layoutVersion: this.#parts.layout.version, facts: this.#factsOf(partition) },
    })
  }

  /** A peer wants to compare. */
  opened(from: NodeId, message: ExchangeOpen): void {
    const { partition } = message
    const facts = this.#answerTo(from, message)
    if (typeof facts !== 'string') {
      const isWhole = message.from.length === 0 && message.to.length === 0
      this.#answered.set(`${from} ${message.exchange}`, {
        ...{ pair: undefined, scope: isWhole ? EVERYTHING : undefined },
        begunAt: this.#host.now,
        doubts: this.#parts.doubtsOf(partition),
      })
    }
    this.#step({ type: 'open', from, message, facts })
  }

  received(from: NodeId, message: Exclude<ExchangeMessage, ExchangeOpen>): void {
    this.#step({ type: 'message', from, message })
  }

  scanned(token: number, entries: readonly StoreEntry[]): void {
    this.#step({ type: 'scanned', token, entries })
  }

  scanFailed(token: number): void {
    this.#step({ type: 'scan-failed', token })
  }

  stored(token: number): void {
    const merging = this.#takeMerging(token)
    if (merging !== undefined) this.#step({ type: 'merged', token, ...merging })
  }

  storeFailed(token: number): void {
    if (this.#takeMerging(token) !== undefined) this.#step({ type: 'merge-failed', token })
  }

  /** The tree of the partition is made anew, or the partition is held no more. */
  dropped(partition: PartitionId): void {
    this.#step({ type: 'dropped', partition })
  }

  /** A record is another from now on: whoever compares its partition must know. */
  changed(
    partition: PartitionId,
    key: Uint8Array,
    before: readonly Version[] | 'unreadable',
    after: readonly Version[],
  ): void {
    if (!this.#parts.exchanges.isComparing(partition)) return
    const token = this.#mergingNow
    this.#step({ type: 'changed', partition, key, before, after, token })
  }

  /** Batches of anybody's on this node were lost. */
  batchLost(): void {
    this.#step({ type: 'batch-lost' })
  }

  peerLost(peer: NodeId): void {
    this.#step({ type: 'peer-lost', peer })
  }

  onTimer(timer: ExchangeTimer): void {
    this.#step({ type: 'timer', timer })
  }

  check(): void {
    const { exchanges } = this.#parts
    exchanges.check()
    const { size } = this.#begun
    assert(size === exchanges.initiated, () => `${size} begun, ${exchanges.initiated} under way`)
    const answered = this.#answered.size
    assert(answered <= exchanges.answered, () => `${answered} exchanges answered`)
    assert(this.#events.length === 0, () => `${this.#events.length} events not told`)
  }

  #answerTo(
    from: NodeId,
    { partition, layoutVersion }: ExchangeOpen,
  ): ExchangeFacts | 'busy' | 'not-replica' | 'stale-layout' {
    const { layout, trees } = this.#parts
    if (layoutVersion !== layout.version) return 'stale-layout'
    const readSet = layout.placementOf(partition)?.readSet ?? []
    if (!readSet.includes(this.#host.self) || !readSet.includes(from)) return 'not-replica'
    const { clonedBy, storeBusy } = this.#host
    if (clonedBy !== undefined || storeBusy || trees.of(partition) === undefined) return 'busy'
    return this.#factsOf(partition)
  }

  /** The floor is made of the durable clock: it is not younger than that. */
  #factsOf(partition: PartitionId): ExchangeFacts {
    const { holdings, checksum } = this.#parts
    const { floor, horizonMs } = this.#parts.floorOf(partition)
    const clock = holdings.shownClock(partition) ?? lostClock()
    return {
      ...{ clock: clock.encode(checksum).clock, floor: encodeBase(floor) },
      ...{ horizonMs, wallMs: this.#host.wallMs },
    }
  }

  /** Effects are executed after the step, and some lead to another event at once. */
  #step(event: ExchangeEvent): void {
    this.#events.push(event)
    if (this.#isStepping) return
    this.#isStepping = true
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
      const effects: ExchangeEffect[] = []
      this.#parts.exchanges.step(next, this.#host.now, effects)
      for (const effect of effects) this.#onExchange(effect)
    }
    this.#isStepping = false
  }

  #onExchange(effect: ExchangeEffect): void {
    switch (effect.type) {
      case 'send':
        return this.#send(effect.to, effect.message)
      case 'scan':
        return this.#parts.admit(() =>
          this.#host.scan('anti-entropy', effect.token, [effect.range]),
        )
      case 'merge':
        return this.#parts.admit(() => this.#merge(effect))
      case 'arm':
        return this.#host.arm({ owner: 'exchanges', timer: effect.timer }, effect.at)
      case 'unreadable':
        return this.#parts.unreadable(effect.key)
      case 'done':
        return this.#onDone(effect)
    }
  }

  #send(to: NodeId, message: ExchangeMessage): void {
    this.#host.send(to, message)
    if (message.type !== 'exchange-reply') return
    const isBegun = message.outcome === 'equal' || message.outcome === 'differs'
    if (!isBegun) this.#answered.delete(`${to} ${message.exchange}`)
  }

  #merge({ token, partition, records, base }: Extract<ExchangeEffect, { type: 'merge' }>): void {
    const { holdings, layout, unreadable } = this.#parts
    const { writeSets } = layout.placementOf(partition) ?? { writeSets: [] }
    // It may have moved away while this waited for its turn.
    if (!writeSets.some((set) => set.includes(this.#host.self)))
      return this.#step({ type: 'merge-failed', token })
    this.#mergingNow = token
    const operations: StoreOperation[] = []
    let [changed, refused, isNews] = [0, 0, false]
    for (const { key, record } of records) {
      // A key is a place in our store: one that is no record's would reach into something else.
      const merged = isRecordKey(key, partition)
        ? holdings.mergeChange(partition, key, record, base)
        : 'malformed'
      if (merged === 'malformed') {
        refused++
        continue
      }
      if (merged.unreadable) unreadable(key)
      if (merged.operations === undefined) continue
      isNews = true
      if (merged.operations.length > 0) changed++
      operations.push(...merged.operations)
    }
    this.#mergingNow = undefined
    if (!isNews) return this.#step({ type: 'merged', token, changed, refused })
    operations.push(holdings.clockChange(partition).operation)
    this.#merging.set(token, { changed, refused })
    this.#host.store('anti-entropy', token, operations)
  }

  #takeMerging(token: number): Merging | undefined {
    const merging = this.#merging.get(token)
    this.#merging.delete(token)
    return merging
  }

  #onDone(done: ExchangeDone): void {
    const session = this.#takeSession(done)
    if (session !== undefined) this.#parts.ended(session, done)
  }

  #takeSession({ isInitiator, exchange, peer }: ExchangeDone): Session | undefined {
    const name = `${peer} ${exchange}`
    const session = isInitiator ? this.#begun.get(exchange) : this.#answered.get(name)
    if (isInitiator) this.#begun.delete(exchange)
    else this.#answered.delete(name)
    return session
  }
}

/** What was seen cannot be read: it claims nothing, and nobody may take it over. */
function lostClock(): PartitionClock {
  const clock = new PartitionClock()
  clock.doubtful = true
  clock.incomplete = true
  return clock
}
