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
const SENDER = idOf(0xfffe)

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
  for (let i = 0; i < 4; i++)
    assert.deepEqual(names(queue.take(NOBODY, SENDER, 1_000, 4)), ['node2'])
  assert.deepEqual(queue.take(NOBODY, SENDER, 1_000, 4), [])
  assert.deepEqual(queue.records(), [])
})

test('of equally sent news the good goes first, then suspicions, then deaths and leaves', () => {
  const queue = queueOf(claim(2, 'left'), claim(3, 'dead'), claim(4, 'suspect'), claim(5))
  const inOrder = ['node5', 'node4', 'node2', 'node3']
  assert.deepEqual(names(queue.take(NOBODY, SENDER, 1_000, 4)), inOrder)
})

test('a death that nobody has heard does not wait behind a flow of refutations', () => {
  const queue = queueOf(claim(2), claim(3), claim(4))
  queue.take(NOBODY, SENDER, 1_000, 4)
  queue.push(claim(6, 'dead'), START)
  const only = memberBytes(claim(5))
  assert.deepEqual(names(queue.take(NOBODY, SENDER, only, 4)), ['node6'])
})

test('of a kind the fewest-sent goes first, and of equally sent ones what waits longest', () => {
  const queue = queueOf(claim(2))
  queue.take(NOBODY, SENDER, 1_000, 4)
  queue.push(claim(3), START)
  queue.push(claim(4), START)
  assert.deepEqual(names(queue.take(NOBODY, SENDER, 1_000, 4)), ['node3', 'node4', 'node2'])
  queue.push(claim(5), START)
  const only = memberBytes(claim(5))
  const order = Array.from({ length: 6 }, () => names(queue.take(NOBODY, SENDER, only, 4))[0])
  assert.deepEqual(order, ['node5', 'node3', 'node4', 'node5', 'node2', 'node3'])
})

test('of more news than packets can carry each piece is sent, in the order in which it came', () => {
  const queue = queueOf()
  const sent: string[] = []
  for (let n = 10; n < 60; n += 2) {
    queue.push(claim(n), START)
    queue.push(claim(n + 1), START)
    sent.push(...names(queue.take(NOBODY, SENDER, memberBytes(claim(99)), 4)))
  }
  assert.deepEqual(
    sent,
    Array.from({ length: 25 }, (_, n) => `node${n + 10}`),
  )
})

test('what does not fit is skipped for what does, and is not counted as sent', () => {
  const large = claim(3, 'alive', 0, 1, { name: 'x'.repeat(60) })
  const queue = queueOf(claim(2), large)
  const bytes = memberBytes(large) - 1
  for (let i = 0; i < 4; i++)
    assert.deepEqual(names(queue.take(NOBODY, SENDER, bytes, 4)), ['node2'])
  assert.deepEqual(queue.take(NOBODY, SENDER, bytes, 4), [])
  assert.deepEqual(queue.take(NOBODY, SENDER, bytes + 1, 4), [large])
})

test('the receiver is told no news about itself, and that does not count as sent', () => {
  const queue = queueOf(claim(2))
  for (let i = 0; i < 9; i++) assert.deepEqual(queue.take(idOf(2), SENDER, 1_000, 4), [])
  assert.equal(queue.take(NOBODY, SENDER, 1_000, 4).length, 1)
})

test('news about one member alone is for others than that member', () => {
  const queue = queueOf(claim(2))
  assert.ok(!queue.isForOthersThan(idOf(2)))
  assert.ok(queue.isForOthersThan(idOf(3)))
  queue.push(claim(3), START)
  assert.ok(queue.isForOthersThan(idOf(2)))
})

test('the own record, which is in every packet already, takes no room and counts as sent', () => {
  const queue = queueOf(claim(2), claim(3, 'dead'))
  const bytes = memberBytes(claim(3, 'dead'))
  for (let i = 0; i < 4; i++)
    assert.deepEqual(names(queue.take(NOBODY, idOf(2), bytes, 4)), ['node3'])
  assert.equal(queue.size, 0)
})

test('a newer record of a member takes the place of the older and starts to count anew', () => {
  const queue = queueOf(claim(2))
  for (let i = 0; i < 3; i++) queue.take(NOBODY, SENDER, 1_000, 4)
  queue.push(claim(2, 'suspect'), START)
  assert.deepEqual(queue.records(), [claim(2, 'suspect')])
  for (let i = 0; i < 4; i++) {
    assert.deepEqual(queue.take(NOBODY, SENDER, 1_000, 4), [claim(2, 'suspect')])
  }
  assert.deepEqual(queue.take(NOBODY, SENDER, 1_000, 4), [])
})

test('news that has been sent too often for a cluster that shrank is sent once more at most', () => {
  const queue = queueOf(claim(2))
  for (let i = 0; i < 5; i++) queue.take(NOBODY, SENDER, 1_000, 8)
  assert.equal(queue.take(NOBODY, SENDER, 1_000, 4).length, 1)
  assert.deepEqual(queue.take(NOBODY, SENDER, 1_000, 4), [])
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

const anyLengths = (count: number): fc.Arbitrary<number[]> =>
  fc.array(fc.integer({ min: 0, max: 64 }), { maxLength: count })
const anyBudget = fc.integer({ min: 0, max: GOSSIP_BYTES_MAX })

function recordsOf(lengths: readonly number[]): MemberRecord[] {
  return lengths.map((length, n) => claim(n + 2, 'alive', 0, 1, { name: 'x'.repeat(length) }))
}

function leftOf(budget: number, taken: readonly MemberRecord[]): number {
  return taken.reduce((sum, record) => sum - memberBytes(record), budget)
}

test('the budget is respected to the byte', () => {
  fc.assert(
    fc.property(anyLengths(40), anyBudget, (lengths, budget) => {
      const queue = queueOf(...recordsOf(lengths))
      assert.ok(leftOf(budget, queue.take(NOBODY, SENDER, budget, 4)) >= 0)
      queue.check()
    }),
    { seed: 6 },
  )
})

test('no room is left for any of the first eight that do not fit', () => {
  fc.assert(
    fc.property(anyLengths(8), anyBudget, (lengths, budget) => {
      const records = recordsOf(lengths)
      const taken = queueOf(...records).take(NOBODY, SENDER, budget, 4)
      const left = leftOf(budget, taken)
      for (const record of records) {
        assert.ok(taken.includes(record) || memberBytes(record) > left)
      }
    }),
    { seed: 6 },
  )
})

test('a packet in which eight pieces did not find room is full enough', () => {
  const large = { name: 'x'.repeat(60) }
  const misfits = Array.from({ length: 8 }, (_, n) => claim(n + 2, 'alive', 0, 1, large))
  const bytes = memberBytes(claim(99))
  assert.deepEqual(queueOf(...misfits, claim(99)).take(NOBODY, SENDER, bytes, 4), [])
  const fewer = queueOf(...misfits.slice(1), claim(99))
  assert.deepEqual(names(fewer.take(NOBODY, SENDER, bytes, 4)), ['node99'])
})

test('check refuses more news than there can be members', () => {
  const queue = new GossipQueue()
  for (let n = 0; n < 1_024; n++) queue.push(claim(n), START)
  queue.check()
  queue.push(claim(1_024), START)
  assert.throws(() => queue.check())
})
