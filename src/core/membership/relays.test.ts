import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '../std/instant.ts'
import { idOf } from './harness.test.ts'
import type { Relay } from './relays.ts'
import { Relays } from './relays.ts'

const relay: Relay = {
  target: idOf(3),
  requester: { id: idOf(2), generation: 1, address: { host: 'h', port: 1 } },
  sequence: 9,
  expires: instant(100),
}

test('a relay is answered once, by its target, to its sequence', () => {
  const relays = new Relays()
  assert.ok(relays.add(1, relay))
  assert.equal(relays.take(2, idOf(3)), undefined)
  assert.equal(relays.take(1, idOf(4)), undefined)
  assert.equal(relays.take(1, idOf(3)), relay)
  assert.equal(relays.take(1, idOf(3)), undefined)
})

test('a relay expires at its time', () => {
  const relays = new Relays()
  relays.add(1, relay)
  relays.add(2, { ...relay, expires: instant(101) })
  relays.expire(instant(99))
  relays.expire(instant(100))
  assert.equal(relays.take(1, idOf(3)), undefined)
  assert.ok(relays.take(2, idOf(3)))
})

test('no more than 256 are kept', () => {
  const relays = new Relays()
  for (let n = 0; n < 256; n++) assert.ok(relays.add(n, relay))
  assert.ok(!relays.add(256, relay))
  assert.equal(relays.take(256, idOf(3)), undefined)
  relays.take(0, idOf(3))
  assert.ok(relays.add(256, relay))
})
