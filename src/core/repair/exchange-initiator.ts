/**
 * The side of an exchange that asks. It leads: down the two trees to the leaves that differ, then
 * over its own records of these leaves, a page at a time.
 *
 * ```
 *   opening ─▶ descending ─▶ scanning ─▶ listed ─▶ merging ─▶ sending ─▶ returned ─▶ merging
 *                               ▲                    │ nothing to send                  │
 *                               └────────────────────┴──────────── next page ◀──────────┘
 *                                                                  no page left: finishing
 *
 *   finishing ─▶ sending … of what was late, here or there ─▶ finishing
 * ```
 */
import { assert } from '../std/assert.ts'
import { compareBytes } from '../std/bytes.ts'
import type { StoreEntry } from '../ports.ts'
import type { ExchangeEvent, ExchangesOptions } from './exchange.ts'
import type {
  ExchangeDiffer,
  ExchangeFinish,
  ExchangeMessage,
  ExchangeRecords,
  ExchangeReply,
} from './exchange-messages.ts'
import { LIST_ENTRIES_MAX, NODES_PER_MESSAGE_MAX } from './exchange-messages.ts'
import type { Act, Session } from './exchange-session.ts'
import { abandon, LATE_ROWS_MAX, Talk } from './exchange-session.ts'
import type { WalkedKey } from './exchange-walk.ts'
import { BROKEN, joinHashes, LeafSet, LeafWalk, splitHashes } from './exchange-walk.ts'
import { CHILDREN } from './hash-tree.ts'

type State =
  | 'opening'
  | 'descending'
  | 'scanning'
  | 'listed'
  | 'merging'
  | 'sending'
  | 'returned'
  | 'finishing'

export class InitiatedExchange implements Session {
  readonly talk: Talk
  readonly #options: ExchangesOptions
  readonly #leaves: LeafSet
  #state: State = 'opening'
  /** The row being received: the answer to a list, or that to our row. */
  #row: 'first' | 'second' = 'first'

  // Nodes of a level that differ; those whose children were not compared yet begin at `#next`. Both
  // bounded by: the leaves.
  #level = 0
  #nodes: readonly number[] = [0]
  #next = 0
  #asked: readonly number[] = []
  #differing: number[] = []

  #walk: LeafWalk
  // Bounded by: LIST_ENTRIES_MAX.
  #page: WalkedKey[] = []
  #pageFrom: Uint8Array
  /** Empty: the end of the range. */
  #pageTo: Uint8Array = END
  // Of the row in hand. Bounded by: LIST_ENTRIES_MAX.
  #missing: readonly string[] = []
  #upTo: Uint8Array = END
  /** Rows sent of what was late, or that came out differently once more. */
  #rows = 0

  constructor(
    event: Extract<ExchangeEvent, { type: 'start' }>,
    options: ExchangesOptions,
    leaves: number,
  ) {
    const { exchange, peer, partition } = event
    const isWhole = event.to.length === 0
    const { from, to } = isWhole ? options.rangeOf(partition) : event
    const terms = { exchange, peer, partition, side: 'initiator', isWhole, from, to } as const
    this.talk = new Talk(terms, event.facts, options)
    this.#options = options
    this.#leaves = new LeafSet(leaves)
    this.#pageFrom = from
    this.#walk = new LeafWalk(this.#leaves, from, to, options.checksum)
  }

  get waitsForPeer(): boolean {
    return this.#state !== 'scanning' && this.#state !== 'merging'
  }

