/**
 * The simulator in CI: the fixed seeds, then fresh seeds of the swarm; each runs twice, and the two
 * must be the same to the byte. Fails when anything is broken, when there was no time for as many
 * fresh seeds as were asked for, and when a run that another version of Node has noted is another
 * run here.
 *
 * ```
 * node dist/sim/ci.js --fresh 50 --minutes 8 --note dist/sim-hashes.json
 * node dist/sim/ci.js --same-as dist/sim-hashes.json
 * node dist/sim/ci.js --fresh 50 --first-seed 1234
 * ```
 */
import { rmSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { compareWithNoted, noteRuns } from './run/noted-runs.ts'
import { freshSeed, whole } from './run/options.ts'
import { Pool } from './run/pool.ts'
import { runGate } from './run/gate.ts'

/** Fresh seeds without anything said: what every change must pass. */
const FRESH = '300'
const MINUTES = '8'

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      fresh: { type: 'string', default: FRESH },
      minutes: { type: 'string', default: MINUTES },
      'first-seed': { type: 'string' },
      workers: { type: 'string' },
      note: { type: 'string' },
      'same-as': { type: 'string' },
    },
  })
  const { workers: count, 'first-seed': first, 'same-as': sameAs, note } = values
  const print = (text: string): void => console.log(text)
  const pool = new Pool({
    workers: count === undefined ? undefined : whole('--workers', count, 1, 256),
  })
  try {
    if (sameAs !== undefined) return await compareWithNoted(sameAs, pool, print)
    // What an older build noted must not pass for what this one did.
    if (note !== undefined) rmSync(note, { force: true })
    const { isGood, noted } = await runGate(pool, print, {
      fresh: whole('--fresh', values.fresh, 0, 1_000_000),
      minutes: whole('--minutes', values.minutes, 1, 1_440),
      firstSeed: first === undefined ? freshSeed() : whole('--first-seed', first, 0, 0xffff_ffff),
    })
    if (note !== undefined) noteRuns(note, noted)
    return isGood ? 0 : 1
  } finally {
    await pool.close()
  }
}

process.exitCode = await main()
