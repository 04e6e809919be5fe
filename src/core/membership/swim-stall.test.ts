/** A node that stood still: SIGSTOP, a paused virtual machine, a long garbage collection (R8). */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { claim, INTERVAL_MS, Solo, TIMEOUT_MS, told } from './harness.test.ts'

suite('a node that stood still', () => {
  test('says so, counts it, and mistrusts itself by a point for each second begun', () => {
    const solo = Solo.with(2, 3)
    solo.advance(100)
    solo.stall(2_500)
    assert.equal(solo.of('stalled').length, 1)
    const { gap } = solo.of('stalled')[0]!
    assert.ok(gap >= 2_500 && gap <= 2_600)
    assert.equal(solo.swim.counts.stalls, 1)
    assert.equal(solo.swim.localHealth, 3)
  })

  test('accuses nobody for what was in flight, in whatever phase the probe was', () => {
    for (const phase of [0, 100, TIMEOUT_MS, TIMEOUT_MS + 100, INTERVAL_MS - 100]) {
      const solo = Solo.with(2, 3)
      solo.nextProbeOf(2)
      solo.advance(phase)
      solo.stall(10_000)
      solo.advance(INTERVAL_MS - 1)
      assert.equal(solo.told(2), 'alive 1.0', `after ${phase} ms`)
      assert.equal(solo.swim.counts.probesFailed, 0)
    }
  })

  test('does not take a late answer to that probe for one to the next', () => {
    const solo = Solo.with(2)
    const old = solo.nextProbe()
    solo.stall(1_500)
    const { probes } = solo.swim.counts
    while (solo.swim.counts.probes === probes) solo.advance(100)
    solo.ackFrom(old)
    solo.advance(10_000)
    assert.notEqual(solo.told(2), 'alive 1.0')
  })

  test('gives the accused the time back', () => {
    const solo = Solo.with(2, 3)
    solo.gossip(3, claim(2, 'suspect'))
    solo.advance(500)
    solo.stall(60_000)
    assert.equal(solo.told(2), 'suspect 1.0')
    solo.advance(2_000)
    assert.equal(solo.told(2), 'suspect 1.0')
    solo.advance(1_000)
    assert.equal(solo.told(2), 'dead 1.0')
  })

  test('calls nobody dead by a suspicion whose time was almost over', () => {
    const solo = Solo.with(2, 3)
    solo.gossip(3, claim(2, 'suspect'))
    solo.advance(2_950)
    solo.stall(30_000)
    assert.equal(solo.told(2), 'suspect 1.0')
    // The refutation waited in the socket all the while.
    solo.gossip(2, claim(2, 'alive', 1))
    solo.advance(5_000)
    assert.ok(!solo.changes().some((change) => change.endsWith('dead')))
  })

  test('asks a few others at once what they think of it, and refutes what it hears', () => {
    const solo = Solo.with(2, 3, 4, 5, 6)
    solo.settle()
    solo.stall(20_000)
    assert.equal(solo.pings().length, 4)
    const ping = solo.pings()[0]!
    const { incarnation } = solo.swim.self
    solo.ackFrom(ping, { gossip: [claim(1, 'dead', incarnation)] })
    assert.deepEqual(solo.of('refuted'), [{ type: 'refuted', incarnation: incarnation + 1 }])
    solo.advance(300)
    const word = `alive 1.${incarnation + 1}`
    assert.ok(solo.gossips().some(({ gossip }) => told(gossip[0]) === word))
  })

  test('notices it by the first packet as well as by its own timer', () => {
    const solo = Solo.with(2, 3)
    solo.nextProbe()
    const { probes } = solo.swim.counts
    solo.now = (solo.now + 5_000) as typeof solo.now
    solo.gossip(3)
    assert.equal(solo.of('stalled').length, 1)
    solo.advance(100)
    assert.equal(solo.swim.counts.stalls, 1)
    assert.equal(solo.swim.counts.probes, probes + 1)
    assert.deepEqual(solo.changes(), [])
  })

  test('drops the news that has become old meanwhile', () => {
    const solo = Solo.with(2, 3)
    solo.gossip(3, claim(2, 'dead'))
    assert.ok(solo.swim.gossipQueue > 0)
    solo.stall(31_000)
    solo.advance(INTERVAL_MS)
    solo.gossip(3)
    assert.deepEqual(solo.acks()[0]!.gossip, [solo.swim.self])
  })

  test('two seconds at a time, again and again, accuses nobody who answers when it is awake', () => {
    const solo = Solo.with(2, 3, 4, 5)
    for (let i = 0; i < 100; i++) {
      solo.stall(2_000)
      for (const ping of solo.pings()) solo.ackFrom(ping)
      for (let awake = 0; awake < 10; awake++) {
        solo.advance(100)
        for (const ping of solo.pings()) solo.ackFrom(ping)
      }
      for (const n of [2, 3, 4, 5]) assert.equal(solo.told(n), 'alive 1.0')
    }
    assert.equal(solo.swim.localHealth, 7)
  })

  test('for no longer than a second accuses as ever', () => {
    const solo = Solo.with(2)
    solo.nextProbe()
    solo.stall(1_000)
    assert.deepEqual(solo.of('stalled'), [])
    assert.equal(solo.told(2), 'suspect 1.0')
  })

  test('arms one timer, however many were due', () => {
    const solo = Solo.with(2, 3)
    solo.stall(60_000)
    assert.equal(solo.of('arm').length, 1)
    solo.advance(1_000)
    assert.equal(solo.of('arm').length, 10)
  })
})

test('a node is never told to have stood still before its start', () => {
  const solo = new Solo()
  assert.deepEqual(solo.of('stalled'), [])
  assert.equal(solo.swim.counts.stalls, 0)
})
