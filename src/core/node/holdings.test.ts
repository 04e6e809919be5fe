import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from '../std/crc32.ts'
import type { VnodeId } from '../std/ids.ts'
import { EMPTY_CONTAINER, write } from '../versions/container.ts'
import { encodeBase, NO_BASE } from '../versions/partition-clock.ts'
import { encodeRecord, isStripped } from '../versions/record.ts'
import type { Container, Value } from '../versions/version.ts'
import { FakeStore, keyIn, partition } from './fake-host.test.ts'
import type { Held } from '../coordinator/holdings.ts'
import { dueOf, LocalHoldings } from './holdings.ts'
import { clockKey, reapableKey } from './storage-keys.ts'

const P = partition(3)
const KEY = keyIn(3, 'a')
const OTHER_KEY = keyIn(3, 'b')

function value(text: string, expiresAtMs = 0): Value {
  const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0))
  return { bytes, contentType: 'text/plain', metadata: [], expiresAtMs }
}

function written(
  vnode: number,
  counter: number,
  local: Container = EMPTY_CONTAINER,
  what: Value | 'delete' = value('x'),
): Container {
  return write(local, {
    dot: { vnode: vnode as VnodeId, counter },
    stamp: { ms: counter, counter: 0 },
    value: what === 'delete' ? undefined : what,
    context: local.vector,
    tombstone: what === 'delete',
  })
}

class Bench {
  readonly store = new FakeStore()
  readonly changes: unknown[] = []
  readonly broken: number[] = []
  holdings: LocalHoldings = this.#open()

  #open(): LocalHoldings {
    return new LocalHoldings({
      store: this.store,
      checksum: crc32,
      onChange: (_, key, before, after) => void this.changes.push([key, before, after]),
      onBrokenClock: (at) => void this.broken.push(at),
    })
  }

  restart(): void {
    this.holdings = this.#open()
  }

  held(key = KEY): Held {
    const held = this.holdings.held(P, key)
    assert.ok(held !== 'unreadable')
    return held
  }

  /** Merges, and stores what that asks for; whether there was anything. */
  merge(container: Container, key = KEY, base = NO_BASE): boolean {
    const merged = this.holdings.merge(P, key, encodeRecord(container, crc32), base)
    assert.ok(merged !== 'malformed')
    if (merged.kept !== undefined) this.store.apply(merged.kept.operations)
    this.holdings.begin()
    this.holdings.check()
    return merged.kept !== undefined
  }

  dots(key = KEY): string[] {
    return this.held(key).container.versions.map(({ dot }) => `${dot.vnode}:${dot.counter}`)
  }
}

test('a record, its dots and its place in the list to be reaped are of one batch', () => {
  const bench = new Bench()
  const container = written(1, 1, EMPTY_CONTAINER, value('x', 500))
  const kept = bench.holdings.keep(P, KEY, bench.held(), container)!
  assert.deepEqual(
    kept.operations.map(({ type }) => type),
    ['put', 'put', 'put'],
  )
  bench.store.apply(kept.operations)
  assert.ok(bench.store.get(clockKey(P)) instanceof Uint8Array)
  assert.ok(bench.store.get(reapableKey(500, KEY)) instanceof Uint8Array)
  assert.ok(bench.holdings.clockOf(P).covers({ vnode: 1 as VnodeId, counter: 1 }))
})

test('a stored record leaves out what the base covers, and is filled when it is read', () => {
  const bench = new Bench()
  bench.merge(written(2, 1), OTHER_KEY)
  const old = written(1, 1)
  bench.merge(old)
  bench.merge(written(2, 2, old))
  const record = bench.store.get(KEY) as Uint8Array
  assert.ok(isStripped(record))
  assert.deepEqual(bench.held().container.vector, [
    { vnode: 1, counter: 1 },
    { vnode: 2, counter: 2 },
  ])
})

test('what was superseded here does not come back, though its key has no record any more', () => {
  const bench = new Bench()
  const old = written(1, 1)
  bench.merge(old)
  const gone = bench.holdings.keep(P, KEY, bench.held(), { versions: [], vector: old.vector })!
  bench.store.apply(gone.operations)
  bench.holdings.begin()
  assert.equal(bench.store.get(KEY), undefined, 'nothing is left to store')
  assert.ok(!bench.merge(old), 'the fence')
  assert.equal(bench.store.get(KEY), undefined)
})

test('what arrives of an older version is dropped, and the hole that it fills is kept', () => {
  const bench = new Bench()
  const old = written(1, 1)
  bench.merge(written(1, 2, old))
  assert.deepEqual(bench.holdings.clockOf(P).base, [])
  assert.ok(bench.merge(old), 'the clock has news')
  assert.deepEqual(bench.dots(), ['1:2'])
  assert.deepEqual(bench.holdings.clockOf(P).base, [{ vnode: 1, counter: 2 }])
})

