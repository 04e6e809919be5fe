import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { integer, number, object, pipe, string, transform } from 'valibot'
import { FakeNode } from '../../../test/support/fake-node.ts'
import type { FakeRequest } from '../../../test/support/fake-node.ts'
import { DndClient, DndClientError, DndSchemaError, DndSiblingsError, jsonCodec } from './client.ts'

interface User {
  readonly name: string
  readonly age: number
}

const USER = object({ name: string(), age: pipe(number(), integer()) })
/** Stored as text, read as a date. */
const DAY = pipe(
  string(),
  transform((text) => new Date(text)),
)

let node: FakeNode
let client: DndClient

before(async () => {
  node = new FakeNode()
  await node.start()
})
after(() => node.stop())
beforeEach(() => {
  node.intercept = undefined
  node.setBucket('users', { conflicts: 'siblings' })
  node.setBucket('counts', { conflicts: 'siblings' })
  client = new DndClient({ server: node.url, retries: 0 })
})

describe('values', () => {
  test('a typed bucket stores JSON, and gives it back as its type', async () => {
    const users = client.bucket<User>('users', { schema: USER })
    await users.put('ada', { name: 'Ada', age: 36 }, { metadata: { by: 'me' } })
    assert.deepEqual(node.stored('users', 'ada'), [
      { value: '{"name":"Ada","age":36}', contentType: 'application/json', metadata: { by: 'me' } },
    ])
    const entry = await users.get('ada')
    assert.ok(entry.status === 'found')
    const age: number = entry.value.age
    assert.deepEqual([age, entry.metadata], [36, { by: 'me' }])
  })

  test('what the schema refuses is not stored, and says where it is wrong', async () => {
    const users = client.bucket<User>('users', { schema: USER })
    const put = users.put('bad', { name: 'Bad', age: 1.5 })
    await assert.rejects(put, (error) => {
      assert.ok(error instanceof DndSchemaError)
      assert.deepEqual([error.during, error.key, error.issues.length], ['put', 'bad', 1])
      assert.match(error.message, /users\/bad is not valid at age/)
      return true
    })
    assert.deepEqual(node.stored('users', 'bad'), [])
  })

  test('what somebody else stored there is checked, too', async () => {
    const users = client.bucket<User>('users', { schema: USER })
    await client.put('alien', '{"name":1}', { bucket: 'users' })
    await assert.rejects(users.get('alien'), { name: 'DndSchemaError', during: 'get' })
    await client.put('noise', 'no JSON', { bucket: 'users' })
    await assert.rejects(users.get('noise'), { name: 'DndSchemaError', during: 'get' })
  })

  test('a schema may turn values: what is put is stored, what is got is what it makes of it', async () => {
    const days = client.bucket('days', { schema: DAY })
    const written = await days.put('moon', '1969-07-20')
    assert.equal(written.value.getUTCFullYear(), 1969)
    const read = await days.get('moon')
    assert.ok(read.status === 'found')
    assert.equal(read.value.getUTCFullYear(), 1969)
  })

  test('a bucket without a type holds text and bytes', async () => {
    const files = client.bucket('files')
    await files.put('t', 'grüezi')
    await files.put('b', Uint8Array.of(0xff))
    const [text, bytes] = [await files.get('t'), await files.get('b')]
    assert.ok(text.status === 'found' && bytes.status === 'found')
    assert.deepEqual([text.value, bytes.value], ['grüezi', Uint8Array.of(0xff)])
  })

  test('a codec alone gives a type without a check', async () => {
    const lists = client.bucket('lists', { codec: jsonCodec<number[]>() })
    await lists.put('l', [1, 2])
    const read = await lists.get('l')
    assert.ok(read.status === 'found')
    assert.deepEqual(read.value, [1, 2])
    await assert.rejects(lists.put('l', undefined as never), { name: 'DndSchemaError' })
  })

  test('a batch keeps the order, and one bad value fails alone', async () => {
    const users = client.bucket<User>('users', { schema: USER })
    const results = await users.batch([
      { type: 'put', key: 'b1', value: { name: 'One', age: 1 } },
      { type: 'put', key: 'b2', value: { name: 'Two', age: 0.5 } },
      { type: 'get', key: 'b1' },
      { type: 'delete', key: 'b1' },
      { type: 'get', key: 'b1' },
    ])
    assert.deepEqual(
      results.map(({ status }) => status),
      ['found', 'failed', 'found', 'absent', 'absent'],
    )
    const third = results[2]
    assert.ok(third?.status === 'found')
    assert.equal(third.value.name, 'One')
  })

  test('a batch of any length goes in requests that a node takes', async () => {
    const counts = client.bucket<number>('many', { codec: jsonCodec() })
    node.requests.length = 0
    const operations = Array.from({ length: 2_500 }, (_, i) => ({
      ...({ type: 'put', key: `k${i}`, value: i } as const),
    }))
    const results = await counts.batch(operations)
    assert.equal(node.requests.length, 3)
    assert.ok(results.every((result, i) => result.status === 'found' && result.value === i))
  })
})

