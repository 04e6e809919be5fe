import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AssertionError } from '../std/assert.ts'
import {
  containers,
  dot,
  dotTexts,
  richContainers,
  SEED,
  stamp,
  text,
  vector,
  versionOf,
} from './arbitraries.test.ts'
import {
  checkContainer,
  compareContainers,
  contextOf,
  EMPTY_CONTAINER,
  greatestStamp,
  liveVersions,
  summarise,
  sync,
  winner,
  write,
} from './container.ts'
import { ZERO_STAMP } from './stamp.ts'
import type { Container, Dot, VersionVector } from './version.ts'
import { EMPTY_VECTOR, joinVectors } from './version-vector.ts'

const RUNS = { seed: SEED, numRuns: 500 }

function put(local: Container, at: Dot, context: VersionVector = EMPTY_VECTOR): Container {
  const after = write(local, { ...versionOf(at), value: text('v'), context, tombstone: false })
  checkContainer(after)
  return after
}

function remove(local: Container, at: Dot, context: VersionVector, tombstone = false): Container {
  const after = write(local, { ...versionOf(at), value: undefined, context, tombstone })
  checkContainer(after)
  return after
}

function holding(live: readonly Dot[], covering: VersionVector): Container {
  const container = { versions: live.map(versionOf), vector: covering }
  checkContainer(container)
  return container
}

// Writes.

test('a write without context stays beside what is there', () => {
  const after = put(put(EMPTY_CONTAINER, dot(1, 1)), dot(2, 1))
  assert.deepEqual(dotTexts(after), ['1:1', '2:1'])
  assert.deepEqual(after.vector, vector(1, 1, 2, 1))
})

test('a write supersedes what its context covers and nothing else', () => {
  const local = holding([dot(1, 2), dot(2, 1), dot(3, 1)], vector(1, 2, 2, 1, 3, 1))
  const after = put(local, dot(1, 3), vector(1, 2, 3, 1))
  assert.deepEqual(dotTexts(after), ['1:3', '2:1'])
})

test('two writes at one replica from clients that had read the same stay siblings', () => {
  const read = put(EMPTY_CONTAINER, dot(1, 1))
  const first = put(read, dot(1, 2), read.vector)
  const second = put(first, dot(1, 3), read.vector)
  assert.deepEqual(dotTexts(second), ['1:2', '1:3'])
})

test('a write learns what its context has seen elsewhere', () => {
  const after = put(EMPTY_CONTAINER, dot(1, 1), vector(7, 4))
  assert.deepEqual(after.vector, vector(1, 1, 7, 4))
  const late = holding([dot(7, 4)], vector(7, 4))
  assert.deepEqual(dotTexts(sync(after, late)), ['1:1'])
})

test('versions stand in order of dot wherever the new one belongs', () => {
  for (const [vnode, expected] of [
    [1, ['1:1', '3:2', '5:2']],
    [4, ['3:2', '4:1', '5:2']],
    [9, ['3:2', '5:2', '9:1']],
  ] as const)
    assert.deepEqual(
      dotTexts(put(holding([dot(3, 2), dot(5, 2)], vector(3, 2, 5, 2)), dot(vnode, 1))),
      expected,
    )
})

test('a delete of a siblings bucket leaves no version, and its dot in the vector', () => {
  const local = put(EMPTY_CONTAINER, dot(1, 1))
  const after = remove(local, dot(1, 2), local.vector)
  assert.deepEqual(after, { versions: [], vector: vector(1, 2) })
})

test('a delete that has not seen a version leaves it', () => {
  const local = holding([dot(1, 1), dot(2, 1)], vector(1, 1, 2, 1))
  assert.deepEqual(dotTexts(remove(local, dot(1, 2), vector(1, 1))), ['2:1'])
})

test('a delete of a last-write-wins bucket leaves a version without value', () => {
  const local = put(EMPTY_CONTAINER, dot(1, 1))
  const after = remove(local, dot(1, 2), local.vector, true)
  assert.deepEqual(dotTexts(after), ['1:2'])
  assert.equal(after.versions[0]!.value, undefined)
})

test('a write with a value is that version, whatever is said of deletes', () => {
  const value = text('v')
  const w = { dot: dot(1, 1), stamp: stamp(1), value, context: EMPTY_VECTOR, tombstone: true }
  assert.equal(write(EMPTY_CONTAINER, w).versions[0]!.value, value)
})

