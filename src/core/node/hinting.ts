/**
 * Hints that this node keeps for others: takes them, keeps to the bounds (`repair/hint-ledger.ts`),
 * and brings them when their targets are back (`repair/hint-delivery.ts`).
 *
 * A hint is on the disk before anybody is told that it is kept. On the start of a node those of its
 * earlier lives are counted first, and nothing is brought until that is done: it is a walk over
 * their keys, while new ones are taken already.
 *
 * Who is up is looked at once a second, not the moment a link stands: a target that comes and goes
 * is not run down by all its keepers at once.
 */
import type { Hint, Hinted, HintOutcome } from '../coordinator/messages.ts'
import { assert } from '../std/assert.ts'
import { concatBytes, fromHex, toHex } from '../std/bytes.ts'
import type { Checksum } from '../std/crc32.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { Duration, Instant } from '../std/instant.ts'
import { duration, later } from '../std/instant.ts'
import type { StoreEntry, StoreOperation } from '../ports.ts'
import { nodesOf } from '../placement/layout-state.ts'
import { HintDelivery, SESSIONS_MAX } from '../repair/hint-delivery.ts'
import type {
  FoundHint,
  HintDeliveryEffect,
  HintDeliveryEvent,
  HintPage,
} from '../repair/hint-delivery.ts'
import { HINT_OVERHEAD_BYTES, HintLedger, numberAt, timeOf } from '../repair/hint-ledger.ts'
import { HANDOFF_BYTES_MAX, HANDOFF_HINTS_MAX } from '../repair/hint-messages.ts'
import type { HandedHint, HintHandoffReply } from '../repair/hint-messages.ts'
import { decodeHintRecord, encodeHintRecord } from '../repair/hint-record.ts'
import type { HybridClock } from '../versions/hybrid-clock.ts'
import type { HintsWaiting } from './explanation.ts'
import type { LocalHoldings } from './holdings.ts'
import type { Host } from './host.ts'
import type { LayoutKeeper } from './layout-keeper.ts'
import { hintKey, hintsRange, isRecordKey, parseHintKey } from './storage-keys.ts'

export interface HintingParts {
  readonly layout: LayoutKeeper
  readonly holdings: LocalHoldings
  readonly clock: HybridClock
  readonly checksum: Checksum
  readonly bytesMax: number
  readonly ageMaxMs: number
  /** Calls back when one unit of background work may be done: at once, or later. */
  readonly admit: (go: () => void) => void
}

/** Over this life of the node. */
export interface HintCounts {
  readonly kept: number
  readonly delivered: number
  /** Not taken, since there was no room; and dropped, since they were too old or broken. */
  readonly refused: number
  readonly dropped: number
}

export interface HintsView {
  /** Bounded by: NODES_MAX. */
  readonly targets: readonly HintsForTarget[]
  readonly bytes: number
  readonly bytesMax: number
  /** Whether those of earlier lives are counted. */
  readonly isCounted: boolean
  readonly counts: HintCounts
}

export interface HintsForTarget extends HintsWaiting {
  /** Numbers rise in the order in which hints are kept; all below the first are delivered. */
  readonly first: number
  readonly last: number
}

const LOOK_INTERVAL: Duration = duration(1_000)
/** After a target has not taken its hints. */
const RETRY_AFTER: Duration = duration(2_000)
const COUNT_PAGE = { limit: 1_024, bytesMax: 256 * 1024, reverse: false }
/** The token of that walk; those of pages are positive. */
const COUNTING = 0
const NUMBER_MAX = 2 ** 48 - 1

export class Hinting {
  readonly #host: Host
  readonly #parts: HintingParts
  readonly #ledger: HintLedger
  readonly #delivery: HintDelivery
  // What is to be done when a batch is durable, or is not. Bounded by: the requests of coordinators
  // in flight, and the sessions.
  readonly #storing = new Map<number, (isStored: boolean) => void>()
  // When each target may be tried again. Bounded by: the ledger's targets.
  readonly #retryAt = new Map<NodeId, Instant>()
  // The last hint of each target when a page of it was asked for, if all of them were on the disk
  // by then. Bounded by: the sessions.
  readonly #lastAt = new Map<NodeId, number>()
  #token = COUNTING
  /** Where the count of earlier hints goes on; undefined: it is done. */
  #countFrom: Uint8Array | undefined
  /** The first number given in this life: from there on hints are counted as they come. */
  #firstOwn: number | undefined
  #isCounting = false
  #isArmed = false
  #kept = 0
  #delivered = 0
  #refused = 0
  #dropped = 0

