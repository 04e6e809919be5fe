import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { NODES_MAX } from '../../core/std/limits.ts'
import { REPLAY_WINDOW, ReplayWindow, ReplayWindows } from './replay-window.ts'

/** The same by remembering everything. */
class Model {
  readonly #seen = new Set<number>()
  #greatest = -1

  enter(counter: number): boolean {
    if (this.#seen.has(counter) || counter <= this.#greatest - REPLAY_WINDOW) return false
    this.#seen.add(counter)
    this.#greatest = Math.max(this.#greatest, counter)
    return true
  }
}

suite('a replay window', () => {
  test('takes each counter once, in order or not', () => {
    const window = new ReplayWindow()
    for (const counter of [0, 1, 5, 3, 2, 4, 1024]) assert.equal(window.enter(counter), true)
    for (const counter of [0, 1, 5, 3, 2, 4, 1024]) assert.equal(window.enter(counter), false)
  })

  test('reaches back at least 1024 counters, and refuses what is before', () => {
    assert.ok(REPLAY_WINDOW >= 1024)
    const window = new ReplayWindow()
    window.enter(10_000)
    assert.equal(window.enter(10_000 - REPLAY_WINDOW + 1), true)
    assert.equal(window.enter(10_000 - REPLAY_WINDOW), false)
  })

  test('survives a jump over more than itself, to the last counter there can be', () => {
    const window = new ReplayWindow()
    const last = Number.MAX_SAFE_INTEGER
    for (const counter of [0, 1e6, last - 1, last]) assert.equal(window.enter(counter), true)
    for (const counter of [0, 1e6, last - 1, last]) assert.equal(window.enter(counter), false)
    assert.equal(window.enter(last - 1000), true)
  })

  test('agrees with a memory of everything', () => {
    const steps = fc.array(fc.oneof(fc.integer({ min: -1500, max: 200 }), fc.nat(5000)), {
      maxLength: 300,
    })
    fc.assert(
      fc.property(steps, (moves) => {
        const window = new ReplayWindow()
        const model = new Model()
        let at = 0
        for (const move of moves) {
          at = Math.max(0, at + move)
          assert.equal(window.enter(at), model.enter(at), `counter ${at}`)
        }
      }),
      { seed: 20_261, numRuns: 500 },
    )
  })
})

suite('the windows of all senders', () => {
  test('know nothing of each other', () => {
    const windows = new ReplayWindows()
    assert.equal(windows.enter('a', 1), true)
    assert.equal(windows.enter('b', 1), true)
    assert.equal(windows.enter('a', 1), false)
  })

  test('are bounded; those in use stay', () => {
    const windows = new ReplayWindows()
    windows.enter('in use', 0)
    for (let i = 1; i < 10 * NODES_MAX; i++) {
      windows.enter(`life ${i}`, 0)
      assert.equal(windows.enter('in use', 0), false)
    }
    assert.equal(windows.size, 2 * NODES_MAX)
  })
})