test('a dot that the copy or the context covers is a bug of ours', () => {
  assert.throws(() => put(holding([], vector(1, 5)), dot(1, 5)), AssertionError)
  assert.throws(() => put(EMPTY_CONTAINER, dot(1, 5), vector(1, 5)), AssertionError)
  put(holding([], vector(1, 5)), dot(1, 6), vector(1, 5))
})

test('a write leaves the copy that it was made from as it was', () => {
  const local = holding([dot(1, 1)], vector(1, 1))
  put(local, dot(1, 2), local.vector)
  assert.deepEqual(local, holding([dot(1, 1)], vector(1, 1)))
})

// Sync.

test('sync keeps what both have', () => {
  const a = holding([dot(1, 1), dot(2, 1)], vector(1, 1, 2, 1))
  const b = holding([dot(1, 1)], vector(1, 1))
  assert.deepEqual(dotTexts(sync(a, b)), ['1:1', '2:1'])
})

test('sync drops what the other side has superseded', () => {
  const a = holding([dot(1, 1)], vector(1, 1))
  const b = holding([dot(2, 1)], vector(1, 1, 2, 1))
  assert.deepEqual(dotTexts(sync(a, b)), ['2:1'])
})

test('sync is commutative', () => {
  const property = fc.property(containers, containers, (a, b) => {
    assert.deepEqual(sync(a, b), sync(b, a))
  })
  fc.assert(property, RUNS)
})

test('sync is associative', () => {
  const property = fc.property(containers, containers, containers, (a, b, c) => {
    assert.deepEqual(sync(sync(a, b), c), sync(a, sync(b, c)))
  })
  fc.assert(property, RUNS)
})

test('sync is idempotent, keeps every invariant and joins the vectors', () => {
  const property = fc.property(containers, containers, (a, b) => {
    const merged = sync(a, b)
    checkContainer(merged)
    assert.deepEqual(merged.vector, joinVectors(a.vector, b.vector))
    assert.equal(sync(merged, a), merged)
    assert.equal(sync(merged, b), merged)
    assert.equal(sync(merged, merged), merged)
  })
  fc.assert(property, RUNS)
})

test('sync is what the sets say: dead on one side is dead, all else that is known lives', () => {
  const property = fc.property(containers, containers, (a, b) => {
    const dead = new Set([...superseded(a), ...superseded(b)])
    const live = new Set([...dotTexts(a), ...dotTexts(b)].filter((d) => !dead.has(d)))
    assert.deepEqual(new Set(dotTexts(sync(a, b))), live)
  })
  fc.assert(property, RUNS)
})

test('sync is the argument itself when that knows it all', () => {
  const property = fc.property(containers, containers, (a, b) => {
    const merged = sync(a, b)
    if (isSame(merged, a)) assert.equal(merged, a)
    else if (isSame(merged, b)) assert.equal(merged, b)
    assert.equal(sync(a, { versions: a.versions.slice(), vector: a.vector.slice() }), a)
    assert.deepEqual(sync(EMPTY_CONTAINER, a), a)
    assert.equal(sync(a, EMPTY_CONTAINER), a)
  })
  fc.assert(property, RUNS)
})

test('the comparison says which side sync would return', () => {
  const property = fc.property(containers, containers, (a, b) => {
    const merged = sync(a, b)
    const relation = compareContainers(a, b)
    const knowsAll = isSame(merged, a)
    const isKnown = isSame(merged, b)
    assert.equal(relation === 'equal' || relation === 'descends', knowsAll)
    assert.equal(relation === 'equal' || relation === 'precedes', isKnown)
    assert.equal(relation === 'concurrent', !knowsAll && !isKnown)
    if (relation === 'equal') assert.ok(isSame(a, b))
  })
  fc.assert(property, RUNS)
})

test('the four relations of two copies', () => {
  const base = holding([dot(1, 1)], vector(1, 1))
  const left = put(base, dot(1, 2), base.vector)
  const right = put(base, dot(2, 1))
  assert.equal(compareContainers(base, holding([dot(1, 1)], vector(1, 1))), 'equal')
  assert.equal(compareContainers(left, base), 'descends')
  assert.equal(compareContainers(base, left), 'precedes')
  assert.equal(compareContainers(left, right), 'concurrent')
})

