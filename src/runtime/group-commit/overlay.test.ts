import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytes, text } from '../../../test/contracts/store-harness.ts'
import type { PendingGroup, PendingWrite } from './overlay.ts'
import { Overlay } from './overlay.ts'
import { StandingClear } from './standing-clear.ts'

function put(overlay: Overlay, key: string, value?: string): PendingWrite {
  return overlay.put(bytes(key), value === undefined ? undefined : bytes(value))
}

function shown(overlay: Overlay, key: string): string | undefined {
  const value = overlay.get(key)
  return value instanceof Uint8Array ? text(value) : value
}

const group = (...writes: PendingWrite[]): PendingGroup => ({ writes, clears: [] })

test('an overlay without pending writes leaves everything to the engine', () => {
  const overlay = new Overlay()
  assert.equal(overlay.isEmpty, true)
  assert.equal(overlay.get('a'), undefined)
  const write = put(overlay, 'a', '1')
  assert.equal(overlay.isEmpty, false)
  overlay.forget(group(write))
  assert.equal(overlay.isEmpty, true)
  const clear = overlay.clear(bytes('a'), bytes('b'))
  assert.equal(overlay.isEmpty, false)
  overlay.forget({ writes: [], clears: [clear] })
  assert.equal(overlay.isEmpty, true)
  overlay.stand(new StandingClear([clear]))
  assert.equal(overlay.isEmpty, false)
  overlay.lift()
  assert.equal(overlay.isEmpty, true)
})

test('writes of one key may leave in any order, and the newest that is left is shown', () => {
  const orders = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ]
  for (const order of orders) {
    const overlay = new Overlay()
    const writes = ['1', '2', '3'].map((value) => put(overlay, 'a', value))
    const left = new Set([0, 1, 2])
    for (const index of order) {
      overlay.forget(group(writes[index]!))
      left.delete(index)
      const newest = Math.max(...left)
      assert.equal(shown(overlay, 'a'), left.size === 0 ? undefined : `${newest + 1}`)
    }
    assert.equal(overlay.isEmpty, true)
  }
})

test('a clear hides what is before it and not what is after, until it leaves', () => {
  const overlay = new Overlay()
  const before = put(overlay, 'b', '1')
  const clear = overlay.clear(bytes('a'), bytes('c'))
  assert.deepEqual(
    ['a', 'b', 'c'].map((key) => shown(overlay, key)),
    ['absent', 'absent', undefined],
  )
  const after = put(overlay, 'b', '2')
  assert.equal(shown(overlay, 'b'), '2')
  overlay.forget(group(after))
  assert.equal(shown(overlay, 'b'), 'absent')
  overlay.forget({ writes: [], clears: [clear] })
  assert.equal(shown(overlay, 'b'), '1')
  overlay.forget(group(before))
  assert.equal(overlay.isEmpty, true)
})

test('of clears that overlap the latest counts, and each leaves alone', () => {
  const overlay = new Overlay()
  const first = overlay.clear(bytes('a'), bytes('z'))
  put(overlay, 'b', '1')
  const second = overlay.clear(bytes('b'), bytes('c'))
  assert.equal(shown(overlay, 'b'), 'absent')
  overlay.forget({ writes: [], clears: [second] })
  assert.equal(shown(overlay, 'b'), '1')
  assert.equal(shown(overlay, 'y'), 'absent')
  overlay.forget({ writes: [], clears: [first] })
  assert.equal(shown(overlay, 'y'), undefined)
})

test('a standing clear hides its ranges from the engine until it is lifted', () => {
  const overlay = new Overlay()
  const standing = new StandingClear([{ from: bytes('a'), to: bytes('c') }])
  overlay.stand(standing)
  assert.throws(() => overlay.stand(standing), /one clear stands/)
  assert.equal(shown(overlay, 'b'), 'absent')
  assert.equal(shown(overlay, 'c'), undefined)
  const write = put(overlay, 'b', '1')
  assert.equal(shown(overlay, 'b'), '1')
  standing.keep([write])
  overlay.forget(group(write))
  assert.equal(shown(overlay, 'b'), undefined)
  assert.equal(shown(overlay, 'a'), 'absent')
  overlay.lift()
  assert.equal(shown(overlay, 'a'), undefined)
})
