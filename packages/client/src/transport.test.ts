import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { beforeEach, describe, test } from 'node:test'
import { FakeExchange } from '../../../test/support/fake-exchange.ts'
import type { DndClientOptions } from './client.ts'
import { DndClient, DndClientError } from './client.ts'

let nodes: FakeExchange

beforeEach(() => {
  nodes = new FakeExchange(4)
})

function clientOf(options: Partial<DndClientOptions> = {}): DndClient {
  return new DndClient({ server: nodes.url(0), exchange: nodes, ...options })
}

/** Lets what goes on in the background come to its end. */
async function background(): Promise<void> {
  for (let i = 0; i < 20; i++) await turn()
}

async function failureOf(promise: Promise<unknown>): Promise<DndClientError> {
  const error = await promise.then(
    () => assert.fail('it did not fail'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof DndClientError, String(error))
  return error
}

/** A client that knows the ring, and of all its nodes that they are who they should be. */
async function routed(options: Partial<DndClientOptions> = {}): Promise<DndClient> {
  nodes.tag = String(nodes.layout.version)
  const client = clientOf(options)
  for (let i = 0; i < 3; i++) {
    await client.get('warm')
    await background()
  }
  nodes.taken()
  nodes.learned.length = 0
  return client
}

describe('routing', () => {
  test('without a word of a layout nothing is asked but what the caller asks', async () => {
    const client = clientOf()
    await client.get('k')
    await background()
    assert.deepEqual(nodes.taken(), [0])
    assert.deepEqual(nodes.learned, [])
  })

  test('a client that hears of a layout learns it once, and goes to the replicas', async () => {
    nodes.layout = nodes.layoutOf(7, [2, 1, 3])
    const client = await routed()
    await client.get('k')
    await client.put('k', 'v')
    await client.delete('k')
    await background()
    assert.deepEqual(nodes.taken(), [2, 2, 2])
    assert.deepEqual(nodes.learned, [])
  })

  test('with routing off only the servers given are asked', async () => {
    nodes.layout = nodes.layoutOf(7, [2, 1, 3])
    const client = await routed({ routing: false })
    await client.get('k')
    assert.deepEqual(nodes.taken(), [0])
  })

  test('a moved partition is followed when an answer speaks of a newer layout', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: 1_000_000 })
    nodes.layout = nodes.layoutOf(7, [1, 2])
    const client = await routed()
    t.mock.timers.setTime(1_010_000)
    nodes.layout = nodes.layoutOf(8, [3, 2])
    nodes.tag = '8'
    for (let i = 0; i < 3; i++) {
      await client.get('k')
      await background()
    }
    assert.equal(nodes.taken().at(-1), 3)
  })

  test('while data moves, who has it is asked before who gains it', async () => {
    const before = nodes.layoutOf(7, [1, 2])
    const now = nodes.layoutOf(8, [3, 2])
    nodes.layout = {
      ...now,
      moving: {
        ...{ from: 7, phase: 'filling', synced: [], acked: [], waiting: [] },
        ...{ partitions: 8, changing: [], previous: { roles: [], table: before.table } },
      },
    }
    const client = await routed()
    await client.get('k')
    assert.deepEqual(nodes.taken(), [2])
  })

  test('an older layout of a node that is behind changes nothing', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: 1_000_000 })
    nodes.layout = nodes.layoutOf(7, [2])
    const client = await routed()
    t.mock.timers.setTime(1_010_000)
    nodes.layout = nodes.layoutOf(6, [1])
    nodes.tag = '6'
    await client.get('k')
    await background()
    await client.get('k')
    assert.deepEqual(nodes.taken(), [2, 2])
  })

  test('an address where by now another cluster listens is never written to', async () => {
    nodes.layout = nodes.layoutOf(7, [2])
    nodes.tag = '7'
    const client = clientOf()
    await client.get('k')
    await background()
    nodes.cluster = 'another'
    await client.put('k', 'v')
    await background()
    await client.put('k', 'v')
    assert.deepEqual(nodes.taken(), [0, 0, 0])
  })

  test('members behind https, or on the loopback of another machine, are not asked', async () => {
    nodes.layout = nodes.layoutOf(7, [2])
    nodes.tag = '7'
    for (const server of ['https://127.0.0.1:6000', 'http://10.1.2.3:6000']) {
      const client = clientOf({ server })
      for (let i = 0; i < 3; i++) {
        await client.get('k')
        await background()
      }
      assert.deepEqual(nodes.taken(), [0, 0, 0], server)
    }
  })

  test('the caller may say where members are reached', async () => {
    nodes.layout = nodes.layoutOf(7, [2])
    const client = await routed({
      addressOf: ({ id }) => (id === nodes.ids[2] ? 'http://proxy:6002' : undefined),
    })
    await client.get('k')
    assert.deepEqual(nodes.taken(), [2])
  })
})

