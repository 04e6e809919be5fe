/**
 * All exchanges of a node, those that it begins and those that it answers: who is meant by a
 * message, what was asked of the store for whom, and who has been silent for too long. What is said
 * is in `exchange.ts`.
 */
import { assert } from '../std/assert.ts'
import { compareBytes, equalBytes } from '../std/bytes.ts'
import type { Effects } from '../std/effects.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { Duration, Instant } from '../std/instant.ts'
import { duration, later } from '../std/instant.ts'
import type { Dot, Version } from '../versions/version.ts'
import { compareDots } from '../versions/version-vector.ts'
import type {
  ExchangeDone,
  ExchangeEffect,
  ExchangeEvent,
  ExchangesOptions,
  ExchangeTimer,
} from './exchange.ts'
import { InitiatedExchange } from './exchange-initiator.ts'
import type {
  ExchangeFacts,
  ExchangeMessage,
  ExchangeOpen,
  ExchangeReply,
  ExchangeSide,
} from './exchange-messages.ts'
import { AnsweredExchange } from './exchange-responder.ts'
import type { Act, Session, Terms } from './exchange-session.ts'
import { abandon } from './exchange-session.ts'

export const INITIATED_MAX = 8
export const ANSWERED_MAX = 16
/** A peer that has not answered for so long is given up. */
export const EXCHANGE_SILENCE: Duration = duration(30_000)

const NO_BYTES = new Uint8Array(0)
const NO_FACTS: ExchangeFacts = { clock: NO_BYTES, floor: NO_BYTES, horizonMs: 0, wallMs: 0 }

interface Entry {
  readonly name: string
  readonly serial: number
  readonly session: Session
  heardAt: Instant
  /** Of the scan or merge in flight; 0: none is. */
  token: number
}

export class Exchanges {
  readonly #options: ExchangesOptions
  // By name, and by serial number. Bounded by: INITIATED_MAX and ANSWERED_MAX.
  readonly #entries = new Map<string, Entry>()
  readonly #serials = new Map<number, Entry>()
  // Whose scan or merge it is. Bounded by: one for each entry.
  readonly #tokens = new Map<number, Entry>()
  #serial = 0
  #token = 0

  constructor(options: ExchangesOptions) {
    this.#options = options
  }

  /** Exchanges that this node has begun and that are not over. */
  get initiated(): number {
    return this.#count('initiator')
  }

  get answered(): number {
    return this.#count('responder')
  }

