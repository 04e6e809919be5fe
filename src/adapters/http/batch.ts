/**
 * `/batch`: many gets, puts and deletes in one request, each with a result of its own. Not a
 * transaction: some may fail while others succeed, and those on one key may run in any order.
 *
 * A batch is work for many requests behind the price of one, so it is bounded on every side:
 * operations, bytes in, bytes out, how many run at once, and how long it may take.
 */
import { array, strictObject, unknown } from 'valibot'
import type { ClientReply } from '../../core/node/events.ts'
import { DndError } from '../../core/errors.ts'
import { mustBeAllowed } from './admission.ts'
import { batchProblem, batchRequest, batchResult } from './batch-operation.ts'
import type { BatchRequest, BatchResult } from './batch-operation.ts'
import type { Exchange } from './exchange.ts'
import { parseJson, shaped } from './json-body.ts'

export const BATCH_OPERATIONS_MAX = 1_000
export const BATCH_BYTES_MAX: number = 8 * 1024 * 1024
/** Results of gets beyond so many bytes are left out, with an error in their place. */
export const BATCH_RESULT_BYTES_MAX: number = 32 * 1024 * 1024
export const BATCH_PARALLEL_MAX = 32
/** Operations that have not begun by then do not begin. */
export const BATCH_PATIENCE_MS = 60_000

const BATCH = strictObject({ operations: array(unknown(), 'a list is wanted') })

export function onBatch(exchange: Exchange): void {
  exchange.readBody(BATCH_BYTES_MAX, 'DND_ERR_BODY_TOO_LARGE', (_, body) => {
    const { operations } = shaped(BATCH, parseJson(body), 'the body')
    if (operations.length > BATCH_OPERATIONS_MAX)
      throw new DndError(
        'DND_ERR_BATCH_TOO_LARGE',
        `the batch has ${operations.length} operations; ${BATCH_OPERATIONS_MAX} are allowed`,
      )
    new Batch(exchange, operations).run()
  })
}

class Batch {
  readonly #exchange: Exchange
  // Both bounded by: BATCH_OPERATIONS_MAX.
  readonly #operations: readonly unknown[]
  readonly #results: BatchResult[]
  #next = 0
  #running = 0
  #resultBytes = 0

  constructor(exchange: Exchange, operations: readonly unknown[]) {
    this.#exchange = exchange
    this.#operations = operations
    this.#results = Array.from({ length: operations.length })
  }

  /** Begins as many operations as may run at once; answers when all have ended. */
  run(): void {
    // Nobody is left to be told, and what was not begun need not be.
    if (this.#exchange.response.destroyed) this.#next = this.#operations.length
    while (this.#running < BATCH_PARALLEL_MAX && this.#next < this.#operations.length)
      this.#begin(this.#next++)
    if (this.#running === 0) this.#exchange.json(200, { results: this.#results })
  }

  #begin(index: number): void {
    const { site } = this.#exchange
    const request = this.#request(index)
    if (request === undefined) return
    this.#running++
    site.gateway.submit(request, (reply) => {
      this.#running--
      this.#results[index] = this.#result(request, reply)
      this.run()
    })
  }

  /** undefined when the operation has its result already: it cannot be asked. */
  #request(index: number): BatchRequest | undefined {
    const { site, startedAt, query } = this.#exchange
    const left = startedAt + BATCH_PATIENCE_MS - performance.now()
    try {
      if (left <= 0) throw new DndError('DND_ERR_TIMEOUT', 'the batch took too long to come to it')
      const request = batchRequest(site, this.#operations[index], `operations[${index}]`)
      const role = request.type === 'get' ? 'read' : 'write'
      mustBeAllowed(this.#exchange, role, request.bucket, request.key)
      const { timeout } = query
      return timeout === undefined ? request : { ...request, timeoutMs: Math.min(timeout, left) }
    } catch (error) {
      if (!(error instanceof DndError)) throw error
      this.#results[index] = batchProblem(error)
      return undefined
    }
  }

  #result(request: BatchRequest, reply: ClientReply): BatchResult {
    if (reply.type === 'get' && reply.result.ok)
      for (const { value } of reply.result.live) this.#resultBytes += value?.bytes.length ?? 0
    if (this.#resultBytes > BATCH_RESULT_BYTES_MAX && request.type === 'get')
      return batchProblem(
        new DndError('DND_ERR_BATCH_TOO_LARGE', 'the results before this one fill the answer'),
      )
    return batchResult(this.#exchange.site, request, reply)
  }
}
