import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { VnodeId } from '../std/ids.ts'
import { PartitionClock } from '../versions/partition-clock.ts'
import type { Container, Version, VersionVector } from '../versions/version.ts'
import { reap } from './reap-rule.ts'
import type { ReapFacts, Reaping } from './reap-rule.ts'

const HORIZON = 10_000
const EXPIRED = HORIZON - 1
const LATER = HORIZON

/** Versions with stamps in their order, each of a vnode of its own: a delete or a deadline. */
function container(...ends: readonly (number | 'deleted')[]): Container {
  const versions = ends.map((end, i): Version => {
    const dot = { vnode: (i + 1) as VnodeId, counter: 5 }
    const bytes = Uint8Array.of(1)
    const value = { bytes, contentType: '', metadata: [], expiresAtMs: Number(end) }
    return { dot, stamp: { ms: i, counter: 0 }, value: end === 'deleted' ? undefined : value }
  })
  return { versions, vector: versions.map(({ dot }) => dot) }
}

const vector = (...counters: readonly number[]): VersionVector =>
  counters.map((counter, i) => ({ vnode: (i + 1) as VnodeId, counter }))

function facts(more: Partial<ReapFacts> & { readonly base?: VersionVector } = {}): ReapFacts {
  const { base = vector(9, 9, 9), ...rest } = more
  const clock = new PartitionClock()
  for (const { vnode, counter } of base) clock.addRun(vnode, 1, counter)
  const floor = vector(9, 9, 9)
  return { conflicts: 'siblings', clock, floor, horizonMs: HORIZON, ...rest }
}

const left = ({ versions, wait }: Reaping): unknown => [versions.map(({ dot }) => dot.vnode), wait]

test('a delete goes when the clock covers all of its record, and all replicas have seen it', () => {
  const record = container('deleted')
  assert.deepEqual(left(reap(record, facts())), [[], undefined])
  assert.deepEqual(left(reap(record, facts({ base: vector(5) }))), [[], undefined])
  assert.deepEqual(left(reap(record, facts({ base: vector(4) }))), [[1], 'base'])
  assert.deepEqual(left(reap(record, facts({ floor: vector(5) }))), [[], undefined])
  assert.deepEqual(left(reap(record, facts({ floor: vector(4) }))), [[1], 'floor'])
  assert.deepEqual(left(reap(record, facts({ floor: [] }))), [[1], 'floor'])
})

test('what the record has seen besides the delete must be covered as well', () => {
  const { versions } = container('deleted')
  const record = { versions, vector: vector(5, 7) }
  assert.deepEqual(left(reap(record, facts({ base: vector(5, 6) }))), [[1], 'base'])
  assert.deepEqual(left(reap(record, facts({ base: vector(5, 7) }))), [[], undefined])
})

test('a value goes when its deadline has passed on every clock', () => {
  assert.deepEqual(left(reap(container(EXPIRED), facts())), [[], undefined])
  assert.deepEqual(left(reap(container(LATER), facts())), [[1], 'horizon'])
  assert.deepEqual(left(reap(container(EXPIRED), facts({ horizonMs: 0 }))), [[1], 'horizon'])
  assert.deepEqual(left(reap(container(EXPIRED), facts({ floor: [] }))), [[1], 'floor'])
})

test('a record of values without an end is left as it is, whatever is known', () => {
  const record = container(0, 0)
  const { versions, wait } = reap(record, facts({ base: [] }))
  assert.equal(versions, record.versions)
  assert.equal(wait, undefined)
})

test('of siblings each dead one goes by itself', () => {
  const record = container('deleted', 0, EXPIRED)
  assert.deepEqual(left(reap(record, facts())), [[2], undefined])
  assert.deepEqual(left(reap(record, facts({ floor: vector(9) }))), [[2, 3], 'floor'])
})

test('in last-write-wins a dead winner goes with all that lost to it, or not at all', () => {
  const lww = (more: Parameters<typeof facts>[0] = {}): ReapFacts =>
    facts({ conflicts: 'lww', ...more })
  assert.deepEqual(left(reap(container(0, 'deleted'), lww())), [[], undefined])
  assert.deepEqual(left(reap(container(0, EXPIRED), lww())), [[], undefined])
  assert.deepEqual(left(reap(container(0, 'deleted'), lww({ floor: vector(4, 9) }))), [
    [1, 2],
    'floor',
  ])
  assert.deepEqual(left(reap(container('deleted', LATER), lww())), [[2], 'horizon'])
  assert.deepEqual(left(reap(container('deleted', EXPIRED, 0), lww())), [[3], undefined])
})

test('a record of nothing but what it has seen goes when the clock says the same', () => {
  const record = { versions: [], vector: vector(5) }
  assert.deepEqual(left(reap(record, facts({ base: vector(4) }))), [[], 'base'])
  assert.deepEqual(left(reap(record, facts({ floor: [] }))), [[], undefined])
})
