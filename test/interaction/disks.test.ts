/** Disks that fill up, stand still, or lose a record: the node goes on, honestly. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StoreOperation } from '../../src/core/ports.ts'
import {
  clusterOf,
  configure,
  del,
  get,
  getRequest,
  getResultOf,
  isSettled,
  keyWhere,
  list,
  listResult,
  put,
  putRequest,
  replicasOf,
  texts,
  writeResultOf,
} from '../support/mini-client.ts'
import type { MiniCluster, MiniNode } from '../support/mini-cluster.ts'

const RECORD = 1
const ACTOR = 2
const STATE = 3

/** Whether a batch writes keys of a kind (`storage-keys.ts`). */
function writes(operations: readonly StoreOperation[], kind: number): boolean {
  return operations.some((operation) => operation.type === 'put' && operation.key[0] === kind)
}

function three(): [MiniCluster, MiniNode, MiniNode, MiniNode] {
  const cluster = clusterOf(3)
  return [cluster, ...(cluster.nodes as [MiniNode, MiniNode, MiniNode])]
}

test('a replica whose disk is full is one that has not got it: the others make the quorum', () => {
  const [cluster, first, second, third] = three()
  second.takes = () => false
  for (let i = 0; i < 10; i++) assert.ok(put(cluster, first, `k${i}`, 'v').ok)
  const all = put(cluster, first, 'all', 'v', { w: 3 })
  assert.ok(!all.ok && all.outcome === 'unknown' && all.got < 3)
  for (let i = 0; i < 10; i++) assert.deepEqual(texts(get(cluster, third, `k${i}`)), ['v'])
  second.takes = () => true
  for (let i = 0; i < 10; i++) assert.deepEqual(texts(get(cluster, second, `k${i}`)), ['v'])
  cluster.run(100)
  for (let i = 0; i < 10; i++)
    assert.deepEqual(texts(get(cluster, second, `k${i}`, { r: 1 })), ['v'])
})

test('a coordinator whose disk is full says that the write may be stored, and goes on reading', () => {
  const [cluster, first, second] = three()
  assert.ok(put(cluster, first, 'a', 'old').ok)
  first.takes = (operations) => !writes(operations, RECORD)
  const refused = put(cluster, first, 'a', 'new')
  assert.ok(!refused.ok)
  assert.deepEqual([refused.code, refused.outcome], ['DND_ERR_STORE_FAILED', 'unknown'])
  assert.match(refused.message, /no space left/)
  assert.deepEqual(texts(get(cluster, first, 'a')), ['old'])
  assert.ok(del(cluster, second, 'a').ok, 'through another node it can be written')
  first.takes = () => true
  assert.ok(put(cluster, first, 'a', 'new').ok)
  assert.deepEqual(texts(get(cluster, second, 'a')), ['new'])
})

test('a replica says "stored" only of what its disk has, however often it is told', () => {
  const [cluster, first, second, third] = three()
  const outcomes: string[] = []
  let copies = 0
  // The record reaches the second node twice; the disk loses the first batch, and with it the
  // barrier of the second.
  second.takes = (operations) => !writes(operations, RECORD) || outcomes.length > 0
  cluster.watch = (from, to, message) => {
    if (from === second && message.type === 'replicate-reply') outcomes.push(message.outcome)
    if (to === second && message.type === 'replicate' && copies++ === 0)
      cluster.inject(second, { type: 'message', from: from.id, message })
  }
  cluster.stall(first, third)
  const result = put(cluster, first, 'a', 'v', { timeoutMs: 1_000 })
  assert.ok(result.ok || result.outcome === 'unknown')
  assert.deepEqual(outcomes, ['store-failed', 'store-failed'])
  // A hint brings it once more.
  cluster.run(3_000)
  const own = texts(get(cluster, second, 'a', { r: 1 }))
  assert.deepEqual(own, ['v'], 'it was stored again')
  cluster.kill(first)
  cluster.heal()
  cluster.kill(second)
  cluster.restart(second)
  cluster.run(10_000)
  assert.deepEqual(texts(get(cluster, third, 'a', { r: 2 })), ['v'])
})

/** The ways in which a node loses what its disk has not yet made durable. */
const LOSSES: readonly (readonly [string, (cluster: MiniCluster, mini: MiniNode) => void])[] = [
  [
    'fails',
    (cluster, mini) => {
      mini.takes = () => false
      cluster.releaseDisk(mini)
      mini.takes = () => true
    },
  ],
  [
    'goes down with its process',
    (cluster, mini) => {
      cluster.kill(mini)
      cluster.restart(mini)
    },
  ],
]

