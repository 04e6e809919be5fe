/** A node stops for a moment: what it says, and what the others make of its silence. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { claim, idOf, Solo, told } from './harness.test.ts'

suite('draining', () => {
  test('is told to the members at once, and the node goes on probing and refuting', () => {
    const solo = Solo.with(2, 3)
    solo.step({ type: 'drain' })
    assert.equal(solo.gossips().length, 2)
    for (const { gossip } of solo.gossips()) {
      assert.equal(told(gossip[0]), 'alive 1.1')
      assert.equal(gossip[0]!.draining, true)
    }
    solo.step({ type: 'drain' })
    assert.deepEqual(solo.effects, [])
    solo.gossip(2, claim(1, 'suspect', 1))
    assert.equal(solo.swim.self.incarnation, 2)
    assert.equal(solo.swim.self.draining, true)
    solo.nextProbe()
  })

  test('has others asked first, and the member is still up', () => {
    const solo = Solo.with(2, 3)
    assert.equal(solo.swim.isPreferred(idOf(2)), true)
    solo.gossip(2, { ...claim(2, 'alive', 1), draining: true })
    assert.equal(solo.swim.isPreferred(idOf(2)), false)
    assert.equal(solo.swim.isUp(idOf(2)), true)
  })

  test('excuses silence: nobody is accused, and who is silent is not asked', () => {
    const solo = Solo.with(2)
    solo.gossip(2, { ...claim(2, 'alive', 1), draining: true })
    solo.advance(20_000)
    assert.equal(solo.told(2), 'alive 1.1')
    assert.deepEqual(solo.changes(), [])
    assert.equal(solo.swim.isUp(idOf(2)), false)
    assert.equal(solo.swim.counts.suspicionsRaised, 0)
  })

  test('is over when the member is back, which costs it nothing', () => {
    const solo = Solo.with(2)
    for (let generation = 1; generation < 30; generation++) {
      const back = { ...claim(2), generation: generation + 1 }
      solo.ping(2, generation, { ...claim(2), generation, incarnation: 1, draining: true })
      solo.advance(5_000)
      assert.equal(solo.swim.isUp(idOf(2)), false)
      solo.ping(2, generation + 1, back)
      assert.equal(solo.swim.isUp(idOf(2)), true)
      assert.equal(solo.swim.isPreferred(idOf(2)), true, `after restart ${generation}`)
    }
  })

  test('excuses for a minute: who is not back then is suspect, and dead', () => {
    const solo = Solo.with(2)
    solo.gossip(2, { ...claim(2, 'alive', 1), draining: true })
    solo.advance(55_000)
    assert.equal(solo.told(2), 'alive 1.1')
    solo.advance(60_000)
    assert.equal(solo.told(2), 'dead 1.1')
  })
})
