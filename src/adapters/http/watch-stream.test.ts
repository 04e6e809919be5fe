import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { ClientReply, ClientRequest } from '../../core/node/events.ts'
import type { WatchAsk, WatchedKey, WatchResult } from '../../core/node/watch-asks.ts'
import { contextOf } from '../../core/versions/container.ts'
import { bytes, written } from '../../core/node/fake-host.test.ts'
import type { Served } from './fixture.test.ts'
import { failure, serve } from './fixture.test.ts'

type Next = Extract<WatchResult, { what: 'next' }>
type AskNext = Extract<WatchAsk, { what: 'next' }>

/** A server whose node answers watchers as the test says, one question at a time. */
class Bench {
  readonly asks: WatchAsk[] = []
  #waiting: ((reply: ClientReply) => void) | undefined
  readonly served: Served
  opened: WatchResult = { ok: true, what: 'opened', watcher: 5 }

  constructor(served: Served) {
    this.served = served
    const { gateway } = served
    const submit = gateway.submit.bind(gateway)
    gateway.submit = (request: ClientRequest, done: (reply: ClientReply) => void): void => {
      if (request.type !== 'watch') return submit(request, done)
      const { ask } = request
      this.asks.push(ask)
      if (ask.what === 'next') this.#waiting = done
      else done({ type: 'watch', result: ask.what === 'open' ? this.opened : closed })
    }
  }

  get asked(): readonly AskNext[] {
    return this.asks.filter((ask) => ask.what === 'next')
  }

  /** Answers the question that waits, or will; resolves when it has been. */
  async tell(told: Partial<Next>): Promise<void> {
    while (this.#waiting === undefined) await turn()
    const done = this.#waiting
    this.#waiting = undefined
    const nothing = { gap: false, changes: [], token: bytes('t') }
    done({ type: 'watch', result: { ok: true, what: 'next', ...nothing, ...told } })
  }

  /** Until the question after `count` others is asked. */
  async asksAfter(count: number): Promise<AskNext> {
    while (this.asked.length <= count) await turn()
    return this.asked[count]!
  }
}

const closed: WatchResult = { ok: true, what: 'closed' }

/** What a client reads, a piece after the other. */
class Listener {
  text = ''
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>

  constructor(response: Response) {
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('content-type'), 'text/event-stream')
    this.#reader = response.body!.getReader()
  }

  async until(part: string): Promise<string> {
    while (!this.text.includes(part)) {
      const { done, value } = await this.#reader.read()
      assert.equal(done, false, `the stream ended after ${this.text}`)
      this.text += Buffer.from(value!).toString()
    }
    return this.text
  }

  async end(): Promise<string> {
    for (;;) {
      const { done, value } = await this.#reader.read()
      if (done) return this.text
      this.text += Buffer.from(value).toString()
    }
  }
}

async function bench(t: TestContext): Promise<Bench> {
  return new Bench(await serve(t))
}

async function listen({ served }: Bench, query = '', init: RequestInit = {}): Promise<Listener> {
  return new Listener(await fetch(`${served.base}/watch/flags${query}`, init))
}

function changed(key: string | Uint8Array, value: string | undefined, more = {}): WatchedKey {
  const container = written(7, 1, value === undefined ? 'deleted' : bytes(value))
  const live = value === undefined ? [] : container.versions
  const name = typeof key === 'string' ? bytes(key) : key
  return {
    ...{ key: name, sort: undefined, live, context: contextOf(container), isStale: false },
    ...more,
  }
}

/** The fields of each event. */
function eventsOf(text: string): Record<string, string>[] {
  return text
    .split('\n\n')
    .filter((part) => part !== '')
    .map((part) => Object.fromEntries(part.split('\n').map((line) => line.split(/: (.*)/s))))
}

const idOf = (token: string): string => Buffer.from(token).toString('base64url')

test('each change is an event, and the last one of an answer has the token as its id', async (t) => {
  const node = await bench(t)
  const listener = await listen(node)
  await node.tell({ token: bytes('one') })
  await node.tell({
    changes: [changed('a', 'x'), changed('b', undefined, { sort: bytes('s') })],
    token: bytes('two'),
  })
  const events = eventsOf(await listener.until(idOf('two')))
  assert.deepEqual(
    events.map(({ event, id }) => [event, id]),
    [
      ['ready', idOf('one')],
      ['change', undefined],
      ['change', idOf('two')],
    ],
  )
  const [first, second] = events.slice(1).map(({ data }) => JSON.parse(data!))
  assert.deepEqual([first.key, first.values[0].value], ['a', 'x'])
  assert.deepEqual([second.key, second.sort, second.values], ['b', 's', []])
  assert.ok(first.context !== undefined && first.context !== second.context)
})

