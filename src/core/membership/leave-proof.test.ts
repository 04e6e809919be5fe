import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digest, secretOf } from './harness.test.ts'
import { LEAVE_PROOF_BYTES, leaveLockOf, provesLeave } from './leave-proof.ts'

test('a secret proves the leave whose lock it opens, and no other', () => {
  const lock = leaveLockOf(secretOf(2), digest)
  assert.ok(provesLeave(secretOf(2), lock, digest))
  assert.ok(!provesLeave(secretOf(3), lock, digest))
  assert.ok(!provesLeave(undefined, lock, digest))
})

test('the lock, which everybody knows, does not open itself', () => {
  const lock = leaveLockOf(secretOf(2), digest)
  assert.ok(!provesLeave(lock, lock, digest))
})

test('what is no secret proves nothing', () => {
  const lock = leaveLockOf(secretOf(2), digest)
  for (const junk of ['', 'xy', 'no hexadecimal digits'])
    assert.ok(!provesLeave(junk, lock, digest))
})

test('a lock is the beginning of a digest, in 32 hexadecimal digits', () => {
  const long = (bytes: Uint8Array): Uint8Array => Uint8Array.of(...digest(bytes), ...bytes)
  const lock = leaveLockOf(secretOf(2), long)
  assert.equal(lock.length, 2 * LEAVE_PROOF_BYTES)
  assert.equal(lock, leaveLockOf(secretOf(2), digest))
})
