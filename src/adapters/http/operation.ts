/**
 * One operation of the API: what the router needs to run it and what the OpenAPI document says of
 * it, in one place, so that neither can know something that the other does not.
 */
import type { ErrorCode } from '../../core/errors.ts'
import type { AccessNeed } from './admission.ts'
import type { Exchange } from './exchange.ts'
import type { ParameterName } from './query.ts'
import type { SchemaName } from './openapi-schemas.ts'

export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE'

export type RequestHeaderName =
  | 'X-Dnd-Context'
  | 'X-Dnd-Meta-{name}'
  | 'X-Dnd-TTL'
  | 'X-Dnd-Expires-At'
  | 'Content-Type'
  | 'If-None-Match'
  | 'Last-Event-ID'

export type ResponseHeaderName =
  | 'X-Dnd-Context'
  | 'X-Dnd-Acks'
  | 'X-Dnd-Answers'
  | 'X-Dnd-Meta-{name}'
  | 'X-Dnd-Expires-At'
  | 'X-Dnd-Warning'
  | 'X-Dnd-Layout'
  | 'ETag'

/** What a body holds: bytes of any type, text, or JSON of a schema. */
export type Content = 'bytes' | 'text' | 'html' | 'events' | SchemaName

export interface ResponseSpec {
  readonly description: string
  readonly content?: Content
  readonly headers?: readonly ResponseHeaderName[]
}

export interface Operation {
  /** For generated clients; unique. */
  readonly id: string
  /** Among the counted operations. */
  readonly op: string
  readonly summary: string
  readonly description?: string
  /** What who asks must be allowed to do (`admission.ts`). */
  readonly access: AccessNeed
  readonly query: readonly ParameterName[]
  readonly headers?: readonly RequestHeaderName[]
  readonly body?: Content
  readonly responses: Readonly<Record<number, ResponseSpec>>
  /** What may go wrong besides what may go wrong with any request. */
  readonly errors: readonly ErrorCode[]
  handle(exchange: Exchange): void
}

export interface Route {
  /** Literal segments and `{bucket}`, `{key}` or `{id}`, which is read as a key is. */
  readonly path: string
  readonly methods: Readonly<Partial<Record<Method, Operation>>>
}

/** A path that is read and nothing else; unless it says otherwise, by who may read everything. */
export function reading(
  id: string,
  summary: string,
  responses: Operation['responses'],
  handle: Operation['handle'],
  more: Partial<Operation> = {},
): Route['methods'] {
  const plain = { op: 'info', access: 'cluster', query: [], errors: [] } as const
  return { GET: { ...plain, id, summary, responses, handle, ...more } }
}
