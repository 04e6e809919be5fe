import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { NodeId } from '../std/ids.ts'
import type { QuorumSet, Verdict } from './quorum.ts'
import { QuorumTally, quorumSets, unionOf } from './quorum.ts'

const [A, B, C, D] = ['a', 'b', 'c', 'd'].map((name) => name.repeat(16)) as [
  NodeId,
  NodeId,
  NodeId,
  NodeId,
]
const TWO_OF_THREE: readonly QuorumSet[] = [{ nodes: [A, B, C], needed: 2 }]

function tallyOf(
  sets: readonly QuorumSet[],
  succeeded: readonly NodeId[],
  failed: readonly NodeId[] = [],
): QuorumTally {
  const tally = new QuorumTally(sets)
  for (const node of failed) tally.fail(node)
  for (const node of succeeded) tally.succeed(node)
  tally.check()
  return tally
}

test('two of three are a quorum, one is not yet', () => {
  assert.equal(tallyOf(TWO_OF_THREE, [A]).verdict(), 'pending')
  assert.equal(tallyOf(TWO_OF_THREE, [A, C]).verdict(), 'met')
})

test('a node that answers twice counts once', () => {
  assert.equal(tallyOf(TWO_OF_THREE, [A, A, A]).verdict(), 'pending')
})

test('a stranger counts for nothing', () => {
  assert.equal(tallyOf(TWO_OF_THREE, [A, D]).verdict(), 'pending')
})

test('a set without nodes is never satisfied: what nobody holds cannot be stored', () => {
  const tally = new QuorumTally(quorumSets([[]], 3, 2))
  assert.equal(tally.verdict(), 'impossible')
  assert.deepEqual(tally.shortfall(), { needed: 1, got: 0 })
  tally.check()
})

test('strangers are not noted, however many of them answer or are lost', () => {
  const tally = new QuorumTally(TWO_OF_THREE)
  tally.succeed(D)
  tally.fail(D)
  assert.ok(!tally.hasAnswered(D))
  assert.equal(tally.successes, 0)
  tally.retarget([{ nodes: [A, D], needed: 1 }])
  assert.equal(tally.verdict(), 'pending', 'it has to answer as a member')
})

test('with two of three failed, two can no longer be had', () => {
  assert.equal(tallyOf(TWO_OF_THREE, [A], [B]).verdict(), 'pending')
  assert.equal(tallyOf(TWO_OF_THREE, [A], [B, C]).verdict(), 'impossible')
})

test('a failure after a success changes nothing, a success after a failure does', () => {
  const tally = new QuorumTally(TWO_OF_THREE)
  tally.succeed(A)
  tally.fail(A)
  tally.succeed(B)
  assert.equal(tally.verdict(), 'met')
  assert.ok(tally.hasAnswered(A) && !tally.hasAnswered(C))
})

test('while a partition moves, the old and the new set must both agree', () => {
  const sets = [...TWO_OF_THREE, { nodes: [B, C, D], needed: 2 }]
  assert.equal(tallyOf(sets, [A, B]).verdict(), 'pending', 'enough of the old, one of the new')
  assert.equal(tallyOf(sets, [A, B, D]).verdict(), 'met')
  assert.equal(tallyOf(sets, [B, C]).verdict(), 'met', 'members of both count in both')
  assert.equal(tallyOf(sets, [A, B], [C, D]).verdict(), 'impossible')
})

test('the shortfall is that of the set which lacks most', () => {
  const sets = [...TWO_OF_THREE, { nodes: [D], needed: 1 }]
  assert.deepEqual(tallyOf(sets, [D]).shortfall(), { needed: 2, got: 0 })
  assert.deepEqual(tallyOf(sets, [A, B]).shortfall(), { needed: 1, got: 0 })
})

test('answers count on when the layout changes, refusals do not', () => {
  const tally = tallyOf(TWO_OF_THREE, [A], [B, C])
  tally.retarget([{ nodes: [A, B, D], needed: 2 }])
  assert.equal(tally.verdict(), 'pending')
  tally.succeed(B)
  assert.equal(tally.verdict(), 'met')
})

test('who was in no set for a while has dropped what it had, and answers again', () => {
  const tally = tallyOf(TWO_OF_THREE, [A, B])
  tally.retarget([{ nodes: [B, C, D], needed: 2 }])
  tally.retarget(TWO_OF_THREE)
  assert.ok(!tally.hasSucceeded(A) && tally.hasSucceeded(B))
  assert.equal(tally.verdict(), 'pending')
})

test('who may have been in no set for a while answers again, but for the one who would know', () => {
  const tally = tallyOf(TWO_OF_THREE, [A, B])
  tally.retarget(TWO_OF_THREE, A)
  assert.deepEqual([tally.hasSucceeded(A), tally.hasSucceeded(B)], [true, false])
})

test('a bucket takes the first n of a set, and a small cluster caps the quorum', () => {
  assert.deepEqual(quorumSets([[A, B, C]], 2, 2), [{ nodes: [A, B], needed: 2 }])
  assert.deepEqual(quorumSets([[A]], 3, 2), [{ nodes: [A], needed: 1 }])
})

test('a union has each node once, in order of first mention', () => {
  assert.deepEqual(
    unionOf([
      { nodes: [A, B], needed: 1 },
      { nodes: [B, D], needed: 1 },
    ]),
    [A, B, D],
  )
  assert.deepEqual(unionOf([]), [])
})

test('the verdict agrees with the definition, whatever the order of answers', () => {
  const nodes = [A, B, C, D]
  const set = fc
    .subarray(nodes, { minLength: 1 })
    .chain((subset) =>
      fc.integer({ min: 1, max: subset.length }).map((needed) => ({ nodes: subset, needed })),
    )
  const answer = fc.record({ node: fc.constantFrom(...nodes), good: fc.boolean() })
  fc.assert(
    fc.property(
      fc.array(set, { minLength: 1, maxLength: 2 }),
      fc.array(answer, { maxLength: 8 }),
      (sets, answers) => {
        const tally = new QuorumTally(sets)
        const good = new Set<NodeId>()
        const bad = new Set<NodeId>()
        for (const { node, good: isGood } of answers) {
          if (isGood) tally.succeed(node)
          else tally.fail(node)
          if (isGood) good.add(node)
          else bad.add(node)
        }
        const verdicts = sets.map(({ nodes: members, needed }): Verdict => {
          if (members.filter((node) => good.has(node)).length >= needed) return 'met'
          return members.filter((node) => good.has(node) || !bad.has(node)).length < needed
            ? 'impossible'
            : 'pending'
        })
        const expected = verdicts.includes('impossible')
          ? 'impossible'
          : verdicts.includes('pending')
            ? 'pending'
            : 'met'
        assert.equal(tally.verdict(), expected)
      },
    ),
    { seed: 7 },
  )
})
