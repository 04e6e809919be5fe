/**
 * The OpenAPI 3.1 document, made from the table that the router runs.
 */
import type { ErrorCode } from '../../core/errors.ts'
import { ACCESS_ERRORS } from './admission.ts'
import type {
  Content,
  Method,
  Operation,
  RequestHeaderName,
  ResponseHeaderName,
  ResponseSpec,
  Route,
} from './operation.ts'
import { SCHEMAS } from './openapi-schemas.ts'
import type { JsonSchema } from './json-schema.ts'
import { PROBLEM_TYPE, statusOf } from './problem.ts'
import { PARAMETERS } from './query.ts'
import type { ParameterKind } from './query.ts'

/** What any request may meet. */
const COMMON_ERRORS: readonly ErrorCode[] = [
  'DND_ERR_BAD_REQUEST',
  'DND_ERR_BAD_ENCODING',
  'DND_ERR_BAD_PARAMETER',
  'DND_ERR_BAD_HEADER',
  'DND_ERR_ORIGIN_REFUSED',
  'DND_ERR_HOST_REFUSED',
  'DND_ERR_BAD_BODY',
  'DND_ERR_HEADERS_TOO_LARGE',
  'DND_ERR_SLOW_REQUEST',
  'DND_ERR_OVERLOADED',
]

/** Either of them, or nothing while the cluster has no users. */
const SECURITY: readonly JsonSchema[] = [{}, { token: [] }, { user: [] }]

const REQUEST_HEADERS: Readonly<Record<RequestHeaderName, string>> = {
  'X-Dnd-Context':
    'The causal context from a read or write of this key: what this write supersedes.',
  'X-Dnd-Meta-{name}':
    'User metadata, any number of them: printable ASCII, or UTF-8 percent-encoded.',
  'X-Dnd-TTL':
    'How long the value lives: seconds, or a number with ms, s, m, h or d; 0 for ever, whatever the bucket says.',
  'X-Dnd-Expires-At': 'Until when it lives, in UTC: 2030-01-31T12:00:00Z.',
  'Content-Type': 'Kept and given back; application/octet-stream when left out.',
  'If-None-Match': 'An ETag: 304 when it is still what is stored.',
  'Last-Event-ID': 'The id of the last event that was seen, as browsers send it by themselves.',
}

const RESPONSE_HEADERS: Readonly<Record<ResponseHeaderName, string>> = {
  'X-Dnd-Context': 'The causal context: hand it back with the next write of this key.',
  'X-Dnd-Acks': 'Replicas that had the write durably when this was said.',
  'X-Dnd-Answers': 'Replicas whose answers were merged.',
  'X-Dnd-Meta-{name}': 'User metadata, as stored.',
  'X-Dnd-Expires-At': 'When the value reads as absent, in UTC; left out when it never does.',
  'X-Dnd-Warning': 'For people: what will go wrong if nobody does anything about it.',
  'X-Dnd-Layout':
    'With every answer of a node that knows it: the version of the layout in force, and ";moving" while its data moves.',
  ETag: 'Changes with the value.',
}

const MEDIA_TYPES: Readonly<Record<'bytes' | 'text' | 'html' | 'events', readonly string[]>> = {
  bytes: ['*/*'],
  text: ['text/plain'],
  html: ['text/plain', 'text/html'],
  events: ['text/event-stream'],
}

