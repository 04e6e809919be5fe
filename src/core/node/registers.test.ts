import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NO_BALLOT } from '../consensus/ballot.ts'
import type { Ballot } from '../consensus/ballot.ts'
import type { RegisterAnswer } from '../consensus/messages.ts'
import type { ProposalResult } from '../consensus/proposal.ts'
import { crc32 } from '../std/crc32.ts'
import type { NodeId } from '../std/ids.ts'
import { Prng } from '../std/prng.ts'
import { A, B, C, FakeHost, FakeStore } from './fake-host.test.ts'
import { PROPOSALS_MAX, Registers } from './registers.ts'
import { registerKey } from './storage-keys.ts'

const KEY = 'layout/2'
const V = Uint8Array.of(1)
const ballot = (counter: number, node: NodeId = B): Ballot => ({ counter, node, proposal: 7 })

class Bench {
  readonly host = new FakeHost()
  readonly store = new FakeStore()
  standing: 'ok' | 'behind' | 'ahead' = 'ok'
  isWelcome = true
  readonly differing: string[] = []
  readonly registers = new Registers(this.host, {
    ...{ store: this.store, checksum: crc32, rng: new Prng(1) },
    serves: () => this.standing,
    mayAccept: () => this.isWelcome,
    differs: (peer, which) => void this.differing.push(`${peer} ${which}`),
  })
  #settled = 0

  prepare(at: Ballot, from: NodeId = B): void {
    const question = { request: 7, key: KEY, layoutVersion: 1, ballot: at }
    this.registers.asked(from, { type: 'register-prepare', ...question })
  }

  accept(at: Ballot, value = V): void {
    const question = { request: 7, key: KEY, layoutVersion: 1, ballot: at, value, requests: [] }
    this.registers.asked(B, { type: 'register-accept', ...question })
  }

  settle(isStored = true): void {
    for (; this.#settled < this.host.batches.length; this.#settled++) {
      const { token, operations } = this.host.batches[this.#settled]!
      if (isStored) this.store.apply(operations)
      if (isStored) this.registers.stored(token)
      else this.registers.storeFailed(token)
      this.registers.check()
    }
  }

  last(): RegisterAnswer {
    return this.host.sent.at(-1)!.message as RegisterAnswer
  }
}

test('a promise is given when it is durable, and kept', () => {
  const bench = new Bench()
  bench.prepare(ballot(5))
  assert.deepEqual(bench.host.sent, [], 'a crash could take it back')
  bench.settle()
  const { outcome, ballot: answered } = bench.last()
  assert.deepEqual([outcome, answered], ['ok', ballot(5)])
  bench.prepare(ballot(4))
  assert.deepEqual([bench.last().outcome, bench.last().greater], ['conflict', ballot(5)])
})

test('what was accepted is told with the next promise, and can be asked for', () => {
  const bench = new Bench()
  assert.equal(bench.registers.accepted(KEY), undefined)
  bench.accept(ballot(5))
  bench.settle()
  assert.equal(bench.last().outcome, 'ok')
  assert.deepEqual(bench.registers.accepted(KEY), V)
  bench.prepare(ballot(6))
  bench.settle()
  const promise = bench.last()
  assert.ok(promise.type === 'register-promise')
  assert.deepEqual([promise.accepted, promise.value], [ballot(5), V])
})

test('a disk that refuses makes no promise', () => {
  const bench = new Bench()
  bench.prepare(ballot(5))
  bench.settle(false)
  const { outcome, greater } = bench.last()
  assert.deepEqual([outcome, greater], ['store-failed', NO_BALLOT])
  bench.prepare(ballot(5))
  bench.settle()
  assert.equal(bench.last().outcome, 'ok')
})

test('whoever knows another layout is told, and its question changes nothing', () => {
  const bench = new Bench()
  for (const standing of ['behind', 'ahead'] as const) {
    bench.standing = standing
    bench.prepare(ballot(5))
    assert.equal(bench.last().outcome, standing)
  }
  assert.deepEqual(bench.differing, [`${B} behind`, `${B} ahead`])
  assert.deepEqual(bench.host.batches, [])
})

test('who knows by now what it still asks about tells nobody, itself least of all', () => {
  const bench = new Bench()
  bench.standing = 'ahead'
  const results: ProposalResult[] = []
  bench.registers.propose({
    ...{ key: KEY, layoutVersion: 1, sets: [[A]], change: () => V },
    done: (result) => void results.push(result),
  })
  assert.deepEqual(bench.differing, [])
  assert.deepEqual(bench.host.batches, [])
})

test('a value that may not be is refused, and nobody takes part in a clone or over its limits', () => {
  const bench = new Bench()
  bench.isWelcome = false
  bench.accept(ballot(5))
  assert.equal(bench.last().outcome, 'refused')
  bench.host.clonedBy = { host: '10.0.0.9', port: 1 }
  bench.prepare(ballot(6))
  assert.equal(bench.last().outcome, 'refused')
  let result: ProposalResult | undefined
  const done = (each: ProposalResult): void => void (result = each)
  bench.registers.propose({ key: KEY, layoutVersion: 1, sets: [[A]], change: () => V, done })
  assert.deepEqual(result, { outcome: 'failed' })
})

test('a record that is damaged is never replaced', () => {
  const bench = new Bench()
  bench.store.put(registerKey(KEY), Uint8Array.of(1, 2, 3))
  bench.prepare(ballot(5))
  bench.accept(ballot(5))
  assert.deepEqual(
    bench.host.sent.map(({ message }) => (message as RegisterAnswer).outcome),
    ['store-failed', 'store-failed'],
  )
  assert.equal(bench.registers.accepted(KEY), undefined)
  assert.deepEqual(bench.host.batches, [])
})

test('alone a node chooses by itself, through its disk', () => {
  const bench = new Bench()
  const results: ProposalResult[] = []
  bench.registers.propose({
    ...{ key: KEY, layoutVersion: 1, sets: [[A]], change: () => V },
    done: (result) => void results.push(result),
  })
  assert.deepEqual(results, [])
  bench.settle()
  assert.deepEqual(results, [{ outcome: 'chosen', value: V, isMade: true }])
  assert.deepEqual(bench.host.sent, [])
  assert.deepEqual(bench.registers.forget(KEY), [{ type: 'delete', key: registerKey(KEY) }])
  assert.deepEqual(bench.registers.forget('layout/9'), [])
})

test('proposals are bounded, and those who wait for nobody end', () => {
  const bench = new Bench()
  const results: ProposalResult[] = []
  for (let i = 0; i <= PROPOSALS_MAX; i++)
    bench.registers.propose({
      ...{ key: `k${i}`, layoutVersion: 1, sets: [[B, C]], change: () => V },
      done: (result) => void results.push(result),
    })
  assert.deepEqual(results, [{ outcome: 'failed' }])
  assert.equal(bench.registers.proposing, PROPOSALS_MAX)
  for (let turns = 0; bench.registers.proposing > 0; turns++) {
    assert.ok(turns < 10_000, 'it goes on for ever')
    const next = bench.host.timers.splice(0)
    for (const { timer, at } of next) {
      if (timer.owner !== 'registers') continue
      bench.host.now = at > bench.host.now ? at : bench.host.now
      bench.registers.onTimer(timer.request, timer.turn)
    }
  }
  assert.equal(results.length, PROPOSALS_MAX + 1)
  assert.ok(
    results.every(({ outcome }) => outcome === 'failed'),
    'no accept was ever sent',
  )
})
