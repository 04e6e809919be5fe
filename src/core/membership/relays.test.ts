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
  nackAt: instant(50),
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

test('its requester is told once, at its time, that the target is silent', () => {
  const relays = new Relays()
  relays.add(1, relay)
  relays.add(2, { ...relay, nackAt: instant(51) })
  assert.deepEqual(relays.toNack(instant(49)), [])
  assert.deepEqual(relays.toNack(instant(50)), [relay])
  assert.deepEqual(
    relays.toNack(instant(51)).map(({ nackAt }) => nackAt),
    [51],
  )
  assert.deepEqual(relays.toNack(instant(99)), [])
})

test('nobody is told of the silence of one who has answered', () => {
  const relays = new Relays()
  relays.add(1, relay)
  relays.take(1, idOf(3))
  assert.deepEqual(relays.toNack(instant(50)), [])
})

test('an answer that comes after all is still relayed until the relay expires', () => {
  const relays = new Relays()
  relays.add(1, relay)
  relays.add(2, relay)
  relays.toNack(instant(50))
  assert.equal(relays.take(1, idOf(3)), relay)
  relays.toNack(instant(99))
  relays.toNack(instant(100))
  assert.equal(relays.take(2, idOf(3)), undefined)
})

test('a sequence that is used again after its relay expired is told anew', () => {
  const relays = new Relays()
  relays.add(1, relay)
  relays.toNack(instant(50))
  relays.toNack(instant(100))
  relays.add(1, { ...relay, nackAt: instant(150), expires: instant(200) })
  assert.equal(relays.toNack(instant(150)).length, 1)
})

test('no more than 256 are kept', () => {
  const relays = new Relays()
  for (let n = 0; n < 256; n++) assert.ok(relays.add(n, relay))
  assert.ok(!relays.add(256, relay))
  assert.equal(relays.take(256, idOf(3)), undefined)
  relays.take(0, idOf(3))
  assert.ok(relays.add(256, relay))
})

test('all are given up together', () => {
  const relays = new Relays()
  relays.add(1, relay)
  relays.clear()
  assert.deepEqual(relays.toNack(instant(50)), [])
  assert.equal(relays.take(1, idOf(3)), undefined)
})
