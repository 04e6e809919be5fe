/**
 * One request over several servers. Any node serves every request, so the next server is as good as
 * the first, only slower where it is no replica of the key; but a write must not be sent twice
 * unless the first was certainly not taken, or one that "failed" may be there after all and its
 * repetition undo what somebody wrote in between. So:
 *
 * | what happened | read | write | write that may be repeated |
 * |---|---|---|---|
 * | no connection | go on | go on | go on |
 * | connection lost, silence | go on | `unknown` | go on |
 * | 408, 429, 5xx, nothing stored | go on | go on | go on |
 * | the same, perhaps stored | – | `unknown` | go on |
 * | any other answer | the answer | the answer | the answer |
 *
 * To go on is to ask the next server, and when all were asked, to pause and ask them again, a few
 * times. What reached a node is paid for from a budget (`retry.ts`); what met a closed port cost
 * the cluster nothing.
 */
import type { TransportRequest, TransportResponse } from './attempt.ts'
import { DRAINING_HEADER } from './api.ts'
import { aborted, attempt, timedOut } from './attempt.ts'
import { DndClientError } from './error.ts'
import type { HttpExchange } from './exchange.ts'
import type { HedgeOptions } from './hedge.ts'
import { Hedging } from './hedge.ts'
import { Learning } from './learning.ts'
import { pause, pauseMs, retryBudget } from './retry.ts'
import type { AddressOf } from './ring.ts'
import type { Server } from './servers.ts'
import { Servers } from './servers.ts'
import { HEAD_MS, openStream } from './stream.ts'

export type { TransportRequest, TransportResponse } from './attempt.ts'
export { parseJson } from './attempt.ts'

export interface TransportOptions {
  /** Rounds over the servers after the first. */
  readonly retries: number
  readonly routing: boolean
  readonly addressOf: AddressOf | undefined
  /** Undefined: reads are not hedged. */
  readonly hedge: HedgeOptions | undefined
}

const RETRIES_DEFAULT = 4
/** Among so many the time of a read is shared. */
const SHARES_MAX = 4
const LATE = Symbol('late')

export const TRANSPORT_DEFAULTS: TransportOptions = {
  retries: RETRIES_DEFAULT,
  routing: true,
  addressOf: undefined,
  hedge: undefined,
}

export class Transport {
  readonly #exchange: HttpExchange
  readonly #servers: Servers
  readonly #learning: Learning | undefined
  readonly #hedging: Hedging | undefined
  readonly #budget = retryBudget()
  readonly #retries: number

  constructor(
    servers: readonly string[],
    exchange: HttpExchange,
    { retries, routing, addressOf, hedge }: TransportOptions = TRANSPORT_DEFAULTS,
  ) {
    if (servers.length === 0) throw new TypeError('a client needs at least one server')
    this.#exchange = exchange
    this.#servers = new Servers(servers.map(baseUrl), Date.now)
    const { given } = this.#servers
    if (routing || given.length > 1)
      this.#learning = new Learning(exchange, this.#servers, { routing, addressOf, now: Date.now })
    this.#hedging = hedge === undefined ? undefined : new Hedging(hedge)
    this.#retries = retries
  }

  /** How many it was given. */
  get servers(): number {
    return this.#servers.given.length
  }

  close(): void {
    this.#learning?.close()
    this.#exchange.close()
  }

  /** @throws DndClientError */
  async send(request: TransportRequest): Promise<TransportResponse> {
    const sending: Sending = { request, deadlineMs: Date.now() + request.timeoutMs, round: 0 }
    this.#budget.earn()
    for (; ; sending.round++) {
      const result = await this.#round(sending)
      if (!(result instanceof DndClientError)) return result
      const ms = pauseMs(sending.round, result.retryAfterMs, Math.random())
      if (sending.round >= this.#retries || Date.now() + ms >= sending.deadlineMs)
        throw inDoubt(result, sending)
      await pause(ms, request.signal)
    }
  }

  /**
   * An answer that is read as it comes, from the first server that gives one; each is asked once.
   * @throws DndClientError of the last
   */
  async open(path: string, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    let failure: DndClientError | undefined
    for (const server of this.#servers.candidates('any'))
      try {
        const { headers, chunks } = await openStream(this.#exchange, server.url, path, signal)
        this.#servers.succeeded(server)
        this.#learning?.look(headers)
        return this.#observed(server, chunks)
      } catch (error) {
        if (!(error instanceof DndClientError)) throw error
        this.#failed(server, error, HEAD_MS)
        if (!error.retryable) throw error
        failure = error
      }
    throw failure!
  }

  /** A stream that breaks off is a failure of its server. */
  async *#observed(
    server: Server,
    chunks: AsyncIterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* chunks
    } catch (error) {
      if (error instanceof DndClientError) this.#failed(server, error, HEAD_MS)
      throw error
    }
  }

  #failed(server: Server, error: DndClientError, waitedMs: number): void {
    this.#servers.failed(server, error, waitedMs)
    if (error.status === undefined) this.#learning?.doubt()
  }

