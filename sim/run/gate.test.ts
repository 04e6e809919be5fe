import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { fixedSeeds } from './fixed-seeds.ts'
import type { GateOptions, GateResult } from './gate.ts'
import { runGate } from './gate.ts'
import { Pool } from './pool.ts'

const pools: Pool[] = []
after(() => Promise.all(pools.map((pool) => pool.close())))

/** A gate whose workers find seed 7 of the swarm bad, and take some milliseconds for each seed. */
async function gate(options: GateOptions): Promise<GateResult & { readonly said: string }> {
  const code = `import { parentPort } from 'node:worker_threads'
    parentPort.on('message', ({ source, seed, twice }) => {
      const isBad = source.type === 'swarm' && seed === 7
      const violation = isBad ? { checker: 'dots', message: 'bad', keys: [] } : undefined
      setTimeout(() => parentPort.postMessage({ scenario: source.type, seed, violation,
        hash: 'h' + seed, events: 1, virtualMs: 1000, realMs: 1, runs: twice ? 2 : 1,
        report: isBad ? 'broken: dots' : '', operations: { ok: 1, fail: 0, unknown: 0 } }), 5)
    })`
  const entry = new URL(`data:text/javascript,${encodeURIComponent(code)}`)
  const pool = new Pool({ workers: 1, entry })
  pools.push(pool)
  const said: string[] = []
  const result = await runGate(pool, (text) => said.push(text), options)
  return { ...result, said: said.join('\n') }
}

test('the gate runs the fixed seeds and as many fresh ones as asked, each twice', async () => {
  const fixed = fixedSeeds().length
  const { isGood, noted, said } = await gate({ fresh: 12, minutes: 1, firstSeed: 100 })
  assert.ok(isGood)
  assert.match(said, /12 fresh seeds from 100 on; --first-seed 100 repeats them/)
  assert.match(said, /seeds 100 … 111: 12 of 12/)
  assert.match(said, new RegExp(`\n${2 * (fixed + 12)} runs, 0 failures\n`))
  assert.equal(noted.length, fixed + 12)
  assert.deepEqual(
    noted
      .slice(fixed)
      .map(({ hash }) => hash)
      .sort(),
    Array.from({ length: 12 }, (_, index) => `h${100 + index}`),
  )
})

test('one bad seed closes the gate, and all others are run all the same', async () => {
  const { isGood, said } = await gate({ fresh: 4, minutes: 1, firstSeed: 5 })
  assert.equal(isGood, false)
  assert.match(said, /\nFAIL swarm seed 7: .*\nbroken: dots\n/)
  assert.match(said, /seeds 5 … 8: 4 of 4/)
})

test('too little time for the fresh seeds closes the gate, and it says so', async () => {
  const { isGood, said } = await gate({ fresh: 1_000_000, minutes: 0.005, firstSeed: 10 })
  assert.equal(isGood, false)
  assert.match(said, /\nFAIL: 0\.005 minutes were enough for \d+ of 1000000 fresh seeds only/)
})
