/**
 * The taking side of a transfer: after a layout change, this node pulls the partitions that it
 * newly owns.
 *
 * One old owner is not enough. A write is acknowledged when W of the old set have it, so any single
 * old owner may lack it; out of (size of the set − W + 1) of them at least one has it. So a
 * partition is pulled completely from `needed` sources, each record merged with what is here (V4),
 * and is then as good as a read quorum would be.
 *
 * ```
 *   partition ── stream from source A ── request ▶ chunk ▶ merge ▶ store ▶ request … ▶ done
 *             ├─ stream from source B ── …       complete when `needed` of them are done
 *             └─ stream from source C     (only when A or B does not answer)
 * ```
 * What a source had seen when its stream began is seen here when the stream is done, so its
 * partition clock is taken over then. A new owner without it would not know a deleted version from
 * a new one, once those who knew are gone.
 *
 * That nothing is missing of it is proven where that is possible (`transfer-proof.ts`); a stream
 * with a record that is broken, or that differs from what its source holds, leaves the clock.
 *
 * A stream keeps its cursor, the last key that is durable here: after a lost connection, a silent
 * or a restarted source it goes on from there. Each chunk's batch has the cursor as well, so that a
 * node that is started again goes on where it stopped (`transfer-cursor.ts`). A source
 * that fails rests for a while, longer each time, and its streams give way to those of other
 * sources; one of which something is here already is preferred when it is back.
 *
 * A record that equals what the store holds, as most do from the second source on, is neither
 * decoded nor stored again. That trusts the store to keep what was handed over: should it fail to,
 * every stream of that partition begins anew, as another may have skipped a record that is now not
 * here. For the same reason nobody's cursor is kept any more once a batch of this node was lost,
 * until the next `begin` goes on from those that are durable.
 *
 * Invariants: at most PARTITIONS_AT_ONCE partitions with streams in flight, and of each no more
 * than it still needs, so when the last one is done nothing is in flight; one request or store in
 * flight for each stream; while something is pending, something is in flight or a resting source
 * has a timer.
 */
import { assert } from '../std/assert.ts'
import { compareBytes, equalBytes } from '../std/bytes.ts'
import type { Effects } from '../std/effects.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { Instant } from '../std/instant.ts'
import { duration, later } from '../std/instant.ts'
import type { StoreOperation } from '../ports.ts'
import type { TransferChunk } from './messages.ts'
import { TRANSFER_CHUNK_RECORDS_MAX } from './messages.ts'
import { SourceRests } from './source-rests.ts'
import { Throughput } from './throughput.ts'
import type {
  TransferReceiverEffect,
  TransferReceiverEvent,
  TransferReceiverOptions,
  TransferTimer,
} from './transfer-events.ts'
import { ending, NOTHING_ENDED, progressOf } from './transfer-progress.ts'
import type { TransferProgress } from './transfer-progress.ts'
import { addToProof, beginProof, judge } from './transfer-proof.ts'
import type { Proof } from './transfer-proof.ts'
import { NO_SIZE } from './partition-size.ts'
import { countIn, equalPlans, START, workOn } from './transfer-work.ts'
import type { PartitionTransfer, Stream, Work } from './transfer-work.ts'

export const PARTITIONS_AT_ONCE = 8
/**
 * A source that has not answered for so long, milliseconds, is asked again or another instead. An
 * answer waits for leave at the source, and in turn here, behind up to PARTITIONS_AT_ONCE others
 * and a quiet second: one that is only made to wait must not pass for one that is gone.
 */
export const SILENCE_MS = 15_000