export function openapiDocument(routes: readonly Route[], version: string): JsonSchema {
  return {
    openapi: '3.1.0',
    info: {
      title: 'dnd',
      version,
      license: { name: 'MIT', identifier: 'MIT' },
      description:
        'A leaderless, replicated key-value store. Unknown query parameters are refused; errors are application/problem+json with a stable code.',
    },
    paths: Object.fromEntries(routes.map((route) => [route.path, pathItem(route)])),
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        user: { type: 'http', scheme: 'basic' },
      },
      schemas: SCHEMAS,
      responses: {
        Problem: {
          description: 'What went wrong, with a stable code.',
          content: { [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      },
    },
  }
}

function pathItem(route: Route): JsonSchema {
  const item: Record<string, unknown> = {}
  const names = [...route.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1])
  if (names.length > 0)
    item['parameters'] = names.map((name) => ({
      name,
      in: 'path',
      required: true,
      schema: { type: 'string' },
    }))
  for (const [method, operation] of Object.entries(route.methods) as [Method, Operation][]) {
    item[method.toLowerCase()] = operationObject(operation)
    if (method === 'GET') item['head'] = headObject(operation)
  }
  return item
}

function operationObject(operation: Operation): JsonSchema {
  const { id, summary, description, body } = operation
  const object: Record<string, unknown> = {
    operationId: id,
    summary,
    parameters: parameters(operation),
    responses: responses(operation),
    security: operation.access === 'open' ? [] : SECURITY,
  }
  if (description !== undefined) object['description'] = description
  if (body !== undefined)
    object['requestBody'] = { required: body !== 'bytes', content: content(body) }
  return object
}

/** HEAD is GET without the body. */
function headObject(operation: Operation): JsonSchema {
  const { id } = operation
  const answers = Object.entries(operation.responses).map(([status, spec]) => {
    const { content: _, ...rest } = spec
    return [status, rest] as const
  })
  return {
    ...operationObject({ ...operation, responses: Object.fromEntries(answers) }),
    operationId: `head${id[0]!.toUpperCase()}${id.slice(1)}`,
    summary: `As GET, without the body: ${operation.summary}`,
  }
}

function parameters(operation: Operation): readonly JsonSchema[] {
  const query = operation.query.map((name) => ({
    name,
    in: 'query',
    required: false,
    description: PARAMETERS[name].description,
    schema: schemaOf(PARAMETERS[name].value),
  }))
  const headers = (operation.headers ?? []).map((name) => ({
    name,
    in: 'header',
    required: false,
    description: REQUEST_HEADERS[name],
    schema: { type: 'string' },
  }))
  return [...query, ...headers]
}

function schemaOf(value: ParameterKind): JsonSchema {
  if (value.kind === 'text') return { type: 'string' }
  if (value.kind === 'boolean') return { type: 'boolean' }
  return { type: 'integer', minimum: value.min, maximum: value.max }
}

function responses(operation: Operation): JsonSchema {
  const all: Record<string, unknown> = {}
  for (const [status, spec] of Object.entries(operation.responses)) all[status] = response(spec)
  const codes = new Map<number, ErrorCode[]>()
  const access = operation.access === 'open' ? [] : ACCESS_ERRORS
  for (const code of [...operation.errors, ...access, ...COMMON_ERRORS]) {
    const status = statusOf(code)
    codes.set(status, [...(codes.get(status) ?? []), code])
  }
  for (const [status, names] of codes) all[status] ??= problemResponse(names)
  return all
}

function problemResponse(codes: readonly ErrorCode[]): JsonSchema {
  return {
    description: codes.join(', '),
    content: { [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
  }
}

function response(spec: ResponseSpec): JsonSchema {
  const object: Record<string, unknown> = { description: spec.description }
  const headers = [...(spec.headers ?? []), 'X-Dnd-Layout'] as const
  if (spec.content !== undefined) object['content'] = content(spec.content)
  object['headers'] = Object.fromEntries(
    headers.map((name) => [
      name,
      { description: RESPONSE_HEADERS[name], schema: { type: 'string' } },
    ]),
  )
  return object
}

function content(kind: Content): JsonSchema {
  if (kind === 'bytes' || kind === 'text' || kind === 'html' || kind === 'events')
    return Object.fromEntries(MEDIA_TYPES[kind].map((type) => [type, {}]))
  return { 'application/json': { schema: { $ref: `#/components/schemas/${kind}` } } }
}
