import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Prng } from '../../src/core/std/prng.ts'
import { isLinearizableByDefinition } from './brute-force.ts'
import { checkByKey } from './by-key.ts'
import type { Verdict } from './check.ts'
import { checkLinearizable } from './check.ts'
import { BAD, GOOD } from './drawn-histories.ts'
import { explain } from './explain.ts'
import type { RegisterCall, RegisterInput, RegisterOutput, RegisterValue } from './register.ts'
import { REGISTER } from './register.ts'
import { timeline } from './timeline.ts'

type RegisterVerdict = Verdict<RegisterValue, RegisterInput, RegisterOutput>

const SEED = 0x1131

function verdictOf(calls: readonly RegisterCall[], visitedMax?: number): RegisterVerdict {
  return checkLinearizable(REGISTER, calls, visitedMax)
}

/** Follows `order` through the register and through time: it must be what it is said to be. */
function assertPossible(order: readonly RegisterCall[], calls: readonly RegisterCall[]): void {
  let state = REGISTER.init
  for (const [place, { input, output, invoked }] of order.entries()) {
    const step = REGISTER.step(state, input, output)
    assert.ok(step.ok)
    state = step.state
    for (const later of order.slice(place + 1)) assert.ok(later.returned >= invoked)
  }
  const missing = calls.filter((call) => !order.includes(call))
  assert.ok(missing.every(({ returned }) => returned === Infinity))
}

describe('the search accepts', () => {
  for (const { about, rows } of GOOD)
    test(about, () => {
      const calls = timeline(...rows)
      const verdict = verdictOf(calls)
      assert.ok(verdict.type === 'linearizable')
      assertPossible(verdict.order, calls)
      assert.equal(isLinearizableByDefinition(REGISTER, calls), true)
    })
})

describe('the search refuses', () => {
  for (const { about, rows } of BAD)
    test(about, () => {
      const calls = timeline(...rows)
      assert.equal(verdictOf(calls).type, 'not-linearizable')
      assert.equal(isLinearizableByDefinition(REGISTER, calls), false)
    })
})

test('at least sixty drawn histories are judged, each of them another', () => {
  const drawings = [...GOOD, ...BAD].map(({ rows }) => rows.join('\n'))
  assert.ok(drawings.length >= 60)
  assert.equal(new Set(drawings).size, drawings.length)
})

/** How a history is made: who does how many things, of what kinds, how long they take. */
interface Recipe {
  readonly seed: number
  readonly calls: number
  readonly processes: number
  readonly values: number
  /** Share of the operations whose outcome nobody knows, of 10. */
  readonly unknown: number
  readonly cas: boolean
}

function recipes(calls: { min: number; max: number }): fc.Arbitrary<Recipe> {
  return fc.record({
    seed: fc.nat(0xffff_ffff),
    calls: fc.integer(calls),
    processes: fc.integer({ min: 1, max: 5 }),
    values: fc.integer({ min: 1, max: 6 }),
    unknown: fc.integer({ min: 0, max: 4 }),
    cas: fc.boolean(),
  })
}

/**
 * A history that is linearizable because it was made so: each operation is given an instant, the
 * register answers in the order of the instants, and each interval is drawn around its instant.
 */
function history({ seed, calls, processes, values, unknown, cas }: Recipe): RegisterCall[] {
  const dice = new Prng(seed)
  const freeAt = new Array<number>(processes).fill(0)
  const planned = Array.from({ length: calls }, (_, id) => {
    const process = dice.below(processes)
    const invoked = freeAt[process]! + dice.fraction()
    const instant = invoked + dice.fraction()
    const returned = instant + dice.fraction() * 3
    freeAt[process] = returned
    return { id, process, invoked, instant, returned, input: inputFrom(dice, values, cas) }
  })
  let state = REGISTER.init
  const order = [...planned].sort((a, b) => a.instant - b.instant)
  const answered = order.map(({ id, process, invoked, returned, input }): RegisterCall => {
    const call = { id, process, invoked, returned, input }
    const isUnknown = dice.below(10) < unknown
    // Of those of unknown outcome some happen at their instant, some never.
    if (isUnknown && dice.chance(0.5)) return { ...call, output: 'unknown', returned: Infinity }
    const output = outputOf(state, call.input)
    const step = REGISTER.step(state, call.input, output)
    assert.ok(step.ok)
    state = step.state
    return isUnknown ? { ...call, output: 'unknown', returned: Infinity } : { ...call, output }
  })
  return answered.sort((a, b) => a.id - b.id)
}

