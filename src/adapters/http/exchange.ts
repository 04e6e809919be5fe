/**
 * One request and its answer. Made for every request, so it holds little and allocates little: no
 * promise, no listeners unless a body follows, one write for head and body.
 *
 * A request ends in exactly one of `respond` (and what is built on it), or, when the client is gone
 * before its body was read, in nothing. The node always answers what was submitted, so nothing is
 * left behind by a client that leaves.
 */
import { IncomingMessage } from 'node:http'
import type { ServerResponse } from 'node:http'
import type { Failure } from '../../core/coordinator/messages.ts'
import { DndError } from '../../core/errors.ts'
import type { ErrorCode } from '../../core/errors.ts'
import { DEFAULT_BUCKET } from '../../core/node/buckets.ts'
import type { Context } from '../../core/versions/version.ts'
import { logAudited } from './audit.ts'
import type { Audited } from './audit.ts'
import type { Caller } from './doorman.ts'
import { lingerClose } from './linger.ts'
import { NO_LIFETIME } from './lifetime.ts'
import type { Lifetime } from './lifetime.ts'
import { NO_METADATA } from './metadata.ts'
import type { Metadata } from './metadata.ts'
import { causeOf, PROBLEM_TYPE, problemOfError, problemOfFailure } from './problem.ts'
import type { Problem } from './problem.ts'
import { addOriginHeaders } from './origins.ts'
import { NO_QUERY } from './query.ts'
import type { Query } from './query.ts'
import { RequestHeaders } from './request-headers.ts'
import type { NodeSite, Site } from './site.ts'

/**
 * A body that is refused unread is still taken in, up to so many bytes, so that the connection can
 * go on.
 */
const DRAIN_BYTES_MAX = 64 * 1024
/**
 * Node joins head and body into one write when the body is a string, and makes two buffers for one
 * gathering write when it is bytes. For small bodies the first is cheaper, by about a tenth of a
 * whole get, even with the bytes turned into characters.
 */
const ONE_WRITE_BYTES_MAX = 4096
const RETRY_AFTER_SECONDS = '1'
const EMPTY = new Uint8Array(0)
/** Of answers of a node that is about to stop: ask somebody else next time. */
const DRAINING_HEADER = 'x-dnd-draining'

/** Node's request with a way from its listeners to the exchange, so that these need no closures. */
export class Incoming extends IncomingMessage {
  exchange: Exchange | undefined = undefined
}

export type BodyHandler = (exchange: Exchange, body: Uint8Array) => void

/** A question and the ways to answer it, wherever it came from. */
export type Asked = Pick<Exchange, 'bucket' | 'key' | 'query' | 'json' | 'failure' | 'fail'> & {
  readonly site: NodeSite
  /** Absent where nobody need say who he is. */
  readonly caller?: Caller | undefined
}

export class Exchange {
  readonly site: Site
  readonly request: Incoming
  readonly response: ServerResponse
  readonly startedAt: number
  readonly headers: RequestHeaders = new RequestHeaders()
  /** The operation's name among the counted ones. */
  op = 'other'
  bucket: string = DEFAULT_BUCKET
  key: Uint8Array = EMPTY
  query: Readonly<Query> = NO_QUERY
  /** What a write supersedes. */
  context: Context | undefined = undefined
  metadata: Metadata = NO_METADATA
  lifetime: Lifetime = NO_LIFETIME
  /** Who asks; undefined: nobody asked him, or he is not let in. */
  caller: Caller | undefined = undefined
  /** What the log will say of it; undefined: nothing. */
  audited: Audited | undefined = undefined
  /** The foreign origin whose page asks and may; undefined: none. */
  origin: string | undefined = undefined
  /** Whether the path names a bucket. */
  hasBucket = false
  /** Begins the next request on the connection, which waits for this one to be answered. */
  next: (() => void) | undefined = undefined
  #answered = false

  #bodyBytesMax = 0
  #tooLarge: ErrorCode = 'DND_ERR_BODY_TOO_LARGE'
  #onBody: BodyHandler | undefined = undefined
  // Bounded by: #bodyBytesMax in bytes.
  readonly #chunks: Uint8Array[] = []
  #received = 0

  constructor(site: Site, request: Incoming, response: ServerResponse) {
    this.site = site
    this.request = request
    this.response = response
    this.startedAt = performance.now()
  }

  /** Whether an answer was given, which may still be on its way. */
  get answered(): boolean {
    return this.#answered
  }

  /**
   * Collects the body, at most `bytesMax`, and hands it to `then`; a larger one is refused with
   * `tooLarge`.
   */
  readBody(bytesMax: number, tooLarge: ErrorCode, then: BodyHandler): void {
    const { headers, request } = this
    if (headers.contentLength > bytesMax) return this.#refuseSize(bytesMax, tooLarge)
    if (!headers.announcesBody) return this.run(then, EMPTY)
    this.#bodyBytesMax = bytesMax
    this.#tooLarge = tooLarge
    this.#onBody = then
    if (headers.expectsContinue) {
      this.response.writeContinue()
      headers.expectsContinue = false
    }
    request.exchange = this
    request.on('data', onData)
    request.on('end', onEnd)
    request.on('close', onClose)
  }

  /**
   * Runs a handler: what it throws for the caller's mistake is the answer; anything else is our
   * bug, and is not caught.
   */
  run(handler: BodyHandler, body: Uint8Array): void {
    try {
      handler(this, body)
    } catch (error) {
      if (!(error instanceof DndError)) throw error
      this.fail(error)
    }
  }

