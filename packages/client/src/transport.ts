/**
 * One request over several servers. Any node serves every request, so the next server is as good as
 * the first; but a write must not be sent twice unless the first was certainly not taken, or one
 * that "failed" may be there after all and its repetition be a second, concurrent one. So:
 *
 * | what happened | read | write |
 * |---|---|---|
 * | no connection | next server | next server |
 * | connection lost, timeout | next server | `unknown` |
 * | 503, nothing stored | next server | next server |
 * | any other answer | that is the answer | that is the answer |
 */
import type { ProblemJson } from './api.ts'
import type { ClientCode } from './error.ts'
import { DndClientError, fromProblem } from './error.ts'

export interface TransportRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
  /** Begins with a slash; percent-encoded, with its query. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** Whether it may change anything. */
  readonly write: boolean
  /** For all attempts together, milliseconds. */
  readonly timeoutMs: number
  /** Statuses that are an answer; any other is an error. */
  readonly expected: readonly number[]
}

export interface TransportResponse {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Uint8Array
  readonly server: string
}

export class Transport {
  /** Base URLs without a slash at the end. Not empty. */
  readonly #servers: readonly string[]
  readonly #fetch: typeof fetch
  /** The server that answered last: the first to be asked next. */
  #preferred = 0

  constructor(servers: readonly string[], fetchFunction: typeof fetch) {
    if (servers.length === 0) throw new TypeError('a client needs at least one server')
    this.#servers = servers.map(baseUrl)
    this.#fetch = fetchFunction
  }

  get servers(): number {
    return this.#servers.length
  }

  /** @throws DndClientError */
  async send(request: TransportRequest): Promise<TransportResponse> {
    const deadline = Date.now() + request.timeoutMs
    const first = this.#preferred
    let failure: DndClientError | undefined
    for (let i = 0; i < this.#servers.length; i++) {
      const index = (first + i) % this.#servers.length
      const left = deadline - Date.now()
      if (left <= 0) break
      // One dead server must not use up a read's whole time while others could answer.
      const share = request.write ? left : left / (this.#servers.length - i)
      try {
        const response = await this.#attempt(this.#servers[index]!, request, share)
        this.#preferred = index
        return response
      } catch (error) {
        if (!(error instanceof DndClientError)) throw error
        failure = error
        if (!mayGoOn(error, request.write)) break
        if (this.#preferred === index) this.#preferred = (index + 1) % this.#servers.length
      }
    }
    throw failure ?? timedOut(request, this.#servers[first]!)
  }

  async #attempt(
    server: string,
    request: TransportRequest,
    timeoutMs: number,
  ): Promise<TransportResponse> {
    const abort = new AbortController()
    let expired = false
    const timer = setTimeout(() => {
      expired = true
      abort.abort()
    }, timeoutMs)
    try {
      const init: RequestInit = { method: request.method, signal: abort.signal, redirect: 'error' }
      if (request.headers !== undefined) init.headers = request.headers
      if (request.body !== undefined) init.body = request.body as BodyInit
      const fetchFunction = this.#fetch
      const response = await fetchFunction(server + request.path, init)
      const bytes = new Uint8Array(await response.arrayBuffer())
      if (!request.expected.includes(response.status))
        throw problemOf(response, bytes, request, server)
      return { status: response.status, headers: response.headers, bytes, server }
    } catch (error) {
      if (error instanceof DndClientError) throw error
      throw expired ? timedOut(request, server) : connectionFailure(error, request, server)
    } finally {
      clearTimeout(timer)
    }
  }
}

/** The text as JSON; whatever else it is, is no answer of ours. */
export function parseJson(response: TransportResponse): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(response.bytes))
  } catch (cause) {
    throw new DndClientError({
      code: 'DND_ERR_BAD_RESPONSE' satisfies ClientCode,
      message: `${response.server} answered ${response.status} with something that is not JSON: is it a node of dnd?`,
      outcome: 'rejected',
      status: response.status,
      server: response.server,
      cause,
    })
  }
}

function baseUrl(server: string): string {
  const text = server.includes('://') ? server : `http://${server}`
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw new TypeError(`"${server}" is not the URL of a server, such as http://127.0.0.1:6001`)
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new TypeError(`"${server}" is neither http nor https`)
  return url.origin + url.pathname.replace(/\/+$/, '')
}

function mayGoOn(error: DndClientError, write: boolean): boolean {
  if (error.status !== undefined)
    return error.status === 503 && (!write || error.outcome === 'rejected')
  return !write || error.outcome === 'rejected'
}

function problemOf(
  response: Response,
  bytes: Uint8Array,
  request: TransportRequest,
  server: string,
): DndClientError {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  const retryAfterMs = Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined
  let problem: Partial<ProblemJson> = {}
  try {
    const parsed: unknown = JSON.parse(new TextDecoder().decode(bytes))
    if (typeof parsed === 'object' && parsed !== null) problem = parsed
  } catch {
    // A proxy, or another program on that port: the status is all that can be told.
    problem = { title: `${server} answered ${response.status}, and not as a node of dnd does` }
  }
  return fromProblem(problem, response.status, request.write, server, retryAfterMs)
}

function timedOut(request: TransportRequest, server: string): DndClientError {
  return new DndClientError({
    code: 'DND_ERR_TIMEOUT' satisfies ClientCode,
    message: `${server} did not answer within ${request.timeoutMs} ms`,
    outcome: request.write ? 'unknown' : 'rejected',
    server,
  })
}

function connectionFailure(
  error: unknown,
  request: TransportRequest,
  server: string,
): DndClientError {
  const neverSent = isConnectFailure(error, 0)
  const code: ClientCode = neverSent ? 'DND_ERR_UNREACHABLE' : 'DND_ERR_CONNECTION_LOST'
  return new DndClientError({
    code,
    message: neverSent
      ? `no connection to ${server}`
      : `the connection to ${server} broke before it had answered`,
    outcome: request.write && !neverSent ? 'unknown' : 'rejected',
    server,
    cause: error,
  })
}

/**
 * Whether an error says that there was never a connection. `fetch` hides the reason in `cause`, in
 * an AggregateError when a name has several addresses. Browsers tell nothing; then it is not
 * certain, and the answer is no.
 */
function isConnectFailure(error: unknown, depth: number): boolean {
  if (typeof error !== 'object' || error === null || depth > 4) return false
  const { code, syscall, cause, errors } = error as {
    code?: unknown
    syscall?: unknown
    cause?: unknown
    errors?: unknown
  }
  if (Array.isArray(errors) && errors.length > 0)
    return errors.every((inner) => isConnectFailure(inner, depth + 1))
  if (code === 'ECONNREFUSED' || code === 'UND_ERR_CONNECT_TIMEOUT') return true
  // What `fetch` says of the ports it refuses to speak to, such as 6000.
  if (error instanceof Error && error.message === 'bad port') return true
  if (syscall === 'connect' || syscall === 'getaddrinfo') return true
  return isConnectFailure(cause, depth + 1)
}
