import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressOf, MembershipWorld } from './membership-world.ts'

const MINUTE_MS = 60_000
const SEEDS = [1, 2, 3]

const indexes = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, i) => from + i)

/** Milliseconds from the network's return until all is as it was. */
function healed(seed: number, ...groups: readonly (readonly number[])[]): number | undefined {
  const world = new MembershipWorld({ nodes: groups.flat().length, seed })
  world.run(3_000)
  world.network.partition(...groups)
  world.run(10 * MINUTE_MS)
  const [one, other] = [groups[0]![0]!, groups[1]![0]!]
  assert.equal(world.seen(one, other)?.state, 'dead', `seed ${seed}: the partition is noticed`)
  assert.equal(world.seen(other, one)?.state, 'dead', `seed ${seed}: on the other side as well`)
  world.network.heal()
  return world.runUntil(() => world.allSeeAllAlive(), 120_000)
}

const PARTITIONS: readonly (readonly [name: string, ...groups: number[][]])[] = [
  ['two halves', indexes(0, 16), indexes(16, 32)],
  ['one against the rest', [0], indexes(1, 32)],
  ['one that is no seed against the rest', [31], indexes(0, 31)],
  ['three ways', indexes(0, 10), indexes(10, 20), indexes(20, 32)],
  ['two and one', [0, 1], [2]],
]

for (const [name, ...groups] of PARTITIONS)
  test(`a partition of 10 minutes, ${name}, heals by itself within 30 s`, () => {
    for (const seed of SEEDS) {
      const took = healed(seed, ...groups)
      assert(took !== undefined, `seed ${seed}: not within two minutes`)
      assert(took <= 30_000, `seed ${seed}: ${took} ms`)
    }
  })

test('50 nodes restarted at once are all alive in all tables within 3 s', () => {
  for (const seed of SEEDS) {
    const world = new MembershipWorld({ nodes: 50, seed })
    world.run(3_000)
    for (const index of indexes(0, 50)) world.crash(index)
    for (const index of indexes(0, 50)) world.restart(index)
    const took = world.runUntil(() => world.allSeeAllAlive(), 30_000)
    assert(took !== undefined && took <= 3_000, `seed ${seed}: ${took} ms`)
  }
})

test('50 nodes restarted at once after their deaths were told are all alive within 3 s', () => {
  for (const seed of SEEDS) {
    const world = new MembershipWorld({ nodes: 50, seed })
    world.run(3_000)
    // The last one to go has seen all the others die, and says so when it is back.
    for (const index of indexes(0, 49)) world.crash(index)
    world.run(MINUTE_MS)
    world.crash(49)
    for (const index of indexes(0, 50)) world.restart(index)
    const took = world.runUntil(() => world.allSeeAllAlive(), 30_000)
    assert(took !== undefined && took <= 3_000, `seed ${seed}: ${took} ms`)
  }
})

test('a node paused for 60 s accuses nobody and is alive everywhere within 2 s of its return', () => {
  for (const seed of SEEDS) {
    const world = new MembershipWorld({ nodes: 32, seed })
    world.run(3_000)
    // It stops with its own ping under way, whose ack it will find late, after its timers.
    const { probes } = world.node(7).swim.counts
    while (world.node(7).swim.counts.probes === probes) world.run(0.05)
    world.stall(7, MINUTE_MS)
    world.run(MINUTE_MS - 1)
    assert(world.allOthersSee(7, 'dead'), `seed ${seed}: a minute is long enough to be missed`)
    const took = world.runUntil(() => world.allSeeAllAlive(), 60_000)
    assert(took !== undefined && took <= 2_000, `seed ${seed}: ${took} ms`)
    world.run(MINUTE_MS)
    const accused = world.sightings.filter(({ subject, to }) => subject !== 7 && to !== 'alive')
    assert.deepEqual(accused, [], `seed ${seed}`)
  }
})

test('a node restarted on another address is the same node everywhere', () => {
  for (const seed of SEEDS) {
    const world = new MembershipWorld({ nodes: 16, seed })
    world.run(3_000)
    world.crash(5)
    world.run(seed * 4_000)
    const address = addressOf(1_000)
    world.restart(5, address)
    const took = world.runUntil(() => world.allSeeAllAlive(), 30_000)
    assert(took !== undefined && took <= 3_000, `seed ${seed}: ${took} ms`)
    world.run(MINUTE_MS)
    assert(world.allSeeAllAlive(), `seed ${seed}: and stays so`)
    for (const { swim, index } of world.nodes) {
      assert.equal(swim.records().length, 16, 'no second node')
      assert.deepEqual(world.seen(index, 5)?.info.address, address)
    }
    assert.equal(world.notes.get('cloned-identity'), undefined, 'nor a clone')
  }
})

test('a node whose directory was wiped is a new node at the old address, and the old one is dead', () => {
  for (const seed of SEEDS) {
    const world = new MembershipWorld({ nodes: 16, seed })
    world.run(3_000)
    world.crash(5)
    const joined = world.join(world.node(5).address)
    const took = world.runUntil(() => world.allSeeAllAlive(), 30_000)
    assert(took !== undefined && took <= 3_000, `seed ${seed}: ${took} ms`)
    world.run(MINUTE_MS)
    assert(world.allOthersSee(5, 'dead'), `seed ${seed}: who answers there is not the old one`)
    assert(world.allOthersSee(joined, 'alive'), `seed ${seed}`)
  }
})

test('a node that comes and goes is called flapping, and no longer once it has rested', () => {
  const world = new MembershipWorld({ nodes: 8, seed: 1 })
  world.run(3_000)
  const { id } = world.node(3)
  const flaps = (): boolean[] =>
    world.nodes.filter(({ index }) => index !== 3).map(({ swim }) => swim.standing(id).isFlapping)
  for (let round = 0; round < 6; round++) {
    world.crash(3)
    world.run(20_000)
    world.restart(3)
    world.run(5_000)
  }
  assert(world.allSeeAllAlive(), 'it is there at the moment')
  assert(
    flaps().every((isFlapping) => isFlapping),
    'and nobody relies on it',
  )
  assert(world.nodes.every(({ index, swim }) => index === 3 || !swim.isPreferred(id)))
  world.run(15 * MINUTE_MS)
  assert(!flaps().some((isFlapping) => isFlapping), 'it has rested')
  assert(world.nodes.every(({ swim }) => swim.isPreferred(id)))
})
