import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from '../std/crc32.ts'
import type { NodeId, PartitionId, VnodeId } from '../std/ids.ts'
import { RECORD_BYTES_MAX, SIBLINGS_MAX, SIBLINGS_WARN } from '../std/limits.ts'
import type {
  Failure,
  Forward,
  ForwardReply,
  Replicate,
  WriteOperation,
} from '../coordinator/messages.ts'
import { partitionOf, slotOf } from '../placement/slot.ts'
import { decodeActor } from '../versions/actor.ts'
import { decodeRecord } from '../versions/record.ts'
import type { Container } from '../versions/version.ts'
import { NO_BASE } from '../versions/partition-clock.ts'
import { DEFAULT_PROPERTIES } from './buckets.ts'
import type { ClientReply, ClientRequest } from './events.ts'
import { A, B, bytes, C, D, layoutOf, recordOf, WALL, written } from './fake-host.test.ts'
import type { BucketRecord } from './messages.ts'
import { complete, getOf, NodeBench, putOf } from './node-bench.test.ts'
import { BATCHES_BUSY } from './outlet.ts'
import { actorKey, listingKey, recordKey } from './storage-keys.ts'

const E = 'e'.repeat(16) as NodeId

function placeOf(key: string, bucket = 'default'): PartitionId {
  return partitionOf(slotOf(bucket, bytes(key)), 8)
}

function storageKey(key: string, bucket = 'default'): Uint8Array {
  return recordKey(placeOf(key, bucket), bucket, listingKey(bytes(key), undefined))
}

/** A key that A holds, or does not, in a layout of these nodes. */
function keyFor(nodes: readonly NodeId[], isHeld: boolean): string {
  const { table, roles } = layoutOf(nodes)
  for (let i = 0; ; i++) {
    const set = table[placeOf(`k${i}`)]!.map((index) => roles[index]!.node)
    if (set.includes(A) === isHeld) return `k${i}`
  }
}

function failureOf(reply: ClientReply | undefined): Failure {
  assert.ok(reply !== undefined, 'no answer')
  assert.ok(!reply.result.ok, JSON.stringify(reply.result))
  return reply.result
}

function refusal(bench: NodeBench, request: ClientRequest): Failure {
  const failure = failureOf(bench.replies.get(bench.request(request)))
  assert.equal(failure.outcome, 'rejected')
  assert.equal(bench.noted('request-failed'), 1)
  bench.notes.length = 0
  return failure
}

function heldBy(bench: NodeBench, key: string): Container {
  const container = decodeRecord(bench.store.get(storageKey(key)) as Uint8Array, crc32)
  assert.ok(typeof container !== 'string')
  return container
}

function bucket(name: string, change: object, ms = WALL): BucketRecord {
  return { name, stamp: { ms, counter: 0 }, properties: { ...DEFAULT_PROPERTIES, ...change } }
}

const LIST: ClientRequest = {
  ...{ type: 'list', bucket: 'default', from: new Uint8Array(0), to: new Uint8Array(0) },
  ...{ reverse: false, limit: 10, timeoutMs: undefined },
}

test('a node that has not joined refuses everything at once', () => {
  const bench = new NodeBench()
  bench.step({ type: 'start', seeds: [] })
  for (const request of [putOf('a'), { ...putOf('a'), type: 'delete' }, getOf('a'), LIST])
    assert.equal(refusal(bench, request as ClientRequest).code, 'DND_ERR_NOT_READY')
  const client = bench.request({ type: 'configure-bucket', bucket: 'b', properties: undefined })
  assert.equal(failureOf(bench.replies.get(client)).code, 'DND_ERR_NOT_READY')
})

test('a name that is no bucket is refused, whatever is asked of it', () => {
  const bench = NodeBench.serving([A, B, C])
  const named = { bucket: 'No Bucket' }
  for (const request of [putOf('a', 'v', named), getOf('a', named), { ...LIST, ...named }])
    assert.equal(refusal(bench, request).code, 'DND_ERR_BAD_BUCKET')
})

test('a quorum must be one of the key’s replicas', () => {
  const bench = NodeBench.serving([A, B, C])
  for (const w of [0, -1, 4, 1.5, Number.NaN])
    assert.equal(refusal(bench, putOf('a', 'v', { w })).code, 'DND_ERR_BAD_QUORUM')
  for (const r of [0, 4, Infinity])
    assert.equal(refusal(bench, getOf('a', { r })).code, 'DND_ERR_BAD_QUORUM')
  const alone = NodeBench.serving([A])
  assert.match(refusal(alone, putOf('a', 'v', { w: 2 })).message, /the key has 1 replica in/)
})

