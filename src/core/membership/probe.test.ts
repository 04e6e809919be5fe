import assert from 'node:assert/strict'
import { test } from 'node:test'
import { claim, idOf } from './harness.test.ts'
import type { Ack } from './messages.ts'
import { Probe } from './probe.ts'

const ack = (other: Partial<Ack> = {}): Ack => ({
  type: 'ack',
  from: idOf(2),
  fromGeneration: 4,
  gossip: [],
  about: idOf(2),
  aboutGeneration: 4,
  sequence: 9,
  ...other,
})

function probeAfter(...acks: readonly Ack[]): Probe {
  const probe = new Probe(claim(2, 'alive', 0, 4), 9)
  probe.askedFor([idOf(3), idOf(4)])
  for (const each of acks) probe.onAck(each)
  return probe
}

test('a probe is answered by the target or a helper that was asked', () => {
  assert.ok(!probeAfter().isAnswered)
  assert.ok(probeAfter(ack()).isAnswered)
  assert.ok(probeAfter(ack({ from: idOf(3) })).isAnswered)
  assert.ok(probeAfter(ack({ from: idOf(4) })).isAnswered)
})

test('it is not answered by anything else', () => {
  assert.ok(!probeAfter(ack({ sequence: 8 })).isAnswered)
  assert.ok(!probeAfter(ack({ from: idOf(5) })).isAnswered)
  assert.ok(!probeAfter(ack({ from: idOf(3), about: idOf(3) })).isAnswered)
  assert.ok(!probeAfter(ack({ aboutGeneration: 3 })).isAnswered)
  assert.ok(!probeAfter(ack({ aboutGeneration: 5 })).isAnswered)
})

test('an answer is not undone by what comes after', () => {
  assert.ok(probeAfter(ack(), ack({ aboutGeneration: 3 })).isAnswered)
})

test('helpers that were not asked yet do not count', () => {
  const probe = new Probe(claim(2, 'alive', 0, 4), 9)
  probe.onAck(ack({ from: idOf(3) }))
  assert.ok(!probe.isAnswered)
})

test('a contact answers it in the probed generation', () => {
  const probe = probeAfter()
  probe.onContact(idOf(3), 4)
  probe.onContact(idOf(2), 3)
  assert.ok(!probe.isAnswered)
  probe.onContact(idOf(2), 4)
  assert.ok(probe.isAnswered)
})
