import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId } from '../std/ids.ts'
import { instant, later } from '../std/instant.ts'
import { Prng } from '../std/prng.ts'
import type { RequestId } from './acceptor.ts'
import { REQUESTS_MAX } from './acceptor.ts'
import type { Ballot } from './ballot.ts'
import { NO_BALLOT } from './ballot.ts'
import type { ProposalEffect, ProposalOptions, ProposalResult, Told } from './proposal.ts'
import { DEADLINE, Proposal } from './proposal.ts'

const nodeOf = (letter: string): NodeId => letter.repeat(16) as NodeId
const [SELF, OTHER] = [nodeOf('f'), nodeOf('e')]
const [A, B, C] = [nodeOf('a'), nodeOf('b'), nodeOf('c')]
const [D, E] = [nodeOf('d'), nodeOf('1')]
const bytes = (...each: number[]): Uint8Array => Uint8Array.of(...each)
const request = { node: SELF, number: 7 }
const others = (count: number, from = 0): RequestId[] =>
  Array.from({ length: count }, (_, i) => ({ node: OTHER, number: from + i }))
const NOTHING: Told = { accepted: NO_BALLOT, value: bytes(), requests: [] }
const told = (counter: number, value: Uint8Array, requests: readonly RequestId[] = []): Told => ({
  accepted: { counter, node: OTHER, proposal: 1 },
  value,
  requests,
})

class Bench {
  readonly proposal: Proposal
  now = instant(0)
  #effects: ProposalEffect[] = []

