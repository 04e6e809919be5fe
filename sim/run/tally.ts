/** The sum of a batch: how much was run, how fast, and what came of it. */
import type { JobResult } from './job.ts'

/** The numbers, for whoever reads them with a program. */
export interface TallyNumbers {
  readonly jobs: number
  readonly runs: number
  readonly failures: number
  readonly operations: { readonly ok: number; readonly fail: number; readonly unknown: number }
  readonly events: number
  readonly virtualSeconds: number
  /** By the clock on the wall. */
  readonly realSeconds: number
  readonly workers: number
  /** What one worker does. */
  readonly virtualPerRealSecond: number
  readonly eventsPerSecond: number
}

export class Tally {
  readonly #workers: number
  readonly #begun = performance.now()
  readonly #operations = { ok: 0, fail: 0, unknown: 0 }
  #jobs = 0
  #runs = 0
  #failures = 0
  #events = 0
  #virtualMs = 0
  /** Sum over all workers. */
  #busyMs = 0

  constructor(workers: number) {
    this.#workers = workers
  }

  add(result: JobResult): void {
    this.#jobs++
    this.#runs += result.runs
    this.#events += result.events
    this.#virtualMs += result.virtualMs
    this.#busyMs += result.realMs
    if (result.violation !== undefined) this.#failures++
    this.#operations.ok += result.operations.ok
    this.#operations.fail += result.operations.fail
    this.#operations.unknown += result.operations.unknown
  }

  get failures(): number {
    return this.#failures
  }

  numbers(): TallyNumbers {
    const busySeconds = Math.max(this.#busyMs / 1000, 1e-9)
    return {
      jobs: this.#jobs,
      runs: this.#runs,
      failures: this.#failures,
      operations: { ...this.#operations },
      events: this.#events,
      virtualSeconds: Math.round(this.#virtualMs / 1000),
      realSeconds: round((performance.now() - this.#begun) / 1000),
      workers: this.#workers,
      virtualPerRealSecond: round(this.#virtualMs / 1000 / busySeconds),
      eventsPerSecond: Math.round(this.#events / busySeconds),
    }
  }

  /** What has been done so far, as one line. */
  line(): string {
    const { runs, failures, virtualSeconds, realSeconds, virtualPerRealSecond } = this.numbers()
    const time = `${count(virtualSeconds)} virtual s in ${count(realSeconds)} s`
    const speed = `${count(virtualPerRealSecond)} times real time a worker`
    return `${count(runs)} runs, ${count(failures)} failures, ${time}, ${speed}`
  }

  text(): string {
    const numbers = this.numbers()
    const { ok, fail, unknown } = numbers.operations
    const outcomes = `${count(ok)} ok, ${count(fail)} failed, ${count(unknown)} unknown`
    const real = `${count(numbers.events)} events in ${count(numbers.realSeconds)} s`
    const speed = `${count(numbers.virtualPerRealSecond)} virtual s per real s`
    const pace = `${count(numbers.eventsPerSecond)} events/s`
    return [
      `${count(numbers.runs)} runs, ${count(numbers.failures)} failures`,
      `${count(ok + fail + unknown)} operations: ${outcomes}`,
      `${count(numbers.virtualSeconds)} virtual s, ${real}`,
      `each of ${numbers.workers} workers: ${speed}, ${pace}`,
    ].join('\n')
  }
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

/** With commas: 12,345.6. */
function count(value: number): string {
  const [whole = '', fraction] = String(value).split('.')
  const grouped = whole.replaceAll(/\B(?=(?:\d{3})+$)/g, ',')
  return fraction === undefined ? grouped : `${grouped}.${fraction}`
}
