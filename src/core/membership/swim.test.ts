import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Prng } from '../std/prng.ts'
import { claim, idOf, infoOf, Solo, told } from './harness.test.ts'
import type { MemberState } from './member.ts'

suite('a member becomes known', () => {
  test('by a full state and an ack to a direct ping, and only then it counts', () => {
    const solo = new Solo()
    solo.hear(claim(2))
    assert.equal(solo.told(2), 'unknown')
    assert.deepEqual(solo.swim.records(), [claim(1)])
    assert.deepEqual(solo.swim.known(), [claim(1), claim(2)])
    assert.ok(!solo.swim.isUp(idOf(2)))
    assert.deepEqual(solo.changes(), [])
    const [ping] = solo.pings()
    assert.equal(ping?.to, idOf(2))
    solo.ackFrom(ping!)
    assert.deepEqual(solo.changes(), ['2: unknown → alive'])
    assert.ok(solo.swim.isUp(idOf(2)))
    assert.ok(solo.swim.isAlive(idOf(2)))
    assert.deepEqual(
      solo.swim.records().map((record) => record.info.id),
      [idOf(1), idOf(2)],
    )
  })

  test('by gossip of others the same way, and it is not handed on before it has answered', () => {
    const solo = Solo.with(2)
    solo.gossip(2, claim(3))
    assert.ok(!solo.acks()[0]!.gossip.some((record) => record.info.id === idOf(3)))
    const ping = solo.pings().find((packet) => packet.to === idOf(3))!
    solo.ackFrom(ping)
    solo.gossip(2)
    assert.ok(solo.acks()[0]!.gossip.some((record) => record.info.id === idOf(3)))
  })

  test('at once by its own word', () => {
    const solo = new Solo()
    solo.gossip(2, claim(2))
    assert.deepEqual(solo.changes(), ['2: unknown → alive'])
  })

  test('at once by its own word after hearsay', () => {
    const solo = new Solo()
    solo.hear(claim(2))
    solo.gossip(2, claim(2))
    assert.deepEqual(solo.changes(), ['2: unknown → alive'])
  })

  test('by a contact after the claim', () => {
    const solo = new Solo()
    solo.hear(claim(2))
    solo.step({ type: 'contact', id: idOf(2), generation: 1 })
    assert.deepEqual(solo.changes(), ['2: unknown → alive'])
  })

  test('by a contact before the claim, for some seconds', () => {
    const solo = new Solo()
    solo.step({ type: 'contact', id: idOf(2), generation: 1 })
    solo.step({ type: 'contact', id: idOf(3), generation: 1 })
    solo.step({ type: 'contact', id: idOf(4), generation: 9 })
    solo.hear(claim(2), claim(4))
    assert.deepEqual(solo.changes(), ['2: unknown → alive'])
    solo.advance(10_000)
    solo.hear(claim(3))
    assert.equal(solo.told(3), 'unknown')
  })

  test('not by an ack of another sequence, of another generation or from another node', () => {
    const solo = new Solo()
    solo.hear(claim(2))
    const ping = solo.pings()[0]!
    solo.ackFrom(ping, { sequence: ping.sequence + 1 })
    solo.ackFrom(ping, { aboutGeneration: 2 })
    solo.ackFrom(ping, { from: idOf(3) })
    solo.ackFrom(ping, { from: idOf(3), about: idOf(3) })
    assert.equal(solo.told(2), 'unknown')
    solo.ackFrom(ping)
    assert.equal(solo.told(2), 'alive 1.0')
  })

  test('not by the ack of another member that speaks about it', () => {
    const solo = new Solo()
    solo.hear(claim(2), claim(3))
    solo.ackFrom(solo.pings()[1]!, { about: idOf(2) })
    assert.equal(solo.told(2), 'unknown')
  })

  test('after three pings in vain only when heard of again or after a while', () => {
    const solo = new Solo()
    solo.hear(claim(2))
    assert.equal(solo.pings().length, 1)
    solo.advance(5_000)
    assert.equal(solo.pings().length, 2)
    solo.hear(claim(2))
    assert.equal(solo.pings().length, 1)
    solo.advance(5_000)
    assert.equal(solo.pings().length, 0)
    solo.advance(25_000)
    assert.ok(solo.pings().length >= 1)
    assert.equal(solo.told(2), 'unknown')
  })

  test('again after a restart of ours: those remembered alive are pinged at the start', () => {
    const solo = new Solo({ known: [claim(1, 'alive', 5), claim(2), claim(3, 'dead')] })
    assert.deepEqual(
      solo.pings().map((ping) => ping.to),
      [idOf(2)],
    )
    assert.equal(solo.told(2), 'unknown')
    assert.equal(solo.told(3), 'dead 1.0')
    assert.equal(told(solo.swim.self), 'alive 1.0')
    solo.ackFrom(solo.pings()[0]!)
    assert.equal(solo.told(2), 'alive 1.0')
  })

  test('as dead without proof, and is not handed on', () => {
    const solo = Solo.with(2)
    solo.settle()
    solo.hear(claim(3, 'dead'))
    assert.deepEqual(solo.changes(), ['3: unknown → dead'])
    assert.ok(!solo.swim.isUp(idOf(3)))
    solo.gossip(2)
    assert.deepEqual(solo.acks()[0]!.gossip, [solo.swim.self])
  })

  test('never by its leave: who did not know it does not miss it', () => {
    const solo = Solo.with(2)
    solo.hear(claim(4, 'left'))
    assert.deepEqual(solo.effects, [])
    assert.equal(solo.told(4), 'unknown')
    assert.equal(solo.swim.counts.claimsRefused, 0)
  })

  test('as left again after a restart of ours, for the own disk is believed', () => {
    const solo = new Solo({ known: [claim(2, 'left'), { ...claim(3, 'left'), leaveProof: '00' }] })
    assert.equal(solo.told(2), 'left 1.0')
    assert.equal(solo.told(3), 'unknown')
  })
})

