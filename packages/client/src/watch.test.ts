import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import type { TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { FakeExchange } from '../../../test/support/fake-exchange.ts'
import type { DndClientOptions, WatchEvent } from './client.ts'
import { DndClient, DndClientError } from './client.ts'

let nodes: FakeExchange

beforeEach(() => {
  nodes = new FakeExchange(3)
})

function clientOf(options: Partial<DndClientOptions> = {}): DndClient {
  const server = [0, 1, 2].map((place) => nodes.url(place))
  return new DndClient({ server, exchange: nodes, ...options })
}

const READY = 'event: ready\nid: r\ndata: {}\n\n'

function change(key: string, value: string | undefined, id?: string): string {
  const values = value === undefined ? [] : [{ dot: '1:1', value, contentType: 'text/plain' }]
  const data = JSON.stringify({ key, values, context: `c-${key}` })
  return `event: change\n${id === undefined ? '' : `id: ${id}\n`}data: ${data}\n\n`
}

/** What nodes say, one connection after the other; after the last one nothing more comes. */
function streams(...texts: readonly (readonly string[] | 'break' | { status: number })[]): void {
  let connection = 0
  nodes.stream = (_, { signal }) => {
    const script = texts[connection++] ?? []
    if (script === 'break' || 'status' in script)
      return script === 'break' ? 'break' : { ...script, json: { code: 'DND_ERR_BAD_TOKEN' } }
    return chunks(script, connection < texts.length, signal)
  }
}

async function* chunks(
  script: readonly string[],
  ends: boolean,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for (const text of script) yield Buffer.from(text)
  if (ends) return
  await new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')))
  })
}

/** Pauses between connections take no time. */
function hurry(t: TestContext): void {
  const { setTimeout: real } = globalThis
  t.mock.method(globalThis, 'setTimeout', (done: () => void, ms: number) =>
    real(done, ms > 5_000 ? ms : 0),
  )
}

async function take(
  watch: AsyncGenerator<WatchEvent, void, undefined>,
  count: number,
): Promise<WatchEvent[]> {
  const events: WatchEvent[] = []
  for await (const event of watch) if (events.push(event) === count) break
  return events
}

const since = (): (string | null)[] => nodes.opened.map(({ query }) => query.get('since'))

test('changes come with their values and contexts, however they are cut into chunks', async () => {
  const text = READY + change('é', 'ü', 'x') + ': nothing\n\n' + change('b', undefined)
  const whole = Buffer.from(text)
  const parts: Buffer[] = []
  for (let i = 0; i < whole.length; i += 7) parts.push(whole.subarray(i, i + 7))
  nodes.stream = (_, { signal }) =>
    (async function* () {
      yield* parts
      yield* chunks([], false, signal)
    })()
  const [ready, put, deleted] = await take(clientOf().watch('flags', { prefix: 'a/b' }), 3)
  assert.deepEqual(ready, { type: 'ready', id: 'r' })
  assert.ok(put?.type === 'change' && deleted?.type === 'change')
  assert.deepEqual([put.key, put.context, put.id], ['é', 'c-é', 'x'])
  assert.equal(Buffer.from(put.values[0]!.bytes).toString(), 'ü')
  assert.deepEqual([deleted.key, deleted.values, deleted.id], ['b', [], undefined])
  assert.deepEqual(
    [nodes.opened[0]!.path, nodes.opened[0]!.query.get('prefix')],
    ['/watch/flags', 'a/b'],
  )
})

test('a snapshot is told with its begin and its end', async () => {
  streams(['event: snapshot\ndata: {}\n\n', change('a', 'x'), 'event: snapshot-end\nid: s\n\n'])
  const events = await take(clientOf().watch('b', { since: 'old' }), 3)
  assert.deepEqual(
    events.map(({ type }) => type),
    ['snapshot', 'change', 'snapshot-end'],
  )
  assert.deepEqual(since(), ['old'])
})

test('when a stream ends another goes on behind the last id, also one without an event', async (t) => {
  hurry(t)
  streams([READY, change('a', 'x', '1')], [change('b', 'x')], ['id: 2\n\n'], [change('c', 'x')])
  const events = await take(clientOf().watch(), 4)
  assert.deepEqual(
    events.map((event) => (event.type === 'change' ? event.key : event.type)),
    ['ready', 'a', 'b', 'c'],
  )
  assert.deepEqual(since(), [null, '1', '1', '2'])
})

