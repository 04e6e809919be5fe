import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Instant } from '../std/instant.ts'
import { duration, instant } from '../std/instant.ts'
import { claim, idOf } from './harness.test.ts'
import type { MemberRecord } from './member.ts'
import { Standings } from './standings.ts'

const MINUTE = 60_000
const at = (ms: number): Instant => instant(ms)

/** Member 2, seen alive at 0. */
function knowing(): Standings {
  const standings = new Standings()
  standings.onShown(claim(2), undefined, at(0))
  return standings
}

/** Tells one record after another at these times. */
function tell(
  standings: Standings,
  ...told: readonly (readonly [ms: number, MemberRecord])[]
): void {
  let before = claim(2)
  for (const [ms, record] of told) {
    standings.onShown(record, before, at(ms))
    before = record
  }
}

/** Dies and comes back `times` times in a row. */
function flap(standings: Standings, times: number, ms: number): void {
  for (let i = 0; i < times; i++)
    tell(standings, [ms, claim(2, 'dead', i)], [ms, claim(2, 'alive', i + 1)])
}

suite('since when a member is as it is', () => {
  test('counts from its last change of state or generation', () => {
    const standings = knowing()
    assert.equal(standings.of(idOf(2))?.since, 0)
    tell(standings, [100, claim(2, 'suspect')])
    assert.equal(standings.of(idOf(2))?.since, 100)
    standings.onShown(claim(2, 'suspect', 1), claim(2, 'suspect'), at(200))
    assert.equal(standings.of(idOf(2))?.since, 100)
    standings.onShown(claim(2, 'suspect', 0, 2), claim(2, 'suspect', 1), at(300))
    assert.equal(standings.of(idOf(2))?.since, 300)
  })

  test('is unknown of one who is not known, or was forgotten', () => {
    const standings = knowing()
    assert.equal(standings.of(idOf(3)), undefined)
    standings.forget(idOf(2))
    assert.equal(standings.of(idOf(2)), undefined)
    standings.onHealth(idOf(2), 3)
    standings.onRoundTrip(idOf(2), duration(5))
    assert.equal(standings.of(idOf(2)), undefined)
  })
})

suite('round trips', () => {
  test('are smoothed: an eighth of each new one, the first whole', () => {
    const standings = knowing()
    assert.equal(standings.of(idOf(2))?.roundTripMs, undefined)
    standings.onRoundTrip(idOf(2), duration(8))
    assert.equal(standings.of(idOf(2))?.roundTripMs, 8)
    standings.onRoundTrip(idOf(2), duration(16))
    assert.equal(standings.of(idOf(2))?.roundTripMs, 9)
  })

  test('and health are those of one generation', () => {
    const standings = knowing()
    standings.onRoundTrip(idOf(2), duration(8))
    standings.onHealth(idOf(2), 3)
    assert.equal(standings.of(idOf(2))?.localHealth, 3)
    tell(standings, [100, claim(2, 'alive', 0, 2)])
    assert.equal(standings.of(idOf(2))?.roundTripMs, undefined)
    assert.equal(standings.of(idOf(2))?.localHealth, undefined)
  })
})

suite('a member is flapping', () => {
  test('after five deaths, ten restarts or twenty suspicions in a short time', () => {
    for (const [times, marks] of [
      [5, (i: number) => [claim(2, 'dead', i), claim(2, 'alive', i + 1)]],
      [10, (i: number) => [claim(2, 'alive', 0, i + 2)]],
      [20, (i: number) => [claim(2, 'suspect', i), claim(2, 'alive', i + 1)]],
    ] as const) {
      const standings = knowing()
      for (let i = 0; i < times; i++) {
        assert.ok(!standings.isFlapping(idOf(2)), `${i} of ${times}`)
        tell(standings, ...marks(i).map((record) => [0, record] as const))
      }
      assert.ok(standings.isFlapping(idOf(2)), `${times}`)
    }
  })

  test('not when its troubles lie far apart', () => {
    const standings = knowing()
    for (let i = 0; i < 50; i++) flap(standings, 1, i * 5 * MINUTE)
    assert.ok(!standings.isFlapping(idOf(2)))
  })

  test('until its marks have faded by half, which takes five minutes', () => {
    const standings = knowing()
    flap(standings, 5, 0)
    standings.fade(at(5 * MINUTE))
    assert.ok(standings.isFlapping(idOf(2)))
    standings.fade(at(5 * MINUTE + 1_000))
    assert.ok(!standings.isFlapping(idOf(2)))
  })

  test('and longer, the more often it came and went', () => {
    const standings = knowing()
    flap(standings, 20, 0)
    for (const minutes of [5, 10, 14]) {
      standings.fade(at(minutes * MINUTE))
      assert.ok(standings.isFlapping(idOf(2)))
    }
    standings.fade(at(15 * MINUTE + 1_000))
    assert.ok(!standings.isFlapping(idOf(2)))
  })

  test('and rests from where it was: one more death within the time makes it flap again sooner', () => {
    const standings = knowing()
    flap(standings, 5, 0)
    standings.fade(at(6 * MINUTE))
    assert.ok(!standings.isFlapping(idOf(2)))
    flap(standings, 3, 6 * MINUTE)
    assert.ok(standings.isFlapping(idOf(2)))
  })

  test('only itself: nobody else is blamed, and who was forgotten begins anew', () => {
    const standings = knowing()
    standings.onShown(claim(3), undefined, at(0))
    flap(standings, 6, 0)
    assert.ok(!standings.isFlapping(idOf(3)))
    assert.ok(!standings.isFlapping(idOf(4)))
    standings.forget(idOf(2))
    standings.onShown(claim(2), undefined, at(1))
    assert.ok(!standings.isFlapping(idOf(2)))
  })
})
