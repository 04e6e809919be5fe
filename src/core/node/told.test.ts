import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { VnodeId } from '../std/ids.ts'
import type { Container } from '../versions/version.ts'
import { REMEMBERED_MAX, Told } from './told.ts'

const WALL = 1_000_000

/** Versions by their counters, stamped `WALL` and the counter, of all up to `seen`. */
function holding(
  counters: readonly number[],
  seen: number = Math.max(...counters),
  vnode = 7,
): Container {
  const versions = counters.map((counter) => ({
    dot: { vnode: vnode as VnodeId, counter },
    stamp: { ms: WALL + counter, counter: 0 },
    value: { bytes: new Uint8Array(0), contentType: '', metadata: [], expiresAtMs: 0 },
  }))
  return { versions, vector: [{ vnode: vnode as VnodeId, counter: seen }] }
}

const both = (one: Container, two: Container): Container => ({
  versions: [...one.versions, ...two.versions],
  vector: [...one.vector, ...two.vector],
})

const toldOf = (isLww = false): Told => new Told(() => isLww)

/** So many other keys are told, so that the earlier ones are forgotten. */
function forget(told: Told, from: number): void {
  for (let i = 0; i < REMEMBERED_MAX; i++) told.add(`other ${i}`, holding([from + i]), WALL)
  told.check()
}

test('what comes again, or was superseded by what was told, is nothing', () => {
  const told = toldOf()
  assert.equal(told.add('k', holding([1]), WALL), 'news')
  assert.equal(told.add('k', holding([2]), WALL), 'news')
  assert.equal(told.add('k', holding([2]), WALL), 'nothing')
  assert.equal(told.add('k', holding([1]), WALL), 'nothing')
})

test('siblings from a replica that lacks one of them are stale, and whole they are news', () => {
  const [one, other] = [holding([1]), holding([2], 2, 8)]
  const told = toldOf()
  told.add('k', one, WALL)
  assert.equal(told.add('k', other, WALL), 'stale')
  assert.equal(told.add('k', both(one, other), WALL), 'nothing', 'both were told or read')
  const whole = toldOf()
  whole.add('k', one, WALL)
  assert.equal(whole.add('k', both(one, other), WALL), 'news')
})

test('where only the winner is shown nothing else is compared', () => {
  const [late, early] = [holding([9]), holding([2], 2, 8)]
  const told = toldOf(true)
  assert.equal(told.add('k', early, WALL), 'news')
  assert.equal(told.add('k', late, WALL), 'news')
  const again = toldOf(true)
  again.add('k', late, WALL)
  assert.equal(again.add('k', early, WALL), 'nothing')
  assert.equal(again.add('k', both(late, early), WALL), 'nothing')
})

test('of a key that is forgotten, what may have been superseded is stale, and what is later is not', () => {
  const told = toldOf()
  told.add('k', holding([5]), WALL)
  forget(told, 10)
  assert.equal(told.add('k', holding([4]), WALL), 'stale')
  assert.equal(told.add('j', holding([10 + REMEMBERED_MAX]), WALL), 'news')
})

test('what another replica brings of a key that is forgotten is nothing', () => {
  const told = toldOf()
  told.add('k', holding([5], 5, 9), WALL)
  forget(told, 10)
  assert.equal(told.add('k', holding([5], 5, 9), WALL), 'nothing')
})

test('a delete has no stamp: of a key that is not known it is stale, else news', () => {
  const told = toldOf()
  const deleted: Container = { versions: [], vector: holding([2]).vector }
  assert.equal(told.add('k', deleted, WALL), 'stale')
  told.add('j', holding([1]), WALL)
  assert.equal(told.add('j', deleted, WALL), 'news')
  assert.equal(told.add('j', deleted, WALL), 'nothing')
})

test('what was written long ago is stale, unless the key is known', () => {
  const told = toldOf()
  assert.equal(told.add('k', holding([1]), WALL + 61_000), 'stale')
  told.add('j', holding([2]), WALL)
  assert.equal(told.add('j', holding([3]), WALL + 90_000), 'news')
})

test('after all was read, what is stamped lower is stale and what is higher is news', () => {
  const told = toldOf()
  told.add('k', holding([1]), WALL)
  told.readAll(WALL + 50)
  assert.equal(told.add('k', holding([50]), WALL), 'stale')
  assert.equal(told.add('j', holding([51]), WALL), 'news')
})
