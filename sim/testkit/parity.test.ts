/**
 * The client of the testkit against the real one, which speaks HTTP to the real front of a node:
 * behind both are simulated nodes from the same seed, so whatever differs is the testkit's fault.
 */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, before, test } from 'node:test'
import { HttpServer } from '../../src/adapters/http/http-server.ts'
import type { HttpMetrics } from '../../src/adapters/http/site.ts'
import { SIBLINGS_MAX } from '../../src/core/std/limits.ts'
import { AccessRegistry } from '../../src/core/node/access-registry.ts'
import type { ClientReply, ClientRequest } from '../../src/core/node/events.ts'
import type { Gateway, Log } from '../../src/runtime/ports.ts'
import type { MemberJson } from '../../packages/client/src/api.ts'
import type { DndClientApi } from '../../packages/client/src/client.ts'
import { DndClient } from '../../packages/client/src/client.ts'
import { DndClientError } from '../../packages/client/src/error.ts'
import { Trace } from '../trace.ts'
import type { World } from '../world.ts'
import type { AppWorld } from './app-world.ts'
import { emptyWorld, form } from './birth.ts'
import { createWorld } from './testkit.ts'

const SETTING = {
  seed: 11,
  nodes: 3,
  replicas: 3,
  latencyMs: [1, 10],
  datagramLoss: 0.02,
  syncMs: [0.5, 5],
  clockOffsetMs: 50,
} as const
const SILENT: Log = { error: () => {}, info: () => {}, debug: () => {} }
const UNCOUNTED: HttpMetrics = {
  request: () => {},
  fault: () => {},
  connection: () => {},
  contentType: 'text/plain',
  render: async () => '',
}

let server: HttpServer
let real: DndClient
let world: AppWorld

before(async () => {
  const behind = emptyWorld(SETTING, new Trace())
  form(behind)
  const gateway: Gateway = {
    submit: (request, done) => done(answer(behind, request)),
    view: () => behind.nodes[0]!.machine!.view(),
    access: new AccessRegistry(),
  }
  server = await HttpServer.listen({
    host: '127.0.0.1',
    port: 0,
    gateway,
    cluster: gateway.view().cluster,
    mac: (bytes) => createHmac('sha256', 'parity').update(bytes).digest(),
    log: SILENT,
    metrics: UNCOUNTED,
    version: '1.2.3',
    limits: {},
  })
  real = new DndClient({ server: `http://127.0.0.1:${server.port}` })
  world = await createWorld({ seed: SETTING.seed })
})

after(async () => {
  world.close()
  await server.close(0)
})

function answer(behind: World, request: ClientRequest): ClientReply {
  const reply = behind.ask(behind.nodes[0]!, request, 60_000)
  assert.notEqual(reply, 'lost')
  return reply as ClientReply
}

/** What can be compared: tokens are sealed with another key, and servers have other addresses. */
function comparable(value: unknown): unknown {
  if (value instanceof DndClientError) {
    const { name, code, outcome, status, needed, got, retryAfterMs, retryable } = value
    return { name, code, outcome, status, needed, got, retryAfterMs, retryable }
  }
  if (value instanceof Error) return { name: value.name }
  if (value instanceof Uint8Array) return { bytes: [...value] }
  if (Array.isArray(value)) return value.map(comparable)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      name === 'context' ? typeof inner : comparable(inner),
    ]),
  )
}

type Script = (client: DndClientApi) => Promise<unknown>

async function outcomeOf(script: Script, client: DndClientApi): Promise<unknown> {
  try {
    return { returned: comparable(await script(client)) }
  } catch (error) {
    return { thrown: comparable(error) }
  }
}

async function sameOutcome(script: Script): Promise<unknown> {
  const expected = await outcomeOf(script, real)
  assert.deepEqual(await outcomeOf(script, world.client()), expected, script.toString())
  return expected
}

const BIG = 1024 * 1024

