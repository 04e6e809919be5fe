import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SIBLINGS_WARN } from '../std/limits.ts'
import { Conflicts, MET_BOUNDS, OTHER_BUCKETS } from './conflicts.ts'
import { FakeHost } from './fake-host.test.ts'

function conflictsOf(...configured: readonly string[]): { conflicts: Conflicts; host: FakeHost } {
  const host = new FakeHost()
  return { host, conflicts: new Conflicts(host, (bucket) => configured.includes(bucket)) }
}

test('a read is counted by the number of values that it met', () => {
  const { conflicts } = conflictsOf('carts')
  for (const values of [1, 1, 2, 3, 4, 100, 101, 0]) conflicts.read('carts', values)
  const { reads, valuesRead, writes } = conflicts.counts.get('carts')!
  const byBound = Object.fromEntries([...MET_BOUNDS, 'more'].map((bound, i) => [bound, reads[i]]))
  assert.deepEqual(byBound, { 1: 2, 2: 1, 3: 1, 5: 1, 10: 0, 25: 0, 50: 0, 100: 1, more: 1 })
  assert.deepEqual([valuesRead, writes], [212, 0])
})

test('a write is a conflict when it leaves other values beside its own', () => {
  const { conflicts } = conflictsOf()
  conflicts.wrote('default', 1)
  conflicts.wrote('default', 2)
  conflicts.wrote('default', 9)
  assert.equal(conflicts.counts.get('default')?.writes, 2)
})

test('buckets that nobody has configured share one count, however many there are', () => {
  const { conflicts } = conflictsOf('known')
  for (let i = 0; i < 1_000; i++) conflicts.read(`b${i}`, 1)
  conflicts.read('known', 1)
  conflicts.check()
  assert.deepEqual([...conflicts.counts.keys()], [OTHER_BUCKETS, 'known'])
  assert.equal(conflicts.counts.get(OTHER_BUCKETS)?.reads[0], 1_000)
})

test('configured buckets beyond the bound share that count', () => {
  const host = new FakeHost()
  const conflicts = new Conflicts(host, () => true)
  for (let i = 0; i < 1_000; i++) conflicts.read(`b${i}`, 1)
  conflicts.check()
  let all = 0
  for (const { reads } of conflicts.counts.values()) all += reads[0]!
  assert.equal(all, 1_000)
})

test('a key with many values is noted, on each read and write of it', () => {
  const { conflicts, host } = conflictsOf()
  assert.equal(conflicts.wrote('default', SIBLINGS_WARN - 1), false)
  assert.equal(conflicts.wrote('default', SIBLINGS_WARN), true)
  assert.equal(conflicts.read('default', SIBLINGS_WARN + 1), true)
  assert.deepEqual(host.notes, [
    { type: 'many-siblings', bucket: 'default', siblings: SIBLINGS_WARN },
    { type: 'many-siblings', bucket: 'default', siblings: SIBLINGS_WARN + 1 },
  ])
})
