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
        gossip: [claim(n)],
        to: idOf(1),
        sequence: 1,
      },
      address: { host: 'from', port: 1 },
    }) as const
})