  /** The client's bytes stopped making sense, or stopped coming, before the body's end. */
  broken(error: DndError): void {
    if (this.#answered) return void this.request.socket.destroy()
    this.#onBody = undefined
    this.fail(error, ['connection', 'close'])
  }

  /** `headers`: names and values in turns; content-length is added here. */
  respond(status: number, headers: string[], body: Uint8Array, code?: ErrorCode): void {
    if (!this.#begin(status, code)) return
    this.#addLayout(headers)
    addOriginHeaders(this, headers)
    if (this.site.closing) headers.push('connection', 'close', DRAINING_HEADER, '1')
    if (status !== 204 && status !== 304) headers.push('content-length', String(body.length))
    this.response.writeHead(status, headers)
    if (body.length === 0 || this.request.method === 'HEAD') this.response.end()
    else if (body.length > ONE_WRITE_BYTES_MAX) this.response.end(body)
    else this.response.end(latin1(body), 'latin1')
  }

  /**
   * Begins an answer whose end is not known yet: the caller writes to the response. `end` is called
   * when the server closes. False: it was answered already, or nobody is there any more.
   */
  stream(headers: string[], end: () => void): boolean {
    if (!this.#begin(200) || this.response.closed) return false
    addOriginHeaders(this, headers)
    this.response.writeHead(200, headers)
    this.response.flushHeaders()
    this.site.streams.add(end)
    if (this.site.closing) setImmediate(end)
    this.response.once('close', () => this.site.streams.delete(end))
    return true
  }

  json(status: number, value: unknown, headers: string[] = []): void {
    headers.push('content-type', 'application/json')
    this.respond(status, headers, Buffer.from(JSON.stringify(value)))
  }

  text(status: number, contentType: string, text: string): void {
    this.respond(status, ['content-type', contentType], Buffer.from(text))
  }

  /** What the edge refuses: counted by cause, told with its code. */
  fail(error: DndError, headers: string[] = []): void {
    this.site.metrics.fault('http', causeOf(error.code))
    this.problem(problemOfError(error), headers)
  }

  /** What the cluster could not do. */
  failure(failure: Failure): void {
    this.problem(problemOfFailure(failure), [])
  }

  problem(problem: Problem, headers: string[]): void {
    const body = Buffer.from(JSON.stringify(problem))
    headers.push('content-type', PROBLEM_TYPE)
    if (problem.status === 503) headers.push('retry-after', RETRY_AFTER_SECONDS)
    const { status, code } = problem
    if (!this.#bodyIsComing()) return this.respond(status, headers, body, code)
    if (this.headers.expectsContinue) headers.push('connection', 'close')
    else if (this.#bodyIsLong()) {
      const all = [...headers]
      addOriginHeaders(this, all)
      if (lingerClose(this.request, this.response, status, all, body))
        return void this.#begin(status, code)
    }
    this.respond(status, headers, body, code)
  }

  /** Who is not let in does not learn when the layout changes. */
  #addLayout(headers: string[]): void {
    const { site } = this
    if (this.caller === undefined && site.doorman.isLocked) return
    const layout = site.layoutTag.at(this.startedAt)
    if (layout !== '') headers.push('x-dnd-layout', layout)
  }

  /** Marks the exchange as answered and counts it; false when it was already. */
  #begin(status: number, code?: ErrorCode): boolean {
    if (this.#answered) return false
    this.#answered = true
    this.#release()
    const seconds = (performance.now() - this.startedAt) / 1000
    this.site.metrics.request('http', this.op, status, seconds)
    logAudited(this, status, code)
    if (this.next !== undefined) setImmediate(this.next)
    return true
  }

  #bodyIsComing(): boolean {
    return this.headers.announcesBody && !this.request.complete
  }

  #bodyIsLong(): boolean {
    return this.headers.chunked || this.headers.contentLength > DRAIN_BYTES_MAX
  }

  #refuseSize(bytesMax: number, code: ErrorCode): void {
    this.#onBody = undefined
    this.fail(new DndError(code, `the body has more than ${bytesMax} bytes`))
  }

  /** Listener: bytes of the body. */
  take(chunk: Uint8Array): void {
    if (this.#onBody === undefined) return
    const { site } = this
    this.#received += chunk.length
    site.bodyBytes += chunk.length
    if (this.#received > this.#bodyBytesMax) {
      this.#release()
      return this.#refuseSize(this.#bodyBytesMax, this.#tooLarge)
    }
    if (site.bodyBytes > site.limits.bodyBytesInFlightMax) {
      this.#onBody = undefined
      const message = 'the node holds as many bytes of requests as it may'
      return this.fail(new DndError('DND_ERR_OVERLOADED', message))
    }
    this.#chunks.push(chunk)
  }

  /** Listener: the body is complete. */
  finish(): void {
    const then = this.#onBody
    if (then === undefined) return
    this.#onBody = undefined
    const chunks = this.#chunks
    const only = chunks[0] ?? EMPTY
    // A plain view, not a Buffer: the core must not meet a `slice` that shares memory.
    const whole = chunks.length <= 1 ? only : Buffer.concat(chunks, this.#received)
    this.run(then, new Uint8Array(whole.buffer, whole.byteOffset, whole.length))
  }

  /** Listener: the request is over, or its client is gone. */
  gone(): void {
    if (this.#onBody === undefined) return
    this.#onBody = undefined
    this.#release()
    this.site.metrics.fault('http', 'aborted')
  }

  #release(): void {
    this.site.bodyBytes -= this.#received
    this.#received = 0
    this.#chunks.length = 0
  }
}

/** One character a byte. */
function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

function onData(this: Incoming, chunk: Uint8Array): void {
  this.exchange?.take(chunk)
}

function onEnd(this: Incoming): void {
  this.exchange?.finish()
}

function onClose(this: Incoming): void {
  this.exchange?.gone()
}
