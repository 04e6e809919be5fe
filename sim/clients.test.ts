import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8Encode } from '../src/core/std/bytes.ts'
import type { Failure } from '../src/core/coordinator/messages.ts'
import type { ClientReply, ClientRequest } from '../src/core/node/events.ts'
import type { Container, Context } from '../src/core/versions/version.ts'
import { container, context, dot, version } from './checkers/hand-made.ts'
import type { Workload } from './clients.ts'
import { Client, hasBlindDeletes } from './clients.ts'
import { fakeNodes, quietWorld } from './fake-node.ts'
import type { Operation } from './history.ts'
import { stream } from './seed.ts'
import { World } from './world.ts'

const WORKLOAD: Workload = {
  buckets: [{ name: 'b', mode: 'siblings', r: 2, w: 2 }],
  keys: 4,
  clientsPerNode: 1,
  thinkMs: [1, 5],
  putShare: 0.4,
  deleteShare: 0.2,
  listShare: 0,
  contextChance: 0.8,
  forgetChance: 0.2,
  ownQuorumChance: 0.3,
  weakensQuorums: true,
  retryChance: 0,
  impatience: 0,
  timeoutMs: [100, 100],
  valueBytes: [4, 40],
  ttlShare: 0,
  ttlMs: [0, 0],
  largeChance: 0,
  largeBytes: [0, 0],
}

type Answer = (request: ClientRequest, client: number) => ClientReply | undefined

/**
 * One client at work for a while against a node that answers as told; the history, and what was
 * asked.
 */
function work(
  answer: Answer,
  more: Partial<Workload> = {},
  ms = 500,
): { world: World; requests: ClientRequest[]; operations: readonly Operation[]; client: Client } {
  const requests: ClientRequest[] = []
  const { create } = fakeNodes((_node, event, _now, effects) => {
    if (event.type !== 'request') return
    requests.push(event.request)
    const reply = answer(event.request, event.client)
    if (reply !== undefined) effects.push({ type: 'reply', client: event.client, reply })
  })
  const world = new World(quietWorld(1, create))
  world.nodes[0]!.start()
  const client = new Client(world, { ...WORKLOAD, ...more }, 0, stream(1, 'client'))
  client.start()
  world.run(ms)
  return { world, requests, operations: world.history.operations, client }
}

function written(result: Context | undefined): ClientReply {
  return { type: 'write', result: { ok: true, context: result, acks: 2 } }
}

function read(shown: Container, handed: Context | undefined): ClientReply {
  const result = { ok: true, container: shown, live: shown.versions, context: handed } as const
  return { type: 'get', result: { ...result, answers: 2 } }
}

function failed(request: ClientRequest, outcome: Failure['outcome']): ClientReply {
  const numbers = { needed: 2, got: 1, message: 'no' }
  const result = { ok: false, code: 'DND_ERR_TIMEOUT', outcome, ...numbers } as const
  return request.type === 'get' ? { type: 'get', result } : { type: 'write', result }
}

/** A node that answers everything and hands out a context each time. */
const generous: Answer = (request) =>
  request.type === 'get'
    ? read(container([version(0, dot(1, 1), 5)], dot(1, 1)), context(5, dot(1, 1)))
    : request.type === 'list'
      ? undefined
      : written(context(9, dot(1, 2)))

test('a client puts, gets and deletes, one thing at a time, each value only once', () => {
  const { requests, operations } = work(generous)
  const kinds = new Set(operations.map(({ kind }) => kind))
  assert.deepEqual(kinds, new Set(['put', 'get', 'delete']))
  const values = requests.flatMap((request) =>
    request.type === 'put' ? String.fromCharCode(...request.value.bytes) : [],
  )
  assert.ok(values.length > 20)
  assert.equal(new Set(values.map((text) => text.split(' ')[0])).size, values.length)
  for (const [index, operation] of operations.entries())
    assert.ok(index === 0 || operations[index - 1]!.returned < operation.invoked)
})

test('a success, a refusal and a doubt are recorded as what they are', () => {
  for (const outcome of ['rejected', 'unknown'] as const) {
    const { operations } = work((request) => failed(request, outcome))
    assert.ok(operations.length > 20)
    for (const { kind, outcome: recorded } of operations.slice(0, -1))
      assert.equal(recorded, kind === 'get' || outcome === 'rejected' ? 'fail' : 'unknown')
  }
  const { operations } = work(generous)
  for (const { outcome } of operations.slice(0, -1)) assert.equal(outcome, 'ok')
})

test('a client takes a new number after a write of which nothing is known, and only then', () => {
  const doubtful = work((request) => failed(request, 'unknown'), { putShare: 1 })
  const numbers = doubtful.operations.map(({ process }) => process)
  assert.equal(new Set(numbers).size, numbers.length)
  const sure = work((request) => failed(request, 'rejected'), { putShare: 1 })
  assert.equal(new Set(sure.operations.map(({ process }) => process)).size, 1)
})