/** Each line is one request that both must answer in the same way. */
const SCRIPTS: Readonly<Record<string, readonly Script[]>> = {
  'values, their types and metadata come back as they were put': [
    (c) => c.get('nothing'),
    (c) => c.put('text', 'grüß dich'),
    (c) => c.get('text'),
    (c) => c.put('bytes', Uint8Array.of(0, 255, 1)),
    (c) => c.get('bytes'),
    (c) => c.put('empty', ''),
    (c) => c.get('empty'),
    (c) => c.put('meta', '1', { contentType: 'application/json', metadata: { a: 'ü %', b: '' } }),
    (c) => c.get('meta'),
    (c) => c.put('meta', '1', { metadata: { Author: 'me' } }),
    (c) => c.get('meta'),
    (c) => c.put('typeless', '1', { contentType: '' }),
    (c) => c.get('typeless'),
    (c) => c.put('text', 'in another', { bucket: 'other', sort: 'item', w: 3, timeoutMs: 900 }),
    (c) => c.get('text', { bucket: 'other', sort: 'item', r: 3 }),
    (c) => c.get('text', { bucket: 'other' }),
    (c) => c.delete('text', { w: 1 }),
    (c) => c.get('text'),
    (c) => c.delete('never there'),
  ],
  'keys that no path holds': [
    (c) => c.put('.', 'dot'),
    (c) => c.get('.'),
    (c) => c.put('..', 'dots', { metadata: { Upper: '1' } }),
    (c) => c.delete('.'),
    (c) => c.get('.'),
    (c) => c.put('a/b c?d#e%', 'slash'),
    (c) => c.get('a/b c?d#e%'),
    (c) => c.put('\u{1f34e}', 'apple'),
  ],
  'siblings and contexts': [
    (c) => c.configureBucket('carts', { conflicts: 'siblings' }),
    (c) => c.put('k', '1', { bucket: 'carts' }),
    (c) => c.put('k', '2', { bucket: 'carts' }),
    (c) => c.get('k', { bucket: 'carts' }),
    (c) => merge(c, 'merged'),
    (c) => c.get('k', { bucket: 'carts' }),
    async (c) => {
      const { context } = await c.get('k', { bucket: 'carts' })
      return c.delete('k', { bucket: 'carts', context })
    },
    (c) => c.get('k', { bucket: 'carts' }),
  ],
  'more siblings than there may be': [
    (c) => c.configureBucket('many', { conflicts: 'siblings' }),
    ...Array.from(
      { length: SIBLINGS_MAX + 1 },
      (_, i) => (c: DndClientApi) => c.put('k', `${i}`, { bucket: 'many' }),
    ),
  ],
  'contexts that cannot be used': [
    (c) => c.put('k', '1', { context: 'garbage' }),
    (c) => c.put('k', '1', { context: 'not base64url!' }),
    (c) => c.put('k', '1', { context: '' }),
    (c) => c.delete('k', { context: 'AAAA' }),
    async (c) => {
      const { context } = await c.put('here', '1')
      return c.put('elsewhere', '1', { context })
    },
    async (c) => {
      const { context } = await c.put('here', '1')
      return c.put('here', '1', { context: `A${context!.slice(1)}` })
    },
    async (c) => {
      const { context } = await c.put('here', '1')
      const end = context!.endsWith('AAA') ? 'BBB' : 'AAA'
      return c.put('here', '1', { context: context!.slice(0, -3) + end })
    },
  ],
  'keys, buckets and numbers that are refused': [
    (c) => c.put('', '1'),
    (c) => c.get('a\u0000b'),
    (c) => c.get('a', { sort: '' }),
    (c) => c.get('a', { sort: '\u0000' }),
    (c) => c.put('x'.repeat(1025), '1'),
    (c) => c.put('x'.repeat(1024), '1'),
    (c) => c.put('x'.repeat(1000), '1', { sort: 'ü'.repeat(13) }),
    (c) => c.get('a', { bucket: 'Upper' }),
    (c) => c.get('a', { bucket: 'x'.repeat(65) }),
    (c) => c.get('a', { r: 0 }),
    (c) => c.get('a', { r: 4 }),
    (c) => c.get('a', { r: 8 }),
    (c) => c.get('a', { r: 1.5 }),
    (c) => c.put('a', '1', { w: 7 }),
    (c) => c.put('a', '1', { timeoutMs: 0 }),
    (c) => c.put('a', '1', { timeoutMs: 60_001 }),
    (c) => c.get('half \ud800'),
    (c) => c.put('a', 'half \ud800'),
    (c) => c.put('a', '1', { metadata: { a: '\udfff' } }),
  ],
  'values and metadata that are too large': [
    (c) => c.put('big', new Uint8Array(BIG)),
    (c) => c.put('big', new Uint8Array(BIG + 1)),
    (c) => c.put('m', '1', { metadata: { a: 'x'.repeat(8 * 1024) } }),
    (c) => c.put('m', '1', { metadata: pairs(64) }),
    (c) => c.get('m'),
    (c) => c.put('m', '1', { metadata: pairs(65) }),
    (c) => c.put('m', '1', { contentType: 'x'.repeat(257) }),
    (c) => c.configureBucket('small', { valueBytesMax: 3 }),
    (c) => c.put('v', '123', { bucket: 'small' }),
    (c) => c.put('v', '1234', { bucket: 'small' }),
  ],
  'values that expire, and times that are none': [
    (c) => c.put('day', '1', { expiresAt: '2100-01-31T12:00:00Z' }),
    (c) => c.get('day'),
    (c) => c.batch([{ type: 'put', key: 'b', value: '1', expiresAt: '2100-01-31T12:00:00.5Z' }]),
    (c) => c.batch([{ type: 'get', key: 'b' }]),
    (c) => c.put('gone', '1', { expiresAt: '1980-01-31T12:00:00Z' }),
    (c) => c.get('gone'),
    (c) => c.put('x', '1', { ttlMs: 999 }),
    (c) => c.put('x', '1', { ttlMs: 1.5 }),
    (c) => c.put('x', '1', { ttlMs: 1_000, expiresAt: '2100-01-31T12:00:00Z' }),
    (c) => c.put('x', '1', { expiresAt: 'tomorrow' }),
    (c) => c.put('x', '1', { expiresAt: '2100-13-31T12:00:00Z' }),
    (c) => c.batch([{ type: 'put', key: 'x', value: '1', ttlMs: -1 }]),
    (c) => c.batch([{ type: 'put', key: 'x', value: '1', expiresAt: 'tomorrow' }]),
    (c) => c.configureBucket('short', { ttlMs: 1.5 }),
    (c) => c.configureBucket('short', { ttlMs: 999 }),
    (c) => c.configureBucket('short', { ttlMs: 60_000 }),
  ],
  'listings, forward and back, page by page': [
    (c) => c.batch('abcdef'.split('').map((key) => ({ ...IN_LIST, key }))),
    (c) => c.batch('xyz'.split('').map((sort) => ({ ...IN_LIST, key: 'c', sort }))),
    (c) => c.listPage({ bucket: 'listed' }),
    (c) => c.listPage({ bucket: 'listed', limit: 2 }),
    (c) => c.listPage({ bucket: 'listed', limit: 4, reverse: true }),
    (c) => c.listPage({ bucket: 'listed', prefix: 'c' }),
    (c) => c.listPage({ bucket: 'listed', start: 'b', end: 'd' }),
    (c) => c.listPage({ bucket: 'listed', start: 'c\u0000x', end: 'c\u0000z' }),
    (c) => c.listPage({ bucket: 'listed', start: 'd', end: 'b', reverse: true }),
    (c) => c.listPage({ bucket: 'listed', start: 'e', end: 'b' }),
    (c) => c.listPage({ bucket: 'nobody-wrote-here' }),
    (c) => c.listPage({ bucket: 'listed', limit: 0 }),
    (c) => c.listPage({ bucket: 'listed', limit: 10_001 }),
    (c) => c.listPage({ bucket: 'listed', prefix: 'a\u0000' }),
    (c) => c.listPage({ bucket: 'listed', start: 'x'.repeat(1027) }),
    (c) => c.listPage({ bucket: 'NO' }),
    ...[1, 2, 3, 100].flatMap((limit) =>
      [false, true].map(
        (reverse): Script =>
          (c) =>
            all(c, limit, reverse),
      ),
    ),
  ],
  'batches, with a result for each operation': [
    (c) => c.batch([]),
    (c) =>
      c.batch([
        { type: 'put', key: 'one', value: '1', metadata: { a: 'b' } },
        { type: 'put', key: 'two', value: Uint8Array.of(1, 2), bucket: 'other' },
        { type: 'get', key: 'never' },
        { type: 'delete', key: 'three' },
        { type: 'put', key: '', value: 'x' },
        { type: 'put', key: 'm', value: 'x', metadata: { Upper: '1' } },
        { type: 'put', key: 'm', value: 'x', contentType: '' },
        { type: 'get', key: 'a', r: 9 },
        { type: 'get', key: 'a', r: 4 },
        { type: 'get', key: 'a', bucket: 'NO' },
        { type: 'put', key: 'c', value: 'x', context: 'garbage' },
        { type: 'put', key: 'half', value: '\ud800' },
        { type: 'get', key: '\ud800' },
        { type: 'put', key: 'big', value: new Uint8Array(BIG + 1) },
      ]),
    (c) =>
      c.batch([
        { type: 'get', key: 'one' },
        { type: 'get', key: 'two', bucket: 'other' },
      ]),
    (c) => c.batch([{ type: 'get', key: 'm' }]),
    (c) => c.batch(Array.from({ length: 1001 }, () => ({ type: 'get', key: 'a' }))),
    (c) => c.batch([{ type: 'get', key: 'a' }], { timeoutMs: 0 }),
  ],
  'buckets and the cluster': [
    (c) => c.buckets(),
    (c) => c.bucketProperties('carts'),
    (c) => c.bucketProperties('default'),
    (c) => c.bucketProperties('NO'),
    (c) => c.configureBucket('wide', { n: 3, r: 1, w: 3 }),
    (c) => c.configureBucket('wide', undefined),
    (c) => c.configureBucket('wide', { n: 4 }),
    (c) => c.configureBucket('wide', { n: 0 }),
    (c) => c.configureBucket('wide', { r: 3, n: 2 }),
    (c) => c.configureBucket('wide', { conflicts: 'none' as 'lww' }),
    (c) => c.configureBucket('wide', { nonsense: 1 } as object),
    (c) => c.configureBucket('carts', { conflicts: 'lww' }),
    (c) => c.configureBucket('NO', {}),
    async (c) => {
      const { cluster, self, members, ...more } = await c.cluster()
      return { cluster, self, members: members.map(withoutTimes), more }
    },
    (c) => c.layout(),
  ],
}

