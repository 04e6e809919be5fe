/**
 * The side of an exchange that is asked. It answers what the initiator says with what is different
 * here, and remembers between two messages only which leaves differ and the row it is sending.
 */
import { assert } from '../std/assert.ts'
import { compareBytes } from '../std/bytes.ts'
import { HASH_BYTES } from '../std/hash64.ts'
import type { StoreEntry } from '../ports.ts'
import type { ExchangesOptions } from './exchange.ts'
import type {
  ExchangeFacts,
  ExchangeFinish,
  ExchangeHashes,
  ExchangeList,
  ExchangeMessage,
  ExchangeOpen,
  ExchangeRecords,
} from './exchange-messages.ts'
import type { Act, Session, Terms } from './exchange-session.ts'
import { abandon, DIFFERING_MAX, LATE_ROWS_MAX, Talk } from './exchange-session.ts'
import type { WalkedKey } from './exchange-walk.ts'
import { BROKEN, joinHashes, LeafSet, LeafWalk, splitHashes } from './exchange-walk.ts'
import type { HashTree } from './hash-tree.ts'

/** What the initiator listed under one key hash, and how often that hash was met here. */
interface Listed {
  readonly entryHash: string
  /** Keys there with that hash: more than one only if somebody made them so. */
  keys: number
  met: number
}

const NOTHING = new Uint8Array(0)

export class AnsweredExchange implements Session {
  readonly talk: Talk
  readonly #options: ExchangesOptions
  readonly #leaves: LeafSet
  #state: 'ready' | 'scanning' | 'sending' | 'merging' = 'ready'

  #walk: LeafWalk
  // Of the list in hand. Bounded by: LIST_ENTRIES_MAX.
  #listed = new Map<string, Listed>()
  // Bounded by: DIFFERING_MAX.
  #differing: Uint8Array[] = []
  /** What ends the row that is being sent. */
  #missing: Uint8Array = NOTHING
  #upTo: Uint8Array = NOTHING
  /** Rows sent of what was late. */
  #rows = 0

  constructor(
    terms: Terms,
    message: ExchangeOpen,
    ours: ExchangeFacts,
    options: ExchangesOptions,
    tree: HashTree,
  ) {
    this.talk = new Talk(terms, ours, options)
    this.talk.begin(message.facts)
    this.#options = options
    this.#leaves = new LeafSet(tree.leaves)
    if (tree.depth === 0) this.#leaves.add(0)
    this.#walk = new LeafWalk(this.#leaves, terms.from, terms.to, options.checksum)
  }

  get waitsForPeer(): boolean {
    return this.#state === 'ready' || this.#state === 'sending'
  }

