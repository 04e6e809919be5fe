import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId, PartitionId } from '../std/ids.ts'
import { instant } from '../std/instant.ts'
import type { StoreEntry } from '../ports.ts'
import type { HintDeliveryEffect, HintDeliveryEvent } from './hint-delivery.ts'
import { HintDelivery, SESSIONS_MAX } from './hint-delivery.ts'
import type { HandoffOutcome } from './hint-messages.ts'

const B = 'b'.repeat(16) as NodeId
const C = 'c'.repeat(16) as NodeId
/** Of this one B holds nothing. */
const FOREIGN = 9
const BROKEN = 200

/** A hint by its number, of a partition. */
const entry = (number: number, partition = 1): StoreEntry => ({
  key: Uint8Array.of(number),
  value: Uint8Array.of(partition),
})

class Bench {
  readonly effects: HintDeliveryEffect[] = []
  readonly delivery: HintDelivery
  #request = 0

  constructor() {
    this.delivery = new HintDelivery({
      nextRequest: () => ++this.#request,
      layoutVersion: () => 7,
      parse: ({ key, value }) => {
        const partition = value[0]! as PartitionId
        const hint = { partition, key, record: value, base: value }
        return { number: key[0]!, bytes: 10, hint: value[0] === BROKEN ? undefined : hint }
      },
      holds: (_, partition) => partition !== FOREIGN,
    })
  }

  step(event: HintDeliveryEvent): void {
    this.delivery.step(event, instant(5), this.effects)
    this.delivery.check()
  }

  begin(target = B, before = 255, expired = 0): void {
    this.step({ type: 'begin', target, before, expired })
  }

  scanned(...entries: readonly StoreEntry[]): void {
    this.step({ type: 'scanned', token: this.last('scan').token, entries })
  }

  reply(outcome: HandoffOutcome = 'stored', from = B): void {
    const request = this.#request
    this.step({ type: 'replied', from, message: { type: 'hint-handoff-reply', request, outcome } })
  }

  removed(): void {
    this.step({ type: 'removed', token: this.last('remove').token })
  }

  last<T extends HintDeliveryEffect['type']>(
    type: T,
  ): Extract<HintDeliveryEffect, { readonly type: T }> {
    const found = this.effects.findLast((effect) => effect.type === type)
    assert.ok(found !== undefined, `no ${type}`)
    return found as Extract<HintDeliveryEffect, { readonly type: T }>
  }

  types(): string {
    return this.effects.map(({ type }) => type).join(' ')
  }
}

test('pages are brought in order, and removed when the target has them durably', () => {
  const bench = new Bench()
  bench.begin()
  bench.scanned(entry(3), entry(5))
  const { to, message } = bench.last('send')
  assert.deepEqual([to, message.layoutVersion], [B, 7])
  assert.deepEqual(
    message.hints.map(({ key }) => key[0]),
    [3, 5],
  )
  assert.equal(bench.types(), 'scan send arm', 'nothing is removed before the answer')
  bench.reply()
  assert.equal(bench.last('remove').before, 6)
  bench.removed()
  const { page } = bench.last('page')
  assert.deepEqual([page.delivered, page.bytes, page.before], [2, 20, 6])
  bench.scanned()
  assert.deepEqual(bench.last('ended'), {
    ...{ type: 'ended', target: B, before: 255, outcome: 'none', delivered: 2 },
  })
  assert.equal(bench.delivery.isActive(B), false)
})

test('a target that refuses, is silent or is lost keeps its hints waiting', () => {
  for (const outcome of ['busy', 'store-failed', 'stale-layout', 'not-replica'] as const) {
    const bench = new Bench()
    bench.begin()
    bench.scanned(entry(3))
    bench.reply(outcome)
    assert.equal(bench.types(), 'scan send arm ended')
    assert.equal(bench.last('ended').outcome, 'failed')
  }
  const silent = new Bench()
  silent.begin()
  silent.scanned(entry(3))
  silent.step({ type: 'timer', request: silent.last('arm').request })
  silent.reply()
  assert.equal(silent.types(), 'scan send arm ended', 'an answer too late is none')
  const lost = new Bench()
  lost.begin()
  lost.scanned(entry(3))
  lost.step({ type: 'peer-lost', peer: B })
  assert.equal(lost.types(), 'scan send arm ended')
})

test('an answer of somebody else, or to another message, removes nothing', () => {
  const bench = new Bench()
  bench.begin()
  bench.scanned(entry(3))
  bench.reply('stored', C)
  const message = { type: 'hint-handoff-reply', request: 99, outcome: 'stored' } as const
  bench.step({ type: 'replied', from: B, message })
  assert.equal(bench.types(), 'scan send arm')
})

test('what is too old or broken is dropped, and what moved away is kept for others', () => {
  const bench = new Bench()
  bench.begin(B, 255, 4)
  bench.scanned(entry(3), entry(4, BROKEN), entry(5, FOREIGN), entry(6))
  assert.deepEqual(
    bench.last('send').message.hints.map(({ key }) => key[0]),
    [6],
  )
  bench.reply()
  assert.deepEqual(
    bench.last('remove').rerouted.map(({ key }) => key[0]),
    [5],
  )
  bench.removed()
  const { delivered, expired, broken, rerouted } = bench.last('page').page
  assert.deepEqual([delivered, expired, broken, rerouted.length], [1, 1, 1, 1])
})

test('a page with nothing to bring is removed without asking anybody', () => {
  const bench = new Bench()
  bench.begin(B, 10, 10)
  bench.scanned(entry(3), entry(9))
  assert.equal(bench.types(), 'scan remove')
  bench.removed()
  bench.scanned()
  assert.equal(bench.last('ended').delivered, 0)
})

test('a disk that cannot read or remove ends the session, and no page counts twice', () => {
  const bench = new Bench()
  bench.begin()
  bench.step({ type: 'scan-failed', token: bench.last('scan').token })
  assert.equal(bench.types(), 'scan ended')
  bench.begin()
  bench.scanned(entry(1))
  bench.reply()
  bench.step({ type: 'remove-failed', token: bench.last('remove').token })
  bench.removed()
  assert.equal(bench.types(), 'scan ended scan send arm remove ended')
})

test('only so many targets are served at once', () => {
  const bench = new Bench()
  for (let i = 0; i < SESSIONS_MAX; i++) {
    assert.equal(bench.delivery.hasRoom, true)
    bench.begin(String(i).repeat(16) as NodeId)
  }
  assert.equal(bench.delivery.hasRoom, false)
})