test('when a node dies another one is asked, and the dead one is left alone', async (t) => {
  hurry(t)
  streams([READY], [change('a', 'x', '1')], [change('b', 'x', '2')])
  const watch = clientOf().watch()
  await watch.next()
  nodes.dead.add(nodes.opened[0]!.place)
  for (let i = 0; i < 2; i++) await watch.next()
  await watch.return(undefined)
  const [first, ...others] = nodes.opened.map(({ place }) => place)
  assert.equal(others.filter((place) => place === first).length, 1, 'it was tried once')
  assert.notEqual(others.at(-1), first)
})

test('it goes on trying while nobody answers', async (t) => {
  hurry(t)
  for (const place of [0, 1, 2]) nodes.dead.add(place)
  streams([change('a', 'x')])
  const next = clientOf().watch().next()
  while (nodes.opened.length < 12) await turn()
  nodes.dead.clear()
  const { value } = await next
  assert.equal(value?.type, 'change')
})

test('what cannot be done is thrown, with what the server says', async () => {
  streams({ status: 400 })
  await assert.rejects(
    clientOf().watch('b', { since: 'nonsense' }).next(),
    (error) => error instanceof DndClientError && error.code === 'DND_ERR_BAD_TOKEN',
  )
  assert.equal(nodes.opened.length, 1)
})

test('the caller ends it by a signal, while it waits for an event or for a server', async (t) => {
  streams([READY])
  const abort = new AbortController()
  const watch = clientOf().watch('b', { signal: abort.signal })
  await watch.next()
  const waiting = watch.next()
  await turn()
  abort.abort()
  assert.deepEqual(await waiting, { done: true, value: undefined })
  hurry(t)
  nodes.stream = () => 'refuse'
  const over = new AbortController()
  const nobody = clientOf().watch('b', { signal: over.signal }).next()
  while (nodes.opened.length < 5) await turn()
  over.abort()
  assert.equal((await nobody).done, true)
  assert.equal((await clientOf().watch('b', { signal: over.signal }).next()).done, true)
})

test('a client that is closed ends what it watches', async () => {
  streams([READY])
  const client = clientOf()
  const watch = client.watch()
  await watch.next()
  const waiting = watch.next()
  await turn()
  client.close()
  assert.equal((await waiting).done, true)
})

test('whoever leaves the loop closes the connection', async () => {
  let isClosed = false
  nodes.stream = () =>
    (async function* () {
      try {
        for (;;) yield Buffer.from(READY)
      } finally {
        isClosed = true
      }
    })()
  await take(clientOf().watch(), 1)
  assert.equal(isClosed, true)
})

test('a connection on which nothing comes is given up', async (t) => {
  const silent: (() => void)[] = []
  const { setTimeout: real } = globalThis
  t.mock.method(globalThis, 'setTimeout', (done: () => void, ms: number) => {
    if (ms === 40_000) silent.push(done)
    return real(done, ms > 5_000 ? ms : 0)
  })
  let connection = 0
  nodes.stream = (_, { signal }) =>
    chunks(connection++ === 0 ? [READY] : [change('a', 'x')], false, signal)
  const watch = clientOf().watch()
  await watch.next()
  const waiting = watch.next()
  while (silent.length < 2) await turn()
  silent.at(-1)!()
  assert.equal((await waiting).value?.type, 'change')
  await watch.return(undefined)
})

test('a watch that has lasted long is ended by its signal, and by close', async () => {
  // A signal that Node composes of others is forgotten when memory is collected.
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (const isClosed of [false, true]) {
    streams([READY])
    const client = clientOf()
    const stop = new AbortController()
    const watch = client.watch('b', { signal: stop.signal })
    assert.equal((await watch.next()).value?.type, 'ready')
    const next = watch.next()
    for (let i = 0; i < 5; i++) {
      await turn()
      collect()
    }
    if (isClosed) client.close()
    else stop.abort()
    assert.equal((await next).done, true)
  }
})
