import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from '../std/crc32.ts'
import { Prng } from '../std/prng.ts'
import type { HandedHint, HandoffOutcome, HintHandoff } from '../repair/hint-messages.ts'
import { HybridClock } from '../versions/hybrid-clock.ts'
import { NO_BASE } from '../versions/partition-clock.ts'
import type { Container } from '../versions/version.ts'
import { Actors } from './actors.ts'
import {
  A,
  B,
  C,
  FakeHost,
  FakeStore,
  holdingsOf,
  keyIn,
  layoutOf,
  partition,
  recordOf,
  written,
} from './fake-host.test.ts'
import { FakeRegisters } from './fake-registers.test.ts'
import { HintIntake } from './hint-intake.ts'
import type { LocalHoldings } from './holdings.ts'
import { LayoutKeeper } from './layout-keeper.ts'

class Bench {
  readonly host = new FakeHost()
  readonly store = new FakeStore()
  readonly holdings: LocalHoldings
  readonly intake: HintIntake
  /** Turns to be given; while undefined they are given at once. */
  turns: (() => void)[] | undefined
  #request = 0

  constructor(layout = layoutOf([A, B, C])) {
    const { host, store } = this
    const address = { host: '10.0.0.1', port: 1 }
    const info = {
      ...{ id: A, name: 'n', address, httpAddress: address, zone: 'z', weight: 100 },
      ...{ version: '1.0.0', leaveLock: '00'.repeat(16) },
    }
    const keeper = new LayoutKeeper(host, {
      leastR: () => 2,
      registers: new FakeRegisters(),
      adopted: () => undefined,
      self: info,
      rng: new Prng(1),
      store,
    })
    keeper.merge({ current: layout, previous: undefined, synced: [], acked: [], lost: [] })
    this.holdings = holdingsOf(store)
    const { holdings } = this
    const rest = { checksum: crc32, rng: new Prng(2), resumed: false }
    const actors = new Actors(host, { store, holdings, ...rest })
    host.batches.length = 0
    this.intake = new HintIntake(host, {
      ...{ layout: keeper, holdings, actors, unreadable: () => undefined },
      clock: new HybridClock({ skewMaxMs: 500, leasedUntilMs: 0 }),
      admit: (go) => (this.turns === undefined ? go() : void this.turns.push(go)),
    })
  }

  hand(hints: readonly HandedHint[], change: Partial<HintHandoff> = {}): void {
    const request = ++this.#request
    const message = { type: 'hint-handoff', request, layoutVersion: 1, hints } as const
    this.holdings.begin()
    this.intake.handed(B, { ...message, ...change })
    this.intake.check()
  }

  stored(): void {
    const { token, operations } = this.host.batches.at(-1)!
    this.store.apply(operations)
    this.intake.stored(token)
  }

  get outcomes(): HandoffOutcome[] {
    return this.host.sentOf('hint-handoff-reply').map(({ message }) => message.outcome)
  }

  held(place: number, key: string): Container {
    const held = this.holdings.held(partition(place), keyIn(place, key))
    assert.ok(held !== 'unreadable')
    return held.container
  }
}

function hint(place: number, key: string, container: Container): HandedHint {
  const record = recordOf(container)
  return { partition: partition(place), key: keyIn(place, key), record, base: NO_BASE }
}

test('hints of several partitions are one batch, and answered when that is durable', () => {
  const bench = new Bench()
  bench.hand([
    hint(1, 'a', written(7, 1)),
    hint(2, 'b', written(8, 1)),
    hint(1, 'c', written(7, 2)),
  ])
  assert.equal(bench.host.batches.length, 1)
  assert.deepEqual(bench.outcomes, [])
  bench.stored()
  assert.deepEqual(bench.outcomes, ['stored'])
  assert.equal(bench.intake.received, 3)
  for (const [place, key] of [
    [1, 'a'],
    [2, 'b'],
    [1, 'c'],
  ] as const)
    assert.equal(bench.held(place, key).versions.length, 1)
  assert.ok(
    bench.holdings
      .clockOf(partition(1))
      .covers({ vnode: written(7, 1).versions[0]!.dot.vnode, counter: 2 }),
  )
})

test('a hint that was superseded meanwhile brings nothing back, even if nothing is left of its key', () => {
  const bench = new Bench()
  const old = written(7, 1)
  bench.hand([hint(1, 'k', old)])
  bench.stored()
  const deleted = written(7, 2, 'deleted', old)
  bench.hand([hint(1, 'k', deleted)])
  bench.stored()
  const before = bench.holdings.held(partition(1), keyIn(1, 'k'))
  const gone = { versions: [], vector: deleted.vector }
  const reaped = bench.holdings.keep(partition(1), keyIn(1, 'k'), before, gone)
  bench.store.apply(reaped!.operations)
  assert.equal(bench.store.get(keyIn(1, 'k')), undefined)
  bench.hand([hint(1, 'k', old)])
  bench.stored()
  assert.equal(bench.store.get(keyIn(1, 'k')), undefined)
  assert.deepEqual(bench.outcomes, ['stored', 'stored', 'stored'])
})

test('what is here already is acknowledged behind a barrier, unless a batch was lost meanwhile', () => {
  const bench = new Bench()
  bench.hand([hint(1, 'k', written(7, 1))])
  bench.stored()
  bench.hand([hint(1, 'k', written(7, 1))])
  assert.deepEqual(bench.host.batches.at(-1)!.operations, [])
  bench.intake.batchLost()
  bench.stored()
  assert.deepEqual(bench.outcomes, ['stored', 'store-failed'])
})

test('a batch that the disk refuses is said so', () => {
  const bench = new Bench()
  bench.hand([hint(1, 'k', written(7, 1))])
  bench.intake.storeFailed(bench.host.batches.at(-1)!.token)
  assert.deepEqual([bench.outcomes, bench.intake.received], [['store-failed'], 0])
})

test('hints of an older layout, or of partitions held elsewhere, change nothing', () => {
  const bench = new Bench(layoutOf([B, C]))
  bench.hand([hint(1, 'k', written(7, 1))], { layoutVersion: 0 })
  bench.hand([hint(1, 'k', written(7, 1))])
  bench.host.storeBusy = true
  bench.hand([hint(1, 'k', written(7, 1))])
  assert.deepEqual(bench.outcomes, ['stale-layout', 'not-replica', 'store-failed'])
  assert.deepEqual(bench.host.batches, [])
})

test('what is no record is passed over, told of, and does not hold up the rest', () => {
  const bench = new Bench()
  const good = hint(1, 'k', written(7, 1))
  bench.hand([
    ...[
      { ...good, key: Uint8Array.of(4, 0, 1) },
      { ...good, record: new Uint8Array(0) },
    ],
    ...[{ ...good, record: Uint8Array.of(1, 2) }, { ...good, partition: partition(2) }, good],
  ])
  bench.stored()
  assert.deepEqual(bench.outcomes, ['stored'])
  assert.equal(bench.host.notes.filter(({ type }) => type === 'peer-misbehaved').length, 4)
  assert.equal(bench.held(1, 'k').versions.length, 1)
})

test('hints wait for their turn, and only so many do', () => {
  const bench = new Bench()
  bench.turns = []
  for (let i = 0; i < 18; i++) bench.hand([hint(1, `k${i}`, written(7, i + 1))])
  assert.deepEqual(bench.outcomes, ['busy', 'busy'])
  assert.deepEqual(bench.host.batches, [])
  for (const go of bench.turns) go()
  assert.equal(bench.host.batches.length, 16)
})
