import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { DndClient } from '../../packages/client/src/client.ts'
import { FakeNode } from '../../test/support/fake-node.ts'
import type { CliOptions, CliResult } from '../../test/support/run-cli.ts'
import { runCli, scratch, startCli } from '../../test/support/run-cli.ts'

let node: FakeNode
let server: string
let client: DndClient
let directory: ReturnType<typeof scratch>

before(async () => {
  node = new FakeNode()
  server = await node.start()
})
after(() => node.stop())
beforeEach(async () => {
  await node.stop()
  node = new FakeNode()
  server = await node.start()
  client = new DndClient({ server })
  directory = scratch()
})
afterEach(() => directory.remove())

const dnd = (args: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
  runCli(args, { server, cwd: directory.path, ...options })
const at = (name: string): string => join(directory.path, name)
const read = (name: string): string => readFileSync(at(name), 'utf8')

async function fill(count: number): Promise<void> {
  const puts = Array.from({ length: count }, (_, i) => ({
    type: 'put' as const,
    key: `k${String(i).padStart(5, '0')}`,
    value: `value ${i}`,
  }))
  for (let i = 0; i < count; i += 1000) await client.batch(puts.slice(i, i + 1000))
}

/** Values of every kind that a file could spoil. */
async function fillOddly(bucket: string): Promise<void> {
  const texts = ['', 'plain', 'a,"b"\nc\r\n', ' spaces ', '\u0000\u0001', '{"a":1}', 'grüezi 🦖']
  for (const [i, text] of texts.entries()) await client.put(`text ${i}`, text, { bucket })
  await client.put(
    'bytes',
    Uint8Array.from({ length: 256 }, (_, i) => i),
    { bucket },
  )
  await client.put('key, "odd"', 'x', { bucket, sort: 'sort\n"y"', contentType: 'text/x; a="b"' })
  const expiresAt = '2100-01-31T12:00:00.000Z'
  await client.put('meta', 'x', { bucket, metadata: { a: 'é, "q"', b: '' }, expiresAt })
}

describe('formats', () => {
  for (const format of ['ndjson', 'json', 'csv'])
    test(`${format}: import brings back exactly what was exported`, async () => {
      await fillOddly('from')
      const { code, out } = await dnd(['export', '--bucket', 'from', '--out', `x.${format}`])
      assert.deepEqual([code, out.slice(0, 28)], [0, 'exported 10 values of 10 key'])
      const back = await dnd(['import', `x.${format}`, '--bucket', 'to'])
      assert.equal(back.code, 0, back.out + back.err)
      for await (const { key, sort } of client.list({ bucket: 'from' }))
        assert.deepEqual(node.stored('to', key, sort), node.stored('from', key, sort), key)
      assert.equal(existsSync(at(`x.${format}.dnd-export.json`)), false)
    })

  test('standard output has the data and nothing else', async () => {
    await client.put('a', '1')
    await client.put('b', '2', { metadata: { m: 'n' } })
    const { code, out, err } = await dnd(['export'])
    assert.equal(code, 0)
    assert.deepEqual(
      out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
      [
        { key: 'a', value: '1', contentType: 'text/plain; charset=utf-8' },
        { key: 'b', value: '2', contentType: 'text/plain; charset=utf-8', metadata: { m: 'n' } },
      ],
    )
    assert.match(err, /^exported 2 values of 2 keys/)
  })

  test('an empty bucket is an empty file, whatever the format', async () => {
    assert.equal((await dnd(['export'])).out, '')
    assert.deepEqual(JSON.parse((await dnd(['export', '--format', 'json'])).out), [])
    assert.equal(
      (await dnd(['export', '--format', 'csv'])).out,
      'key,sort,contentType,metadata,expiresAt,value,valueBase64\n',
    )
  })

  test('only what begins with the prefix', async () => {
    for (const key of ['a1', 'b1', 'b2']) await client.put(key, 'x')
    const { out } = await dnd(['export', '--prefix', 'b'])
    assert.equal(out.trimEnd().split('\n').length, 2)
  })

  test('siblings are records one after the other, and are siblings again when imported', async () => {
    for (const bucket of ['from', 'to']) node.setBucket(bucket, { conflicts: 'siblings' })
    await client.put('c', 'milk', { bucket: 'from' })
    await client.put('c', 'bread', { bucket: 'from' })
    await dnd(['export', '--bucket', 'from', '--out', 'x.ndjson'])
    const { code } = await dnd(['import', 'x.ndjson', '--bucket', 'to'])
    assert.equal(code, 0)
    assert.deepEqual(
      node
        .stored('to', 'c')
        .map(({ value }) => value)
        .sort(),
      ['bread', 'milk'],
    )
  })

  test('--json tells the summary in JSON', async () => {
    await client.put('a', '1')
    const { out } = await dnd(['export', '--out', 'x.csv', '--json'])
    const summary = JSON.parse(out) as Record<string, unknown>
    assert.deepEqual(
      [summary['records'], summary['keys'], summary['bytes']],
      [1, 1, read('x.csv').length],
    )
  })
})

describe('interruption', () => {
  test('an export goes on where it was interrupted, and the file is as if it had not been', async () => {
    await fill(2200)
    for (const format of ['ndjson', 'json', 'csv']) {
      await dnd(['export', '--out', `whole.${format}`])
      const args = ['export', '--out', `parts.${format}`]
      const running = startCli(args, { server, cwd: directory.path })
      let gets = 0
      node.intercept = ({ path }) => {
        if (path === '/batch' && ++gets === 130) running.interrupt()
        return undefined
      }
      const { code, err } = await running.done
      node.intercept = undefined
      assert.equal(code, 1)
      assert.match(err, /interrupted behind 2,000 keys\n.*Run the same command again/)
      node.requests.length = 0
      const next = await dnd(args)
      assert.equal(next.code, 0)
      assert.match(next.err, /^going on behind 2,000 keys of an interrupted export\n/)
      assert.match(next.out, /^exported 2,200 values of 2,200 keys/)
      assert.equal(read(`parts.${format}`), read(`whole.${format}`))
      assert.ok(node.requests.filter(({ path }) => path === '/batch').length < 20)
    }
  })

  test('an unfinished export of something else is not gone on with', async () => {
    await fill(1500)
    node.intercept = ({ path, query }) =>
      path.endsWith('/keys') && query.has('start')
        ? { status: 400, json: { code: 'X', detail: 'broken' } }
        : undefined
    const { code, err } = await dnd(['export', '--out', 'x.ndjson'])
    assert.equal(code, 1)
    assert.match(err, /the export stopped behind 1,000 keys: broken\n.*Run the same command again/)
    node.intercept = undefined
    const other = await dnd(['export', '--out', 'x.ndjson', '--prefix', 'k'])
    assert.match(other.err, /another job: prefix is not the same/)
    const anew = await dnd(['export', '--out', 'x.ndjson', '--prefix', 'k', '--restart'])
    assert.deepEqual([anew.code, anew.err], [0, ''])
  })
})

describe('failures', () => {
  test('what may succeed later is tried again', async () => {
    await fill(100)
    let failures = 0
    node.intercept = ({ path }) =>
      path === '/cluster' || failures++ % 3 > 0
        ? undefined
        : { status: 503, json: { code: 'DND_ERR_QUORUM_UNAVAILABLE', outcome: 'rejected' } }
    const { code, out } = await dnd(['export'])
    assert.equal(code, 0)
    assert.equal(out.trimEnd().split('\n').length, 100)
  })

  test('a value that was left out of a full answer is asked for alone', async () => {
    await fill(3)
    node.intercept = async ({ path, body }) => {
      if (path !== '/batch' || !body.toString().includes('"get"')) return undefined
      const problem = { status: 413, code: 'DND_ERR_BATCH_TOO_LARGE' }
      const found = { status: 200, value: 'value 0', contentType: 'text/plain; charset=utf-8' }
      return { status: 200, json: { results: [found, problem, problem] } }
    }
    const { out } = await dnd(['export'])
    const values = out
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { value: string }).value)
    assert.deepEqual(values, ['value 0', 'value 1', 'value 2'])
  })

  test('a key that is deleted while it is exported is left out', async () => {
    await fill(3)
    node.intercept = async ({ path }) => {
      if (path === '/batch') {
        node.intercept = undefined
        await client.delete('k00001')
      }
      return undefined
    }
    const { out, err } = await dnd(['export'])
    assert.equal(out.trimEnd().split('\n').length, 2)
    assert.match(err, /exported 2 values of 3 keys/)
  })

  test('a place that cannot be written is told', async () => {
    const { code, err } = await dnd(['export', '--out', 'no/such/place.csv'])
    assert.equal(code, 2)
    assert.match(err, /place\.csv cannot be written \(ENOENT\)/)
    writeFileSync(at('occupied'), '')
    assert.match((await dnd(['export', '--out', 'occupied/x'])).err, /ENOTDIR/)
  })
})
