/**
 * Requests of a client for one thing each: how a node is asked and what its answer becomes, as the
 * HTTP front of a node and the real client together make it.
 */
import { must } from '../../src/core/std/assert.ts'
import { utf8Decode } from '../../src/core/std/bytes.ts'
import { siblingsWarning } from '../../src/core/node/conflicts.ts'
import type { ClientReply, GetSuccess, ListKeysRequest } from '../../src/core/node/events.ts'
import type { NodeView } from '../../src/core/node/view.ts'
import type { Context, Value } from '../../src/core/versions/version.ts'
import type {
  BucketJson,
  BucketPropertiesJson,
  KeysPageJson,
} from '../../packages/client/src/api.ts'
import type {
  BatchOperation,
  GetResult,
  ListOptions,
  StoredValue,
  WriteResult,
} from '../../packages/client/src/client.ts'
import type { Operation } from '../history.ts'
import type { SimNode } from '../sim-node.ts'
import type { KeyRequest } from './book.ts'
import { ownMetadata } from './book.ts'
import type { Attempt, Call, Desk, Visit } from './desk.ts'
import { failure } from './desk.ts'
import { nextStart } from '../../src/core/node/listing-bounds.ts'
import type { Form } from './requests.ts'
import { bucketProperties, checkBucket, keyRequest, listRequest } from './requests.ts'

type KeyResult = GetResult | WriteResult

/** A get, put or delete under way at a node, and in the history. */
export class KeyAttempt implements Attempt<KeyResult> {
  readonly #desk: Desk
  readonly #asked: BatchOperation
  readonly #timeoutMs: number | undefined
  readonly #form: Form
  #request: KeyRequest | undefined
  #operation: Operation | undefined

  constructor(desk: Desk, asked: BatchOperation, timeoutMs: number | undefined, form: Form) {
    this.#desk = desk
    this.#asked = asked
    this.#timeoutMs = timeoutMs
    this.#form = form
  }

  serve(visit: Visit<KeyResult>): void {
    const { server } = visit
    this.submit(visit.node, (reply) => {
      if (reply === 'lost') visit.lost()
      else visit.respond(() => this.read(reply, server))
    })
  }

