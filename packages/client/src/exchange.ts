/**
 * One HTTP request and its answer, and nothing of what to do when it fails: what a client needs
 * from its platform. Browsers have `fetch`; in Node `node/http-exchange.ts` costs less.
 */

export interface HttpRequest {
  readonly url: string
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
  readonly headers: Readonly<Record<string, string>> | undefined
  readonly body: string | Uint8Array | undefined
  /** Ends the request when it is aborted; the promise then rejects. */
  readonly signal: AbortSignal
}

/** Names are lower-case. */
export interface ResponseHeaders extends Iterable<[string, string]> {
  get(name: string): string | null
}

export interface HttpResponse {
  readonly status: number
  readonly headers: ResponseHeaders
  readonly bytes: Uint8Array
}

/** An answer whose body is read as it comes. */
export interface HttpStream {
  readonly status: number
  readonly headers: ResponseHeaders
  /** Throws when the connection breaks off or is aborted; to leave the loop closes it. */
  readonly chunks: AsyncIterable<Uint8Array>
}

export interface HttpExchange {
  /** Rejects when there is no whole answer. Redirects are never followed. */
  send(request: HttpRequest): Promise<HttpResponse>
  /** Resolves with the head of an answer, and rejects when there is none. */
  open(request: HttpRequest): Promise<HttpStream>
  /** Closes idle connections. */
  close(): void
}

export function fetchExchange(fetchFunction: typeof fetch): HttpExchange {
  const fetched = ({ url, method, headers, body, signal }: HttpRequest): Promise<Response> => {
    const init: RequestInit = { method, signal, redirect: 'error' }
    if (headers !== undefined) init.headers = headers
    if (body !== undefined) init.body = body as BodyInit
    return fetchFunction(url, init)
  }
  return {
    send: async (request) => {
      const response = await fetched(request)
      const bytes = new Uint8Array(await response.arrayBuffer())
      return { status: response.status, headers: response.headers, bytes }
    },
    open: async (request) => {
      const { status, headers, body } = await fetched(request)
      return { status, headers, chunks: chunksOf(body) }
    },
    close: () => undefined,
  }
}

/** Browsers do not all iterate over streams yet. */
async function* chunksOf(
  body: ReadableStream<Uint8Array> | null,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = body?.getReader()
  if (reader === undefined) return
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}