function inputFrom(dice: Prng, values: number, cas: boolean): RegisterInput {
  const value = (): RegisterValue => {
    const drawn = dice.below(values + 1)
    return drawn === 0 ? undefined : `v${drawn}`
  }
  const kind = dice.below(cas ? 3 : 2)
  if (kind === 0) return { type: 'read' }
  if (kind === 1) return { type: 'write', value: value() }
  return { type: 'cas', expected: value(), value: value() }
}

function outputOf(state: RegisterValue, input: RegisterInput): RegisterOutput {
  if (input.type === 'read') return { type: 'read', value: state }
  if (input.type === 'write') return { type: 'written' }
  return { type: 'compared', swapped: state === input.expected }
}

function isUnknown({ output }: RegisterCall): boolean {
  return output === 'unknown'
}

/** The same history with one thing about it changed, which may or may not break it. */
function mutated(calls: readonly RegisterCall[], seed: number): RegisterCall[] {
  if (calls.length === 0) return []
  const dice = new Prng(seed)
  const place = dice.below(calls.length)
  const victim = calls[place]!
  const other = calls[dice.below(calls.length)]!
  const swap = (fields: (from: RegisterCall) => Partial<RegisterCall>): RegisterCall[] =>
    calls.map((call) => {
      if (call === victim) return { ...call, ...fields(other) }
      return call === other ? { ...call, ...fields(victim) } : call
    })
  switch (dice.below(5)) {
    // A stale read, or one that sees the future: the answer of another.
    case 0:
      return victim.input.type !== other.input.type || isUnknown(victim) || isUnknown(other)
        ? [...calls]
        : swap(({ output }) => ({ output }))
    // Reordered: the time of another.
    case 1:
      return isUnknown(victim) || isUnknown(other)
        ? [...calls]
        : swap(({ invoked, returned }) => ({ invoked, returned }))
    // A lost update: an operation that was answered and never happened.
    case 2:
      return calls.filter((call) => call !== victim || victim.input.type === 'read')
    // Shorter: the operation ended sooner than it did.
    case 3: {
      const returned = victim.invoked + 0.01
      return calls.map((call) =>
        call === victim && !isUnknown(call) ? { ...call, returned } : call,
      )
    }
    // A compare-and-set that says the opposite.
    default:
      return calls.map((call) =>
        call === victim && call.output !== 'unknown' && call.output.type === 'compared'
          ? { ...call, output: { type: 'compared', swapped: !call.output.swapped } }
          : call,
      )
  }
}