  /** Whether an exchange of the partition is under way: what it compares should not be reaped. */
  isComparing(partition: PartitionId): boolean {
    for (const { session } of this.#entries.values())
      if (session.talk.terms.partition === partition) return true
    return false
  }

  step(event: ExchangeEvent, now: Instant, effects: Effects<ExchangeEffect>): void {
    switch (event.type) {
      case 'start':
        return this.#onStart(event, now, effects)
      case 'open':
        return this.#onOpen(event, now, effects)
      case 'message':
        return this.#onMessage(event.from, event.message, now, effects)
      case 'scanned': {
        const entry = this.#takeToken(event.token, now)
        return entry?.session.onScanned(event.entries, this.#act(entry, effects))
      }
      case 'merged': {
        const entry = this.#takeToken(event.token, now)
        entry?.session.talk.refuse(event.refused)
        return entry?.session.onMerged(this.#act(entry, effects))
      }
      case 'scan-failed':
      case 'merge-failed':
        return this.#abandon(this.#takeToken(event.token, now), effects)
      case 'changed':
        return this.#onChanged(event)
      case 'peer-lost':
        return this.#onPeerLost(event.peer, effects)
      case 'batch-lost':
        for (const entry of [...this.#entries.values()]) this.#abandon(entry, effects)
        return
      case 'dropped':
        for (const entry of this.#of(event.partition)) this.#abandon(entry, effects)
        return
      case 'timer':
        return this.#onTimer(event.timer, now, effects)
    }
  }

  check(): void {
    const { initiated, answered } = this
    assert(initiated <= INITIATED_MAX, () => `${initiated} exchanges begun`)
    assert(answered <= ANSWERED_MAX, () => `${answered} exchanges answered`)
    assert(this.#serials.size === this.#entries.size, () => `${this.#serials.size} serial numbers`)
    for (const { session, token, name } of this.#entries.values()) {
      session.check()
      const isAsked = token !== 0 && this.#tokens.has(token)
      assert(session.waitsForPeer !== isAsked, () => `exchange ${name} waits for nothing`)
    }
  }

  #onStart(
    event: Extract<ExchangeEvent, { type: 'start' }>,
    now: Instant,
    effects: Effects<ExchangeEffect>,
  ): void {
    const { exchange, peer, partition, layoutVersion, from, to, facts } = event
    const tree = this.#options.treeOf(partition)
    if (tree === undefined || this.initiated >= INITIATED_MAX) {
      const nothing = { theirs: undefined, shown: false, found: 0, sent: 0, received: 0 }
      const what = { type: 'done', exchange, peer, partition, isInitiator: true } as const
      return void effects.push({ ...what, outcome: 'busy', ...nothing })
    }
    const session = new InitiatedExchange(event, this.#options, tree.leaves)
    this.#enter(session, now, effects)
    const root = tree.root()
    const { leaves } = tree
    effects.push({
      type: 'send',
      to: peer,
      message: {
        ...{ type: 'exchange-open', exchange, layoutVersion, partition },
        ...{ root, leaves, from, to, facts },
      },
    })
  }

  #onOpen(
    event: Extract<ExchangeEvent, { type: 'open' }>,
    now: Instant,
    effects: Effects<ExchangeEffect>,
  ): void {
    const { from: peer, message, facts } = event
    const { exchange, partition } = message
    const refuse = (outcome: ExchangeReply['outcome']): void =>
      void effects.push({ type: 'send', to: peer, message: reply(exchange, outcome, NO_FACTS) })
    if (typeof facts === 'string') return refuse(facts)
    const terms = termsOf(peer, message, this.#options.rangeOf(partition))
    if (terms === undefined) return refuse('not-replica')
    const tree = this.#options.treeOf(partition)
    this.#abandon(this.#entries.get(nameOf('responder', peer, exchange)), effects)
    if (tree === undefined || this.answered >= ANSWERED_MAX) return refuse('busy')
    if (tree.leaves !== message.leaves) return refuse('stale-layout')
    const session = new AnsweredExchange(terms, message, facts, this.#options, tree)
    const isEqual = equalBytes(tree.root(), message.root)
    const entry = this.#enter(session, now, effects)
    const outcome = isEqual ? 'equal' : 'differs'
    effects.push({ type: 'send', to: peer, message: reply(exchange, outcome, facts) })
    if (isEqual) this.#end(entry, 'complete', effects)
  }

  #onMessage(
    from: NodeId,
    message: Exclude<ExchangeMessage, ExchangeOpen>,
    now: Instant,
    effects: Effects<ExchangeEffect>,
  ): void {
    const { exchange } = message
    const side = hearerOf(message)
    const entry = this.#entries.get(nameOf(side, from, exchange))
    if (entry !== undefined) {
      entry.heardAt = now
      // It speaks out of turn unless it gives up: what was asked of the store is for nothing then.
      return entry.session.onMessage(message, this.#act(entry, effects))
    }
    // One that has ended here: the other side should not wait for it.
    if (message.type === 'exchange-finish') return
    const finish = { type: 'exchange-finish', exchange, side, outcome: 'failed', found: 0 } as const
    effects.push({ type: 'send', to: from, message: finish })
  }

  #onChanged(event: Extract<ExchangeEvent, { type: 'changed' }>): void {
    const { partition, key, before, after, token } = event
    if (this.#entries.size === 0) return
    for (const entry of this.#entries.values()) {
      const { talk } = entry.session
      if (talk.terms.partition !== partition) continue
      if (token !== undefined && entry.token === token) continue
      const dots = newDots(before, after)
      if (dots.length > 0) talk.arrived(key, dots)
    }
  }

  #onPeerLost(peer: NodeId, effects: Effects<ExchangeEffect>): void {
    for (const entry of [...this.#entries.values()])
      if (entry.session.talk.terms.peer === peer) this.#end(entry, 'failed', effects)
  }

  #onTimer({ session }: ExchangeTimer, now: Instant, effects: Effects<ExchangeEffect>): void {
    const entry = this.#serials.get(session)
    if (entry === undefined) return
    const { waitsForPeer } = entry.session
    const at = later(waitsForPeer ? entry.heardAt : now, EXCHANGE_SILENCE)
    // Compared as it would be armed: the difference of the two may round to less than the silence
    // when the sum is this very instant, and a timer that arms itself for the instant at which it
    // fires never lets go.
    if (at <= now) return this.#abandon(entry, effects)
    effects.push({ type: 'arm', timer: { session }, at })
  }

  #enter(session: Session, now: Instant, effects: Effects<ExchangeEffect>): Entry {
    const { side, peer, exchange } = session.talk.terms
    const name = nameOf(side, peer, exchange)
    assert(!this.#entries.has(name), () => `exchange ${name} is under way`)
    const serial = ++this.#serial
    const entry: Entry = { name, serial, session, heardAt: now, token: 0 }
    this.#entries.set(name, entry)
    this.#serials.set(serial, entry)
    const at = later(now, EXCHANGE_SILENCE)
    effects.push({ type: 'arm', timer: { session: serial }, at })
    return entry
  }

  /** Of an entry that is still under way; what it asked for is done, so the peer has time again. */
  #takeToken(token: number, now: Instant): Entry | undefined {
    const entry = this.#tokens.get(token)
    if (entry === undefined) return undefined
    this.#tokens.delete(token)
    entry.token = 0
    entry.heardAt = now
    return entry
  }

  #act(entry: Entry, effects: Effects<ExchangeEffect>): Act {
    const { peer, partition } = entry.session.talk.terms
    const ask = (): number => {
      assert(entry.token === 0, () => `exchange ${entry.name} asks twice`)
      entry.token = ++this.#token
      this.#tokens.set(entry.token, entry)
      return entry.token
    }
    return {
      send: (message) => void effects.push({ type: 'send', to: peer, message }),
      scan: (range) => void effects.push({ type: 'scan', token: ask(), range }),
      merge: (records, base) =>
        void effects.push({ type: 'merge', token: ask(), partition, records, base }),
      unreadable: (key) => void effects.push({ type: 'unreadable', key }),
      end: (outcome) => this.#end(entry, outcome, effects),
    }
  }

  #abandon(entry: Entry | undefined, effects: Effects<ExchangeEffect>): void {
    if (entry !== undefined) abandon(entry.session.talk, this.#act(entry, effects))
  }

  #end(entry: Entry, outcome: ExchangeDone['outcome'], effects: Effects<ExchangeEffect>): void {
    this.#entries.delete(entry.name)
    this.#serials.delete(entry.serial)
    this.#tokens.delete(entry.token)
    const { terms, theirs, found, sent, received, isFlawed } = entry.session.talk
    const { exchange, peer, partition, side, isWhole } = terms
    effects.push({
      ...{ type: 'done', exchange, peer, partition, isInitiator: side === 'initiator' },
      ...{ outcome, theirs, shown: isWhole && !isFlawed, found, sent, received },
    })
  }

  #of(partition: PartitionId): Entry[] {
    return [...this.#entries.values()].filter(
      ({ session }) => session.talk.terms.partition === partition,
    )
  }

  #count(side: ExchangeSide): number {
    let count = 0
    for (const { session } of this.#entries.values()) if (session.talk.terms.side === side) count++
    return count
  }
}

function newDots(before: readonly Version[] | 'unreadable', after: readonly Version[]): Dot[] {
  const isKnown = (dot: Dot): boolean =>
    before !== 'unreadable' && before.some((version) => compareDots(version.dot, dot) === 0)
  return after.map(({ dot }) => dot).filter((dot) => !isKnown(dot))
}

function nameOf(side: ExchangeSide, peer: NodeId, exchange: number): string {
  return `${side} ${peer} ${exchange}`
}

/** Which side of the exchange a message is for. */
function hearerOf(message: Exclude<ExchangeMessage, ExchangeOpen>): ExchangeSide {
  switch (message.type) {
    case 'exchange-reply':
    case 'exchange-differ':
      return 'initiator'
    case 'exchange-hashes':
    case 'exchange-list':
      return 'responder'
    case 'exchange-records':
    case 'exchange-next':
    case 'exchange-finish':
      return message.side === 'initiator' ? 'responder' : 'initiator'
  }
}

/** undefined: not between two keys of the partition. */
function termsOf(
  peer: NodeId,
  { exchange, partition, from, to }: ExchangeOpen,
  range: { readonly from: Uint8Array; readonly to: Uint8Array },
): Terms | undefined {
  const isWhole = from.length === 0 && to.length === 0
  const part = isWhole ? range : { from, to }
  const isWithin =
    compareBytes(part.from, range.from) >= 0 &&
    compareBytes(part.to, range.to) <= 0 &&
    compareBytes(part.from, part.to) < 0
  return isWithin ? { exchange, peer, partition, side: 'responder', isWhole, ...part } : undefined
}

function reply(
  exchange: number,
  outcome: ExchangeReply['outcome'],
  facts: ExchangeFacts,
): ExchangeReply {
  return { type: 'exchange-reply', exchange, outcome, facts }
}
