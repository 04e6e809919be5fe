import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AssertionError } from '../std/assert.ts'
import { SEED, stamp, stamps } from './arbitraries.test.ts'
import { HybridClock } from './hybrid-clock.ts'
import { compareStamps, maxStamp, nextStamp, STAMP_MS_MAX, ZERO_STAMP } from './stamp.ts'
import type { Stamp } from './version.ts'

const SKEW_MS = 500

/** A clock with a lease from its first moment. */
function leased(wallMs: number, leasedUntilMs = 0): HybridClock {
  const clock = new HybridClock({ skewMaxMs: SKEW_MS, leasedUntilMs })
  clock.leaseGranted(clock.leaseWanted(wallMs)!)
  clock.check()
  return clock
}

// Drawing.

test('stamps follow the wall clock while it runs ahead', () => {
  const clock = leased(1000)
  assert.deepEqual(clock.draw(1000, ZERO_STAMP), stamp(1000))
  assert.deepEqual(clock.draw(1007, ZERO_STAMP), stamp(1007))
})

test('within a millisecond stamps are counted', () => {
  const clock = leased(1000)
  clock.draw(1000, ZERO_STAMP)
  assert.deepEqual(clock.draw(1000, ZERO_STAMP), stamp(1000, 1))
  assert.deepEqual(clock.draw(1000.9, ZERO_STAMP), stamp(1000, 2))
})

test('a wall clock that steps back is counted over', () => {
  const clock = leased(1000)
  clock.draw(1000, ZERO_STAMP)
  assert.deepEqual(clock.draw(10, ZERO_STAMP), stamp(1000, 1))
  assert.deepEqual(clock.draw(-10, ZERO_STAMP), stamp(1000, 2))
  assert.deepEqual(clock.draw(1001, ZERO_STAMP), stamp(1001))
})

test('a full counter goes on in the next millisecond', () => {
  const clock = leased(1000)
  clock.observe(stamp(1000, 65_535), 1000)
  assert.deepEqual(clock.draw(1000, ZERO_STAMP), stamp(1001, 0))
})

test('a draw is above what it supersedes, and the clock goes on from there', () => {
  const clock = leased(1000)
  assert.deepEqual(clock.draw(1000, stamp(1400, 3)), stamp(1400, 4))
  assert.deepEqual(clock.draw(1001, ZERO_STAMP), stamp(1400, 5))
})

test('what is superseded and far ahead is topped, but not followed', () => {
  const clock = leased(1000)
  assert.deepEqual(clock.draw(1000, stamp(1501, 3)), stamp(1501, 4))
  assert.deepEqual(clock.draw(1000, ZERO_STAMP), stamp(1000))
  assert.deepEqual(clock.draw(1000, stamp(1500, 3)), stamp(1500, 4), 'the skew itself is allowed')
  assert.deepEqual(clock.draw(1000, ZERO_STAMP), stamp(1500, 5))
})

test('what is superseded and far ahead is topped without any lease', () => {
  const clock = new HybridClock({ skewMaxMs: SKEW_MS, leasedUntilMs: 0 })
  assert.deepEqual(clock.draw(1000, stamp(9000, 65_535)), stamp(9001, 0))
  assert.equal(clock.draw(1000, ZERO_STAMP), undefined)
  clock.check()
})

test('the greatest stamp of all does not stop a draw', () => {
  const greatest = stamp(STAMP_MS_MAX, 65_535)
  assert.deepEqual(leased(1000).draw(1000, greatest), greatest)
})

// Hearing.

test('after hearing a stamp the clock draws above it', () => {
  const clock = leased(1000)
  assert.equal(clock.observe(stamp(1300, 8), 1000), 'ok')
  assert.deepEqual(clock.draw(1000, ZERO_STAMP), stamp(1300, 9))
})

test('hearing an older stamp changes nothing', () => {
  const clock = leased(1000)
  clock.draw(1000, ZERO_STAMP)
  assert.equal(clock.observe(stamp(999, 8), 1000), 'ok')
  assert.deepEqual(clock.draw(1000, ZERO_STAMP), stamp(1000, 1))
})

