/** A member is suspect: who is told, what confirms it, and how it ends. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Prng } from '../std/prng.ts'
import { claim, idOf, INTERVAL_MS, Solo, told } from './harness.test.ts'
import type { MemberRecord } from './member.ts'

/** Member 2 called suspect by member `accuser`. */
function accusation(accuser: number, incarnation = 0): MemberRecord {
  return { ...claim(2, 'suspect', incarnation), accuser: idOf(accuser) }
}

/** Alone with members 2 and 3, where nobody can confirm; member 2 has failed our probe. */
function suspecting(): Solo {
  const solo = Solo.with(2, 3)
  solo.nextProbeOf(2)
  solo.advance(INTERVAL_MS)
  assert.equal(solo.told(2), 'suspect 1.0')
  return solo
}

/** A cluster of eleven in which member 3 has accused member 2. */
function accused(): Solo {
  const solo = new Solo().meeting(2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
  solo.gossip(3, accusation(3))
  return solo
}

/** Lets time pass in which everybody but member 2 answers. */
function pass(solo: Solo, ms: number): void {
  const end = solo.now + ms
  while (solo.now < end) {
    solo.advance(Math.min(100, end - solo.now))
    for (const ping of solo.pings()) if (ping.to !== idOf(2)) solo.ackFrom(ping)
  }
}

suite('a suspicion', () => {
  test('is told to the suspect at once and in every interval, first in the packet', () => {
    const solo = suspecting()
    for (let i = 0; i < 2; i++) {
      const pings = solo.pings().filter((ping) => ping.to === idOf(2))
      assert.ok(pings.length > 0)
      for (const ping of pings) assert.equal(told(ping.gossip[0]), 'suspect 1.0')
      solo.advance(INTERVAL_MS)
    }
  })

  test('is taken to the suspect over TCP too, where UDP may not reach it', () => {
    assert.deepEqual(suspecting().of('sync'), [{ type: 'sync', id: idOf(2) }])
    const solo = Solo.with(2, 3)
    solo.gossip(3, accusation(3))
    assert.deepEqual(solo.of('sync'), [{ type: 'sync', id: idOf(2) }])
  })

  test('is told to the others, with its accuser', () => {
    const solo = suspecting()
    solo.gossip(3)
    const news = solo.acks()[0]!.gossip.find(({ info }) => info.id === idOf(2))
    assert.deepEqual(news, accusation(1))
  })

  test('becomes a death after its time', () => {
    const solo = suspecting()
    solo.advance(3 * INTERVAL_MS - 1)
    assert.equal(solo.told(2), 'suspect 1.0')
    solo.advance(1)
    assert.deepEqual(solo.changes(), ['2: suspect → dead'])
  })

  test('that became a death says no more who accused', () => {
    const solo = suspecting()
    solo.advance(3 * INTERVAL_MS)
    assert.deepEqual(solo.swim.record(idOf(2)), claim(2, 'dead'))
    assert.deepEqual(solo.swim.standing(idOf(2)).suspectedBy, [])
  })

  test('ends with the refutation, and its time then does nothing', () => {
    const solo = suspecting()
    solo.ackFrom(solo.pings().at(-1)!, { from: idOf(2), gossip: [claim(2, 'alive', 1)] })
    assert.deepEqual(solo.changes(), ['2: suspect → alive'])
    const end = solo.now + 3 * INTERVAL_MS
    while (solo.now < end) {
      solo.advance(100)
      for (const ping of solo.pings()) solo.ackFrom(ping)
      assert.deepEqual(solo.changes(), [])
    }
    assert.equal(solo.told(2), 'alive 1.1')
  })

  test('does not end with an ack that refutes nothing', () => {
    const solo = suspecting()
    for (const ping of solo.pings()) solo.ackFrom(ping)
    assert.equal(solo.told(2), 'suspect 1.0')
  })

  test('ends at once with a restart of the member', () => {
    const solo = accused()
    solo.ping(2, 2, claim(2, 'alive', 0, 2))
    assert.deepEqual(solo.changes(), ['2: suspect → alive'])
    assert.deepEqual(solo.swim.standing(idOf(2)).suspectedBy, [])
    pass(solo, 1_000)
    assert.equal(solo.told(2), 'alive 2.0')
  })

  test('of the restarted member is a new one with its full time', () => {
    const solo = Solo.with(2, 3)
    solo.gossip(3, accusation(3))
    pass(solo, 2_000)
    solo.gossip(3, { ...claim(2, 'suspect', 0, 2), accuser: idOf(3) })
    pass(solo, 2_900)
    assert.equal(solo.told(2), 'suspect 2.0')
    pass(solo, 100)
    assert.equal(solo.told(2), 'dead 2.0')
  })

  test('of a new incarnation gets its full time', () => {
    const solo = Solo.with(2, 3)
    solo.gossip(3, accusation(3))
    pass(solo, 2_000)
    solo.gossip(3, accusation(3, 1))
    pass(solo, 2_900)
    assert.equal(solo.told(2), 'suspect 1.1')
    pass(solo, 100)
    assert.equal(solo.told(2), 'dead 1.1')
  })

  test('of an unknown member is held and shown to nobody until that has answered', () => {
    const solo = Solo.with(3)
    solo.gossip(3, accusation(3))
    assert.equal(solo.told(2), 'unknown')
    const ping = solo.pings().find(({ to }) => to === idOf(2))!
    assert.equal(told(ping.gossip[0]), 'suspect 1.0')
    solo.ackFrom(ping)
    assert.deepEqual(solo.changes(), ['2: unknown → suspect'])
    pass(solo, 3_000)
    assert.equal(solo.told(2), 'dead 1.0')
  })
})

suite('confirmations of a suspicion', () => {
  test('are few at first: without any it lasts for six times as long as with two', () => {
    const solo = new Solo().meeting(2, 3, 4, 5, 6, 7, 8, 9, 10)
    solo.gossip(3, accusation(3))
    solo.gossip(4, accusation(4))
    solo.gossip(5, accusation(5))
    pass(solo, 2_900)
    assert.equal(solo.told(2), 'suspect 1.0')
    pass(solo, 100)
    assert.equal(solo.told(2), 'dead 1.0')
  })

  test('of the first accuser, or of one who has confirmed, are none', () => {
    const solo = accused()
    for (const from of [3, 4, 4, 3]) {
      solo.gossip(from, accusation(from))
    }
    assert.deepEqual(solo.swim.standing(idOf(2)).suspectedBy, [idOf(3), idOf(4)])
  })

  test('are those of other accusers, whoever passes them on', () => {
    const solo = accused()
    solo.gossip(3, accusation(4))
    solo.gossip(3, accusation(5))
    assert.deepEqual(solo.swim.standing(idOf(2)).suspectedBy, [3, 4, 5].map(idOf))
  })

  test('are passed on while they shorten the time, each once', () => {
    const solo = accused()
    solo.settle()
    for (const [accuser, isNews] of [
      [4, true],
      [4, false],
      [3, false],
      [5, true],
      [6, false],
    ] as const) {
      solo.gossip(accuser, accusation(accuser))
      assert.equal(solo.swim.gossipQueue, isNews ? 1 : 0, `accuser ${accuser}`)
      solo.settle()
      assert.equal(solo.told(2), 'suspect 1.0')
    }
  })

  test('do not change since when the member is suspect', () => {
    const solo = accused()
    const { since } = solo.swim.standing(idOf(2))
    pass(solo, 500)
    solo.gossip(4, accusation(4))
    assert.equal(solo.swim.standing(idOf(2)).since, since)
    assert.deepEqual(solo.changes(), [])
  })

  test('that come when the shortened time is over make the death due at the next look', () => {
    const solo = accused()
    pass(solo, 4_000)
    assert.equal(solo.told(2), 'suspect 1.0')
    solo.gossip(4, accusation(4))
    solo.gossip(5, accusation(5))
    assert.equal(solo.told(2), 'suspect 1.0')
    solo.advance(100)
    assert.deepEqual(solo.changes(), ['2: suspect → dead'])
  })

  test('that come after the death change nothing', () => {
    const solo = suspecting()
    solo.advance(3 * INTERVAL_MS)
    solo.gossip(3, accusation(3))
    assert.equal(solo.told(2), 'dead 1.0')
    assert.deepEqual(solo.changes(), [])
    assert.deepEqual(solo.swim.standing(idOf(2)).suspectedBy, [])
  })

  test('of an older incarnation are none of this one', () => {
    const solo = accused()
    solo.gossip(3, accusation(3, 1))
    solo.gossip(4, accusation(4))
    solo.gossip(4, accusation(4, 1))
    assert.deepEqual(solo.swim.standing(idOf(2)).suspectedBy, [idOf(3), idOf(4)])
  })

  test('are our own failed probes, too, once', () => {
    const solo = Solo.with(2, 3, 4, 5)
    solo.gossip(3, accusation(3))
    solo.nextProbeOf(2)
    solo.advance(INTERVAL_MS)
    assert.deepEqual(solo.swim.standing(idOf(2)).suspectedBy, [idOf(3), idOf(1)])
    solo.hear(accusation(3))
    assert.deepEqual(solo.swim.standing(idOf(2)).suspectedBy, [idOf(3), idOf(1)])
    assert.equal(solo.swim.counts.suspicionsRaised, 0)
  })

  test('are accusations in a full state, as our own: they came another way than gossip', () => {
    for (const heard of [claim(2, 'dead'), accusation(7)]) {
      const solo = accused()
      solo.hear(heard)
      solo.hear(heard)
      assert.deepEqual(solo.swim.standing(idOf(2)).suspectedBy, [idOf(3), idOf(1)])
    }
  })

  test('say what is known of the member here, not what the accuser believes of it', () => {
    const solo = accused()
    solo.settle()
    const clone = { ...claim(2).info, address: { host: 'clone', port: 1 } }
    solo.gossip(4, { ...accusation(4), info: clone })
    solo.gossip(5)
    const news = solo.acks()[0]!.gossip.find(({ info }) => info.id === idOf(2))
    assert.deepEqual(news, accusation(4))
  })

  test('without an accuser are none', () => {
    const solo = accused()
    solo.gossip(4, claim(2, 'suspect'))
    assert.deepEqual(solo.swim.standing(idOf(2)).suspectedBy, [idOf(3)])
  })
})

suite('what has become of suspicions is counted', () => {
  test('raised: those of our own probes alone', () => {
    assert.equal(suspecting().swim.counts.suspicionsRaised, 1)
    assert.equal(accused().swim.counts.suspicionsRaised, 0)
  })

  test('refuted: whoever has raised them', () => {
    const solo = accused()
    solo.gossip(2, claim(2, 'alive', 1))
    assert.equal(solo.swim.counts.suspicionsRefuted, 1)
    assert.equal(solo.swim.counts.falseDeaths, 0)
  })

  test('a false death: the same generation lives after all', () => {
    const solo = suspecting()
    solo.advance(3 * INTERVAL_MS)
    solo.gossip(2, claim(2, 'alive', 1))
    assert.equal(solo.swim.counts.falseDeaths, 1)
    solo.gossip(3, claim(2, 'dead', 1))
    solo.ping(2, 2, claim(2, 'alive', 0, 2))
    assert.equal(solo.swim.counts.falseDeaths, 1)
  })
})

test('in a large cluster a few nodes, and not all, go to see a suspect', () => {
  const members = Array.from({ length: 99 }, (_, n) => n + 2)
  let visits = 0
  for (let seed = 0; seed < 100; seed++) {
    const solo = new Solo({ rng: new Prng(seed) }).meeting(...members)
    solo.gossip(3, accusation(3))
    visits += solo.of('sync').length
  }
  assert.ok(visits > 2 && visits < 20, `${visits} of 100`)
})
