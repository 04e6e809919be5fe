/**
 * A socket that speaks frames, over TLS as over TCP: feeds what arrives to a {@link FrameParser},
 * and tells its handler of every frame and, once and last, of the end. The handler can be
 * exchanged: the handshake has one, what follows it another.
 *
 * A chunk of 64 KiB may hold hundreds of frames, and tens of milliseconds of work. So that whatever
 * else this process does need not wait for all of them, they are handed over for a few milliseconds
 * at a time; the socket is not read meanwhile, which its sender feels as backpressure.
 */
import type { Socket } from 'node:net'
import { ByteWriter } from '../../core/std/bytes.ts'
import { encodeLink } from '../../core/wire/codec.ts'
import type { LinkMessage } from '../../core/wire/messages.ts'
import { FrameParser } from './frame-parser.ts'
import type { ParseResult } from './frame-parser.ts'
import type { TcpFault } from './link-options.ts'

export interface FrameHandler {
  /** A whole frame; the bytes are never reused. Whether to go on. */
  frame(body: Uint8Array): boolean
  /** The connection is gone. `fault`: because of something hostile or broken. */
  closed(reason: string, fault: TcpFault | undefined): void
}

/** So long frames are handed over without a pause, milliseconds. More is cheaper by little. */
const SLICE_MS = 4

/** For connections that are over for us and only have to go away. */
const NOBODY: FrameHandler = { frame: () => false, closed: () => {} }

export class FrameSocket {
  /** Address of the other side, for people. */
  readonly remote: string
  handler: FrameHandler
  readonly #socket: Socket
  readonly #parser: FrameParser
  readonly #onFrame: (body: Uint8Array) => boolean
  #reason = 'connection closed by the peer'
  #fault: TcpFault | undefined
  #sliceEndsAt = 0
  /** Frames of the last chunk are still to be handed over. */
  #isWaiting = false
  #isClosed = false

  constructor(socket: Socket, remote: string, bodyBytesMax: number, handler: FrameHandler) {
    this.remote = remote
    this.handler = handler
    this.#socket = socket
    this.#parser = new FrameParser(bodyBytesMax)
    this.#onFrame = (body) => {
      const goesOn = this.handler.frame(body)
      if (performance.now() >= this.#sliceEndsAt) this.#parser.pause()
      return goesOn
    }
    socket.on('data', (chunk) => this.#onData(chunk))
    socket.on('error', (error) => {
      const broken = tlsCode(error)
      this.#reason = broken === undefined ? describe(error) : `broken TLS (${broken})`
      if (broken !== undefined) this.#fault = 'tls-failed'
      // Whose TLS is broken is not closed by itself.
      socket.destroy()
    })
    // Whoever stops sending has nothing more to hear from us: half-closed connections are not kept.
    socket.on('end', () => socket.destroy())
    socket.on('close', () => this.#onClose())
  }

  setBodyBytesMax(bodyBytesMax: number): void {
    this.#parser.setBodyBytesMax(bodyBytesMax)
  }

  /** Bytes handed over that the system has not taken yet. */
  get queuedBytes(): number {
    return this.#socket.writableLength
  }

  /** The bytes must not change before `done` is called. */
  write(bytes: Uint8Array, done?: (error?: Error | null) => void): void {
    this.#socket.write(bytes, done)
  }

  /** Closes when all that was written has gone out; nobody is told any more. */
  end(): void {
    this.handler = NOBODY
    this.#socket.destroySoon()
  }

  /** Closes at once; nobody is told any more. */
  destroy(): void {
    this.handler = NOBODY
    this.#socket.destroy()
  }

  /** Closes at once because of what the other side did, and tells the handler. */
  fail(reason: string, fault: TcpFault): void {
    const { handler } = this
    this.destroy()
    handler.closed(reason, fault)
  }

  #onData(chunk: Uint8Array): void {
    const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    this.#sliceEndsAt = performance.now() + SLICE_MS
    this.#onResult(this.#parser.push(bytes, this.#onFrame))
  }

  readonly #goOn = (): void => {
    this.#sliceEndsAt = performance.now() + SLICE_MS
    const result = this.#parser.resume(this.#onFrame)
    this.#isWaiting = result === 'paused'
    this.#onResult(result)
    if (this.#isWaiting) return
    if (this.#isClosed) this.#onClose()
    else this.#socket.resume()
  }

  #onResult(result: ParseResult): void {
    if (result === 'paused') {
      this.#isWaiting = true
      this.#socket.pause()
      setImmediate(this.#goOn)
    }
    if (result === 'oversize') this.fail('a frame over the limit', 'oversize-frame')
    if (result === 'empty') this.fail('an empty frame', 'malformed-frame')
  }

  #onClose(): void {
    // What came before the end is heard first.
    this.#isClosed = true
    if (this.#isWaiting) return
    const cut = this.#parser.isInsideFrame
    this.handler.closed(this.#reason, this.#fault ?? (cut ? 'truncated-frame' : undefined))
    this.handler = NOBODY
  }
}

/** A hello or refusal as the frame to write. */
export function linkFrame(message: LinkMessage): Uint8Array {
  const writer = new ByteWriter(64)
  writer.u32(0)
  encodeLink(writer, message)
  writer.patchU32(0, writer.length - 4)
  return writer.take()
}

/** Of a record that was changed on the way, or is none. */
function tlsCode(error: Error): string | undefined {
  const code = 'code' in error ? error.code : undefined
  return typeof code === 'string' && code.startsWith('ERR_SSL') ? code : undefined
}

/**
 * A name with several addresses fails with an error that is a list, and whose own message is empty.
 */
export function describe(error: Error): string {
  if (!(error instanceof AggregateError)) return error.message
  return error.errors
    .map((each) => (each instanceof Error ? each.message : String(each)))
    .join(', ')
}