test('a value beyond what the bucket takes is refused', () => {
  const bench = NodeBench.serving([A, B, C])
  bench.meet(B, undefined, { buckets: [bucket('small', { valueBytesMax: 3 })] })
  const small = { bucket: 'small' }
  assert.equal(refusal(bench, putOf('a', 'four', small)).code, 'DND_ERR_VALUE_TOO_LARGE')
  bench.request(putOf('a', 'abc', small))
  assert.equal(bench.replies.size, 1, 'three bytes are taken')
})

test('a write that cannot have its quorum is refused before anything is stored', () => {
  const bench = new NodeBench()
  bench.step({ type: 'start', seeds: [] })
  bench.meet(B, complete(layoutOf([A, B, C])))
  bench.settle()
  const failure = refusal(bench, putOf('a', 'v', { w: 3 }))
  assert.deepEqual(
    [failure.code, failure.needed, failure.got],
    ['DND_ERR_QUORUM_UNAVAILABLE', 3, 2],
  )
  assert.equal(bench.store.get(storageKey('a')), undefined)
  assert.equal(refusal(bench, getOf('a', { r: 3 })).code, 'DND_ERR_QUORUM_UNAVAILABLE')
  assert.deepEqual(bench.pending, [])
})

test('beyond so many requests in flight the next is refused at once, and taken when there is room', () => {
  const bench = NodeBench.serving([A, B, C], { config: { requestsInFlightMax: 2 } })
  const first = bench.request(putOf('a'))
  bench.request(getOf('b'))
  for (const request of [putOf('c'), getOf('c'), LIST])
    assert.equal(refusal(bench, request).code, 'DND_ERR_OVERLOADED')
  bench.settle()
  const [sent] = bench.take('replicate')
  const { request } = sent!.message
  bench.message(sent!.to, { type: 'replicate-reply', request, outcome: 'stored' })
  assert.ok(bench.replies.get(first)?.result.ok)
  bench.request(putOf('c'))
  assert.equal(bench.node.view().inFlight, 2)
})

test('a node whose disk stands still takes no more writes, from nobody', () => {
  const bench = NodeBench.serving([A])
  const client = bench.request(putOf('a'))
  const record = recordOf(written(9, 1))
  const replicate: Replicate = {
    ...{ type: 'replicate', request: 1, layoutVersion: 1, partition: placeOf('a') },
    ...{ key: storageKey('a'), record, base: NO_BASE },
  }
  for (let i = bench.pending.length; i < BATCHES_BUSY; i++)
    bench.node.step(
      { type: 'message', from: B, message: replicate },
      { instant: 0 as never, wallMs: WALL },
      [],
    )
  assert.equal(refusal(bench, putOf('a')).code, 'DND_ERR_OVERLOADED')
  bench.message(B, replicate)
  const [reply] = bench.take('replicate-reply')
  assert.equal(reply!.message.outcome, 'store-failed')
  bench.settle()
  assert.ok(bench.replies.get(client)?.result.ok, 'what was taken is not forgotten')
  assert.ok(bench.request(putOf('a')) > 0 && bench.pending.length > 0)
})

test('a coordinator stores, then sends, then answers', () => {
  const bench = NodeBench.serving([A, B, C])
  const client = bench.request(putOf('a', 'hello'))
  assert.deepEqual(bench.take('replicate'), [])
  bench.settle()
  const sent = bench.take('replicate')
  assert.deepEqual(sent.map(({ to }) => to).sort(), [B, C])
  assert.deepEqual(sent[0]!.message.key, storageKey('a'))
  assert.equal(bench.replies.size, 0)
  const { request } = sent[0]!.message
  bench.message(B, { type: 'replicate-reply', request, outcome: 'stored' })
  const reply = bench.replies.get(client)
  assert.ok(reply?.type === 'write' && reply.result.ok && reply.result.acks === 2)
  assert.deepEqual(heldBy(bench, 'a').vector, reply.result.context?.vector)
})

