import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { claim, idOf, Solo, told } from './harness.test.ts'

suite('the dead', () => {
  test('are tried again one at a time, every 10 to 30 seconds', () => {
    const solo = new Solo({ known: [claim(2, 'dead'), claim(3, 'dead'), claim(4, 'left')] })
    const tried = new Set<string>()
    for (let i = 0; i < 40; i++) {
      solo.advance(9_999)
      const first = solo.of('reconnect').length
      solo.advance(20_001)
      const ids = solo.of('reconnect').map((effect) => effect.id)
      for (const id of ids) tried.add(id)
      assert.ok(first + ids.length >= 1)
      assert.ok(first + ids.length <= 3)
    }
    assert.deepEqual([...tried].sort(), [idOf(2), idOf(3)])
  })

  test('are not tried while there are none', () => {
    const solo = Solo.with()
    solo.advance(120_000)
    assert.deepEqual(solo.of('reconnect'), [])
  })

  test('who contact this node are told at once that they are held dead, once an interval', () => {
    const solo = Solo.with(2, 3)
    solo.gossip(3, claim(2, 'dead'))
    const contact = { type: 'contact', id: idOf(2), generation: 1 } as const
    solo.step(contact)
    assert.equal(told(solo.pings()[0]?.gossip[0]), 'dead 1.0')
    solo.step(contact)
    assert.deepEqual(solo.effects, [])
    solo.advance(1_000)
    assert.equal(solo.pings().filter((ping) => ping.to === idOf(2)).length, 1)
  })

  test('and only they are: contacts of the living cost nothing', () => {
    const solo = Solo.with(2)
    solo.step({ type: 'contact', id: idOf(2), generation: 1 })
    solo.step({ type: 'contact', id: idOf(1), generation: 1 })
    assert.deepEqual(solo.effects, [])
  })

  test('hear of their death in the answer to their own ping', () => {
    const solo = Solo.with(2, 3)
    solo.gossip(3, claim(2, 'dead'))
    solo.gossip(2)
    assert.equal(told(solo.acks()[0]!.gossip[0]), 'dead 1.0')
  })
})

suite('memory that ends', () => {
  const REMEMBERED = 5_000

  /** Member 2 has died and been forgotten; 3 and 4 are there. */
  function forgotten(): Solo {
    const solo = new Solo({ rememberedMs: REMEMBERED }).meeting(2, 3, 4)
    solo.gossip(3, claim(2, 'dead', 1))
    live(solo, REMEMBERED + 1_000)
    assert.equal(solo.told(2), 'unknown')
    return solo
  }

  /** Lets time pass in which members 3 and 4 answer. */
  function live(solo: Solo, ms: number): void {
    for (let passed = 0; passed < ms; passed += 100) {
      solo.advance(100)
      for (const ping of solo.pings()) if (ping.to !== idOf(2)) solo.ackFrom(ping)
    }
  }

  test('is kept of the dead and of those who left for its time', () => {
    const solo = new Solo({ rememberedMs: REMEMBERED }).meeting(2, 3, 4, 5)
    solo.gossip(3, claim(2, 'dead'), claim(5, 'left'))
    live(solo, REMEMBERED - 1_000)
    assert.equal(solo.told(2), 'dead 1.0')
    assert.equal(solo.told(5), 'left 1.0')
    live(solo, 2_000)
    assert.equal(solo.told(2), 'unknown')
    assert.equal(solo.told(5), 'unknown')
    assert.deepEqual(
      solo.swim.known().map(({ info }) => info.name),
      ['node1', 'node3', 'node4'],
    )
  })

  test('is kept of those whom the layout names as long as it names them', () => {
    const solo = new Solo({ rememberedMs: REMEMBERED }).meeting(2, 3, 4)
    solo.step({ type: 'layout', members: [idOf(1), idOf(2)] })
    solo.gossip(3, claim(2, 'dead'))
    live(solo, 10 * REMEMBERED)
    assert.equal(solo.told(2), 'dead 1.0')
    solo.step({ type: 'layout', members: [idOf(1)] })
    live(solo, 1_000)
    assert.equal(solo.told(2), 'unknown')
  })

  test('keeps one gone whom a laggard still lists as alive, and asks nobody for it', () => {
    const solo = forgotten()
    for (const old of [claim(2), claim(2, 'alive', 1), claim(2, 'suspect', 1)]) {
      solo.hear(old)
      assert.deepEqual(solo.effects, [])
      solo.gossip(3, old)
      assert.deepEqual(solo.pings(), [])
    }
    live(solo, 120_000)
    assert.equal(solo.told(2), 'unknown')
    assert.deepEqual(solo.changes(), [])
  })

  test('tells one who was there all the time what was said of it, and takes it back', () => {
    const solo = forgotten()
    solo.gossip(2, claim(2, 'alive', 1))
    assert.equal(told(solo.acks()[0]!.gossip[0]), 'dead 1.1')
    solo.gossip(2, claim(2, 'alive', 2))
    assert.equal(solo.told(2), 'alive 1.2')
    assert.deepEqual(solo.changes(), ['2: dead → alive'])
  })

  test('does the same for one who is heard over TCP alone', () => {
    for (const isContactFirst of [true, false]) {
      const solo = forgotten()
      const contact = { type: 'contact', id: idOf(2), generation: 1 } as const
      if (isContactFirst) solo.step(contact)
      solo.hear(claim(2, 'alive', 1))
      if (!isContactFirst) {
        solo.step(contact)
        solo.hear(claim(2, 'alive', 1))
      }
      assert.equal(solo.told(2), 'dead 1.1')
      assert.equal(told(solo.pings()[0]?.gossip[0]), 'dead 1.1')
      solo.hear(claim(2, 'alive', 2))
      solo.step(contact)
      assert.equal(solo.told(2), 'alive 1.2')
    }
  })

  test('takes a restart of one who was forgotten for a new member', () => {
    const solo = forgotten()
    solo.ping(2, 2, claim(2, 'alive', 0, 2))
    assert.deepEqual(solo.changes(), ['2: unknown → alive'])
    assert.equal(solo.swim.standing(idOf(2)).suspectedBy.length, 0)
    assert.ok(!solo.swim.standing(idOf(2)).isFlapping)
  })

  test('of hearsay that nobody proves lasts a minute', () => {
    const solo = Solo.with(3, 4)
    solo.hear(claim(2))
    live(solo, 58_000)
    assert.ok(solo.swim.known().some(({ info }) => info.id === idOf(2)))
    live(solo, 3_000)
    assert.ok(!solo.swim.known().some(({ info }) => info.id === idOf(2)))
    live(solo, 30_000)
    assert.deepEqual(solo.of('reconnect'), [])
  })

  test('ends while a restart waits for its proof, and that restart can still be proved', () => {
    const solo = new Solo({ rememberedMs: REMEMBERED }).meeting(2, 3, 4)
    solo.gossip(3, claim(2, 'dead'))
    solo.hear(claim(2, 'alive', 0, 2))
    live(solo, REMEMBERED + 1_000)
    solo.ping(2, 2, claim(2, 'alive', 0, 2))
    assert.equal(solo.told(2), 'alive 2.0')
  })
})

