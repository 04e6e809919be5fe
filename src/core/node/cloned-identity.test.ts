import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NO_BASE } from '../versions/partition-clock.ts'
import type { ClientRequest } from './events.ts'
import type { PartitionId } from '../std/ids.ts'
import type { WriteOperation } from '../coordinator/messages.ts'
import { partitionOf, slotOf } from '../placement/slot.ts'
import { clonedFailure } from './cloned-identity.ts'
import { DEFAULT_PROPERTIES } from './buckets.ts'
import { A, B, bytes, C, D, keyIn, layoutOf, recordOf, role, written } from './fake-host.test.ts'
import { complete, getOf, infoOf, memberOf, NodeBench, putOf } from './node-bench.test.ts'

const OTHER = { host: '10.0.0.9', port: 4 }
const PLACE: PartitionId = partitionOf(slotOf('default', bytes('a')), 8)
const KEY = keyIn(PLACE, 'a')
const OPERATION: WriteOperation = {
  ...{ bucket: 'default', key: bytes('a'), sort: undefined, value: undefined },
  ...{ context: undefined, w: undefined, timeoutMs: 1_000 },
}

/** B tells of a later generation of A that listens elsewhere. */
function meetClone(bench: NodeBench): void {
  const clone = { ...memberOf(A), generation: 6, info: { ...infoOf(A), address: OTHER } }
  bench.meet(B, undefined, { members: [memberOf(B), clone] })
  assert.deepEqual(bench.node.view().clonedBy, OTHER)
  bench.settle()
  bench.effects = []
}

function codeOf(bench: NodeBench, request: ClientRequest): string | undefined {
  const reply = bench.replies.get(bench.request(request))
  return reply === undefined || reply.result.ok ? undefined : reply.result.code
}

test('the refusal says where the other one listens, what to do, and that nothing is stored', () => {
  const { code, outcome, message } = clonedFailure(OTHER)
  assert.deepEqual([code, outcome], ['DND_ERR_CLONED_IDENTITY', 'rejected'])
  assert.match(message, /10\.0\.0\.9:4; nothing was stored\. Stop one of the two and restart/)
  assert.match(message, /delete the copy and join as a new node/)
})

test('a node that has met its clone refuses puts, deletes, forwards and buckets, and says so once', () => {
  const bench = NodeBench.serving([A, B, C])
  assert.equal(bench.node.view().clonedBy, undefined)
  meetClone(bench)
  assert.equal(bench.noted('cloned-identity'), 1)
  assert.equal(codeOf(bench, putOf('a')), 'DND_ERR_CLONED_IDENTITY')
  assert.equal(
    codeOf(bench, { ...putOf('a'), type: 'delete' } as ClientRequest),
    'DND_ERR_CLONED_IDENTITY',
  )
  const properties = { ...DEFAULT_PROPERTIES, conflicts: 'siblings' } as const
  for (const each of [properties, undefined])
    assert.equal(
      codeOf(bench, { type: 'configure-bucket', bucket: 'b', properties: each }),
      'DND_ERR_CLONED_IDENTITY',
    )
  bench.message(B, { type: 'forward', request: 9, layoutVersion: 1, operation: OPERATION })
  const [forwarded] = bench.take('forward-reply')
  const { result } = forwarded!.message
  assert.ok(!result.ok && result.code === 'DND_ERR_CLONED_IDENTITY')
  assert.deepEqual(bench.pending, [], 'nothing was handed to the store')
  assert.deepEqual(bench.take('forward'), [])
})

test('it stores nothing for others: no write, no repair, not even of its own copy', () => {
  const bench = NodeBench.serving([A, B, C])
  meetClone(bench)
  const record = recordOf(written(7, 1))
  const to = { request: 3, layoutVersion: 1, partition: PLACE, key: KEY }
  bench.message(B, { type: 'replicate', ...to, record, base: NO_BASE })
  assert.equal(bench.take('replicate-reply')[0]!.message.outcome, 'store-failed')
  const client = bench.request(getOf('a'))
  const [read] = bench.take('read')
  const { request } = read!.message
  bench.message(read!.to, { type: 'read-reply', request, outcome: 'found', record, base: NO_BASE })
  assert.ok(bench.replies.get(client)?.result.ok, 'it reads')
  assert.deepEqual(bench.pending, [])
  assert.equal(bench.store.get(KEY), undefined)
})

test('it still answers the reads and listings of others', () => {
  const bench = NodeBench.serving([A, B, C])
  const record = recordOf(written(7, 1))
  bench.store.put(KEY, record)
  meetClone(bench)
  bench.message(B, { type: 'read', request: 3, readVersion: 3, partition: PLACE, key: KEY })
  assert.deepEqual(bench.take('read-reply')[0]!.message.record, record)
})

test('what was under way is carried to its end', () => {
  const bench = NodeBench.serving([A, B, C])
  const client = bench.request(putOf('a'))
  bench.settle()
  const [sent] = bench.take('replicate')
  meetClone(bench)
  const { request } = sent!.message
  bench.message(sent!.to, { type: 'replicate-reply', request, outcome: 'stored' })
  assert.ok(bench.replies.get(client)?.result.ok)
})

test('it neither pulls partitions nor says that they are here, nor hands any over', () => {
  const bench = NodeBench.serving([B, C, D])
  bench.meet(B, {
    current: layoutOf([A, B, C, D], layoutOf([B, C, D])),
    previous: layoutOf([B, C, D]),
    synced: [],
    acked: [],
    lost: [],
  })
  bench.settle()
  assert.ok(bench.take('transfer-request').length > 0)
  assert.ok(bench.node.view().transfers.pending > 0)
  meetClone(bench)
  assert.equal(bench.node.view().transfers.pending, 0)
  bench.run(60_000)
  assert.deepEqual(bench.take('transfer-request'), [])
  assert.deepEqual(bench.node.view().layout?.synced, [])
  const source = NodeBench.serving([A, B, C])
  meetClone(source)
  const after = new Uint8Array(0)
  source.message(B, {
    type: 'transfer-request',
    request: 1,
    layoutVersion: 1,
    partition: PLACE,
    after,
  })
  assert.equal(source.take('transfer-chunk')[0]!.message.outcome, 'not-replica')
})

test('it plans no layout', () => {
  for (const isCloned of [false, true]) {
    const bench = NodeBench.serving([A, B, C])
    if (isCloned) meetClone(bench)
    bench.meet(D)
    bench.message(D, { type: 'join-request', role: role(D) })
    bench.run(1_000)
    bench.agree()
    assert.equal(bench.node.view().layout?.current.version, isCloned ? 1 : 2)
  }
})

test('a layout that comes while it refuses is known, and still nothing is pulled for it', () => {
  const bench = NodeBench.serving([A, B, C])
  meetClone(bench)
  const first = layoutOf([A, B, C])
  bench.meet(B, complete(layoutOf([A, B, C, D], first)))
  assert.equal(bench.node.view().layout?.current.version, 2)
  bench.run(10_000)
  assert.deepEqual(bench.take('transfer-request'), [])
})