test('a get asks R replicas, its own first, and shows the winner', () => {
  const bench = NodeBench.serving([A, B, C])
  const client = bench.request(getOf('a'))
  const [read, ...more] = bench.take('read')
  assert.deepEqual(more, [])
  const { request } = read!.message
  const record = recordOf(written(7, 1, bytes('x')))
  bench.message(read!.to, { type: 'read-reply', request, outcome: 'found', record, base: NO_BASE })
  const reply = bench.replies.get(client)
  assert.ok(reply?.type === 'get' && reply.result.ok)
  assert.deepEqual(reply.result.live[0]?.value?.bytes, bytes('x'))
  assert.equal(reply.result.answers, 2)
  assert.deepEqual(heldBy(bench, 'a'), decodeRecord(record, crc32), 'its own copy was behind')
})

test('a key that was never written has no context, a deleted one has', () => {
  const bench = NodeBench.serving([A])
  const absent = bench.replies.get(bench.request(getOf('a')))
  assert.ok(absent?.type === 'get' && absent.result.ok)
  assert.deepEqual([absent.result.live, absent.result.context], [[], undefined])
  bench.request({ ...putOf('a'), type: 'delete' } as ClientRequest)
  bench.settle()
  const deleted = bench.replies.get(bench.request(getOf('a')))
  assert.ok(deleted?.type === 'get' && deleted.result.ok)
  assert.deepEqual(deleted.result.live, [])
  assert.notEqual(deleted.result.context, undefined)
})

test('a node without a replica passes the write on, with what is left of the client’s patience', () => {
  const nodes = [A, B, C, D, E]
  const bench = NodeBench.serving(nodes)
  const key = keyFor(nodes, false)
  const client = bench.request(putOf(key, 'v', { timeoutMs: 700 }))
  const [forward] = bench.take('forward')
  assert.equal(forward!.message.operation.timeoutMs, 700)
  assert.equal(forward!.message.layoutVersion, 1)
  assert.equal(bench.noted('forwarded'), 1)
  const { request } = forward!.message
  const result = { ok: true, context: undefined, acks: 2 } as const
  bench.message(forward!.to, { type: 'forward-reply', request, result })
  assert.deepEqual(bench.replies.get(client), { type: 'write', result })
})

test('a write that nobody can be asked to coordinate is refused', () => {
  const nodes = [A, B, C, D, E]
  const bench = new NodeBench()
  bench.step({ type: 'start', seeds: [] })
  const key = keyFor(nodes, false)
  bench.meet(B, complete(layoutOf(nodes)))
  bench.settle()
  bench.step({ type: 'link-down', peer: B, reason: 'gone' })
  const stranger = nodes.filter((node) => node !== A && node !== B)
  assert.ok(stranger.length > 0)
  const client = bench.request(putOf(key))
  const targets = bench.take('forward').map(({ to }) => to)
  if (targets.length === 0)
    assert.equal(failureOf(bench.replies.get(client)).code, 'DND_ERR_QUORUM_UNAVAILABLE')
  else assert.deepEqual(targets, [B])
})

test('a replica that does not coordinate yet passes on its own clients’ writes', () => {
  const bench = new NodeBench()
  bench.step({ type: 'start', seeds: [] })
  bench.meet(B, complete(layoutOf([A, B, C])))
  assert.ok(!bench.node.view().ready, 'its leases are not durable')
  bench.request(putOf('a'))
  assert.deepEqual(
    bench.take('forward').map(({ to }) => to),
    [B],
  )
})

function forwardOf(key: string, request = 77, change: Partial<WriteOperation> = {}): Forward {
  const value = { bytes: bytes('f'), contentType: '', metadata: [], expiresAtMs: 0 }
  const operation = { bucket: 'default', key: bytes(key), sort: undefined, value }
  return {
    ...{ type: 'forward', request, layoutVersion: 1 },
    operation: { ...operation, context: undefined, w: 1, timeoutMs: 1_000, ...change },
  }
}

function answers(bench: NodeBench): ForwardReply[] {
  return bench.take('forward-reply').map(({ to, message }) => {
    assert.equal(to, B)
    return message
  })
}

test('a forwarded write is coordinated and answered to who asked', () => {
  const bench = NodeBench.serving([A, B, C])
  bench.message(B, forwardOf('a'))
  assert.deepEqual(answers(bench), [])
  bench.settle()
  const [answer] = answers(bench)
  assert.equal(answer!.request, 77)
  assert.ok(answer!.result.ok)
  assert.equal(bench.replies.size, 0)
})

