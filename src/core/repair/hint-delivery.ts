/**
 * Bringing hints to their targets, in the order in which they were kept, a page at a time:
 *
 * ```
 *   begin ─scan─▶ a page ─hint-handoff─▶ … the target has it durably ─remove─▶ the next page … none
 *                   │                         └ refused, silent, lost: ended, begun again later
 *                   └ too old: dropped    └ the target holds the partition no more: kept for those
 *                                           who do, in the place of this hint
 * ```
 * A page is removed only when the target has said that it is durable there. What is sent twice, for
 * a lost answer or a crash, does no harm: it is merged, and what was superseded meanwhile is
 * dropped on arrival (V7).
 *
 * A hint for a node that no layout knows any more is not thrown away: the layout has put another in
 * its place, and in a sloppy bucket the hint may be one of the W copies that the client was
 * promised.
 *
 * Invariants: one session a target, one page on its way; SESSIONS_MAX sessions.
 */
import { assert } from '../std/assert.ts'
import type { Effects } from '../std/effects.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { Duration, Instant } from '../std/instant.ts'
import { duration, later } from '../std/instant.ts'
import type { StoreEntry } from '../ports.ts'
import type { HandedHint, HintHandoff, HintHandoffReply } from './hint-messages.ts'

export type HintDeliveryEvent =
  /** Hints below `before` are brought; those below `expired` are too old for that. */
  | {
      readonly type: 'begin'
      readonly target: NodeId
      readonly before: number
      readonly expired: number
    }
  | {
      readonly type: 'scanned'
      readonly token: number
      readonly entries: readonly StoreEntry[]
    }
  | { readonly type: 'scan-failed'; readonly token: number }
  | { readonly type: 'replied'; readonly from: NodeId; readonly message: HintHandoffReply }
  /** What a `remove` asked for is durable, or is not done. */
  | { readonly type: 'removed'; readonly token: number }
  | { readonly type: 'remove-failed'; readonly token: number }
  | { readonly type: 'peer-lost'; readonly peer: NodeId }
  | { readonly type: 'timer'; readonly request: number }

export type HintDeliveryEffect =
  /** At most a page of hints below `before`, the first ones. */
  | {
      readonly type: 'scan'
      readonly token: number
      readonly target: NodeId
      readonly before: number
    }
  | { readonly type: 'send'; readonly to: NodeId; readonly message: HintHandoff }
  | { readonly type: 'arm'; readonly request: number; readonly at: Instant }
  /** In one batch: the target's hints below `before` go, `rerouted` are kept for others. */
  | {
      readonly type: 'remove'
      readonly token: number
      readonly target: NodeId
      readonly before: number
      readonly rerouted: readonly HandedHint[]
    }
  | { readonly type: 'page'; readonly page: HintPage }
  /** Exactly once for each begin. `none`: the disk has no more of them. */
  | {
      readonly type: 'ended'
      readonly target: NodeId
      readonly before: number
      readonly outcome: 'none' | 'failed'
      readonly delivered: number
    }

/** What became of hints that are no longer on the disk. */
export interface HintPage {
  readonly target: NodeId
  readonly before: number
  readonly bytes: number
  readonly delivered: number
  readonly expired: number
  readonly broken: number
  readonly rerouted: readonly HandedHint[]
}

/** A hint as it was found on the disk; without what it says when that cannot be read. */
export interface FoundHint {
  readonly number: number
  readonly bytes: number
  readonly hint: HandedHint | undefined
}

export interface HintDeliveryOptions {
  readonly nextRequest: () => number
  readonly layoutVersion: () => number
  readonly parse: (entry: StoreEntry) => FoundHint
  /** Whether a write of the partition is sent to the node, by the layout of this moment. */
  readonly holds: (node: NodeId, partition: PartitionId) => boolean
}

export const SESSIONS_MAX: number = 4
/** Longer than a target takes that has much else to do. */
const ANSWER_WITHIN: Duration = duration(30_000)

interface Session {
  readonly target: NodeId
  readonly before: number
  readonly expired: number
  /** Of the scan or the removal under way. */
  token: number
  /** Of the message under way. */
  request: number | undefined
  page: HintPage | undefined
  delivered: number
}

export class HintDelivery {
  readonly #options: HintDeliveryOptions
  // Bounded by: SESSIONS_MAX.
  readonly #sessions = new Map<NodeId, Session>()
  #token = 0

  constructor(options: HintDeliveryOptions) {
    this.#options = options
  }

  /** Whether another session may be begun. */
  get hasRoom(): boolean {
    return this.#sessions.size < SESSIONS_MAX
  }

  isActive(target: NodeId): boolean {
    return this.#sessions.has(target)
  }

