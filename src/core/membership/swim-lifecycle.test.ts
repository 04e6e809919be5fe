/** From a member's coming to its going, in a cluster, with everything in between going wrong. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { claim, idOf, INTERVAL_MS, secretOf } from './harness.test.ts'
import { Network, upTo } from './network.test.ts'

function except(count: number, ...gone: readonly number[]): number[] {
  return upTo(count).filter((n) => !gone.includes(n))
}

function statesOf(network: Network, about: number, observers: readonly number[]): Set<string> {
  return new Set(observers.map((n) => network.view(n, about)))
}

suite('a node that comes', () => {
  test('joins through the seed that answers when another one is down', () => {
    const network = Network.joined(3, 1)
    network.crash(3)
    network.start(4)
    network.seeds = [3, 1]
    network.runUntil(() => network.view(4, 1).startsWith('alive'), 120_000)
    network.runUntil(() => statesOf(network, 4, [1, 2]).has('alive 4.0'), 5_000)
  })

  test('is known to all a moment after its first exchange', () => {
    const network = Network.joined(20, 2)
    network.start(21)
    network.exchange(21, 1)
    network.runUntil(() => network.allSee(...upTo(21)), 2 * INTERVAL_MS)
  })

  test('again on another address and with other labels, before anybody missed it, is the same node', () => {
    const network = Network.joined(5, 3)
    const address = { host: '10.9.9.9', port: 7_000 }
    network.restart(2, { address, zone: 'there' })
    network.runUntil(() => statesOf(network, 2, upTo(5)).size === 1, 5_000)
    for (const n of upTo(5)) {
      const { info } = network.node(n).swim.record(idOf(2))!
      assert.deepEqual([info.address, info.zone], [address, 'there'])
    }
    network.run(60_000)
    assert.deepEqual(network.deathsOf(...upTo(5)), [])
    assert.ok(network.allSee(...upTo(5)))
  })

  test('again while it is suspect is alive at once, in its new generation', () => {
    const network = Network.joined(5, 4)
    network.pause(2)
    network.runUntil(() => statesOf(network, 2, except(5, 2)).has('suspect 2.0'), 10_000)
    network.restart(2)
    network.runUntil(() => network.allSee(...upTo(5)), 2 * INTERVAL_MS)
    network.run(60_000)
    assert.deepEqual(network.deathsOf(2), [])
  })

  test('again after its death is alive for the first that it meets within a round trip', () => {
    const network = Network.joined(5, 5)
    network.crash(2)
    network.runUntil(() => except(5, 2).every((n) => network.view(n, 2) === 'dead 2.0'), 60_000)
    network.start(2)
    network.exchange(2, 4)
    network.runUntil(() => network.view(4, 2) === 'alive 6.0', 100)
    network.runUntil(() => network.allSee(...upTo(5)), 2 * INTERVAL_MS)
  })

  test('again and again is listed once, with its last generation', () => {
    const network = Network.joined(4, 6)
    for (let i = 0; i < 12; i++) {
      network.restart(2)
      for (let ms = 0; ms < 3_000; ms += 250) {
        network.run(250)
        for (const n of upTo(4)) {
          const ids = network
            .node(n)
            .swim.records()
            .map(({ info }) => info.id)
          assert.equal(new Set(ids).size, ids.length)
        }
      }
    }
    const generation = network.node(2).swim.self.generation
    for (const n of except(4, 2)) {
      assert.equal(network.view(n, 2), `alive ${generation}.0`)
      assert.ok(network.node(n).swim.standing(idOf(2)).isFlapping)
      assert.ok(!network.node(n).swim.isPreferred(idOf(2)))
    }
  })
})

suite('a node that goes', () => {
  test('while it is suspect is seen as left by all, and never as dead', () => {
    const network = Network.joined(5, 11)
    network.pause(2)
    network.runUntil(() => except(5, 2).every((n) => network.view(n, 2) === 'suspect 2.0'), 20_000)
    network.resume(2)
    network.leave(2)
    network.run(100)
    network.crash(2)
    network.runUntil(() => except(5, 2).every((n) => network.view(n, 2).startsWith('left')), 5_000)
    network.run(60_000)
    assert.deepEqual(network.deathsOf(2), [])
  })

  test('is left in the end also for those who were cut off and called it dead', () => {
    const network = Network.joined(6, 12)
    network.connected = (a, b) => a <= 3 === b <= 3
    network.run(500)
    network.leave(2)
    network.run(100)
    network.crash(2)
    network.run(60_000)
    assert.equal(network.view(1, 2), 'left 2.0')
    assert.equal(network.view(5, 2), 'dead 2.0')
    network.connected = () => true
    network.runUntil(() => except(6, 2).every((n) => network.view(n, 2) === 'left 2.0'), 60_000)
    assert.ok(network.allSee(...except(6, 2)))
  })

  test('with all others at once leaves nobody behind who is called dead', () => {
    const network = Network.joined(5, 13)
    for (const n of upTo(4)) network.leave(n)
    network.run(100)
    for (const n of upTo(4)) network.crash(n)
    network.run(60_000)
    for (const n of upTo(4)) assert.equal(network.view(5, n), `left ${n}.0`)
  })

  test('by the word of somebody else, without its secret, does not go', () => {
    const network = Network.joined(5, 14)
    for (const leaveProof of [secretOf(1), '00'.repeat(16)]) {
      const records = [{ ...claim(2, 'left', 0, 2), leaveProof }]
      network.tell(1, { type: 'records', records })
      network.tell(3, { type: 'records', records })
    }
    network.run(30_000)
    assert.deepEqual([...statesOf(network, 2, upTo(5))], ['alive 2.0'])
    assert.equal(network.node(1).swim.counts.claimsRefused, 2)
  })

  test('for good is forgotten by all, and stays gone when one comes back who slept through it', () => {
    const network = Network.joined(6, 15, { rememberedMs: 20_000 })
    network.pause(4)
    network.crash(2)
    network.runUntil(() => except(6, 2, 4).every((n) => network.view(n, 2) === 'unknown'), 90_000)
    const { length } = network.trace
    network.resume(4)
    network.run(120_000)
    const revived = network.trace.slice(length).filter((line) => / 2 .*alive$/.test(line))
    assert.deepEqual(revived, [])
    assert.deepEqual([...statesOf(network, 2, except(6, 2))], ['unknown'])
    assert.ok(network.allSee(...except(6, 2)))
  })

  test('and was only cut off for longer than anybody remembers is back when the cut is healed', () => {
    const network = Network.joined(5, 16, { rememberedMs: 20_000 })
    network.connected = (a, b) => (a === 2) === (b === 2)
    network.run(120_000)
    assert.deepEqual([...statesOf(network, 2, except(5, 2))], ['unknown'])
    network.connected = () => true
    network.seeds = [1, 3]
    network.runUntil(() => network.allSee(...upTo(5)), 90_000)
  })
})

suite('a suspicion of a healthy node', () => {
  test('is refuted within a round trip of the probe that tells of it', () => {
    const network = Network.joined(5, 21)
    const records = [claim(2, 'suspect', 0, 2)]
    const node = network.node(1)
    const suspected = network.now
    network.tell(1, { type: 'records', records })
    assert.equal(network.view(1, 2), 'suspect 2.0')
    network.runUntil(() => network.view(1, 2) === 'alive 2.1', 100)
    assert.ok(network.now - suspected <= 50)
    assert.equal(node.swim.counts.suspicionsRefuted, 1)
    network.runUntil(() => statesOf(network, 2, upTo(5)).size === 1, 2_000)
    assert.deepEqual(network.deathsOf(2), [])
  })

  test('of all by all ends with everybody alive', () => {
    const network = Network.joined(6, 22)
    for (const n of upTo(6))
      network.tell(n, {
        type: 'records',
        records: except(6, n).map((other) => claim(other, 'dead', 0, other)),
      })
    network.runUntil(() => network.allSee(...upTo(6)), 3_000)
    network.run(30_000)
    assert.deepEqual(network.deathsOf(...upTo(6)), [])
  })
})

suite('a change that gossip did not bring', () => {
  test('is found by the digests of others, where the two never hear each other', () => {
    const network = Network.joined(5, 31)
    network.datagrams = (a, b) => (a === 5) === (b === 5)
    network.tell(1, { type: 'records', records: [claim(2, 'suspect', 0, 2)] })
    network.run(3_000)
    assert.equal(network.view(1, 2), 'alive 2.1')
    assert.equal(network.view(5, 2), 'alive 2.0')
    network.datagrams = (a, b) => a + b !== 7
    network.runUntil(() => network.view(5, 2) === 'alive 2.1', 30_000)
    assert.deepEqual(network.deathsOf(...upTo(5)), [])
    const syncs = upTo(5).reduce((sum, n) => sum + network.node(n).swim.counts.digestSyncs, 0)
    assert.ok(syncs > 0)
  })
})

suite('nobody healthy is called dead', () => {
  test('when the packets of one member to another get lost, in one direction', () => {
    const network = Network.joined(5, 41)
    network.datagrams = (from, to) => !(from === 1 && to === 2)
    network.run(120_000)
    assert.deepEqual(network.deathsOf(...upTo(5)), [])
    assert.ok(network.allSee(...upTo(5)))
    assert.ok(network.node(1).swim.counts.probesIndirect > 0)
  })

  test('when one hears everything and nothing that it sends arrives, but over TCP', () => {
    const network = Network.joined(5, 42)
    network.datagrams = (from) => from !== 2
    network.run(120_000)
    assert.deepEqual(network.deathsOf(...upTo(5)), [])
    assert.ok(network.allSee(...upTo(5)))
  })

  test('when one sends and hears nothing, but over TCP', () => {
    const network = Network.joined(5, 43)
    network.datagrams = (_, to) => to !== 2
    network.run(120_000)
    assert.deepEqual(network.deathsOf(...upTo(5)), [])
    assert.ok(network.allSee(...upTo(5)))
  })

  test('when UDP is blocked altogether and TCP is open', () => {
    const network = Network.joined(5, 44)
    network.datagrams = () => false
    network.run(120_000)
    assert.deepEqual(network.deathsOf(...upTo(5)), [])
  })

  test('by one whom nobody hears any more, whatever it hears: only that one is', () => {
    const network = Network.joined(6, 45)
    network.connected = (from) => from !== 2
    network.run(25_000)
    assert.deepEqual(
      network.deathsOf(...except(6, 2)).filter((line) => !line.includes(' 2: ')),
      [],
    )
    for (const n of except(6, 2)) assert.match(network.view(n, 2), /^(suspect|dead)/)
    network.connected = () => true
    network.runUntil(() => network.allSee(...upTo(6)), 60_000)
  })

  test('when some stand still for two seconds again and again', () => {
    const network = Network.joined(12, 46)
    for (let i = 0; i < 40; i++) {
      for (const n of [3, 7]) network.pause(n)
      network.run(2_000)
      for (const n of [3, 7]) network.resume(n)
      network.run(1_500)
    }
    assert.deepEqual(network.deathsOf(...except(12, 3, 7)), [])
  })

  test('when all stand still together, as on a host that is suspended', () => {
    const network = Network.joined(6, 47)
    for (const pauseMs of [1_500, 5_000, 60_000]) {
      for (const n of upTo(6)) network.pause(n)
      network.run(pauseMs)
      for (const n of upTo(6)) network.resume(n)
      network.run(20_000)
    }
    assert.deepEqual(network.deathsOf(...upTo(6)), [])
    assert.ok(network.allSee(...upTo(6)))
  })

  test('when one stands still in the middle of a suspicion, its own or of another', () => {
    for (const stopped of [1, 2, 3]) {
      const network = Network.joined(5, 48)
      network.tell(1, { type: 'records', records: [claim(2, 'suspect', 0, 2)] })
      network.pause(stopped)
      network.run(2_500)
      network.resume(stopped)
      network.runUntil(() => network.allSee(...upTo(5)), 10_000)
      assert.deepEqual(network.deathsOf(...upTo(5)), [])
    }
  })
})