  constructor(options: Partial<ProposalOptions> = {}) {
    this.proposal = new Proposal({
      ...{ self: SELF, sets: [[A, B, C]], request, above: 0, rng: new Prng(1) },
      ...{ change: () => bytes(1), ...options },
    })
    this.proposal.start(this.now, this.#sink)
  }

  get #sink(): { push: (effect: ProposalEffect) => void } {
    return { push: (effect) => this.#effects.push(effect) }
  }

  /** What was asked for since the last call, but for timers. */
  asked(): ProposalEffect[] {
    const asked = this.#effects.filter(({ type }) => type !== 'arm')
    this.#effects = this.#effects.filter(({ type }) => type === 'arm').slice(-1)
    this.proposal.check()
    return asked
  }

  accepts(): Extract<ProposalEffect, { type: 'accept' }>[] {
    return this.asked().filter((effect) => effect.type === 'accept')
  }

  result(): ProposalResult | undefined {
    const last = this.asked().at(-1)
    return last?.type === 'done' ? last.result : undefined
  }

  get ballot(): Ballot {
    return { counter: this.proposal.counter, node: SELF, proposal: request.number }
  }

  promised(from: NodeId, what: Told = NOTHING, ballot = this.ballot): void {
    this.proposal.step({ type: 'promised', from, ballot, ...what }, this.now, this.#sink)
  }

  accepted(from: NodeId, ballot = this.ballot): void {
    this.proposal.step({ type: 'accepted', from, ballot }, this.now, this.#sink)
  }

  conflict(from: NodeId, counter: number): void {
    const greater = { counter, node: OTHER, proposal: 1 }
    const event = { type: 'conflict', from, ballot: this.ballot, greater } as const
    this.proposal.step(event, this.now, this.#sink)
  }

  refused(from: NodeId): void {
    this.proposal.step({ type: 'refused', from, ballot: this.ballot }, this.now, this.#sink)
  }

  /** Lets the timer that was armed last go off. */
  timer(): void {
    const armed = this.#effects.findLast((effect) => effect.type === 'arm')
    assert.ok(armed !== undefined)
    this.now = armed.at
    this.proposal.step({ type: 'timer', turn: armed.turn }, this.now, this.#sink)
  }

  /** After a conflict: the next attempt is prepared. */
  again(): void {
    this.timer()
    assert.deepEqual(new Set(this.asked().map(({ type }) => type)), new Set(['prepare']))
  }

  /** Time passes and nobody says anything more. */
  end(): ProposalResult | undefined {
    while (this.now < later(instant(0), DEADLINE)) this.timer()
    return this.result()
  }
}

test('a change is made of the greatest that a majority tells, and chosen by a majority', () => {
  const bench = new Bench({ change: (current) => bytes(...current!, 9) })
  assert.equal(bench.asked().length, 3)
  bench.promised(A, told(3, bytes(3), others(1)))
  assert.deepEqual(bench.asked(), [])
  bench.promised(B, told(5, bytes(5), others(2)))
  const asked = bench.accepts()
  assert.deepEqual(
    asked.map(({ to }) => to),
    [A, B, C],
  )
  assert.deepEqual(asked[0]!.value, bytes(5, 9))
  assert.deepEqual(asked[0]!.requests, [...others(2), request])
  bench.accepted(C)
  assert.equal(bench.result(), undefined)
  bench.accepted(A)
  assert.deepEqual(bench.result(), { outcome: 'chosen', value: bytes(5, 9), isMade: true })
})

test('an acceptor counts once, a stranger and an answer to another ballot not at all', () => {
  const bench = new Bench()
  bench.asked()
  bench.promised(A)
  bench.promised(A)
  bench.promised(D)
  bench.promised(B, NOTHING, { ...bench.ballot, proposal: 6 })
  assert.deepEqual(bench.asked(), [])
  bench.promised(B)
  bench.asked()
  bench.accepted(B)
  bench.accepted(B)
  bench.accepted(D)
  assert.equal(bench.result(), undefined)
  bench.accepted(C)
  assert.equal(bench.result()?.outcome, 'chosen')
})

test('of two sets a majority of each is needed, twice', () => {
  const bench = new Bench({
    sets: [
      [A, B, C],
      [C, D, E],
    ],
  })
  assert.equal(bench.asked().length, 5, 'who is in both is asked once')
  for (const node of [A, B, C]) bench.promised(node)
  assert.deepEqual(bench.asked(), [])
  bench.promised(D)
  assert.equal(bench.accepts().length, 5)
  for (const node of [C, D, E]) bench.accepted(node)
  assert.equal(bench.result(), undefined)
  bench.accepted(A)
  assert.equal(bench.result()?.outcome, 'chosen')
})

test('what stays as it is needs no second phase where a majority holds one ballot', () => {
  const stays = { change: (current: Uint8Array | undefined): Uint8Array => current ?? bytes() }
  const agreed = new Bench(stays)
  agreed.promised(A, told(4, bytes(4)))
  agreed.promised(B, told(4, bytes(4)))
  assert.deepEqual(agreed.result(), { outcome: 'chosen', value: bytes(4), isMade: false })
  const split = new Bench(stays)
  split.promised(A, told(4, bytes(4), others(3)))
  split.promised(B, told(2, bytes(2)))
  const [asked] = split.accepts()
  assert.deepEqual([asked!.value, asked!.requests], [bytes(4), others(3)], 'nothing was changed')
  assert.equal(split.result(), undefined)
})

test('after a conflict it goes on above what stood in the way', () => {
  const bench = new Bench({ above: 41 })
  assert.equal(bench.proposal.counter, 42)
  bench.conflict(A, 42)
  assert.equal(bench.proposal.counter, 42, 'less than ours by its node: a message that came twice')
  bench.conflict(A, 99)
  bench.asked()
  bench.again()
  assert.equal(bench.proposal.counter, 100)
})

test('while no accept went out it fails, at once where no majority is left', () => {
  const refused = new Bench()
  refused.refused(A)
  assert.equal(refused.result(), undefined)
  refused.refused(B)
  assert.deepEqual(refused.result(), { outcome: 'failed' })
  assert.deepEqual(new Bench().end(), { outcome: 'failed' })
})

test('once an accept went out nobody says that it failed', () => {
  const bench = new Bench()
  bench.promised(A)
  bench.promised(B)
  assert.equal(bench.accepts().length, 3)
  assert.deepEqual(bench.end(), { outcome: 'unknown' })
})

test('nor when a later attempt found that there was nothing to change', () => {
  const bench = new Bench({ change: (current) => current ?? bytes(1) })
  bench.promised(A)
  bench.promised(B)
  bench.asked()
  bench.conflict(A, 5)
  bench.again()
  bench.promised(B, told(5, bytes(2)))
  bench.promised(C)
  assert.equal(bench.accepts().length, 3, 'the other value, to be chosen')
  // Who meets A and C next, and not B, completes our first accept.
  assert.deepEqual(bench.end(), { outcome: 'unknown' })
})

/** An accept of ours, built on `before`, met a conflict; then a majority tells of `after`. */
function retried(before: readonly RequestId[], after: readonly RequestId[]): Bench {
  const bench = new Bench({ change: (current) => bytes(...current!, 1) })
  bench.promised(A, told(1, bytes(5), before))
  bench.promised(B, told(1, bytes(5), before))
  bench.asked()
  bench.conflict(A, 5)
  bench.again()
  bench.promised(B, told(4, bytes(6), after))
  bench.promised(C, told(3, bytes(0)))
  return bench
}

test('a change that is found is not made again', () => {
  const bench = retried(others(2), [...others(2), request, ...others(1, 50)])
  const [asked] = bench.accepts()
  assert.deepEqual(asked!.value, bytes(6))
  bench.accepted(A)
  bench.accepted(B)
  assert.deepEqual(bench.result(), { outcome: 'chosen', value: bytes(6), isMade: true })
})

test('a change that is not found is made again when it cannot have been pushed out', () => {
  const full = others(REQUESTS_MAX)
  const afterwards = others(REQUESTS_MAX, 3)
  for (const [before, after] of [
    [others(2), others(REQUESTS_MAX - 1, 50)],
    [full, full],
    [full, afterwards],
  ] as const) {
    const [asked] = retried(before, after).accepts()
    assert.deepEqual(asked!.value, bytes(6, 1))
    assert.deepEqual(asked!.requests.at(-1), request)
    assert.ok(asked!.requests.length <= REQUESTS_MAX)
  }
})

test('when as many others came after what it was built on nobody can tell', () => {
  const full = others(REQUESTS_MAX)
  assert.deepEqual(retried(full, others(REQUESTS_MAX, 16)).result(), { outcome: 'unknown' })
  assert.deepEqual(retried([], full).result(), { outcome: 'unknown' })
})
