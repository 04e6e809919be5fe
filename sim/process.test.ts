import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8Encode } from '../src/core/std/bytes.ts'
import type { NodeId } from '../src/core/std/ids.ts'
import { instant } from '../src/core/std/instant.ts'
import type { ClientReply, ClientRequest, NodeEffect } from '../src/core/node/events.ts'
import type { StoreOperation } from '../src/core/ports.ts'
import type { FakeAction, FakeNode } from './fake-node.ts'
import { fakeNodes, quietWorld } from './fake-node.ts'
import type { WorldOptions } from './world.ts'
import { World } from './world.ts'

const GET: ClientRequest = {
  type: 'get',
  bucket: 'b',
  key: utf8Encode('k'),
  sort: undefined,
  r: undefined,
  timeoutMs: undefined,
}
const OK: ClientReply = {
  type: 'get',
  result: {
    ok: true,
    container: { versions: [], vector: [] },
    live: [],
    context: undefined,
    answers: 1,
  },
}

function put(key: string): StoreOperation {
  return { type: 'put', key: utf8Encode(key), value: utf8Encode('v') }
}

/** A quiet world whose nodes do `act`, all started. */
function started(
  nodes: number,
  act: FakeAction,
  more: Partial<WorldOptions> = {},
): { world: World; made: FakeNode[] } {
  const { create, made } = fakeNodes(act)
  const world = new World(quietWorld(nodes, create, more))
  for (const node of world.nodes) node.start()
  return { world, made }
}

/** What node `index` was told, by the types of the events. */
function told(made: readonly FakeNode[], index: number): readonly string[] {
  return made[index]!.told.map(({ type }) => type)
}

test('the first node is told of no seed, the others of the first', () => {
  const { made } = started(3, () => undefined)
  assert.deepEqual(
    made.map(({ told: [first] }) => (first?.type === 'start' ? first.seeds : undefined)),
    [[], [{ host: '10.0.0.1', port: 5001 }], [{ host: '10.0.0.1', port: 5001 }]],
  )
  assert.deepEqual(
    made.map(({ options }) => options.birth !== undefined),
    [true, false, false],
  )
})

test('a restarted node has its identity and its disk, a higher generation and a new clock', () => {
  const { world, made } = started(1, (_node, event, _now, effects) => {
    if (event.type === 'start') effects.push({ type: 'store', batch: 1, operations: [put('kept')] })
  })
  world.run(100)
  const [node] = world.nodes
  node!.crash()
  assert.equal(node!.isUp, false)
  node!.start([{ host: 'x', port: 1 }])
  const [first, second] = made
  assert.equal(first!.options.self.id, second!.options.self.id)
  assert.ok(second!.options.generation > first!.options.generation)
  assert.notEqual(first!.instants[0], second!.instants[0])
  assert.ok(second!.options.store.get(utf8Encode('kept')) instanceof Uint8Array)
  assert.deepEqual(second!.told[0], { type: 'start', seeds: [{ host: 'x', port: 1 }] })
})

test('keys are in effect before the node hears so, and a restarted node has them', () => {
  const state = { entries: [], primary: undefined }
  const { world, made } = started(1, (_node, event, _now, effects) => {
    if (event.type === 'start') effects.push({ type: 'keyring', revision: 5, state })
  })
  world.run(100)
  assert.deepEqual(made[0]!.told[1], { type: 'keyring-stored', revision: 5 })
  world.nodes[0]!.crash()
  world.nodes[0]!.start()
  assert.deepEqual(
    made.map(({ options }) => options.keyring),
    [undefined, state],
  )
})

test('a message travels through the real codec to the node that it is for', () => {
  const { world, made } = started(2, (_node, event, _now, effects) => {
    if (event.type !== 'request') return
    const peer = world.nodes[1]!
    effects.push({ type: 'address', peer: peer.id, address: peer.address })
    effects.push({
      type: 'send',
      to: peer.id,
      message: { type: 'replicate-reply', request: 77, outcome: 'stored' },
    })
  })
  world.nodes[0]!.request(GET, () => undefined)
  world.run(100)
  assert.deepEqual(told(made, 0), ['start', 'request', 'link-up'])
  assert.deepEqual(made[1]!.told[1], {
    type: 'message',
    from: world.nodes[0]!.id,
    message: { type: 'replicate-reply', request: 77, outcome: 'stored' },
  })
})

