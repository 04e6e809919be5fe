/**
 * The document against the server: each says what the other does.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isErrorCode } from '../../core/errors.ts'
import { serve } from './fixture.test.ts'
import { openapiDocument } from './openapi.ts'
import { ROUTES } from './routes.ts'

interface Schema {
  readonly $ref?: string
  readonly type?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly oneOf?: readonly Schema[]
}
interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly schema: Schema
}
type Content = Readonly<Record<string, { readonly schema?: Schema }>>
interface ResponseDocument {
  readonly description: string
  readonly content?: Content
  readonly headers?: Readonly<Record<string, unknown>>
}
interface OperationDocument {
  readonly operationId: string
  readonly parameters: readonly Parameter[]
  readonly requestBody?: { readonly content: Content }
  readonly responses: Readonly<Record<string, ResponseDocument>>
}
type PathItem = Readonly<Record<string, OperationDocument>> & {
  readonly parameters?: readonly Parameter[]
}
interface Document {
  readonly openapi: string
  readonly info: { readonly version: string }
  readonly paths: Readonly<Record<string, PathItem>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

const METHODS = ['get', 'head', 'put', 'post', 'delete', 'patch', 'options']
const document = openapiDocument(ROUTES, '1.2.3') as unknown as Document

interface Case {
  readonly method: string
  readonly path: string
  readonly operation: OperationDocument
}

const CASES: Case[] = Object.entries(document.paths).flatMap(([path, item]) =>
  METHODS.flatMap((method) => {
    const operation = item[method]
    return operation === undefined ? [] : [{ method: method.toUpperCase(), path, operation }]
  }),
)

const BODIES: Readonly<Record<string, string>> = {
  '/batch':
    '{"operations":[{"type":"put","key":"b","value":"1"},{"type":"get","key":"b"},{"type":"get","key":"none"},{"type":"delete","key":"b"}]}',
  '/buckets/{bucket}': '{"n":3}',
  '/keys': `{"key":"${'A'.repeat(43)}="}`,
  '/keys/primary': '{"id":"0a0b0c0d"}',
  '/users/{id}': '{"password":"long enough","grants":[]}',
  '/users/{id}/password': '{"password":"long enough"}',
  '/users/{id}/grant': '{"role":"read"}',
  '/users/{id}/revoke': '{"role":"read"}',
  '/tokens/{id}': '{"grants":[]}',
  '/tokens/{id}/grant': '{"role":"read"}',
  '/tokens/{id}/revoke': '{"role":"read"}',
  '/layout/plan': '{}',
  '/layout/apply': '{"version":2,"hash":"0a0b0c0d"}',
  '/layout/remove': '{"node":"a000000000000003"}',
}

function target(path: string, query = ''): string {
  const named = path.replace('{bucket}', 'fresh').replace('{key}', 'some%20key')
  return named.replace('{id}', '0a0b0c0d') + query
}

function body(test: Case): string | undefined {
  if (test.operation.requestBody === undefined) return undefined
  return BODIES[test.path] ?? 'value'
}

async function call(base: string, test: Case, query = ''): Promise<Response> {
  const { method, path } = test
  const content = body(test)
  return fetch(base + target(path, query), {
    method,
    ...(content === undefined ? {} : { body: content }),
  })
}

/**
 * What is wrong with `value`; undefined when nothing is. Knows the words of JSON schema that the
 * document uses.
 */
function mismatch(schema: Schema, value: unknown, place: string): string | undefined {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.replace('#/components/schemas/', '')
    const named = document.components.schemas[name]
    return named === undefined ? `${schema.$ref} is missing` : mismatch(named, value, place)
  }
  if (schema.oneOf !== undefined) {
    const problems = schema.oneOf.map((one) => mismatch(one, value, place))
    const fits = problems.filter((problem) => problem === undefined).length
    return fits === 1 ? undefined : `${place} fits ${fits}: ${problems.join(' | ')}`
  }
  if (schema.const !== undefined && schema.const !== value) return `${place} is no ${schema.const}`
  if (schema.enum !== undefined && !schema.enum.includes(value)) return `${place} is not in enum`
  switch (schema.type) {
    case 'string':
      if (typeof value !== 'string') return `${place} is no string`
      return schema.pattern === undefined || new RegExp(schema.pattern).test(value)
        ? undefined
        : `${place} is not ${schema.pattern}`
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `${place} is no boolean`
    case 'integer':
    case 'number':
      if (typeof value !== 'number') return `${place} is no number`
      if (schema.type === 'integer' && !Number.isInteger(value)) return `${place} is no integer`
      if (value < (schema.minimum ?? -Infinity)) return `${place} is too small`
      return value > (schema.maximum ?? Infinity) ? `${place} is too large` : undefined
    case 'array':
      if (!Array.isArray(value)) return `${place} is no array`
      return first(value.map((item, i) => mismatch(schema.items ?? {}, item, `${place}[${i}]`)))
    case 'object':
      return objectMismatch(schema, value, place)
    default:
      return undefined
  }
}

