/**
 * The way out of a node: numbers what it asks for, remembers who asked, and keeps all timers.
 *
 * It also keeps one promise between nodes: a peer never sees a message that speaks of a layout
 * before it has seen that layout. A replica that is behind would refuse what it should take, and
 * one that is ahead refuses what it should not see; so the first such message after a change is
 * preceded, on the same connection, by our state.
 */
import type { Effects } from '../std/effects.ts'
import type { Address, NodeId } from '../std/ids.ts'
import type { Instant, Now } from '../std/instant.ts'
import { instant } from '../std/instant.ts'
import { NODES_MAX } from '../std/limits.ts'
import type { Prng } from '../std/prng.ts'
import { TimerQueue } from '../std/timer-queue.ts'
import type { ScanRange, StoreOperation } from '../ports.ts'
import type { PeerMessage } from '../wire/messages.ts'
import type { KeyringState } from './cluster-key.ts'
import type { ClientReply, NodeEffect, Note } from './events.ts'
import type { Host, NodeTimer, ScanOwner, StoreOwner } from './host.ts'
import type { StateSync } from './messages.ts'

interface Ticket<Owner> {
  readonly owner: Owner
  readonly token: number
}

interface BatchTicket extends Ticket<StoreOwner> {
  /** When it was handed over. */
  readonly at: Instant
  /** What is in it, while somebody watches. */
  readonly operations: readonly StoreOperation[] | undefined
}

const NOWHERE: Effects<NodeEffect> = { push: () => 0 }
/** Request numbers of one life of a node; a life begins above all numbers of the one before. */
const REQUESTS_PER_SECOND_OF_LIFE = 2 ** 21
/**
 * Where in them it begins is drawn. Two processes with one data directory's copies may have one id
 * and one generation until they have met, and an answer to the one must not pass for an answer to
 * the other: an acknowledgement of something else, or another key's record.
 */
const FIRST_REQUEST_MAX = 2 ** 20
/** Batches on their way to the disk; beyond it writes are refused, whoever brings them. */
export const BATCHES_BUSY = 32_768

export class Outlet implements Host {
  readonly self: NodeId
  now: Instant = instant(0)
  wallMs = 0
  clonedBy: Address | undefined
  /** Whether somebody wants to know what becomes durable. */
  isWatched: () => boolean = () => false
  readonly timers: TimerQueue<NodeTimer> = new TimerQueue()
  #effects: Effects<NodeEffect> = NOWHERE
  // Bounded by: BATCHES_BUSY, by whoever asks `storeBusy` before a write, and the few batches of
  // the node's own state.
  readonly #batches = new Map<number, BatchTicket>()
  // Bounded by: what the two that scan have in flight, each of which bounds its own.
  readonly #scans = new Map<number, Ticket<ScanOwner>>()
  // What each connected peer was told last. Bounded by: NODES_MAX; beyond it all are told again.
  readonly #told = new Map<NodeId, number>()
  readonly #isUp: (node: NodeId) => boolean
  readonly #isPreferred: (node: NodeId) => boolean
  readonly #distance: (node: NodeId) => number
  readonly #state: (answer: boolean) => StateSync
  readonly #settled: (owner: StoreOwner, at: Instant) => void
  readonly #replied: (client: number) => void
  #batch = 0
  #scan = 0
  #request: number
  #revision = 0

  constructor(options: {
    readonly self: NodeId
    readonly generation: number
    readonly rng: Prng
    readonly isUp: (node: NodeId) => boolean
    readonly isPreferred: (node: NodeId) => boolean
    readonly distance: (node: NodeId) => number
    readonly state: (answer: boolean) => StateSync
    /** What became of a batch handed over at that time is known. */
    readonly settled: (owner: StoreOwner, at: Instant) => void
    readonly replied: (client: number) => void
  }) {
    this.self = options.self
    this.#isUp = options.isUp
    this.#isPreferred = options.isPreferred
    this.#distance = options.distance
    this.#state = options.state
    this.#settled = options.settled
    this.#replied = options.replied
    const first = options.rng.below(FIRST_REQUEST_MAX)
    this.#request = options.generation * REQUESTS_PER_SECOND_OF_LIFE + first
  }

  begin(now: Now, effects: Effects<NodeEffect>): void {
    this.now = now.instant
    this.wallMs = now.wallMs
    this.#effects = effects
  }

  nextRequest(): number {
    return ++this.#request
  }

  isUp(node: NodeId): boolean {
    return this.#isUp(node)
  }

  isPreferred(node: NodeId): boolean {
    return this.#isPreferred(node)
  }

  distance(node: NodeId): number {
    return this.#distance(node)
  }

  /** A disk that stands still must not fill the memory with what waits for it. */
  get storeBusy(): boolean {
    return this.#batches.size >= BATCHES_BUSY
  }

  send(to: NodeId, message: PeerMessage): void {
    // A chunk is data of our layout, though it does not say so: who asked for that of another must
    // hear of ours first.
    const isOfLayout = 'layoutVersion' in message || 'readVersion' in message
    if (isOfLayout || message.type === 'transfer-chunk') this.tell(to)
    this.#effects.push({ type: 'send', to, message })
  }

  /** Makes sure that `peer` knows our layout before it reads what is sent next. */
  tell(peer: NodeId): void {
    if (this.#told.get(peer) === this.#revision) return
    if (this.#told.size >= NODES_MAX) this.#told.clear()
    this.#told.set(peer, this.#revision)
    this.#effects.push({ type: 'send', to: peer, message: this.#state(false) })
  }

  /** Our state is another: everyone must be told anew. */
  changed(): void {
    this.#revision++
  }

  /** What was sent to `peer` may not have arrived. */
  lost(peer: NodeId): void {
    this.#told.delete(peer)
  }

  store(owner: StoreOwner, token: number, operations: readonly StoreOperation[]): void {
    const batch = ++this.#batch
    const kept = this.isWatched() ? operations : undefined
    this.#batches.set(batch, { owner, token, at: this.now, operations: kept })
    this.#effects.push({ type: 'store', batch, operations })
  }

  takeBatch(batch: number): BatchTicket | undefined {
    const ticket = take(this.#batches, batch)
    if (ticket !== undefined) this.#settled(ticket.owner, ticket.at)
    return ticket
  }

  scan(owner: ScanOwner, token: number, ranges: readonly ScanRange[]): void {
    const scan = ++this.#scan
    this.#scans.set(scan, { owner, token })
    this.#effects.push({ type: 'scan', scan, ranges })
  }

  takeScan(scan: number): Ticket<ScanOwner> | undefined {
    return take(this.#scans, scan)
  }

  installKeys(revision: number, state: KeyringState): void {
    this.#effects.push({ type: 'keyring', revision, state })
  }

  arm(timer: NodeTimer, at: Instant): void {
    this.timers.arm(timer, at)
  }

  reply(client: number, reply: ClientReply): void {
    this.#replied(client)
    this.#effects.push({ type: 'reply', client, reply })
  }

  note(note: Note): void {
    this.#effects.push({ type: 'note', note })
  }

  effect(effect: NodeEffect): void {
    this.#effects.push(effect)
  }
}

function take<V>(map: Map<number, V>, key: number): V | undefined {
  const value = map.get(key)
  map.delete(key)
  return value
}