  constructor(host: Host, parts: HintingParts) {
    this.#host = host
    this.#parts = parts
    this.#ledger = new HintLedger(parts.bytesMax)
    this.#countFrom = hintsRange().from
    this.#delivery = new HintDelivery({
      nextRequest: () => host.nextRequest(),
      layoutVersion: () => parts.layout.version,
      parse: (entry) => this.#parse(entry),
      // Our own, from when we were in no set for a while: nothing is sent for them.
      holds: (node, partition) => node !== host.self && this.#holders(partition).includes(node),
    })
  }

  get view(): HintsView {
    const { bytes, bytesMax } = this.#ledger
    return {
      ...{ targets: [...this.waiting()], bytes, bytesMax },
      isCounted: this.#countFrom === undefined,
      counts: {
        ...{ kept: this.#kept, delivered: this.#delivered },
        ...{ refused: this.#refused, dropped: this.#dropped },
      },
    }
  }

  *waiting(): Generator<HintsForTarget> {
    for (const { target, count, bytes, first, last } of this.#ledger.lines())
      yield { target, count, bytes, oldestMs: timeOf(first), first, last }
  }

  start(): void {
    this.#count()
  }

  /** A write of this node's that `hint.target` does not have. */
  keep(hint: Hinted): void {
    this.#keep(hint, () => undefined)
  }

  /** A coordinator asks this node to stand in. */
  asked(from: NodeId, message: Hint): void {
    const { request, target, layoutVersion, partition, key, record, base } = message
    const answer = (outcome: HintOutcome): void =>
      this.#host.send(from, { type: 'hint-reply', request, target, outcome })
    if (layoutVersion < this.#parts.layout.version) return answer('stale-layout')
    // A key is a place in the target's store, and what this node passes on is its own word.
    const isRecord = isRecordKey(key, partition) && record.length > 0
    if (!isRecord || this.#parts.holdings.decode(record, base) === undefined) {
      this.#host.note({ type: 'peer-misbehaved', peer: from, what: 'a hint that is no record' })
      return answer('malformed')
    }
    this.#keep(message, answer)
  }

  replied(from: NodeId, message: HintHandoffReply): void {
    this.#step({ type: 'replied', from, message })
  }

  stored(token: number): void {
    this.#settle(token, true)
  }

  storeFailed(token: number): void {
    this.#settle(token, false)
  }

  scanned(token: number, entries: readonly StoreEntry[]): void {
    if (token === COUNTING) return this.#onCounted(entries)
    this.#step({ type: 'scanned', token, entries })
  }

  scanFailed(token: number): void {
    if (token === COUNTING) {
      this.#isCounting = false
      return this.#arm()
    }
    this.#step({ type: 'scan-failed', token })
  }

  peerLost(peer: NodeId): void {
    this.#step({ type: 'peer-lost', peer })
  }

  onTimer(request: number | undefined): void {
    if (request !== undefined) return this.#step({ type: 'timer', request })
    this.#isArmed = false
    if (this.#countFrom === undefined) this.#look()
    else if (!this.#isCounting) this.#count()
    if (this.#ledger.size > 0) this.#arm()
  }

  check(): void {
    this.#ledger.check()
    this.#delivery.check()
    assert(this.#lastAt.size <= SESSIONS_MAX, () => `${this.#lastAt.size} pages read`)
    const isWaiting = this.#ledger.size > 0 && !this.#isCounting
    assert(!isWaiting || this.#isArmed, 'hints wait for no timer')
  }

  #keep(hint: Hinted, done: (outcome: HintOutcome) => void): void {
    const { clonedBy, storeBusy } = this.#host
    if (clonedBy !== undefined || storeBusy) return done('store-failed')
    const { target } = hint
    const value = encodeHintRecord(hint, this.#parts.checksum)
    const bytes = value.length + HINT_OVERHEAD_BYTES
    if (!this.#ledger.hasRoom(target, bytes)) {
      this.#refused++
      this.#host.note({ type: 'hints-full', target })
      return done('full')
    }
    const operation = this.#put(target, value, bytes)
    this.#store([operation], (isStored) => {
      this.#ledger.settled(target, bytes, isStored)
      if (isStored) this.#kept++
      done(isStored ? 'stored' : 'store-failed')
    })
    this.#arm()
  }

  #put(target: NodeId, value: Uint8Array, bytes: number): StoreOperation {
    const number = this.#ledger.keep(target, bytes, this.#nowMs)
    this.#firstOwn ??= number
    return { type: 'put', key: hintKey(bytesOf(target), number), value }
  }

  get #nowMs(): number {
    return this.#parts.clock.reading(this.#host.wallMs)
  }

  /** Counts what earlier lives have left. */
  #count(): void {
    const from = this.#countFrom
    if (from === undefined) return
    this.#isCounting = true
    const range = { from, to: hintsRange().to, ...COUNT_PAGE }
    this.#parts.admit(() => this.#host.scan('hints', COUNTING, [range]))
  }

  #onCounted(entries: readonly StoreEntry[]): void {
    this.#isCounting = false
    for (const entry of entries) {
      const place = parseHintKey(entry.key)
      if (place === undefined || place.number >= (this.#firstOwn ?? NUMBER_MAX)) continue
      const target = toHex(place.target) as NodeId
      this.#ledger.found(target, place.number, entry.value.length + HINT_OVERHEAD_BYTES)
    }
    const last = entries.at(-1)
    this.#countFrom = last && concatBytes(last.key, Uint8Array.of(0))
    if (this.#countFrom !== undefined) return this.#count()
    if (this.#ledger.size > 0) this.#arm()
  }

  /** Begins what can be begun. */
  #look(): void {
    if (this.#host.clonedBy !== undefined) return
    const expired = numberAt(this.#nowMs - this.#parts.ageMaxMs)
    for (const { target, first } of this.#ledger.lines()) {
      if (!this.#delivery.hasRoom) return
      const retryAt = this.#retryAt.get(target)
      const isEarly = retryAt !== undefined && this.#host.now < retryAt
      if (isEarly || this.#delivery.isActive(target)) continue
      if (this.#isReachable(target)) this.#begin(target, NUMBER_MAX, expired)
      else if (first < expired) this.#begin(target, expired, expired)
    }
  }

  /** Up; or known to no layout any more, and then its hints go to those who came in its place. */
  #isReachable(target: NodeId): boolean {
    const { state } = this.#parts.layout
    if (state === undefined) return false
    if (this.#host.isUp(target)) return true
    const { current, previous } = state
    return ![current, previous].some((each) => each && nodesOf(each).includes(target))
  }

  #begin(target: NodeId, before: number, expired: number): void {
    this.#retryAt.delete(target)
    this.#step({ type: 'begin', target, before, expired })
  }

  /** Effects are executed after the step, because some lead to another at once. */
  #step(event: HintDeliveryEvent): void {
    const effects: HintDeliveryEffect[] = []
    this.#delivery.step(event, this.#host.now, effects)
    for (const effect of effects) this.#onDelivery(effect)
  }

  #onDelivery(effect: HintDeliveryEffect): void {
    switch (effect.type) {
      case 'scan':
        return this.#parts.admit(() => this.#scan(effect))
      case 'send':
        return this.#host.send(effect.to, effect.message)
      case 'arm':
        return this.#host.arm({ owner: 'hints', request: effect.request }, effect.at)
      case 'remove':
        return this.#remove(effect)
      case 'page':
        return this.#onPage(effect.page)
      case 'ended':
        return this.#onEnded(effect)
    }
  }

  #scan({ token, target, before }: Extract<HintDeliveryEffect, { type: 'scan' }>): void {
    const line = this.#ledger.of(target)
    if (line?.pending === 0) this.#lastAt.set(target, line.last)
    else this.#lastAt.delete(target)
    const name = bytesOf(target)
    const page = { limit: HANDOFF_HINTS_MAX, bytesMax: HANDOFF_BYTES_MAX, reverse: false }
    const range = { from: hintKey(name, 0), to: hintKey(name, before), ...page }
    this.#host.scan('hints', token, [range])
  }

  #parse({ key, value }: StoreEntry): FoundHint {
    return {
      number: parseHintKey(key)?.number ?? 0,
      bytes: value.length + HINT_OVERHEAD_BYTES,
      hint: decodeHintRecord(value, this.#parts.checksum),
    }
  }

  #remove(effect: Extract<HintDeliveryEffect, { type: 'remove' }>): void {
    const { token, target, before, rerouted } = effect
    const name = bytesOf(target)
    const operations: StoreOperation[] = [
      { type: 'clear', from: hintKey(name, 0), to: hintKey(name, before) },
    ]
    const moved: { readonly target: NodeId; readonly bytes: number }[] = []
    for (const hint of rerouted)
      for (const holder of this.#holders(hint.partition)) {
        // The others have it, or hints of their own.
        if (target === this.#host.self && holder !== target) continue
        if (holder === this.#host.self) operations.push(...this.#mergeOwn(hint))
        else {
          const value = encodeHintRecord(hint, this.#parts.checksum)
          const bytes = value.length + HINT_OVERHEAD_BYTES
          operations.push(this.#put(holder, value, bytes))
          moved.push({ target: holder, bytes })
        }
      }
    this.#store(operations, (isStored) => {
      for (const { target, bytes } of moved) this.#ledger.settled(target, bytes, isStored)
      this.#step({ type: isStored ? 'removed' : 'remove-failed', token })
    })
  }

  /** It was for another, and this node holds the partition now. */
  #mergeOwn({ partition, key, record, base }: HandedHint): readonly StoreOperation[] {
    const merged = this.#parts.holdings.merge(partition, key, record, base)
    return merged === 'malformed' ? [] : (merged.kept?.operations ?? [])
  }

  #onPage({ target, before, bytes, delivered, expired, broken, rerouted }: HintPage): void {
    const count = delivered + expired + broken + rerouted.length
    this.#ledger.removed(target, before, count, bytes)
    this.#delivered += delivered
    this.#dropped += expired + broken
    const note = { type: 'hints-dropped', target } as const
    if (expired > 0) this.#host.note({ ...note, reason: 'age', hints: expired })
    if (broken > 0) this.#host.note({ ...note, reason: 'broken', hints: broken })
  }

  #onEnded(ended: Extract<HintDeliveryEffect, { type: 'ended' }>): void {
    const { target, before, outcome, delivered } = ended
    const last = this.#lastAt.get(target)
    this.#lastAt.delete(target)
    if (delivered > 0) this.#host.note({ type: 'hints-delivered', target, hints: delivered })
    if (outcome === 'failed')
      return void this.#retryAt.set(target, later(this.#host.now, RETRY_AFTER))
    if (before < NUMBER_MAX) return this.#ledger.removed(target, before, 0, 0)
    // What was counted beyond what is there was counted wrongly.
    if (last === this.#ledger.of(target)?.last) this.#ledger.none(target)
  }

  #store(operations: readonly StoreOperation[], done: (isStored: boolean) => void): void {
    const token = ++this.#token
    this.#storing.set(token, done)
    this.#host.store('hints', token, operations)
  }

  #settle(token: number, isStored: boolean): void {
    const done = this.#storing.get(token)
    this.#storing.delete(token)
    done?.(isStored)
  }

  #holders(partition: PartitionId): readonly NodeId[] {
    const sets = this.#parts.layout.placementOf(partition)?.writeSets ?? []
    return sets.length === 1 ? sets[0]! : [...new Set(sets.flat())]
  }

  #arm(): void {
    if (this.#isArmed) return
    this.#isArmed = true
    const at = later(this.#host.now, LOOK_INTERVAL)
    this.#host.arm({ owner: 'hints', request: undefined }, at)
  }
}

function bytesOf(node: NodeId): Uint8Array {
  const bytes = fromHex(node)
  assert(bytes !== undefined, () => `${node} is no node id`)
  return bytes
}