describe('the search', () => {
  test('accepts whatever was made around instants', () => {
    fc.assert(
      fc.property(recipes({ min: 1, max: 60 }), (recipe) => {
        const calls = history(recipe)
        const verdict = verdictOf(calls)
        assert.equal(verdict.type, 'linearizable')
        if (verdict.type === 'linearizable') assertPossible(verdict.order, calls)
      }),
      { seed: SEED, numRuns: 500 },
    )
  })

  test('agrees with the definition on small histories, good and bad', () => {
    const verdicts = { linearizable: 0, 'not-linearizable': 0 }
    fc.assert(
      fc.property(recipes({ min: 1, max: 7 }), fc.nat(0xffff_ffff), (recipe, seed) => {
        const calls = mutated(mutated(history(recipe), seed), seed + 1)
        const { type } = verdictOf(calls)
        assert.ok(type !== 'undecided')
        verdicts[type]++
        assert.equal(type === 'linearizable', isLinearizableByDefinition(REGISTER, calls))
      }),
      { seed: SEED, numRuns: 4_000 },
    )
    assert.ok(verdicts.linearizable > 500, `only ${verdicts.linearizable} good`)
    assert.ok(verdicts['not-linearizable'] > 500, `only ${verdicts['not-linearizable']} bad`)
  })

  test('does not depend on the order in which the operations are listed', () => {
    fc.assert(
      fc.property(recipes({ min: 1, max: 7 }), fc.nat(0xffff_ffff), (recipe, seed) => {
        const calls = mutated(history(recipe), seed)
        const turned = verdictOf([...calls].reverse())
        assert.equal(turned.type, verdictOf(calls).type)
      }),
      { seed: SEED, numRuns: 500 },
    )
  })

  test('names the longest way and the operation that cannot be placed', () => {
    const calls = timeline('[w1] [w2     ] [r2] [r1] [r1]', '        [w3 ] ')
    const verdict = verdictOf(calls)
    assert.ok(verdict.type === 'not-linearizable')
    assertPossible(verdict.prefix, verdict.prefix)
    assert.equal(verdict.prefix.length, 4)
    assert.deepEqual(verdict.stuck.output, { type: 'read', value: '1' })
    assert.equal(verdict.state, '2')
    const text = explain(verdict)
    assert.match(text, /^cannot be placed: #3 read → 1 \(process 0, 20 … 23\)/)
    assert.match(text, /holds 2, after 4 operations:\n {4}#0 write 1 → ok/)
  })

  test('says undecided when its budget is spent, and never a wrong verdict', () => {
    fc.assert(
      fc.property(recipes({ min: 5, max: 7 }), fc.nat(0xffff_ffff), (recipe, seed) => {
        const calls = mutated(history(recipe), seed)
        const frugal = verdictOf(calls, 3)
        if (frugal.type !== 'undecided') assert.equal(frugal.type, verdictOf(calls).type)
      }),
      { seed: SEED, numRuns: 500 },
    )
    // Twelve writers at once, and a read of something that none of them wrote.
    const rows = Array.from({ length: 12 }, (_, index) => `[w${index.toString(16)}      ]`)
    const calls = timeline(...rows, '              [rx]')
    assert.deepEqual(verdictOf(calls, 1_000), { type: 'undecided', visited: 1_001 })
    assert.equal(verdictOf(calls).type, 'not-linearizable')
  })

  test('judges hundreds of operations of a dozen processes within its budget', () => {
    const recipe = { calls: 500, processes: 12, values: 1e6, unknown: 1, cas: false }
    for (const seed of [1, 2, 3, 4, 5])
      assert.equal(verdictOf(history({ ...recipe, seed })).type, 'linearizable')
  })

  test('finds one stale read among hundreds of operations', () => {
    const recipe = { calls: 300, processes: 4, values: 1e6, unknown: 1, cas: false }
    for (const seed of [1, 2, 3, 4, 5]) {
      const calls = history({ ...recipe, seed })
      const reads = calls.filter(
        ({ input, output }) => input.type === 'read' && output !== 'unknown',
      )
      const late = reads.at(-1)!
      const stale = calls.map((call) =>
        call === late ? { ...call, output: reads[50]!.output } : call,
      )
      const verdict = verdictOf(stale)
      assert.equal(verdict.type, 'not-linearizable')
      assert.ok(verdict.type === 'not-linearizable')
      assert.equal(verdict.stuck.id, late.id)
    }
  })
})

describe('judged by key', () => {
  const good = timeline('[w1] [r1]').map((call) => ({ ...call, key: 'a' }))
  const bad = timeline('[w1] [r2]').map((call) => ({ ...call, key: 'b' }))

  test('keys do not disturb each other', () => {
    const both = [...good, ...good.map((call) => ({ ...call, key: 'c' }))]
    assert.deepEqual(checkByKey(REGISTER, both), { type: 'linearizable' })
  })

  test('the key that is not linearizable is named', () => {
    const verdict = checkByKey(REGISTER, [...good, ...bad])
    assert.ok(verdict.type === 'not-linearizable')
    assert.equal(verdict.key, 'b')
    assert.deepEqual(verdict.refusal.stuck.output, { type: 'read', value: '2' })
  })

  test('a refusal counts for more than a key that is not decided', () => {
    assert.deepEqual(checkByKey(REGISTER, good, 0), { type: 'undecided', keys: ['a'] })
    assert.equal(checkByKey(REGISTER, [...good, ...bad], 1).type, 'not-linearizable')
  })
})
