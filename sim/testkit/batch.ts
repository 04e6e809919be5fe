/**
 * A batch: many gets, puts and deletes in one request to one node, each with a result of its own,
 * no more than so many at once. Not a transaction.
 */
import { utf8Length } from '../../src/core/std/bytes.ts'
import { DndError } from '../../src/core/errors.ts'
import type { ClientReply } from '../../src/core/node/events.ts'
import { BATCH_BYTES_MAX, BATCH_OPERATIONS_MAX } from '../../packages/client/src/api.ts'
import type { BatchOperation, BatchResult } from '../../packages/client/src/client.ts'
import { DndClientError } from '../../packages/client/src/error.ts'
import { KeyAttempt } from './calls.ts'
import type { Attempt, Call, Desk, Visit } from './desk.ts'
import { refusal } from './desk.ts'
import { checkTimeout } from './requests.ts'

const PARALLEL_MAX = 32

export function batchCall(
  desk: Desk,
  operations: readonly BatchOperation[],
  timeoutMs: number | undefined,
  patienceMs: number,
): Call<readonly BatchResult[]> {
  return {
    write: operations.some(({ type }) => type !== 'get'),
    timeoutMs: patienceMs,
    text: `batch of ${operations.length}`,
    describe: (results) => results.map(({ status }) => status).join(' '),
    begin: () => new BatchAttempt(desk, operations, timeoutMs),
  }
}

class BatchAttempt implements Attempt<readonly BatchResult[]> {
  readonly #operations: readonly BatchOperation[]
  /** Bounded by: BATCH_OPERATIONS_MAX, or it is refused before the first begins. */
  readonly #attempts: readonly KeyAttempt[]
  readonly #timeoutMs: number | undefined
  readonly #answers: (ClientReply | DndError)[] = []
  #next = 0
  #running = 0
  #lost = false

  constructor(desk: Desk, operations: readonly BatchOperation[], timeoutMs: number | undefined) {
    this.#operations = operations
    this.#timeoutMs = timeoutMs
    this.#attempts = operations.map(
      (operation) => new KeyAttempt(desk, operation, timeoutMs, 'batch'),
    )
  }

  serve(visit: Visit<readonly BatchResult[]>): void {
    checkTimeout(this.#timeoutMs)
    if (this.#operations.length > BATCH_OPERATIONS_MAX)
      throw new DndError(
        'DND_ERR_BATCH_TOO_LARGE',
        `the batch has ${this.#operations.length} operations; ${BATCH_OPERATIONS_MAX} are allowed`,
      )
    if (bytesOf(this.#operations) > BATCH_BYTES_MAX)
      throw new DndError(
        'DND_ERR_BODY_TOO_LARGE',
        `the body has more than ${BATCH_BYTES_MAX} bytes`,
      )
    this.#begin(visit)
  }

  lose(reason: string): void {
    for (const attempt of this.#attempts) attempt.lose(reason)
  }

  /** Begins as many as may run at once; answers when all have ended. */
  #begin(visit: Visit<readonly BatchResult[]>): void {
    while (this.#running < PARALLEL_MAX && this.#next < this.#attempts.length) {
      const index = this.#next++
      try {
        this.#attempts[index]!.submit(visit.node, (reply) => this.#ended(visit, index, reply))
        this.#running++
      } catch (error) {
        if (!(error instanceof DndError)) throw error
        this.#answers[index] = error
      }
    }
    if (this.#running === 0) visit.respond(() => this.#read())
  }

  #ended(visit: Visit<readonly BatchResult[]>, index: number, reply: ClientReply | 'lost'): void {
    this.#running--
    if (reply === 'lost') {
      if (!this.#lost) visit.lost()
      this.#lost = true
    } else this.#answers[index] = reply
    if (!this.#lost) this.#begin(visit)
  }

  #read(): readonly BatchResult[] {
    return this.#operations.map(({ type }, index): BatchResult => {
      const answer = this.#answers[index]!
      try {
        if (answer instanceof DndError) throw refusal(answer, type !== 'get')
        return this.#attempts[index]!.read(answer, undefined)
      } catch (error) {
        if (!(error instanceof DndClientError)) throw error
        return { status: 'failed', error }
      }
    })
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
