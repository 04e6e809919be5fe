/** What a node does that others ask to probe somebody for them. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { claim, idOf, INTERVAL_MS, Solo } from './harness.test.ts'
import type { Ack, Nack, PingRequest } from './messages.ts'

suite('a helper', () => {
  const request = (other: Partial<PingRequest> = {}): PingRequest => ({
    type: 'ping-request',
    from: idOf(2),
    fromGeneration: 1,
    health: 0,
    gossip: [],
    target: idOf(3),
    sequence: 500,
    nackAfterMs: 400,
    ...other,
  })

  test('pings with a sequence of its own and relays the ack with that of the request', () => {
    const solo = Solo.with(2, 3)
    solo.receive(request())
    const ping = solo.pings()[0]!
    assert.equal(ping.to, idOf(3))
    assert.notEqual(ping.sequence, 500)
    solo.ackFrom(ping, { aboutGeneration: 4 })
    const [effect] = solo.of('packet')
    assert.deepEqual(effect?.to, { host: 'from', port: 1 })
    const ack = effect.packet as Ack
    assert.deepEqual(
      [ack.type, ack.from, ack.about, ack.aboutGeneration, ack.sequence],
      ['ack', idOf(1), idOf(3), 4, 500],
    )
    solo.ackFrom(ping)
    assert.deepEqual(solo.acks(), [])
  })

  test('relays no ack of another node, and none after an interval', () => {
    const solo = Solo.with(2, 3)
    solo.receive(request())
    const ping = solo.pings()[0]!
    solo.ackFrom(ping, { from: idOf(2), about: idOf(2) })
    assert.deepEqual(solo.acks(), [])
    solo.advance(2 * INTERVAL_MS)
    solo.ackFrom(ping)
    assert.deepEqual(solo.acks(), [])
  })

  test('says in time, once, that the target is silent to it, too', () => {
    const solo = Solo.with(2, 3)
    solo.receive(request())
    solo.advance(300)
    assert.deepEqual(solo.nacks(), [])
    solo.advance(200)
    const [nack] = solo.nacks()
    assert.deepEqual([nack?.about, nack?.sequence], [idOf(3), 500])
    const sent = solo.of('packet').find(({ packet }) => packet.type === 'nack')
    assert.deepEqual(sent?.to, { host: 'from', port: 1 })
    solo.advance(5_000)
    assert.deepEqual(solo.nacks(), [])
  })

  test('says nothing of the kind of a target that has answered', () => {
    const solo = Solo.with(2, 3)
    solo.receive(request())
    solo.ackFrom(solo.pings()[0]!)
    solo.advance(5_000)
    assert.deepEqual(solo.nacks(), [])
  })

  test('relays an answer that comes after it has said that there is none', () => {
    const solo = Solo.with(2, 3)
    solo.receive(request())
    const ping = solo.pings()[0]!
    solo.advance(600)
    solo.ackFrom(ping)
    assert.equal(solo.acks().length, 1)
  })

  test('helps on while it probes on its own account', () => {
    const solo = Solo.with(2, 3)
    solo.nextProbe()
    solo.advance(INTERVAL_MS - 100)
    solo.receive(request())
    const ping = solo.pings()[0]!
    solo.receive(request({ sequence: 501, target: idOf(2) }))
    const { probes } = solo.swim.counts
    solo.advance(100)
    assert.equal(solo.swim.counts.probes, probes + 1)
    solo.ackFrom(ping)
    assert.equal(solo.acks()[0]?.sequence, 500)
    solo.advance(500)
    assert.deepEqual(
      solo.nacks().map((nack: Nack) => nack.sequence),
      [501],
    )
  })

  test('asks a target that it holds dead all the same, and says that it is silent', () => {
    const solo = Solo.with(2, 3)
    solo.gossip(2, claim(3, 'dead'))
    solo.receive(request())
    assert.equal(solo.pings()[0]?.to, idOf(3))
    solo.advance(500)
    assert.equal(solo.nacks().length, 1)
  })

  test('whose target has vanished meanwhile harms nothing, and still says that it is silent', () => {
    const solo = new Solo({ rememberedMs: 200 }).meeting(2, 3)
    solo.receive(request({ nackAfterMs: 3_000 }))
    solo.gossip(2, claim(3, 'dead'))
    solo.advance(2_000)
    assert.equal(solo.told(3), 'unknown')
    solo.advance(1_500)
    assert.equal(solo.nacks().length, 1)
  })

  test('that stood still owes nobody an answer any more', () => {
    const solo = Solo.with(2, 3)
    solo.receive(request())
    solo.stall(1_500)
    solo.advance(2_000)
    assert.deepEqual(solo.nacks(), [])
  })

  test('does nothing for a target that is unknown or itself', () => {
    const solo = Solo.with(2, 3)
    solo.receive(request({ target: idOf(9) }))
    assert.deepEqual(solo.effects, [])
    solo.receive(request({ target: idOf(1) }))
    assert.deepEqual(solo.effects, [])
  })

  test('serves a bounded number at once', () => {
    const solo = Solo.with(2, 3)
    let pings = 0
    for (let i = 0; i < 1_000; i++) {
      solo.receive(request({ sequence: i }))
      pings += solo.pings().length
    }
    assert.equal(pings, 256)
    solo.advance(2 * INTERVAL_MS)
    solo.receive(request())
    assert.equal(solo.pings().length, 1)
  })
})
