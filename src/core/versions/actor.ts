/**
 * A replica's actor: where its dots come from.
 *
 * A dot must never be drawn twice. The obvious way, one more than the highest counter in the local
 * copy, does it as soon as that copy is lost, restored from a backup, or deleted: the second write
 * under an old name is then taken for one that was superseded long ago, everywhere, and disappears
 * without a trace (riak_kv#679). So the counter belongs to the vnode and to no key, and what is
 * durable is not the counter, which would cost a sync for each write, but a bound on it:
 *
 * ```
 *   0 ─────────── drawn ───────── last ─────── leased until ╌╌╌╌ pending ╌╌╌╌
 *   start:  last = leased until: all that may have been drawn before lies below
 *   draw:   last + 1, while that is within the lease
 *   lease:  the next LEASE counters, asked for when a fifth is left, one at a time
 * ```
 * When somebody else knows a counter of ours above `last`, this disk has forgotten what it did: the
 * vnode id is burnt, and the partition needs a new one (V1).
 *
 * Stored beside the partition's data, in the same store, and deleted before it:
 *
 * ```
 *   actor = format:u8 vnode:u64 leased-until:u64 crc:u32          crc over all before it
 * ```
 * Invariant: 0 ≤ last ≤ leased until ≤ 2^53 − 1, and leased until is durable.
 */
import { assert } from '../std/assert.ts'
import { ByteReader, ByteWriter } from '../std/bytes.ts'
import type { Checksum } from '../std/crc32.ts'
import type { VnodeId } from '../std/ids.ts'
import type { Dot, VersionVector } from './version.ts'
import { counterOf } from './version-vector.ts'

/** Counters of one lease: what a restart skips at most. */
const LEASE = 10_000
/** Asked for with so many left: time to make it durable before they are used up. */
const LEASE_LOW = LEASE / 5
const ACTOR_FORMAT = 1
const ACTOR_BYTES = 21
const CRC_OFFSET = ACTOR_BYTES - 4

/** What is durable of an actor. */
export interface ActorState {
  readonly vnode: VnodeId
  /** No counter above it was ever drawn. */
  readonly leasedUntil: number
}

export class Actor {
  readonly #vnode: VnodeId
  #last: number
  #leasedUntil: number
  #pendingUntil: number | undefined

  constructor(state: ActorState) {
    this.#vnode = state.vnode
    this.#last = state.leasedUntil
    this.#leasedUntil = state.leasedUntil
  }

  get vnode(): VnodeId {
    return this.#vnode
  }

  /** The last counter that was drawn, or skipped. */
  get last(): number {
    return this.#last
  }

  /** Whether its id and a bound on its counter are durable. */
  get isDurable(): boolean {
    return this.#leasedUntil > 0
  }

  /** A name for one write; undefined while the durable lease is used up. */
  draw(): Dot | undefined {
    if (this.#last >= this.#leasedUntil) return undefined
    this.#last++
    return { vnode: this.#vnode, counter: this.#last }
  }

  /**
   * The bound to make durable, when little of the lease is left and none is on its way; answer with
   * {@link leaseGranted} or {@link leaseFailed}.
   */
  leaseWanted(): number | undefined {
    if (this.#pendingUntil !== undefined || this.#leasedUntil - this.#last > LEASE_LOW)
      return undefined
    const until = this.#leasedUntil + LEASE
    // The end of exact numbers, out of reach by writing: from there on the actor only ever runs
    // dry.
    if (until > Number.MAX_SAFE_INTEGER) return undefined
    this.#pendingUntil = until
    return until
  }

  /** `until` is durable. */
  leaseGranted(until: number): void {
    this.#pendingUntil = undefined
    this.#leasedUntil = Math.max(this.#leasedUntil, until)
  }

  /** The bound asked for did not become durable: it will be asked for again. */
  leaseFailed(): void {
    this.#pendingUntil = undefined
  }

  /** Whether `vector` names a write of ours that we cannot have made: amnesia. */
  forgot(vector: VersionVector): boolean {
    return counterOf(vector, this.#vnode) > this.#last
  }

  check(): void {
    assert(
      Number.isSafeInteger(this.#vnode) && this.#vnode > 0,
      () => `no vnode id: ${this.#vnode}`,
    )
    assert(Number.isSafeInteger(this.#last) && this.#last >= 0, () => `no counter: ${this.#last}`)
    const until = this.#leasedUntil
    assert(this.#last <= until, () => `drew ${this.#last} under a lease until ${until}`)
    assert(Number.isSafeInteger(until), () => `no lease: ${until}`)
    const pending = this.#pendingUntil
    assert(pending === undefined || pending > until, () => `asked for ${pending}, has ${until}`)
  }
}

export function encodeActor(state: ActorState, checksum: Checksum): Uint8Array {
  const writer = new ByteWriter(ACTOR_BYTES)
  writer.u8(ACTOR_FORMAT)
  writer.u64(state.vnode)
  writer.u64(state.leasedUntil)
  writer.u32(checksum(writer.view()))
  return writer.take()
}

/**
 * undefined when the bytes are not what was written. Such a vnode may not draw under its old id,
 * and since its id is unknown, not under any: the partition needs a new one.
 */
export function decodeActor(bytes: Uint8Array, checksum: Checksum): ActorState | undefined {
  const reader = new ByteReader(bytes)
  const format = reader.u8()
  const vnode = reader.u64()
  const leasedUntil = reader.u64()
  const crc = reader.u32()
  if (!reader.finished || format !== ACTOR_FORMAT || vnode === 0) return undefined
  if (crc !== checksum(bytes.subarray(0, CRC_OFFSET))) return undefined
  return { vnode: vnode as VnodeId, leasedUntil }
}
