/** What is dead and what has a deadline: expiry, reaping, and that nothing comes back. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Container } from '../../src/core/versions/version.ts'
import { EPOCH_MS } from '../clock.ts'
import type { WriteRecord } from '../history.ts'
import { acknowledgedWrites } from './acknowledged-writes.ts'
import type { Checker, Evidence } from './evidence.ts'
import { expiry } from './expiry.ts'
import { container, context, dot, HandMade, stamp, version } from './hand-made.ts'
import { noReturn } from './no-return.ts'
import { nothingDeadLeft } from './nothing-dead-left.ts'
import { quorumReads } from './quorum-reads.ts'

function accepts(checker: Checker, evidence: Evidence): void {
  assert.equal(checker.check(evidence), undefined)
}

function refuses(checker: Checker, evidence: Evidence, pattern: RegExp): void {
  const broken = checker.check(evidence)
  assert.equal(broken?.checker, checker.name)
  assert.match(broken?.message ?? '', pattern)
}

const A1 = dot(1, 1)
const A2 = dot(1, 2)
const B1 = dot(2, 1)
const BOTH: Container = container([version(0, A1, 10), version(1, B1, 20)], A1, B1)

describe('deadlines', () => {
  const deadline = (ms: number): Container => {
    const plain = version(0, A1, 10)
    return container([{ ...plain, value: { ...plain.value!, expiresAtMs: EPOCH_MS + ms } }], A1)
  }
  const written = (more: Partial<WriteRecord>): HandMade =>
    new HandMade('siblings').write(0, { invoked: 0, context: context(10, A1), more })
  const read = { invoked: 2, returned: 3 }

  test('notices a value shown after its deadline, where clocks are right', () => {
    const late = written({}).get(1, { ...read, container: deadline(80), returnedAtMs: 100 })
    refuses(expiry, late.evidence({ clockErrorMs: 100 }), /get #1 .* op0 20 ms after its deadline/)
    accepts(expiry, late.evidence())
    const right = written({}).get(1, { ...read, container: deadline(101), returnedAtMs: 100 })
    accepts(expiry, right.evidence({ clockErrorMs: 100 }))
  })

  test('a value may be gone when its time has come, and not before', () => {
    const gone = (mayExpireAtMs: number): HandMade =>
      written({ mayExpireAtMs }).get(1, {
        ...read,
        container: container([], A1),
        returnedAtMs: 100,
      })
    accepts(quorumReads, gone(100).evidence())
    refuses(quorumReads, gone(101).evidence(), /lacks the acknowledged op0/)
  })

  test('an lww value that has expired may be gone with what it replaced, and not come back', () => {
    const story = (shown: Container): Evidence =>
      new HandMade('lww')
        .write(0, { invoked: 0, context: context(10, A1) })
        .write(1, { invoked: 2, context: context(20, A2), more: { mayExpireAtMs: 50 } })
        .final(0, shown)
        .evidence()
    accepts(acknowledgedWrites, story(container([], A2)))
    const risen = container([version(0, A1, 10)], A2)
    refuses(acknowledgedWrites, story(risen), /lesser stamp than the acknowledged put op1/)
  })

  test('a delete that was over may have ended an lww write if its clock was ahead', () => {
    const story = (ms: number): Evidence =>
      new HandMade('lww')
        .write(0, { kind: 'delete', invoked: 0, returned: 1, context: context(ms, A1) })
        .write(1, { invoked: 2, context: context(20, B1) })
        .final(0, container([], A1, B1))
        .evidence()
    accepts(acknowledgedWrites, story(21))
    accepts(acknowledgedWrites, story(20))
    refuses(acknowledgedWrites, story(19), /nothing ended it, after put op1/)
  })

  test('what stood in for a replica is not held against a read', () => {
    const missed = (more: Partial<WriteRecord>): Evidence =>
      written(more)
        .get(1, { ...read, container: container([]) })
        .evidence()
    accepts(quorumReads, missed({ sloppy: true }))
    refuses(quorumReads, missed({}), /does not cover/)
  })
})

describe('nothing-dead-left', () => {
  test('says what was left and of which key', () => {
    const copies: Evidence['copies'] = []
    const left = ['n2 holds a tombstone under b/k', 'n3 holds a tombstone under b/k']
    const evidence = (leftovers: readonly string[]): Evidence =>
      new HandMade('lww').evidence({ repaired: { copies, leftovers } })
    accepts(nothingDeadLeft, evidence([]))
    refuses(nothingDeadLeft, evidence(left), /n2 holds a tombstone under b\/k, and 1 more/)
    assert.deepEqual(nothingDeadLeft.check(evidence(left))?.keys, ['b/k'])
  })
})

describe('no-return', () => {
  const at = { invoked: 9, returned: 10 }

  test('notices an lww value that had lost against a delete and is shown again', () => {
    const gone = { dot: B1, stamp: stamp(20), value: undefined }
    const lost = container([version(0, A1, 10), gone], A1, B1)
    const story = (final: Container): Evidence =>
      new HandMade('lww')
        .get(2, { ...at, container: lost })
        .final(0, final)
        .evidence()
    refuses(noReturn, story(container([version(0, A1, 10)], A1, B1)), /shows op0, which get #2/)
    accepts(noReturn, story(container([], A1, B1)))
    accepts(noReturn, story(container([version(0, A1, 10)], A1)))
  })

  test('notices a sibling that was replaced and is there again', () => {
    const story = (read: Container): Evidence =>
      new HandMade('siblings')
        .get(2, { ...at, container: read })
        .final(0, BOTH)
        .evidence()
    refuses(noReturn, story(container([version(1, B1, 20)], A1, B1)), /shows op0, which get #2/)
    accepts(noReturn, story(container([version(1, B1, 20)], B1)))
  })
})