  /** Throws what the front refuses. */
  submit(node: SimNode, done: (reply: ClientReply | 'lost') => void): void {
    const { book, seal } = this.#desk
    this.#request = keyRequest(this.#asked, this.#timeoutMs, this.#form, seal)
    const token = this.#asked.type === 'get' ? undefined : this.#asked.context
    const { operation, request } = book.invoke(this.#request, node.index, token)
    this.#operation = operation
    node.request(request, done)
  }

  /** The reply has reached the app. `server`: when it is the answer to a whole request. */
  read(reply: ClientReply, server: string | undefined): KeyResult {
    const operation = must(this.#operation, 'an operation that was answered')
    const context = 'context' in reply.result ? reply.result.context : undefined
    const token = context === undefined ? undefined : this.#token(context)
    this.#desk.book.answered(operation, reply, token)
    if (!reply.result.ok) throw failure(reply.result, operation.kind !== 'get', server)
    if (reply.type === 'write' && reply.result.siblings !== undefined)
      return { status: 'stored', context: token, warning: siblingsWarning(reply.result.siblings) }
    if (reply.type !== 'get') return { status: 'stored', context: token }
    return shown(reply.result as GetSuccess, token)
  }

  lose(reason: string): void {
    if (this.#operation !== undefined) this.#desk.book.lost(this.#operation, reason)
  }

  #token(context: Context): string {
    const { bucket, key, sort } = must(this.#request, 'a request that was answered')
    return this.#desk.seal.close(context, bucket, key, sort)
  }
}

export function keyCall(
  desk: Desk,
  operation: BatchOperation,
  timeoutMs: number | undefined,
  patienceMs: number,
): Call<KeyResult> {
  return {
    write: operation.type !== 'get',
    timeoutMs: patienceMs,
    text: operationText(operation),
    describe: keyText,
    begin: () => new KeyAttempt(desk, operation, timeoutMs, 'path'),
  }
}

export function listCall(options: ListOptions, patienceMs: number): Call<KeysPageJson> {
  return {
    write: false,
    timeoutMs: patienceMs,
    text: `list ${options.bucket ?? 'default'}`,
    describe: ({ keys }) => `${keys.length} keys`,
    begin: () => ({
      serve(visit): void {
        const request = listRequest(options)
        if (request === undefined) return visit.respond(() => ({ keys: [] }))
        visit.node.request(request, (reply) => {
          if (reply === 'lost') visit.lost()
          else visit.respond(() => page(reply, request, visit.server))
        })
      },
      lose(): void {},
    }),
  }
}

/** What a node knows without asking anybody. */
export function viewCall<T>(text: string, read: (view: NodeView) => T, timeoutMs: number): Call<T> {
  return {
    write: false,
    timeoutMs,
    text,
    describe: () => 'ok',
    begin: () => ({
      serve(visit): void {
        const machine = must(visit.node.machine, 'the machine of a node that is up')
        const result = read(machine.view())
        visit.respond(() => result)
      },
      lose(): void {},
    }),
  }
}

export function configureCall(
  desk: Desk,
  name: string,
  given: Partial<BucketPropertiesJson> | undefined,
  timeoutMs: number,
): Call<BucketJson> {
  return {
    write: true,
    timeoutMs,
    text: `configure ${name}`,
    describe: () => 'ok',
    begin: () => ({
      serve(visit): void {
        checkBucket(name)
        const properties = given === undefined ? undefined : bucketProperties(given)
        const request = { type: 'configure-bucket', bucket: name, properties } as const
        visit.node.request(request, (reply) => {
          if (reply === 'lost') visit.lost()
          else visit.respond(() => configured(desk, name, given !== undefined, reply, visit.server))
        })
      },
      // The bucket may have been changed, or may be yet.
      lose: () => desk.book.blur(name),
    }),
  }
}

function configured(
  desk: Desk,
  name: string,
  given: boolean,
  reply: ClientReply,
  server: string,
): BucketJson {
  if (reply.type !== 'configure-bucket')
    throw new TypeError(`a change was answered by a ${reply.type}`)
  const { result } = reply
  if (!result.ok) {
    if (result.outcome === 'unknown') desk.book.blur(name)
    throw failure(result, true, server)
  }
  const { properties, pending } = result
  const before = desk.book.propertiesOf(name)
  // What was asked of members that have not heard of it yet is judged by nobody's rules.
  if (pending.length > 0 || before.conflicts !== properties.conflicts) desk.book.blurIfUsed(name)
  desk.book.configured(name, given ? properties : undefined)
  return { name, configured: given, properties, pending }
}

function page(reply: ClientReply, request: ListKeysRequest, server: string): KeysPageJson {
  const { result } = reply
  if (!result.ok) throw failure(result, false, server)
  if (!('keys' in result)) throw new TypeError(`a listing was answered by a ${reply.type}`)
  const keys = result.keys.map(({ key, sort }) => ({
    key: textOf(key),
    ...(sort === undefined ? {} : { sort: textOf(sort) }),
  }))
  if (result.next === undefined) return { keys }
  return { keys, next: must(nextStart(result.next, request.reverse), 'a page that ends at a text') }
}

/** Whatever an app of the testkit wrote was text. */
function textOf(bytes: Uint8Array): string {
  return must(utf8Decode(bytes), 'a key that is text')
}

function shown(result: GetSuccess, token: string | undefined): GetResult {
  const values = result.live.flatMap(({ value }) => (value === undefined ? [] : storedValue(value)))
  const [only] = values
  if (only === undefined) return { status: 'absent', context: token }
  if (values.length === 1) return { status: 'found', ...only, context: token }
  const context = must(token, 'the context of siblings')
  return { status: 'siblings', siblings: values, context }
}

function storedValue(value: Value): StoredValue {
  return {
    // A copy: what the app does to it must not reach the store.
    bytes: new Uint8Array(value.bytes),
    contentType: value.contentType,
    metadata: Object.fromEntries(ownMetadata(value)),
    ...(value.expiresAtMs === 0 ? {} : { expiresAt: new Date(value.expiresAtMs).toISOString() }),
  }
}

const TEXT_CHARACTERS_MAX = 60

export function operationText(operation: BatchOperation): string {
  const { type, bucket = 'default', key, sort } = operation
  const sortText = sort === undefined ? '' : `#${sort}`
  const value = operation.type === 'put' ? ` ${valueText(operation.value)}` : ''
  const context = operation.type !== 'get' && operation.context !== undefined
  return `${type} ${bucket}/${cut(key)}${cut(sortText)}${value}${context ? ' with context' : ''}`
}

export function keyText(result: KeyResult): string {
  if (result.status === 'found') return `found ${valueText(result.bytes)}`
  if (result.status !== 'siblings') return result.status
  return `siblings ${result.siblings.map(({ bytes }) => valueText(bytes)).join(' | ')}`
}

function valueText(value: string | Uint8Array): string {
  if (typeof value === 'string') return cut(value)
  return cut(utf8Decode(value.subarray(0, 4 * TEXT_CHARACTERS_MAX)) ?? `${value.length} bytes`)
}

function cut(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ')
  return line.length > TEXT_CHARACTERS_MAX ? `${line.slice(0, TEXT_CHARACTERS_MAX)}…` : line
}
