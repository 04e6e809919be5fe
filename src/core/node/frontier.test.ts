import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareBytes } from '../std/bytes.ts'
import type { Page } from './frontier.ts'
import { mergePages, successor } from './frontier.ts'

interface Entry {
  readonly key: Uint8Array
}
const entry = (key: number): Entry => ({ key: Uint8Array.of(key) })
const page = (keys: readonly number[], more: boolean): Page<Entry> => ({
  entries: keys.map(entry),
  more,
})
const keysOf = (entries: readonly Entry[]): number[] => entries.map(({ key }) => key[0]!)

test('what stands behind the least end waits: a page that stopped early may hold something in between', () => {
  const { entries, frontier } = mergePages([page([1, 4], true), page([2, 3, 9], true)], false)
  assert.deepEqual(keysOf(entries), [1, 2, 3, 4])
  assert.deepEqual(frontier, Uint8Array.of(4))
})

test('in reverse the frontier is the greatest end', () => {
  const { entries, frontier } = mergePages([page([9, 5], true), page([8, 3], true)], true)
  assert.deepEqual(keysOf(entries), [9, 8, 5])
  assert.deepEqual(frontier, Uint8Array.of(5))
})

test('a page without more does not hold the others back', () => {
  const { entries, frontier } = mergePages([page([1], false), page([2, 7], true)], false)
  assert.deepEqual(keysOf(entries), [1, 2, 7])
  assert.deepEqual(frontier, Uint8Array.of(7))
})

test('when every page is complete there is no frontier', () => {
  assert.deepEqual(mergePages([page([3, 4], false), page([1], false)], false).frontier, undefined)
  assert.deepEqual(mergePages([], false), { entries: [], frontier: undefined })
})

test('an empty page that promises more cannot say where, and is taken as complete', () => {
  const { entries, frontier } = mergePages([page([], true), page([2], false)], false)
  assert.deepEqual(keysOf(entries), [2])
  assert.equal(frontier, undefined)
})

test('entries of one key from several pages stand together', () => {
  const { entries } = mergePages([page([1, 2], false), page([2, 3], false)], false)
  assert.deepEqual(keysOf(entries), [1, 2, 2, 3])
})

test('the successor is the least byte string behind a key', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4 }), fc.uint8Array({ maxLength: 5 }), (key, other) => {
      const next = successor(key)
      assert.ok(compareBytes(key, next) < 0)
      if (compareBytes(other, key) > 0) assert.ok(compareBytes(other, next) >= 0)
    }),
    { seed: 3 },
  )
})

test('page after page, every entry of every source comes once and in order', () => {
  const sources = fc.array(fc.uniqueArray(fc.nat(60), { maxLength: 20 }), { maxLength: 4 })
  fc.assert(
    fc.property(sources, fc.integer({ min: 1, max: 5 }), fc.boolean(), (lists, size, reverse) => {
      const order = reverse ? -1 : 1
      const sorted = lists.map((list) => list.toSorted((a, b) => order * (a - b)))
      const seen: number[] = []
      let from: number | undefined
      for (let round = 0; round < 100; round++) {
        const pages = sorted.map((list) => {
          const rest = list.filter((key) => from === undefined || order * (key - from) > 0)
          return page(rest.slice(0, size), rest.length > size)
        })
        const { entries, frontier } = mergePages(pages, reverse)
        seen.push(...keysOf(entries))
        if (frontier === undefined) break
        from = frontier[0]
      }
      assert.deepEqual(
        seen,
        lists.flat().sort((a, b) => order * (a - b)),
      )
    }),
    { seed: 4, numRuns: 300 },
  )
})
