import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { crc32 } from '../std/crc32.ts'
import type { NodeId } from '../std/ids.ts'
import type { AcceptorRecord } from './acceptor.ts'
import { accept, NO_RECORD, prepare } from './acceptor.ts'
import type { Ballot } from './ballot.ts'
import { compareBallots, greaterBallot, NO_BALLOT } from './ballot.ts'
import { decodeAcceptorRecord, encodeAcceptorRecord } from './record-codec.ts'

const A = 'a'.repeat(16) as NodeId
const B = 'b'.repeat(16) as NodeId
const ballot = (counter: number, node = A, proposal = 1): Ballot => ({ counter, node, proposal })
const V = Uint8Array.of(1)
const W = Uint8Array.of(2)
const proposal = (at: Ballot, value = V): Omit<AcceptorRecord, 'promised'> => ({
  ...{ accepted: at, value },
  requests: [],
})

/** The record after a step that must be taken. */
function taken(result: ReturnType<typeof prepare>): AcceptorRecord {
  assert.ok(result.ok)
  return result.next
}

test('ballots are ordered by counter, then by node, then by proposal', () => {
  assert.ok(compareBallots(ballot(1), ballot(2)) < 0)
  assert.ok(compareBallots(ballot(1, A), ballot(1, B)) < 0)
  assert.ok(compareBallots(ballot(1, A, 2), ballot(1, A, 3)) < 0)
  assert.equal(compareBallots(ballot(1), ballot(1)), 0)
  assert.deepEqual(greaterBallot(ballot(1, A), ballot(1, B)), ballot(1, B))
  assert.ok(compareBallots(NO_BALLOT, ballot(1)) < 0)
})

test('a promise keeps out what is not greater, to prepare and to accept', () => {
  const record = taken(prepare(NO_RECORD, ballot(5)))
  for (const lesser of [ballot(4), ballot(5)])
    assert.deepEqual(prepare(record, lesser), { ok: false, greater: ballot(5) })
  assert.deepEqual(accept(record, proposal(ballot(4))), { ok: false, greater: ballot(5) })
  assert.ok(accept(record, proposal(ballot(5))).ok)
  assert.ok(prepare(record, ballot(5, B)).ok)
})

test('what is accepted promises its ballot', () => {
  const record = taken(accept(NO_RECORD, proposal(ballot(5))))
  assert.deepEqual(record.promised, ballot(5))
  assert.equal(prepare(record, ballot(5)).ok, false)
  assert.equal(accept(record, proposal(ballot(4))).ok, false)
  const next = taken(prepare(record, ballot(6)))
  assert.deepEqual([next.accepted, next.value], [ballot(5), V], 'a promise forgets nothing')
})

test('the same again is accepted again, and another value of that ballot is not', () => {
  const record = taken(accept(NO_RECORD, proposal(ballot(5))))
  assert.equal(taken(accept(record, proposal(ballot(5)))), record)
  assert.equal(accept(record, proposal(ballot(5), W)).ok, false)
  const promised = taken(prepare(record, ballot(6)))
  assert.equal(accept(promised, proposal(ballot(5))).ok, false, 'it has promised more since')
})

const nodes = fc.constantFrom(A, B)
const plain = { noNullPrototype: true }
const numbers = fc.nat(2 ** 40)
const ballots = fc.record({ counter: numbers, node: nodes, proposal: numbers }, plain)
const requests = fc.array(fc.record({ node: nodes, number: numbers }, plain), {
  maxLength: 16,
})
const records: fc.Arbitrary<AcceptorRecord> = fc.record(
  {
    ...{ promised: ballots, accepted: ballots, requests },
    value: fc.uint8Array({ maxLength: 50 }),
  },
  plain,
)

test('a record comes back as it was stored, and a damaged one does not', () => {
  fc.assert(
    fc.property(records, fc.nat(), (record, place) => {
      const bytes = encodeAcceptorRecord(record, crc32)
      assert.deepEqual(decodeAcceptorRecord(bytes, crc32), record)
      const broken = bytes.slice()
      broken[place % bytes.length]! ^= 0x41
      assert.equal(decodeAcceptorRecord(broken, crc32), undefined)
      assert.equal(decodeAcceptorRecord(bytes.subarray(0, place % bytes.length), crc32), undefined)
    }),
    { seed: 61, numRuns: 300 },
  )
})