test('a copy that lacks a version which the other superseded still needs its vector, and knows no less of the rest', () => {
  // Equal vectors, different versions: each has superseded what the other still shows.
  const a = holding([dot(1, 1)], vector(1, 1, 2, 1))
  const b = holding([dot(2, 1)], vector(1, 1, 2, 1))
  assert.equal(compareContainers(a, b), 'concurrent')
  assert.deepEqual(sync(a, b), holding([], vector(1, 1, 2, 1)))
})

// Reading.

test('live versions are those with a value, and the same list when all are', () => {
  const all = put(put(EMPTY_CONTAINER, dot(1, 1)), dot(2, 1))
  assert.equal(liveVersions(all), all.versions)
  const some = remove(all, dot(3, 1), EMPTY_VECTOR, true)
  assert.deepEqual(liveVersions(some), all.versions)
  assert.deepEqual(liveVersions(EMPTY_CONTAINER), [])
})

test('the winner has the greatest stamp, and of equal stamps the greatest dot', () => {
  const version = (at: Dot, ms: number, counter: number) => ({
    ...versionOf(at),
    stamp: stamp(ms, counter),
  })
  const of = (...versions: Container['versions']): Container => ({ versions, vector: EMPTY_VECTOR })
  assert.equal(winner(EMPTY_CONTAINER), undefined)
  const [a, b, c] = [version(dot(1, 1), 5, 1), version(dot(2, 1), 5, 2), version(dot(3, 1), 4, 9)]
  assert.equal(winner(of(a, b, c)), b)
  assert.equal(winner(of(a, c)), a)
  const tied = version(dot(3, 1), 5, 2)
  assert.equal(winner(of(a, b, tied)), tied)
})

test('a delete can be the winner', () => {
  const local = write(EMPTY_CONTAINER, {
    dot: dot(1, 1),
    stamp: stamp(5),
    value: text('v'),
    context: EMPTY_VECTOR,
    tombstone: false,
  })
  const after = write(local, {
    dot: dot(2, 1),
    stamp: stamp(6),
    value: undefined,
    context: EMPTY_VECTOR,
    tombstone: true,
  })
  assert.equal(after.versions.length, 2)
  assert.equal(winner(after)!.value, undefined)
})

test('the context of a copy is its vector and its greatest stamp', () => {
  assert.deepEqual(contextOf(EMPTY_CONTAINER), { vector: EMPTY_VECTOR, stamp: ZERO_STAMP })
  const of = holding([dot(1, 1), dot(1, 2), dot(2, 3)], vector(1, 2, 2, 4))
  const greatest = greatestStamp(of)
  assert.deepEqual(greatest, winner(of)!.stamp)
  assert.deepEqual(contextOf(of), { vector: of.vector, stamp: greatest })
})

test('a summary keeps causality, stamps, expiry and deletes, and no bytes', () => {
  const property = fc.property(richContainers, (of) => {
    const summary = summarise(of)
    checkContainer(summary)
    assert.equal(compareContainers(summary, of), 'equal')
    assert.deepEqual(dotTexts(summary), dotTexts(of))
    assert.deepEqual(greatestStamp(summary), greatestStamp(of))
    for (const [i, { value }] of summary.versions.entries()) {
      const full = of.versions[i]!.value
      assert.equal(value === undefined, full === undefined)
      if (value === undefined) continue
      assert.equal(value.bytes.length, 0)
      assert.equal(value.contentType, '')
      assert.equal(value.metadata.length, 0)
      assert.equal(value.expiresAtMs, full!.expiresAtMs)
    }
  })
  fc.assert(property, { seed: SEED })
})

test('the check refuses containers that break an invariant', () => {
  const bad: Container[] = [
    { versions: [versionOf(dot(1, 2))], vector: vector(1, 1) },
    { versions: [versionOf(dot(2, 1))], vector: vector(1, 1) },
    { versions: [versionOf(dot(2, 1)), versionOf(dot(1, 1))], vector: vector(1, 1, 2, 1) },
    { versions: [versionOf(dot(1, 1)), versionOf(dot(1, 1))], vector: vector(1, 1) },
    { versions: [{ ...versionOf(dot(1, 1)), stamp: stamp(-1) }], vector: vector(1, 1) },
    { versions: [versionOf(dot(1, 0))], vector: vector(1, 1) },
    { versions: [], vector: vector(2, 1, 1, 1) },
  ]
  for (const container of bad)
    assert.throws(() => checkContainer(container), AssertionError, JSON.stringify(container))
})