  /** Asks each server once; gives the last failure if the request may go on. */
  async #round(sending: Sending): Promise<TransportResponse | DndClientError> {
    const { request, deadlineMs, round } = sending
    let failure: DndClientError | undefined
    let tried = 0
    const candidates = this.#servers.candidates(request.to ?? 'given')
    for (const server of candidates) {
      if (request.signal?.aborted === true)
        throw inDoubt(aborted(request, server.url, false), sending)
      const leftMs = deadlineMs - Date.now()
      if (leftMs <= 0) throw inDoubt(failure ?? timedOut(request, server.url), sending)
      // One dead server must not use up a read's whole time while others could answer.
      const shares = Math.max(1, Math.min(this.#servers.count, SHARES_MAX) - tried++)
      const shareMs = request.write ? leftMs : leftMs / shares
      const isFirst = round === 0 && tried === 1
      const result =
        isFirst && this.#hedging !== undefined && isRead(request)
          ? await this.#hedged(this.#hedging, server, candidates, request, shareMs)
          : await this.#ask(server, request, shareMs)
      if (!(result instanceof DndClientError)) return result
      failure = result
      if (failure.outcome === 'unknown') sending.unknown = failure
      if (!mayGoOn(failure, request)) throw inDoubt(failure, sending)
      if (failure.code !== 'DND_ERR_UNREACHABLE' && !this.#budget.spend())
        throw inDoubt(failure, sending)
    }
    return failure!
  }

  /** A failure is a result here, since the next server may do better. */
  async #ask(
    server: Server,
    request: TransportRequest,
    shareMs: number,
    cancel?: AbortSignal,
  ): Promise<TransportResponse | DndClientError> {
    try {
      const response = await attempt(this.#exchange, server.url, request, shareMs, cancel)
      this.#servers.succeeded(server)
      if (response.headers.get(DRAINING_HEADER) !== null) this.#servers.drains(server)
      this.#learning?.look(response.headers)
      return response
    } catch (error) {
      if (!(error instanceof DndClientError)) throw error
      if (cancel?.aborted === true) return error
      this.#failed(server, error, shareMs)
      return error
    }
  }

  /** Asks a second server when the first is late, and takes whichever answers first. */
  async #hedged(
    hedging: Hedging,
    server: Server,
    candidates: Iterator<Server>,
    request: TransportRequest,
    shareMs: number,
  ): Promise<TransportResponse | DndClientError> {
    const delayMs = hedging.begin()
    const beganMs = performance.now()
    const cancel = new AbortController()
    const over = new AbortController()
    const first = this.#ask(server, request, shareMs, cancel.signal)
    try {
      if (delayMs === undefined || delayMs >= shareMs) return await first
      const early = await Promise.race([first, pause(delayMs, over.signal).then(() => LATE)])
      if (typeof early !== 'symbol') return early
      const other = hedging.spend() ? candidates.next() : undefined
      if (other === undefined || other.done === true) return await first
      const second = this.#ask(other.value, request, shareMs, cancel.signal)
      const winner = await Promise.race([first, second])
      if (!(winner instanceof DndClientError)) return winner
      const [one, two] = await Promise.all([first, second])
      return one instanceof DndClientError ? two : one
    } finally {
      over.abort()
      cancel.abort()
      hedging.note(performance.now() - beganMs)
    }
  }
}

/** A request on its way through the servers. */
interface Sending {
  readonly request: TransportRequest
  readonly deadlineMs: number
  round: number
  /** An earlier attempt that may have been taken, whatever became of the later ones. */
  unknown?: DndClientError
}

function inDoubt(failure: DndClientError, { unknown }: Sending): DndClientError {
  if (unknown === undefined || failure.outcome === 'unknown') return failure
  return unknown
}

/** Of one key. */
function isRead({ method, to, write }: TransportRequest): boolean {
  return method === 'GET' && typeof to === 'object' && !write
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

function mayGoOn(error: DndClientError, request: TransportRequest): boolean {
  if (!error.retryable) return false
  return !request.write || error.outcome === 'rejected' || request.idempotent === true
}
