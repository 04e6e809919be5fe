/**
 * Whether a history of calls on one object is linearizable: whether each call can be given a moment
 * between its invocation and its return so that the calls in that order are what the object would
 * have answered, one at a time.
 *
 * The search of Wing and Gong ("Testing and verifying concurrent objects", 1993) with the memory of
 * Lowe ("Testing for linearizability", 2017): extend an order call by call, go back where nothing
 * fits, and never visit the same set of calls with the same state twice.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'

export interface Call<S> {
  readonly invokedAt: number
  /** Infinity: nobody knows whether it was made, or when. */
  readonly returnedAt: number
  /** The state after it; undefined: in `state` it would not have answered what it did. */
  readonly apply: (state: S) => S | undefined
}

export function isLinearizable<S extends number | string>(
  initial: S,
  calls: readonly Call<S>[],
): boolean {
  const visited = new Set<string>()
  const search = (made: bigint, state: S): boolean => {
    const rest = calls.map((_, i) => i).filter((i) => (made & (1n << BigInt(i))) === 0n)
    const end = Math.min(Infinity, ...rest.map((i) => calls[i]!.returnedAt))
    if (end === Infinity) return true
    const place = `${made} ${state}`
    if (visited.has(place)) return false
    visited.add(place)
    return rest.some((i) => {
      const { invokedAt, apply } = calls[i]!
      if (invokedAt > end) return false
      const next = apply(state)
      return next !== undefined && search(made | (1n << BigInt(i)), next)
    })
  }
  return search(0n, initial)
}

const reads = (value: number, invokedAt: number, returnedAt: number): Call<number> => ({
  ...{ invokedAt, returnedAt },
  apply: (state) => (state === value ? state : undefined),
})
const writes = (value: number, invokedAt: number, returnedAt = Infinity): Call<number> => ({
  ...{ invokedAt, returnedAt },
  apply: () => value,
})

test('what could have happened one after the other is linearizable', () => {
  assert.ok(isLinearizable(0, []))
  assert.ok(isLinearizable(0, [writes(1, 0, 10), reads(0, 1, 2), reads(1, 3, 4)]))
  assert.ok(isLinearizable(0, [writes(1, 0, 10), writes(2, 0, 10), reads(1, 11, 12)]))
  assert.ok(isLinearizable(0, [writes(1, 0), reads(0, 5, 6), reads(1, 8, 9)]), 'it came late')
  assert.ok(isLinearizable(0, [writes(1, 0), reads(0, 5, 6)]), 'it never came')
})

test('what could not is not', () => {
  assert.ok(!isLinearizable(0, [writes(1, 0, 1), reads(0, 2, 3)]), 'a stale read')
  assert.ok(!isLinearizable(0, [reads(1, 0, 1), writes(1, 2, 3)]), 'a read of what is to come')
  assert.ok(!isLinearizable(0, [writes(1, 0, 10), reads(1, 1, 2), reads(0, 3, 4)]), 'back again')
  assert.ok(!isLinearizable(0, [writes(1, 0), reads(1, 1, 2), reads(0, 3, 4)]), 'and by a doubt')
  assert.ok(!isLinearizable(0, [reads(7, 0, 1)]), 'a value of nobody')
})
