import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { crc32 } from '../std/crc32.ts'
import type { VnodeId } from '../std/ids.ts'
import {
  baseOf,
  decodeBase,
  decodePartitionClock,
  encodeBase,
  NO_BASE,
  PartitionClock,
  RUNS_MAX,
} from './partition-clock.ts'
import type { Dot } from './version.ts'

const SEED = 5
const V = 7 as VnodeId

const dots: fc.Arbitrary<Dot[]> = fc.array(
  fc.record({
    vnode: fc.integer({ min: 1, max: 3 }).map((n) => n as VnodeId),
    counter: fc.integer({ min: 1, max: 30 }),
  }),
  { maxLength: 60 },
)

function clockOf(seen: readonly Dot[]): PartitionClock {
  const clock = new PartitionClock()
  for (const dot of seen) {
    clock.add(dot)
    clock.check()
  }
  return clock
}

const nameOf = ({ vnode, counter }: Dot): string => `${vnode}:${counter}`

function eachDot(visit: (dot: Dot) => void): void {
  for (let vnode = 1; vnode <= 4; vnode++)
    for (let counter = 1; counter <= 32; counter++) visit({ vnode: vnode as VnodeId, counter })
}

test('a clock covers what was added to it and nothing else, in whatever order', () => {
  fc.assert(
    fc.property(dots, (seen) => {
      const clock = clockOf(seen)
      const names = new Set(seen.map(nameOf))
      eachDot((dot) => assert.equal(clock.covers(dot), names.has(nameOf(dot)), nameOf(dot)))
    }),
    { seed: SEED },
  )
})

test('adding says whether it was news', () => {
  fc.assert(
    fc.property(dots, (seen) => {
      const names = new Set<string>()
      const clock = new PartitionClock()
      for (const dot of seen) {
        assert.equal(clock.add(dot), !names.has(nameOf(dot)))
        names.add(nameOf(dot))
      }
    }),
    { seed: SEED },
  )
})

test('the base of a vnode is the last before its first hole', () => {
  const clock = clockOf([1, 2, 4, 5, 9].map((counter) => ({ vnode: V, counter })))
  assert.deepEqual(clock.base, [{ vnode: V, counter: 2 }])
  clock.add({ vnode: V, counter: 3 })
  assert.deepEqual(clock.base, [{ vnode: V, counter: 5 }])
  clock.addRun(V, 6, 8)
  assert.deepEqual(clock.base, [{ vnode: V, counter: 9 }])
})

test('a vnode of which the first write is missing has no base', () => {
  assert.deepEqual(clockOf([{ vnode: V, counter: 2 }]).base, [])
})

test('a merged clock covers what either covers', () => {
  fc.assert(
    fc.property(dots, dots, (a, b) => {
      const clock = clockOf(a)
      const names = new Set([...a, ...b].map(nameOf))
      const news = b.some((dot) => !a.some((other) => nameOf(other) === nameOf(dot)))
      assert.equal(clock.merge(clockOf(b)), news)
      clock.check()
      eachDot((dot) => assert.equal(clock.covers(dot), names.has(nameOf(dot))))
    }),
    { seed: SEED },
  )
})

test('it includes another when it covers all that the other covers', () => {
  fc.assert(
    fc.property(dots, dots, (some, others) => {
      const names = new Set(some.map(nameOf))
      const isWithin = others.every((dot) => names.has(nameOf(dot)))
      assert.equal(clockOf(some).includes(clockOf(others)), isWithin)
      const both = clockOf(some)
      both.merge(clockOf(others))
      assert.equal(both.includes(clockOf(others)) && both.includes(clockOf(some)), true)
    }),
    { seed: SEED, numRuns: 500 },
  )
})

test('it dominates a vector that its base covers, entry by entry', () => {
  const clock = clockOf([1, 2, 4].map((counter) => ({ vnode: V, counter })))
  assert.ok(clock.dominates([]))
  assert.ok(clock.dominates([{ vnode: V, counter: 2 }]))
  assert.ok(!clock.dominates([{ vnode: V, counter: 4 }]), 'a vector means all up to its entry')
  assert.ok(!clock.dominates([{ vnode: 9 as VnodeId, counter: 1 }]))
})

test('what is encoded comes back, with its base as it stands alone', () => {
  fc.assert(
    fc.property(dots, fc.boolean(), fc.boolean(), (seen, doubtful, incomplete) => {
      const clock = clockOf(seen)
      clock.doubtful = doubtful
      clock.incomplete = incomplete
      const { clock: bytes, base } = clock.encode(crc32)
      const back = decodePartitionClock(bytes, crc32)!
      back.check()
      assert.deepEqual(back.encode(crc32).clock, bytes)
      assert.deepEqual([back.doubtful, back.incomplete], [doubtful, incomplete])
      eachDot((dot) => assert.equal(back.covers(dot), clock.covers(dot)))
      assert.deepEqual(base, encodeBase(clock.base))
      assert.deepEqual(decodeBase(base), clock.base)
      assert.deepEqual(baseOf(bytes, crc32), incomplete ? undefined : base)
    }),
    { seed: SEED },
  )
})

test('a flipped bit anywhere makes it no clock', () => {
  const { clock } = clockOf([1, 2, 9].map((counter) => ({ vnode: V, counter }))).encode(crc32)
  for (let i = 0; i < clock.length; i++) {
    const broken = clock.slice()
    broken[i]! ^= 4
    assert.equal(decodePartitionClock(broken, crc32), undefined, `byte ${i}`)
    assert.equal(baseOf(broken, crc32), undefined, `byte ${i}`)
  }
})

test('bytes that are no base give none', () => {
  assert.deepEqual(decodeBase(NO_BASE), [])
  for (const bad of [[0], [1], [1, 0, 0, 0, 0, 0, 0, 0, 7, 0], [2, 0, 0, 0, 0, 0, 0, 0, 7, 1]])
    assert.equal(decodeBase(Uint8Array.from(bad)), undefined)
})

test('with too many holes a dot is left out, and the base still rises', () => {
  const clock = new PartitionClock()
  for (let i = 1; i <= RUNS_MAX; i++) assert.ok(clock.add({ vnode: V, counter: 2 * i + 1 }))
  assert.ok(!clock.add({ vnode: V, counter: 3 * RUNS_MAX }), 'to claim too little is safe')
  clock.check()
  assert.ok(clock.add({ vnode: V, counter: 4 }), 'one that closes a hole needs no room')
  clock.addRun(V, 1, 2 * RUNS_MAX + 1)
  clock.check()
  assert.deepEqual(clock.base, [{ vnode: V, counter: 2 * RUNS_MAX + 1 }])
})
