import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { instant } from '../std/instant.ts'
import { claim, idOf } from './harness.test.ts'
import type { Ack, Nack } from './messages.ts'
import { Probe } from './probe.ts'

const ack = (other: Partial<Ack> = {}): Ack => ({
  type: 'ack',
  from: idOf(2),
  fromGeneration: 4,
  health: 0,
  gossip: [],
  about: idOf(2),
  aboutGeneration: 4,
  sequence: 9,
  digest: 0,
  ...other,
})

const nack = (other: Partial<Nack> = {}): Nack => ({
  type: 'nack',
  from: idOf(3),
  fromGeneration: 1,
  health: 0,
  gossip: [],
  about: idOf(2),
  sequence: 9,
  ...other,
})

function fresh(): Probe {
  const times = { sentAt: instant(0), askAt: instant(300), endAt: instant(1_000) }
  return new Probe(claim(2, 'alive', 0, 4), 9, times)
}

function probeAfter(...acks: readonly Ack[]): Probe {
  const probe = fresh()
  probe.askedFor([idOf(3), idOf(4)])
  for (const each of acks) probe.onAck(each)
  return probe
}

suite('a probe', () => {
  test('is answered by the target directly, or by a helper that was asked', () => {
    assert.equal(probeAfter().answer, undefined)
    assert.equal(probeAfter(ack()).answer, 'direct')
    assert.equal(probeAfter(ack({ from: idOf(3) })).answer, 'indirect')
    assert.equal(probeAfter(ack({ from: idOf(4) })).answer, 'indirect')
  })

  test('is not answered by anything else', () => {
    assert.equal(probeAfter(ack({ sequence: 8 })).answer, undefined)
    assert.equal(probeAfter(ack({ from: idOf(5) })).answer, undefined)
    assert.equal(probeAfter(ack({ from: idOf(3), about: idOf(3) })).answer, undefined)
    assert.equal(probeAfter(ack({ aboutGeneration: 3 })).answer, undefined)
    assert.equal(probeAfter(ack({ aboutGeneration: 5 })).answer, undefined)
  })

  test('tells the direct answer from others, so that only it is timed', () => {
    const probe = probeAfter()
    assert.ok(!probe.onAck(ack({ from: idOf(3) })))
    assert.ok(!probe.onAck(ack({ aboutGeneration: 3 })))
    assert.ok(probe.onAck(ack()))
  })

  test('keeps the best of its answers', () => {
    assert.equal(probeAfter(ack(), ack({ aboutGeneration: 3 })).answer, 'direct')
    assert.equal(probeAfter(ack(), ack({ from: idOf(3) })).answer, 'direct')
    assert.equal(probeAfter(ack({ from: idOf(3) }), ack()).answer, 'direct')
    const probe = probeAfter(ack())
    probe.onContact(idOf(2), 4)
    probe.onHeard(idOf(2), 4)
    assert.equal(probe.answer, 'direct')
  })

  test('does not count helpers that were not asked yet', () => {
    const probe = fresh()
    assert.ok(!probe.hasAsked)
    probe.onAck(ack({ from: idOf(3) }))
    probe.onNack(nack())
    assert.equal(probe.answer, undefined)
    assert.equal(probe.nacks, 0)
  })

  test('has asked even if there was nobody to ask', () => {
    const probe = fresh()
    probe.askedFor([])
    assert.ok(probe.hasAsked)
    assert.deepEqual(probe.dumbHelpers, [])
  })

  test('is answered indirectly by a contact of the probed generation', () => {
    const probe = probeAfter()
    probe.onContact(idOf(3), 4)
    probe.onContact(idOf(2), 3)
    assert.equal(probe.answer, undefined)
    probe.onContact(idOf(2), 4)
    assert.equal(probe.answer, 'indirect')
  })

  test('knows its target to live by any packet of the probed generation, and better by an answer', () => {
    const probe = probeAfter()
    probe.onHeard(idOf(3), 4)
    probe.onHeard(idOf(2), 3)
    assert.equal(probe.answer, undefined)
    probe.onHeard(idOf(2), 4)
    assert.equal(probe.answer, 'heard')
    probe.onAck(ack({ from: idOf(3) }))
    assert.equal(probe.answer, 'indirect')
    probe.onHeard(idOf(2), 4)
    assert.equal(probe.answer, 'indirect')
  })
})

suite('nacks', () => {
  test('of helpers that were asked are counted, each helper once', () => {
    const probe = probeAfter()
    assert.equal(probe.dumbHelpers.length + probe.nacks, 2)
    probe.onNack(nack())
    probe.onNack(nack())
    assert.equal(probe.nacks, 1)
    probe.onNack(nack({ from: idOf(4) }))
    assert.equal(probe.nacks, 2)
    assert.equal(probe.answer, undefined)
  })

  test('of others, of another probe or about another member are not', () => {
    const probe = probeAfter()
    probe.onNack(nack({ from: idOf(5) }))
    probe.onNack(nack({ sequence: 8 }))
    probe.onNack(nack({ about: idOf(4) }))
    assert.equal(probe.nacks, 0)
  })
})
