/**
 * The client against real processes: every public function of it, and an application that goes on
 * while a node joins, is killed and comes back.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { StandardSchemaV1 } from '../../packages/client/src/client.ts'
import { DndClient, DndClientError, httpExchange } from '../../packages/client/src/node/client.ts'
import type { HttpExchange } from '../../packages/client/src/node/client.ts'
import { eventually, RealCluster } from '../support/real-cluster.ts'

interface User {
  readonly name: string
  readonly visits: number
}

const USER: StandardSchemaV1<User> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: async (value) => {
      const { name, visits } = value as Partial<User>
      return typeof name === 'string' && typeof visits === 'number'
        ? { value: { name, visits } }
        : { issues: [{ message: 'a name and visits are wanted', path: ['name'] }] }
    },
  },
}

let cluster: RealCluster

/** Sends over node:http, and notes whom every request for a key went to. */
class Noted implements HttpExchange {
  readonly #inner = httpExchange()
  readonly asked: { readonly origin: string; readonly path: string }[] = []

  send(request: Parameters<HttpExchange['send']>[0]): ReturnType<HttpExchange['send']> {
    const { origin, pathname } = new URL(request.url)
    this.asked.push({ origin, path: pathname })
    return this.#inner.send(request)
  }

  open(request: Parameters<HttpExchange['open']>[0]): ReturnType<HttpExchange['open']> {
    return this.#inner.open(request)
  }

  close(): void {
    this.#inner.close()
  }
}

before(async () => {
  cluster = await RealCluster.start(3)
})
after(() => cluster.close())

test('every operation of a typed bucket, with contexts that carry themselves', async () => {
  const client = new DndClient({ server: cluster.urls })
  const users = client.bucket<User>('users', {
    schema: USER,
    resolve: (siblings) => ({
      name: siblings[0]!.value.name,
      visits: Math.max(...siblings.map(({ value }) => value.visits)),
    }),
  })
  await users.configure({ conflicts: 'siblings' })
  assert.equal((await users.properties()).properties.conflicts, 'siblings')

  const written = await users.put('ada', { name: 'Ada', visits: 1 }, { metadata: { by: 'test' } })
  const again = await users.put(written, { name: 'Ada', visits: 2 })
  const read = await users.get('ada')
  assert.ok(read.status === 'found')
  assert.deepEqual(read.value, { name: 'Ada', visits: 2 })
  assert.equal(read.resolved, undefined)

  // Two that have read the same.
  await users.put(again, { name: 'Ada', visits: 3 })
  await users.put(again, { name: 'Ada', visits: 5 })
  const merged = await users.get('ada')
  assert.ok(merged.status === 'found')
  assert.equal(merged.value.visits, 5)
  assert.equal(merged.resolved?.length, 2)
  const open = await client.bucket<User>('users', { schema: USER }).get('ada')
  assert.ok(open.status === 'siblings')
  assert.deepEqual(open.siblings.map(({ value }) => value.visits).toSorted(), [3, 5])

  const visit = (user: User | undefined): User => ({
    name: user?.name ?? 'nobody',
    visits: (user?.visits ?? 0) + 1,
  })
  const updated = await Promise.all(Array.from({ length: 5 }, () => users.update('ada', visit)))
  assert.equal(updated.length, 5)
  const settled = await users.get('ada')
  assert.ok(settled.status === 'found' && settled.resolved === undefined)
  assert.deepEqual([settled.value.visits, settled.metadata], [10, {}])

  const results = await users.batch([
    { type: 'put', key: 'bob', value: { name: 'Bob', visits: 0 } },
    { type: 'put', key: 'eve', value: { name: 'Eve' } as User },
    { type: 'get', key: 'ada' },
  ])
  assert.deepEqual(
    results.map(({ status }) => status),
    ['found', 'failed', 'found'],
  )
  const keys: string[] = []
  for await (const { key } of users.list({ limit: 1 })) keys.push(key)
  assert.deepEqual(keys, ['ada', 'bob'])

  await users.delete(settled)
  assert.equal((await users.get('ada')).status, 'absent')
  await assert.rejects(client.bucket<User>('plain', { schema: USER }).update('x', visit), TypeError)
  client.close()
})

test('text and bytes, deadlines and signals', async () => {
  const client = new DndClient({ server: cluster.urls, hedge: { share: 0.05, afterMs: 1 } })
  const files = client.bucket('files')
  await files.put('text', 'grüezi')
  await files.put('bytes', Uint8Array.of(0, 255))
  const text = await files.get('text')
  const bytes = await files.get('bytes')
  assert.ok(text.status === 'found' && bytes.status === 'found')
  assert.equal(text.value, 'grüezi')
  assert.deepEqual(bytes.value, Uint8Array.of(0, 255))
  for (let i = 0; i < 50; i++) assert.equal((await files.get('text')).status, 'found')
  const ended = files.get('text', { signal: AbortSignal.abort() })
  await assert.rejects(ended, { code: 'DND_ERR_ABORTED', outcome: 'rejected' })
  client.close()
})