test('a stamp too far ahead is refused and not followed', () => {
  const clock = leased(1000)
  assert.equal(clock.observe(stamp(1501), 1000), 'too-far-ahead')
  assert.deepEqual(clock.draw(1000, ZERO_STAMP), stamp(1000))
  assert.equal(clock.observe(stamp(1500), 1000), 'ok')
  assert.deepEqual(clock.draw(1000, ZERO_STAMP), stamp(1500, 1))
})

test('after the wall clock stepped back, our own stamps are not too far ahead', () => {
  const clock = leased(100_000)
  const drawn = clock.draw(100_000, ZERO_STAMP)!
  assert.equal(clock.observe(drawn, 1000), 'ok')
  assert.deepEqual(clock.draw(1000, drawn), nextStamp(drawn))
  assert.equal(clock.observe(stamp(100_001), 1000), 'too-far-ahead')
})

test('a wall clock far beyond everything is taken as far as a stamp can say', () => {
  const clock = leased(2 ** 60)
  assert.equal(clock.draw(2 ** 60, ZERO_STAMP), undefined)
  clock.check()
})

// The lease.

test('a new clock draws nothing before its first lease', () => {
  const clock = new HybridClock({ skewMaxMs: SKEW_MS, leasedUntilMs: 0 })
  assert.equal(clock.draw(1000, ZERO_STAMP), undefined)
  assert.equal(clock.leaseWanted(1000), 4000)
  assert.equal(clock.draw(1000, ZERO_STAMP), undefined, 'asked for is not granted')
  clock.leaseGranted(4000)
  assert.deepEqual(clock.draw(1000, ZERO_STAMP), stamp(1000))
})

test('nothing is drawn at or beyond the lease', () => {
  const clock = leased(1000)
  assert.deepEqual(clock.draw(3999, ZERO_STAMP), stamp(3999))
  assert.equal(clock.draw(4000, ZERO_STAMP), undefined)
  clock.check()
  assert.deepEqual(clock.draw(3999, ZERO_STAMP), stamp(3999, 1), 'a refused draw leaves no trace')
})

test('a counter that would carry beyond the lease is refused', () => {
  const clock = leased(1000)
  clock.observe(stamp(3999, 65_535), 3999)
  assert.equal(clock.draw(3999, ZERO_STAMP), undefined)
  clock.check()
})

test('what could be followed only beyond the lease is refused, and not followed', () => {
  const clock = leased(1000)
  assert.equal(clock.draw(3900, stamp(4100)), undefined)
  clock.check()
  assert.deepEqual(clock.draw(3900, ZERO_STAMP), stamp(3900))
})

test('a lease is wanted when less than half is left, once at a time', () => {
  const clock = leased(1000)
  assert.equal(clock.leaseWanted(2500), undefined)
  assert.equal(clock.leaseWanted(2501), 5501)
  assert.equal(clock.leaseWanted(3900), undefined, 'one is on its way')
  clock.leaseGranted(5501)
  assert.equal(clock.leaseWanted(3900), undefined)
  assert.equal(clock.leaseWanted(4002), 7002)
})

test('a lease that failed is asked for again', () => {
  const clock = leased(1000)
  assert.equal(clock.leaseWanted(3000), 6000)
  clock.leaseFailed()
  assert.equal(clock.leaseWanted(3001), 6001)
})

test('a lease counts from the clock, not from a wall clock behind it', () => {
  const clock = leased(1000)
  clock.observe(stamp(1450), 1000)
  assert.equal(clock.leaseWanted(900), undefined)
  clock.observe(stamp(2501), 2100)
  assert.equal(clock.leaseWanted(900), 5501)
})

test('an older grant takes nothing away', () => {
  const clock = leased(1000)
  clock.leaseGranted(2000)
  assert.deepEqual(clock.draw(3999, ZERO_STAMP), stamp(3999))
  clock.check()
})

test('at the end of time no lease is wanted', () => {
  const clock = new HybridClock({ skewMaxMs: SKEW_MS, leasedUntilMs: STAMP_MS_MAX })
  assert.equal(clock.leaseWanted(1000), undefined)
  assert.equal(clock.draw(1000, ZERO_STAMP), undefined)
  clock.check()
})

// Restarts.