test('the context of a change is that of a read: a write that hands it back supersedes it', async (t) => {
  const node = await bench(t)
  const { base } = node.served
  const listener = await listen(node)
  await fetch(`${base}/kv/flags/a`, { method: 'PUT', body: 'x' })
  const read = await fetch(`${base}/kv/flags/a`)
  await node.tell({ changes: [changed('a', '', { isStale: true })] })
  const [event] = eventsOf(await listener.until('id: '))
  assert.equal(JSON.parse(event!['data']!).context, read.headers.get('x-dnd-context'))
})

test('a token comes from the address, or from what browsers send when they connect again', async (t) => {
  const node = await bench(t)
  await listen(node, `?since=${idOf('from the address')}&prefix=a%2F`)
  await listen(node, `?since=${idOf('x')}`, { headers: { 'last-event-id': idOf('last') } })
  await listen(node)
  const opened = node.asks.filter((ask) => ask.what === 'open')
  assert.deepEqual(
    opened.map(({ bucket, prefix, token }) => [
      bucket,
      Buffer.from(prefix).toString(),
      token && Buffer.from(token).toString(),
    ]),
    [
      ['flags', 'a/', 'from the address'],
      ['flags', '', 'last'],
      ['flags', '', undefined],
    ],
  )
})

test('what is no token is refused before anything is told', async (t) => {
  const node = await bench(t)
  node.opened = failure('DND_ERR_BAD_TOKEN', 'the token is none that a node has given')
  const { base } = node.served
  const refused = await fetch(`${base}/watch/flags?since=nonsense`)
  assert.equal(refused.status, 400)
  assert.equal(((await refused.json()) as { code: string }).code, 'DND_ERR_BAD_TOKEN')
  const asked = node.asks.length
  const long = await fetch(`${base}/watch/flags?since=${'a'.repeat(60_000)}`)
  assert.ok(long.status >= 400 && long.status < 500, String(long.status))
  assert.equal(node.asks.length, asked)
})

test('when there is nothing to tell a comment keeps the connection alive', async (t) => {
  const node = await bench(t)
  const listener = await listen(node)
  await node.tell({})
  await node.tell({})
  const text = await listener.until(': nothing')
  assert.equal(text.split('\n\n').filter((part) => part.startsWith('event:')).length, 1)
})

test('after a gap the bucket is read: all its keys are named between two events', async (t) => {
  const node = await bench(t)
  const { base } = node.served
  for (const key of ['a', 'b', 'c'])
    await fetch(`${base}/kv/flags/${key}`, { method: 'PUT', body: `${key}!` })
  await fetch(`${base}/kv/flags/b`, { method: 'DELETE' })
  const listener = await listen(node, `?since=${idOf('old')}`)
  await node.tell({ gap: true, token: bytes('new') })
  const events = eventsOf(await listener.until('snapshot-end\nid'))
  await listener.until(idOf('new'))
  assert.deepEqual(
    events.map(({ event, data }) => [event, (JSON.parse(data ?? '{}') as { key?: string }).key]),
    [
      ['snapshot', undefined],
      ['change', 'a'],
      ['change', 'c'],
      ['snapshot-end', undefined],
    ],
  )
  const { read } = await node.asksAfter(1)
  assert.deepEqual([read.keys, read.bucketMs], [[], 3], 'the stamp of the third write')
})

test('a stale change is read before it is told, and the node hears what was read', async (t) => {
  const node = await bench(t)
  await fetch(`${node.served.base}/kv/flags/a`, { method: 'PUT', body: 'newest' })
  const listener = await listen(node)
  await node.tell({ changes: [changed('a', 'old', { isStale: true }), changed('b', 'x')] })
  const events = eventsOf(await listener.until('id: '))
  const values = events.map(({ data }) => JSON.parse(data!).values[0].value)
  assert.deepEqual(values, ['newest', 'x'])
  const { read } = await node.asksAfter(1)
  assert.deepEqual(
    read.keys.map(({ key, container }) => [Buffer.from(key).toString(), container.versions.length]),
    [['a', 1]],
  )
})

