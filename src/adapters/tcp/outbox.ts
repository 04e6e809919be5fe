/**
 * Messages on their way over one outgoing link. A write to a socket costs ten times what encoding a
 * message costs, so messages are encoded one behind the other into one buffer, and what a tick has
 * gathered is written at once. While the socket is still busy with the last write, the next buffer
 * goes on filling: under load batches grow by themselves.
 *
 * Two buffers take turns, the one that fills and the one that the socket reads, so that in the
 * steady state nothing is allocated. Large writes go out in slices, whose completion tells a slow
 * link from a dead one.
 *
 * Before the peer has said hello it is not known which protocol it speaks: what is queued until
 * then is written as it spoke last, and written anew if it speaks another.
 */
import { must } from '../../core/std/assert.ts'
import { ByteWriter } from '../../core/std/bytes.ts'
import { FRAME_BYTES_MAX } from '../../core/std/limits.ts'
import { decodeMessage, encodeMessage, isSpoken } from '../../core/wire/codec.ts'
import type { PeerMessage } from '../../core/wire/messages.ts'
import { LENGTH_BYTES } from './frame-parser.ts'

const BUFFER_BYTES = 4096
/** A buffer that grew beyond it is let go after use. */
const BUFFER_BYTES_KEPT = 256 * 1024
const SLICE_BYTES = 1024 * 1024

/** Where the bytes go; they must not change before `done` is called. */
export interface ByteSink {
  write(bytes: Uint8Array, done: (error?: Error | null) => void): void
}

/**
 * `full`: more is queued than the outbox may hold. `oversize`: no frame may be so large; nothing
 * was queued.
 */
export type PushResult = 'queued' | 'full' | 'oversize'

export class Outbox {
  readonly #bytesMax: number
  #protocol: number
  #sink: ByteSink | undefined
  /**
   * Bounded by: #bytesMax, together with what is being written, enforced by the `full` that `push`
   * answers.
   */
  #filling = new ByteWriter(BUFFER_BYTES)
  #spare: ByteWriter | undefined = new ByteWriter(BUFFER_BYTES)
  #writing: ByteWriter | undefined
  #written = 0
  #slices = 0

  constructor(bytesMax: number, protocol: number) {
    this.#bytesMax = bytesMax
    this.#protocol = protocol
  }

  /** Bytes not yet taken by the system. */
  get queuedBytes(): number {
    return this.#filling.length + (this.#writing?.length ?? 0) - this.#written
  }

  /**
   * Slices taken by the system so far: while something is queued, a number that stands still means
   * a dead link.
   */
  get slices(): number {
    return this.#slices
  }

  /** From now on `flush` writes, to whoever speaks `protocol`. */
  attach(sink: ByteSink, protocol: number): void {
    this.#sink = sink
    if (protocol !== this.#protocol) this.#translate(protocol)
  }

  push(message: PeerMessage): PushResult {
    // Nobody should have sent it there, and only somebody did who did not know better yet: for the
    // sender it is a message that was lost.
    if (!isSpoken(message, this.#protocol)) return 'queued'
    const writer = this.#filling
    const start = writer.length
    writer.u32(0)
    encodeMessage(writer, message, this.#protocol)
    const length = writer.length - start - LENGTH_BYTES
    if (length > FRAME_BYTES_MAX) {
      this.#filling = rewound(writer, start)
      return 'oversize'
    }
    writer.patchU32(start, length)
    return this.queuedBytes > this.#bytesMax ? 'full' : 'queued'
  }

  /** A frame encoded before. */
  pushFrame(frame: Uint8Array): void {
    this.#filling.raw(frame)
  }

  /** Writes what is queued, unless a write is under way, which does so when it is done. */
  flush(): void {
    if (this.#writing !== undefined || this.#filling.length === 0 || this.#sink === undefined)
      return
    this.#writing = this.#filling
    this.#written = 0
    this.#filling = this.#spare ?? new ByteWriter(BUFFER_BYTES)
    this.#spare = undefined
    this.#writeSlice()
  }

  /** Hands over all that is left, in one go; nothing can be pushed any more. */
  end(): void {
    const sink = this.#sink
    if (sink === undefined) return
    this.#sink = undefined
    const rest = this.#writing?.view().subarray(this.#written + SLICE_BYTES)
    if (rest !== undefined && rest.length > 0) sink.write(rest, () => {})
    if (this.#filling.length > 0) sink.write(this.#filling.view(), () => {})
  }

  /** Writes all that is queued anew. Beats are not queued before there is anybody to hear them. */
  #translate(protocol: number): void {
    const frames = this.#filling.take()
    this.#protocol = protocol
    this.#filling = new ByteWriter(BUFFER_BYTES)
    const view = new DataView(frames.buffer, frames.byteOffset, frames.length)
    for (let at = 0; at < frames.length;) {
      const from = at + LENGTH_BYTES
      at = from + view.getUint32(at)
      this.push(must(decodeMessage(frames.subarray(from, at)), 'a message of our own'))
    }
  }

  readonly #onWritten = (error?: Error | null): void => {
    // A socket that failed says so to the link; what was queued here is lost with it.
    if (this.#sink === undefined || (error !== undefined && error !== null)) return
    const writing = this.#writing!
    this.#slices++
    this.#written = Math.min(this.#written + SLICE_BYTES, writing.length)
    if (this.#written < writing.length) return this.#writeSlice()
    if (writing.length <= BUFFER_BYTES_KEPT) {
      writing.reset()
      this.#spare = writing
    }
    this.#writing = undefined
    this.#written = 0
    this.flush()
  }

  #writeSlice(): void {
    const bytes = this.#writing!.view()
    const slice = bytes.subarray(this.#written, this.#written + SLICE_BYTES)
    this.#sink!.write(slice, this.#onWritten)
  }
}

/** A writer that holds only the first `length` bytes. */
function rewound(writer: ByteWriter, length: number): ByteWriter {
  const kept = new ByteWriter(Math.max(length, BUFFER_BYTES))
  kept.raw(writer.view().subarray(0, length))
  return kept
}