test('a repeated forward is answered from memory: it is not coordinated twice', () => {
  const bench = NodeBench.serving([A, B, C])
  bench.message(B, forwardOf('a'))
  bench.message(B, forwardOf('a'))
  assert.equal(bench.pending.length, 1, 'while it is under way')
  bench.settle()
  const [first] = answers(bench)
  const before = heldBy(bench, 'a')
  bench.message(B, forwardOf('a'))
  assert.deepEqual(answers(bench), [first])
  assert.deepEqual(bench.pending, [])
  assert.deepEqual(heldBy(bench, 'a'), before)
  bench.message(C, forwardOf('a'))
  assert.equal(bench.pending.length, 1, 'the number of another node is another request')
})

test('a refused forward is forgotten, so that it may be tried here again', () => {
  const bench = NodeBench.serving([A, B, C])
  bench.message(B, forwardOf('a', 78, { w: 9 }))
  const [refused] = answers(bench)
  assert.ok(!refused!.result.ok && refused!.result.outcome === 'rejected')
  bench.message(B, forwardOf('a', 78))
  bench.settle()
  assert.ok(answers(bench)[0]!.result.ok)
})

test('results are remembered of so many forwards, the oldest is forgotten', () => {
  const bench = NodeBench.serving([A, B, C])
  for (let request = 1; request <= 4_200; request++) {
    bench.message(B, forwardOf('a', request))
    bench.settle()
  }
  bench.effects = []
  bench.message(B, forwardOf('a', 4_200))
  assert.deepEqual(bench.pending, [])
  bench.message(B, forwardOf('a', 1))
  assert.equal(bench.pending.length, 1)
})

test('a forward to who holds no replica is refused, never passed on again', () => {
  const nodes = [A, B, C, D, E]
  const bench = NodeBench.serving(nodes)
  bench.message(B, forwardOf(keyFor(nodes, false)))
  const [refused] = answers(bench)
  assert.ok(!refused!.result.ok && refused!.result.code === 'DND_ERR_NOT_READY')
  assert.deepEqual(bench.take('forward'), [])
})

test('who forwards by an older layout hears of ours before the answer', () => {
  const bench = NodeBench.serving([A, B, C])
  const next = complete(layoutOf([A, B, C], bench.node.view().layout!.current))
  bench.meet(C, next)
  bench.settle()
  bench.step({ type: 'link-down', peer: B, reason: 'gone' })
  bench.effects = []
  bench.message(B, forwardOf('a'))
  bench.settle()
  const types = bench.effects.flatMap((effect) =>
    effect.type === 'send' && effect.to === B ? [effect.message.type] : [],
  )
  assert.equal(types[0], 'state-sync')
  assert.equal(types.filter((type) => type === 'state-sync').length, 1)
  assert.ok(types.includes('forward-reply'))
})

test('nobody coordinates on a damaged copy: the write goes to another replica, the copy is mended', () => {
  const bench = NodeBench.serving([A, B, C])
  const broken = recordOf(written(7, 1))
  broken[8]! ^= 1
  bench.store.put(storageKey('a'), broken)
  bench.request(putOf('a'))
  assert.equal(bench.take('forward').length, 1)
  assert.ok(bench.take('read').length > 0)
  assert.equal(bench.noted('unreadable'), 1)
  bench.message(B, forwardOf('a'))
  const [refused] = answers(bench)
  assert.ok(!refused!.result.ok && refused!.result.code === 'DND_ERR_STORE_FAILED')
  assert.equal(refused!.result.outcome, 'rejected')
  const alone = NodeBench.serving([A])
  alone.store.put(storageKey('a'), broken)
  assert.equal(refusal(alone, putOf('a')).code, 'DND_ERR_STORE_FAILED')
})

test('a replica that meets dots of its own that it has not drawn begins under a new id', () => {
  const vnodeOf = (bench: NodeBench): VnodeId =>
    decodeActor(bench.store.get(actorKey(placeOf('a'))) as Uint8Array, crc32)!.vnode
  const spoils: ((bench: NodeBench, container: Container) => ClientRequest)[] = [
    (bench, container) => {
      bench.store.put(storageKey('a'), recordOf(container))
      return putOf('a')
    },
    (_bench, { vector }) => putOf('a', 'v', { context: { vector, stamp: { ms: 1, counter: 0 } } }),
  ]
  for (const spoil of spoils) {
    const bench = NodeBench.serving([A, B, C])
    const before = vnodeOf(bench)
    bench.request(spoil(bench, written(before, 20_000)))
    assert.equal(bench.noted('amnesia'), 1)
    assert.equal(bench.take('forward').length, 1, 'another replica takes the write')
    bench.settle()
    assert.notEqual(vnodeOf(bench), before)
    bench.request(putOf('a'))
    bench.settle()
    assert.equal(bench.take('replicate').length, 2, 'and the new id may draw')
  }
})

