import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { VnodeId } from '../std/ids.ts'
import { isExpired, shownVersions } from './expiry.ts'
import type { Container, Value, Version } from './version.ts'

function value(expiresAtMs: number): Value {
  return { bytes: Uint8Array.of(1), contentType: 'text/plain', metadata: [], expiresAtMs }
}

/** Versions with stamps in their order; a number is a deadline. */
function container(...ends: readonly (number | 'deleted')[]): Container {
  const versions = ends.map((end, i): Version => {
    const dot = { vnode: (i + 1) as VnodeId, counter: 1 }
    return { dot, stamp: { ms: i, counter: 0 }, value: end === 'deleted' ? undefined : value(end) }
  })
  return { versions, vector: versions.map(({ dot }) => dot) }
}

const shown = (of: Container, conflicts: 'lww' | 'siblings', nowMs: number): number[] =>
  shownVersions(of, conflicts, nowMs).map(({ dot }) => dot.vnode)

test('a value without a deadline never expires, one with it does at the very millisecond', () => {
  assert.equal(isExpired(value(0), 2 ** 48), false)
  assert.equal(isExpired(value(1000), 999), false)
  assert.equal(isExpired(value(1000), 1000), true)
})

test('of siblings those are left out that were deleted or have expired', () => {
  const all = container(0, 500, 'deleted', 1000)
  assert.deepEqual(shown(all, 'siblings', 499), [1, 2, 4])
  assert.deepEqual(shown(all, 'siblings', 500), [1, 4])
  assert.deepEqual(shown(all, 'siblings', 1000), [1])
  const plain = container(0, 0)
  assert.equal(shownVersions(plain, 'siblings', 9e9), plain.versions, 'no list of its own')
})

test('in last-write-wins an expired winner is not replaced by what lost to it', () => {
  assert.deepEqual(shown(container(0, 500), 'lww', 499), [2])
  assert.deepEqual(shown(container(0, 500), 'lww', 500), [])
  assert.deepEqual(shown(container(500, 0), 'lww', 500), [2])
  assert.deepEqual(shown(container(0, 'deleted'), 'lww', 0), [])
  assert.deepEqual(shown(container(), 'lww', 0), [])
})