suite('claims about another member', () => {
  test('that is new are one change and one piece of news', () => {
    const solo = new Solo()
    solo.gossip(2, claim(2))
    assert.deepEqual(solo.changes(), ['2: unknown → alive'])
    assert.equal(solo.swim.gossipQueue, 1)
  })

  test('heard again change nothing, tell nothing and are no news', () => {
    const solo = Solo.with(2, 3)
    solo.settle()
    solo.hear(claim(2))
    assert.deepEqual(solo.effects, [])
    solo.gossip(2, claim(2))
    assert.deepEqual(solo.changes(), [])
    assert.equal(solo.swim.gossipQueue, 0)
  })

  test('of a higher incarnation without a change are kept and handed on, and tell nothing', () => {
    const solo = Solo.with(2, 3)
    solo.settle()
    solo.gossip(3, claim(2, 'alive', 4))
    assert.equal(solo.told(2), 'alive 1.4')
    assert.deepEqual(solo.changes(), [])
    assert.equal(solo.swim.gossipQueue, 1)
  })

  test('that a suspect lives, of an older incarnation, are too old whoever says so', () => {
    const solo = Solo.with(2, 3)
    solo.gossip(3, claim(2, 'suspect', 3))
    for (const from of [2, 3]) {
      solo.gossip(from, claim(2, 'alive', 2))
      assert.equal(solo.told(2), 'suspect 1.3')
    }
  })

  test('that a dead member lives, at the incarnation in which it died, leave it dead', () => {
    const solo = Solo.with(2, 3)
    solo.gossip(3, claim(2, 'dead', 1))
    for (const from of [2, 3]) {
      solo.gossip(from, claim(2, 'alive', 1))
      assert.equal(solo.told(2), 'dead 1.1')
      assert.deepEqual(solo.changes(), [])
    }
  })

  test('that it said itself that it is suspect or dead are taken as if another had said so', () => {
    for (const state of ['suspect', 'dead'] as const) {
      const solo = Solo.with(2, 3)
      solo.gossip(2, claim(2, state))
      assert.equal(solo.told(2), `${state} 1.0`)
    }
  })

  test('of a higher incarnation with other info tell of the change', () => {
    const solo = Solo.with(2, 3)
    solo.gossip(3, claim(2, 'alive', 1, 1, { weight: 7 }))
    assert.deepEqual(solo.changes(), ['2: alive → alive'])
    assert.equal(solo.swim.record(idOf(2))?.info.weight, 7)
  })

  test('suspect at the same incarnation beats alive, and alive needs a higher one to come back', () => {
    const solo = Solo.with(2, 3)
    solo.gossip(3, claim(2, 'suspect'))
    assert.deepEqual(solo.changes(), ['2: alive → suspect'])
    assert.ok(solo.swim.isUp(idOf(2)))
    assert.ok(!solo.swim.isAlive(idOf(2)))
    solo.gossip(3, claim(2))
    assert.equal(solo.told(2), 'suspect 1.0')
    solo.gossip(3, claim(2, 'alive', 1))
    assert.deepEqual(solo.changes(), ['2: suspect → alive'])
  })

  test('suspect of an older incarnation or said twice changes nothing', () => {
    const solo = Solo.with(2, 3)
    solo.gossip(3, claim(2, 'alive', 2))
    solo.gossip(3, claim(2, 'suspect', 1))
    assert.equal(solo.told(2), 'alive 1.2')
    solo.gossip(3, claim(2, 'suspect', 2))
    solo.gossip(3, claim(2, 'suspect', 2))
    assert.deepEqual(solo.changes(), [])
  })

  test('dead tells once, is handed on, and keeps the member in the records', () => {
    const solo = Solo.with(2, 3)
    solo.gossip(3, claim(2, 'dead'))
    assert.deepEqual(solo.changes(), ['2: alive → dead'])
    assert.ok(!solo.swim.isUp(idOf(2)))
    solo.gossip(3, claim(2, 'dead'))
    assert.deepEqual(solo.changes(), [])
    assert.ok(solo.acks()[0]!.gossip.some((record) => told(record) === 'dead 1.0'))
    assert.equal(solo.swim.records().length, 3)
  })

  test('dead of an older incarnation changes nothing', () => {
    const solo = Solo.with(2, 3)
    solo.gossip(3, claim(2, 'alive', 2))
    solo.gossip(3, claim(2, 'dead', 1))
    assert.equal(solo.told(2), 'alive 1.2')
  })

  test('dead in incarnation 10 after dead in 1 makes alive in 2 too old', () => {
    const solo = Solo.with(2, 3)
    solo.gossip(3, claim(2, 'dead', 1))
    solo.gossip(3, claim(2, 'dead', 10))
    solo.gossip(2, claim(2, 'alive', 2))
    assert.equal(solo.told(2), 'dead 1.10')
    solo.gossip(2, claim(2, 'alive', 11))
    assert.deepEqual(solo.changes(), ['2: dead → alive'])
  })

  test('a relayed refutation of a death waits until the member itself has answered', () => {
    const solo = Solo.with(2, 3)
    solo.gossip(3, claim(2, 'dead'))
    solo.gossip(3, claim(2, 'alive', 1))
    assert.equal(solo.told(2), 'dead 1.0')
    solo.ackFrom(solo.pings()[0]!)
    assert.equal(solo.told(2), 'alive 1.1')
    assert.deepEqual(solo.changes(), ['2: dead → alive'])
  })

  test('a member left is not revived by its old generation, and joins with a new one', () => {
    const solo = Solo.with(2, 3)
    solo.gossip(3, claim(2, 'left'))
    assert.deepEqual(solo.changes(), ['2: alive → left'])
    solo.gossip(3, claim(2))
    assert.deepEqual(solo.pings(), [])
    const moved = { address: { host: 'elsewhere', port: 9 } }
    solo.ping(2, 2, claim(2, 'alive', 0, 2, moved))
    assert.deepEqual(solo.changes(), ['2: left → alive'])
    assert.equal(solo.swim.record(idOf(2))?.info.address.host, 'elsewhere')
  })

  test('a restart of a live member replaces its record and address at once', () => {
    const solo = Solo.with(2, 3)
    solo.gossip(3, claim(2, 'suspect', 5))
    solo.gossip(3, claim(2, 'alive', 0, 2, { address: { host: 'elsewhere', port: 9 } }))
    assert.deepEqual(solo.changes(), ['2: suspect → alive'])
    assert.equal(solo.told(2), 'alive 2.0')
    assert.equal(solo.swim.record(idOf(2))?.info.address.host, 'elsewhere')
    solo.gossip(3, claim(2, 'dead', 100, 1))
    assert.equal(solo.told(2), 'alive 2.0')
  })

  test('a restart told without any other difference is a change all the same', () => {
    const solo = Solo.with(2, 3)
    solo.gossip(3, claim(2, 'alive', 0, 2))
    assert.deepEqual(solo.changes(), ['2: alive → alive'])
  })

  test('an incarnation that leaps is not believed', () => {
    const solo = Solo.with(2, 3)
    solo.gossip(3, claim(2, 'dead', 2 ** 21))
    assert.equal(solo.told(2), 'alive 1.0')
  })
})

