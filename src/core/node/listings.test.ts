import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteWriter } from '../std/bytes.ts'
import { crc32 } from '../std/crc32.ts'
import type { NodeId } from '../std/ids.ts'
import { instant } from '../std/instant.ts'
import { placementOf } from '../placement/layout-state.ts'
import type { LayoutState } from '../placement/layout.ts'
import { summarise } from '../versions/container.ts'
import { encodeContainer } from '../versions/record.ts'
import type { Container } from '../versions/version.ts'
import { DEFAULT_PROPERTIES } from './buckets.ts'
import type { ListKeysRequest, ListResult } from './events.ts'
import {
  A,
  B,
  bytes,
  C,
  D,
  FakeHost,
  FakeStore,
  keyIn,
  layoutOf,
  recordOf,
  written,
} from './fake-host.test.ts'
import { ListingReplica } from './listing-replica.ts'
import { Listings } from './listings.ts'
import type { BucketProperties, ListEntry, ListReply, ListRequest } from './messages.ts'
import { listingKey } from './storage-keys.ts'

const NONE = new Uint8Array(0)
const LIVE = written(1, 1)
const DELETED = written(1, 2, 'deleted', LIVE)

function entry(key: string, container: Container = LIVE): ListEntry {
  const writer = new ByteWriter()
  encodeContainer(writer, summarise(container))
  return { key: listingKey(bytes(key), undefined), summary: writer.take() }
}

class Bench {
  readonly host = new FakeHost()
  readonly store = new FakeStore()
  readonly results: ListResult[] = []
  readonly listings: Listings
  readonly #own: ListingReplica
  state: LayoutState
  #read = 0

  /** By default of a node without a replica, so that everything is asked of others. */
  constructor(nodes: readonly NodeId[] = [B, C, D]) {
    this.state = { current: layoutOf(nodes), previous: undefined, synced: [], acked: [], lost: [] }
    this.#own = new ListingReplica(this.host, {
      checksum: crc32,
      shownBase: () => new Uint8Array(0),
      unreadable: () => undefined,
    })
    this.listings = new Listings(this.host, {
      own: this.#own,
      placementOf: (partition) => placementOf(this.state, partition),
      partitions: () => this.state.current.partitions,
      latestMs: () => this.host.wallMs + 500,
    })
  }

  start(
    change: Partial<ListKeysRequest> = {},
    properties: BucketProperties = DEFAULT_PROPERTIES,
  ): void {
    const request: ListKeysRequest = {
      ...{ type: 'list', bucket: 'default', from: NONE, to: NONE, reverse: false },
      ...{ limit: 10, timeoutMs: undefined, ...change },
    }
    this.listings.start(request, properties, instant(5_000), (result) => this.results.push(result))
    this.listings.check()
  }

  /** What was asked since the last look. */
  asked(): { readonly to: NodeId; readonly message: ListRequest }[] {
    const all = this.host.sentOf('list-request')
    const fresh = all.slice(this.#read)
    this.#read = all.length
    return fresh
  }

  reply(
    to: { readonly to: NodeId; readonly message: ListRequest },
    entries: readonly ListEntry[],
    more = false,
    outcome: ListReply['outcome'] = 'ok',
  ): void {
    const { request, partitions } = to.message
    const bases = partitions.map(() => new Uint8Array(0))
    this.listings.replied(to.to, { type: 'list-reply', request, outcome, entries, more, bases })
    this.listings.check()
  }

  ownScan(): void {
    const { token, ranges } = this.host.scans.shift()!
    this.#own.scanned(
      token,
      ranges.map((range) => this.store.scan(range)),
    )
  }

  /** It is called suspect, now. */
  suspected(peer: NodeId): void {
    this.host.suspect.add(peer)
    this.listings.peerSuspected(peer)
    this.listings.check()
  }

  keys(): string[] {
    const result = this.results.at(-1)
    assert.ok(result?.ok, JSON.stringify(result))
    return result.keys.map(({ key }) => String.fromCharCode(...key))
  }

  code(): string | undefined {
    const result = this.results.at(-1)
    return result === undefined || result.ok ? undefined : result.code
  }
}