test('when a key cannot be read the stream ends, and nothing is passed over', async (t) => {
  const node = await bench(t)
  const listener = await listen(node)
  await node.asksAfter(0)
  node.served.gateway.failure = failure('DND_ERR_QUORUM_UNAVAILABLE', 'one of two')
  await node.tell({ changes: [changed('a', 'x'), changed('b', '', { isStale: true })] })
  assert.equal((await listener.end()).includes('id:'), false)
  assert.equal(node.asks.at(-1)?.what, 'close')
})

test('keys that are not text are left out, and the place moves on without them', async (t) => {
  const node = await bench(t)
  const listener = await listen(node)
  const binary = changed(Uint8Array.of(0xff), 'x')
  await node.tell({ changes: [binary], token: bytes('one') })
  await node.tell({ changes: [changed('a', 'x'), binary], token: bytes('two') })
  const events = eventsOf(await listener.until(idOf('two')))
  assert.deepEqual(
    events.map(({ event, id }) => [event, id]),
    [
      [undefined, idOf('one')],
      ['change', idOf('two')],
    ],
  )
})

test('a client that does not read is not asked for more than its connection takes', async (t) => {
  const node = await bench(t)
  const socket = connect(node.served.port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.pause()
  socket.write('GET /watch/flags HTTP/1.1\r\nhost: x\r\n\r\n')
  const large = [changed('a', 'x'.repeat(1024 * 1024))]
  let isStuck = false
  for (let told = 0; !isStuck && told < 200; told++) {
    await node.tell({ changes: large })
    for (let i = 0; i < 2_000 && node.asked.length <= told + 1; i++) await turn()
    isStuck = node.asked.length <= told + 1
  }
  assert.ok(isStuck, `${node.asked.length} answers of 1 MiB were taken`)
  const before = node.asked.length
  socket.resume()
  await node.asksAfter(before)
})

test('a client that is gone takes its watcher with it', async (t) => {
  const node = await bench(t)
  const abort = new AbortController()
  await listen(node, '', { signal: abort.signal })
  await node.asksAfter(0)
  abort.abort()
  while (node.asks.at(-1)?.what !== 'close') await turn()
  assert.deepEqual(node.asks.at(-1), { what: 'close', watcher: 5 })
  await node.tell({ changes: [changed('a', 'x')] })
  for (let i = 0; i < 20; i++) await turn()
  assert.equal(node.asked.length, 1, 'nobody asks for what comes next')
})

test('a client that goes while its watcher is opened leaves none behind', async (t) => {
  const node = await bench(t)
  const { gateway } = node.served
  const submit = gateway.submit.bind(gateway)
  let open: (() => void) | undefined
  gateway.submit = (request, done) => {
    if (request.type === 'watch' && request.ask.what === 'open') open = () => submit(request, done)
    else submit(request, done)
  }
  const socket = connect(node.served.port, '127.0.0.1')
  socket.write('GET /watch/flags HTTP/1.1\r\nhost: x\r\n\r\n')
  while (open === undefined) await turn()
  socket.destroy()
  while (node.served.metrics.connections > 0) await turn()
  open()
  assert.deepEqual(
    node.asks.map(({ what }) => what),
    ['open', 'close'],
  )
})

test('a server that closes ends the streams, so that clients go elsewhere', async (t) => {
  const node = await bench(t)
  const listener = await listen(node)
  await node.tell({ token: bytes('here') })
  await listener.until(idOf('here'))
  const [text] = await Promise.all([listener.end(), node.served.server.close(10_000)])
  assert.match(text, /ready/)
  assert.equal(node.asks.at(-1)?.what, 'close')
})

test('a watcher that the node has forgotten ends the stream', async (t) => {
  const node = await bench(t)
  node.served.gateway.submit = (request, done) => {
    assert.ok(request.type === 'watch')
    if (request.ask.what === 'open') return done({ type: 'watch', result: node.opened })
    done({ type: 'watch', result: failure('DND_ERR_WATCHER_GONE', 'forgotten') })
  }
  const listener = await listen(node)
  assert.equal(await listener.end(), '')
})

test('a connection that is kept open is no answer: other requests go on beside it', async (t) => {
  const node = await bench(t)
  const sockets = Array.from({ length: 3 }, () => connect(node.served.port, '127.0.0.1'))
  for (const socket of sockets) {
    t.after(() => socket.destroy())
    socket.write('GET /watch/flags HTTP/1.1\r\nhost: x\r\n\r\n')
    await once(socket, 'data')
  }
  const put = await fetch(`${node.served.base}/kv/flags/a`, { method: 'PUT', body: 'x' })
  assert.equal(put.status, 200)
})
