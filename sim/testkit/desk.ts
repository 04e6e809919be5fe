/**
 * Between the app and the nodes: one request goes to one node, and its answer comes back, each
 * after a little time, or does not; and what a client concludes from that, as `transport.ts` of the
 * real client does: a node that is down takes no connection, so nothing was sent; one that dies
 * with the request leaves it in doubt; and so does patience that ends first.
 */
import { DndError, ERRORS } from '../../src/core/errors.ts'
import type { Prng } from '../../src/core/std/prng.ts'
import type { Failure } from '../../src/core/coordinator/messages.ts'
import { DndClientError, fromProblem } from '../../packages/client/src/error.ts'
import type { Range } from '../seed.ts'
import { stream, within } from '../seed.ts'
import type { SimNode } from '../sim-node.ts'
import type { World } from '../world.ts'
import type { Book } from './book.ts'
import type { Pump } from './pump.ts'
import type { Seal } from './seal.ts'

/** What is asked of a node, and what its answer means. */
export interface Call<T> {
  /** Whether it may change anything. */
  readonly write: boolean
  /** For all nodes together, milliseconds. */
  readonly timeoutMs: number
  /** For the story. */
  readonly text: string
  describe(result: T): string
  /** One try. */
  begin(): Attempt<T>
}

export interface Attempt<T> {
  /** The request has arrived; answered once. Throws what the node's front refuses. */
  serve(visit: Visit<T>): void
  /** No answer will reach the app. */
  lose(reason: string): void
}

export interface Visit<T> {
  readonly node: SimNode
  readonly server: string
  /** `read` is called when the answer reaches the app; it may throw what it means. */
  respond(read: () => T): void
  /** The node died with the request. */
  lost(): void
}

/** One way between an app and a node of the same place, milliseconds. */
const LATENCY_MS: Range = [0.05, 1]
const RETRY_AFTER_MS = 1_000

export class Desk {
  readonly world: World
  readonly pump: Pump
  readonly book: Book
  readonly seal: Seal
  /** Marks of updates given out, which must differ between all clients of the world. */
  marks = 0
  readonly #rng: Prng
  readonly #tell: (what: string, text: string) => void

  constructor(
    parts: {
      readonly world: World
      readonly pump: Pump
      readonly book: Book
      readonly seal: Seal
    },
    tell: (what: string, text: string) => void,
  ) {
    this.world = parts.world
    this.pump = parts.pump
    this.book = parts.book
    this.seal = parts.seal
    this.#rng = stream(parts.world.seed, 'testkit', 'desk')
    this.#tell = tell
  }

  /** One request to one node. */
  ask<T>(call: Call<T>, index: number, patienceMs: number): Promise<T> {
    const server = serverOf(index)
    const attempt = call.begin()
    const what = `n${index + 1} ${call.text}`
    this.#tell('app →', what)
    return this.pump.wait<T>((settle) => {
      let open = true
      const end = (then: () => T): void => {
        if (!open) return
        open = false
        try {
          const result = then()
          this.#tell('app ←', `${what}: ${call.describe(result)}`)
          settle.resolve(result)
        } catch (error) {
          this.#tell('app ←', `${what}: ${failureText(error)}`)
          settle.reject(error)
        }
      }
      const lose = (error: DndClientError): void =>
        end(() => {
          attempt.lose(error.code)
          throw error
        })
      this.#later(() => this.#visit(attempt, index, call.write, end, lose))
      this.world.queue.after(patienceMs, () => lose(timedOut(server, call)))
    })
  }

  #visit<T>(
    attempt: Attempt<T>,
    index: number,
    write: boolean,
    end: (then: () => T) => void,
    lose: (error: DndClientError) => void,
  ): void {
    const server = serverOf(index)
    const node = this.world.nodes[index]
    if (node?.isUp !== true) return this.#later(() => lose(unreachable(server)))
    const respond = (read: () => T): void => this.#later(() => end(read))
    const lost = (): void => this.#later(() => lose(connectionLost(server, write)))
    try {
      attempt.serve({ node, server, respond, lost })
    } catch (error) {
      if (!(error instanceof DndError)) throw error
      respond(() => {
        throw refusal(error, write, server)
      })
    }
  }

  #later(run: () => void): void {
    this.world.queue.after(within(LATENCY_MS, this.#rng), run)
  }
}

/** The base URL that a real client would know the node by. */
export function serverOf(index: number): string {
  return `http://10.0.0.${index + 1}:6001`
}

/** What the front refuses: nothing was stored. */
export function refusal(error: DndError, write: boolean, server?: string): DndClientError {
  const { code, message } = error
  const status = ERRORS[code].status ?? 500
  const problem = { code, detail: message, outcome: 'rejected' } as const
  return fromProblem(problem, status, write, server, retryAfter(status, server))
}

/** What the cluster could not do. */
export function failure(result: Failure, write: boolean, server?: string): DndClientError {
  const { code, message, outcome, needed, got } = result
  const status = ERRORS[code].status ?? 500
  const problem = { code, detail: message, outcome, ...(needed === 0 ? {} : { needed, got }) }
  return fromProblem(problem, status, write, server, retryAfter(status, server))
}

/** Told in a header, which an operation of a batch has none of. */
function retryAfter(status: number, server: string | undefined): number | undefined {
  return status === 503 && server !== undefined ? RETRY_AFTER_MS : undefined
}

function unreachable(server: string): DndClientError {
  const message = `no connection to ${server}`
  return new DndClientError({ code: 'DND_ERR_UNREACHABLE', message, outcome: 'rejected', server })
}

function connectionLost(server: string, write: boolean): DndClientError {
  const message = `the connection to ${server} broke before it had answered`
  const outcome = write ? 'unknown' : 'rejected'
  return new DndClientError({ code: 'DND_ERR_CONNECTION_LOST', message, outcome, server })
}

export function timedOut(
  server: string,
  call: { readonly write: boolean; readonly timeoutMs: number },
): DndClientError {
  const message = `${server} did not answer within ${call.timeoutMs} ms`
  const outcome = call.write ? 'unknown' : 'rejected'
  return new DndClientError({ code: 'DND_ERR_TIMEOUT', message, outcome, server })
}

function failureText(error: unknown): string {
  if (!(error instanceof DndClientError)) return String(error)
  const { needed, got } = error
  const counts = needed === undefined ? '' : ` ${got}/${needed}`
  return `${error.code} ${error.outcome}${counts}`
}