// The family of riak_kv#679: a copy is lost, and what its replica does next must not delete what
// others hold.

test('kv679 a: a blind put after the local copy was lost leaves the acknowledged write, under a new vnode', () => {
  const elsewhere = put(EMPTY_CONTAINER, dot(1, 5))
  const renamed = put(EMPTY_CONTAINER, dot(9, 1))
  assert.deepEqual(dotTexts(sync(elsewhere, renamed)), ['1:5', '9:1'])
})

test('kv679 a: under its old vnode it would delete that write, even with a higher counter: why V1 and V9 are', () => {
  const elsewhere = put(EMPTY_CONTAINER, dot(1, 5))
  const sameName = put(EMPTY_CONTAINER, dot(1, 10_001))
  assert.deepEqual(dotTexts(sync(elsewhere, sameName)), ['1:10001'])
})

test('kv679 b: a put with an old context after the local copy was lost supersedes what the client saw', () => {
  const elsewhere = put(EMPTY_CONTAINER, dot(1, 5))
  const renamed = put(EMPTY_CONTAINER, dot(9, 1), elsewhere.vector)
  assert.deepEqual(dotTexts(sync(elsewhere, renamed)), ['9:1'])
})

test('kv679 c: a key made anew survives a tombstone that comes late', () => {
  const tombstone = remove(put(EMPTY_CONTAINER, dot(1, 1)), dot(1, 2), vector(1, 1))
  const counterGoesOn = put(EMPTY_CONTAINER, dot(1, 3))
  assert.deepEqual(dotTexts(sync(counterGoesOn, tombstone)), ['1:3'])
  const newName = put(EMPTY_CONTAINER, dot(9, 1))
  assert.deepEqual(dotTexts(sync(newName, tombstone)), ['9:1'])
  const counterBeginsAgain = put(EMPTY_CONTAINER, dot(1, 1))
  assert.deepEqual(dotTexts(sync(counterBeginsAgain, tombstone)), [], 'the mistake that V1 forbids')
})

test('kv679 d: a copy restored from a backup catches up, and its next write under a new vnode stays', () => {
  const backup = put(EMPTY_CONTAINER, dot(1, 1))
  const current = put(backup, dot(1, 2), backup.vector)
  const restored = put(backup, dot(9, 1), backup.vector)
  assert.deepEqual(dotTexts(sync(restored, current)), ['1:2', '9:1'])
})

test('kv679 e: two coordinators in turn, the first loses its copy and takes what the second sends', () => {
  const first = put(EMPTY_CONTAINER, dot(1, 1))
  const second = put(first, dot(2, 1), first.vector)
  const mended = sync(EMPTY_CONTAINER, second)
  const next = put(mended, dot(9, 1), mended.vector)
  assert.deepEqual(dotTexts(sync(next, first)), ['9:1'])
  assert.deepEqual(dotTexts(sync(second, next)), ['9:1'])
})

test('kv679 g: a put that reaches old and new owners in any order ends the same', () => {
  const before = put(EMPTY_CONTAINER, dot(1, 1))
  const after = put(before, dot(1, 2), before.vector)
  const transferredLate = sync(after, before)
  const writtenLate = sync(before, after)
  assert.deepEqual(transferredLate, writtenLate)
  assert.deepEqual(dotTexts(transferredLate), ['1:2'])
})

/** Dots that a container covers and does not hold. */
function superseded(of: Container): string[] {
  const live = new Set(dotTexts(of))
  const dead: string[] = []
  for (const entry of of.vector)
    for (let counter = 1; counter <= entry.counter; counter++)
      if (!live.has(`${entry.vnode}:${counter}`)) dead.push(`${entry.vnode}:${counter}`)
  return dead
}

function isSame(a: Container, b: Container): boolean {
  return (
    dotTexts(a).join() === dotTexts(b).join() &&
    JSON.stringify(a.vector) === JSON.stringify(b.vector)
  )
}
