import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { utf8Encode } from '../../src/core/std/bytes.ts'
import { listingKey } from '../../src/core/node/storage-keys.ts'
import type { Container } from '../../src/core/versions/version.ts'
import { acknowledgedWrites } from './acknowledged-writes.ts'
import { ALL_CHECKERS } from './all.ts'
import { boundedQueues } from './bounded-queues.ts'
import { convergence } from './convergence.ts'
import { dots } from './dots.ts'
import type { Checker, Evidence, Gauge } from './evidence.ts'
import { container, context, dot, HandMade, stamp, version } from './hand-made.ts'
import { honestAnswers } from './honest-answers.ts'
import { listings, pageProblem } from './listings.ts'
import { noLostVersion } from './no-lost-version.ts'
import { noResurrection } from './no-resurrection.ts'
import { quorumReads } from './quorum-reads.ts'
import { stamps } from './stamps.ts'

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

/**
 * op0 was acknowledged as A1 with stamp 10, op1 had seen it and was acknowledged as A2 with stamp
 * 20.
 */
function twoInARow(mode: 'lww' | 'siblings'): HandMade {
  return new HandMade(mode)
    .write(0, { invoked: 0, context: context(10, A1) })
    .write(1, { invoked: 2, saw: [0], handed: context(10, A1), context: context(20, A2) })
}

/** op0 and op1 were acknowledged and know nothing of each other. */
function twoApart(mode: 'lww' | 'siblings'): HandMade {
  return new HandMade(mode)
    .write(0, { invoked: 0, context: context(10, A1) })
    .write(1, { invoked: 1, returned: 3, context: context(20, B1) })
}

const NEWER: Container = container([version(1, A2, 20)], A2)
const OLDER: Container = container([version(0, A1, 10)], A1)
const BOTH: Container = container([version(0, A1, 10), version(1, B1, 20)], A1, B1)

describe('every checker', () => {
  test('accepts a history without operations', () => {
    for (const checker of ALL_CHECKERS) accepts(checker, new HandMade('lww').evidence())
  })

  test('accepts a successor that replaced its predecessor, in both kinds of bucket', () => {
    for (const mode of ['lww', 'siblings'] as const) {
      const story = twoInARow(mode).final(0, NEWER).final(1, NEWER)
      for (const checker of ALL_CHECKERS) accepts(checker, story.evidence())
    }
  })

  test('accepts two concurrent writes side by side', () => {
    for (const mode of ['lww', 'siblings'] as const) {
      const story = twoApart(mode).final(0, BOTH).final(1, BOTH)
      for (const checker of ALL_CHECKERS) accepts(checker, story.evidence())
    }
  })

  test('is listed once', () => {
    const names = ALL_CHECKERS.map(({ name }) => name)
    assert.equal(new Set(names).size, names.length)
    assert.equal(names.length, 18)
  })
})

describe('acknowledged-writes', () => {
  test('notices a final vector that does not cover an acknowledged write', () => {
    const lost = twoInARow('lww').final(0, OLDER)
    refuses(acknowledgedWrites, lost.evidence(), /does not cover .* put op1/)
    const nothing = twoInARow('siblings').final(0, container([]))
    refuses(acknowledgedWrites, nothing.evidence(), /does not cover .* put op0/)
  })

  test('looks at the final read through every node', () => {
    const story = twoInARow('lww').final(0, NEWER).final(1, NEWER).final(2, OLDER)
    refuses(acknowledgedWrites, story.evidence(), /through n3/)
  })

  test('notices an lww write that is covered but gone, with an older one in its place', () => {
    const covered = container([version(0, A1, 10)], A2)
    refuses(acknowledgedWrites, twoInARow('lww').final(0, covered).evidence(), /lesser stamp/)
    const empty = container([], A2)
    refuses(acknowledgedWrites, twoInARow('lww').final(0, empty).evidence(), /shows nothing/)
  })

  test('asks nothing of writes that failed or of which nothing is known', () => {
    const story = new HandMade('lww')
      .write(0, { invoked: 0, outcome: 'unknown' })
      .write(1, { invoked: 2, outcome: 'fail' })
      .final(0, container([]))
    accepts(acknowledgedWrites, story.evidence())
  })

  test('accepts a concurrent lww winner with the same stamp', () => {
    const story = new HandMade('lww').write(0, { invoked: 0, context: context(10, A1) })
    accepts(acknowledgedWrites, story.final(0, container([version(1, B1, 10)], A1, B1)).evidence())
  })
})

