import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '../std/instant.ts'
import { Prng } from '../std/prng.ts'
import type { AdmissionOptions, ForegroundWait } from './admission.ts'
import { Admission, UNITS_MIN } from './admission.ts'

const WALL = 1_700_000_000_000
const OPTIONS: AdmissionOptions = { latencyMs: 5, slowdownPercent: 50, unitsMax: 1_000 }
const REQUESTS_PER_SECOND = 500

/**
 * A node whose requests take as long as `latencyOf` says, and whose background never has enough.
 */
class World {
  readonly admission: Admission
  /** Milliseconds since the start. */
  ms = 5_000
  /** When units went. */
  readonly #went: number[] = []
  /** Units that went, by second. */
  readonly units: number[] = []
  readonly rng = new Prng(3)

  constructor(options: Partial<AdmissionOptions> = {}) {
    this.admission = new Admission({ ...OPTIONS, ...options })
  }

  /** Lets time pass; `latencyOf` is given the units of the last 200 ms, as many as in a second. */
  run(
    seconds: number,
    latencyOf: ((units: number) => number) | undefined,
    wait: ForegroundWait = 'put',
  ): void {
    for (const end = this.ms + seconds * 1_000; this.ms < end; this.ms++) {
      const { admission } = this
      const now = instant(this.ms)
      const wallMs = WALL + this.ms
      const second = Math.floor(this.ms / 1_000)
      while (this.#went.length > 0 && this.#went[0]! < this.ms - 200) this.#went.shift()
      const load = this.#went.length * 5
      if (latencyOf !== undefined && this.rng.below(1_000) < REQUESTS_PER_SECOND)
        admission.waited(wait, latencyOf(load), now, wallMs)
      while (admission.nextAt(now, wallMs) <= now) {
        admission.went(now)
        this.#went.push(this.ms)
        this.units[second] = (this.units[second] ?? 0) + 1
      }
      if (this.ms % 100 === 0) admission.check()
    }
  }

  /** Units a second in the last so many seconds. */
  rate(seconds: number): number {
    const second = Math.floor(this.ms / 1_000)
    let sum = 0
    for (let i = second - seconds; i < second; i++) sum += this.units[i] ?? 0
    return sum / seconds
  }

  p99(of: ForegroundWait = 'put'): { p99Ms: number; quietP99Ms: number; limitMs: number } {
    for (const view of this.admission.waits()) if (view.wait === of) return view
    throw new Error('no such wait')
  }
}

test('without requests all units go that are allowed at all', () => {
  const world = new World({ unitsMax: 300 })
  world.run(20, undefined)
  assert.ok(Math.abs(world.rate(10) - 300) < 15, `${world.rate(10)} a second`)
})

test('requests that stay fast let background work rise to the most allowed', () => {
  const world = new World()
  world.run(60, () => 2)
  // One second of ten is quiet.
  assert.ok(world.rate(20) > 800, `${world.rate(20)} a second`)
})

test('no unit begins in a quiet second while there are requests', () => {
  const world = new World()
  world.run(60, () => 2)
  const quiet = world.units.filter((_, second) => (WALL / 1_000 + second) % 10 === 0)
  assert.ok(world.units.length > 50)
  assert.deepEqual(
    quiet.filter((units) => units > 0),
    [],
  )
})

test('when background work makes requests slow it yields, and finds the rate that they bear', () => {
  const world = new World()
  // Beyond 200 units a second the requests suffer.
  const latencyOf = (units: number): number => (units > 200 ? 30 : 2)
  world.run(600, latencyOf)
  const rate = world.rate(300)
  assert.ok(rate > 60 && rate < 200, `${rate} a second`)
  let slow = 0
  for (const units of world.units.slice(-300)) if (units > 200) slow++
  assert.ok(slow <= 10, `${slow} of 300 seconds were too much`)
})

test('the measure is what requests take in quiet seconds, however slow the node is', () => {
  const world = new World()
  const latencyOf = (units: number): number => 40 + (units > 100 ? 30 : units / 10)
  world.run(400, latencyOf)
  const { quietP99Ms, limitMs } = world.p99()
  assert.ok(quietP99Ms >= 40 && quietP99Ms < 56, `${quietP99Ms} ms`)
  assert.equal(limitMs, quietP99Ms * 1.5)
  assert.ok(world.rate(100) > 30, `${world.rate(100)} a second`)
})

test('a node that is slow by itself alone does not stop background work', () => {
  const world = new World()
  world.run(200, () => 80)
  assert.ok(world.rate(20) > 500, `${world.rate(20)} a second`)
})

test('the least goes on however slow the requests are', () => {
  const world = new World({ slowdownPercent: 0 })
  const latencyOf = (units: number): number => (units > 0 ? 500 : 2)
  world.run(200, latencyOf)
  const rate = world.rate(50)
  assert.ok(rate > UNITS_MIN * 0.8 && rate < UNITS_MIN * 1.2, `${rate} a second`)
})

test('each kind of wait counts: slow disks are not hidden by many fast gets', () => {
  const world = new World()
  const latencyOf = (units: number): number => (units > 100 ? 50 : 2)
  for (let i = 0; i < 100; i++) {
    world.run(1, () => 1, 'get')
    world.run(1, latencyOf, 'disk')
  }
  assert.ok(world.rate(100) < 150, `${world.rate(100)} a second`)
})

test('two units never go in one moment while there are requests', () => {
  const world = new World()
  world.run(30, () => 1)
  const ms = world.ms + 4_000
  const [now, wallMs] = [instant(ms), WALL + ms]
  world.admission.waited('get', 1, now, wallMs)
  assert.equal(world.admission.nextAt(now, wallMs), now)
  world.admission.went(now)
  assert.ok(world.admission.nextAt(now, wallMs) > now)
})

test('when requests cease nobody is hurt any more, however slow the last ones were', () => {
  const world = new World()
  world.run(60, (units) => (units > 0 ? 500 : 2))
  assert.ok(world.rate(20) < 30, `${world.rate(20)} a second`)
  world.run(10, undefined)
  assert.ok(world.rate(5) > 900, `${world.rate(5)} a second`)
})

test('a rate that was not used for a while is forgotten', () => {
  const world = new World()
  world.run(60, () => 2)
  assert.ok(world.admission.unitsAt(instant(world.ms)) > 900)
  world.ms += 30_000
  const now = instant(world.ms)
  world.admission.waited('put', 2, now, WALL + world.ms)
  assert.ok(world.admission.unitsAt(now) < 100)
})