test('after a restart with the wall clock stepped back, the first draw is above all before', () => {
  const before = leased(100_000)
  const last = before.draw(102_999, ZERO_STAMP)!
  const after = new HybridClock({ skewMaxMs: SKEW_MS, leasedUntilMs: 103_000 })
  assert.equal(after.draw(50, ZERO_STAMP), undefined, 'its lease is used up')
  assert.equal(after.leaseWanted(50), 103_001)
  after.leaseGranted(103_001)
  assert.equal(after.leaseWanted(60), undefined, 'it has what it needs')
  const first = after.draw(50, ZERO_STAMP)!
  assert.ok(compareStamps(first, last) > 0)
  assert.deepEqual(first, stamp(103_000, 1))
})

test('a node that dies again and again does not run away from the wall clock', () => {
  let durableMs = 0
  for (let wallMs = 1000; wallMs < 3000; wallMs += 100) {
    const clock = new HybridClock({ skewMaxMs: SKEW_MS, leasedUntilMs: durableMs })
    durableMs = clock.leaseWanted(wallMs) ?? durableMs
    clock.leaseGranted(durableMs)
    assert.ok(clock.draw(wallMs, ZERO_STAMP) !== undefined)
    assert.ok(clock.reading(wallMs) <= wallMs + 3001, `${clock.reading(wallMs)} at ${wallMs}`)
  }
})

test('who waits for the wall clock asks for a lease when that has come near', () => {
  const clock = new HybridClock({ skewMaxMs: SKEW_MS, leasedUntilMs: 4000 })
  assert.equal(clock.leaseWanted(2000), 5000)
  clock.leaseGranted(5000)
  assert.equal(clock.leaseWanted(3500), undefined)
  assert.equal(clock.leaseWanted(3501), 6501)
})

test('who waits for the wall clock and runs out of stamps, or hears a greater one, does not wait', () => {
  const clock = new HybridClock({ skewMaxMs: SKEW_MS, leasedUntilMs: 100_000 })
  clock.leaseGranted(clock.leaseWanted(50)!)
  for (let i = 0; i < 40_000; i++) assert.ok(clock.draw(50, ZERO_STAMP) !== undefined)
  assert.equal(clock.leaseWanted(50), 103_000)
  const other = new HybridClock({ skewMaxMs: 10_000, leasedUntilMs: 100_000 })
  other.leaseGranted(other.leaseWanted(97_000)!)
  other.observe(stamp(100_400), 97_000)
  assert.equal(other.leaseWanted(97_000), 103_400)
})

test('after a restart with the wall clock ahead, stamps follow it at once', () => {
  const clock = leased(200_000, 103_000)
  assert.deepEqual(clock.draw(200_000, ZERO_STAMP), stamp(200_000))
})

type Step =
  | { readonly type: 'draw'; readonly above: Stamp | undefined }
  /** Above a stamp that is so far from the wall clock. */
  | { readonly type: 'draw-near'; readonly aheadMs: number; readonly counter: number }
  | { readonly type: 'hear'; readonly aheadMs: number; readonly counter: number }
  | { readonly type: 'jump'; readonly byMs: number }
  | { readonly type: 'ask' | 'grant' | 'fail' | 'restart' }

const aheadMs = fc.integer({ min: -2000, max: 2000 })
const counter = fc.constantFrom(0, 1, 65_534, 65_535)
const byMs = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 700 }) },
  { weight: 1, arbitrary: fc.integer({ min: -50_000, max: 50_000 }) },
)
const above = fc.option(stamps, { nil: undefined, freq: 1 })

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ type: fc.constant('draw' as const), above }) },
    {
      weight: 4,
      arbitrary: fc.record({ type: fc.constant('draw-near' as const), aheadMs, counter }),
    },
    { weight: 3, arbitrary: fc.record({ type: fc.constant('hear' as const), aheadMs, counter }) },
    { weight: 6, arbitrary: fc.record({ type: fc.constant('jump' as const), byMs }) },
    { weight: 8, arbitrary: fc.record({ type: fc.constantFrom('ask', 'grant') }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('fail', 'restart') }) },
  ),
  { minLength: 40, maxLength: 120 },
)

/** One node's clock on its disk, and all that it ever promised. */
class Life {
  draws = 0
  #clock = new HybridClock({ skewMaxMs: SKEW_MS, leasedUntilMs: 0 })
  #wallMs = 1_000_000
  #durableMs = 0
  #asked: number | undefined
  #last = ZERO_STAMP
  /** What this run must stay above besides: where it began, and what it heard. */
  #floor = ZERO_STAMP

