import assert from 'node:assert/strict'
import { test } from 'node:test'
import { claimsAmong } from './measure.ts'
import { MembershipWorld } from './membership-world.ts'

const MINUTE_MS = 60_000
const SEEDS = [1, 2, 3]
/** Of the worlds that take seconds. */
const FEW_SEEDS = [1, 2]

const indexes = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, i) => from + i)

test('4 of 32 nodes stalling 2 s again and again for 10 minutes: nobody healthy is called dead', () => {
  for (const seed of FEW_SEEDS) {
    const world = new MembershipWorld({ nodes: 32, seed })
    for (const slow of indexes(0, 4))
      world.stallAgainAndAgain(slow, 2_000, [500, 4_000], 10 * MINUTE_MS)
    world.run(10 * MINUTE_MS)
    const healthy = world.falseDeaths().filter(({ subject }) => subject >= 4)
    assert.deepEqual(healthy, [], `seed ${seed}`)
    assert(world.notes.get('stalled')! > 300, 'they stood still')
    assert(world.runUntil(() => world.allSeeAllAlive(), 30_000) !== undefined, `seed ${seed}`)
  }
})

test('30 % loss for 10 minutes in 32 nodes: at most one false death per node and hour', () => {
  const hours = (32 * 10) / 60
  for (const seed of FEW_SEEDS) {
    const world = new MembershipWorld({ nodes: 32, seed, loss: 0.3 })
    world.run(10 * MINUTE_MS)
    const deaths = claimsAmong(world.falseDeaths())
    assert(deaths <= hours, `seed ${seed}: ${deaths} false deaths in ${hours} node-hours`)
    assert(
      world.sightings.some(({ to }) => to === 'suspect'),
      'the loss is felt',
    )
  }
})

test('a node that hears and is not heard over UDP: nobody healthy is called dead', () => {
  for (const seed of SEEDS) {
    const world = new MembershipWorld({ nodes: 16, seed })
    world.run(3_000)
    for (const other of indexes(1, 16)) world.network.cutPackets(0, other)
    world.run(5 * MINUTE_MS)
    assert.deepEqual(world.falseDeaths(), [], `seed ${seed}`)
  }
})

test('a node that is heard and does not hear over UDP: nobody healthy is called dead', () => {
  for (const seed of SEEDS) {
    const world = new MembershipWorld({ nodes: 16, seed })
    world.run(3_000)
    for (const other of indexes(1, 16)) world.network.cutPackets(other, 0)
    world.run(5 * MINUTE_MS)
    assert.deepEqual(world.falseDeaths(), [], `seed ${seed}`)
  }
})

test('two nodes with a link that works in one direction only: neither is called dead', () => {
  for (const seed of SEEDS) {
    const world = new MembershipWorld({ nodes: 8, seed })
    world.run(3_000)
    world.network.cut(0, 1)
    world.run(10 * MINUTE_MS)
    assert.deepEqual(world.falseDeaths(), [], `seed ${seed}`)
  }
})

test('a node that nobody hears, not over TCP either, kills nobody as long as it hears them', () => {
  for (const seed of SEEDS) {
    const world = new MembershipWorld({ nodes: 16, seed })
    world.run(3_000)
    for (const other of indexes(1, 16)) world.network.cut(0, other)
    const { swim } = world.node(0)
    let [heard, heardAtMs] = [0, 0]
    while (world.nowMs - heardAtMs < 10_000) {
      world.run(100)
      if (swim.counts.packetsReceived > heard) heardAtMs = world.nowMs
      heard = swim.counts.packetsReceived
    }
    // They speak to it until they have declared it dead, and then no more; from then on it cannot
    // know that it is not they who are gone.
    assert(heardAtMs > 7_000, `seed ${seed}: it heard them until ${heardAtMs}`)
    assert(world.allOthersSee(0, 'dead'), `seed ${seed}: who reaches nobody is dead to them`)
    assert.equal(
      world.falseDeaths().find(({ observer }) => observer === 0),
      undefined,
    )
    assert.equal(world.seen(0, 0)?.degraded, true, 'it knows that something is wrong with it')
  }
})

test('what a node believes that nobody hears does not kill anybody when it is heard again', () => {
  for (const seed of SEEDS) {
    const world = new MembershipWorld({ nodes: 16, seed })
    world.run(3_000)
    for (const other of indexes(1, 16)) world.network.cut(0, other)
    world.run(10 * MINUTE_MS)
    world.network.heal()
    const took = world.runUntil(() => world.allSeeAllAlive(), MINUTE_MS)
    assert(took !== undefined && took <= 30_000, `seed ${seed}: ${took} ms`)
    world.run(MINUTE_MS)
    const believed = world.falseDeaths().filter(({ subject, observer }) => subject * observer !== 0)
    assert.deepEqual(believed, [], `seed ${seed}`)
  }
})

test('UDP is blocked between all nodes and TCP is open: nobody is called dead', () => {
  for (const seed of SEEDS) {
    const world = new MembershipWorld({ nodes: 16, seed })
    world.run(3_000)
    for (const from of indexes(0, 16))
      for (const to of indexes(0, 16)) world.network.cutPackets(from, to)
    world.run(10 * MINUTE_MS)
    assert.deepEqual(world.falseDeaths(), [], `seed ${seed}`)
    assert(world.traffic.linkProbes > 1_000, 'they ask over TCP')
  }
})
