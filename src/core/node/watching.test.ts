import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { NodeId, PartitionId } from '../std/ids.ts'
import { instant } from '../std/instant.ts'
import type { Container } from '../versions/version.ts'
import type { BucketRegistry } from './bucket-registry.ts'
import { DEFAULT_PROPERTIES } from './buckets.ts'
import { A, B, bytes, C, D, FakeHost, keyIn, layoutOf, written } from './fake-host.test.ts'
import type { FeedChange } from './feed.ts'
import type { LayoutKeeper } from './layout-keeper.ts'
import type { WatchAsk, WatchResult } from './watch-asks.ts'
import { NOTHING_READ } from './watch-asks.ts'
import type { WatchPage, WatchPoll } from './watch-messages.ts'
import { decodeToken, encodeToken, Watching, WATCHERS_MAX } from './watching.ts'

type Opened = Extract<WatchResult, { what: 'opened' }>
type Next = Extract<WatchResult, { what: 'next' }>

function pageOf(request: number, feed: number, last: number): WatchPage {
  const place = { feed, last, top: last, untilMs: 0, young: false, holes: [], changes: [] }
  return { type: 'watch-page', request, outcome: 'ok', ...place }
}

/** Node A serves watchers of a layout of A, B and C, whose feeds the test plays. */
class Bench {
  readonly host = new FakeHost()
  readonly ownPolls: WatchPoll[] = []
  nodes = [A, B, C]
  isReady = true
  isSpoken = true
  readonly watching: Watching
  readonly #containers: Container[] = []
  #client = 0

