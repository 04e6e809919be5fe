import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from '../std/crc32.ts'
import type { NodeId } from '../std/ids.ts'
import { instant } from '../std/instant.ts'
import { Prng } from '../std/prng.ts'
import type { Hint } from '../coordinator/messages.ts'
import type { Layout, LayoutState } from '../placement/layout.ts'
import type { HandoffOutcome } from '../repair/hint-messages.ts'
import { HybridClock } from '../versions/hybrid-clock.ts'
import { NO_BASE } from '../versions/partition-clock.ts'
import {
  A,
  B,
  C,
  D,
  FakeHost,
  FakeStore,
  holdingsOf,
  keyIn,
  layoutOf,
  partition,
  recordOf,
  WALL,
  written,
} from './fake-host.test.ts'
import { FakeRegisters } from './fake-registers.test.ts'
import { Hinting } from './hinting.ts'
import { LayoutKeeper } from './layout-keeper.ts'

const complete = (current: Layout): LayoutState => ({
  current,
  previous: undefined,
  synced: [],
  acked: [],
  lost: [],
})
const FOUR = layoutOf([A, B, C, D])
const AGE_MS = 60_000

/** The hints of one node, with a disk that is as quick as the test says. */
class Bench {
  readonly host = new FakeHost()
  readonly store: FakeStore
  readonly layout: LayoutKeeper
  readonly hinting: Hinting
  #batched = 0
  #scanned = 0

  constructor(options: { store?: FakeStore; bytesMax?: number; layout?: Layout } = {}) {
    const { host } = this
    this.store = options.store ?? new FakeStore()
    const address = { host: '10.0.0.1', port: 1 }
    const info = {
      ...{ id: A, name: 'n', address, httpAddress: address, zone: 'z', weight: 100 },
      ...{ version: '1.0.0', leaveLock: '00'.repeat(16) },
    }
    this.layout = new LayoutKeeper(host, {
      leastR: () => 2,
      registers: new FakeRegisters(),
      adopted: () => undefined,
      self: info,
      rng: new Prng(1),
      store: this.store,
    })
    this.layout.merge(complete(options.layout ?? FOUR))
    this.#batched = host.batches.length
    this.hinting = new Hinting(host, {
      ...{ layout: this.layout, holdings: holdingsOf(this.store), checksum: crc32 },
      clock: new HybridClock({ skewMaxMs: 500, leasedUntilMs: 0 }),
      ...{ bytesMax: options.bytesMax ?? 1e6, ageMaxMs: AGE_MS, admit: (go) => go() },
    })
    this.hinting.start()
    this.settle()
  }

  /** A hint as a coordinator sends it. */
  hint(target: NodeId, key: string, request = 1): Hint {
    const place = this.placeOf(target)
    return {
      ...{ type: 'hint', request, layoutVersion: 1, target, partition: partition(place) },
      ...{ key: keyIn(place, key), record: recordOf(written(7, request + 1)), base: NO_BASE },
    }
  }

  /** A partition that `node` holds and this node does not, if there is one. */
  placeOf(node: NodeId): number {
    const sets = this.layout.state!.current.table.map((_, p) => this.#holders(p))
    const place = sets.findIndex((set) => set.includes(node) && !set.includes(A))
    return place >= 0 ? place : sets.findIndex((set) => set.includes(node))
  }

  #holders(place: number): readonly NodeId[] {
    return this.layout.placementOf(partition(place))?.writeSets.flat() ?? []
  }