describe('who fails', () => {
  test('a dead replica costs one refused connection, and is left alone then', async () => {
    nodes.layout = nodes.layoutOf(7, [2, 1, 3])
    const client = await routed()
    nodes.dead.add(2)
    await client.put('k', 'v')
    await client.put('k', 'v')
    await client.get('k')
    assert.deepEqual(nodes.taken(), [2, 1, 1, 1])
  })

  test('it is asked again when it has proven in the background that it is back', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: 1_000_000 })
    nodes.layout = nodes.layoutOf(7, [2, 1, 3])
    const client = await routed()
    nodes.dead.add(2)
    await client.get('k')
    nodes.dead.delete(2)
    t.mock.timers.setTime(1_020_000)
    await client.get('k')
    await background()
    await client.get('k')
    assert.deepEqual(nodes.taken(), [2, 1, 1, 2])
  })

  test('when no server given is left, a node that was learned serves', async () => {
    nodes.layout = nodes.layoutOf(7, [2])
    const client = await routed()
    for (const place of [0, 2]) nodes.dead.add(place)
    await client.get('k')
    assert.ok([1, 3].includes(nodes.taken().at(-1)!))
  })

  test('a node that asks to be left alone is asked after the others', async () => {
    nodes.layout = nodes.layoutOf(7, [2, 1])
    const client = await routed()
    const busy = { code: 'DND_ERR_OVERLOADED', outcome: 'rejected' }
    nodes.serve = (place) => (place === 2 ? { status: 503, json: busy } : { status: 200, json: 1 })
    await client.put('k', 'v')
    await client.put('k', 'v')
    assert.deepEqual(nodes.taken(), [2, 1, 1])
  })
})

describe('trying again', () => {
  const UNKNOWN = { code: 'DND_ERR_TIMEOUT', outcome: 'unknown' }

  test('after all servers have failed they are asked again, a few times', async () => {
    let failures = 3
    nodes.serve = () =>
      failures-- > 0
        ? { status: 503, json: { code: 'DND_ERR_QUORUM_UNAVAILABLE', outcome: 'rejected' } }
        : { status: 200, json: 1 }
    await clientOf().put('k', 'v')
    assert.equal(nodes.taken().length, 4)
    failures = 1
    const once = await failureOf(clientOf({ retries: 0 }).put('k', 'v'))
    assert.equal(once.code, 'DND_ERR_QUORUM_UNAVAILABLE')
    assert.equal(nodes.taken().length, 1)
  })

  test('a write that may be stored is not sent again, unless the caller says that it may be', async () => {
    let failures = 1
    nodes.serve = () => (failures-- > 0 ? { status: 504, json: UNKNOWN } : { status: 200, json: 1 })
    assert.equal((await failureOf(clientOf().put('k', 'v'))).outcome, 'unknown')
    assert.equal(nodes.taken().length, 1)
    failures = 1
    await clientOf().put('k', 'v', { idempotent: true })
    assert.equal(nodes.taken().length, 2)
  })

  test('a write of which one attempt may be stored stays unknown, whatever the last one met', async () => {
    const all = ['break', 'refuse'] as const
    let attempt = 0
    nodes.serve = () => all[Math.min(attempt++, 1)]!
    const error = await failureOf(clientOf({ retries: 1 }).put('k', 'v', { idempotent: true }))
    assert.equal(error.outcome, 'unknown')
  })

  test('what the caller did wrong is not tried again', async () => {
    nodes.serve = () => ({ status: 400, json: { code: 'DND_ERR_BAD_KEY', outcome: 'rejected' } })
    await failureOf(clientOf().get('k'))
    assert.equal(nodes.taken().length, 1)
  })

  test('when everything fails, retries add a tenth to the requests and no more', async () => {
    nodes.serve = () => 'break'
    const client = clientOf()
    // All at once, so that they pause together.
    await Promise.all(Array.from({ length: 400 }, () => failureOf(client.get('k'))))
    const retries = nodes.taken().length - 400
    assert.ok(retries <= 20 + 40, `${retries} retries`)
  })

  test('the signal of the caller ends a request, and a pause between attempts', async () => {
    nodes.serve = () => 'hang'
    const abort = new AbortController()
    const write = failureOf(clientOf().put('k', 'v', { signal: abort.signal }))
    const read = failureOf(clientOf().get('k', { signal: abort.signal }))
    await turn()
    abort.abort()
    assert.deepEqual([(await write).code, (await write).outcome], ['DND_ERR_ABORTED', 'unknown'])
    assert.deepEqual([(await read).code, (await read).outcome], ['DND_ERR_ABORTED', 'rejected'])
    const late = await failureOf(clientOf().get('k', { signal: AbortSignal.timeout(1) }))
    assert.equal(late.code, 'DND_ERR_TIMEOUT')
  })
})

describe('hedged reads', () => {
  test('a second node is asked when the first is late, and the first to answer counts', async () => {
    nodes.layout = nodes.layoutOf(7, [2, 1])
    const client = await routed({ hedge: { afterMs: 1, share: 1 } })
    nodes.serve = (place) => (place === 2 ? 'hang' : { status: 200, json: 1 })
    assert.equal((await client.get('k')).status, 'found')
    assert.deepEqual(nodes.taken(), [2, 1])
  })

  test('writes are never hedged', async () => {
    nodes.layout = nodes.layoutOf(7, [2, 1])
    const client = await routed({ hedge: { afterMs: 1, share: 1 }, timeoutMs: 20 })
    nodes.serve = () => 'hang'
    await failureOf(client.put('k', 'v'))
    assert.deepEqual(nodes.taken(), [2])
  })

  test('hedges are no more than their share of the reads', async () => {
    nodes.layout = nodes.layoutOf(7, [2, 1])
    const client = await routed({ hedge: { afterMs: 0, share: 0.02 } })
    nodes.serve = (place) => (place === 2 ? 'hang' : { status: 200, json: 1 })
    const reads = 100
    const all = Array.from({ length: reads }, () =>
      client.get('k', { signal: AbortSignal.timeout(50) }),
    )
    await Promise.allSettled(all)
    const hedges = nodes.taken().filter((place) => place === 1).length
    assert.ok(hedges > 0 && hedges <= 1 + 0.02 * (reads + 3), `${hedges} hedges`)
  })
})
