import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { claim, idOf, INTERVAL_MS, infoOf, Solo, TIMEOUT_MS, told } from './harness.test.ts'
import type { Ack } from './messages.ts'

suite('a probe', () => {
  test('that is acked in time keeps the member alive, and sequences never repeat', () => {
    const solo = Solo.with(2)
    const seen = new Set<number>()
    for (let i = 0; i < 10; i++) {
      const ping = solo.nextProbe()
      assert.equal(ping.to, idOf(2))
      assert.ok(!seen.has(ping.sequence))
      seen.add(ping.sequence)
      solo.ackFrom(ping)
    }
    solo.advance(INTERVAL_MS - 1)
    assert.equal(solo.told(2), 'alive 1.0')
  })

  test('goes out once an interval', () => {
    const solo = Solo.with(2)
    solo.nextProbe()
    const start = solo.now
    solo.nextProbe()
    assert.equal(solo.now - start, INTERVAL_MS)
  })

  test('visits each member once a round', () => {
    const solo = Solo.with(2, 3, 4, 5, 6)
    const round = () => {
      const targets: string[] = []
      for (let i = 0; i < 5; i++) {
        const ping = solo.nextProbe()
        targets.push(ping.to)
        solo.ackFrom(ping)
      }
      return targets
    }
    while (new Set(round()).size < 5);
    for (let i = 0; i < 10; i++) assert.equal(new Set(round()).size, 5)
  })

  test('visits a newcomer within two rounds', () => {
    const solo = Solo.with(2, 3, 4, 5, 6)
    for (let n = 7; n < 20; n++) {
      solo.meet(claim(n))
      const bound = 2 * (n - 1) - 1
      let probes = 0
      for (;;) {
        const ping = solo.nextProbe()
        probes++
        solo.ackFrom(ping)
        if (ping.to === idOf(n)) break
      }
      assert.ok(probes <= bound, `${probes} probes`)
    }
  })

  test('without an ack asks three other live members, and never the target or this node', () => {
    const solo = Solo.with(2, 3, 4, 5, 6)
    const ping = solo.nextProbeOf(2)
    solo.advance(TIMEOUT_MS - 1)
    assert.deepEqual(solo.requests(), [])
    solo.advance(1)
    const helpers = solo.of('packet').map((effect) => effect.to.port)
    assert.equal(new Set(helpers).size, 3)
    assert.ok(!helpers.includes(infoOf(2).address.port))
    for (const request of solo.requests()) {
      assert.equal(request.target, idOf(2))
      assert.equal(request.sequence, ping.sequence)
      assert.equal(request.nackAfterMs, 0.8 * (INTERVAL_MS - TIMEOUT_MS))
    }
    assert.deepEqual(solo.of('probe-link'), [{ type: 'probe-link', id: idOf(2) }])
  })

  test('acked before the timeout asks nobody', () => {
    const solo = Solo.with(2, 3)
    solo.ackFrom(solo.nextProbe())
    solo.advance(TIMEOUT_MS)
    assert.deepEqual(solo.requests(), [])
  })

  test('acked through a helper or late but within the interval keeps the member alive', () => {
    for (const from of [2, 3]) {
      const solo = Solo.with(2, 3)
      const ping = solo.nextProbeOf(2)
      solo.advance(INTERVAL_MS - 1)
      solo.ackFrom(ping, { from: idOf(from) })
      solo.advance(1)
      assert.equal(solo.told(2), 'alive 1.0')
    }
  })

  test('without any ack makes the member suspect at the end of the interval, not dead', () => {
    const solo = Solo.with(2, 3)
    solo.nextProbeOf(2)
    solo.advance(INTERVAL_MS - 1)
    assert.equal(solo.told(2), 'alive 1.0')
    solo.advance(1)
    assert.deepEqual(solo.changes(), ['2: alive → suspect'])
  })

  const wrong: Record<string, Partial<Ack>> = {
    'another sequence': { sequence: 5 },
    'another generation': { aboutGeneration: 0, fromGeneration: 1 },
    'somebody who was not asked': { from: idOf(4) },
    'somebody about itself': { from: idOf(3), about: idOf(3) },
  }
  for (const [what, ack] of Object.entries(wrong)) {
    test(`is not answered by an ack of ${what}`, () => {
      const solo = Solo.with(2)
      const ping = solo.nextProbe()
      solo.ackFrom(ping, ack)
      solo.advance(INTERVAL_MS)
      assert.equal(solo.told(2), 'suspect 1.0')
    })
  }

  test('is not answered by the ack of the probe before', () => {
    const solo = Solo.with(2)
    const old = solo.nextProbe()
    solo.ackFrom(old)
    solo.nextProbe()
    solo.ackFrom(old)
    solo.advance(INTERVAL_MS)
    assert.equal(solo.told(2), 'suspect 1.0')
  })

  test('counts neither way when the target restarts meanwhile', () => {
    const solo = Solo.with(2)
    solo.nextProbe()
    solo.ping(2, 2, claim(2, 'alive', 0, 2))
    solo.advance(INTERVAL_MS - 1)
    assert.equal(solo.told(2), 'alive 2.0')
  })

  test('ends with the death of its target', () => {
    const solo = Solo.with(2, 3)
    solo.nextProbeOf(2)
    solo.gossip(3, claim(2, 'dead'))
    solo.advance(TIMEOUT_MS)
    assert.deepEqual(solo.requests(), [])
  })

  test('is answered by a contact of the target in its generation', () => {
    for (const [generation, state] of [
      [1, 'alive'],
      [0, 'suspect'],
    ] as const) {
      const solo = Solo.with(2)
      solo.nextProbe()
      solo.step({ type: 'contact', id: idOf(2), generation })
      solo.advance(INTERVAL_MS)
      assert.equal(solo.swim.record(idOf(2))?.state, state)
    }
  })

  test('is sent to nobody while nobody is there', () => {
    const solo = new Solo({ known: [claim(2, 'dead')] })
    solo.advance(10 * INTERVAL_MS)
    assert.deepEqual(solo.packets(), [])
  })
})