suite('a full state over TCP', () => {
  test('turns a death of a live member into a suspicion, tells the member, and lets it refute', () => {
    const solo = Solo.with(2)
    solo.hear(claim(2, 'dead'))
    assert.deepEqual(solo.changes(), ['2: alive → suspect'])
    assert.equal(solo.pings()[0]?.to, idOf(2))
    assert.equal(told(solo.pings()[0]?.gossip[0]), 'suspect 1.0')
    solo.ackFrom(solo.pings()[0]!, { gossip: [claim(2, 'alive', 1)] })
    assert.deepEqual(solo.changes(), ['2: suspect → alive'])
  })

  test('ends in death when the member does not refute', () => {
    const solo = Solo.with(2)
    solo.hear(claim(2, 'dead'))
    solo.advance(3_000)
    assert.deepEqual(solo.changes(), ['2: suspect → dead'])
  })

  const matrix: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    unknown: { alive: 'unknown', suspect: 'unknown', dead: 'dead', left: 'unknown' },
    alive: { alive: 'alive', suspect: 'suspect', dead: 'suspect', left: 'left' },
    suspect: { alive: 'suspect', suspect: 'suspect', dead: 'suspect', left: 'left' },
    dead: { alive: 'dead', suspect: 'dead', dead: 'dead', left: 'left' },
    left: { alive: 'left', suspect: 'left', dead: 'left', left: 'left' },
  }
  for (const [before, outcomes] of Object.entries(matrix)) {
    test(`about one who is ${before} to us changes that once at most, by this table`, () => {
      for (const [heard, after] of Object.entries(outcomes)) {
        const solo = new Solo()
        if (before !== 'unknown') {
          solo.meet(claim(2))
          solo.gossip(3, claim(2, before as MemberState))
        }
        const changes: string[] = []
        for (let i = 0; i < 2; i++) {
          solo.hear(claim(2, heard as MemberState))
          changes.push(...solo.changes())
        }
        const shown = solo.swim.record(idOf(2))?.state ?? 'unknown'
        assert.equal(shown, after, `${heard} heard of one ${before}`)
        assert.deepEqual(changes, before === after ? [] : [`2: ${before} → ${after}`])
      }
    })
  }

  test('makes a live member left without delay', () => {
    const solo = Solo.with(2)
    solo.hear(claim(2, 'left'))
    assert.deepEqual(solo.changes(), ['2: alive → left'])
  })

  test('that holds a dead member alive has the member told that it is held dead', () => {
    const solo = Solo.with(2, 3)
    solo.gossip(3, claim(2, 'dead'))
    solo.hear(claim(2))
    const ping = solo.pings()[0]!
    assert.equal(told(ping.gossip[0]), 'dead 1.0')
    solo.ackFrom(ping)
    assert.equal(solo.told(2), 'dead 1.0')
    solo.ackFrom(ping, { gossip: [claim(2, 'alive', 1)] })
    assert.equal(solo.told(2), 'alive 1.1')
  })
})