test('each partition is asked of R replicas, over as few nodes as will do', () => {
  const bench = new Bench()
  bench.start()
  const asked = bench.asked()
  assert.equal(asked.length, 2)
  for (const { message } of asked) {
    assert.equal(message.partitions.length, 8)
    assert.equal(message.readVersion, 3)
    assert.equal(message.limit, 11, 'one more tells whether there is a next page')
  }
})

test('ourselves come first', () => {
  const bench = new Bench([A, B, C])
  bench.store.put(keyIn(0, 'a'), recordOf(LIVE))
  bench.start()
  const asked = bench.asked()
  assert.equal(asked.length, 1)
  bench.ownScan()
  bench.reply(asked[0]!, [])
  assert.deepEqual(bench.keys(), ['a'])
})

test('answers are merged: a key that one replica knows as deleted is not listed', () => {
  const bench = new Bench()
  bench.start()
  const [one, other] = bench.asked()
  bench.reply(one!, [entry('a'), entry('b')])
  assert.deepEqual(bench.results, [])
  bench.reply(other!, [entry('a', DELETED), entry('c')])
  assert.deepEqual(bench.keys(), ['b', 'c'])
  assert.equal(bench.listings.size, 0)
})

test('a full page says where the next begins, forwards and backwards', () => {
  for (const reverse of [false, true]) {
    const bench = new Bench()
    bench.start({ limit: 2, reverse })
    const [one, other] = bench.asked()
    const keys = ['a', 'b', 'c', 'd'].map((key) => entry(key))
    if (reverse) keys.reverse()
    bench.reply(one!, keys.slice(0, 3), true)
    bench.reply(other!, [])
    assert.deepEqual(bench.keys(), reverse ? ['d', 'c'] : ['a', 'b'])
    const result = bench.results[0]!
    assert.ok(result.ok && result.next !== undefined)
    const third = keys[2]!.key
    assert.deepEqual(result.next, reverse ? Uint8Array.of(...third, 0) : third)
  }
})

test('a page of nothing but deleted keys leads to another round, so that empty means the end', () => {
  const bench = new Bench()
  bench.start({ limit: 2 })
  const deleted = ['a', 'b', 'c'].map((key) => entry(key, DELETED))
  const [one, other] = bench.asked()
  bench.reply(one!, deleted, true)
  bench.reply(other!, deleted, true)
  assert.deepEqual(bench.results, [])
  const [next, last] = bench.asked()
  assert.deepEqual(next!.message.from, Uint8Array.of(...deleted[2]!.key, 0))
  bench.reply(next!, [entry('d')])
  bench.reply(last!, [entry('d')])
  assert.deepEqual(bench.keys(), ['d'])
})

test('what stands behind the frontier waits for the next round', () => {
  const bench = new Bench()
  bench.start({ limit: 5 })
  const [one, other] = bench.asked()
  bench.reply(one!, [entry('a'), entry('m')], true)
  bench.reply(other!, [entry('b'), entry('c')], true)
  assert.deepEqual(bench.results, [], 'd … l are not known yet')
  const [next, last] = bench.asked()
  assert.deepEqual(next!.message.from, Uint8Array.of(...entry('c').key, 0))
  assert.equal(next!.message.limit, 3)
  bench.reply(next!, [entry('d')])
  bench.reply(last!, [entry('m')])
  assert.deepEqual(bench.keys(), ['a', 'b', 'c', 'd', 'm'])
})

test('a node that is lost is replaced, and left alone for the rest of the listing', () => {
  const bench = new Bench()
  bench.start()
  const before = bench.asked()
  const lost = before[0]!.to
  bench.listings.peerLost(lost)
  const after = bench.asked()
  assert.equal(after.length, 2)
  assert.ok(!after.some(({ to }) => to === lost), 'although it is said to be up')
  bench.listings.peerLost(lost)
  assert.deepEqual(bench.asked(), [], 'nobody is asked again for its sake')
  bench.reply(before[1]!, [entry('z')])
  assert.deepEqual(bench.results, [], 'an answer of the round before is not one of this')
  for (const one of after) bench.reply(one, [entry('a')])
  assert.deepEqual(bench.keys(), ['a'])
})

