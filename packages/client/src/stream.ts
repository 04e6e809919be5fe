/**
 * An answer of one server that has no end and is read as it comes. Silence is its death: nodes say
 * something every 15 seconds, so a connection on which nothing comes is one whose other end is gone
 * without a word.
 */
import type { TransportRequest } from './attempt.ts'
import { aborted, connectionFailure, problemOf, timedOut } from './attempt.ts'
import { DndClientError } from './error.ts'
import type { HttpExchange, HttpStream, ResponseHeaders } from './exchange.ts'

/** For the head of the answer. */
export const HEAD_MS = 10_000
const SILENCE_MS = 40_000
/** Of an answer that says why there is no stream. */
const PROBLEM_BYTES_MAX = 64 * 1024

export interface ServerStream {
  readonly headers: ResponseHeaders
  /**
   * Throws a `DndClientError` when it breaks off; ends when the server ends it. To leave the loop
   * closes the connection.
   */
  readonly chunks: AsyncGenerator<Uint8Array, void, undefined>
}

/** @throws DndClientError */
export async function openStream(
  exchange: HttpExchange,
  server: string,
  path: string,
  signal: AbortSignal | undefined,
): Promise<ServerStream> {
  const request: TransportRequest = {
    ...{ method: 'GET', path, signal, write: false, timeoutMs: HEAD_MS, expected: [200] },
  }
  const watchdog = new Watchdog(exchange, server, request)
  const stream = await watchdog.open()
  return { headers: stream.headers, chunks: watchdog.read(stream) }
}

/** Ends a connection that is silent, or whose caller has had enough. */
class Watchdog {
  readonly #exchange: HttpExchange
  readonly #server: string
  readonly #request: TransportRequest
  readonly #abort = new AbortController()
  readonly #onAbort = (): void => this.#abort.abort()
  #timer: ReturnType<typeof setTimeout> | undefined
  #isSilent = false

  constructor(exchange: HttpExchange, server: string, request: TransportRequest) {
    this.#exchange = exchange
    this.#server = server
    this.#request = request
  }

  async open(): Promise<HttpStream> {
    const { signal, path } = this.#request
    signal?.addEventListener('abort', this.#onAbort)
    if (signal?.aborted === true) this.#abort.abort()
    this.#patience(HEAD_MS)
    try {
      const stream = await this.#exchange.open({
        ...{ url: this.#server + path, method: 'GET', signal: this.#abort.signal },
        ...{ headers: { accept: 'text/event-stream' }, body: undefined },
      })
      if (stream.status === 200) return stream
      const { status, headers } = stream
      const bytes = await firstBytes(stream.chunks)
      throw problemOf({ status, headers, bytes }, this.#request, this.#server)
    } catch (error) {
      this.#end()
      throw this.#failure(error)
    }
  }

  async *read({ chunks }: HttpStream): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      this.#patience(SILENCE_MS)
      for await (const chunk of chunks) {
        // What the caller does with it is no silence of the server's.
        clearTimeout(this.#timer)
        yield chunk
        this.#patience(SILENCE_MS)
      }
    } catch (error) {
      throw this.#failure(error)
    } finally {
      this.#end()
    }
  }

  #patience(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#isSilent = true
      this.#abort.abort()
    }, ms)
  }

  #end(): void {
    clearTimeout(this.#timer)
    this.#request.signal?.removeEventListener('abort', this.#onAbort)
    this.#abort.abort()
  }

  #failure(error: unknown): DndClientError {
    if (error instanceof DndClientError) return error
    if (this.#request.signal?.aborted === true) return aborted(this.#request, this.#server)
    if (this.#isSilent) return timedOut(this.#request, this.#server)
    return connectionFailure(error, this.#request, this.#server)
  }
}

async function firstBytes(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const bytes = new Uint8Array(PROBLEM_BYTES_MAX)
  let length = 0
  for await (const chunk of chunks) {
    const part = chunk.subarray(0, PROBLEM_BYTES_MAX - length)
    bytes.set(part, length)
    length += part.length
    if (length === PROBLEM_BYTES_MAX) break
  }
  return bytes.subarray(0, length)
}
