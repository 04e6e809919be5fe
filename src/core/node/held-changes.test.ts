import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PartitionId, VnodeId } from '../std/ids.ts'
import { instant } from '../std/instant.ts'
import type { Container } from '../versions/version.ts'
import { A, B } from './fake-host.test.ts'
import type { Coverage, HeldChange } from './held-changes.ts'
import { HELD_BYTES_MAX, HeldChanges } from './held-changes.ts'

const P = 0 as PartitionId
const NOTHING = new Uint8Array(0)
const NOWHERE: Coverage = { epoch: 0, ms: 0 }

function change(name: string, ms: number, more: Partial<HeldChange> = {}): HeldChange {
  const value = { bytes: NOTHING, contentType: '', metadata: [], expiresAtMs: 0 }
  const dot = { vnode: 1 as VnodeId, counter: ms }
  const container: Container = {
    ...{ versions: [{ dot, stamp: { ms, counter: 0 }, value }], vector: [] },
  }
  const known = { name, key: NOTHING, partition: P, container, bytes: 1, node: A, feed: 1 }
  return { ...known, number: ms, epoch: ms, ...more }
}

function held(...changes: readonly HeldChange[]): HeldChanges {
  const all = new HeldChanges()
  for (const each of changes) all.hold(each, instant(0))
  all.check()
  return all
}

const textsOf = (released: Iterable<HeldChange>): string[] =>
  [...released].map(({ name, number }) => `${name}${number}`)

test('what is of an epoch that all were heard of is told, and the rest is held', () => {
  const changes = held(change('a', 1), change('b', 2), change('c', 3))
  assert.deepEqual(textsOf(changes.releaseUpTo(2)), ['a1', 'b2'])
  assert.equal(changes.size, 1)
  changes.check()
  assert.deepEqual(textsOf(changes.releaseUpTo(2)), [])
})

test('what is older of the same key goes before, and is not told again', () => {
  const changes = held(change('a', 5, { epoch: 1 }), change('b', 2), change('a', 3, { epoch: 4 }))
  assert.deepEqual(textsOf(changes.releaseUpTo(1)), ['a3', 'a5'])
  changes.check()
  assert.deepEqual(textsOf(changes.releaseUpTo(9)), ['b2'])
  assert.equal(changes.size, 0)
  changes.check()
})

test('each waits for those who hold its partition, and nothing for ever', () => {
  const changes = held(change('a', 1), change('b', 2, { node: B }))
  const coveredTo = (_: PartitionId, node: string): Coverage => ({
    epoch: node === B ? 2 : 0,
    ms: 0,
  })
  assert.deepEqual(textsOf(changes.release(instant(1), coveredTo)), ['b2'])
  assert.deepEqual(changes.oldestOf(A), { ...changes.oldestOf(A), feed: 1, number: 1 })
  assert.equal(changes.oldestOf(B), undefined)
  assert.equal(changes.isOverdue(instant(4_999)), false)
  assert.equal(changes.isOverdue(instant(5_000)), true)
  assert.deepEqual(textsOf(changes.release(instant(5_000), () => NOWHERE)), ['a1'])
})

test('when too much is held the oldest is told', () => {
  const half = HELD_BYTES_MAX / 2
  const changes = held(...[1, 2, 3].map((ms) => change('abc'[ms - 1]!, ms, { bytes: half })))
  assert.equal(changes.isOverdue(instant(0)), true)
  assert.deepEqual(textsOf(changes.release(instant(0), () => NOWHERE)), ['a1'])
  assert.equal(changes.bytes, HELD_BYTES_MAX)
  changes.check()
})

test('what was written before all that may yet come is told, though there is more to come', () => {
  const changes = held(change('a', 10), change('b', 20))
  assert.deepEqual(textsOf(changes.release(instant(0), () => ({ epoch: 0, ms: 20 }))), ['a10'])
  changes.check()
})
