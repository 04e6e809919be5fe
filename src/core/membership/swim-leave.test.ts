/** A node leaves in order: what it says, and what it no longer does. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { claim, idOf, Solo, told } from './harness.test.ts'

suite('leaving', () => {
  test('is told to the members with its proof, who see it as left and not as a failure', () => {
    const solo = Solo.with(2, 3)
    solo.step({ type: 'leave' })
    assert.equal(solo.gossips().length, 2)
    assert.deepEqual(new Set(solo.of('packet').map(({ to }) => to.port)), new Set([5_002, 5_003]))
    for (const { gossip } of solo.gossips()) assert.deepEqual(gossip[0], claim(1, 'left'))
    solo.step({ type: 'leave' })
    assert.deepEqual(solo.effects, [])
  })

  test('ends all probing and all refuting; pings are still answered', () => {
    const solo = Solo.with(2, 3)
    solo.step({ type: 'leave' })
    solo.gossip(2, claim(1, 'suspect', 3), claim(4))
    assert.deepEqual(solo.of('refuted'), [])
    assert.equal(told(solo.acks()[0]!.gossip[0]), 'left 1.0')
    assert.deepEqual(solo.pings(), [])
    solo.advance(60_000)
    assert.deepEqual(solo.pings(), [])
    assert.deepEqual(solo.changes(), [])
    assert.deepEqual(
      solo.effects.filter(({ type }) => type !== 'arm' && type !== 'packet'),
      [],
    )
  })

  test('goes on as news for a moment, and then there is silence', () => {
    const solo = Solo.with(2, 3)
    solo.step({ type: 'leave' })
    solo.advance(5_000)
    const farewells = solo.gossips()
    assert.ok(farewells.length > 0)
    for (const { gossip } of farewells) assert.equal(told(gossip[0]), 'left 1.0')
    solo.advance(60_000)
    assert.deepEqual(solo.packets(), [])
  })

  test('ends the probe in flight', () => {
    const solo = Solo.with(2, 3)
    solo.nextProbe()
    solo.step({ type: 'leave' })
    solo.advance(10_000)
    assert.deepEqual(solo.requests(), [])
    assert.deepEqual(solo.changes(), [])
  })

  test('calls nobody dead any more, and asks for nothing', () => {
    const solo = Solo.with(2, 3)
    solo.gossip(3, claim(2, 'suspect'))
    solo.step({ type: 'leave' })
    solo.advance(60_000)
    assert.equal(solo.told(2), 'suspect 1.0')
    solo.gossip(2, claim(3, 'suspect'))
    assert.deepEqual(solo.of('sync'), [])
    solo.step({ type: 'contact', id: idOf(9), generation: 1 })
    assert.deepEqual(solo.effects, [])
  })

  test('is no standstill, however long the last pulse is ago', () => {
    const solo = Solo.with(2, 3)
    solo.step({ type: 'leave' })
    solo.stall(10_000)
    assert.deepEqual(solo.of('stalled'), [])
    assert.deepEqual(solo.pings(), [])
  })

  test('ignores that others hold this node alive, and lets nobody know better', () => {
    const solo = Solo.with(2, 3)
    solo.step({ type: 'leave' })
    solo.hear(claim(1, 'alive', 4), claim(1))
    assert.deepEqual(solo.effects, [])
    assert.equal(told(solo.swim.self), 'left 1.0')
  })

  test('while suspected is still a leave: it is the greater word at the same incarnation', () => {
    const solo = Solo.with(2, 3)
    solo.gossip(3, claim(2, 'suspect'))
    solo.gossip(3, claim(2, 'left'))
    assert.deepEqual(solo.changes(), ['2: suspect → left'])
    solo.advance(60_000)
    assert.equal(solo.told(2), 'left 1.0')
    assert.deepEqual(solo.swim.standing(idOf(2)).suspectedBy, [])
  })

  test('just after refuting tells the leave in the incarnation that was refuted with', () => {
    const solo = Solo.with(2)
    solo.gossip(2, claim(1, 'suspect', 6))
    solo.step({ type: 'leave' })
    assert.equal(told(solo.gossips()[0]!.gossip[0]), 'left 1.7')
  })

  test('completes on a node that is alone', () => {
    const solo = new Solo()
    solo.step({ type: 'leave' })
    assert.deepEqual(solo.effects, [])
    assert.ok(solo.swim.isUp(idOf(1)))
  })

  test('tells at most 32 members at once', () => {
    const solo = Solo.with(...Array.from({ length: 50 }, (_, n) => n + 2))
    solo.step({ type: 'leave' })
    assert.equal(solo.gossips().length, 32)
    assert.equal(new Set(solo.of('packet').map(({ to }) => to.port)).size, 32)
  })
})