test('the part of a node that becomes suspect is asked of others too, and its own answer still counts', () => {
  for (const quicker of ['suspect', 'other']) {
    const bench = new Bench()
    bench.start()
    const [slow, one] = bench.asked()
    bench.reply(one!, [entry('a')])
    bench.suspected(slow!.to)
    const [instead, ...more] = bench.asked()
    assert.deepEqual(more, [], 'who has answered is not asked again')
    assert.ok(instead!.to !== slow!.to && instead!.to !== one!.to)
    assert.deepEqual(instead!.message.partitions, slow!.message.partitions)
    assert.deepEqual(bench.results, [])
    bench.reply(quicker === 'suspect' ? slow! : instead!, [entry('b')])
    assert.deepEqual(bench.keys(), ['a', 'b'])
    bench.reply(quicker === 'suspect' ? instead! : slow!, [entry('c')])
    assert.equal(bench.results.length, 1)
  }
})

test('where several stand in for a suspect all of them must have answered', () => {
  const E = 'e'.repeat(16) as NodeId
  const bench = new Bench([B, C, D, E])
  bench.start({}, { ...DEFAULT_PROPERTIES, r: 1 })
  const asked = bench.asked()
  const slow = asked.find(({ message }) => message.partitions.length > 1)!
  for (const other of asked) if (other !== slow) bench.reply(other, [])
  bench.suspected(slow.to)
  const instead = bench.asked()
  assert.ok(instead.length > 1, `${instead.length} stand in`)
  const parts = instead.flatMap(({ message }) => message.partitions)
  assert.deepEqual(
    parts.sort((a, b) => a - b),
    slow.message.partitions,
  )
  for (const one of instead.slice(1)) bench.reply(one, [entry('a')])
  assert.deepEqual(bench.results, [])
  bench.reply(instead[0]!, [])
  assert.deepEqual(bench.keys(), ['a'])
})

test('a stand-in that becomes suspect is stood in for, and the answer of the first ends it all', () => {
  const bench = new Bench()
  bench.start({}, { ...DEFAULT_PROPERTIES, r: 1 })
  const [first, ...others] = bench.asked()
  assert.deepEqual(others, [])
  bench.suspected(first!.to)
  const [second] = bench.asked()
  bench.suspected(second!.to)
  const [third] = bench.asked()
  assert.equal(new Set([first!.to, second!.to, third!.to]).size, 3)
  bench.suspected(third!.to)
  assert.deepEqual(bench.asked(), [], 'there are no more')
  bench.reply(third!, [entry('a')])
  assert.deepEqual(bench.keys(), ['a'])
})

test('where nobody can stand in, the suspect is waited for; and the next round begins with others', () => {
  const bench = new Bench()
  bench.host.down.add(D)
  bench.start({ limit: 2 })
  const [slow, one] = bench.asked()
  bench.suspected(slow!.to)
  assert.deepEqual(bench.asked(), [])
  bench.host.down.delete(D)
  const deleted = entry('a', DELETED)
  bench.reply(one!, [deleted], true)
  bench.reply(slow!, [deleted], true)
  const next = bench.asked()
  assert.equal(next.length, 2)
  assert.ok(!next.some(({ to }) => to === slow!.to))
})

test('with too few replicas left it fails, and says how many there are', () => {
  const bench = new Bench()
  bench.start()
  bench.listings.peerLost(bench.asked()[0]!.to)
  bench.listings.peerLost(bench.asked()[0]!.to)
  const result = bench.results[0]!
  assert.ok(!result.ok)
  assert.deepEqual(
    [result.code, result.outcome, result.needed, result.got],
    ['DND_ERR_QUORUM_UNAVAILABLE', 'rejected', 2, 1],
  )
  const down = new Bench()
  down.host.down.add(B).add(C)
  down.start()
  assert.equal(down.code(), 'DND_ERR_QUORUM_UNAVAILABLE')
})

test('a refusal by a newer layout waits for that layout, which begins the round anew', () => {
  const bench = new Bench()
  bench.start()
  const [one, other] = bench.asked()
  bench.reply(one!, [], false, 'stale-layout')
  bench.reply(other!, [entry('a')])
  assert.deepEqual(bench.results, [])
  bench.state = { ...bench.state, current: layoutOf([B, C, D], bench.state.current) }
  bench.listings.replan()
  const again = bench.asked()
  assert.ok(again.every(({ message }) => message.readVersion === 5))
  for (const each of again) bench.reply(each, [entry('a')])
  assert.deepEqual(bench.keys(), ['a'])
})