describe('no-lost-version', () => {
  test('notices a sibling that vanished although nobody had seen it', () => {
    const only = container([version(1, B1, 20)], A1, B1)
    refuses(noLostVersion, twoApart('siblings').final(0, only).evidence(), /lacks .* op0/)
  })

  test('does not take the word of a write that was rejected', () => {
    const story = new HandMade('siblings')
      .write(0, { invoked: 0 })
      .write(1, { invoked: 2, saw: [0], outcome: 'fail' })
      .final(0, container([], A1))
    refuses(noLostVersion, story.evidence(), /lacks .* op0/)
  })

  test('accepts what a write of unknown outcome replaced, if that write is there', () => {
    const story = new HandMade('siblings')
      .write(0, { invoked: 0 })
      .write(1, { invoked: 2, saw: [0], outcome: 'unknown' })
    accepts(noLostVersion, story.final(0, NEWER).evidence())
  })

  test('notices that replaced and replacement are both gone', () => {
    const story = new HandMade('siblings')
      .write(0, { invoked: 0 })
      .write(1, { invoked: 2, saw: [0], outcome: 'unknown' })
      .final(0, container([], A2))
    refuses(noLostVersion, story.evidence(), /lacks .* op0/)
  })

  test('follows a chain of successors', () => {
    const story = new HandMade('siblings')
      .write(0, { invoked: 0 })
      .write(1, { invoked: 2, saw: [0] })
      .write(2, { invoked: 4, saw: [0, 1], outcome: 'unknown' })
      .write(3, { invoked: 5, saw: [2] })
    accepts(noLostVersion, story.final(0, container([version(3, B1, 9)], A2, B1)).evidence())
  })

  test('accepts what a delete ended that had seen it', () => {
    const story = new HandMade('siblings')
      .write(0, { invoked: 0 })
      .write(1, { kind: 'delete', invoked: 2, saw: [0] })
    accepts(noLostVersion, story.final(0, container([], A2)).evidence())
  })

  test('lets a delete without context end what was begun before it returned, no more', () => {
    const blind = { kind: 'delete', invoked: 2, returned: 4 } as const
    const before = new HandMade('siblings').write(0, { invoked: 3 }).write(1, blind)
    accepts(noLostVersion, before.final(0, container([], A2)).evidence())
    const after = new HandMade('siblings').write(0, { invoked: 5 }).write(1, blind)
    refuses(noLostVersion, after.final(0, container([], A2)).evidence(), /lacks .* op0/)
  })

  test('says nothing about lww buckets', () => {
    const only = container([version(1, B1, 20)], A1, B1)
    accepts(noLostVersion, twoApart('lww').final(0, only).evidence())
  })
})

