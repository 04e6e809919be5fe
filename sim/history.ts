/**
 * The record of all that clients did and were told: the only thing, with the disks at the end, that
 * the checkers look at.
 *
 * An operation begins with its invocation and ends `ok` (it happened), `fail` (it did not, and
 * never will) or `unknown` (nobody can say: the answer never came, or said so itself). A write that
 * may have happened is never recorded as `fail`. An operation of unknown outcome stays open to the
 * end of the history, and the process that asked for it asks for nothing more.
 */
import type { GetSuccess } from '../src/core/node/events.ts'
import type { ConflictMode } from '../src/core/node/messages.ts'
import type { Context } from '../src/core/versions/version.ts'

/**
 * A context with what its holder has really seen: the writes whose values it was shown, or that it
 * made itself.
 */
export interface SeenContext {
  readonly context: Context
  readonly writes: ReadonlySet<number>
}

interface OperationBase {
  /** Its place in the history; also names the value that a put writes: `op7`. */
  readonly id: number
  /** Who asked; a client gets a new number after an operation of unknown outcome. */
  readonly process: number
  /** Place of the node asked. */
  readonly node: number
  readonly bucket: string
  readonly mode: ConflictMode
  readonly key: string
  /** Replicas of the bucket; without it, as many as the world has of everything. */
  readonly n?: number
  readonly invokedAtMs: number
  /** Position of the invocation among all invocations and returns. */
  readonly invoked: number
  /**
   * Position of the return; Infinity while it has none, which is for ever when the outcome is
   * unknown.
   */
  returned: number
  outcome: 'pending' | 'ok' | 'fail' | 'unknown'
  /** When it returned, by the world's time; without it, nobody knows. */
  returnedAtMs?: number
  /** Code of the failure, or how the answer was lost. */
  reason: string
}

export interface WriteRecord extends OperationBase {
  readonly kind: 'put' | 'delete'
  /** Acknowledgements asked for. */
  readonly w: number
  /** Whether what stands in for a replica counts. */
  readonly sloppy?: boolean
  /**
   * From this moment of the world's time on, milliseconds, reads may leave out its value; without
   * it, it has no deadline.
   */
  readonly mayExpireAtMs?: number
  /** What the write supersedes. */
  readonly supersedes: SeenContext | undefined
  /**
   * What an ok reply said: the context that covers the write, and by how many replicas it was held.
   */
  context: Context | undefined
  acks: number
}

export interface GetRecord extends OperationBase {
  readonly kind: 'get'
  /** Answers asked for. */
  readonly r: number
  /**
   * Whether it asks for fewer than any bucket does that promises its reads to see what was written:
   * while the layout changes, old owners who have not heard of that may answer it.
   */
  readonly mayReadOld?: boolean
  result: GetSuccess | undefined
}

export type Operation = WriteRecord | GetRecord

export class History {
  // Bounded by: the clients' pace and the scenario's length.
  readonly operations: Operation[] = []
  #position = 0

  /** Id of the next operation. */
  get nextId(): number {
    return this.operations.length
  }

  /** Position of the next invocation or return. */
  get position(): number {
    return this.#position
  }

  invoke<T extends Operation>(
    fields: Omit<T, 'id' | 'invoked' | 'returned' | 'outcome' | 'reason'>,
  ): T {
    const operation = {
      ...fields,
      id: this.operations.length,
      invoked: this.#position++,
      returned: Infinity,
      outcome: 'pending',
      reason: '',
    } as unknown as T
    this.operations.push(operation)
    return operation
  }

  ok(operation: Operation): void {
    operation.outcome = 'ok'
    operation.returned = this.#position++
  }

  /** It did not happen, and never will. */
  fail(operation: Operation, reason: string): void {
    operation.outcome = 'fail'
    operation.returned = this.#position++
    operation.reason = reason
  }

  unknown(operation: Operation, reason: string): void {
    operation.outcome = 'unknown'
    operation.reason = reason
  }

  /**
   * One JSON object a line, in the order of what happened, in the form that Jepsen's checkers and
   * their kin read.
   */
  lines(): readonly string[] {
    const events: { readonly at: number; readonly line: string }[] = []
    for (const operation of this.operations) {
      const { id, process, kind, bucket, key, outcome, invoked, returned } = operation
      const val = kind === 'put' ? valueName(id) : null
      const event = { i: id, p: process, f: kind, key: `${bucket}/${key}`, val }
      const end = outcome === 'unknown' ? 'info' : outcome
      events.push({ at: invoked, line: JSON.stringify({ type: 'invoke', ...event }) })
      if (end !== 'pending')
        events.push({ at: returned, line: JSON.stringify({ type: end, ...event }) })
    }
    return events.sort((a, b) => compare(a.at, b.at)).map(({ line }) => line)
  }
}

/** The value that a put writes, by the id of its operation. */
export function valueName(id: number): string {
  return `op${id}`
}

/** The operation that wrote a value of that name; undefined for a value that nobody writes. */
export function writerOf(name: string): number | undefined {
  const match = /^op(\d{1,9})$/.exec(name)
  return match === null ? undefined : Number(match[1])
}

/** By position; all that has none comes last, in the order given. */
function compare(a: number, b: number): number {
  return a === b ? 0 : a - b
}
