/**
 * Frames out of a stream of bytes: `length u32 · body`, the length being that of the body, 1 … max.
 *
 * TCP hands over chunks that know nothing of frames. The parser is fed one chunk after the other
 * and calls back once for each complete frame, whatever the chunking.
 *
 * - A frame that lies within one chunk is a view into it, not a copy: that is nearly every frame,
 *   and the socket never reuses a chunk. The price is that a byte string kept from a frame keeps
 *   its chunk (at most 64 KiB) alive; messages live as long as a request, and what is stored is
 *   copied by the store.
 * - A frame that goes on in the next chunk is gathered in a buffer of its own, which grows with the
 *   bytes that came and not with the length that was claimed: a caller who announces 16 MiB and
 *   sends nothing costs 64 KiB.
 * - The first bad length ends it. There is no way to find the next frame, so the connection must be
 *   closed.
 *
 * - Between two frames it can be told to pause: it then keeps the rest of the chunk until it is
 *   told to go on.
 *
 * Frames are plain `Uint8Array`s and never `Buffer`s, whose `slice` shares memory where the core
 * expects a copy.
 */

export const LENGTH_BYTES = 4

/** What a new frame may take before its bytes are there. */
const FIRST_BYTES = 64 * 1024

/**
 * `empty`, `oversize`: the stream cannot be read on. `stopped`: the receiver of the frames wants no
 * more. `paused`: there is more, for `resume`.
 */
export type ParseResult = 'ok' | 'empty' | 'oversize' | 'stopped' | 'paused'

export class FrameParser {
  #bodyBytesMax: number
  #result: ParseResult = 'ok'
  /** Length bytes seen, and their value so far. */
  #lengthBytes = 0
  #length = 0
  /**
   * The frame that the last chunk did not finish. Bounded by: twice the bytes received, and
   * bodyBytesMax.
   */
  #body: Uint8Array | undefined
  #filled = 0
  /** What came behind the frame at which it was paused. Bounded by: one chunk. */
  #rest: Uint8Array | undefined
  #isPaused = false

  constructor(bodyBytesMax: number) {
    this.#bodyBytesMax = bodyBytesMax
  }

  /**
   * From the next frame on: what an unknown caller may send is far less than what a known one may.
   */
  setBodyBytesMax(bodyBytesMax: number): void {
    this.#bodyBytesMax = bodyBytesMax
  }

  /** Whether the bytes so far end in the middle of a frame. */
  get isInsideFrame(): boolean {
    return this.#lengthBytes > 0
  }

  /**
   * `onFrame` says whether to go on. It may be called after a `stopped` or an error never again.
   */
  push(chunk: Uint8Array, onFrame: (body: Uint8Array) => boolean): ParseResult {
    let offset = 0
    this.#isPaused = false
    this.#rest = undefined
    while (this.#result === 'ok' && offset < chunk.length) {
      if (this.#isPaused) {
        this.#rest = chunk.subarray(offset)
        return 'paused'
      }
      if (this.#lengthBytes < LENGTH_BYTES) {
        offset = this.#readLength(chunk, offset)
        continue
      }
      const end = offset + this.#length
      if (this.#body === undefined && end <= chunk.length) {
        this.#finish(chunk.subarray(offset, end), onFrame)
        offset = end
      } else offset = this.#gather(chunk, offset, onFrame)
    }
    return this.#result
  }

  /** For `onFrame`: the next frame waits for `resume`, if there is one in the chunk. */
  pause(): void {
    this.#isPaused = true
  }

  /** Goes on behind a `paused`; nothing must be pushed in between. */
  resume(onFrame: (body: Uint8Array) => boolean): ParseResult {
    return this.#rest === undefined ? this.#result : this.push(this.#rest, onFrame)
  }

  #readLength(chunk: Uint8Array, from: number): number {
    let offset = from
    while (this.#lengthBytes < LENGTH_BYTES && offset < chunk.length) {
      this.#length = this.#length * 256 + chunk[offset++]!
      this.#lengthBytes++
    }
    if (this.#lengthBytes === LENGTH_BYTES) {
      if (this.#length === 0) this.#result = 'empty'
      if (this.#length > this.#bodyBytesMax) this.#result = 'oversize'
    }
    return offset
  }

  #gather(chunk: Uint8Array, offset: number, onFrame: (body: Uint8Array) => boolean): number {
    const count = Math.min(this.#length - this.#filled, chunk.length - offset)
    const body = this.#reserve(this.#filled + count)
    body.set(chunk.subarray(offset, offset + count), this.#filled)
    this.#filled += count
    if (this.#filled === this.#length) {
      this.#body = undefined
      this.#filled = 0
      this.#finish(body, onFrame)
    }
    return offset + count
  }

  #reserve(needed: number): Uint8Array {
    const held = this.#body
    if (held !== undefined && held.length >= needed) return held
    const wanted = Math.max(needed, FIRST_BYTES, held === undefined ? 0 : held.length * 2)
    const body = new Uint8Array(Math.min(wanted, this.#length))
    if (held !== undefined) body.set(held.subarray(0, this.#filled))
    this.#body = body
    return body
  }

  #finish(body: Uint8Array, onFrame: (body: Uint8Array) => boolean): void {
    this.#lengthBytes = 0
    this.#length = 0
    if (!onFrame(body)) this.#result = 'stopped'
  }
}