suite('claims about this node', () => {
  test('as suspect or dead are overruled by a higher incarnation in the very answer', () => {
    for (const state of ['suspect', 'dead', 'left'] as const) {
      const solo = Solo.with(2)
      solo.gossip(2, claim(1, state, 4))
      assert.deepEqual(solo.of('refuted'), [{ type: 'refuted', incarnation: 5 }])
      assert.equal(told(solo.acks()[0]!.gossip[0]), 'alive 1.5')
      assert.equal(told(solo.swim.record(idOf(1))), 'alive 1.5')
    }
  })

  test('that were overruled before are not overruled again', () => {
    const solo = Solo.with(2)
    solo.gossip(2, claim(1, 'suspect'))
    solo.gossip(2, claim(1, 'suspect'))
    assert.deepEqual(solo.of('refuted'), [])
    assert.equal(told(solo.swim.self), 'alive 1.1')
  })

  test('with other info are overruled and never taken over', () => {
    const solo = Solo.with(2)
    solo.gossip(2, claim(1, 'alive', 0, 1, { name: 'impostor' }))
    assert.deepEqual(solo.of('refuted'), [{ type: 'refuted', incarnation: 1 }])
    assert.deepEqual(solo.swim.self.info, infoOf(1))
  })

  test('of its last generation are old and need no answer', () => {
    const solo = Solo.with(2)
    solo.gossip(2, claim(1, 'dead', 100, 0))
    assert.deepEqual(solo.of('refuted'), [])
    assert.equal(told(solo.swim.self), 'alive 1.0')
  })

  test('with its generation and another address show a cloned data directory, told once', () => {
    const solo = Solo.with(2)
    const address = { host: 'clone', port: 1 }
    solo.gossip(2, claim(1, 'alive', 3, 1, { address }))
    assert.deepEqual(solo.of('cloned-identity'), [
      { type: 'cloned-identity', address, generation: 1 },
    ])
    assert.deepEqual(solo.of('refuted'), [])
    solo.gossip(2, claim(1, 'alive', 4, 1, { address }))
    assert.deepEqual(solo.of('cloned-identity'), [])
  })

  test('with a later generation show a clone too', () => {
    const solo = Solo.with(2)
    solo.gossip(2, claim(1, 'alive', 0, 2))
    assert.equal(solo.of('cloned-identity').length, 1)
    assert.equal(told(solo.swim.self), 'alive 1.0')
  })

  test('that a third node hears from a clone are shown to the member itself', () => {
    const solo = Solo.with(2, 3)
    const clone = claim(2, 'alive', 0, 1, { address: { host: 'clone', port: 1 } })
    solo.gossip(3, clone)
    assert.equal(solo.swim.record(idOf(2))?.info.address.host, '10.0.0.1')
    solo.gossip(2)
    assert.ok(solo.acks()[0]!.gossip.includes(clone))
    solo.gossip(2)
    assert.ok(!solo.acks()[0]!.gossip.includes(clone))
  })
})

test('starting twice is starting once', () => {
  const solo = new Solo()
  solo.step({ type: 'start' })
  assert.deepEqual(solo.effects, [])
})

test('the own record is there from the beginning and in order of id with the others', () => {
  const solo = new Solo({
    self: infoOf(5),
    rng: new Prng(1),
    known: [claim(9, 'dead'), claim(2, 'dead')],
  })
  assert.deepEqual(
    solo.swim.records().map((record) => record.info.id),
    [idOf(2), idOf(5), idOf(9)],
  )
  assert.ok(solo.swim.isAlive(idOf(5)))
})
