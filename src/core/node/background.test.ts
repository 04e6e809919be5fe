import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '../std/instant.ts'
import type { AdmissionOptions } from '../repair/admission.ts'
import { Background } from './background.ts'
import { FakeHost } from './fake-host.test.ts'

const OPTIONS: AdmissionOptions = { latencyMs: 5, slowdownPercent: 50, unitsMax: 1_000 }

class Bench {
  readonly host = new FakeHost()
  readonly background: Background
  readonly went: string[] = []

  constructor(options: Partial<AdmissionOptions> = {}) {
    this.background = new Background(this.host, { ...OPTIONS, ...options })
  }

  ask(work: 'hints' | 'exchange', name: string): void {
    this.background.admit(work, () => void this.went.push(name))
  }

  /** A client's get, answered after so long. */
  request(client: number, ms: number): void {
    this.background.asked(client, 'get')
    this.pass(ms)
    this.background.answered(client)
  }

  pass(ms: number): void {
    const end = this.host.now + ms
    for (;;) {
      const { timers } = this.host
      const due = timers.filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      timers.splice(timers.indexOf(due), 1)
      this.#move(Math.max(due.at, this.host.now))
      const { timer } = due
      if (timer.owner === 'background') this.background.onTimer(timer.what, timer.at)
      this.background.check()
    }
    this.#move(end)
  }

  #move(to: number): void {
    this.host.wallMs += to - this.host.now
    this.host.now = instant(to)
  }
}

test('without requests of clients a unit goes at once', () => {
  const bench = new Bench()
  bench.ask('hints', 'a')
  bench.ask('exchange', 'b')
  assert.deepEqual(bench.went, ['a', 'b'])
  bench.background.check()
})

test('with requests units wait for their turn, each goes once, and kinds of work alternate', () => {
  const bench = new Bench()
  bench.request(1, 2)
  for (const name of ['1', '2', '3']) bench.ask('exchange', `exchange ${name}`)
  for (const name of ['1', '2']) bench.ask('hints', `hints ${name}`)
  assert.ok(bench.went.length <= 1)
  bench.pass(3_000)
  const kinds = bench.went.slice(0, 4).map((name) => name.split(' ')[0])
  assert.deepEqual(bench.went.toSorted(), [
    ...['exchange 1', 'exchange 2', 'exchange 3', 'hints 1', 'hints 2'],
  ])
  for (let i = 1; i < kinds.length; i++) assert.notEqual(kinds[i], kinds[i - 1])
  bench.pass(3_000)
  assert.equal(bench.went.length, 5)
})

test('a unit that asks for the next at once gets it in its turn', () => {
  const bench = new Bench()
  bench.request(1, 2)
  let left = 50
  const again = (): void => {
    if (left-- > 0) bench.background.admit('hints', again)
  }
  bench.background.admit('hints', again)
  bench.pass(200)
  assert.ok(left > 30, `${left} are left`)
  bench.pass(10_000)
  assert.equal(left, -1)
})

test('a request answered in the step that asked it says nothing', () => {
  const bench = new Bench()
  bench.request(1, 0)
  bench.ask('hints', 'a')
  bench.ask('hints', 'b')
  assert.deepEqual(bench.went, ['a', 'b'])
  bench.request(2, 3)
  const waits = [...bench.background.view.waits]
  assert.ok(waits.find(({ wait }) => wait === 'get')!.p99Ms >= 3)
})

test('how late timers fire is measured while background work goes on, and not for ever', () => {
  const bench = new Bench()
  bench.request(1, 2)
  bench.ask('hints', 'a')
  bench.pass(1_500)
  assert.ok(bench.background.view.waits.find(({ wait }) => wait === 'turn')!.p99Ms > 0)
  bench.pass(60_000)
  assert.deepEqual(bench.host.timers, [])
})

test('the view counts the units of each work and those that wait', () => {
  const bench = new Bench()
  bench.ask('exchange', 'a')
  bench.request(1, 2)
  for (const name of ['b', 'c', 'd']) bench.ask('hints', name)
  const { work } = bench.background.view
  const hints = work.find((view) => view.work === 'hints')!
  const exchange = work.find((view) => view.work === 'exchange')!
  assert.equal(exchange.units, 1)
  assert.equal(hints.units + hints.waiting, 3)
})