function objectMismatch(schema: Schema, value: unknown, place: string): string | undefined {
  if (typeof value !== 'object' || value === null) return `${place} is no object`
  const missing = (schema.required ?? []).find((name) => !(name in value))
  if (missing !== undefined) return `${place}.${missing} is missing`
  return first(
    Object.entries(value).map(([name, item]) => {
      const known = schema.properties?.[name]
      if (known !== undefined) return mismatch(known, item, `${place}.${name}`)
      if (schema.additionalProperties === false) return `${place}.${name} is not documented`
      const other = schema.additionalProperties
      return typeof other === 'object' ? mismatch(other, item, `${place}.${name}`) : undefined
    }),
  )
}

function first(problems: readonly (string | undefined)[]): string | undefined {
  return problems.find((problem) => problem !== undefined)
}

async function checkAnswer(response: Response, test: Case, what: string): Promise<void> {
  const spec = test.operation.responses[String(response.status)]
  assert(spec !== undefined, `${what}: ${response.status} is not documented`)
  const type = (response.headers.get('content-type') ?? '').replace(/;.*/, '')
  const text = await response.text()
  if (test.method === 'HEAD' || response.status === 204 || spec.content === undefined) {
    assert.equal(text, '', what)
    return
  }
  const content = spec.content[type] ?? spec.content['*/*']
  assert(content !== undefined, `${what}: ${type} is not documented for ${response.status}`)
  if (content.schema === undefined) return
  assert.equal(mismatch(content.schema, JSON.parse(text), 'body'), undefined, what)
}

test('the document is served as it is made', async (t) => {
  const { base } = await serve(t)
  const response = await fetch(`${base}/openapi.json`)
  assert.equal(response.headers.get('content-type'), 'application/json')
  assert.deepEqual(await response.json(), JSON.parse(JSON.stringify(document)))
  assert.equal(document.openapi, '3.1.0')
  assert.equal(document.info.version, '1.2.3')
})

test('each route and method of the router is in the document, and nothing else', () => {
  const routed = ROUTES.flatMap(({ path, methods }) =>
    Object.keys(methods).flatMap((method) =>
      (method === 'GET' ? ['GET', 'HEAD'] : [method]).map((name) => `${name} ${path}`),
    ),
  )
  assert.deepEqual(CASES.map(({ method, path }) => `${method} ${path}`).sort(), routed.sort())
})

test('operations have names of their own, references lead somewhere, and error codes exist', () => {
  const names = CASES.map(({ operation }) => operation.operationId)
  assert.equal(new Set(names).size, names.length)
  const text = JSON.stringify(document)
  for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g))
    assert(name! in document.components.schemas, name)
  for (const [code] of text.matchAll(/DND_ERR_[A-Z_]+[A-Z]/g)) assert(isErrorCode(code), code)
})

test('each path parameter is documented with its path', () => {
  for (const [path, item] of Object.entries(document.paths)) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1])
    assert.deepEqual(
      (item.parameters ?? []).map(({ name }) => name),
      named,
    )
  }
})

test('each operation answers as documented, in status, type and shape', async (t) => {
  const { base } = await serve(t)
  for (const one of CASES)
    await checkAnswer(await call(base, one), one, `${one.method} ${one.path}`)
})

test('a node that is cloned, badly connected and about to leave answers as documented', async (t) => {
  const { base, gateway } = await serve(t)
  gateway.degraded = true
  gateway.clonedBy = { host: '10.0.0.9', port: 5001 }
  const nothing = { waitsFor: undefined, partitions: 0, records: 0, copies: undefined }
  gateway.leaving = { phase: 'left', ...nothing }
  for (const path of ['/cluster', '/health', '/readyz', '/']) {
    const one = CASES.find((c) => c.method === 'GET' && c.path === path)!
    await checkAnswer(await call(base, one), one, path)
  }
})