describe('quorum-reads', () => {
  test('notices a read that misses a write acknowledged before it began', () => {
    const read = { invoked: 10, returned: 11, container: OLDER }
    refuses(quorumReads, twoInARow('lww').get(2, read).evidence(), /get #2 .* does not cover/)
    refuses(quorumReads, twoInARow('siblings').get(2, read).evidence(), /does not cover/)
  })

  test('notices a read that covers a sibling without showing it', () => {
    const only = container([version(1, B1, 20)], A1, B1)
    const story = twoApart('siblings').get(2, { invoked: 10, returned: 11, container: only })
    refuses(quorumReads, story.evidence(), /lacks the acknowledged op0/)
  })

  test('asks nothing where the quorums need not meet', () => {
    const read = { invoked: 10, returned: 11, container: OLDER, r: 1 }
    accepts(quorumReads, twoInARow('lww').get(2, read).evidence())
  })

  test('asks nothing of a read that began before the write was acknowledged', () => {
    const story = new HandMade('lww')
      .write(0, { invoked: 0, returned: 5, context: context(10, A1) })
      .get(1, { invoked: 4, returned: 6, container: container([]) })
    accepts(quorumReads, story.evidence())
  })

  test('does not accept that a later write replaced what an earlier read misses', () => {
    const story = new HandMade('siblings')
      .write(0, { invoked: 0 })
      .get(1, { invoked: 2, returned: 3, container: container([], A1) })
      .write(2, { kind: 'delete', invoked: 4, saw: [0] })
    refuses(quorumReads, story.evidence(), /lacks the acknowledged op0/)
  })
})

describe('no-resurrection', () => {
  test('notices a deleted value that is back in the end', () => {
    for (const mode of ['lww', 'siblings'] as const) {
      const story = new HandMade(mode)
        .write(0, { invoked: 0 })
        .write(1, { kind: 'delete', invoked: 2, saw: [0] })
        .final(0, container([version(0, A1, 10)], A1))
      refuses(noResurrection, story.evidence(), /shows op0, which the acknowledged delete #1/)
    }
  })

  test('notices a replaced value beside its successor in a read under load', () => {
    const both = container([version(0, A1, 10), version(1, A2, 20)], A2)
    const story = twoInARow('siblings').get(2, { invoked: 9, returned: 10, container: both })
    refuses(noResurrection, story.evidence(), /get #2 .* shows op0/)
  })

  test('accepts a value whose delete is in doubt, or comes after the read', () => {
    const doubt = new HandMade('siblings')
      .write(0, { invoked: 0 })
      .write(1, { kind: 'delete', invoked: 2, saw: [0], outcome: 'unknown' })
    accepts(noResurrection, doubt.final(0, OLDER).evidence())
    const early = twoInARow('siblings').get(2, { invoked: 1, returned: 2, container: OLDER })
    accepts(noResurrection, early.evidence())
  })
})

describe('convergence', () => {
  const copy = (node: number, held: Container | 'corrupt') => ({ node, container: held })

  test('accepts equal copies, in whatever order their parts stand', () => {
    const turned = container([version(1, B1, 20), version(0, A1, 10)], B1, A1)
    const copies = [{ name: 'b/k', copies: [copy(0, BOTH), copy(1, turned)] }]
    accepts(convergence, new HandMade('siblings').evidence({ copies }))
  })

  test('notices copies that differ in a version, a stamp, or in being readable', () => {
    const others: (Container | 'corrupt')[] = [
      OLDER,
      container([], A2, B1),
      container([version(0, A1, 11), version(1, B1, 20)], A1, B1),
      container([version(2, A1, 10), version(1, B1, 20)], A1, B1),
      'corrupt',
    ]
    for (const other of others) {
      const copies = [{ name: 'b/k', copies: [copy(0, BOTH), copy(2, other)] }]
      const evidence = new HandMade('siblings').evidence({ copies })
      refuses(convergence, evidence, /b\/k: replicas differ in the end: n1 .*, n3 /)
    }
  })

  test('accepts vectors that say more or less of other keys', () => {
    const copies = [
      { name: 'b/k', copies: [copy(0, BOTH), copy(1, container(BOTH.versions, A2, B1))] },
    ]
    accepts(convergence, new HandMade('siblings').evidence({ copies }))
  })

  test('notices final reads that depend on the node asked', () => {
    const story = twoApart('siblings').final(0, BOTH).final(1, OLDER)
    refuses(convergence, story.evidence(), /final reads differ: n1 .*, n2 /)
  })
})

describe('listings', () => {
  const deleted = container([version(undefined, A1, 10)], A1)
  const read = (shown: Container): HandMade => new HandMade('lww').final(0, shown).final(1, shown)
  const listed = (keys: readonly string[], reverse = false) => ({
    listings: [{ node: 1, bucket: 'b', reverse, keys }],
  })

  test('accepts the live keys in order, and nothing where all is deleted', () => {
    accepts(listings, read(OLDER).evidence(listed(['k'])))
    accepts(listings, read(deleted).evidence(listed([])))
  })

  test('notices a key that is missing, one that is deleted, and one that comes twice', () => {
    refuses(listings, read(OLDER).evidence(listed([])), /b: n2 lists nothing instead of k/)
    refuses(listings, read(deleted).evidence(listed(['k'])), /n2 lists k/)
    refuses(listings, read(OLDER).evidence(listed(['k', 'k'])), /n2 lists k k/)
  })

  test('expects the order that was asked for', () => {
    const evidence = read(OLDER).evidence()
    const [first] = evidence.finals
    const two = { ...evidence, finals: [first!, { ...first!, key: 'j' }] }
    accepts(listings, { ...two, ...listed(['j', 'k']) })
    accepts(listings, { ...two, ...listed(['k', 'j'], true) })
    refuses(listings, { ...two, ...listed(['k', 'j']) }, /lists k j instead of j k/)
  })
})

describe('honest-answers', () => {
  test('notices the value of a rejected write', () => {
    const story = new HandMade('siblings').write(0, { invoked: 0, outcome: 'fail' })
    refuses(honestAnswers, story.final(0, OLDER).evidence(), /shows op0, which was rejected/)
    const read = { invoked: 5, returned: 6, container: OLDER }
    const early = new HandMade('lww').write(0, { invoked: 0, outcome: 'fail' }).get(1, read)
    refuses(honestAnswers, early.evidence(), /get #1 shows op0/)
  })

  test('notices a value that nobody wrote', () => {
    const story = new HandMade('lww').write(0, { kind: 'delete', invoked: 0 })
    refuses(honestAnswers, story.final(0, OLDER).evidence(), /nobody wrote/)
    refuses(honestAnswers, new HandMade('lww').final(0, NEWER).evidence(), /nobody wrote/)
  })

  test('notices fewer acknowledgements or answers than asked for, and too many', () => {
    const few = new HandMade('lww').write(0, { invoked: 0, w: 2, acks: 1 })
    refuses(honestAnswers, few.evidence(), /1 acknowledgements of 2/)
    const many = new HandMade('lww').write(0, { invoked: 0, w: 2, acks: 7 })
    refuses(honestAnswers, many.evidence(), /7 acknowledgements/)
    const read = { invoked: 0, returned: 1, r: 2, answers: 1, container: container([]) }
    refuses(honestAnswers, new HandMade('lww').get(0, read).evidence(), /1 answers of 2/)
    const small = { leastReplicas: 1 }
    accepts(honestAnswers, new HandMade('lww').get(0, read).evidence(small))
    accepts(honestAnswers, few.evidence(small))
  })

  test('notices an lww loser that is shown, and a sibling that is not', () => {
    const [loser, winner] = BOTH.versions
    const at = { invoked: 8, returned: 9, container: BOTH }
    const lww = twoApart('lww').get(2, { ...at, live: [loser!] })
    refuses(honestAnswers, lww.evidence(), /wrong versions/)
    const siblings = twoApart('siblings').get(2, { ...at, live: [winner!] })
    refuses(honestAnswers, siblings.evidence(), /wrong versions/)
  })

  test('notices a deleted lww key that still shows its older value', () => {
    const tombstone = container([version(0, A1, 10), version(undefined, B1, 20)], A1, B1)
    const story = twoApart('lww')
    const at = { invoked: 8, returned: 9, container: tombstone }
    refuses(
      honestAnswers,
      story.get(2, { ...at, live: [tombstone.versions[0]!] }).evidence(),
      /wrong versions/,
    )
    accepts(
      honestAnswers,
      twoApart('lww')
        .get(2, { ...at, live: [] })
        .evidence(),
    )
  })

  test('notices a version that its own vector does not cover', () => {
    const outside = container([version(0, A2, 10)], A1)
    refuses(honestAnswers, twoApart('lww').final(0, outside).evidence(), /outside its vector/)
  })
})

describe('dots', () => {
  test('notices one dot with two writes', () => {
    const story = twoApart('siblings')
      .get(2, { invoked: 5, returned: 6, container: container([version(0, A1, 10)], A1) })
      .get(3, { invoked: 7, returned: 8, container: container([version(1, A1, 10)], A1) })
    refuses(dots, story.evidence(), /dot 1\.1 names b\/k 0 .* and also b\/k 1/)
  })

  test('notices one write with two dots, and one dot with two stamps', () => {
    const twice = container([version(0, A1, 10), version(0, B1, 10)], A1, B1)
    refuses(dots, twoApart('siblings').final(0, twice).evidence(), /op0 has two dots/)
    const restamped = twoApart('siblings')
      .final(0, OLDER)
      .final(1, container([version(0, A1, 11)], A1))
    refuses(dots, restamped.evidence(), /dot 1\.1/)
  })

  test('tells a delete from a put', () => {
    const story = twoApart('lww')
      .final(0, OLDER)
      .final(1, container([version(undefined, A1, 10)], A1))
    refuses(dots, story.evidence(), /names b\/k 0 .* and also b\/k delete/)
  })
})

describe('stamps', () => {
  test('notices a successor whose stamp is not above what it supersedes', () => {
    for (const ms of [10, 9]) {
      const late = { invoked: 2, saw: [0], handed: context(10, A1), context: context(ms, A2) }
      const story = new HandMade('lww').write(0, { invoked: 0 }).write(1, late)
      refuses(stamps, story.evidence(), /put op1 has a stamp/)
    }
  })

  test('compares the counter when the milliseconds are equal', () => {
    const handed = { vector: [A1], stamp: stamp(10, 4) }
    const above = { vector: [A2], stamp: stamp(10, 5) }
    const good = { invoked: 2, saw: [0], handed, context: above }
    accepts(stamps, new HandMade('lww').write(1, good).evidence())
    const bad = { invoked: 2, saw: [0], handed: above, context: { ...above, stamp: stamp(10, 4) } }
    refuses(stamps, new HandMade('lww').write(1, bad).evidence(), /stamp/)
  })
})

describe('stamps of one vnode', () => {
  const read = (firstMs: number, secondMs: number, counter = 0): HandMade => {
    const second = { ...version(1, A2, secondMs), stamp: stamp(secondMs, counter) }
    return new HandMade('siblings').final(0, container([version(0, A1, firstMs), second], A2))
  }

  test('accepts a clock that goes on, and stamps that were not taken from it', () => {
    accepts(stamps, read(10, 20).evidence())
    accepts(stamps, read(20, 10, 1).evidence())
  })

  test('notices a clock that went back', () => {
    const broken = /dot 1\.2 of b\/k at 10 was written after dot 1\.1 of b\/k at 20/
    refuses(stamps, read(20, 10).evidence(), broken)
    refuses(stamps, read(10, 10).evidence(), /a clock went back/)
  })

  test('says nothing where a disk was rolled back', () => {
    const damages = [{ kind: 'backup', node: 0, at: 0, until: 1 }] as const
    accepts(stamps, read(20, 10).evidence({ damages }))
  })
})

describe('bounded-queues', () => {
  const gauge = (most: number, atRest: number): Gauge => ({
    what: 'queue',
    most,
    bound: 10,
    atRest,
  })
  const evidence = (of: Gauge): Evidence => new HandMade('lww').evidence({ gauges: [of] })

  test('accepts a queue that was full and is empty', () => {
    accepts(boundedQueues, evidence(gauge(10, 0)))
  })

  test('notices one that grew past its bound, and one that is not empty at rest', () => {
    refuses(boundedQueues, evidence(gauge(11, 0)), /queue: 11, more than 10/)
    refuses(boundedQueues, evidence(gauge(3, 1)), /queue: 1 left/)
  })
})

test('a page must be in order, within its range and limit, and repeat nothing', () => {
  const page = (...names: readonly string[]) =>
    ({
      ok: true,
      keys: names.map((name) => ({ key: utf8Encode(name), sort: undefined })),
      next: undefined,
    }) as const
  const request = {
    type: 'list',
    bucket: 'b',
    from: listingKey(utf8Encode('c'), undefined),
    to: listingKey(utf8Encode('g'), undefined),
    reverse: false,
    limit: 3,
    timeoutMs: undefined,
  } as const
  const problems = [
    page('c', 'd', 'f'),
    page(),
    page('d', 'c'),
    page('d', 'd'),
    page('b', 'd'),
    page('d', 'g'),
    page('c', 'd', 'e', 'f'),
  ].map((each) => pageProblem(each, request))
  assert.deepEqual(problems, [
    undefined,
    undefined,
    'is out of order or repeats a key',
    'is out of order or repeats a key',
    'has a key before its range',
    'has a key after its range',
    'has 4 keys of 3',
  ])
  const reversed = { ...request, reverse: true }
  assert.equal(pageProblem(page('f', 'c'), reversed), undefined)
  assert.match(pageProblem(page('c', 'f'), reversed) ?? '', /out of order/)
})