  onMessage(message: ExchangeMessage, act: Act): void {
    const { type } = message
    if (type === 'exchange-finish') return this.#onFinish(message, act)
    if (type === 'exchange-reply' && this.#state === 'opening') return this.#onReply(message, act)
    if (type === 'exchange-differ' && this.#state === 'descending')
      return this.#onDiffer(message, act)
    if (type === 'exchange-records') return this.#onRecords(message, act)
    if (type === 'exchange-next' && this.#state === 'sending') return this.#onNext(act)
    abandon(this.talk, act)
  }

  onScanned(entries: readonly StoreEntry[], act: Act): void {
    if (this.#state !== 'scanning') return
    const { upTo, isOver } = this.#walk.take(entries, (walked) => {
      this.#page.push(walked)
      if (walked.entryHash === BROKEN) this.talk.meetUnreadable(walked.key, act)
      return this.#page.length < LIST_ENTRIES_MAX
    })
    if (!isOver) return act.scan(this.#walk.next())
    this.#pageTo = upTo
    this.#state = 'listed'
    act.send({
      type: 'exchange-list',
      exchange: this.talk.terms.exchange,
      from: this.#pageFrom,
      to: upTo,
      entries: joinHashes(this.#page.flatMap(({ keyHash, entryHash }) => [keyHash, entryHash])),
    })
  }

  onMerged(act: Act): void {
    if (this.#state === 'merging') this.#afterChunk(act)
  }

  check(): void {
    assert(this.#page.length <= LIST_ENTRIES_MAX, () => `${this.#page.length} keys in a page`)
    assert(this.#next <= this.#nodes.length, () => `node ${this.#next} of ${this.#nodes.length}`)
  }

  #onReply(message: ExchangeReply, act: Act): void {
    const { outcome, facts } = message
    if (outcome === 'busy') return act.end('busy')
    if (outcome !== 'equal' && outcome !== 'differs') return act.end('refused')
    this.talk.begin(facts)
    // The peer is done; what was late is compared the next time.
    if (outcome === 'equal') return act.end(this.talk.hasLate ? 'partial' : 'complete')
    this.#descend(act)
  }

  /** Asks about the next nodes of the level, or goes on to the next level, or to the leaves. */
  #descend(act: Act): void {
    const tree = this.#options.treeOf(this.talk.terms.partition)
    if (tree === undefined || tree.leaves !== this.#leaves.leaves) return abandon(this.talk, act)
    if (this.#next === this.#nodes.length && this.#level < tree.depth) {
      this.#level++
      this.#nodes = this.#differing
      this.#differing = []
      this.#next = 0
    }
    if (this.#level === tree.depth) {
      for (const leaf of this.#nodes) this.#leaves.add(leaf)
      this.#nodes = []
      return this.#startPage(this.#pageFrom, act)
    }
    // The differences may be gone by now.
    if (this.#nodes.length === 0) return this.#finish(act)
    this.#state = 'descending'
    this.#asked = this.#nodes.slice(this.#next, this.#next + NODES_PER_MESSAGE_MAX)
    const nodes = this.#asked
    const level = this.#level
    const hashes = tree.hashesBelow(level, nodes)
    const { exchange } = this.talk.terms
    act.send({ type: 'exchange-hashes', exchange, level, nodes, hashes })
  }

  #onDiffer({ level, nodes }: ExchangeDiffer, act: Act): void {
    const isSound = level === this.#level + 1 && areChildren(nodes, this.#asked)
    if (!isSound) return abandon(this.talk, act)
    for (const node of nodes) this.#differing.push(node)
    this.#next += this.#asked.length
    this.#asked = []
    this.#descend(act)
  }

  /** An empty `from`: there is none. */
  #startPage(from: Uint8Array, act: Act): void {
    const { to } = this.talk.terms
    const isOver = from.length === 0 || compareBytes(from, to) >= 0
    if (isOver || this.#leaves.size === 0) return this.#finish(act)
    this.#page = []
    this.#pageFrom = from
    this.#walk = new LeafWalk(this.#leaves, from, to, this.#options.checksum)
    this.#rows = 0
    this.#state = 'scanning'
    act.scan(this.#walk.next())
  }

  #onRecords(message: ExchangeRecords, act: Act): void {
    const isAwaited =
      this.#state === 'listed' || this.#state === 'returned' || this.#state === 'finishing'
    if (!isAwaited) return abandon(this.talk, act)
    this.#row = this.#state === 'listed' ? 'first' : 'second'
    if (!message.more && this.#row === 'first') {
      if (!this.#isWithinPage(message.upTo)) return abandon(this.talk, act)
      this.#missing = splitHashes(message.missing)
      this.#upTo = message.upTo
    }
    if (this.#row === 'first') this.talk.count(message.records)
    const received = this.talk.receive(message, act)
    if (received === 'refused') return abandon(this.talk, act)
    this.#state = 'merging'
    if (received === 'empty') this.#afterChunk(act)
  }

  /** Whether it leads on, and not beyond what was asked about. */
  #isWithinPage(upTo: Uint8Array): boolean {
    if (upTo.length === 0) return true
    const end = this.#pageTo.length === 0 ? this.talk.terms.to : this.#pageTo
    return compareBytes(upTo, this.#pageFrom) > 0 && compareBytes(upTo, end) <= 0
  }

  #afterChunk(act: Act): void {
    const returns = this.talk.merged(act)
    if (returns === undefined) {
      this.#state = this.#row === 'first' ? 'listed' : 'returned'
      return
    }
    if (this.#row === 'second') {
      if (returns.length > 0 && this.#rows++ < LATE_ROWS_MAX) return this.#sendRow(returns, act)
      return this.#nextPage(act)
    }
    const missing = this.#keysMissingThere()
    this.talk.count(missing.map((key) => ({ key, record: END })))
    const keys = [...returns, ...missing]
    if (keys.length === 0) return this.#nextPage(act)
    this.#sendRow(keys, act)
  }

  #sendRow(keys: readonly Uint8Array[], act: Act): void {
    this.#state = this.talk.sendRow(keys, act) ? 'returned' : 'sending'
  }

  #keysMissingThere(): Uint8Array[] {
    if (this.#missing.length === 0) return []
    const missing = new Set(this.#missing)
    const upTo = this.#upTo
    const isMissing = ({ key, keyHash, entryHash }: WalkedKey): boolean =>
      entryHash !== BROKEN &&
      missing.has(keyHash) &&
      (upTo.length === 0 || compareBytes(key, upTo) < 0)
    return this.#page.filter(isMissing).map(({ key }) => key)
  }

  #onNext(act: Act): void {
    if (this.talk.sendChunk(act)) this.#state = 'returned'
  }

  #nextPage(act: Act): void {
    this.#startPage(this.#upTo.length > 0 ? this.#upTo : this.#pageTo, act)
  }

  #finish(act: Act): void {
    this.#page = []
    if (this.talk.hasLate && this.#rows++ < LATE_ROWS_MAX)
      return this.#sendRow(this.talk.takeLate(), act)
    this.#state = 'finishing'
    this.talk.sendFinish(act)
  }

  #onFinish(message: ExchangeFinish, act: Act): void {
    if (message.outcome !== 'failed' && this.#state !== 'finishing') return abandon(this.talk, act)
    act.end(this.talk.outcomeOf(message))
  }
}

const END = new Uint8Array(0)

/** Whether `nodes` ascend and each is a child of one of `parents`. */
function areChildren(nodes: readonly number[], parents: readonly number[]): boolean {
  let before = -1
  let place = 0
  for (const node of nodes) {
    if (node <= before) return false
    before = node
    const parent = Math.floor(node / CHILDREN)
    while (place < parents.length && parents[place]! < parent) place++
    if (parents[place] !== parent) return false
  }
  return true
}
