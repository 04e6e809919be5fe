/**
 * Histories made by hand, for the tests of the checkers: one key, with the least that an operation
 * must say.
 */
import { utf8Encode } from '../../src/core/std/bytes.ts'
import type { VnodeId } from '../../src/core/std/ids.ts'
import type { GetSuccess } from '../../src/core/node/events.ts'
import type { ConflictMode } from '../../src/core/node/messages.ts'
import type {
  Container,
  Context,
  Dot,
  Stamp,
  Version,
  VersionVector,
} from '../../src/core/versions/version.ts'
import type { GetRecord, Operation, WriteRecord } from '../history.ts'
import { valueName } from '../history.ts'
import type { Evidence, FinalRead } from './evidence.ts'

/** `dot(1, 5)`: the fifth write of vnode 1. */
export function dot(vnode: number, counter: number): Dot {
  return { vnode: vnode as VnodeId, counter }
}

export function stamp(ms: number, counter = 0): Stamp {
  return { ms, counter }
}

/** The version that operation `id` wrote; without an id a delete. */
export function version(id: number | undefined, at: Dot, ms: number): Version {
  const bytes = id === undefined ? undefined : utf8Encode(`${valueName(id)} …`)
  const value =
    bytes === undefined
      ? undefined
      : { bytes, contentType: 'text/plain', metadata: [], expiresAtMs: 0 }
  return { dot: at, stamp: stamp(ms), value }
}

export function container(versions: readonly Version[], ...vector: readonly Dot[]): Container {
  return { versions, vector }
}

export function context(ms: number, ...vector: VersionVector): Context {
  return { vector, stamp: stamp(ms) }
}

interface WriteFields {
  /** Who asked; without it a process of its own. */
  readonly process?: number
  readonly kind?: 'put' | 'delete'
  readonly invoked: number
  readonly returned?: number
  readonly outcome?: 'ok' | 'fail' | 'unknown'
  /** Ids of the writes that its context had seen; without it a blind write. */
  readonly saw?: readonly number[]
  /** The context handed back, where its vector or stamp matters. */
  readonly handed?: Context
  readonly w?: number
  readonly acks?: number
  /** What the reply said. */
  readonly context?: Context
  readonly more?: Partial<WriteRecord>
}

interface GetFields {
  readonly process?: number
  readonly invoked: number
  readonly returned: number
  readonly r?: number
  readonly answers?: number
  readonly returnedAtMs?: number
  readonly container: Container
  /** What was shown, when it is not what the container says. */
  readonly live?: readonly Version[]
}

/** One key's history, built line by line. */
export class HandMade {
  readonly mode: ConflictMode
  readonly #operations: Operation[] = []
  readonly #finals: FinalRead[] = []

  constructor(mode: ConflictMode) {
    this.mode = mode
  }

  write(id: number, fields: WriteFields): this {
    const { kind = 'put', invoked, outcome = 'ok', saw, handed, w = 2, acks = w } = fields
    const supersedes =
      saw === undefined && handed === undefined
        ? undefined
        : { context: handed ?? context(0), writes: new Set(saw) }
    const operation: WriteRecord = {
      ...this.#common(id, invoked, fields.process),
      kind,
      outcome,
      returned: fields.returned ?? (outcome === 'unknown' ? Infinity : invoked + 1),
      w,
      acks,
      supersedes,
      context: outcome === 'ok' ? fields.context : undefined,
      ...fields.more,
    }
    this.#operations.push(operation)
    return this
  }

  get(id: number, fields: GetFields): this {
    const { invoked, returned, r = 2, answers = r } = fields
    const result = this.#result(fields.container, answers, fields.live)
    const operation: GetRecord = {
      ...this.#common(id, invoked, fields.process),
      kind: 'get',
      outcome: 'ok',
      returned,
      r,
      result,
      ...(fields.returnedAtMs === undefined ? {} : { returnedAtMs: fields.returnedAtMs }),
    }
    this.#operations.push(operation)
    return this
  }

  final(node: number, read: Container): this {
    const { mode } = this
    const result = this.#result(read, 3)
    this.#finals.push({ node, bucket: 'b', mode, key: 'k', result })
    return this
  }

  evidence(more: Partial<Evidence> = {}): Evidence {
    return {
      operations: this.#operations,
      finals: this.#finals,
      listings: [],
      copies: [],
      gauges: [],
      replicas: 3,
      leastReplicas: 3,
      ...more,
    }
  }

  #common(
    id: number,
    invoked: number,
    process: number = id,
  ): Pick<
    Operation,
    'id' | 'process' | 'node' | 'bucket' | 'mode' | 'key' | 'invokedAtMs' | 'invoked' | 'reason'
  > {
    const { mode } = this
    const names = { bucket: 'b', mode, key: 'k', reason: '' }
    return { id, process, node: 0, invokedAtMs: invoked, invoked, ...names }
  }

  #result(read: Container, answers: number, live?: readonly Version[]): GetSuccess {
    const values = read.versions.filter(({ value }) => value !== undefined)
    const winner = [...read.versions].sort((a, b) => b.stamp.ms - a.stamp.ms)[0]
    const winners = winner?.value === undefined ? [] : [winner]
    const shown = live ?? (this.mode === 'lww' ? winners : values)
    return { ok: true, container: read, live: shown, context: undefined, answers }
  }
}
