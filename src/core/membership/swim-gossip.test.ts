/** How news travels, and how a node that missed some finds out (SWIM §4.1; R5, R11). */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { claim, idOf, infoOf, INTERVAL_MS, Solo, told } from './harness.test.ts'
import type { SwimPacket } from './messages.ts'

/** Which members' news is in the packets. */
function newsIn(packets: readonly SwimPacket[]): Set<string> {
  const told = packets.flatMap(({ gossip }) => gossip.map(({ info }) => info.name))
  return new Set(told.filter((name) => name !== 'node1'))
}

/** With members 2 to 4, who have told their news. */
function calm(): Solo {
  const solo = Solo.with(2, 3, 4)
  solo.settle()
  // No change for some seconds.
  for (let i = 0; i < 40; i++) {
    solo.advance(100)
    for (const ping of solo.pings()) solo.ackFrom(ping)
  }
  return solo
}

suite('news', () => {
  test('goes out soon on packets of its own, and on every other one', () => {
    const solo = calm()
    solo.gossip(3, claim(2, 'suspect'))
    solo.advance(200)
    assert.ok(solo.gossips().length >= 2)
    assert.deepEqual(newsIn(solo.gossips()), new Set(['node2']))
    const ping = solo.nextProbe()
    assert.deepEqual(newsIn([ping]), new Set(['node2']))
  })

  test('ends: an idle node sends one ping an interval, and nothing else', () => {
    const solo = calm()
    const { packetsSent } = solo.swim.counts
    for (let i = 0; i < 100; i++) {
      solo.advance(100)
      for (const packet of solo.packets()) assert.equal(packet.type, 'ping')
      for (const ping of solo.pings()) {
        assert.deepEqual(ping.gossip, [solo.swim.self])
        solo.ackFrom(ping)
      }
    }
    assert.equal(solo.swim.counts.packetsSent - packetsSent, 10)
  })

  test('is taken up once and not again by what is known', () => {
    const solo = calm()
    const told: number[] = []
    for (let i = 0; i < 10; i++) {
      solo.gossip(3 + (i % 2), claim(2, 'dead'))
      told.push(newsIn(solo.acks()).size)
    }
    assert.deepEqual(told, [1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
  })

  test('of a member is one word, the last', () => {
    const solo = calm()
    solo.gossip(3, claim(2, 'suspect'))
    solo.gossip(3, claim(2, 'dead'))
    solo.gossip(3, claim(2, 'dead', 4))
    assert.equal(solo.swim.gossipQueue, 1)
    solo.gossip(4)
    const word = solo.acks()[0]!.gossip.find(({ info }) => info.id === idOf(2))
    assert.equal(told(word), 'dead 1.4')
  })

  test('reaches one who just died, who may only seem so, and nobody who died long ago', () => {
    const solo = calm()
    solo.gossip(3, claim(2, 'dead'))
    const isTold = (): boolean => {
      let heard = false
      for (let n = 10; n < 40; n++) {
        solo.ping(n, 1, claim(n))
        solo.advance(200)
        heard ||= solo.of('packet').some(({ to }) => to.port === infoOf(2).address.port)
        solo.ping(n, 1, claim(n, 'left'))
      }
      return heard
    }
    assert.ok(isTold())
    solo.advance(30_000)
    assert.ok(!isTold())
  })

  test('of one whose memory is given up goes with it', () => {
    const solo = new Solo({ rememberedMs: 500 }).meeting(2, 3, 4, 5)
    solo.settle()
    solo.gossip(3, claim(2, 'dead'))
    solo.advance(INTERVAL_MS + 500)
    assert.equal(solo.told(2), 'unknown')
    solo.gossip(3)
    assert.deepEqual(newsIn(solo.acks()), new Set())
  })

  test('of ours to refute waits behind nothing: it is in the very next packet', () => {
    const solo = Solo.with(2, ...Array.from({ length: 60 }, (_, n) => n + 10))
    solo.gossip(10, ...Array.from({ length: 8 }, (_, n) => claim(n + 20, 'suspect')))
    solo.gossip(2, claim(1, 'dead', 2))
    assert.equal(told(solo.acks()[0]!.gossip[0]), 'alive 1.3')
  })
})

suite('a digest that differs', () => {
  test('has two exchange all they know when nothing is under way', () => {
    const solo = calm()
    const head = { from: idOf(2), fromGeneration: 1, health: 0, gossip: [] }
    const ping = { type: 'ping', ...head, to: idOf(1), sequence: 5, digest: 1 } as const
    solo.receive(ping)
    assert.deepEqual(solo.of('sync'), [{ type: 'sync', id: idOf(2) }])
    assert.equal(solo.swim.counts.digestSyncs, 1)
    solo.receive(ping)
    assert.deepEqual(solo.of('sync'), [])
  })

  test('is seen in acks as well as in pings', () => {
    const solo = calm()
    const ping = solo.nextProbe()
    solo.ackFrom(ping, { digest: 1 })
    assert.deepEqual(solo.of('sync'), [{ type: 'sync', id: ping.to }])
  })

  test('of everybody, all the time, costs one exchange in ten seconds', () => {
    const solo = calm()
    let syncs = 0
    for (let i = 0; i < 600; i++) {
      solo.advance(100)
      for (const ping of solo.pings()) {
        solo.ackFrom(ping, { digest: 1 })
        syncs += solo.of('sync').length
      }
    }
    assert.ok(syncs >= 5 && syncs <= 6, `${syncs} exchanges in a minute`)
    assert.equal(solo.swim.counts.digestSyncs, syncs)
  })

  test('of a node that leaves, or is dead to us, is of no interest', () => {
    const solo = calm()
    solo.gossip(3, claim(2, 'dead'))
    solo.settle()
    for (let i = 0; i < 40; i++) {
      solo.advance(100)
      for (const ping of solo.pings()) solo.ackFrom(ping)
    }
    const head = { from: idOf(2), fromGeneration: 1, health: 0, gossip: [] }
    solo.receive({ type: 'ping', ...head, to: idOf(1), sequence: 5, digest: 1 })
    assert.deepEqual(solo.of('sync'), [])
    solo.step({ type: 'leave' })
    solo.settle()
    solo.receive({ type: 'ping', ...head, from: idOf(3), to: idOf(1), sequence: 5, digest: 1 })
    assert.deepEqual(solo.of('sync'), [])
  })

  test('that agrees asks for nothing, though the dead may differ', () => {
    const solo = calm()
    solo.hear(claim(50, 'dead'))
    for (let i = 0; i < 100; i++) {
      solo.advance(100)
      for (const ping of solo.pings()) {
        solo.ackFrom(ping)
        assert.deepEqual(solo.of('sync'), [])
      }
    }
  })
})