test('a write in flight when its node dies is in doubt, a get is not', () => {
  for (const putShare of [1, 0]) {
    const { world, operations } = work(() => undefined, { putShare, deleteShare: 0 }, 50)
    world.nodes[0]!.crash()
    assert.equal(operations.length, 1)
    assert.equal(operations[0]!.outcome, putShare === 1 ? 'unknown' : 'fail')
    assert.equal(operations[0]!.reason, 'the node died')
  }
})

test('no reply long after the time limit is a broken invariant', () => {
  const { world } = work(() => undefined, {}, 5_000)
  assert.equal(world.violation?.checker, 'replies')
  assert.match(world.violation?.message ?? '', /no reply to/)
})

test('an impatient client gives up, is in doubt, and does not hear the late answer', () => {
  const { operations } = work(() => undefined, { impatience: 1, putShare: 1 }, 90)
  assert.equal(operations[0]?.outcome, 'unknown')
  assert.equal(operations[0]?.reason, 'the client gave up')
  assert.ok(operations.length > 1)
})

test('a write hands back the context of the key, and records what its holder had seen', () => {
  const { requests, operations } = work(generous, { keys: 1, forgetChance: 0, contextChance: 1 })
  const withContext = operations.flatMap((operation) =>
    operation.kind !== 'get' && operation.supersedes !== undefined ? operation : [],
  )
  assert.ok(withContext.length > 20)
  const readsFirst = new Set<number>()
  for (const operation of operations) {
    if (operation.kind === 'get') {
      readsFirst.clear()
      readsFirst.add(0)
      continue
    }
    if (operation.supersedes !== undefined)
      assert.deepEqual(operation.supersedes.writes, new Set(readsFirst))
    readsFirst.add(operation.id)
  }
  const sent = requests.flatMap((r) => (r.type === 'put' || r.type === 'delete' ? [r.context] : []))
  assert.ok(sent.filter((given) => given !== undefined).length >= withContext.length)
})

test('a reply without a context leaves the client with what it held before', () => {
  const { operations } = work(
    (request) => (request.type === 'get' ? generous(request, 0) : written(undefined)),
    { keys: 1, forgetChance: 0, contextChance: 1 },
  )
  for (const operation of operations)
    if (operation.kind !== 'get' && operation.supersedes !== undefined)
      assert.deepEqual(operation.supersedes.writes, new Set([0]))
})

test('a forgetful client writes without context', () => {
  const { requests } = work(generous, { contextChance: 0 })
  for (const request of requests)
    assert.ok(!('context' in request) || request.context === undefined)
})

test('deletes without context come to every third key of a siblings bucket only', () => {
  assert.deepEqual(['k0', 'k1', 'k2', 'k3'].map(hasBlindDeletes), [true, false, false, true])
  const { requests } = work(generous, { contextChance: 0, deleteShare: 0.6 })
  const deleted = requests.flatMap((request) =>
    request.type === 'delete' ? String.fromCharCode(...request.key) : [],
  )
  assert.deepEqual([...new Set(deleted)].sort(), ['k0', 'k3'])
})

test('own quorums are within the replicas, and recorded', () => {
  const { requests, operations } = work(generous, { ownQuorumChance: 1 })
  for (const [index, request] of requests.entries()) {
    const operation = operations[index]!
    const asked = request.type === 'get' ? request.r : 'w' in request ? request.w : undefined
    assert.equal(asked, operation.kind === 'get' ? operation.r : operation.w)
    assert.equal(asked, 1)
  }
})

test('a client that was stopped asks for nothing more', () => {
  const { world, client, requests } = work(generous)
  client.stop()
  world.run(20)
  const asked = requests.length
  world.run(500)
  assert.equal(requests.length, asked)
  assert.equal(client.isWaiting, false)
})

test('a client whose node is down waits for any that is up', () => {
  const { world, client, operations } = work(generous)
  world.nodes[0]!.crash()
  const before = operations.length
  world.run(200)
  assert.equal(operations.length, before)
  world.nodes[0]!.start()
  world.run(200)
  assert.ok(operations.length > before)
  assert.equal(client.isWaiting && operations.at(-1)?.outcome === 'ok', false)
})

test('a value reads as the name of its put and padding', () => {
  const { requests } = work(generous, { valueBytes: [30, 30], putShare: 1 })
  const [first] = requests
  assert.ok(first?.type === 'put')
  assert.equal(first.value.bytes.length, 30)
  assert.deepEqual(first.value.bytes.subarray(0, 4), utf8Encode('op0 '))
})

test('a client that lists goes on at once, and a wrong page is a broken invariant', () => {
  const wrong: Answer = (request) => {
    if (request.type !== 'list') return generous(request, 0)
    const keys = [
      { key: Uint8Array.of(0xff), sort: undefined },
      { key: Uint8Array.of(1), sort: undefined },
    ]
    return { type: 'list', result: { ok: true, keys, next: undefined } }
  }
  const { world } = work(wrong, { listShare: 0.5 })
  assert.equal(world.violation?.checker, 'listings')
  const { operations, requests } = work(generous, { listShare: 0.5 })
  assert.ok(operations.length > 20)
  assert.ok(requests.filter(({ type }) => type === 'list').length > 20)
})