  /** The disk does all that it was asked to, and what comes of that, too. */
  settle(isStored = true): void {
    const { batches, scans } = this.host
    while (this.#batched < batches.length || this.#scanned < scans.length) {
      if (this.#batched < batches.length) {
        const { owner, token, operations } = batches[this.#batched++]!
        if (isStored) this.store.apply(operations)
        if (owner !== 'hints') continue
        if (isStored) this.hinting.stored(token)
        else this.hinting.storeFailed(token)
      } else {
        const { token, ranges } = scans[this.#scanned++]!
        this.hinting.scanned(token, this.store.scan(ranges[0]!))
      }
      this.hinting.check()
    }
  }

  /** Time passes until the next look; nothing is due before. */
  look(ms = 1_000): void {
    this.host.now = instant(this.host.now + ms)
    this.host.wallMs += ms
    const due = this.host.timers.splice(0).filter(({ timer, at }) => {
      if (at > this.host.now) this.host.timers.push({ timer, at })
      return at <= this.host.now
    })
    for (const { timer } of due) if (timer.owner === 'hints') this.hinting.onTimer(timer.request)
    this.settle()
  }

  answer(from: NodeId, outcome: HandoffOutcome = 'stored'): void {
    const { request } = this.host.sentOf('hint-handoff').at(-1)!.message
    this.hinting.replied(from, { type: 'hint-handoff-reply', request, outcome })
    this.settle()
  }

  /** Keys of hints on the disk: the first byte of them is that of their kind. */
  get kept(): number {
    return this.store.entries.filter(({ key }) => key[0] === 0x07).length
  }
}

test('a hint is promised when it is durable, and brought when its target is up', () => {
  const bench = new Bench()
  bench.host.down.add(B)
  bench.hinting.asked(C, bench.hint(B, 'k'))
  assert.deepEqual(bench.host.sentOf('hint-reply'), [])
  bench.settle()
  const reply = bench.host.sentOf('hint-reply')[0]!
  assert.deepEqual([reply.to, reply.message.outcome, reply.message.target], [C, 'stored', B])
  bench.look()
  assert.deepEqual(bench.host.sentOf('hint-handoff'), [])
  bench.host.down.delete(B)
  bench.look()
  const [handoff] = bench.host.sentOf('hint-handoff')
  assert.equal(handoff!.to, B)
  assert.deepEqual(handoff!.message.hints[0]!.key, bench.hint(B, 'k').key)
  bench.answer(B)
  assert.equal(bench.kept, 0)
  assert.deepEqual(bench.hinting.view.targets, [])
  assert.equal(bench.hinting.view.counts.delivered, 1)
  assert.deepEqual(bench.host.notes.at(-1), { type: 'hints-delivered', target: B, hints: 1 })
})

test('a hint that the disk does not take is not promised, and not counted', () => {
  const bench = new Bench()
  bench.hinting.asked(C, bench.hint(B, 'k'))
  bench.settle(false)
  assert.equal(bench.host.sentOf('hint-reply')[0]!.message.outcome, 'store-failed')
  assert.deepEqual([bench.hinting.view.bytes, bench.hinting.view.targets.length], [0, 0])
})

test('a hint beyond the bound is refused, and the last one that fits is kept', () => {
  const bench = new Bench({ bytesMax: 400 })
  bench.host.down.add(B)
  for (let i = 0; i < 10; i++) bench.hinting.asked(C, bench.hint(B, `key ${i}`, i))
  bench.settle()
  const outcomes = bench.host.sentOf('hint-reply').map(({ message }) => message.outcome)
  const { bytes, bytesMax, counts } = bench.hinting.view
  assert.ok(bytes <= bytesMax)
  assert.ok(counts.kept > 1 && counts.refused > 1)
  assert.equal(outcomes.filter((outcome) => outcome === 'full').length, counts.refused)
  assert.ok(bench.host.notes.some(({ type }) => type === 'hints-full'))
})

test('what is no record, or of an older layout, is not kept', () => {
  const bench = new Bench()
  const hint = bench.hint(B, 'k')
  bench.hinting.asked(C, { ...hint, layoutVersion: 0 })
  bench.hinting.asked(C, { ...hint, key: Uint8Array.of(3, 1, 2) })
  bench.hinting.asked(C, { ...hint, record: new Uint8Array(0) })
  bench.hinting.asked(C, { ...hint, record: Uint8Array.of(1, 2, 3) })
  bench.host.storeBusy = true
  bench.hinting.asked(C, hint)
  bench.settle()
  assert.deepEqual(
    bench.host.sentOf('hint-reply').map(({ message }) => message.outcome),
    ['stale-layout', 'malformed', 'malformed', 'malformed', 'store-failed'],
  )
  assert.equal(bench.kept, 0)
})

test('hints of earlier lives are counted before anything is brought', () => {
  const before = new Bench()
  before.host.down.add(B)
  for (let i = 0; i < 5; i++) before.hinting.asked(C, before.hint(B, `key ${i}`, i))
  before.settle()
  const { targets, bytes } = before.hinting.view
  const after = new Bench({ store: before.store })
  assert.equal(after.hinting.view.isCounted, true)
  assert.deepEqual([after.hinting.view.targets, after.hinting.view.bytes], [targets, bytes])
  after.host.wallMs += 10
  after.hinting.asked(C, after.hint(B, 'another', 9))
  after.settle()
  after.look()
  const { hints } = after.host.sentOf('hint-handoff')[0]!.message
  assert.deepEqual(
    hints.map(({ key }) => key),
    [0, 1, 2, 3, 4]
      .map((i) => after.hint(B, `key ${i}`).key)
      .concat([after.hint(B, 'another').key]),
    'in the order in which they were kept, over both lives',
  )
})

test('a target that does not take them is left alone for a moment', () => {
  const bench = new Bench()
  bench.hinting.asked(C, bench.hint(B, 'k'))
  bench.settle()
  bench.look()
  bench.answer(B, 'busy')
  bench.look()
  assert.equal(bench.host.sentOf('hint-handoff').length, 1)
  assert.equal(bench.kept, 1)
  bench.look()
  bench.look()
  assert.equal(bench.host.sentOf('hint-handoff').length, 2)
})

test('hints that are too old are dropped while their target is away, the others stay', () => {
  const bench = new Bench()
  bench.host.down.add(B)
  bench.hinting.asked(C, bench.hint(B, 'old'))
  bench.settle()
  bench.look(AGE_MS / 2)
  bench.hinting.asked(C, bench.hint(B, 'young'))
  bench.settle()
  for (let i = 0; i < 3; i++) bench.look(AGE_MS / 4)
  assert.equal(bench.kept, 1)
  const { targets, counts } = bench.hinting.view
  assert.deepEqual([targets[0]!.count, counts.dropped], [1, 1])
  assert.deepEqual(bench.host.notes.at(-1), {
    ...{ type: 'hints-dropped', target: B, reason: 'age', hints: 1 },
  })
  assert.deepEqual(bench.host.sentOf('hint-handoff'), [])
})

test('a damaged hint is dropped, and does not hold up those behind it', () => {
  const bench = new Bench()
  for (const key of ['one', 'two']) bench.hinting.asked(C, bench.hint(B, key))
  bench.settle()
  bench.store.damage(bench.store.entries.find(({ key }) => key[0] === 0x07)!.key)
  bench.look()
  const { hints } = bench.host.sentOf('hint-handoff')[0]!.message
  assert.deepEqual(
    hints.map(({ key }) => key),
    [bench.hint(B, 'two').key],
  )
  bench.answer(B)
  assert.equal(bench.kept, 0)
  assert.equal(bench.hinting.view.counts.dropped, 1)
})

test('what was kept for a node that no layout knows goes to those who hold the partition now', () => {
  const bench = new Bench()
  bench.host.down.add(D)
  const hint = bench.hint(D, 'k')
  bench.hinting.asked(C, hint)
  bench.settle()
  bench.look()
  assert.deepEqual(bench.host.sentOf('hint-handoff'), [])
  bench.layout.merge(complete(layoutOf([A, B, C], FOUR)))
  bench.look()
  const waiting = bench.hinting.view.targets.map(({ target, count }) => [target, count])
  assert.deepEqual(
    waiting.toSorted((a, b) => String(a[0]).localeCompare(String(b[0]))),
    [
      [B, 1],
      [C, 1],
    ],
  )
  assert.notEqual(bench.store.get(hint.key), undefined, 'this node holds the partition as well')
  bench.look()
  bench.answer(bench.host.sentOf('hint-handoff').at(-1)!.to)
})

test('what was kept for this node itself is stored here, and sent to nobody', () => {
  const bench = new Bench()
  const hint = bench.hint(A, 'k')
  bench.hinting.keep(hint)
  bench.settle()
  bench.look()
  bench.look()
  assert.notEqual(bench.store.get(hint.key), undefined)
  assert.deepEqual(bench.host.sentOf('hint-handoff'), [])
  assert.equal(bench.kept, 0)
  assert.deepEqual(bench.hinting.view.targets, [])
})

test('numbers tell that all hints of before are delivered, whatever was kept since', () => {
  const bench = new Bench()
  bench.hinting.asked(C, bench.hint(B, 'before'))
  bench.settle()
  const mark = bench.hinting.view.targets[0]!.last
  bench.look()
  bench.host.wallMs += 5
  bench.hinting.asked(C, bench.hint(B, 'since'))
  bench.settle()
  assert.ok(bench.hinting.view.targets[0]!.first <= mark)
  bench.answer(B)
  const [left] = bench.hinting.view.targets
  assert.ok(left !== undefined && left.first > mark && left.count === 1)
  assert.ok(left.oldestMs >= WALL)
})

test('while another process has our identity nothing is kept or brought', () => {
  const bench = new Bench()
  bench.hinting.asked(C, bench.hint(B, 'k'))
  bench.settle()
  bench.host.clonedBy = { host: '10.0.0.9', port: 1 }
  bench.hinting.asked(C, bench.hint(B, 'l'))
  bench.settle()
  bench.look()
  assert.equal(bench.host.sentOf('hint-reply').at(-1)!.message.outcome, 'store-failed')
  assert.deepEqual(bench.host.sentOf('hint-handoff'), [])
})
