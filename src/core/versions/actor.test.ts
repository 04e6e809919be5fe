import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AssertionError } from '../std/assert.ts'
import { fromHex, toHex } from '../std/bytes.ts'
import { crc32 } from '../std/crc32.ts'
import type { VnodeId } from '../std/ids.ts'
import { Actor, decodeActor, encodeActor } from './actor.ts'
import { dot, SEED, vector } from './arbitraries.test.ts'
import { EMPTY_VECTOR } from './version-vector.ts'

const VNODE = 42 as VnodeId

function born(): Actor {
  return new Actor({ vnode: VNODE, leasedUntil: 0 })
}

/** A new actor with its first lease. */
function leased(): Actor {
  const actor = born()
  actor.leaseGranted(actor.leaseWanted()!)
  actor.check()
  return actor
}

function drawMany(actor: Actor, count: number): void {
  for (let i = 0; i < count; i++) assert.ok(actor.draw() !== undefined, `draw ${i}`)
}

test('an actor draws its counters one after the other', () => {
  const actor = leased()
  assert.equal(actor.vnode, VNODE)
  assert.deepEqual(actor.draw(), dot(42, 1))
  assert.deepEqual(actor.draw(), dot(42, 2))
})

test('a new actor draws nothing before its first lease is durable', () => {
  const actor = born()
  assert.equal(actor.draw(), undefined)
  assert.equal(actor.leaseWanted(), 10_000)
  assert.equal(actor.draw(), undefined, 'asked for is not granted')
  actor.leaseGranted(10_000)
  assert.deepEqual(actor.draw(), dot(42, 1))
})

test('a restart begins at the end of the lease, and asks for the next at once', () => {
  const actor = new Actor({ vnode: VNODE, leasedUntil: 10_000 })
  assert.equal(actor.draw(), undefined)
  assert.equal(actor.leaseWanted(), 20_000)
  actor.leaseGranted(20_000)
  assert.deepEqual(actor.draw(), dot(42, 10_001))
})

test('the next lease is asked for when a fifth is left, once at a time', () => {
  const actor = leased()
  drawMany(actor, 7_999)
  assert.equal(actor.leaseWanted(), undefined)
  drawMany(actor, 1)
  assert.equal(actor.leaseWanted(), 20_000)
  assert.equal(actor.leaseWanted(), undefined, 'one is on its way')
  actor.check()
  actor.leaseGranted(20_000)
  assert.equal(actor.leaseWanted(), undefined)
  drawMany(actor, 10_000)
  assert.equal(actor.leaseWanted(), 30_000)
})

test('an actor runs dry at the end of its lease and goes on with the next', () => {
  const actor = leased()
  drawMany(actor, 10_000)
  assert.equal(actor.draw(), undefined)
  actor.check()
  actor.leaseGranted(actor.leaseWanted()!)
  assert.deepEqual(actor.draw(), dot(42, 10_001))
})

test('a lease that failed is asked for again and grants nothing', () => {
  const actor = born()
  assert.equal(actor.leaseWanted(), 10_000)
  actor.leaseFailed()
  assert.equal(actor.draw(), undefined)
  assert.equal(actor.leaseWanted(), 10_000)
})

test('an older grant takes nothing away', () => {
  const actor = leased()
  actor.leaseGranted(5)
  drawMany(actor, 10_000)
  actor.check()
})

test('kv679 f: a crash between lease and write skips counters and repeats none', () => {
  const drawn = new Set<number>()
  let durable = 0
  const property = fc.property(
    fc.array(fc.record({ draws: fc.nat(40), crash: fc.constantFrom('before', 'after', 'no') })),
    (lives) => {
      drawn.clear()
      durable = 0
      let actor = new Actor({ vnode: VNODE, leasedUntil: durable })
      for (const { draws, crash } of lives) {
        const wanted = actor.leaseWanted()
        if (wanted !== undefined && crash !== 'before') {
          durable = wanted
          if (crash === 'no') actor.leaseGranted(wanted)
        }
        for (let i = 0; i < draws; i++) {
          const next = actor.draw()
          if (next === undefined) break
          assert.ok(!drawn.has(next.counter), `counter ${next.counter} was drawn twice`)
          assert.ok(next.counter <= durable, 'drawn outside the durable lease')
          drawn.add(next.counter)
        }
        actor.check()
        if (crash !== 'no') actor = new Actor({ vnode: VNODE, leasedUntil: durable })
      }
    },
  )
  fc.assert(property, { seed: SEED })
})

