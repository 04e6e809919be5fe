/** Of a world of a thousand nodes, which costs seconds to build: one, for all that it must show. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { detectCrash } from './measure.ts'
import { MembershipWorld } from './membership-world.ts'

const NODES = 1_000
const SECONDS = 10

let world: MembershipWorld

before(() => {
  world = new MembershipWorld({ nodes: NODES, seed: 1 })
  world.run(5_000)
})

test('a thousand nodes with nothing to tell send at most 2.2 packets each a second', () => {
  world.traffic.reset()
  world.run(SECONDS * 1_000)
  const each = world.traffic.packets / NODES / SECONDS
  assert(each > 1.9, `${each}: they do not even probe`)
  assert(each <= 2.2, `${each} packets`)
})

test('in a thousand nodes a crash is known by all within 16 s, both times', () => {
  for (const victim of [500, 999]) {
    const detection = detectCrash(world, victim)
    assert(detection, `node ${victim}: never known by all`)
    assert(detection.knownByAllMs <= 16_000, `node ${victim}: ${detection.knownByAllMs} ms`)
  }
})
