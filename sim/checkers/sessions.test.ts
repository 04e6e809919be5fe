import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Checker, Evidence } from './evidence.ts'
import { container, context, dot, HandMade, version } from './hand-made.ts'
import { monotonicReads } from './monotonic-reads.ts'
import { monotonicWrites } from './monotonic-writes.ts'
import { noFalseSibling } from './no-false-sibling.ts'
import { readYourWrites } from './read-your-writes.ts'
import { writesFollowReads } from './writes-follow-reads.ts'

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
const NOTHING = container([])
const ZERO = container([version(0, A1, 10)], A1)
const ONE = container([version(1, B1, 20)], B1)
const ZERO_AND_ONE = container([version(0, A1, 10), version(1, B1, 20)], A1, B1)
const ONE_INSTEAD = container([version(1, B1, 20)], A1, B1)
const BOTH_MODES = ['lww', 'siblings'] as const

describe('read-your-writes', () => {
  const written = (mode: 'lww' | 'siblings', w = 2): HandMade =>
    new HandMade(mode).write(0, { process: 7, invoked: 0, w, context: context(10, A1) })

  test('accepts a client that finds its write, or what rightly replaced it', () => {
    for (const mode of BOTH_MODES) {
      const found = written(mode).get(1, { process: 7, invoked: 2, returned: 3, container: ZERO })
      accepts(readYourWrites, found.evidence())
    }
    const replaced = written('siblings')
      .write(1, { invoked: 2, saw: [0], context: context(20, A1, B1) })
      .get(2, { process: 7, invoked: 4, returned: 5, container: ONE_INSTEAD })
    accepts(readYourWrites, replaced.evidence())
  })

  test('notices a client that does not', () => {
    for (const mode of BOTH_MODES) {
      const lost = written(mode).get(1, { process: 7, invoked: 2, returned: 3, container: NOTHING })
      refuses(readYourWrites, lost.evidence(), /process 7 does not find its own put op0 in get #1/)
    }
    const gone = written('siblings')
      .write(1, { invoked: 2, context: context(20, B1) })
      .get(2, { process: 7, invoked: 4, returned: 5, container: ONE_INSTEAD })
    refuses(readYourWrites, gone.evidence(), /op0 .* nobody who had seen it wrote/)
  })

  test('claims nothing where quorums do not meet, nor for others', () => {
    const read = { invoked: 2, returned: 3, container: NOTHING }
    accepts(
      readYourWrites,
      written('lww', 1)
        .get(1, { process: 7, ...read })
        .evidence(),
    )
    accepts(
      readYourWrites,
      written('lww')
        .get(1, { process: 7, r: 1, ...read })
        .evidence(),
    )
    accepts(
      readYourWrites,
      written('lww')
        .get(1, { process: 8, ...read })
        .evidence(),
    )
  })

  test('claims nothing of a read that may have asked a disk before it was mended', () => {
    const story = written('lww').get(1, { process: 7, invoked: 4, returned: 5, container: NOTHING })
    const damage = { kind: 'rot', node: 1, at: 3 } as const
    accepts(readYourWrites, story.evidence({ damages: [{ ...damage, until: 9 }] }))
    refuses(readYourWrites, story.evidence({ damages: [{ ...damage, until: 4 }] }), /op0/)
  })
})

describe('monotonic-reads', () => {
  const readOnce = (mode: 'lww' | 'siblings', outcome: 'ok' | 'unknown' = 'ok'): HandMade =>
    new HandMade(mode)
      .write(0, { invoked: 0, outcome, context: context(10, A1) })
      .get(1, { process: 7, invoked: 2, returned: 3, container: ZERO })

  test('accepts a client that is shown the same again, or its successor', () => {
    for (const mode of BOTH_MODES) {
      const same = readOnce(mode).get(2, { process: 7, invoked: 4, returned: 5, container: ZERO })
      accepts(monotonicReads, same.evidence())
    }
    const next = readOnce('siblings')
      .write(2, { invoked: 4, saw: [0] })
      .get(3, {
        process: 7,
        invoked: 6,
        returned: 7,
        container: container([version(2, A2, 20)], A2),
      })
    accepts(monotonicReads, next.evidence())
  })

  test('notices a client that is shown less than before', () => {
    for (const mode of BOTH_MODES) {
      const less = readOnce(mode).get(2, {
        process: 7,
        invoked: 4,
        returned: 5,
        container: NOTHING,
      })
      refuses(
        monotonicReads,
        less.evidence(),
        /process 7 does not find op0, which get #1 had shown/,
      )
    }
  })

  test('claims nothing of what nobody acknowledged, nor of what another was shown', () => {
    const read = { invoked: 4, returned: 5, container: NOTHING }
    accepts(
      monotonicReads,
      readOnce('lww', 'unknown')
        .get(2, { process: 7, ...read })
        .evidence(),
    )
    accepts(
      monotonicReads,
      readOnce('lww')
        .get(2, { process: 8, ...read })
        .evidence(),
    )
    accepts(
      monotonicReads,
      readOnce('lww')
        .get(2, { process: 7, r: 1, ...read })
        .evidence(),
    )
  })
})

describe('monotonic-writes', () => {
  const two = (mode: 'lww' | 'siblings', w = 2): HandMade =>
    new HandMade(mode)
      .write(0, { process: 7, invoked: 0, w, context: context(10, A1) })
      .write(1, { process: 7, invoked: 2, context: context(20, B1) })

  test('accepts a read that shows both, and one that shows the earlier', () => {
    for (const mode of BOTH_MODES)
      for (const shown of [ZERO_AND_ONE, ZERO])
        accepts(
          monotonicWrites,
          two(mode).get(2, { invoked: 2, returned: 5, container: shown }).evidence(),
        )
  })

  test('notices the later without the earlier', () => {
    for (const mode of BOTH_MODES) {
      const story = two(mode).get(2, { invoked: 2, returned: 5, container: ONE })
      refuses(monotonicWrites, story.evidence(), /get #2 shows op1 without op0, an earlier write/)
    }
  })

  test('claims it of any read if the later write handed back the context of the earlier', () => {
    const story = new HandMade('lww')
      .write(0, { process: 7, invoked: 0, w: 1, context: context(10, A1) })
      .write(1, { process: 7, invoked: 2, saw: [0], handed: context(10, A1) })
      .get(2, { invoked: 0, returned: 5, r: 1, container: ONE })
    refuses(monotonicWrites, story.evidence(), /op1 without op0/)
  })

  test('claims nothing of blind writes whose quorums the read does not meet', () => {
    const read = { invoked: 2, returned: 5, container: ONE }
    accepts(monotonicWrites, two('lww', 1).get(2, read).evidence())
    accepts(
      monotonicWrites,
      two('lww')
        .get(2, { ...read, r: 1 })
        .evidence(),
    )
  })
})

describe('writes-follow-reads', () => {
  const readThenWritten = (handed: boolean, outcome: 'ok' | 'unknown' = 'ok'): HandMade =>
    new HandMade('siblings')
      .write(0, { invoked: 0, outcome, context: context(10, A1) })
      .get(1, { process: 7, invoked: 2, returned: 3, container: ZERO })
      .write(2, {
        process: 7,
        invoked: 4,
        outcome: 'unknown',
        ...(handed ? { saw: [0], handed: context(10, A1) } : {}),
      })
  const TWO = version(2, B1, 20)

  test('accepts a read that shows the write and knows what its writer had read', () => {
    const read = { invoked: 5, returned: 6, container: container([TWO], A1, B1) }
    accepts(writesFollowReads, readThenWritten(true).get(3, read).evidence())
    const both = { ...read, container: container([version(0, A1, 10), TWO], A1, B1) }
    accepts(writesFollowReads, readThenWritten(false).get(3, both).evidence())
  })

  test('notices one that does not, whatever the quorums if the context was handed back', () => {
    const read = { invoked: 4, returned: 6, r: 1, container: container([TWO], B1) }
    const story = readThenWritten(true, 'unknown').get(3, read)
    refuses(writesFollowReads, story.evidence(), /get #3 shows op2 without .* in get #1/)
    const blind = readThenWritten(false).get(3, { ...read, r: 2 })
    refuses(writesFollowReads, blind.evidence(), /op2 without .* get #1: op0/)
  })

  test('claims nothing of a write without context after reading what nobody acknowledged', () => {
    const read = { invoked: 5, returned: 6, container: container([TWO], B1) }
    accepts(writesFollowReads, readThenWritten(false, 'unknown').get(3, read).evidence())
  })
})

describe('no-false-sibling', () => {
  test('accepts versions of writers who knew nothing of each other', () => {
    for (const mode of BOTH_MODES) {
      const story = new HandMade(mode).write(0, { invoked: 0 }).write(1, { invoked: 0 })
      accepts(noFalseSibling, story.final(0, ZERO_AND_ONE).evidence())
    }
  })

  test('notices a version beside one whose writer had been shown it', () => {
    for (const outcome of ['ok', 'unknown'] as const) {
      const story = new HandMade('siblings')
        .write(0, { invoked: 0 })
        .write(1, { invoked: 2, saw: [0], outcome })
      const early = story.get(2, { invoked: 1, returned: 9, r: 1, container: ZERO_AND_ONE })
      refuses(
        noFalseSibling,
        early.evidence(),
        /get #2 shows op0 beside op1, whose writer had seen/,
      )
    }
  })

  test('notices one that the context covers, though its value had been replaced by then', () => {
    const story = new HandMade('siblings')
      .write(0, { invoked: 0 })
      .write(1, { invoked: 2, handed: context(10, A2) })
      .final(2, ZERO_AND_ONE)
    refuses(noFalseSibling, story.evidence(), /final read through n3 shows op0 beside op1/)
  })

  test('notices a delete beside the write that replaced it', () => {
    const story = new HandMade('lww')
      .write(0, { kind: 'delete', invoked: 0 })
      .write(1, { invoked: 2, handed: context(10, A1) })
      .final(0, container([version(undefined, A1, 10), version(1, B1, 20)], A1, B1))
    refuses(noFalseSibling, story.evidence(), /a delete beside op1/)
  })
})