test('a vector with no more of ours than we drew is no amnesia', () => {
  const actor = leased()
  assert.ok(!actor.forgot(EMPTY_VECTOR))
  assert.ok(!actor.forgot(vector(41, 99_999, 43, 99_999)))
  drawMany(actor, 3)
  assert.ok(!actor.forgot(vector(1, 8, 42, 3)))
})

test('a vector with a counter of ours that we have not drawn is amnesia, even within the lease', () => {
  const actor = leased()
  drawMany(actor, 3)
  assert.ok(actor.forgot(vector(1, 8, 42, 4)))
  assert.ok(actor.forgot(vector(42, 10_001)))
})

test('after a restart all counters of the old lease are ours', () => {
  const actor = new Actor({ vnode: VNODE, leasedUntil: 10_000 })
  assert.ok(!actor.forgot(vector(42, 10_000)))
  assert.ok(actor.forgot(vector(42, 10_001)))
})

test('kv679 d: an actor restored from a backup is told by the first vector of its other life', () => {
  const backup = encodeActor({ vnode: VNODE, leasedUntil: 10_000 }, crc32)
  const restored = new Actor(decodeActor(backup, crc32)!)
  assert.ok(restored.forgot(vector(42, 10_001)))
})

test('at the end of exact numbers an actor runs dry instead of repeating itself', () => {
  const leasedUntil = Number.MAX_SAFE_INTEGER - 9_999
  const actor = new Actor({ vnode: VNODE, leasedUntil })
  assert.equal(actor.leaseWanted(), undefined)
  assert.equal(actor.draw(), undefined)
  actor.check()
  assert.equal(
    new Actor({ vnode: VNODE, leasedUntil: leasedUntil - 1 }).leaseWanted(),
    Number.MAX_SAFE_INTEGER,
  )
})

test('the check refuses a vnode or a lease that is no positive integer', () => {
  born().check()
  for (const vnode of [0, -1, 0.5, 2 ** 53])
    assert.throws(
      () => new Actor({ vnode: vnode as VnodeId, leasedUntil: 0 }).check(),
      AssertionError,
    )
  for (const leasedUntil of [-1, 0.5, 2 ** 53])
    assert.throws(() => new Actor({ vnode: VNODE, leasedUntil }).check(), AssertionError)
  const beyond = leased()
  beyond.leaseGranted(2 ** 53)
  assert.throws(() => beyond.check(), AssertionError)
})

// Stored form.

/** Format 1, as it is on people's disks. */
const GOLDEN = '01' + '00123456789abcde' + '0000000000004e20' + 'bddddaa6'
const EXAMPLE = { vnode: 0x12_3456_789a_bcde as VnodeId, leasedUntil: 20_000 }

test('golden bytes of a stored actor', () => {
  const bytes = encodeActor(EXAMPLE, crc32)
  assert.equal(toHex(bytes), GOLDEN)
  assert.deepEqual(decodeActor(fromHex(toHex(bytes))!, crc32), EXAMPLE)
})

test('every stored actor comes back as it was', () => {
  const property = fc.property(
    fc.maxSafeNat().map((n) => Math.max(1, n) as VnodeId),
    fc.maxSafeNat(),
    (vnode, leasedUntil) => {
      const state = { vnode, leasedUntil }
      assert.deepEqual(decodeActor(encodeActor(state, crc32), crc32), state)
    },
  )
  fc.assert(property, { seed: SEED })
})

test('a stored actor with any bit changed, cut short or too long is refused', () => {
  const bytes = encodeActor(EXAMPLE, crc32)
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = bytes.slice()
    changed[bit >> 3]! ^= 1 << (bit & 7)
    assert.equal(decodeActor(changed, crc32), undefined, `bit ${bit}`)
  }
  for (let length = 0; length < bytes.length; length++)
    assert.equal(decodeActor(bytes.subarray(0, length), crc32), undefined)
  assert.equal(decodeActor(Uint8Array.of(...bytes, 0), crc32), undefined)
})

test('a stored actor of another format, or without a vnode, is refused whatever its checksum', () => {
  const same = (): number => 0
  const bytes = encodeActor(EXAMPLE, same)
  assert.deepEqual(decodeActor(bytes, same), EXAMPLE)
  const other = bytes.slice()
  other[0] = 2
  assert.equal(decodeActor(other, same), undefined)
  const nobody = bytes.slice().fill(0, 1, 9)
  assert.equal(decodeActor(nobody, same), undefined)
})