test('a packet arrives with the address that it came from, a dial with who answers there', () => {
  const { world, made } = started(2, (node, event, _now, effects) => {
    if (event.type !== 'request') return
    const peer = world.nodes[1]!
    const { id } = node.options.self
    const ping = {
      type: 'ping',
      from: id,
      fromGeneration: 1,
      health: 0,
      digest: 0,
      gossip: [],
      to: peer.id,
    } as const
    effects.push({ type: 'packet', to: peer.address, packet: { ...ping, sequence: 3 } })
    effects.push({ type: 'dial', address: peer.address })
  })
  world.nodes[0]!.request(GET, () => undefined)
  world.run(100)
  const [, packet] = made[1]!.told
  assert.equal(packet?.type, 'packet')
  assert.deepEqual(packet?.type === 'packet' && packet.address, world.nodes[0]!.address)
  assert.deepEqual(told(made, 0), ['start', 'request', 'link-up', 'dialed'])
})

test('batches and scans are answered, in the order of the disk', () => {
  const { world, made } = started(1, (_node, event, _now, effects) => {
    if (event.type !== 'start') return
    effects.push({ type: 'store', batch: 1, operations: [put('a')] })
    effects.push({ type: 'store', batch: 2, operations: [] })
    const bounds = { limit: 5, bytesMax: 1000, reverse: false }
    const range = { from: utf8Encode('a'), to: utf8Encode('z'), ...bounds }
    effects.push({ type: 'scan', scan: 9, ranges: [range] })
  })
  world.run(10)
  const types = told(made, 0)
  assert.deepEqual(
    types.filter((type) => type !== 'scanned'),
    ['start', 'stored', 'stored'],
  )
  const scanned = made[0]!.told.find((event) => event.type === 'scanned')
  assert.deepEqual(scanned?.type === 'scanned' && scanned.ranges[0]?.length, 1)
})

test('a tick comes at the deadline and not before', () => {
  const { world, made } = started(1, (node, _event, now) => {
    if (node.instants.length < 4) node.deadline = instant(now.instant + 10.1)
    else node.deadline = instant(Infinity)
  })
  world.run(1_000)
  const [first, ...ticks] = made[0]!.instants
  assert.deepEqual(told(made, 0), ['start', 'tick', 'tick', 'tick'])
  for (const [index, at] of ticks.entries()) {
    const late = at - (first! + 10.1 * (index + 1))
    assert.ok(late > -1e-6 && late < 0.01, `tick ${index} is late by ${late}`)
  }
})

test('a node that keeps the time object reads nonsense from it', () => {
  let kept: { readonly instant: number; readonly wallMs: number } | undefined
  started(1, (_node, _event, now) => {
    kept = now
  })
  assert.ok(Number.isNaN(kept?.instant))
  assert.ok(Number.isNaN(kept?.wallMs))
})

test('an exception of a node ends the run and names event and node', () => {
  const { world } = started(2, (_node, event) => {
    if (event.type === 'request') throw new Error('my invariant')
  })
  world.nodes[1]!.request(GET, () => undefined)
  assert.equal(world.violation?.checker, 'assertions')
  assert.match(world.violation?.message ?? '', /^n2: request: Error: my invariant/)
  assert.equal(world.run(1_000), false)
})

test('a node whose deadline never passes is found out', () => {
  const { world } = started(1, (node, _event, now) => {
    node.deadline = now.instant
  })
  world.run(10)
  assert.equal(world.violation?.checker, 'progress')
})

test('a reply reaches its client once, later than the step that gave it', () => {
  const { world } = started(1, (_node, event, _now, effects) => {
    if (event.type === 'request') effects.push({ type: 'reply', client: event.client, reply: OK })
  })
  const heard: unknown[] = []
  world.nodes[0]!.request(GET, (reply) => heard.push(reply))
  assert.deepEqual(heard, [])
  world.run(1)
  assert.deepEqual(heard, [OK])
  assert.equal(world.violation, undefined)
  assert.equal(world.nodes[0]!.outstanding, 0)
})

test('a second reply, a reply to nobody and a reply of another kind are broken invariants', () => {
  const wrong: ((client: number) => readonly NodeEffect[])[] = [
    (client) => [
      { type: 'reply', client, reply: OK },
      { type: 'reply', client, reply: OK },
    ],
    (client) => [{ type: 'reply', client: client + 1, reply: OK }],
    (client) => [
      {
        type: 'reply',
        client,
        reply: { type: 'list', result: { ok: true, keys: [], next: undefined } },
      },
    ],
  ]
  for (const effectsFor of wrong) {
    const { world } = started(1, (_node, event, _now, effects) => {
      if (event.type === 'request')
        for (const effect of effectsFor(event.client)) effects.push(effect)
    })
    world.nodes[0]!.request(GET, () => undefined)
    assert.equal(world.violation?.checker, 'replies')
  }
})