test('siblings, absent keys and failures answer as documented', async (t) => {
  const { base, gateway } = await serve(t)
  const get = CASES.find(({ method, path }) => method === 'GET' && path === '/kv/{bucket}/{key}')!
  await checkAnswer(await call(base, get), get, 'absent')
  await fetch(`${base}/buckets/fresh`, { method: 'PUT', body: '{"conflicts":"siblings"}' })
  for (const value of ['one', 'two'])
    await fetch(base + target(get.path), { method: 'PUT', body: value })
  const both = await call(base, get)
  assert.equal(both.status, 300)
  await checkAnswer(both, get, 'siblings')
  const codes = ['DND_ERR_QUORUM_UNAVAILABLE', 'DND_ERR_TIMEOUT', 'DND_ERR_STORE_FAILED'] as const
  for (const code of codes) {
    gateway.failure = { ok: false, code, outcome: 'unknown', needed: 2, got: 1, message: 'x' }
    for (const one of CASES) await checkAnswer(await call(base, one), one, `${code} ${one.path}`)
  }
})

test('each operation refuses a parameter that it does not know, and names those that it does', async (t) => {
  const { base } = await serve(t)
  for (const one of CASES) {
    const known = one.operation.parameters.filter((p) => p.in === 'query').map(({ name }) => name)
    const response = await call(base, one, '?surprise=1')
    assert.equal(response.status, 400, one.path)
    if (one.method === 'HEAD') continue
    const { code, detail } = (await response.json()) as { code: string; detail: string }
    assert.equal(code, 'DND_ERR_BAD_PARAMETER')
    const listed = known.length === 0 ? 'none' : known.join(', ')
    assert.equal(detail, `unknown parameter "surprise"; this route knows ${listed}`)
  }
})

test('each documented query parameter is taken within its bounds, and refused twice or beyond them', async (t) => {
  const { base } = await serve(t)
  for (const one of CASES)
    for (const { name, schema } of one.operation.parameters.filter((p) => p.in === 'query')) {
      const { minimum, maximum, type } = schema
      const good = minimum ?? (type === 'boolean' ? true : 'x')
      const what = `${one.method} ${one.path} ${name}`
      const taken = await call(base, one, `?${name}=${good}`)
      assert.notEqual(taken.status, 400, what)
      await taken.arrayBuffer()
      assert.equal((await call(base, one, `?${name}=${good}&${name}=${good}`)).status, 400, what)
      if (maximum === undefined) continue
      assert.equal((await call(base, one, `?${name}=${maximum + 1}`)).status, 400, what)
      assert.equal((await call(base, one, `?${name}=${(minimum ?? 0) - 1}`)).status, 400, what)
    }
})

test('a method that is not documented is refused with those that are', async (t) => {
  const { base } = await serve(t)
  for (const [path, item] of Object.entries(document.paths)) {
    const allowed = METHODS.filter((method) => item[method] !== undefined).map((m) =>
      m.toUpperCase(),
    )
    for (const method of METHODS.map((m) => m.toUpperCase()).filter((m) => !allowed.includes(m))) {
      const response = await fetch(base + target(path), { method })
      assert.equal(response.status, 405, `${method} ${path}`)
      assert.equal(response.headers.get('allow'), allowed.sort().join(', '))
    }
  }
})

test('an operation without a documented body takes none', async (t) => {
  const { base, metrics } = await serve(t)
  for (const one of CASES.filter(({ operation }) => operation.requestBody === undefined)) {
    if (one.method !== 'DELETE') continue
    const response = await fetch(base + target(one.path), { method: one.method, body: 'x' })
    assert.equal(response.status, 400, one.path)
    assert.equal(((await response.json()) as { code: string }).code, 'DND_ERR_BAD_BODY')
  }
  assert.equal(metrics.faults.get('http/bad-body'), 6)
})

test('documented response headers are there', async (t) => {
  const { base } = await serve(t)
  const put = { method: 'PUT', body: 'v', headers: { 'x-dnd-meta-name': 'n' } }
  await fetch(base + target('/kv/{bucket}/{key}'), put)
  for (const method of ['PUT', 'POST', 'GET', 'HEAD', 'DELETE']) {
    const one = CASES.find((c) => c.method === method && c.path === '/kv/{bucket}/{key}')!
    const response = await fetch(base + target(one.path), {
      ...put,
      ...(method.length > 4 || method === 'GET' || method === 'HEAD' ? { body: null } : {}),
      method,
    })
    const headers = one.operation.responses[String(response.status)]?.headers ?? {}
    assert(Object.keys(headers).length > 0)
    const sometimes = ['X-Dnd-Warning', 'X-Dnd-Expires-At']
    const always = Object.keys(headers).filter((name) => !sometimes.includes(name))
    for (const name of always)
      assert.notEqual(
        response.headers.get(name.replace('{name}', 'name')),
        null,
        `${method} ${name}`,
      )
  }
})
