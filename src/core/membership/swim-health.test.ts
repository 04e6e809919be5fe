/** How far a node trusts itself, and what it does and says when it does not (Lifeguard; R7, R9). */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { claim, idOf, INTERVAL_MS, Solo, TIMEOUT_MS } from './harness.test.ts'
import type { Ping } from './messages.ts'

/** Members 2 to 5; the helpers that our probes ask, when they do, say that the target is silent. */
function crowd(): Solo {
  return Solo.with(2, 3, 4, 5)
}

/** Lets a probe of member 2 end without an answer, of whose helpers so many send a nack. */
function failProbe(solo: Solo, nacks: number): Ping {
  const ping = solo.nextProbeOf(2)
  waitForHelpers(solo)
  const requests = solo.of('packet').filter(({ packet }) => packet.type === 'ping-request')
  for (const { to } of requests.slice(0, nacks)) nackFrom(solo, to.port - 5_000, ping)
  return ping
}

function waitForHelpers(solo: Solo): void {
  const { probeTimeouts } = solo.swim.counts
  while (solo.swim.counts.probeTimeouts === probeTimeouts) solo.advance(100)
}

function nackFrom(solo: Solo, n: number, ping: Ping): void {
  const head = { from: idOf(n), fromGeneration: 1, health: 0, gossip: [] }
  solo.receive({ type: 'nack', ...head, about: ping.to, sequence: ping.sequence })
}

/** Somebody accuses us, so that the score rises. */
function accuse(solo: Solo, times: number): void {
  for (let i = 0; i < times; i++) solo.gossip(2, claim(1, 'suspect', solo.swim.self.incarnation))
}

suite('local health', () => {
  test('is told in every packet, and what others tell of theirs is remembered', () => {
    const solo = crowd()
    accuse(solo, 3)
    assert.equal(solo.acks()[0]?.health, 3)
    assert.equal(solo.swim.standing(idOf(1)).localHealth, 3)
    const head = { from: idOf(2), fromGeneration: 1, health: 6, gossip: [] }
    solo.receive({ type: 'gossip', ...head })
    assert.equal(solo.swim.standing(idOf(2)).localHealth, 6)
    assert.equal(solo.swim.standing(idOf(3)).localHealth, undefined)
  })

  test('gets worse when we are suspected, and not by a suspicion that was refuted before', () => {
    const solo = crowd()
    solo.gossip(2, claim(1, 'suspect'))
    assert.equal(solo.swim.localHealth, 1)
    solo.gossip(3, claim(1, 'suspect'))
    solo.gossip(3, claim(1, 'alive', 5))
    assert.equal(solo.swim.localHealth, 1)
  })

  test('stays when all helpers of a failed probe say that the target is silent to them, too', () => {
    const solo = crowd()
    failProbe(solo, 3)
    solo.advance(INTERVAL_MS)
    assert.equal(solo.told(2), 'suspect 1.0')
    assert.equal(solo.swim.localHealth, 0)
  })

  test('gets worse by one for each helper of a failed probe that says nothing', () => {
    for (const nacks of [0, 1, 2]) {
      const solo = crowd()
      failProbe(solo, nacks)
      solo.advance(INTERVAL_MS - TIMEOUT_MS)
      assert.equal(solo.swim.localHealth, 3 - nacks, `${nacks} nacks`)
    }
  })

  test('gets worse by one where nobody could help', () => {
    const solo = Solo.with(2)
    solo.nextProbe()
    solo.advance(INTERVAL_MS)
    assert.equal(solo.swim.localHealth, 1)
  })

  test('gets better by one with each probe that is answered, down to 0', () => {
    const solo = crowd()
    accuse(solo, 2)
    let ping = solo.nextProbe()
    for (const health of [1, 0, 0]) {
      solo.ackFrom(ping)
      ping = solo.nextProbe()
      assert.equal(solo.swim.localHealth, health)
    }
  })

  test('stretches the wait for the ack, the probe and the time to the next', () => {
    const solo = crowd()
    accuse(solo, 1)
    const ping = solo.nextProbe()
    const start = solo.now
    waitForHelpers(solo)
    assert.equal(solo.now - start, 2 * TIMEOUT_MS)
    assert.equal(solo.requests()[0]?.nackAfterMs, 0.8 * 2 * (INTERVAL_MS - TIMEOUT_MS))
    solo.ackFrom(ping)
    solo.nextProbe()
    assert.equal(solo.now - start, 2 * INTERVAL_MS)
  })

  test('lets one probe be under way at a time, however long they last', () => {
    const solo = crowd()
    accuse(solo, 7)
    const { probes } = solo.swim.counts
    solo.advance(9 * INTERVAL_MS)
    assert.ok(solo.swim.counts.probes - probes <= 2)
  })

  test('never asks a helper to wait longer than a packet can say', () => {
    const solo = new Solo({ probeIntervalMs: 60_000, probeTimeoutMs: 1_000 }).meeting(2, 3)
    accuse(solo, 7)
    for (let i = 0; i < 700 && solo.swim.counts.probeTimeouts === 0; i++) solo.advance(100)
    assert.equal(solo.requests()[0]?.nackAfterMs, 60_000)
  })
})