  constructor() {
    const layout = {
      state: { current: layoutOf([A, B, C]), previous: undefined },
      placementOf: () => ({ writeSets: [this.nodes] }),
    }
    const noFeeds = { onTimer: () => undefined, peerLost: () => undefined, replan: () => undefined }
    this.watching = new Watching(this.host, {
      layout: layout as unknown as LayoutKeeper,
      buckets: { of: () => ({ ...DEFAULT_PROPERTIES, w: 2 }) } as unknown as BucketRegistry,
      holdings: { decode: (record: Uint8Array) => this.#containers[record[0]!] } as never,
      isReady: () => this.isReady,
      isSpoken: () => this.isSpoken,
      skewMs: 500,
      latestMs: () => this.host.wallMs,
      feeds: { ...noFeeds, asked: (_, poll) => this.ownPolls.push(poll) },
    })
  }

  /** The answer, if there is one by now; the client's number. */
  ask(ask: WatchAsk): number {
    this.watching.ask(++this.#client, ask)
    this.watching.check()
    return this.#client
  }

  answerOf(client: number): WatchResult | undefined {
    const found = this.host.replies.find((each) => each.client === client)?.reply
    if (found === undefined) return undefined
    assert.ok(found.type === 'watch')
    return found.result
  }

  open(more: { readonly token?: Uint8Array; readonly prefix?: Uint8Array } = {}): WatchResult {
    const { token, prefix = bytes('') } = more
    return this.answerOf(this.ask({ what: 'open', bucket: 'default', prefix, token }))!
  }

  opened(more: { readonly token?: Uint8Array; readonly prefix?: Uint8Array } = {}): number {
    const result = this.open(more)
    assert.ok(result.ok && result.what === 'opened')
    return (result satisfies Opened).watcher
  }

  next(watcher: number, read = NOTHING_READ): number {
    return this.ask({ what: 'next', watcher, read })
  }

  nextOf(client: number): Next {
    const result = this.answerOf(client)
    assert.ok(result?.ok === true && result.what === 'next', JSON.stringify(result))
    return result
  }

  /** The last poll of a node that may wait. */
  pollOf(node: NodeId): WatchPoll {
    if (node === A) return this.ownPolls.findLast(({ waits }) => waits)!
    const isTo = (sent: { to: NodeId; message: WatchPoll }): boolean =>
      sent.to === node && sent.message.waits
    return this.host.sentOf('watch-poll').findLast(isTo)!.message
  }

  answer(node: NodeId, more: Partial<WatchPage> = {}): void {
    const { request, after } = this.pollOf(node)
    const last = after + (more.changes?.length ?? 0)
    this.watching.answered(node, { ...pageOf(request, 1, last), ...more })
    // Until nobody else is to be asked.
    for (let rounds = 0; rounds < 4; rounds++) {
      this.hear()
      this.pass(5, 'polls')
    }
  }

  /** Who is asked for a prompt answer says that there is nothing else. */
  hear(): void {
    const answer = ({ request, feed, after }: WatchPoll, from: NodeId): void => {
      this.watching.answered(from, pageOf(request, feed, after))
    }
    for (const poll of this.ownPolls.filter(({ waits }) => !waits)) answer(poll, A)
    for (const { to, message } of this.host.sentOf('watch-poll'))
      if (!message.waits) answer(message, to)
    this.watching.check()
  }

  /** A watcher that stands, with its first answer taken. */
  standing(prefix = ''): number {
    const watcher = this.opened({ prefix: bytes(prefix) })
    const client = this.next(watcher)
    for (const node of this.nodes) this.answer(node)
    this.nextOf(client)
    return watcher
  }

  change(key: string, container: Container): FeedChange {
    const record = Uint8Array.of(this.#containers.push(container) - 1)
    return { partition: 0 as PartitionId, key: keyIn(0, key), record, base: bytes('') }
  }

  written(key: string, counter: number, local?: Container): [FeedChange, Container] {
    const container = written(7, counter, undefined, local)
    const versions = container.versions.map((version) => ({
      ...version,
      stamp: { ms: this.host.wallMs + version.dot.counter, counter: 0 },
    }))
    return [this.change(key, { ...container, versions }), { ...container, versions }]
  }

  pass(ms: number, timer: 'watchers' | 'polls' = 'watchers'): void {
    this.host.now = instant(this.host.now + ms)
    this.host.wallMs += ms
    this.watching.onTimer(timer)
    this.watching.check()
  }
}

const keysOf = ({ changes }: Next): string[] =>
  changes.map(({ key, isStale }) => `${Buffer.from(key).toString()}${isStale ? '?' : ''}`)

test('a client that opens and asks is told where it stands, and then what changes', () => {
  const bench = new Bench()
  const watcher = bench.opened()
  const first = bench.next(watcher)
  for (const node of [A, B]) bench.answer(node, { last: 3, holes: [0 as PartitionId] })
  assert.equal(bench.answerOf(first), undefined)
  bench.answer(C, { last: 4 })
  const { changes, gap, token } = bench.nextOf(first)
  assert.deepEqual([changes, gap], [[], false])
  assert.deepEqual(decodeToken(token)!.get(B), { feed: 1, after: 3 })
  const second = bench.next(watcher)
  bench.answer(B, { last: 4, changes: [bench.written('k', 1)[0]] })
  assert.deepEqual(keysOf(bench.nextOf(second)), ['k'])
})

test('only keys with the prefix are told', () => {
  const bench = new Bench()
  const client = bench.next(bench.standing('user:'))
  const changes = ['user', 'user:7', 'other'].map((key, i) => bench.written(key, i + 1)[0])
  bench.answer(B, { changes })
  assert.deepEqual(keysOf(bench.nextOf(client)), ['user:7'])
})

test('when nothing changes the client is answered with nothing after a while', () => {
  const bench = new Bench()
  const client = bench.next(bench.standing())
  bench.pass(14_999)
  assert.equal(bench.answerOf(client), undefined)
  bench.pass(1)
  assert.deepEqual(bench.nextOf(client).changes, [])
})

test('a token goes on where it was given: every node is asked for what came after', () => {
  const bench = new Bench()
  const token = encodeToken(new Map([A, B, C].map((node, i) => [node, { feed: 9, after: i + 5 }])))
  bench.opened({ token })
  assert.deepEqual(
    [A, B, C].map((node) => [bench.pollOf(node).feed, bench.pollOf(node).after]),
    [
      [9, 5],
      [9, 6],
      [9, 7],
    ],
  )
})

test('a token of no place at all does not mean from now on: the bucket is read', () => {
  const bench = new Bench()
  const client = bench.next(bench.opened({ token: encodeToken(new Map()) }))
  for (const node of [A, B, C]) bench.answer(node, { holes: [0 as PartitionId] })
  assert.equal(bench.nextOf(client).gap, true)
})

test('a token of nodes that are gone, or of another cluster, leads to a gap and no error', () => {
  const bench = new Bench()
  const client = bench.next(
    bench.opened({ token: encodeToken(new Map([[D, { feed: 1, after: 1 }]])) }),
  )
  for (const node of [A, B, C]) bench.answer(node, { holes: [0 as PartitionId] })
  assert.equal(bench.nextOf(client).gap, true)
})

test('whatever bytes come as a token are a place or an error', () => {
  const bench = new Bench()
  const refusal = bench.open({ token: bytes('no token') })
  assert.ok(!refusal.ok && refusal.code === 'DND_ERR_BAD_TOKEN')
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (token) => {
      const places = decodeToken(token)
      if (places !== undefined) assert.deepEqual(decodeToken(encodeToken(places)), places)
    }),
    { seed: 5, numRuns: 500 },
  )
})

test('tokens are what they were', () => {
  const token = encodeToken(
    new Map([
      [B, { feed: 1_024_001, after: 300 }],
      [A, { feed: 7, after: 0 }],
    ]),
  )
  assert.equal(
    Buffer.from(token).toString('hex'),
    `0102${'a'.repeat(16)}0700${'b'.repeat(16)}81c03eac02`,
  )
})

test('nobody is watched while this node is not ready, or a member does not know how', () => {
  const bench = new Bench()
  bench.isReady = false
  const starting = bench.open()
  assert.ok(!starting.ok && starting.code === 'DND_ERR_NOT_READY')
  bench.isReady = true
  bench.isSpoken = false
  const old = bench.open()
  assert.ok(!old.ok && old.code === 'DND_ERR_NOT_READY' && old.message.includes('upgrade'))
})

test('so many watchers are served, and more are asked to go elsewhere', () => {
  const bench = new Bench()
  for (let i = 0; i < WATCHERS_MAX; i++) bench.opened()
  const refusal = bench.open()
  assert.ok(!refusal.ok && refusal.code === 'DND_ERR_OVERLOADED')
})

test('a watcher that nobody asks is forgotten after a minute, and its polls with it', () => {
  const bench = new Bench()
  const watcher = bench.standing()
  bench.pass(59_000)
  assert.equal(bench.watching.size, 1)
  bench.pass(1_000)
  assert.equal(bench.watching.size, 0)
  const gone = bench.answerOf(bench.next(watcher))
  assert.ok(gone?.ok === false && gone.code === 'DND_ERR_WATCHER_GONE')
  bench.answer(B, { changes: [bench.written('k', 1)[0]] })
})

test('who closes a watcher is done with it, and who waits for it is told', () => {
  const bench = new Bench()
  const watcher = bench.standing()
  const waiting = bench.next(watcher)
  bench.ask({ what: 'close', watcher })
  assert.equal(bench.watching.size, 0)
  const gone = bench.answerOf(waiting)
  assert.ok(gone?.ok === false && gone.code === 'DND_ERR_WATCHER_GONE')
})

test('a node whose answer is lost is asked again', () => {
  const bench = new Bench()
  const watcher = bench.standing()
  bench.next(watcher)
  const before = bench.pollOf(C).request
  bench.pass(15_000)
  bench.next(watcher)
  assert.equal(bench.pollOf(C).request, before)
  bench.pass(5_000)
  assert.notEqual(bench.pollOf(C).request, before)
  bench.watching.peerLost(B)
  const ofB = bench.pollOf(B).request
  bench.pass(500)
  assert.notEqual(bench.pollOf(B).request, ofB)
})

test('an answer to a question that nobody waits for changes nothing', () => {
  const bench = new Bench()
  const client = bench.next(bench.standing())
  const { request } = bench.pollOf(B)
  const page = { ...pageOf(request, 1, 1), changes: [bench.written('k', 1)[0]] }
  bench.watching.answered(C, page)
  assert.equal(bench.answerOf(client), undefined)
})

test('what was read counts as told: what it superseded is not told after it', () => {
  const bench = new Bench()
  const watcher = bench.standing()
  const [first, one] = bench.written('k', 1)
  const [second, two] = bench.written('k', 2, one)
  const [third, three] = bench.written('k', 3, two)
  const old = bench.change('k', {
    ...one,
    versions: one.versions.map((version) => ({ ...version, stamp: { ms: 5, counter: 0 } })),
  })
  const client = bench.next(watcher)
  bench.answer(B, { changes: [old] })
  assert.deepEqual(keysOf(bench.nextOf(client)), ['k?'])
  bench.answer(B, { changes: [first, second] })
  const after = bench.next(watcher, {
    keys: [{ key: bytes('k'), sort: undefined, container: three }],
    bucketMs: undefined,
  })
  bench.answer(C, { changes: [second, third] })
  assert.equal(bench.answerOf(after), undefined)
  bench.answer(B, { changes: [bench.written('k', 4, three)[0]] })
  assert.deepEqual(keysOf(bench.nextOf(after)), ['k'])
})

test('what was written while the bucket was read is read again, and what came after is told', () => {
  const bench = new Bench()
  const watcher = bench.opened({ token: encodeToken(new Map()) })
  const client = bench.next(watcher)
  for (const node of [A, B, C]) bench.answer(node, { holes: [0 as PartitionId] })
  assert.equal(bench.nextOf(client).gap, true)
  bench.answer(B, { changes: [bench.written('during', 1)[0]] })
  const second = bench.next(watcher, { keys: [], bucketMs: bench.host.wallMs + 1 })
  assert.deepEqual(keysOf(bench.nextOf(second)), ['during?'])
  const third = bench.next(watcher)
  bench.answer(B, { changes: [bench.written('after', 2)[0]] })
  assert.deepEqual(keysOf(bench.nextOf(third)), ['after'])
})
