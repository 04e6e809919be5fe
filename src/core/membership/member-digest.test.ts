import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Prng } from '../std/prng.ts'
import { claim } from './harness.test.ts'
import type { MemberRecord } from './member.ts'
import { digestOf, MemberDigest } from './member-digest.ts'

const anyRecords: fc.Arbitrary<MemberRecord[]> = fc.uniqueArray(
  fc
    .tuple(
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom('alive', 'suspect', 'dead', 'left'),
      fc.nat(3),
      fc.nat(2),
    )
    .map(([n, state, incarnation, generation]) => claim(n, state, incarnation, generation)),
  { selector: (record) => record.info.id },
)

test('of nobody the digest is 0', () => {
  assert.equal(new MemberDigest().value, 0)
  assert.equal(digestOf([]), 0)
})

test('it does not depend on the order of members, and is a number of 32 bits', () => {
  fc.assert(
    fc.property(anyRecords, fc.nat(), (records, seed) => {
      const digest = digestOf(records)
      assert.equal(digestOf(new Prng(seed).shuffle([...records])), digest)
      assert.equal(digest, digest >>> 0)
    }),
    { seed: 14 },
  )
})

test('replacing one record after another ends in the digest of what stands', () => {
  fc.assert(
    fc.property(anyRecords, anyRecords, (before, after) => {
      const digest = new MemberDigest()
      for (const record of before) digest.replace(undefined, record)
      for (const record of after) {
        digest.replace(
          before.find(({ info }) => info.id === record.info.id),
          record,
        )
      }
      const kept = before.filter(({ info }) => !after.some((other) => other.info.id === info.id))
      assert.equal(digest.value, digestOf([...kept, ...after]))
      for (const record of [...kept, ...after]) digest.replace(record, undefined)
      assert.equal(digest.value, 0)
    }),
    { seed: 15 },
  )
})

test('id, generation, incarnation and state tell two digests apart', () => {
  const records = [
    claim(2),
    claim(3),
    claim(2, 'suspect'),
    claim(2, 'alive', 1),
    claim(2, 'alive', 0, 2),
    claim(2, 'alive', 0, 1 + 2 ** 32),
  ]
  assert.equal(new Set(records.map((record) => digestOf([record]))).size, records.length)
})

test('swapped incarnations of two members do not cancel out', () => {
  const one = [claim(2, 'alive', 1), claim(3, 'alive', 2)]
  const other = [claim(2, 'alive', 2), claim(3, 'alive', 1)]
  assert.notEqual(digestOf(one), digestOf(other))
})

test('the dead and those who left are not in it, nor is who accuses or how well a member is', () => {
  assert.equal(digestOf([claim(2), claim(3, 'dead'), claim(4, 'left')]), digestOf([claim(2)]))
  const suspect = claim(2, 'suspect')
  const other = { ...suspect, accuser: claim(3).info.id, degraded: true }
  assert.equal(digestOf([suspect]), digestOf([other]))
})
