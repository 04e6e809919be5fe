/** What the machines of a cluster come to together. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Prng } from '../std/prng.ts'
import { infoOf, INTERVAL_MS, optionsOf } from './harness.test.ts'
import { Network, upTo } from './network.test.ts'
import type { SwimEffect } from './swim.ts'
import { Swim } from './swim.ts'

for (const count of [3, 5, 16]) {
  suite(`${count} members without loss`, () => {
    test('all learn of each other from one exchange each with a seed', () => {
      const network = Network.joined(count, count)
      assert.ok(network.allSee(...upTo(count)))
    })

    test('declare nobody suspect or dead in two minutes', () => {
      const network = Network.joined(count, count)
      const { length } = network.trace
      network.run(120_000)
      assert.deepEqual(network.trace.slice(length), [])
    })

    test('see a crash everywhere within bounded time, and nobody else dead', () => {
      const network = Network.joined(count, count)
      network.crash(2)
      const others = upTo(count).filter((n) => n !== 2)
      // A round at the very worst, the end of the interval, the suspicion and its spread.
      const took = network.runUntil(
        () => others.every((n) => network.view(n, 2).startsWith('dead')),
        (2 * count + 8) * INTERVAL_MS,
      )
      assert.ok(took < 14_000, `${took} ms`)
      assert.ok(network.allSee(...others))
      assert.deepEqual(network.deathsOf(...others), [])
    })

    test('replace the record of a restarted member everywhere, without declaring it dead', () => {
      const network = Network.joined(count, count)
      network.restart(2)
      network.runUntil(
        () => upTo(count).every((n) => network.view(n, 2) === `alive ${count + 1}.0`),
        5_000,
      )
      network.runUntil(() => network.allSee(...upTo(count)), 5_000)
      network.run(30_000)
      assert.deepEqual(network.deathsOf(...upTo(count)), [])
    })

    test('see one that leaves as left, not as failed', () => {
      const network = Network.joined(count, count)
      network.leave(2)
      network.run(20)
      network.crash(2)
      network.runUntil(() => network.numbers.every((n) => network.view(n, 2) === 'left 2.0'), 5_000)
      network.run(30_000)
      assert.deepEqual(network.deathsOf(2), [])
    })

    test('are not accused by one that was stopped for a minute, which refutes its own death', () => {
      const network = Network.joined(count, count)
      network.pause(2)
      const others = upTo(count).filter((n) => n !== 2)
      network.run(60_000)
      assert.ok(others.every((n) => network.view(n, 2).startsWith('dead')))
      network.resume(2)
      network.runUntil(() => network.allSee(...upTo(count)), 5_000)
      assert.deepEqual(network.deathsOf(...others), [])
      assert.ok(!network.trace.some((line) => / 2: .*suspect/.test(line)))
    })

    test('find each other again after a partition, through one reconnect', () => {
      const network = Network.joined(count, count)
      const half = Math.ceil(count / 2)
      network.connected = (a, b) => a <= half === b <= half
      network.run(count === 3 ? 600_000 : 60_000)
      assert.ok(network.view(1, count).startsWith('dead'))
      assert.ok(network.view(count, 1).startsWith('dead'))
      const { length } = network.trace
      network.connected = () => true
      network.runUntil(() => network.allSee(...upTo(count)), 60_000)
      const afterwards = network.trace.slice(length)
      assert.deepEqual(
        afterwards.filter((line) => line.endsWith('dead')),
        [],
      )
    })
  })
}

suite('20 % of packets lost', () => {
  test('makes nobody suspect while TCP gets through', () => {
    const network = Network.joined(5, 20)
    network.loss = 0.2
    network.run(300_000)
    assert.deepEqual(
      network.trace.filter((line) => line.endsWith('suspect')),
      [],
    )
  })

  test('and no TCP at all makes suspects of healthy nodes, who refute', () => {
    const network = Network.joined(5, 20)
    network.loss = 0.3
    network.links = false
    network.run(300_000)
    const suspicions = network.trace.filter((line) => line.endsWith('alive → suspect'))
    const refutations = network.trace.filter((line) => line.includes('refuted'))
    assert.ok(suspicions.length > 0)
    assert.ok(refutations.length > 0)
    assert.deepEqual(network.deathsOf(...upTo(5)), [])
    network.loss = 0
    network.links = true
    network.runUntil(() => network.allSee(1, 2, 3, 4, 5), 60_000)
  })

  test('healthy nodes are not declared dead, and a crash is seen all the same', () => {
    const network = Network.joined(8, 21)
    network.loss = 0.2
    network.run(600_000)
    assert.deepEqual(network.deathsOf(...upTo(8)), [])
    network.crash(3)
    const others = upTo(8).filter((n) => n !== 3)
    network.runUntil(() => others.every((n) => network.view(n, 3).startsWith('dead')), 30_000)
  })
})

test('all members restarted at once are alive for each other within two intervals', () => {
  const network = Network.joined(50, 50)
  for (const n of upTo(50)) network.restart(n)
  network.runUntil(() => network.allSee(...upTo(50)), 2 * INTERVAL_MS)
})

test('a dead member that a laggard still lists as alive stays dead', () => {
  const network = Network.joined(5, 5)
  network.pause(4)
  network.crash(2)
  network.run(60_000)
  network.resume(4)
  network.run(60_000)
  const others = [1, 3, 4, 5]
  assert.ok(others.every((n) => network.view(n, 2) === 'dead 2.0'))
  const deaths = network.deathsOf(2)
  assert.equal(deaths.length, others.length)
})

test('a member that one node alone cannot reach stays alive through helpers', () => {
  const network = Network.joined(5, 6)
  const { length } = network.trace
  network.connected = (a, b) => !(a + b === 3 && a * b === 2)
  network.run(200_000)
  assert.deepEqual(
    network.trace.slice(length).filter((line) => line.endsWith('dead')),
    [],
  )
})

test('a copy of a data directory is told to both copies', () => {
  const network = Network.joined(3, 9)
  const { swim } = network.node(2)
  const self = infoOf(2, { address: { host: 'clone', port: 1 } })
  const clone = new Swim(optionsOf(2, { self, generation: swim.self.generation, rng: new Prng(3) }))
  const effects: SwimEffect[] = []
  clone.step({ type: 'start' }, network.now, effects)
  clone.step({ type: 'records', records: network.node(1).swim.records() }, network.now, effects)
  assert.ok(effects.some((effect) => effect.type === 'cloned-identity'))
  const first = network.node(1).swim
  first.step({ type: 'records', records: [clone.self] }, network.now, [])
  network.run(5_000)
  assert.ok(network.trace.some((line) => line.endsWith('2: cloned clone:1')))
})

test('the same seed gives the same trace, another one another', () => {
  const run = (seed: number): string => {
    const network = Network.joined(6, seed)
    network.loss = 0.3
    network.run(60_000)
    network.crash(3)
    network.run(60_000)
    return network.trace.join('\n')
  }
  assert.equal(run(4), run(4))
  assert.notEqual(run(4), run(5))
})

test('an idle cluster sends one ping and one ack for each member and interval, and no news', () => {
  const network = Network.joined(5, 5)
  network.run(30_000)
  const before = network.packets
  network.run(60_000)
  assert.equal(network.packets - before, 2 * 5 * 60)
  for (const n of upTo(5)) assert.equal(network.node(n).swim.gossipQueue, 0)
})
