/**
 * HTTP by `node:http`: in Node 20 a request over `fetch` costs several times the processor time of
 * one over a kept connection of `node:http`, since every body is a web stream there
 * (`docs/guides/client.md` has the figures).
 */
import { Agent, request as httpRequest } from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { Agent as SecureAgent, request as httpsRequest } from 'node:https'
import type {
  HttpExchange,
  HttpRequest,
  HttpResponse,
  HttpStream,
  ResponseHeaders,
} from '../exchange.ts'

export interface PoolOptions {
  /** Connections to one server at the most; more requests wait. Default 256. */
  readonly connections?: number
  /** An idle connection is closed after so long, milliseconds: less than the server keeps it. */
  readonly idleMs?: number
}

const CONNECTIONS_DEFAULT = 256
/** A node keeps an idle connection for 65 s, and says so with its answers. */
const IDLE_MS_DEFAULT = 30_000
/** Answers are at most a batch of 32 MiB of values, in base64 and JSON. */
const BYTES_MAX = 96 * 1024 * 1024

/** `ca`: who signs the certificates of the servers, PEM; default: whom Node trusts. */
export function httpExchange(options: PoolOptions = {}, ca?: string | Uint8Array): HttpExchange {
  const pool = {
    keepAlive: true,
    maxSockets: options.connections ?? CONNECTIONS_DEFAULT,
    timeout: options.idleMs ?? IDLE_MS_DEFAULT,
    scheduling: 'lifo',
  } as const
  const trust = ca === undefined ? {} : { ca: typeof ca === 'string' ? ca : Buffer.from(ca) }
  const agents = { plain: new Agent(pool), secure: new SecureAgent({ ...pool, ...trust }) }
  // A stream has its connection to itself for as long as it lasts, and takes none from the pool.
  const own = { ...pool, keepAlive: false, maxSockets: Infinity, timeout: 0 }
  const streaming = { plain: new Agent(own), secure: new SecureAgent({ ...own, ...trust }) }
  return {
    send: (request) => exchanged(request, agents, collect),
    open: (request) => exchanged(request, streaming, streamOf),
    close: () => {
      for (const { plain, secure } of [agents, streaming]) {
        plain.destroy()
        secure.destroy()
      }
    },
  }
}

interface Agents {
  readonly plain: Agent
  readonly secure: SecureAgent
}

/** What goes wrong with an answer after its head is an error of `sent`. */
type Take<T> = (answer: IncomingMessage, sent: ClientRequest, done: (taken: T) => void) => void

function exchanged<T>(request: HttpRequest, agents: Agents, take: Take<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const { url, method, signal, body } = request
    const isSecure = url.startsWith('https:')
    const agent = isSecure ? agents.secure : agents.plain
    const options = { method, agent, headers: headersOf(request) }
    const sent = isSecure ? httpsRequest(url, options) : httpRequest(url, options)
    const onAbort = (): void => {
      sent.destroy(new Error('the request was ended'))
    }
    sent.on('error', reject)
    sent.on('close', () => signal.removeEventListener('abort', onAbort))
    sent.on('response', (answer) => take(answer, sent, resolve))
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
    sent.end(body)
  })
}

function headersOf({ headers, body, method }: HttpRequest): Record<string, string | number> {
  const all: Record<string, string | number> = { ...headers }
  if (body !== undefined)
    all['content-length'] = typeof body === 'string' ? Buffer.byteLength(body) : body.length
  else if (method === 'PUT' || method === 'POST') all['content-length'] = 0
  return all
}

/** Whoever reads the body learns what goes wrong with it. */
function streamOf(
  answer: IncomingMessage,
  _: ClientRequest,
  done: (stream: HttpStream) => void,
): void {
  const { statusCode: status = 0, rawHeaders } = answer
  // Before it is read it is nobody's error, and Node would end the process.
  answer.on('error', () => undefined)
  done({ status, headers: new RawHeaders(rawHeaders), chunks: answer })
}

/** What goes wrong after the head is an error of the request, as what went wrong before it. */
function collect(
  answer: IncomingMessage,
  sent: ClientRequest,
  done: (response: HttpResponse) => void,
): void {
  // Bounded by: BYTES_MAX.
  const chunks: Buffer[] = []
  let length = 0
  const fail = (error: Error): void => void sent.emit('error', error)
  answer.on('data', (chunk: Buffer) => {
    length += chunk.length
    if (length > BYTES_MAX) sent.destroy(new Error(`the answer has more than ${BYTES_MAX} bytes`))
    else chunks.push(chunk)
  })
  answer.on('error', fail)
  answer.on('end', () => {
    const whole = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length)
    const bytes = new Uint8Array(whole.buffer, whole.byteOffset, whole.length)
    const status = answer.statusCode ?? 0
    if (!answer.complete) fail(new Error('the connection ended in the middle of the answer'))
    else done({ status, headers: new RawHeaders(answer.rawHeaders), bytes })
  })
}

/** Names and values in turns, as they came. */
class RawHeaders implements ResponseHeaders {
  readonly #raw: readonly string[]

  constructor(raw: readonly string[]) {
    this.#raw = raw
  }

  get(name: string): string | null {
    const raw = this.#raw
    for (let i = 0; i < raw.length; i += 2)
      if (raw[i]!.length === name.length && raw[i]!.toLowerCase() === name) return raw[i + 1]!
    return null
  }

  *[Symbol.iterator](): Iterator<[string, string]> {
    const raw = this.#raw
    for (let i = 0; i < raw.length; i += 2) yield [raw[i]!.toLowerCase(), raw[i + 1]!]
  }
}
