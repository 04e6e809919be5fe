import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { instant } from '../std/instant.ts'
import { claim, idOf } from './harness.test.ts'
import { GOSSIP_BYTES_MAX, GossipQueue, transmitsMax } from './gossip-queue.ts'
import type { MemberRecord } from './member.ts'
import { memberBytes } from './member-codec.ts'

const START = instant(0)
const NOBODY = idOf(0xffff)

function queueOf(...records: readonly MemberRecord[]): GossipQueue {
  const queue = new GossipQueue()
  for (const record of records) queue.push(record, START)
  return queue
}

function names(records: readonly MemberRecord[]): string[] {
  return records.map((record) => record.info.name)
}

test('news is sent four times for each digit of the number of members', () => {
  const table: readonly (readonly [members: number, transmits: number])[] = [
    [0, 0],
    [1, 4],
    [9, 4],
    [10, 8],
    [99, 8],
    [100, 12],
    [1_000, 16],
  ]
  for (const [members, transmits] of table) assert.equal(transmitsMax(members), transmits)
})

test('each piece of news is sent as often as it may and then no more', () => {
  const queue = queueOf(claim(2))
  for (let i = 0; i < 4; i++) assert.deepEqual(names(queue.take(NOBODY, 1_000, 4)), ['node2'])
  assert.deepEqual(queue.take(NOBODY, 1_000, 4), [])
  assert.deepEqual(queue.records(), [])
})

test('the fewest-sent goes first, of equally sent ones the newest', () => {
  const queue = queueOf(claim(2))
  queue.take(NOBODY, 1_000, 4)
  queue.push(claim(3), START)
  queue.push(claim(4), START)
  assert.deepEqual(names(queue.take(NOBODY, 1_000, 4)), ['node4', 'node3', 'node2'])
  queue.push(claim(5), START)
  assert.deepEqual(names(queue.take(NOBODY, memberBytes(claim(5)), 4)), ['node5'])
})

test('what does not fit is skipped for what does, and is not counted as sent', () => {
  const large = claim(3, 'alive', 0, 1, { name: 'x'.repeat(60) })
  const queue = queueOf(claim(2), large)
  const bytes = memberBytes(large) - 1
  for (let i = 0; i < 4; i++) assert.deepEqual(names(queue.take(NOBODY, bytes, 4)), ['node2'])
  assert.deepEqual(queue.take(NOBODY, bytes, 4), [])
  assert.deepEqual(queue.take(NOBODY, bytes + 1, 4), [large])
})

test('the receiver is told no news about itself, and that does not count as sent', () => {
  const queue = queueOf(claim(2))
  for (let i = 0; i < 9; i++) assert.deepEqual(queue.take(idOf(2), 1_000, 4), [])
  assert.equal(queue.take(NOBODY, 1_000, 4).length, 1)
})

test('a newer record of a member takes the place of the older and starts to count anew', () => {
  const queue = queueOf(claim(2))
  for (let i = 0; i < 3; i++) queue.take(NOBODY, 1_000, 4)
  queue.push(claim(2, 'suspect'), START)
  assert.deepEqual(queue.records(), [claim(2, 'suspect')])
  for (let i = 0; i < 4; i++) {
    assert.deepEqual(queue.take(NOBODY, 1_000, 4), [claim(2, 'suspect')])
  }
  assert.deepEqual(queue.take(NOBODY, 1_000, 4), [])
})

test('news that has been sent too often for a cluster that shrank is dropped', () => {
  const queue = queueOf(claim(2))
  for (let i = 0; i < 5; i++) queue.take(NOBODY, 1_000, 8)
  assert.deepEqual(queue.take(NOBODY, 1_000, 4), [])
  assert.deepEqual(queue.records(), [])
})

test('news of a forgotten member is dropped', () => {
  const queue = queueOf(claim(2), claim(3))
  queue.forget(idOf(2))
  assert.deepEqual(names(queue.records()), ['node3'])
})

test('news that found no taker for half a minute is dropped', () => {
  const queue = queueOf(claim(2))
  queue.push(claim(3), instant(1))
  queue.expire(instant(29_999))
  assert.equal(queue.records().length, 2)
  queue.expire(instant(30_000))
  assert.deepEqual(names(queue.records()), ['node3'])
})

test('the budget is respected to the byte, and never wasted on nothing', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 64 }), { maxLength: 40 }),
      fc.integer({ min: 0, max: GOSSIP_BYTES_MAX }),
      (lengths, budget) => {
        const records = lengths.map((length, n) =>
          claim(n + 2, 'alive', 0, 1, { name: 'x'.repeat(length) }),
        )
        const queue = queueOf(...records)
        const taken = queue.take(NOBODY, budget, 4)
        const left = taken.reduce((sum, record) => sum - memberBytes(record), budget)
        assert.ok(left >= 0)
        for (const record of records) {
          assert.ok(taken.includes(record) || memberBytes(record) > left)
        }
      },
    ),
    { seed: 6 },
  )
})

test('check refuses more news than there can be members', () => {
  const queue = new GossipQueue()
  for (let n = 0; n < 1_024; n++) queue.push(claim(n), START)
  queue.check()
  queue.push(claim(1_024), START)
  assert.throws(() => queue.check())
})
