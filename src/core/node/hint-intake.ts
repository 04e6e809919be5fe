/**
 * Hints that others have kept for this node, as they are brought. They are merged like everything
 * that arrives (`holdings.ts`): one that comes late, after its value was superseded or deleted and
 * reaped, is dropped (V7). A message is one unit of background work and one batch; it is answered
 * when that is durable, so that nobody can bring more than the disk takes and the clients leave.
 */
import { assert } from '../std/assert.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { StoreOperation } from '../ports.ts'
import type { HandedHint, HandoffOutcome, HintHandoff } from '../repair/hint-messages.ts'
import { greatestStamp } from '../versions/container.ts'
import type { HybridClock } from '../versions/hybrid-clock.ts'
import type { Container } from '../versions/version.ts'
import type { Actors } from './actors.ts'
import type { LocalHoldings } from './holdings.ts'
import type { Host } from './host.ts'
import type { LayoutKeeper } from './layout-keeper.ts'
import { isRecordKey } from './storage-keys.ts'

export interface HintIntakeParts {
  readonly layout: LayoutKeeper
  readonly holdings: LocalHoldings
  readonly actors: Actors
  readonly clock: HybridClock
  /** Calls back when one unit of background work may be done: at once, or later. */
  readonly admit: (go: () => void) => void
  readonly unreadable: (key: Uint8Array) => void
}

/** Messages taken at once; whoever brings more comes again later. */
const MESSAGES_MAX = 16

interface Taking {
  readonly to: NodeId
  readonly request: number
  readonly hints: number
  /** How many batches had been lost when it was handed to the disk. */
  readonly losses: number
}

export class HintIntake {
  readonly #host: Host
  readonly #parts: HintIntakeParts
  // By token. Bounded by: MESSAGES_MAX, with those that wait for their turn.
  readonly #taking = new Map<number, Taking>()
  #waiting = 0
  #token = 0
  #losses = 0
  #received = 0

  constructor(host: Host, parts: HintIntakeParts) {
    this.#host = host
    this.#parts = parts
  }

  /** Hints taken in this life of the node. */
  get received(): number {
    return this.#received
  }

  handed(from: NodeId, message: HintHandoff): void {
    if (this.#waiting + this.#taking.size >= MESSAGES_MAX)
      return this.#answer(from, message, 'busy')
    this.#waiting++
    this.#parts.admit(() => {
      this.#waiting--
      this.#take(from, message)
    })
  }

  stored(token: number): void {
    const taking = this.#end(token)
    if (taking === undefined) return
    // What seemed to be here already may have been lost with another batch.
    if (taking.losses !== this.#losses) return this.#answer(taking.to, taking, 'store-failed')
    this.#received += taking.hints
    this.#answer(taking.to, taking, 'stored')
  }

  storeFailed(token: number): void {
    const taking = this.#end(token)
    if (taking !== undefined) this.#answer(taking.to, taking, 'store-failed')
  }

  /** A batch of anybody's on this node was not taken by the disk. */
  batchLost(): void {
    this.#losses++
  }

  check(): void {
    const taken = this.#waiting + this.#taking.size
    assert(taken <= MESSAGES_MAX, () => `${taken} messages of hints at once`)
  }

  #take(from: NodeId, message: HintHandoff): void {
    const refusal = this.#refusal(message)
    if (refusal !== undefined) return this.#answer(from, message, refusal)
    const operations: StoreOperation[] = []
    const partitions = new Set<PartitionId>()
    for (const hint of message.hints)
      if (this.#merge(from, hint, operations)) partitions.add(hint.partition)
    for (const partition of partitions)
      operations.push(this.#parts.holdings.clockChange(partition).operation)
    const token = ++this.#token
    const hints = message.hints.length
    this.#taking.set(token, { to: from, request: message.request, hints, losses: this.#losses })
    // Nothing to store: a barrier.
    this.#host.store('hint-intake', token, operations)
  }

  #refusal({ layoutVersion, hints }: HintHandoff): HandoffOutcome | undefined {
    const { layout } = this.#parts
    const { clonedBy, storeBusy, self } = this.#host
    if (clonedBy !== undefined || storeBusy) return 'store-failed'
    if (layoutVersion < layout.version) return 'stale-layout'
    const isOurs = hints.every(({ partition }) =>
      layout.placementOf(partition)?.writeSets.some((set) => set.includes(self)),
    )
    return isOurs ? undefined : 'not-replica'
  }

  /** Whether the partition's clock has changed, or will have with the operations added. */
  #merge(from: NodeId, hint: HandedHint, operations: StoreOperation[]): boolean {
    const { partition, key, record, base } = hint
    // A key is a place in our store: one that is no record's would reach into something else.
    const merged =
      isRecordKey(key, partition) && record.length > 0
        ? this.#parts.holdings.mergeChange(partition, key, record, base)
        : 'malformed'
    if (merged === 'malformed') {
      const what = 'a hint that is no record'
      this.#host.note({ type: 'peer-misbehaved', peer: from, what })
      return false
    }
    this.#hear(from, partition, merged.container)
    if (merged.unreadable) this.#parts.unreadable(key)
    if (merged.operations === undefined) return false
    for (const operation of merged.operations) operations.push(operation)
    return true
  }

  /** As of every record that a peer sends (V1, V10). */
  #hear(from: NodeId, partition: PartitionId, container: Container): void {
    const { clock, actors } = this.#parts
    const { wallMs } = this.#host
    const stamp = greatestStamp(container)
    if (stamp.ms > 0 && clock.observe(stamp, wallMs) === 'too-far-ahead')
      this.#host.note({ type: 'clock-skew', peer: from, aheadMs: stamp.ms - wallMs })
    if (actors.of(partition)?.forgot(container.vector) !== true) return
    actors.renew(partition)
    this.#host.note({ type: 'amnesia', partition })
  }

  #end(token: number): Taking | undefined {
    const taking = this.#taking.get(token)
    this.#taking.delete(token)
    return taking
  }

  #answer(to: NodeId, { request }: { readonly request: number }, outcome: HandoffOutcome): void {
    this.#host.send(to, { type: 'hint-handoff-reply', request, outcome })
  }
}
