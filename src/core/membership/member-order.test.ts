import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { claim, infoOf } from './harness.test.ts'
import type { MemberRecord, MemberState } from './member.ts'
import {
  compareRecords,
  INCARNATION_MAX,
  isLive,
  isPlausible,
  rankOf,
  sameInfo,
  stateOf,
} from './member-order.ts'

const states: readonly MemberState[] = ['alive', 'suspect', 'dead', 'left']

const anyClaim: fc.Arbitrary<MemberRecord> = fc
  .tuple(fc.constantFrom(...states), fc.nat(3), fc.nat(3))
  .map(([state, incarnation, generation]) => claim(2, state, incarnation, generation))

test('states are ranked alive, suspect, dead, left', () => {
  assert.deepEqual(states.map(rankOf), [0, 1, 2, 3])
  assert.deepEqual([0, 1, 2, 3].map(stateOf), states)
  assert.equal(stateOf(4), undefined)
})

test('generation decides before incarnation, incarnation before state', () => {
  const ascending = [
    claim(2, 'left', 9, 1),
    claim(2, 'alive', 0, 2),
    claim(2, 'suspect', 0, 2),
    claim(2, 'dead', 0, 2),
    claim(2, 'left', 0, 2),
    claim(2, 'alive', 1, 2),
    claim(2, 'dead', 10, 2),
  ]
  for (const [i, a] of ascending.entries()) {
    for (const [j, b] of ascending.entries()) {
      assert.equal(Math.sign(compareRecords(a, b)), Math.sign(i - j))
    }
  }
})

test('the order is total: antisymmetric, transitive, and zero only for equal claims', () => {
  fc.assert(
    fc.property(anyClaim, anyClaim, anyClaim, (a, b, c) => {
      assert.equal(Math.sign(compareRecords(a, b)), 0 - Math.sign(compareRecords(b, a)))
      if (compareRecords(a, b) >= 0 && compareRecords(b, c) >= 0) {
        assert.ok(compareRecords(a, c) >= 0)
      }
      if (compareRecords(a, b) === 0) assert.deepEqual(a, b)
    }),
    { seed: 1 },
  )
})

test('who accuses, who is degraded and what proves a leave decide nothing', () => {
  const suspect = claim(2, 'suspect', 1, 1)
  assert.equal(compareRecords(suspect, { ...suspect, accuser: infoOf(3).id, degraded: true }), 0)
  const left = claim(2, 'left', 1, 1)
  const { leaveProof: _proof, ...bare } = left
  assert.equal(compareRecords(left, bare), 0)
})

test('only alive and suspect members are live', () => {
  assert.deepEqual(
    states.map((state) => isLive(claim(2, state))),
    [true, true, false, false],
  )
})

test('an incarnation may lead what is held by 2^20 and no more, a new generation starts from zero', () => {
  const leap = 2 ** 20
  const held = claim(2, 'alive', 5)
  assert.ok(isPlausible(claim(2, 'dead', 5 + leap), held))
  assert.ok(!isPlausible(claim(2, 'dead', 6 + leap), held))
  assert.ok(isPlausible(claim(2, 'dead', leap, 2), held))
  assert.ok(!isPlausible(claim(2, 'dead', leap + 1, 2), held))
  assert.ok(!isPlausible(claim(2, 'dead', leap + 1), undefined))
  assert.ok(isPlausible(claim(2, 'dead', 0), held))
})

test('an incarnation that could not be overruled is never plausible', () => {
  const held = claim(2, 'alive', INCARNATION_MAX - 2)
  assert.ok(isPlausible(claim(2, 'suspect', INCARNATION_MAX - 1), held))
  assert.ok(!isPlausible(claim(2, 'suspect', INCARNATION_MAX), held))
})

test('infos are the same when every field is', () => {
  const info = infoOf(2)
  assert.ok(sameInfo(info, infoOf(2)))
  const others = [
    infoOf(3),
    infoOf(2, { name: 'x' }),
    infoOf(2, { zone: 'x' }),
    infoOf(2, { weight: 1 }),
    infoOf(2, { version: 'x' }),
    infoOf(2, { protocol: 5 }),
    infoOf(2, { leaveLock: '00'.repeat(16) }),
    infoOf(2, { address: { ...info.address, host: 'x' } }),
    infoOf(2, { address: { ...info.address, port: 1 } }),
    infoOf(2, { httpAddress: { ...info.httpAddress, host: 'x' } }),
    infoOf(2, { httpAddress: { ...info.httpAddress, port: 1 } }),
  ]
  for (const other of others) assert.ok(!sameInfo(info, other))
  assert.ok(!sameInfo(infoOf(2, { id: infoOf(3).id }), info))
})