/** The two worlds are asked at different times. */
function withoutTimes(member: MemberJson): unknown {
  const { since, roundTripMs } = member
  assert.equal(new Date(since).toISOString(), since)
  return { ...member, incarnation: 0, since: '', roundTripMs: typeof roundTripMs }
}

const IN_LIST = { type: 'put', bucket: 'listed', value: '' } as const

function pairs(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`name-${i}`, 'x']))
}

async function merge(client: DndClientApi, value: string): Promise<unknown> {
  const read = await client.get('k', { bucket: 'carts' })
  return client.put('k', value, { bucket: 'carts', context: read.context })
}

async function all(client: DndClientApi, limit: number, reverse: boolean): Promise<unknown> {
  const keys: unknown[] = []
  for await (const key of client.list({ bucket: 'listed', limit, reverse })) keys.push(key)
  return keys
}

for (const [name, scripts] of Object.entries(SCRIPTS))
  test(`as over HTTP: ${name}`, async () => {
    for (const script of scripts) await sameOutcome(script)
  })

test('the scripts see failures of many kinds, or they would show nothing', async () => {
  const codes = new Set<string>()
  for (const script of Object.values(SCRIPTS).flat()) {
    const error = await script(world.client()).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    if (error instanceof DndClientError) codes.add(error.code)
  }
  assert.deepEqual([...codes].sort(), [
    'DND_ERR_BAD_BUCKET',
    'DND_ERR_BAD_CONTEXT',
    'DND_ERR_BAD_HEADER',
    'DND_ERR_BAD_JSON',
    'DND_ERR_BAD_KEY',
    'DND_ERR_BAD_METADATA',
    'DND_ERR_BAD_PARAMETER',
    'DND_ERR_BAD_QUORUM',
    'DND_ERR_BATCH_TOO_LARGE',
    'DND_ERR_TOO_MANY_SIBLINGS',
    'DND_ERR_VALUE_TOO_LARGE',
  ])
})