describe('contexts', () => {
  test('an entry that is handed back supersedes what it has seen, and a bare key nothing', async () => {
    const users = client.bucket<User>('users', { schema: USER })
    const first = await users.put('eve', { name: 'Eve', age: 1 })
    await users.put(first, { name: 'Eve', age: 2 })
    assert.equal(node.stored('users', 'eve').length, 1)
    await users.put('eve', { name: 'Eve', age: 3 })
    const entry = await users.get('eve')
    assert.ok(entry.status === 'siblings')
    assert.deepEqual(entry.siblings.map(({ value }) => value.age).toSorted(), [2, 3])
    await users.put(entry, { name: 'Eve', age: 4 })
    const merged = await users.get('eve')
    assert.equal(merged.status, 'found')
    await users.delete(merged)
    assert.equal((await users.get('eve')).status, 'absent')
  })

  test('resolve makes one value of several, and the next write stores it', async () => {
    const counts = client.bucket<number>('counts', {
      codec: jsonCodec(),
      resolve: (siblings) => Math.max(...siblings.map(({ value }) => value)),
    })
    await counts.put('r', 1)
    await counts.put('r', 5)
    const entry = await counts.get('r')
    assert.ok(entry.status === 'found')
    assert.deepEqual([entry.value, entry.resolved?.length], [5, 2])
    assert.equal(node.stored('counts', 'r').length, 2)
    await counts.update('r', (value = 0) => value + 1)
    assert.deepEqual(
      node.stored('counts', 'r').map(({ value }) => value),
      ['6'],
    )
  })
})

describe('update', () => {
  const increment = (value = 0): number => value + 1
  const isPut = ({ method }: FakeRequest): boolean => method === 'PUT'

  function counter(): ReturnType<typeof client.bucket<number>> {
    return client.bucket<number>('counts', { codec: jsonCodec() })
  }

  /** Fails the first put as given, and does `before` the next read. */
  function failOnce(apply: boolean, before: () => Promise<unknown> = async () => undefined): void {
    let state: 'fresh' | 'failed' | 'over' = 'fresh'
    node.intercept = async (request) => {
      if (isPut(request) && state === 'fresh') {
        state = 'failed'
        return { break: true, apply }
      }
      if (state === 'failed' && request.method === 'GET') {
        state = 'over'
        await before()
      }
      return undefined
    }
  }

  test('updates at once through one handle each count', async () => {
    const counts = counter()
    await Promise.all(Array.from({ length: 10 }, () => counts.update('at-once', increment)))
    const entry = await counts.get('at-once')
    assert.ok(entry.status === 'found')
    assert.deepEqual([entry.value, entry.metadata], [10, {}])
  })

  test('undefined deletes, and of an absent key changes nothing', async () => {
    const counts = counter()
    await counts.update('gone', increment)
    assert.equal((await counts.update('gone', () => undefined)).status, 'absent')
    node.requests.length = 0
    await counts.update('gone', () => undefined)
    assert.ok(node.requests.every(({ method }) => method === 'GET'))
  })

  test('a write that was stored though its answer was lost is not made twice', async () => {
    const counts = counter()
    failOnce(true)
    await counts.update('stored', increment)
    assert.equal(node.stored('counts', 'stored')[0]?.value, '1')
  })

  test('a write that was lost is made again when nothing has changed', async () => {
    const counts = counter()
    failOnce(false)
    await counts.update('lost', increment)
    assert.equal(node.stored('counts', 'lost')[0]?.value, '1')
  })

  test('when somebody has written since, only the caller can know whether to count again', async () => {
    const counts = counter()
    failOnce(false, () => client.put('doubt', '7', { bucket: 'counts' }))
    const failure = await counts.update('doubt', increment).catch((error: unknown) => error)
    assert.ok(failure instanceof DndClientError && failure.outcome === 'unknown')
    failOnce(false, () => client.put('again', '7', { bucket: 'counts' }))
    const entry = await counts.update('again', increment, { idempotent: true })
    assert.ok(entry.status === 'found')
    assert.equal(entry.value, 8)
  })

  test('concurrent values without a resolve are the failure, with all that it takes to settle it', async () => {
    const counts = counter()
    await counts.put('two', 1)
    await counts.put('two', 2)
    const failure = await counts.update('two', increment).catch((error: unknown) => error)
    assert.ok(failure instanceof DndSiblingsError)
    assert.equal(failure.values.length, 2)
  })

  test('a bucket that keeps only the last write is refused, unless losing updates is allowed', async () => {
    const plain = client.bucket<number>('plain', { codec: jsonCodec() })
    await assert.rejects(plain.update('k', increment), /conflicts: "siblings"/)
    const entry = await plain.update('k', increment, { allowLostUpdates: true })
    assert.ok(entry.status === 'found')
    assert.equal(entry.value, 1)
  })
})
