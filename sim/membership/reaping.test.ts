import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MembershipWorld } from './membership-world.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

/** Node 2 is away while node 3 dies and is forgotten; then it comes back and tells of node 3. */
function worldWithLaggard(seed: number, rememberedMs: number): MembershipWorld {
  const world = new MembershipWorld({ nodes: 5, seed, rememberedMs })
  world.run(3_000)
  // Crashed, not stalled: what it has persisted says that node 3 is alive.
  world.crash(2)
  world.run(MINUTE_MS)
  world.crash(3)
  world.run(rememberedMs + 2 * MINUTE_MS)
  for (const observer of [0, 1, 4])
    assert.equal(world.seen(observer, 3), undefined, 'the dead have been forgotten')
  world.sightings = []
  world.restart(2)
  return world
}

test('a dead node that was forgotten and is told of by a laggard stays gone', () => {
  for (const seed of [1, 2, 3]) {
    const world = worldWithLaggard(seed, 10 * MINUTE_MS)
    world.run(10 * MINUTE_MS)
    for (const observer of [0, 1, 2, 4])
      assert.equal(world.seen(observer, 3), undefined, `seed ${seed}: node ${observer} shows it`)
    const seen = world.sightings.filter(({ subject }) => subject === 3)
    assert.deepEqual(seen, [], `seed ${seed}: nobody ever saw it again`)
  }
})

test('a laggard that stood still for longer than the dead are remembered revives nobody', () => {
  for (const seed of [1, 2, 3]) {
    const world = new MembershipWorld({ nodes: 5, seed, rememberedMs: 10 * MINUTE_MS })
    world.run(3_000)
    world.stall(2, 15 * MINUTE_MS)
    world.run(1_000)
    world.crash(3)
    world.run(15 * MINUTE_MS - 1_001)
    world.sightings = []
    world.run(15 * MINUTE_MS)
    const revived = world.sightings.filter(
      ({ subject, observer, to }) => subject === 3 && (observer !== 2 || to === 'alive'),
    )
    assert.deepEqual(revived, [], `seed ${seed}: the others do not see it again`)
    for (const observer of [0, 1, 4]) assert.equal(world.seen(observer, 3), undefined)
  }
})

test('the dead are remembered for a day', () => {
  // Slow probes, since a day has many seconds; the day is that of the defaults.
  const slow = { probeIntervalMs: 30_000, probeTimeoutMs: 10_000 }
  const world = new MembershipWorld({ nodes: 3, seed: 1, ...slow })
  world.run(60_000)
  world.crash(2)
  const took = world.runUntil(() => world.allOthersSee(2, 'dead'), 60 * MINUTE_MS)
  assert(took !== undefined, 'it is known')
  world.run(DAY_MS - 5 * MINUTE_MS)
  assert(world.allOthersSee(2, 'dead'))
  world.run(10 * MINUTE_MS)
  assert.equal(world.seen(0, 2), undefined)
  assert.equal(world.seen(1, 2), undefined)
})