suite('one who comes and goes', () => {
  test('is not preferred until it has rested, and is alive all the same', () => {
    const solo = Solo.with(2, 3)
    for (let i = 0; i < 5; i++) {
      assert.ok(solo.swim.isPreferred(idOf(2)))
      solo.gossip(3, claim(2, 'dead', i))
      solo.gossip(2, claim(2, 'alive', i + 1))
    }
    assert.ok(solo.swim.isAlive(idOf(2)))
    assert.ok(!solo.swim.isPreferred(idOf(2)))
    assert.ok(solo.swim.standing(idOf(2)).isFlapping)
    for (let ms = 0; ms < 400_000; ms += 100) {
      solo.advance(100)
      for (const ping of solo.pings()) solo.ackFrom(ping)
    }
    assert.ok(solo.swim.isPreferred(idOf(2)))
  })

  test('does so for each node that has seen it: nobody is told', () => {
    const solo = Solo.with(2, 3)
    for (let i = 0; i < 5; i++) {
      solo.gossip(3, claim(2, 'dead', i))
      solo.gossip(2, claim(2, 'alive', i + 1))
    }
    solo.gossip(3)
    const word = solo.acks()[0]!.gossip.find(({ info }) => info.id === idOf(2))
    assert.deepEqual(word, claim(2, 'alive', 5))
  })
})

suite('room for members', () => {
  const crowd = (state: 'alive' | 'dead', from: number, count: number) =>
    Array.from({ length: count }, (_, n) => claim(from + n, state))

  test('ends at the bound: the dead make room for the living, the living for nobody', () => {
    const solo = new Solo({ known: crowd('dead', 2, 1_023) })
    assert.equal(solo.swim.records().length, 1_024)
    solo.gossip(2_000, claim(2_000, 'dead'))
    assert.equal(solo.told(2_000), 'unknown')
    solo.gossip(2_000, claim(2_000))
    assert.equal(solo.told(2_000), 'alive 1.0')
    assert.equal(solo.told(2), 'unknown')
    assert.equal(solo.told(3), 'dead 1.0')
    assert.equal(solo.swim.records().length, 1_024)
  })

  test('is not taken from the dead by more than one claim without proof', () => {
    const solo = new Solo({ known: crowd('dead', 2, 1_023) })
    solo.hear(...crowd('alive', 2_000, 100))
    assert.equal(solo.swim.records().length, 1_023)
    solo.advance(2_000)
  })

  test('is never taken from a live member', () => {
    const full = new Solo()
    for (let n = 2; n < 1_025; n++) full.swim.step(ownWord(n), full.now, [])
    full.swim.check()
    full.gossip(3_000, claim(3_000))
    assert.equal(full.told(3_000), 'unknown')
    assert.equal(full.swim.records().length, 1_024)
    full.gossip(3, claim(2, 'dead'))
    full.gossip(3_000, claim(3_000))
    assert.equal(full.told(3_000), 'alive 1.0')
    assert.equal(full.told(2), 'unknown')
  })

  const ownWord = (n: number) =>
    ({
      type: 'packet',
      packet: {
        type: 'ping',
        from: idOf(n),
        fromGeneration: 1,
        health: 0,
        gossip: [claim(n)],
        to: idOf(1),
        sequence: 1,
        digest: 0,
      },
      address: { host: 'from', port: 1 },
    }) as const
})
