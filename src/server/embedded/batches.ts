/**
 * Many gets, puts and deletes in one call, each with a result of its own. Not a transaction. The
 * bounds are those of the HTTP API.
 */
import {
  BATCH_BYTES_MAX,
  BATCH_OPERATIONS_MAX,
  BATCH_PARALLEL_MAX,
  BATCH_PATIENCE_MS,
  BATCH_RESULT_BYTES_MAX,
} from '../../adapters/http/batch.ts'
import type { NodeSite } from '../../adapters/http/site.ts'
import { DndError } from '../../core/errors.ts'
import type { ClientReply } from '../../core/node/events.ts'
import { utf8Length } from '../../core/std/bytes.ts'
import { DndClientError } from '../../../packages/client/src/error.ts'
import type { BatchOperation, BatchResult } from '../../../packages/client/src/operations.ts'
import type { Answering } from './desk.ts'
import { refusal } from './failures.ts'
import { answerTo } from './key-answers.ts'
import { checkWhole, keyRequest } from './key-requests.ts'
import type { KeyRequest } from './key-requests.ts'

type Answers = Answering<readonly BatchResult[]>

export function askBatch(
  site: NodeSite,
  operations: readonly BatchOperation[],
  answering: Answers,
): void {
  checkWhole('timeout', answering.timeoutMs)
  if (operations.length > BATCH_OPERATIONS_MAX)
    throw new DndError(
      'DND_ERR_BATCH_TOO_LARGE',
      `the batch has ${operations.length} operations; ${BATCH_OPERATIONS_MAX} are allowed`,
    )
  if (bytesOf(operations) > BATCH_BYTES_MAX)
    throw new DndError('DND_ERR_BODY_TOO_LARGE', `the body has more than ${BATCH_BYTES_MAX} bytes`)
  new Batch(site, operations, answering).run()
}

class Batch {
  readonly #site: NodeSite
  // Both bounded by: BATCH_OPERATIONS_MAX.
  readonly #operations: readonly BatchOperation[]
  readonly #results: BatchResult[] = []
  readonly #answering: Answers
  readonly #startedAt = performance.now()
  #next = 0
  #running = 0
  #resultBytes = 0

  constructor(site: NodeSite, operations: readonly BatchOperation[], answering: Answers) {
    this.#site = site
    this.#operations = operations
    this.#answering = answering
  }

  /** Begins as many operations as may run at once; answers when all have ended. */
  run(): void {
    while (this.#running < BATCH_PARALLEL_MAX && this.#next < this.#operations.length)
      this.#begin(this.#next++)
    if (this.#running === 0) this.#answering.answer(this.#results)
  }

  #begin(index: number): void {
    const write = this.#operations[index]!.type !== 'get'
    try {
      const request = this.#request(index)
      this.#site.gateway.submit(request, (reply) => {
        this.#running--
        this.#results[index] = this.#result(request, reply)
        this.run()
      })
      this.#running++
    } catch (error) {
      if (!(error instanceof DndError)) throw error
      this.#results[index] = { status: 'failed', error: refusal(error, write) }
    }
  }

  #request(index: number): KeyRequest {
    const leftMs = Math.ceil(this.#startedAt + BATCH_PATIENCE_MS - performance.now())
    if (leftMs <= 0) throw new DndError('DND_ERR_TIMEOUT', 'the batch took too long to come to it')
    const { timeoutMs } = this.#answering
    const patienceMs = timeoutMs === undefined ? undefined : Math.min(timeoutMs, leftMs)
    return keyRequest(this.#site, this.#operations[index]!, patienceMs, 'batch')
  }

  #result(request: KeyRequest, reply: ClientReply): BatchResult {
    try {
      if (reply.type === 'get' && reply.result.ok)
        for (const { value } of reply.result.live) this.#resultBytes += value?.bytes.length ?? 0
      if (this.#resultBytes > BATCH_RESULT_BYTES_MAX && request.type === 'get')
        throw refusal(
          new DndError('DND_ERR_BATCH_TOO_LARGE', 'the results before this one fill the answer'),
          false,
        )
      return answerTo(this.#site, request, reply)
    } catch (error) {
      if (error instanceof DndClientError) return { status: 'failed', error }
      throw error
    }
  }
}

/** Of the values: what else a batch holds is small beside its bound. */
function bytesOf(operations: readonly BatchOperation[]): number {
  let bytes = 0
  for (const operation of operations) {
    if (operation.type !== 'put') continue
    const { value } = operation
    bytes += typeof value === 'string' ? (utf8Length(value) ?? 0) : Math.ceil(value.length / 3) * 4
  }
  return bytes
}