  onMessage(message: ExchangeMessage, act: Act): void {
    const { type } = message
    if (type === 'exchange-finish') return this.#onFinish(message, act)
    if (type === 'exchange-next' && this.#state === 'sending') return this.#onNext(act)
    if (this.#state === 'ready') {
      if (type === 'exchange-hashes') return this.#onHashes(message, act)
      if (type === 'exchange-list') return this.#onList(message, act)
      if (type === 'exchange-records') return this.#onRecords(message, act)
    }
    abandon(this.talk, act)
  }

  onScanned(entries: readonly StoreEntry[], act: Act): void {
    if (this.#state !== 'scanning') return
    const { upTo, isOver } = this.#walk.take(entries, (walked) => {
      this.#compare(walked, act)
      return this.#differing.length < DIFFERING_MAX
    })
    if (!isOver) return act.scan(this.#walk.next())
    this.#answer(upTo, act)
  }

  onMerged(act: Act): void {
    if (this.#state === 'merging') this.#afterChunk(act)
  }

  check(): void {
    const { length } = this.#differing
    assert(length <= DIFFERING_MAX, () => `${length} keys that differ in a page`)
  }

  #onHashes({ level, nodes, hashes }: ExchangeHashes, act: Act): void {
    const { exchange, partition } = this.talk.terms
    const tree = this.#options.treeOf(partition)
    const isSame = tree !== undefined && tree.leaves === this.#leaves.leaves
    const differing = isSame ? tree.differing(level, nodes, hashes) : undefined
    if (tree === undefined || differing === undefined) return abandon(this.talk, act)
    if (level + 1 === tree.depth) for (const leaf of differing) this.#leaves.add(leaf)
    act.send({ type: 'exchange-differ', exchange, level: level + 1, nodes: differing })
  }

  #onList({ from, to, entries }: ExchangeList, act: Act): void {
    const { terms } = this.talk
    const end = to.length === 0 ? terms.to : to
    const isWithin =
      compareBytes(from, terms.from) >= 0 &&
      compareBytes(end, terms.to) <= 0 &&
      compareBytes(from, end) < 0
    if (!isWithin || entries.length % (2 * HASH_BYTES) !== 0) return abandon(this.talk, act)
    this.#listed = readList(entries)
    this.#differing = []
    this.#walk = new LeafWalk(this.#leaves, from, end, this.#options.checksum)
    this.#state = 'scanning'
    act.scan(this.#walk.next())
  }

  #compare({ key, keyHash, entryHash }: WalkedKey, act: Act): void {
    const listed = this.#listed.get(keyHash)
    if (entryHash === BROKEN) {
      // Left among what is missing here: the other side's copy is as good as any.
      this.talk.meetUnreadable(key, act)
      return
    }
    if (listed === undefined) return void this.#differing.push(key)
    listed.met++
    const isEqual = listed.keys === 1 && listed.met === 1 && listed.entryHash === entryHash
    if (!isEqual) this.#differing.push(key)
  }

  #answer(upTo: Uint8Array, act: Act): void {
    const missing: string[] = []
    // Whoever has two keys with one hash is told of both, and sends both.
    for (const [keyHash, { keys, met }] of this.#listed)
      if (met !== 1 || keys > 1) missing.push(keyHash)
    this.#missing = joinHashes(missing)
    this.#upTo = upTo
    this.#listed.clear()
    const keys = this.#differing
    this.#differing = []
    const isLast = this.talk.sendRow(keys, act, this.#missing, upTo)
    this.#state = isLast ? 'ready' : 'sending'
  }

  #onNext(act: Act): void {
    if (this.talk.sendChunk(act, this.#missing, this.#upTo)) this.#state = 'ready'
  }

  #onRecords(message: ExchangeRecords, act: Act): void {
    const received = this.talk.receive(message, act)
    if (received === 'refused') return abandon(this.talk, act)
    this.#state = 'merging'
    if (received === 'empty') this.#afterChunk(act)
  }

  #afterChunk(act: Act): void {
    this.#state = 'ready'
    const returns = this.talk.merged(act)
    if (returns === undefined) return
    this.#sendRow(returns, act)
  }

  #sendRow(keys: readonly Uint8Array[], act: Act): void {
    this.#missing = NOTHING
    this.#upTo = NOTHING
    this.#state = this.talk.sendRow(keys, act) ? 'ready' : 'sending'
  }

  #onFinish(message: ExchangeFinish, act: Act): void {
    if (message.outcome !== 'failed') {
      this.talk.found = message.found
      if (this.#state !== 'ready') return abandon(this.talk, act)
      if (this.talk.hasLate && this.#rows++ < LATE_ROWS_MAX) {
        this.#sendRow(this.talk.takeLate(), act)
        return
      }
      this.talk.sendFinish(act)
    }
    act.end(this.talk.outcomeOf(message))
  }
}

function readList(entries: Uint8Array): Map<string, Listed> {
  const hashes = splitHashes(entries)
  const listed = new Map<string, Listed>()
  for (let i = 0; i + 1 < hashes.length; i += 2) {
    const keyHash = hashes[i]!
    const known = listed.get(keyHash)
    if (known === undefined) listed.set(keyHash, { entryHash: hashes[i + 1]!, keys: 1, met: 0 })
    else known.keys++
  }
  return listed
}