// What another replica read of it would be durable there and unknown here; the next dot of the same
// vnode id, with its vector, would cover it unseen, and what it had replaced would be gone as well.
for (const [how, lose] of LOSSES)
  for (const reader of [0, 1])
    test(`a write that ${how} was shown to nobody before: read by node ${reader + 1}`, () => {
      const [cluster, first, second, third] = three()
      assert.ok(configure(cluster, first, 'carts', { conflicts: 'siblings' }).ok)
      cluster.run(1_000)
      const bucket = 'carts'
      assert.ok(put(cluster, second, 'a', 'acknowledged', { bucket, w: 3 }).ok)
      const { context } = get(cluster, first, 'a', { bucket, r: 3 })
      first.hangs = true
      cluster.submit(first, putRequest('a', 'unknown', { bucket, context }))
      cluster.run(10)
      const seen = get(cluster, cluster.nodes[reader]!, 'a', { bucket, r: 3 })
      cluster.run(10)
      lose(cluster, first)
      cluster.until('it serves again', () => isSettled(cluster))
      assert.ok(put(cluster, first, 'a', 'next', { bucket }).ok)
      cluster.run(1_000)
      for (const node of [first, second, third]) {
        const found = texts(get(cluster, node, 'a', { bucket, r: 3 })).toSorted()
        assert.deepEqual(found, ['acknowledged', 'next'])
      }
      assert.deepEqual(texts(seen), ['acknowledged'])
    })

test('leases that cannot be stored stop the writes of that node, and no others', () => {
  const [cluster, first, second] = three()
  first.takes = (operations) => !writes(operations, ACTOR) && !writes(operations, STATE)
  cluster.run(10_000)
  assert.ok(put(cluster, first, 'a', 'v').ok, 'another replica coordinates what comes by it')
  assert.deepEqual(texts(get(cluster, first, 'a')), ['v'])
  assert.ok(put(cluster, second, 'a', 'w').ok)
  first.takes = () => true
  cluster.run(2_000)
  cluster.separate([first], [second])
  assert.ok(put(cluster, first, 'a', 'x').ok)
})

test('a layout that the disks of the old owners refuse holds the move up, and does not stop it for ever', () => {
  const [cluster, first, second, third] = three()
  for (let i = 0; i < 30; i++) assert.ok(put(cluster, first, `k${i}`, `v${i}`).ok)
  for (const node of [first, second, third]) node.takes = (operations) => !writes(operations, STATE)
  const fourth = cluster.add()
  cluster.run(20_000)
  assert.equal(fourth.node.view().layout?.current.version, 4)
  assert.ok(fourth.node.view().layout?.previous !== undefined, 'no fence is durable')
  for (const node of [first, second, third]) node.takes = () => true
  cluster.until('the move is complete', () => isSettled(cluster))
  for (let i = 0; i < 30; i++) assert.deepEqual(texts(get(cluster, fourth, `k${i}`)), [`v${i}`])
})

test('a new owner whose disk fails while it pulls says that it has all only when it has', () => {
  const [cluster, first] = three()
  for (let i = 0; i < 100; i++) assert.ok(put(cluster, first, `k${i}`, `v${i}`).ok)
  const fourth = cluster.add()
  let count = 0
  fourth.takes = (operations) => !writes(operations, RECORD) || ++count % 3 !== 0
  const traffic = Array.from({ length: 100 }, (_, i) => {
    cluster.run(5)
    return cluster.submit(first, putRequest(`k${i}`, `w${i}`))
  })
  cluster.run(3_000)
  fourth.takes = () => true
  cluster.until('the move is complete', () => isSettled(cluster), 120_000)
  cluster.run(1_000)
  for (const one of traffic) assert.ok(writeResultOf(one).ok, JSON.stringify(one.reply))
  // Each copy of the new node by itself: nothing may be missing that an old owner had durably.
  for (let i = 0; i < 100; i++) {
    if (!replicasOf(cluster, `k${i}`).includes(fourth)) continue
    const { versions } = get(cluster, fourth, `k${i}`, { r: 1 }).container
    assert.equal(versions.length, 1, `k${i}`)
  }
  for (let i = 0; i < 100; i++)
    for (const node of cluster.nodes)
      assert.deepEqual(texts(get(cluster, node, `k${i}`)), [`w${i}`])
})