export class TransferReceiver {
  readonly #options: TransferReceiverOptions
  #layoutVersion = 0
  #plan: readonly PartitionTransfer[] = []
  /** What is not complete yet. Bounded by: the partitions of the layout. */
  readonly #pending = new Map<PartitionId, Work>()
  /** Those with streams in flight. Bounded by: PARTITIONS_AT_ONCE. */
  readonly #busy = new Set<Work>()
  // Both bounded by: PARTITIONS_AT_ONCE times the old owners of a partition.
  readonly #asked = new Map<number, Stream>()
  readonly #storing = new Map<number, Stream>()
  readonly #rests: SourceRests
  #request: number
  #token = 0
  #records = 0
  #malformed = 0
  #broken = 0
  readonly #proofs: Record<Proof, number> = { proven: 0, unknown: 0, differs: 0 }
  #ended = NOTHING_ENDED
  readonly #throughput = new Throughput()
  /** Whether no batch was lost since the work in hand began. */
  #keepsCursors = true

  constructor(options: TransferReceiverOptions) {
    this.#options = options
    this.#rests = new SourceRests(options.rng)
    // An answer to the request of an earlier run of this node must not pass for one of ours: it
    // names no partition.
    this.#request = options.rng.u32()
  }

  /** Partitions that are not complete. */
  get pending(): number {
    return this.#pending.size
  }

  /** Records that were new here, since the layout changed. */
  get records(): number {
    return this.#records
  }

  /** Chunks dropped because they held what no source may send. */
  get malformedChunks(): number {
    return this.#malformed
  }

  /** Records that came broken, in this life. */
  get brokenRecords(): number {
    return this.#broken
  }