suite('a node in trouble', () => {
  test('calls itself degraded in its record, which is news for all, and so no more when it is well', () => {
    const solo = crowd()
    accuse(solo, 4)
    const { incarnation } = solo.swim.self
    solo.advance(INTERVAL_MS)
    assert.deepEqual(solo.of('degraded'), [{ type: 'degraded', isDegraded: true }])
    const isDegraded = (): boolean => solo.swim.self.degraded === true
    assert.ok(isDegraded())
    assert.equal(solo.swim.self.incarnation, incarnation + 1)
    assert.ok(solo.swim.gossipQueue > 0)
    for (let i = 0; i < 2_000 && isDegraded(); i++) {
      solo.advance(100)
      for (const ping of solo.pings()) solo.ackFrom(ping)
    }
    assert.equal(solo.swim.self.degraded, undefined)
    assert.equal(solo.swim.localHealth, 0)
  })

  test('is alive for others and not preferred, until it says that it is well again', () => {
    const solo = crowd()
    assert.ok(solo.swim.isPreferred(idOf(2)))
    solo.gossip(2, { ...claim(2, 'alive', 1), degraded: true })
    assert.ok(solo.swim.isAlive(idOf(2)))
    assert.ok(!solo.swim.isPreferred(idOf(2)))
    solo.gossip(2, claim(2, 'alive', 2))
    assert.ok(solo.swim.isPreferred(idOf(2)))
  })

  test('is degraded as long as it is suspected by the words of its last own record', () => {
    const solo = crowd()
    solo.gossip(2, { ...claim(2, 'alive', 1), degraded: true })
    solo.gossip(3, { ...claim(2, 'suspect', 1), degraded: true })
    assert.ok(!solo.swim.isPreferred(idOf(2)))
  })

  test('accuses nobody when its packets get nowhere although others reach it, and says so', () => {
    const solo = crowd()
    for (let i = 0; i < 400; i++) {
      solo.advance(100)
      // All that the others hear is nothing; all that they say arrives.
      if (i % 10 === 0) for (const n of [2, 3, 4, 5]) solo.gossip(n)
    }
    assert.equal(solo.swim.self.degraded, true)
    for (const n of [2, 3, 4, 5]) assert.equal(solo.told(n), 'alive 1.0')
  })

  test('calls nobody dead as long as it hears others and is not heard', () => {
    const solo = crowd()
    let isCalledDead = false
    for (let i = 0; i < 600; i++) {
      solo.advance(100)
      // The others accuse each other of what is this node's own trouble, too.
      if (i === 300) solo.gossip(3, { ...claim(2, 'suspect'), accuser: idOf(3) })
      if (i % 10 === 0) for (const n of [3, 4, 5]) solo.gossip(n)
      isCalledDead ||= solo.changes().some((change) => change.endsWith('dead'))
    }
    assert.equal(solo.told(2), 'suspect 1.0')
    assert.ok(!isCalledDead)
  })

  test('that hears nothing either accuses, for it may be the others who are gone', () => {
    const solo = crowd()
    solo.advance(120_000)
    for (const n of [2, 3, 4, 5]) assert.notEqual(solo.told(n), 'alive 1.0')
  })
})

suite('a link that works in one direction', () => {
  test('makes nobody suspect: a packet of the target shows that it lives', () => {
    const solo = crowd()
    failProbe(solo, 3)
    solo.gossip(2)
    solo.advance(INTERVAL_MS)
    assert.equal(solo.told(2), 'alive 1.0')
    assert.equal(solo.swim.counts.probesFailed, 0)
  })

  test('shows as probes that only helpers or TCP have answered', () => {
    const solo = crowd()
    const ping = solo.nextProbeOf(2)
    waitForHelpers(solo)
    const helper = solo.of('packet').find(({ packet }) => packet.type === 'ping-request')!
    solo.ackFrom(ping, { from: idOf(helper.to.port - 5_000) })
    solo.ackFrom(solo.nextProbe())
    assert.equal(solo.swim.counts.probesIndirect, 1)
    solo.nextProbeOf(2)
    waitForHelpers(solo)
    solo.step({ type: 'contact', id: idOf(2), generation: 1 })
    solo.ackFrom(solo.nextProbe())
    assert.equal(solo.swim.counts.probesIndirect, 2)
    assert.equal(solo.swim.localHealth, 0)
    assert.equal(solo.told(2), 'alive 1.0')
  })
})
