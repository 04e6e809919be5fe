import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MembershipWorld } from './membership-world.ts'

test('what comes to a process that stands still waits, and is processed when it goes on', () => {
  const world = new MembershipWorld({ nodes: 2, seed: 1 })
  world.run(3_000)
  const { swim } = world.node(0)
  world.stall(0, 5_000)
  const before = swim.counts.packetsReceived
  world.run(4_999)
  assert.equal(swim.counts.packetsReceived, before)
  world.run(1)
  assert(swim.counts.packetsReceived > before, 'the pings that have come meanwhile')
})

test('timers that are due come before the packets that wait: the machine sees itself late', () => {
  const world = new MembershipWorld({ nodes: 2, seed: 1 })
  world.run(3_000)
  const node = world.node(0)
  const seen: string[] = []
  const { swim } = node
  const step = swim.step.bind(swim)
  swim.step = (event, now, effects) => {
    seen.push(event.type)
    step(event, now, effects)
  }
  world.stall(0, 5_000)
  world.run(5_000)
  assert.equal(seen[0], 'timer')
  assert(seen.indexOf('packet') > seen.lastIndexOf('timer'))
})

test('a socket that nobody reads holds so much and drops the rest', () => {
  const world = new MembershipWorld({ nodes: 30, seed: 1 })
  world.run(3_000)
  world.stall(0, 60_000)
  const before = world.node(0).swim.counts.packetsReceived
  const ping = { type: 'gossip', from: world.node(1).id, fromGeneration: 1, health: 0 } as const
  for (let i = 0; i < 1_000; i++)
    world.send(world.node(1), world.node(0).address, { ...ping, gossip: [] })
  world.run(60_000)
  assert.equal(world.node(0).swim.counts.packetsReceived - before, 256)
})

test('what loses packets makes TCP late, and what is cut in one direction breaks it', () => {
  const world = new MembershipWorld({ nodes: 2, seed: 1, loss: 0.5 })
  const delays = Array.from({ length: 1_000 }, () => world.network.streamDelayMs(0, 1))
  const arrived = delays.filter((ms) => ms !== undefined)
  assert(arrived.length > 980, `${arrived.length} of 1000 arrive where half of all is lost`)
  assert(arrived.some((ms) => ms > 200))
  assert(arrived.some((ms) => ms < 1))
  world.network.cut(1, 0)
  assert.equal(world.network.streamDelayMs(0, 1), undefined, 'it needs both directions')
})