test('requests go to a replica of their key, though the client was given another node', async () => {
  const exchange = new Noted()
  const client = new DndClient({ server: cluster.urls[0]!, exchange })
  await eventually('every request goes to the first replica', async () => {
    exchange.asked.length = 0
    for (let i = 0; i < 30; i++) await client.get(`routed-${i}`)
    const origins = new Set(
      exchange.asked.filter(({ path }) => path.startsWith('/kv/')).map(({ origin }) => origin),
    )
    return origins.size === 3 ? true : undefined
  })
  client.close()
})

test('nothing is heard of a node that joins, one that is killed, and one that comes back', async (t) => {
  const exchange = new Noted()
  const client = new DndClient({ server: cluster.urls.slice(0, 2), exchange })
  const counters = client.bucket<number>('counters', {
    schema: numbers(),
    resolve: (siblings) => Math.max(...siblings.map(({ value }) => value)),
  })
  await counters.configure({ conflicts: 'siblings' })
  const load = startLoad(client, counters)
  // However the test ends.
  t.after(() => load.stop())

  const joined = await cluster.add()
  await cluster.settled()
  await eventually('the node that joined is asked', async () =>
    exchange.asked.some(({ origin, path }) => origin === joined.url && path.startsWith('/kv/'))
      ? true
      : undefined,
  )
  const killed = cluster.nodes[1]!
  await killed.end('SIGKILL')
  await sleep(4_000)
  exchange.asked.length = 0
  await sleep(500)
  const toDead = exchange.asked.filter(({ origin }) => origin === killed.url).length
  assert.ok(toDead <= 3, `${toDead} of ${exchange.asked.length} requests to a dead node`)
  await cluster.restart(killed)
  await eventually('the node that came back is asked', async () =>
    exchange.asked.some(({ origin, path }) => origin === killed.url && path.startsWith('/kv/'))
      ? true
      : undefined,
  )
  const { errors, counts, reads, writes } = await load.stop()

  assert.deepEqual(errors, [])
  assert.ok(reads > 100 && writes > 100, `${reads} reads, ${writes} writes`)
  for (const [key, { sure, unsure }] of counts) {
    const entry = await counters.get(key)
    assert.ok(entry.status === 'found')
    const isExact = entry.value >= sure && entry.value <= sure + unsure
    assert.ok(isExact, `${key}: ${entry.value}, of ${sure} to ${sure + unsure}`)
  }
  client.close()
})

function numbers(): StandardSchemaV1<number> {
  return {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) =>
        typeof value === 'number' ? { value } : { issues: [{ message: 'a number is wanted' }] },
    },
  }
}

interface Told {
  readonly errors: readonly string[]
  readonly counts: ReadonlyMap<string, { readonly sure: number; readonly unsure: number }>
  readonly reads: number
  readonly writes: number
}

/**
 * An application: readers, writers that may write twice, and counters. What it is told that it need
 * not be told is an error; that the outcome of a count is unknown, it must sometimes be told.
 */
function startLoad(
  client: DndClient,
  counters: ReturnType<typeof client.bucket<number>>,
): { stop(): Promise<Told> } {
  const errors: string[] = []
  const counts = new Map<string, { sure: number; unsure: number }>()
  let reads = 0
  let writes = 0
  let isOver = false
  const until = async (work: (turn: number) => Promise<void>): Promise<void> => {
    for (let turn = 0; !isOver; turn++) {
      try {
        await work(turn)
      } catch (error) {
        errors.push(String((error as Error).stack))
      }
      await sleep(10)
    }
  }
  const work = [
    until(async (turn) => {
      await client.get(`load-${turn % 50}`)
      reads++
    }),
    until(async (turn) => {
      await client.put(`load-${turn % 50}`, String(turn), { idempotent: true })
      writes++
    }),
    ...['one', 'two', 'three'].map((key) => {
      const count = { sure: 0, unsure: 0 }
      counts.set(key, count)
      return until(async () => {
        try {
          await counters.update(key, (value = 0) => value + 1)
          count.sure++
        } catch (error) {
          if (!(error instanceof DndClientError) || error.outcome !== 'unknown') throw error
          count.unsure++
        }
      })
    }),
  ]
  return {
    stop: async () => {
      isOver = true
      await Promise.all(work)
      return { errors, counts, reads, writes }
    },
  }
}
