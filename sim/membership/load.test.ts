import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MembershipWorld } from './membership-world.ts'

const SECONDS = 10

for (const nodes of [3, 10, 100])
  test(`${nodes} nodes with nothing to tell send at most 2.2 packets each a second`, () => {
    const world = new MembershipWorld({ nodes, seed: 1 })
    world.run(5_000)
    world.traffic.reset()
    world.run(SECONDS * 1_000)
    const each = world.traffic.packets / nodes / SECONDS
    assert(each > 1.9, `${each}: they do not even probe`)
    assert(each <= 2.2, `${each} packets`)
    assert(world.traffic.bytes / world.traffic.packets < 400, 'and small ones')
  })
