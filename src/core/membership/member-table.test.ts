import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Prng } from '../std/prng.ts'
import { claim, idOf, told } from './harness.test.ts'
import { compareRecords } from './member-order.ts'
import { MemberTable } from './member-table.ts'

const anyClaims = fc.array(
  fc
    .tuple(
      fc.integer({ min: 1, max: 4 }),
      fc.constantFrom('alive', 'suspect', 'dead', 'left'),
      fc.nat(3),
      fc.nat(2),
    )
    .map(([n, state, incarnation, generation]) => claim(n, state, incarnation, generation)),
  { maxLength: 30 },
)

test('the greatest record of each member remains, in whatever order they come', () => {
  fc.assert(
    fc.property(anyClaims, fc.nat(), (claims, seed) => {
      const table = new MemberTable()
      const shuffled = new MemberTable()
      for (const record of claims) table.apply(record)
      for (const record of new Prng(seed).shuffle([...claims, ...claims])) shuffled.apply(record)
      assert.deepEqual(table.records(), shuffled.records())
      for (const record of claims) {
        assert.ok(compareRecords(table.get(record.info.id)!, record) >= 0)
      }
      table.check()
    }),
    { seed: 4 },
  )
})

test('a record is newer or stale, and a stale one changes nothing', () => {
  const table = new MemberTable()
  assert.equal(table.apply(claim(2, 'dead', 10)), 'newer')
  assert.equal(table.apply(claim(2, 'dead', 10)), 'stale')
  assert.equal(table.apply(claim(2, 'alive', 2)), 'stale')
  assert.equal(told(table.get(idOf(2))), 'dead 1.10')
  assert.equal(table.apply(claim(2, 'alive', 11)), 'newer')
  assert.equal(table.size, 1)
})

test('a full table refuses the unknown and still takes news of the known', () => {
  const table = new MemberTable(2)
  table.apply(claim(2))
  assert.ok(table.hasRoom)
  table.apply(claim(3))
  assert.ok(!table.hasRoom)
  assert.equal(table.apply(claim(4)), 'full')
  assert.equal(table.get(idOf(4)), undefined)
  assert.equal(table.apply(claim(3, 'dead')), 'newer')
  table.forget(idOf(2))
  assert.equal(table.apply(claim(4)), 'newer')
  table.check()
})

test('it holds 1024 members unless told otherwise', () => {
  const table = new MemberTable()
  for (let n = 0; n < 1_024; n++) assert.equal(table.apply(claim(n)), 'newer')
  assert.equal(table.apply(claim(2_000)), 'full')
})

test('records are in order of id, and a list once given does not change', () => {
  const table = new MemberTable()
  for (const n of [5, 2, 9]) table.apply(claim(n))
  const before = table.records()
  assert.deepEqual(
    before.map((record) => record.info.id),
    [idOf(2), idOf(5), idOf(9)],
  )
  assert.equal(table.records(), before)
  table.apply(claim(3))
  assert.equal(before.length, 3)
  assert.equal(table.records().length, 4)
  table.forget(idOf(2))
  assert.equal(table.records()[0]?.info.id, idOf(3))
})

test('values come in order of acquaintance, whatever was heard since', () => {
  const table = new MemberTable()
  for (const n of [5, 2, 9]) table.apply(claim(n))
  table.apply(claim(5, 'dead'))
  assert.deepEqual(
    [...table.values()].map((record) => record.info.id),
    [idOf(5), idOf(2), idOf(9)],
  )
})
