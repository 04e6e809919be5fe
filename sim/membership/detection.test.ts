import assert from 'node:assert/strict'
import { test } from 'node:test'
import { detectCrash, median } from './measure.ts'
import { MembershipWorld } from './membership-world.ts'

/** Lets the world run until the first pings have been answered, and to another moment in each. */
function runningWorld(nodes: number, seed: number): MembershipWorld {
  const world = new MembershipWorld({ nodes, seed })
  world.run(3_000 + ((seed * 137) % 1_000))
  return world
}

test('in a hundred nodes a crash is known by all within 10.5 s, at the median of 15 seeds', () => {
  const known: number[] = []
  for (let seed = 1; seed <= 15; seed++) {
    const detection = detectCrash(runningWorld(100, seed), seed)
    assert(detection, `seed ${seed}: never known by all`)
    known.push(detection.knownByAllMs)
  }
  assert(median(known) <= 10_500, `median ${median(known)} ms of ${known.join(', ')}`)
})

test('a world of the same seed is the same world', () => {
  const told = (seed: number): string => {
    const world = new MembershipWorld({ nodes: 12, seed, loss: 0.2 })
    world.run(20_000)
    detectCrash(world, 3)
    const { packets, bytes } = world.traffic
    return JSON.stringify([world.sightings, packets, bytes])
  }
  assert.equal(told(5), told(5))
  assert.notEqual(told(5), told(6))
})