test('a key whose values together are too large refuses one more', () => {
  const bench = NodeBench.serving([A])
  bench.meet(B, undefined, { buckets: [bucket('carts', { conflicts: 'siblings' })] })
  const value = { bytes: new Uint8Array(1_000_000), contentType: '', metadata: [], expiresAtMs: 0 }
  let failure: Failure | undefined
  for (let i = 0; failure === undefined; i++) {
    assert.ok(i <= RECORD_BYTES_MAX / 1_000_000, 'it takes more than fits')
    const client = bench.request(putOf('a', '', { bucket: 'carts', value }))
    bench.settle()
    const reply = bench.replies.get(client)!
    if (!reply.result.ok) failure = reply.result
  }
  assert.equal(failure.code, 'DND_ERR_RECORD_TOO_LARGE')
  assert.equal(failure.outcome, 'rejected')
})

test('beyond so many siblings a write without context is refused, with context it resolves them', () => {
  const bench = NodeBench.serving([A])
  const carts = { bucket: 'carts' }
  bench.meet(B, undefined, { buckets: [bucket('carts', { conflicts: 'siblings' })] })
  for (let i = 0; i < SIBLINGS_MAX; i++) {
    bench.request(putOf('a', `${i}`, carts))
    bench.settle()
  }
  assert.equal(refusal(bench, putOf('a', 'x', carts)).code, 'DND_ERR_TOO_MANY_SIBLINGS')
  const all = bench.replies.get(bench.request(getOf('a', carts)))
  assert.ok(all?.type === 'get' && all.result.ok && all.result.live.length === SIBLINGS_MAX)
  bench.request(putOf('a', 'one', { ...carts, context: all.result.context }))
  bench.settle()
  const one = bench.replies.get(bench.request(getOf('a', carts)))
  assert.ok(one?.type === 'get' && one.result.ok && one.result.live.length === 1)
})

test('a write that leaves many siblings says how many, here and to who forwarded it', () => {
  const bench = NodeBench.serving([A])
  const carts = { bucket: 'carts' }
  bench.meet(B, undefined, { buckets: [bucket('carts', { conflicts: 'siblings' })] })
  const written: (number | undefined)[] = []
  for (let i = 1; i <= SIBLINGS_WARN; i++) {
    const client = bench.request(putOf('a', `${i}`, carts))
    bench.settle()
    const reply = bench.replies.get(client)
    assert.ok(reply?.type === 'write' && reply.result.ok)
    written.push(reply.result.siblings)
  }
  assert.deepEqual(written.slice(-2), [undefined, SIBLINGS_WARN])
  const notes = bench.notes.filter(({ type }) => type === 'many-siblings')
  assert.deepEqual(notes, [{ type: 'many-siblings', bucket: 'carts', siblings: SIBLINGS_WARN }])
  bench.request(getOf('a', carts))
  const { reads, writes } = bench.node.view().conflicts.get('carts')!
  assert.deepEqual([reads[5], writes], [1, SIBLINGS_WARN - 1])
})

test('a write whose local store fails says that it may be stored', () => {
  const bench = NodeBench.serving([A, B, C])
  const client = bench.request(putOf('a'))
  bench.settle('store-failed')
  const failure = failureOf(bench.replies.get(client))
  assert.deepEqual([failure.code, failure.outcome], ['DND_ERR_STORE_FAILED', 'unknown'])
  assert.deepEqual(bench.take('replicate'), [])
})

test('every request has an end: without any answer it is that of its patience', () => {
  const bench = NodeBench.serving([A, B, C])
  const clients = [putOf('a'), getOf('b'), LIST].map((request) => bench.request(request))
  bench.settle()
  bench.run(4_999)
  assert.equal(bench.replies.size, 0)
  bench.run(2)
  for (const client of clients)
    assert.equal(failureOf(bench.replies.get(client)).code, 'DND_ERR_TIMEOUT')
  assert.equal(bench.node.view().inFlight, 0)
})