  /** Streams that have come to their end, in this life. */
  get proofs(): Readonly<Record<Proof, number>> {
    return { ...this.#proofs }
  }

  /** Bytes a second, as long as it pulled in this life; undefined: too little to tell. */
  get perSecond(): number | undefined {
    return this.#throughput.perSecond
  }

  /** undefined: nothing is pulled. Goes through all that is pending. */
  get progress(): TransferProgress | undefined {
    const partitions = this.#plan.length
    if (this.#pending.size === 0) return undefined
    return {
      ...{ partitions, done: partitions - this.#pending.size, bytesPerSecond: this.perSecond },
      ...progressOf(this.#ended, this.#pending.values()),
    }
  }

  step(event: TransferReceiverEvent, now: Instant, effects: Effects<TransferReceiverEffect>): void {
    switch (event.type) {
      case 'begin':
        return this.#onBegin(event.layoutVersion, event.partitions, now, effects)
      case 'chunk':
        return this.#onChunk(event.from, event.message, now, effects)
      case 'stored':
        return this.#onStored(event.token, now, effects)
      case 'store-failed':
        return this.#onStoreFailed(event.token, now, effects)
      case 'batch-lost':
        this.#keepsCursors = false
        return
      case 'peer-lost':
        return this.#onPeerLost(event.peer, now, effects)
      case 'peer-up':
        return this.#onPeerUp(event.peer, now, effects)
      case 'timer':
        return this.#onTimer(event.timer, now, effects)
    }
  }

  check(): void {
    assert(this.#busy.size <= PARTITIONS_AT_ONCE, () => `${this.#busy.size} partitions at once`)
    let inFlight = 0
    for (const work of this.#pending.values()) {
      const missing = work.needed - countIn(work, 'done')
      const busy = countIn(work, 'asked') + countIn(work, 'storing')
      assert(missing > 0, () => `partition ${work.partition} needs ${missing} more and is pending`)
      assert(
        busy <= missing,
        () => `partition ${work.partition} has ${busy} streams for ${missing}`,
      )
      assert(
        this.#busy.has(work) === busy > 0,
        () => `partition ${work.partition} has ${busy} streams`,
      )
      inFlight += busy
    }
    for (const stream of this.#asked.values()) assert(stream.state === 'asked', stream.state)
    for (const stream of this.#storing.values()) assert(stream.state === 'storing', stream.state)
    const known = this.#asked.size + this.#storing.size
    assert(known === inFlight, () => `${known} answers awaited for ${inFlight} streams`)
    const moves = this.#pending.size === 0 || inFlight > 0 || this.#rests.anyResting
    assert(moves, () => `${this.#pending.size} partitions are pending and nothing moves`)
  }

  #onBegin(
    layoutVersion: number,
    plan: readonly PartitionTransfer[],
    now: Instant,
    effects: Effects<TransferReceiverEffect>,
  ): void {
    if (layoutVersion < this.#layoutVersion) return
    if (layoutVersion === this.#layoutVersion && equalPlans(plan, this.#plan)) return
    this.#layoutVersion = layoutVersion
    this.#plan = plan
    this.#records = 0
    this.#ended = NOTHING_ENDED
    this.#pending.clear()
    this.#busy.clear()
    this.#asked.clear()
    this.#storing.clear()
    this.#rests.clear()
    this.#keepsCursors = true
    for (const one of plan) this.#take(one, effects)
    if (this.#pending.size === 0) effects.push({ type: 'complete', layoutVersion })
    else this.#startMore(now, effects)
  }

  /** Takes on a partition, from where its cursors say. */
  #take(transfer: PartitionTransfer, effects: Effects<TransferReceiverEffect>): void {
    const { partition, sources } = transfer
    const needed = Math.max(0, Math.min(transfer.needed, sources.length))
    const work = workOn({ partition, sources, needed }, this.#options.cursorOf)
    for (const stream of work.streams) if (stream.state === 'done') absorb(stream, effects)
    if (countIn(work, 'done') < needed) this.#pending.set(partition, work)
    else {
      this.#ended = ending(this.#ended, work)
      effects.push({ type: 'transferred', partition, records: 0 })
    }
  }

  #onChunk(
    from: NodeId,
    message: TransferChunk,
    now: Instant,
    effects: Effects<TransferReceiverEffect>,
  ): void {
    const stream = this.#asked.get(message.request)
    if (stream === undefined || stream.source !== from) return
    this.#asked.delete(message.request)
    if (message.outcome !== 'ok') return this.#fail(stream, now, effects)
    if (!this.#isSound(stream, message)) {
      this.#malformed++
      return this.#fail(stream, now, effects)
    }
    this.#note(stream, message, now)
    const { operations, changes } = this.#changes(stream, message, effects)
    const last = message.entries.at(-1)?.key ?? stream.after
    stream.chunk = { last, done: message.done, changes }
    if (message.done) this.#judge(stream, message, effects)
    const cursor = this.#cursorAt(stream)
    if (operations.length === 0) {
      if (cursor !== undefined) effects.push({ type: 'keep', operation: cursor })
      return this.#advance(stream, now, effects)
    }
    if (cursor !== undefined) operations.push(cursor)
    const token = ++this.#token
    stream.state = 'storing'
    this.#storing.set(token, stream)
    effects.push({ type: 'store', token, operations })
  }

  /** The stream has come to its end: whether it is what its source holds. */
  #judge(stream: Stream, { root }: TransferChunk, effects: Effects<TransferReceiverEffect>): void {
    const proof = judge(stream.proof, root)
    this.#proofs[proof]++
    if (proof === 'proven') return
    const { work, source, chunk } = stream
    // What it lacked at the first reading it may lack again, unseen.
    if (stream.hasDiffered) stream.clock = START
    if (proof === 'unknown') return
    const again = !stream.hasDiffered
    effects.push({ type: 'transfer-differs', partition: work.partition, source, again })
    stream.hasDiffered = true
    stream.clock = START
    if (again) stream.chunk = { ...chunk, last: START, done: false }
  }

  /** Takes down what a chunk says besides its records, and how much that is. */
  #note(stream: Stream, { entries, clock, root, size }: TransferChunk, now: Instant): void {
    if (stream.after.length === 0) {
      stream.clock = clock
      stream.proof = beginProof(root)
      stream.read = NO_SIZE
      stream.size = size
    }
    let { bytes } = stream.read
    for (const { key, record } of entries) {
      bytes += key.length + record.length
      if (stream.proof.root.length > 0)
        addToProof(stream.proof, key, this.#options.versionsIn(record))
    }
    this.#throughput.add(bytes - stream.read.bytes, now)
    stream.read = { records: stream.read.records + entries.length, bytes }
  }

  /** Where the stream stands once the chunk in hand is durable. */
  #cursorAt(stream: Stream): StoreOperation | undefined {
    if (!this.#keepsCursors) return undefined
    const { work, source, clock, chunk, proof, read, size, hasDiffered } = stream
    const at = { after: chunk.last, clock, done: chunk.done, hasDiffered }
    const cursor = { ...at, proof: { ...proof }, read, size }
    return this.#options.keepCursor(work.partition, source, cursor)
  }

  /** Whether a chunk holds keys of its partition only, ascending from the cursor, and leads on. */
  #isSound(stream: Stream, message: TransferChunk): boolean {
    const { entries, done } = message
    if (entries.length > TRANSFER_CHUNK_RECORDS_MAX) return false
    if (entries.length === 0) return done
    const range = this.#options.rangeOf(stream.work.partition)
    if (compareBytes(entries[0]!.key, range.from) < 0) return false
    let previous = stream.after
    for (const { key } of entries) {
      if (compareBytes(key, previous) <= 0) return false
      previous = key
    }
    return compareBytes(previous, range.to) < 0
  }

  #changes(
    stream: Stream,
    message: TransferChunk,
    effects: Effects<TransferReceiverEffect>,
  ): { operations: StoreOperation[]; changes: number } {
    const { partition } = stream.work
    const operations: StoreOperation[] = []
    let changes = 0
    for (const { key, record } of message.entries) {
      const held = this.#options.store.get(key)
      if (held === 'unreadable') effects.push({ type: 'unreadable', key })
      else if (held !== undefined && equalBytes(held, record)) continue
      const change = this.#options.merge(partition, key, record, message.base)
      if (change === undefined) continue
      if (change === 'malformed') {
        // The source's clock claims it. Taken over, it would keep it out for ever.
        stream.clock = START
        this.#broken++
        continue
      }
      changes++
      for (const operation of change) operations.push(operation)
    }
    if (changes > 0) operations.push(this.#options.seal(partition))
    return { operations, changes }
  }

  #onStored(token: number, now: Instant, effects: Effects<TransferReceiverEffect>): void {
    const stream = this.#storing.get(token)
    if (stream === undefined) return
    this.#storing.delete(token)
    stream.work.records += stream.chunk.changes
    this.#records += stream.chunk.changes
    this.#advance(stream, now, effects)
  }

  #onStoreFailed(token: number, now: Instant, effects: Effects<TransferReceiverEffect>): void {
    const stream = this.#storing.get(token)
    if (stream === undefined) return
    this.#storing.delete(token)
    this.#keepsCursors = false
    for (const other of stream.work.streams) {
      // One whose request is under way would get a chunk that does not follow its cursor: it lets
      // that go as well.
      if (other.state === 'asked') this.#forget(other)
      if (other.state !== 'storing') other.state = 'idle'
      other.after = START
      other.chunk = { ...other.chunk, last: START, done: false }
    }
    this.#fail(stream, now, effects)
  }

  /** The chunk in hand is durable: on to the next, or to the end. */
  #advance(stream: Stream, now: Instant, effects: Effects<TransferReceiverEffect>): void {
    const { work, source, chunk } = stream
    this.#rests.succeed(source)
    stream.after = chunk.last
    if (!chunk.done) return this.#ask(stream, now, effects)
    stream.state = 'done'
    this.#noteIdle(work)
    absorb(stream, effects)
    const { partition } = work
    if (countIn(work, 'done') === work.needed) {
      this.#pending.delete(partition)
      this.#ended = ending(this.#ended, work)
      effects.push({ type: 'transferred', partition, records: work.records })
      if (this.#pending.size === 0)
        effects.push({ type: 'complete', layoutVersion: this.#layoutVersion })
    }
    this.#startMore(now, effects)
  }

  /** The source could not serve the stream now. It rests, and others take over. */
  #fail(stream: Stream, now: Instant, effects: Effects<TransferReceiverEffect>): void {
    const { work, source } = stream
    stream.state = 'idle'
    this.#noteIdle(work)
    const rest = this.#rests.fail(source)
    if (rest !== undefined) {
      const timer: TransferTimer = { reason: 'rested', source, rest: rest.rest }
      effects.push({ type: 'arm', timer, at: later(now, rest.time) })
    }
    this.#startMore(now, effects)
  }

  #onPeerLost(peer: NodeId, now: Instant, effects: Effects<TransferReceiverEffect>): void {
    for (const [request, stream] of [...this.#asked]) {
      if (stream.source !== peer) continue
      this.#asked.delete(request)
      this.#fail(stream, now, effects)
    }
  }

  #onPeerUp(peer: NodeId, now: Instant, effects: Effects<TransferReceiverEffect>): void {
    this.#rests.succeed(peer)
    if (this.#rests.wake(peer)) this.#startMore(now, effects)
  }

  #onTimer(timer: TransferTimer, now: Instant, effects: Effects<TransferReceiverEffect>): void {
    switch (timer.reason) {
      case 'silence': {
        const stream = this.#asked.get(timer.request)
        if (stream === undefined) return
        this.#asked.delete(timer.request)
        return this.#fail(stream, now, effects)
      }
      case 'rested':
        if (this.#rests.wake(timer.source, timer.rest)) this.#startMore(now, effects)
        return
    }
  }

  /** Starts what may be started: more streams of the partitions in hand, then more partitions. */
  #startMore(now: Instant, effects: Effects<TransferReceiverEffect>): void {
    for (const work of this.#busy) this.#startStreams(work, now, effects)
    for (const work of this.#pending.values()) {
      if (this.#busy.size >= PARTITIONS_AT_ONCE) return
      if (!this.#busy.has(work)) this.#startStreams(work, now, effects)
    }
  }

  #startStreams(work: Work, now: Instant, effects: Effects<TransferReceiverEffect>): void {
    const running = work.streams.length - countIn(work, 'idle')
    for (let missing = work.needed - running; missing > 0; missing--) {
      const ready = work.streams.filter(
        ({ state, source }) => state === 'idle' && !this.#rests.isResting(source),
      )
      const stream = ready.find(({ after }) => after.length > 0) ?? ready[0]
      if (stream === undefined) return
      this.#ask(stream, now, effects)
    }
  }

  #ask(stream: Stream, now: Instant, effects: Effects<TransferReceiverEffect>): void {
    const request = ++this.#request
    const { after, work, source } = stream
    const { partition } = work
    stream.state = 'asked'
    this.#asked.set(request, stream)
    this.#busy.add(work)
    const layoutVersion = this.#layoutVersion
    effects.push({
      type: 'send',
      to: source,
      message: { type: 'transfer-request', request, layoutVersion, partition, after },
    })
    const timer: TransferTimer = { reason: 'silence', request }
    effects.push({ type: 'arm', timer, at: later(now, duration(SILENCE_MS)) })
  }

  /** Lets the request go that a stream has under way. */
  #forget(stream: Stream): void {
    for (const [request, asked] of this.#asked) if (asked === stream) this.#asked.delete(request)
  }

  #noteIdle(work: Work): void {
    if (countIn(work, 'asked') + countIn(work, 'storing') === 0) this.#busy.delete(work)
  }
}

function absorb({ work, clock }: Stream, effects: Effects<TransferReceiverEffect>): void {
  if (clock.length === 0) return
  effects.push({ type: 'absorb', partition: work.partition, clock })
}
