import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { crashRestart } from '../scenarios/crash-restart.ts'
import type { Job, JobResult } from './job.ts'
import type { PoolOptions } from './pool.ts'
import { Pool } from './pool.ts'
import { runJob } from './run-job.ts'
import { scenarioToData } from './scenario-data.ts'

const pools: Pool[] = []
after(() => Promise.all(pools.map((pool) => pool.close())))

function pool(options: PoolOptions): Pool {
  const made = new Pool(options)
  pools.push(made)
  return made
}

/** A short scenario, in which disks have time to forget. */
const SHORT = scenarioToData({ ...crashRestart, name: 'short', loadMs: 4_000 })

function job(seed: number, more: Partial<Job> = {}): Job {
  const source = { type: 'file', path: 'short.json', scenario: SHORT } as const
  return { source, seed, mutant: undefined, twice: false, told: false, ...more }
}

/** A program for workers whose seeds have a meaning. */
function program(text: string): URL {
  const code = `import { parentPort } from 'node:worker_threads'
    const good = ({ seed }) => ({ scenario: 'fake', seed, violation: undefined, hash: 'h' + seed,
      events: 1, virtualMs: 1000, realMs: 1, runs: 1, report: '',
      operations: { ok: 1, fail: 0, unknown: 0 } })
    parentPort.on('message', (job) => { ${text}; parentPort.postMessage(good(job)) })`
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`)
}

async function collect(results: AsyncIterable<{ result: JobResult }>): Promise<JobResult[]> {
  const all: JobResult[] = []
  for await (const { result } of results) all.push(result)
  return all.sort((a, b) => a.seed - b.seed)
}

test('a run on a worker is the run that it is on the main thread', async () => {
  const [result] = await collect(pool({ workers: 1 }).all([job(7, { twice: true })]))
  const here = runJob(job(7))
  assert.equal(result!.violation, undefined)
  assert.equal(result!.hash, here.hash)
  assert.equal(result!.runs, 2)
  assert.equal(result!.events, 2 * here.events)
  assert.equal(result!.virtualMs, 2 * here.virtualMs)
  assert.equal(result!.operations.ok, 2 * here.operations.ok)
})

test('a broken invariant comes back with its checker, its keys and its story', async () => {
  const seeds = Array.from({ length: 20 }, (_, index) => index + 1)
  const jobs = seeds.map((seed) => job(seed, { mutant: 'forgotten-disk', told: true }))
  for await (const { result } of pool({ workers: 2 }).all(jobs)) {
    if (result.violation === undefined) continue
    assert.match(result.report, new RegExp(`\nbroken: ${result.violation.checker}\n`))
    assert.match(
      result.report,
      /replay: npm run sim -- --scenario-file short\.json --seed \d+ --mut/,
    )
    return
  }
  assert.fail('twenty seeds, and nobody noticed that a disk forgets')
})

test('results come as they are ready, and jobs are drawn as workers get free', async () => {
  const drawn: number[] = []
  function* endless(): Generator<Job> {
    for (let seed = 0; ; seed++) {
      drawn.push(seed)
      yield job(seed)
    }
  }
  let results = 0
  for await (const { result } of pool({ workers: 2, entry: program('') }).all(endless())) {
    assert.equal(result.hash, `h${result.seed}`)
    if (++results === 5) break
  }
  assert.ok(drawn.length <= results + 2, `${drawn.length} drawn`)
})

test('a worker that throws, exits or runs out of memory is a failure with its seed', async () => {
  const entry = program(`
    if (job.seed === 2) throw new Error('thrown on purpose')
    if (job.seed === 3) process.exit(4)
    if (job.seed === 4) { const all = []; for (;;) all.push(new Array(1e5).fill({})) }`)
  const jobs = [1, 2, 3, 4, 5].map((seed) => job(seed))
  const results = await collect(pool({ workers: 1, memoryMb: 32, entry }).all(jobs))
  const messages = results.map(({ violation }) => violation?.message)
  assert.equal(messages[0], undefined)
  assert.match(messages[1]!, /thrown on purpose/)
  assert.match(messages[2]!, /ended with code 4/)
  assert.match(messages[3]!, /memory/)
  assert.equal(messages[4], undefined)
  assert.deepEqual(
    results.map(({ violation }) => violation?.checker),
    [undefined, 'worker-crash', 'worker-crash', 'worker-crash', undefined],
  )
  assert.match(results[3]!.report, /replay: npm run sim -- --scenario-file short\.json --seed 4\n/)
})

test('an endless loop is ended at the time limit, and the next job gets a new worker', async () => {
  const entry = program('if (job.seed === 1) for (;;);')
  const jobs = [job(1), job(2)]
  const results = await collect(pool({ workers: 1, timeLimitMs: 2_000, entry }).all(jobs))
  assert.equal(results[0]!.violation?.checker, 'time-limit')
  assert.match(results[0]!.violation.message, /no end after 2 s/)
  assert.equal(results[1]!.hash, 'h2')
})

test('workers get the options of Node and the environment that they are given', async () => {
  const hook = `data:text/javascript,${encodeURIComponent('globalThis.hooked = process.env.A')}`
  const entry = program("if (globalThis.hooked !== 'b') throw new Error('not hooked')")
  const options = { workers: 1, entry, execArgv: ['--import', hook], env: { A: 'b' } }
  const [result] = await collect(pool(options).all([job(1)]))
  assert.equal(result!.violation, undefined)
})

test('more jobs than workers wait for their turn', async () => {
  const one = pool({ workers: 1, entry: program('') })
  const results = await Promise.all([1, 2, 3].map((seed) => one.run(job(seed))))
  assert.deepEqual(
    results.map(({ hash }) => hash),
    ['h1', 'h2', 'h3'],
  )
})
