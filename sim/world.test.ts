import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8Encode } from '../src/core/std/bytes.ts'
import type { ClientReply } from '../src/core/node/events.ts'
import { fakeNodes, quietWorld } from './fake-node.ts'
import { violation } from './violation.ts'
import { othersOf, World } from './world.ts'

const GET = {
  type: 'get',
  bucket: 'b',
  key: utf8Encode('k'),
  sort: undefined,
  r: undefined,
  timeoutMs: undefined,
} as const
const LIST: ClientReply = { type: 'get', result: failure() }

function failure() {
  const numbers = { needed: 1, got: 0, message: '' }
  return { ok: false, code: 'DND_ERR_NOT_READY', outcome: 'rejected', ...numbers } as const
}

function world(nodes: number, answers = true): World {
  const { create } = fakeNodes((_node, event, _now, effects) => {
    if (event.type === 'request' && answers)
      effects.push({ type: 'reply', client: event.client, reply: LIST })
  })
  return new World(quietWorld(nodes, create))
}

test('time passes until something is done, or the limit comes', () => {
  const one = world(1)
  let done = false
  one.queue.after(30, () => {
    done = true
  })
  assert.equal(
    one.run(20, () => done),
    false,
  )
  assert.equal(one.queue.nowMs, 20)
  assert.equal(
    one.run(20, () => done),
    true,
  )
  assert.equal(one.queue.nowMs, 30)
})

test('a condition that costs something is asked only so often', () => {
  const one = world(1)
  let asked = 0
  for (let i = 0; i < 100; i++) one.queue.after(i, () => undefined)
  one.run(
    100,
    () => {
      asked++
      return false
    },
    25,
  )
  assert.ok(asked >= 4 && asked <= 6, `${asked} times`)
})

test('nothing happens after a broken invariant, and the first one counts', () => {
  const one = world(1)
  let ran = false
  one.queue.after(5, () => {
    ran = true
  })
  one.violate(violation('a', 'first'))
  one.violate(violation('b', 'second'))
  assert.equal(one.run(100), false)
  assert.equal(ran, false)
  assert.equal(one.violation?.message, 'first')
})

test('to ask a node is to let time pass until it answers', () => {
  const one = world(1)
  one.nodes[0]!.start()
  assert.deepEqual(one.ask(one.nodes[0]!, GET, 100), LIST)
  const mute = world(1, false)
  mute.nodes[0]!.start()
  assert.equal(mute.ask(mute.nodes[0]!, GET, 100), 'lost')
  assert.equal(mute.queue.nowMs, 100)
})

test('a world says what it lacks: a node that is down, one without a layout', () => {
  const two = world(2)
  assert.equal(two.whatIsMissing(), undefined)
  two.nodes[0]!.start()
  two.nodes[1]!.start()
  assert.equal(two.whatIsMissing(), 'n1 knows no layout')
  two.nodes[0]!.crash()
  assert.equal(two.whatIsMissing(), 'n1 is down')
})

test('unanswered requests show in the gauges of a world at rest', () => {
  const mute = world(1, false)
  mute.nodes[0]!.start()
  const atRest = (): number => mute.gauges().reduce((sum, gauge) => sum + gauge.atRest, 0)
  assert.equal(atRest(), 0)
  mute.nodes[0]!.request(GET, () => undefined)
  assert.equal(atRest(), 1)
})

test('the others of a node are all but itself', () => {
  const hosts = othersOf(world(3), 1).map(({ host }) => host)
  assert.deepEqual(hosts, ['10.0.0.1', '10.0.0.3'])
})

test('one seed is one trace, another seed another', () => {
  const hashOf = (seed: number): string => {
    const { create } = fakeNodes(() => undefined)
    const one = new World({ ...quietWorld(2, create), seed, clockOffsetMs: [-1e6, 1e6] })
    for (const node of one.nodes) node.start()
    one.run(100)
    return one.trace.hash()
  }
  assert.equal(hashOf(4), hashOf(4))
  assert.notEqual(hashOf(4), hashOf(5))
})
