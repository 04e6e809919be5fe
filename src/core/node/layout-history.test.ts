import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Layout } from '../placement/layout.ts'
import { A, B, C, D, FakeStore, layoutOf, role, WALL } from './fake-host.test.ts'
import { HISTORY_MAX, LayoutHistory } from './layout-history.ts'
import { stateKey } from './storage-keys.ts'

const KEY = stateKey('layout-history')
const first = layoutOf([A, B, C])
const second = layoutOf([A, B, C, D], first)

/** So many layouts, each with one node more or less than the one before. */
function growing(number: number): readonly Layout[] {
  const layouts = [first]
  while (layouts.length < number)
    layouts.push(layoutOf(layouts.length % 2 === 0 ? [A, B, C] : [A, B, C, D], layouts.at(-1)))
  return layouts
}

function adopt(history: LayoutHistory, store: FakeStore, layouts: readonly Layout[]): void {
  for (const [i, layout] of layouts.entries())
    store.apply(history.adopted(layout, layouts[i - 1], WALL + i))
}

test('what was adopted is remembered with when, by whom and how much moved, across restarts', () => {
  const store = new FakeStore()
  const history = new LayoutHistory(store)
  assert.deepEqual(history.entries, [])
  adopt(history, store, [first, second])
  const expected = [
    { version: 1, hash: first.hash, atMs: WALL, moves: 0, roles: [role(A), role(B), role(C)] },
    { version: 2, hash: second.hash, atMs: WALL + 1, moves: 6, roles: second.roles },
  ]
  assert.deepEqual(history.entries, expected)
  assert.deepEqual(new LayoutHistory(store).entries, expected)
})

test('a layout that is known is not written again, nor one that comes late', () => {
  const store = new FakeStore()
  const history = new LayoutHistory(store)
  adopt(history, store, [first, second])
  assert.deepEqual(history.adopted(second, second, WALL), [])
  assert.deepEqual(history.adopted(first, undefined, WALL), [])
  assert.equal(history.entries.length, 2)
})

test('a node that was down has a gap, and counts what moved since it was there', () => {
  const store = new FakeStore()
  const history = new LayoutHistory(store)
  const [, , , fourth] = growing(4) as [Layout, Layout, Layout, Layout]
  store.apply(history.adopted(first, undefined, WALL))
  store.apply(history.adopted(fourth, first, WALL))
  assert.deepEqual(
    new LayoutHistory(store).entries.map(({ version, moves }) => [version, moves]),
    [
      [1, 0],
      [4, 6],
    ],
  )
})

test('the latest are kept', () => {
  const store = new FakeStore()
  const history = new LayoutHistory(store)
  adopt(history, store, growing(HISTORY_MAX + 5))
  for (const { entries } of [history, new LayoutHistory(store)]) {
    assert.equal(entries.length, HISTORY_MAX)
    assert.deepEqual([entries[0]?.version, entries.at(-1)?.version], [6, HISTORY_MAX + 5])
  }
})

test('a clock before 1970, and parts of milliseconds, are no obstacle', () => {
  for (const [wallMs, expected] of [
    [-5, 0],
    [7.9, 7],
  ] as const) {
    const store = new FakeStore()
    store.apply(new LayoutHistory(store).adopted(first, undefined, wallMs))
    assert.equal(new LayoutHistory(store).entries[0]?.atMs, expected)
  }
})

test('a history that cannot be read begins anew', () => {
  const store = new FakeStore()
  adopt(new LayoutHistory(store), store, [first, second])
  const whole = store.get(KEY) as Uint8Array
  for (let length = 0; length < whole.length; length++) {
    store.put(KEY, whole.slice(0, length))
    assert.deepEqual(new LayoutHistory(store).entries, [], `${length} bytes`)
  }
  store.put(KEY, Uint8Array.of(...whole, 0))
  assert.deepEqual(new LayoutHistory(store).entries, [])
  store.put(KEY, Uint8Array.of(9, ...whole.slice(1)))
  const history = new LayoutHistory(store)
  assert.deepEqual(history.entries, [])
  store.apply(history.adopted(second, first, WALL))
  assert.equal(new LayoutHistory(store).entries.length, 1)
})
