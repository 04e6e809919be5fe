import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { VnodeId } from '../std/ids.ts'
import { PartitionClock } from '../versions/partition-clock.ts'
import type { Version } from '../versions/version.ts'
import { isDifference } from './exchange-difference.ts'
import type { Side } from './exchange-difference.ts'

const NOW = 10_000
const VNODE = 1 as VnodeId

function version(counter: number, end: 'deleted' | number = 0): Version {
  const value = { bytes: Uint8Array.of(1), contentType: '', metadata: [] }
  return {
    dot: { vnode: VNODE, counter },
    stamp: { ms: counter, counter: 0 },
    value: end === 'deleted' ? undefined : { ...value, expiresAtMs: end },
  }
}

/** A replica that has seen so many writes and holds these. */
function side(seen: number, ...versions: readonly Version[]): Side {
  const clock = new PartitionClock()
  if (seen > 0) clock.addRun(VNODE, 1, seen)
  return { versions, clock }
}

/** Both ways: nobody is the one who asks. */
function differs(a: Side, b: Side): boolean {
  const differs = isDifference(a, b, NOW)
  assert.equal(isDifference(b, a, NOW), differs)
  return differs
}

test('the same versions are no difference, and a value that one side lacks is one', () => {
  assert.equal(differs(side(1, version(1)), side(1, version(1))), false)
  assert.equal(differs(side(1, version(1)), side(0)), true)
  assert.equal(differs(side(1, version(1)), side(1)), true)
  assert.equal(differs(side(2, version(1), version(2)), side(2, version(1))), true)
})

test('a delete that the other side has reaped is no difference; one that it has not seen is', () => {
  const holder = side(2, version(2, 'deleted'))
  assert.equal(differs(holder, side(2)), false)
  assert.equal(differs(holder, side(1)), true)
  assert.equal(differs(holder, { versions: [], clock: undefined }), true)
  assert.equal(differs(holder, side(1, version(1))), true)
})

test('beside a value that both have, what one has reaped is no difference', () => {
  assert.equal(differs(side(2, version(1), version(2, 'deleted')), side(2, version(1))), false)
})

test('a value whose deadline has passed is like a delete', () => {
  assert.equal(differs(side(2, version(2, NOW)), side(2)), false)
  assert.equal(differs(side(2, version(2, NOW + 1)), side(2)), true)
})