test('who has no record and has seen all ends what is held here', () => {
  const bench = new Bench()
  bench.merge(written(1, 1))
  const base = encodeBase([{ vnode: 1 as VnodeId, counter: 1 }])
  const merged = bench.holdings.merge(P, KEY, new Uint8Array(0), base)
  assert.ok(merged !== 'malformed' && merged.kept !== undefined)
  bench.store.apply(merged.kept.operations)
  assert.equal(bench.store.get(KEY), undefined)
})

test('a record that broke is mended whole, and never filled', () => {
  const bench = new Bench()
  const first = written(1, 1)
  bench.merge(written(1, 2, first))
  bench.store.damage(KEY)
  assert.equal(bench.holdings.held(P, KEY), 'unreadable')
  bench.merge(first)
  assert.ok(!isStripped(bench.store.get(KEY) as Uint8Array))
  // In the very batch that replaces it: a later one could be lost, or come before.
  assert.ok(bench.holdings.shownClock(P)?.doubtful)
  assert.deepEqual(bench.held().container.vector, [{ vnode: 1, counter: 1 }])
  assert.ok(bench.merge(written(1, 2, first)), 'the later write is taken from whoever has it')
  assert.deepEqual(bench.dots(), ['1:2'])
})

test('a clock that broke is told, begins anew in doubt, and shows nothing until it is complete', () => {
  const bench = new Bench()
  bench.merge(written(1, 1))
  bench.store.damage(clockKey(P))
  bench.restart()
  const clock = bench.holdings.clockOf(P)
  assert.deepEqual(bench.broken, [P])
  assert.ok(clock.doubtful && clock.incomplete)
  assert.equal(bench.holdings.shown(P, KEY).record, 'unreadable')
  bench.store.apply([bench.holdings.clockChange(P).operation])
  bench.restart()
  assert.ok(bench.holdings.clockOf(P).incomplete, 'a restart does not make it complete')
  assert.equal(bench.holdings.shownBase(P), undefined)
})

test('a lost batch is forgotten, with what the clock learned from it', () => {
  const bench = new Bench()
  bench.holdings.keep(P, KEY, bench.held(), written(1, 1))
  assert.ok(bench.holdings.clockOf(P).covers({ vnode: 1 as VnodeId, counter: 1 }))
  bench.holdings.reload()
  assert.ok(!bench.holdings.clockOf(P).covers({ vnode: 1 as VnodeId, counter: 1 }))
})

test('the tree is told of each change, and of nothing else', () => {
  const bench = new Bench()
  const old = written(1, 1)
  bench.merge(old)
  bench.merge(old)
  const next = written(1, 2, old)
  bench.merge(next)
  assert.deepEqual(bench.changes, [
    [KEY, [], old.versions],
    [KEY, old.versions, next.versions],
  ])
})

test('an entry of the list to be reaped leaves it with what it stood for', () => {
  const bench = new Bench()
  const expiring = written(1, 1, EMPTY_CONTAINER, value('x', 500))
  bench.merge(expiring)
  const deleted = written(1, 2, expiring, 'delete')
  bench.merge(deleted)
  assert.equal(bench.store.get(reapableKey(500, KEY)), undefined)
  assert.ok(bench.store.get(reapableKey(0, KEY)) instanceof Uint8Array)
  bench.merge(written(1, 3, deleted))
  assert.equal(bench.store.get(reapableKey(0, KEY)), undefined)
})

test('a record has something to reap at once when it has a tombstone, else with its first deadline', () => {
  assert.equal(dueOf([]), 0)
  assert.equal(dueOf(written(1, 1).versions), undefined)
  assert.equal(dueOf(written(1, 1, EMPTY_CONTAINER, 'delete').versions), 0)
  const [first] = written(1, 1, EMPTY_CONTAINER, value('x', 9)).versions
  const [second] = written(2, 1, EMPTY_CONTAINER, value('x', 5)).versions
  assert.equal(dueOf([first!, second!]), 5)
})

test('records and bases that do not decode are malformed and change nothing', () => {
  const bench = new Bench()
  const record = encodeRecord(written(1, 1), crc32)
  assert.equal(bench.holdings.merge(P, KEY, record.subarray(0, 9), NO_BASE), 'malformed')
  assert.equal(bench.holdings.merge(P, KEY, record, Uint8Array.of(1)), 'malformed')
  assert.deepEqual(bench.changes, [])
  assert.equal(bench.held().isStored, false)
})

test('the second change of a key within a step builds on the first', () => {
  const bench = new Bench()
  const a = written(1, 1)
  const b = written(2, 1)
  for (const container of [a, b])
    bench.holdings.merge(P, KEY, encodeRecord(container, crc32), NO_BASE)
  assert.deepEqual(bench.dots(), ['1:1', '2:1'], 'though the store has neither yet')
  bench.holdings.begin()
  assert.deepEqual(bench.dots(), [])
})