test('what was listed in earlier rounds stands when the layout changes', () => {
  const bench = new Bench()
  bench.start()
  for (const each of bench.asked()) bench.reply(each, [entry('a'), entry('b')], true)
  bench.listings.replan()
  bench
    .asked()
    .slice(2)
    .forEach((each) => bench.reply(each, [entry('c')]))
  assert.deepEqual(bench.keys(), ['a', 'b', 'c'])
})

test('a replica that cannot read makes the listing fail, to be tried again', () => {
  for (const outcome of ['store-failed', 'not-replica'] as const) {
    const bench = new Bench()
    bench.start()
    const [one, other] = bench.asked()
    bench.reply(one!, [], false, outcome)
    assert.equal(bench.code(), 'DND_ERR_OVERLOADED')
    bench.reply(other!, [entry('a')])
    assert.equal(bench.results.length, 1)
  }
})

test('out of time it fails, once', () => {
  const bench = new Bench()
  bench.start()
  const { timer, at } = bench.host.timers[0]!
  assert.equal(at, 5_000)
  assert.ok(timer.owner === 'listings')
  bench.listings.onDeadline(timer.listing)
  bench.listings.onDeadline(timer.listing)
  assert.equal(bench.code(), 'DND_ERR_TIMEOUT')
  for (const each of bench.asked()) bench.reply(each, [entry('a')])
  assert.equal(bench.results.length, 1)
})

test('answers of strangers and to unknown numbers change nothing', () => {
  const bench = new Bench()
  bench.start()
  const [one, other] = bench.asked()
  bench.reply({ to: A, message: one!.message }, [entry('x')])
  bench.reply({ to: one!.to, message: { ...one!.message, request: 999 } }, [entry('x')])
  bench.reply(one!, [entry('a')])
  bench.reply(one!, [entry('x')])
  bench.reply(other!, [])
  assert.deepEqual(bench.keys(), ['a'])
})

test('summaries and keys that do not decode are as if they were not there', () => {
  const bench = new Bench()
  bench.start()
  const [one, other] = bench.asked()
  bench.reply(one!, [
    { key: listingKey(bytes('a'), undefined), summary: bytes('garbage') },
    { key: bytes('no listing key'), summary: entry('x').summary },
    entry('b'),
  ])
  bench.reply(other!, [])
  assert.deepEqual(bench.keys(), ['b'])
})

test('more entries than were asked for do not make the page longer', () => {
  const bench = new Bench()
  bench.start({ limit: 2 })
  const [one, other] = bench.asked()
  bench.reply(
    one!,
    'abcdefgh'.split('').map((key) => entry(key)),
  )
  bench.reply(other!, [])
  assert.deepEqual(bench.keys(), ['a', 'b'])
})

test('a siblings bucket lists a key while any of its versions has a value', () => {
  const both: Container = {
    versions: [...written(2, 1).versions, ...written(3, 9, 'deleted').versions],
    vector: [...written(2, 1).vector, ...written(3, 9).vector],
  }
  for (const conflicts of ['lww', 'siblings'] as const) {
    const bench = new Bench()
    bench.start({}, { ...DEFAULT_PROPERTIES, conflicts })
    for (const each of bench.asked()) bench.reply(each, [entry('a', both)])
    assert.deepEqual(bench.keys(), conflicts === 'lww' ? [] : ['a'])
  }
})

test('whether a bucket is empty is one key’s question', () => {
  const answers: unknown[] = []
  const bench = new Bench()
  const ask = (): void =>
    bench.listings.isEmpty('b', DEFAULT_PROPERTIES, 100, (result) => void answers.push(result))
  ask()
  for (const each of bench.asked()) bench.reply(each, [])
  ask()
  for (const each of bench.asked()) bench.reply(each, [entry('a')])
  bench.host.down.add(B).add(C).add(D)
  ask()
  assert.deepEqual(answers.slice(0, 2), [true, false])
  assert.equal((answers[2] as { code: string }).code, 'DND_ERR_QUORUM_UNAVAILABLE')
})

test('beyond so many at once the next is refused', () => {
  const bench = new Bench()
  for (let i = 0; i < 257; i++) bench.start()
  assert.equal(bench.results.length, 1)
  assert.equal(bench.code(), 'DND_ERR_OVERLOADED')
  assert.equal(bench.listings.size, 256)
})