  run(step: Step): void {
    switch (step.type) {
      case 'draw':
        return this.#draw(step.above ?? ZERO_STAMP)
      case 'draw-near':
        return this.#draw(this.#near(step))
      case 'hear': {
        const said = this.#near(step)
        const outcome = this.#clock.observe(said, this.#wallMs)
        assert.equal(outcome, this.#isFar(said) ? 'too-far-ahead' : 'ok')
        if (outcome === 'ok') this.#floor = maxStamp(this.#floor, said)
        return
      }
      case 'jump':
        this.#wallMs = Math.max(0, this.#wallMs + step.byMs)
        return
      case 'ask': {
        const wanted = this.#clock.leaseWanted(this.#wallMs)
        if (wanted === undefined) return
        assert.equal(this.#asked, undefined, 'two at a time')
        assert.ok(wanted > this.#durableMs, 'asked for what it has')
        this.#asked = wanted
        return
      }
      case 'grant':
        if (this.#asked === undefined) return
        this.#durableMs = this.#asked
        this.#clock.leaseGranted(this.#asked)
        this.#asked = undefined
        return
      case 'fail':
        if (this.#asked !== undefined) this.#clock.leaseFailed()
        this.#asked = undefined
        return
      case 'restart':
        // A lease on its way may have become durable without an answer: here it did.
        this.#durableMs = this.#asked ?? this.#durableMs
        this.#asked = undefined
        this.#clock = new HybridClock({ skewMaxMs: SKEW_MS, leasedUntilMs: this.#durableMs })
        this.#floor = stamp(this.#durableMs)
        return
    }
  }

  check(): void {
    this.#clock.check()
  }

  #draw(above: Stamp): void {
    const isFar = this.#isFar(above)
    const next = this.#clock.draw(this.#wallMs, above)
    if (isFar) return assert.deepEqual(next, nextStamp(above))
    if (next === undefined) return
    this.draws++
    assert.ok(compareStamps(next, above) > 0, 'not above what it supersedes')
    assert.ok(compareStamps(next, this.#last) > 0, 'went back')
    assert.ok(compareStamps(next, this.#floor) > 0, 'not above what it heard')
    assert.ok(next.ms >= this.#wallMs, 'behind the wall clock')
    assert.ok(next.ms < this.#durableMs, 'beyond the lease')
    this.#last = next
  }

  #isFar(of: Stamp): boolean {
    const reading = maxStamp(this.#last, this.#floor)
    return of.ms > this.#wallMs + SKEW_MS && compareStamps(of, reading) > 0
  }

  #near(step: { readonly aheadMs: number; readonly counter: number }): Stamp {
    return stamp(Math.max(0, this.#wallMs + step.aheadMs), step.counter)
  }
}

test('over any jumps, restarts and failing leases each stamp is above all that the clock drew before', () => {
  let draws = 0
  const property = fc.property(steps, (history) => {
    const life = new Life()
    for (const step of history) {
      life.run(step)
      life.check()
    }
    draws += life.draws
  })
  fc.assert(property, { seed: SEED, numRuns: 1000 })
  assert.ok(draws > 3000, `only ${draws} draws: the test tries too little`)
})

test('two clocks that hear each other order what is caused', () => {
  const a = leased(10_000)
  const b = leased(9_700)
  const sent = a.draw(10_000, ZERO_STAMP)!
  assert.equal(b.observe(sent, 9_700), 'ok')
  const answer = b.draw(9_700, ZERO_STAMP)!
  assert.ok(compareStamps(answer, sent) > 0)
  assert.equal(a.observe(answer, 10_000), 'ok')
  assert.ok(compareStamps(a.draw(10_000, ZERO_STAMP)!, answer) > 0)
})

test('the check notices a lease that was taken away', () => {
  const clock = leased(1000)
  assert.ok(clock.leaseWanted(3000))
  clock.check()
  const never = new HybridClock({ skewMaxMs: SKEW_MS, leasedUntilMs: Number.NaN })
  assert.throws(() => never.check(), AssertionError)
})