test('a message to itself and an oversize packet are broken invariants', () => {
  const toItself = started(1, (node, event, _now, effects) => {
    const to = node.options.self.id
    const message = { type: 'replicate-reply', request: 1, outcome: 'stored' } as const
    if (event.type === 'request') effects.push({ type: 'send', to, message })
  })
  toItself.world.nodes[0]!.request(GET, () => undefined)
  assert.match(toItself.world.violation?.message ?? '', /sent to itself/)
  const large = started(1, (node, event, _now, effects) => {
    const { self } = node.options
    const info = { ...self, leaveLock: '00'.repeat(16) }
    const record = { info, generation: 1, incarnation: 0, state: 'alive' } as const
    const gossip = Array.from({ length: 100 }, () => record)
    const from = { from: self.id, fromGeneration: 1, health: 0, gossip }
    const to = 'ffffffffffffffff' as NodeId
    const packet = { type: 'ping', ...from, to, sequence: 1, digest: 0 } as const
    if (event.type === 'request') effects.push({ type: 'packet', to: self.address, packet })
  })
  large.world.nodes[0]!.request(GET, () => undefined)
  assert.match(large.world.violation?.message ?? '', /ping of \d+ bytes/)
})

test('a crash tells the waiting clients, and nothing reaches the dead process', () => {
  const { world, made } = started(1, (node, event, now, effects) => {
    if (event.type !== 'request') return
    effects.push({ type: 'store', batch: 1, operations: [put('a')] })
    node.deadline = instant(now.instant + 5)
  })
  const heard: unknown[] = []
  world.nodes[0]!.request(GET, (reply) => heard.push(reply))
  world.nodes[0]!.crash()
  assert.deepEqual(heard, ['lost'])
  world.run(1_000)
  assert.deepEqual(told(made, 0), ['start', 'request'])
})

test('a crash in the middle of a step does the first effects and not the last', () => {
  const replies = [0, 0.5, 1].map((share) => {
    const { world } = started(1, (_node, event, _now, effects) => {
      if (event.type !== 'request') return
      effects.push({ type: 'note', note: { type: 'ready' } })
      effects.push({ type: 'reply', client: event.client, reply: OK })
    })
    const heard: unknown[] = []
    world.nodes[0]!.crashMidStep(share)
    world.nodes[0]!.request(GET, (reply) => heard.push(reply))
    world.run(1)
    assert.equal(world.nodes[0]!.isUp, false)
    return [world.counts.get('ready') ?? 0, heard[0] === OK]
  })
  assert.deepEqual(replies, [
    [0, false],
    [1, false],
    [1, true],
  ])
})

test('an armed crash waits for a step that asks for something', () => {
  const { world } = started(1, (_node, event, _now, effects) => {
    if (event.type === 'request') effects.push({ type: 'note', note: { type: 'ready' } })
  })
  world.nodes[0]!.crashMidStep(1)
  world.run(100)
  assert.equal(world.nodes[0]!.isUp, true)
  world.nodes[0]!.request(GET, () => undefined)
  assert.equal(world.nodes[0]!.isUp, false)
})

test('a node added to the world does not change the dice or clocks of the others', () => {
  const draws = (nodes: number): unknown => {
    const { made } = started(nodes, () => undefined, { clockOffsetMs: [-100, 100] })
    return made.slice(0, 3).map(({ options, instants }) => [options.rng.u32(), instants[0]])
  }
  assert.deepEqual(draws(3), draws(5))
})

test('the forgetful mutant keeps what a node knows of itself and loses its records', () => {
  const record = { type: 'put', key: Uint8Array.of(1, 0, 0, 98), value: Uint8Array.of(1) } as const
  const actor = { type: 'put', key: Uint8Array.of(2, 0, 0), value: Uint8Array.of(1) } as const
  const { world } = started(
    1,
    (_node, event, _now, effects) => {
      if (event.type === 'request')
        effects.push({ type: 'store', batch: 1, operations: [record, actor] })
    },
    { mutant: 'forgotten-disk' },
  )
  world.nodes[0]!.request(GET, () => undefined)
  world.run(100)
  world.nodes[0]!.crash()
  const { disk } = world.nodes[0]!
  assert.equal(disk.get(record.key), undefined)
  assert.ok(disk.get(actor.key) instanceof Uint8Array)
})