suite('a packet', () => {
  test('is answered to where it came from, with the sequence of the ping', () => {
    const solo = new Solo()
    solo.gossip(9)
    const [effect] = solo.of('packet')
    assert.deepEqual(effect?.to, { host: 'from', port: 1 })
    const ack = effect.packet as Ack
    assert.deepEqual([ack.about, ack.aboutGeneration, ack.sequence], [idOf(1), 1, 77])
  })

  test('always carries the own record', () => {
    const solo = Solo.with(2)
    solo.gossip(2)
    assert.deepEqual(solo.acks()[0]!.gossip, [solo.swim.self])
    assert.ok(solo.nextProbe().gossip.includes(solo.swim.self))
  })

  test('for another node is not heard', () => {
    const solo = Solo.with(2, 3)
    solo.receive({
      type: 'ping',
      from: idOf(2),
      fromGeneration: 1,
      health: 0,
      gossip: [claim(3, 'dead')],
      to: idOf(3),
      sequence: 1,
      digest: 0,
    })
    assert.deepEqual(solo.effects, [])
    assert.equal(solo.told(3), 'alive 1.0')
  })

  test('of our own id is not heard, and shows that another process has it', () => {
    const solo = Solo.with(3)
    solo.gossip(1, claim(3, 'dead'))
    assert.deepEqual(solo.packets(), [])
    assert.deepEqual(
      solo.of('cloned-identity').map(({ address }) => address),
      [{ host: 'from', port: 1 }],
    )
    solo.gossip(1, claim(3, 'dead'))
    assert.deepEqual(solo.of('cloned-identity'), [])
    assert.equal(solo.told(3), 'alive 1.0')
  })

  test('of our own id that brings our own record is an echo, and nothing', () => {
    for (const address of [infoOf(1).address, { host: 'as others see us', port: 9 }]) {
      const solo = Solo.with(3)
      const gossip = [solo.swim.self, claim(3, 'dead')]
      const head = { from: idOf(1), fromGeneration: 1, health: 0, gossip }
      solo.step({ type: 'packet', packet: { type: 'gossip', ...head }, address })
      assert.deepEqual(solo.effects, [])
      assert.equal(solo.told(3), 'alive 1.0')
    }
  })

  test('of an older generation of a member is not heard, but its ping is told of the newer one', () => {
    const solo = Solo.with(3)
    solo.meet(claim(2, 'alive', 0, 5))
    solo.ping(2, 4, claim(3, 'dead'))
    assert.equal(solo.told(3), 'alive 1.0')
    assert.equal(told(solo.acks()[0]!.gossip[0]), 'alive 5.0')
    solo.receive({
      type: 'ack',
      from: idOf(2),
      fromGeneration: 4,
      health: 0,
      gossip: [claim(3, 'dead')],
      about: idOf(2),
      aboutGeneration: 4,
      sequence: 1,
      digest: 0,
    })
    assert.equal(solo.told(3), 'alive 1.0')
  })
})

test('hearing of many members at once sends at most 64 pings an interval, and in the end reaches all', () => {
  const solo = new Solo()
  solo.hear(...Array.from({ length: 200 }, (_, n) => claim(n + 2)))
  const reached = new Set(solo.pings().map((ping) => ping.to))
  assert.equal(reached.size, 64)
  for (let i = 0; i < 3; i++) {
    solo.advance(INTERVAL_MS)
    assert.ok(solo.pings().length <= 64)
    for (const ping of solo.pings()) reached.add(ping.to)
  }
  assert.equal(reached.size, 200)
})
