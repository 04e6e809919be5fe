/**
 * A request sent to one server, once: its answer, or a `DndClientError` that says what became of
 * it.
 */
import type { ProblemJson } from './api.ts'
import type { ClientCode } from './error.ts'
import { DndClientError, fromProblem } from './error.ts'
import type { HttpExchange, HttpResponse, ResponseHeaders } from './exchange.ts'

/**
 * Who may be asked: the servers that the client was given (`given`), any node of the cluster
 * (`any`), or the replicas of a key and then any node.
 */
export type Destination = 'given' | 'any' | { readonly bucket: string; readonly key: string }

export interface TransportRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
  /** Begins with a slash; percent-encoded, with its query. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** Whether it may change anything. */
  readonly write: boolean
  /** Of a write: whether it may be sent again though it may have been taken. Default: no. */
  readonly idempotent?: boolean | undefined
  /** Default: `given`. */
  readonly to?: Destination
  /** For all attempts together, milliseconds. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  /** Statuses that are an answer; any other is an error. */
  readonly expected: readonly number[]
}

export interface TransportResponse {
  readonly status: number
  readonly headers: ResponseHeaders
  readonly bytes: Uint8Array
  readonly server: string
}

/** @throws DndClientError */
export async function attempt(
  exchange: HttpExchange,
  server: string,
  request: TransportRequest,
  timeoutMs: number,
  cancel?: AbortSignal,
): Promise<TransportResponse> {
  const abort = new AbortController()
  const onAbort = (): void => abort.abort()
  let expired = false
  const timer = setTimeout(() => {
    expired = true
    abort.abort()
  }, timeoutMs)
  request.signal?.addEventListener('abort', onAbort)
  cancel?.addEventListener('abort', onAbort)
  const { method, headers, body } = request
  try {
    const response = await exchange.send({
      ...{ url: server + request.path, method, headers, body, signal: abort.signal },
    })
    if (!request.expected.includes(response.status)) throw problemOf(response, request, server)
    return { ...response, server }
  } catch (error) {
    if (error instanceof DndClientError) throw error
    if (request.signal?.aborted === true) throw aborted(request, server)
    throw expired ? timedOut(request, server) : connectionFailure(error, request, server)
  } finally {
    clearTimeout(timer)
    request.signal?.removeEventListener('abort', onAbort)
    cancel?.removeEventListener('abort', onAbort)
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

export function problemOf(
  response: HttpResponse,
  request: TransportRequest,
  server: string,
): DndClientError {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  const retryAfterMs = Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined
  let problem: Partial<ProblemJson> = {}
  try {
    const parsed: unknown = JSON.parse(new TextDecoder().decode(response.bytes))
    if (typeof parsed === 'object' && parsed !== null) problem = parsed
  } catch {
    // A proxy, or another program on that port: the status is all that can be told.
    problem = { title: `${server} answered ${response.status}, and not as a node of dnd does` }
  }
  return fromProblem(problem, response.status, request.write, server, retryAfterMs)
}

export function timedOut(request: TransportRequest, server: string): DndClientError {
  return new DndClientError({
    code: 'DND_ERR_TIMEOUT' satisfies ClientCode,
    message: `${server} did not answer within ${request.timeoutMs} ms`,
    outcome: request.write ? 'unknown' : 'rejected',
    server,
  })
}

/** The caller's own signal ended it; `isSent`: whether a server may have it. */
export function aborted(
  request: Pick<TransportRequest, 'write' | 'signal'>,
  server: string | undefined,
  isSent: boolean = true,
): DndClientError {
  const cause: unknown = request.signal?.reason
  const late = cause instanceof Error && cause.name === 'TimeoutError'
  return new DndClientError({
    code: (late ? 'DND_ERR_TIMEOUT' : 'DND_ERR_ABORTED') satisfies ClientCode,
    message: late
      ? `${server ?? 'the node'} did not answer before the caller's signal ended the request`
      : "the caller's signal ended the request",
    outcome: request.write && isSent ? 'unknown' : 'rejected',
    server,
    cause,
  })
}

export function connectionFailure(
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