  step(event: HintDeliveryEvent, now: Instant, effects: Effects<HintDeliveryEffect>): void {
    switch (event.type) {
      case 'begin':
        return this.#begin(event, effects)
      case 'scanned':
        return this.#onScanned(event.token, event.entries, now, effects)
      case 'scan-failed':
      case 'remove-failed':
        return this.#end(this.#byToken(event.token), 'failed', effects)
      case 'replied':
        return this.#onReply(event.from, event.message, effects)
      case 'removed':
        return this.#onRemoved(event.token, effects)
      case 'peer-lost': {
        const session = this.#sessions.get(event.peer)
        // What is being read or removed is brought to its end.
        if (session?.request !== undefined) this.#end(session, 'failed', effects)
        return
      }
      case 'timer':
        for (const session of this.#sessions.values())
          if (session.request === event.request) this.#end(session, 'failed', effects)
    }
  }

  check(): void {
    assert(this.#sessions.size <= SESSIONS_MAX, () => `${this.#sessions.size} sessions`)
    for (const { target, request, page } of this.#sessions.values())
      assert(request === undefined || page !== undefined, () => `${target} is sent no page`)
  }

  #begin(
    { target, before, expired }: Extract<HintDeliveryEvent, { type: 'begin' }>,
    effects: Effects<HintDeliveryEffect>,
  ): void {
    assert(this.hasRoom && !this.isActive(target), () => `another session for ${target}`)
    const rest = { token: 0, request: undefined, page: undefined, delivered: 0 }
    const session: Session = { target, before, expired, ...rest }
    this.#sessions.set(target, session)
    this.#scan(session, effects)
  }

  #scan(session: Session, effects: Effects<HintDeliveryEffect>): void {
    const { target, before } = session
    session.page = undefined
    session.token = ++this.#token
    effects.push({ type: 'scan', token: session.token, target, before })
  }

  #onScanned(
    token: number,
    entries: readonly StoreEntry[],
    now: Instant,
    effects: Effects<HintDeliveryEffect>,
  ): void {
    const session = this.#byToken(token)
    if (session === undefined) return
    if (entries.length === 0) return this.#end(session, 'none', effects)
    const { page, hints } = this.#sort(session, entries)
    session.page = page
    if (hints.length === 0) return this.#remove(session, page, effects)
    const request = this.#options.nextRequest()
    const layoutVersion = this.#options.layoutVersion()
    session.request = request
    const message: HintHandoff = { type: 'hint-handoff', request, layoutVersion, hints }
    effects.push({ type: 'send', to: session.target, message })
    effects.push({ type: 'arm', request, at: later(now, ANSWER_WITHIN) })
  }

  /** What is to become of each of them. */
  #sort(
    { target, expired: tooOld }: Session,
    entries: readonly StoreEntry[],
  ): { readonly page: HintPage; readonly hints: readonly HandedHint[] } {
    const hints: HandedHint[] = []
    const rerouted: HandedHint[] = []
    let [before, bytes, expired, broken] = [0, 0, 0, 0]
    for (const entry of entries) {
      const found = this.#options.parse(entry)
      before = found.number + 1
      bytes += found.bytes
      if (found.number < tooOld) expired++
      else if (found.hint === undefined) broken++
      else if (this.#options.holds(target, found.hint.partition)) hints.push(found.hint)
      else rerouted.push(found.hint)
    }
    const delivered = hints.length
    return { page: { target, before, bytes, delivered, expired, broken, rerouted }, hints }
  }

  #onReply(
    from: NodeId,
    { request, outcome }: HintHandoffReply,
    effects: Effects<HintDeliveryEffect>,
  ): void {
    const session = this.#sessions.get(from)
    if (session?.page === undefined || session.request !== request) return
    if (outcome === 'stored') this.#remove(session, session.page, effects)
    else this.#end(session, 'failed', effects)
  }

  #remove(session: Session, page: HintPage, effects: Effects<HintDeliveryEffect>): void {
    const { target } = session
    const { before, rerouted } = page
    session.request = undefined
    session.token = ++this.#token
    effects.push({ type: 'remove', token: session.token, target, before, rerouted })
  }

  #onRemoved(token: number, effects: Effects<HintDeliveryEffect>): void {
    const session = this.#byToken(token)
    if (session?.page === undefined) return
    session.delivered += session.page.delivered
    effects.push({ type: 'page', page: session.page })
    this.#scan(session, effects)
  }

  #byToken(token: number): Session | undefined {
    for (const session of this.#sessions.values()) if (session.token === token) return session
    return undefined
  }

  #end(
    session: Session | undefined,
    outcome: 'none' | 'failed',
    effects: Effects<HintDeliveryEffect>,
  ): void {
    if (session === undefined) return
    const { target, before, delivered } = session
    this.#sessions.delete(target)
    effects.push({ type: 'ended', target, before, outcome, delivered })
  }
}