test('a disk that stands still stalls what needs it, and is caught up with when it moves', () => {
  const [cluster, first, second, third] = three()
  second.hangs = true
  assert.ok(put(cluster, first, 'a', 'v').ok, 'the others are enough')
  const asked = cluster.submit(second, putRequest('b', 'v', { timeoutMs: 400 }))
  cluster.run(410)
  const result = writeResultOf(asked)
  assert.ok(!result.ok)
  assert.deepEqual([result.code, result.outcome], ['DND_ERR_TIMEOUT', 'unknown'])
  assert.deepEqual(texts(get(cluster, second, 'a')), ['v'], 'reads see what is on its way')
  cluster.releaseDisk(second)
  cluster.run(100)
  assert.deepEqual(texts(get(cluster, second, 'b', { r: 1 })), ['v'], 'it surfaced, as was said')
  assert.deepEqual(texts(get(cluster, third, 'b', { r: 3 })), ['v'])
})

test('a scan that fails makes its listing fail at once, to be tried again', () => {
  const [cluster, first, second, third] = three()
  for (const key of ['a', 'b']) assert.ok(put(cluster, first, key, 'v').ok)
  for (const node of [first, second, third]) node.scansFail = true
  const refused = listResult(cluster, first)
  assert.ok(!refused.ok && refused.code === 'DND_ERR_OVERLOADED')
  assert.equal(first.node.view().inFlight, 0)
  for (const node of [first, second, third]) node.scansFail = false
  assert.deepEqual(list(cluster, first).keys, ['a', 'b'])
})

test('an old owner whose scans fail is asked again, or another instead', () => {
  const [cluster, first, second] = three()
  for (let i = 0; i < 30; i++) assert.ok(put(cluster, first, `k${i}`, `v${i}`).ok)
  second.scansFail = true
  const fourth = cluster.add()
  cluster.until('the move is complete', () => isSettled(cluster))
  for (let i = 0; i < 30; i++) assert.deepEqual(texts(get(cluster, fourth, `k${i}`)), [`v${i}`])
})

test('a record that cannot be read is mended from the others, and its vnode id is changed once', () => {
  const [cluster, first, second] = three()
  const key = keyWhere(cluster, (replicas) => replicas[0] === second)
  assert.ok(put(cluster, second, key, 'v').ok)
  cluster.run(100)
  const name = [...second.store.records.keys()].find((each) => each.charCodeAt(0) === RECORD)!
  second.store.unreadable.add(name)
  const actors = (): string[] =>
    [...second.store.records]
      .filter(([each]) => each.charCodeAt(0) === ACTOR)
      .map(([, value]) => Buffer.from(value).toString('hex'))
  for (let i = 0; i < 20; i++) assert.deepEqual(texts(get(cluster, second, key)), ['v'])
  const before = actors()
  for (let i = 0; i < 20; i++) assert.deepEqual(texts(get(cluster, second, key)), ['v'])
  assert.deepEqual(actors(), before, 'however often it is met')
  second.store.unreadable.clear()
  assert.ok(put(cluster, second, key, 'w').ok)
  assert.deepEqual(texts(get(cluster, first, key)), ['w'])
})

test('a bucket’s properties that the disk refused are not forgotten by the next start', () => {
  const [cluster, first, second, third] = three()
  second.takes = (operations) => !writes(operations, STATE)
  assert.ok(configure(cluster, first, 'carts', { conflicts: 'siblings' }).ok)
  cluster.run(1_000)
  second.takes = () => true
  cluster.run(5_000)
  for (const node of [first, second, third]) cluster.kill(node)
  cluster.run(10)
  cluster.restart(second)
  cluster.run(2_000)
  const names = second.node.view().buckets.map(({ name }) => name)
  assert.deepEqual(names, ['carts'])
})

test('beyond its bound a node refuses at once, and serves again when there is room', () => {
  const cluster = clusterOf(3, { config: { requestsInFlightMax: 4 } })
  const [first, second, third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
  for (const node of [first, second, third]) node.hangs = true
  const asked = Array.from({ length: 10 }, (_, i) =>
    cluster.submit(first, putRequest(`k${i}`, 'v')),
  )
  const refused = asked.filter(({ reply }) => reply !== undefined)
  assert.equal(refused.length, 6, 'before any time has passed')
  for (const one of refused) {
    const result = writeResultOf(one)
    assert.ok(!result.ok)
    assert.deepEqual([result.code, result.outcome], ['DND_ERR_OVERLOADED', 'rejected'])
  }
  const read = cluster.submit(first, getRequest('k0'))
  assert.ok(!getResultOf(read).ok)
  for (const node of [first, second, third]) cluster.releaseDisk(node)
  cluster.run(100)
  for (const one of asked.slice(0, 4)) assert.ok(writeResultOf(one).ok)
  assert.ok(put(cluster, first, 'k9', 'v').ok)
})
