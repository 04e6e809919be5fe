import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLinearizable } from './linearizable.test.ts'
import type { Flaws, Operation } from './world.test.ts'
import { callOf, World } from './world.test.ts'

const SEEDS = 400
/** More are tried until one shows the flaw. */
const SEEDS_OF_FLAWS = 2_000

function historyOf(seed: number, flaws?: Flaws): readonly Operation[] {
  const world = new World(seed, flaws)
  world.run()
  return world.operations
}

function isRight(history: readonly Operation[]): boolean {
  const calls = history.map((each) => callOf(each)).filter((call) => call !== undefined)
  return isLinearizable(0, calls)
}

test('a register that many change is linearizable, whatever the network and disks do', () => {
  const ends = { chosen: 0, unknown: 0, failed: 0, pending: 0 }
  const raises = { made: 0, none: 0 }
  for (let seed = 1; seed <= SEEDS; seed++) {
    const history = historyOf(seed)
    assert.ok(isRight(history), `seed ${seed}`)
    for (const { kind, outcome, isMade } of history) {
      ends[outcome]++
      if (kind === 'raise-if' && outcome === 'chosen') raises[isMade ? 'made' : 'none']++
    }
  }
  // A model in which something never happens says nothing of it.
  const said = JSON.stringify({ ...ends, ...raises })
  assert.equal(ends.pending, 0, said)
  assert.ok(ends.chosen > SEEDS * 30 && ends.unknown > 50 && ends.failed > 10, said)
  assert.ok(raises.made > SEEDS && raises.none > SEEDS, said)
})

const FLAWS: Readonly<Record<string, Flaws>> = {
  'accepts without promising': { looseAccept: true },
  'forgets all when it crashes': { amnesia: true },
  'answers before it is durable': { answersEarly: true },
  'takes one for a majority': { quorumOfOne: true },
  'reads what was not chosen': { readsEarly: true },
  'refuses a change by what was not chosen': { failsEarly: true },
  'counts answers and not acceptors': { countsReplies: true },
  'makes a change again of which nobody knows': { repeats: true },
  'moves without a majority of both sets': { notJoint: true },
  'moves without writing the value to both sets': { notRewritten: true },
}

for (const [name, flaws] of Object.entries(FLAWS))
  test(`one that ${name} is found out`, () => {
    let seed = 1
    while (seed <= SEEDS_OF_FLAWS && isRight(historyOf(seed, flaws))) seed++
    assert.ok(seed <= SEEDS_OF_FLAWS, 'no seed shows it')
  })
