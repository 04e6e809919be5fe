/**
 * An app with a member within: goes through every function of the embedded API, round after round,
 * and tells its parent of each round, and of whatever fails. Ends when its parent says so.
 *
 *   node embedded-app.js FIELDS      the fields of `startNode` as JSON
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Bucket, NodeClient, NodeServer } from '../../src/index.ts'
import { DndClientError, jsonCodec, startNode } from '../../src/index.ts'

export type AppMessage =
  | { readonly type: 'ready'; readonly node: string; readonly cluster: string }
  | {
      readonly type: 'round'
      readonly round: number
      readonly used: readonly string[]
      /** Nodes that hold data, and whether all of them have theirs. */
      readonly owners: number
      readonly moving: boolean
    }
  | { readonly type: 'failed'; readonly reason: string }
  | { readonly type: 'counted'; readonly count: number }
  | { readonly type: 'left' }

export type AppOrder = 'count' | 'leave' | 'stop'

export interface Counter {
  readonly count: number
}

type Step = (place: string) => Promise<void>

const SAFE = { idempotent: true } as const
/** Of a state that passes: a member is away and is not yet known to be. */
const PASSING = ['DND_ERR_TIMEOUT', 'DND_ERR_NOT_READY']

/** What says how a call was refused: `refused` fails when it was not. */
async function refused(call: Promise<unknown>, ...codes: readonly string[]): Promise<void> {
  const code = await call.then(
    () => 'nothing',
    (error: unknown) => (error instanceof DndClientError ? error.code : String(error)),
  )
  assert.ok(codes.includes(code), `${code} in place of ${codes.join()}`)
}

/** Named as the functions that they use. */
function clientSteps(client: NodeClient): Record<string, Step> {
  const bucket = 'plain'
  return {
    put: async (place) => {
      const { status } = await client.put(place, 'one', { bucket, ...SAFE })
      assert.equal(status, 'stored')
    },
    get: async (place) => {
      const read = await client.get(place, { bucket })
      assert.ok(read.status === 'found')
      assert.equal(Buffer.from(read.bytes).toString(), 'one')
    },
    explain: async (place) => {
      const { versions } = await client.explain(place, { bucket })
      assert.ok(versions.length > 0)
    },
    listPage: async (place) => {
      const { keys } = await client.listPage({ bucket, prefix: place })
      assert.deepEqual(keys, [{ key: place }])
    },
    list: async (place) => {
      let keys = 0
      for await (const { key } of client.list({ bucket, prefix: place, limit: 1 }))
        keys += Number(key === place)
      assert.equal(keys, 1)
    },
    batch: async (place) => {
      const put = { type: 'put', bucket, key: `${place} b`, value: 'b' } as const
      const results = await client.batch([put, { type: 'get', bucket, key: place }], SAFE)
      // Each operation has an outcome of its own: a replica may die under it.
      for (const result of results)
        if (result.status === 'failed') assert.ok(result.error.retryable, String(result.error))
    },
    delete: async (place) => {
      await client.delete(place, { bucket, ...SAFE })
      assert.equal((await client.get(place, { bucket })).status, 'absent')
    },
    watch: async (place) => {
      for await (const event of client.watch(bucket, { prefix: `${place} w` })) {
        if (event.type === 'ready') await client.put(`${place} w`, 'w', { bucket, ...SAFE })
        if (event.type === 'change') return
      }
    },
    ...questions(client),
  }
}

function questions(client: NodeClient): Record<string, Step> {
  return {
    bucketProperties: async () => {
      assert.equal((await client.bucketProperties('counters')).properties.conflicts, 'siblings')
    },
    buckets: async () => assert.ok((await client.buckets()).buckets.length > 0),
    configureBucket: async (place) => {
      const asked = client.configureBucket(`extra-${place.split(' ')[0]}`, { w: 1 })
      await asked.catch((error: DndClientError) => {
        // Nobody who is up has confirmed it yet, or somebody has who is not.
        assert.ok(PASSING.includes(error.code), String(error))
      })
    },
    cluster: async () => assert.equal((await client.cluster()).members.length, 3),
    layout: async () => assert.ok((await client.layout()).roles.length > 0),
    layoutPlan: async () => {
      const { from } = await client.layoutPlan()
      assert.ok(from.version > 0)
    },
    layoutHistory: async () => assert.ok((await client.layoutHistory()).layouts.length > 0),
    applyLayout: async () =>
      refused(
        client.applyLayout({ version: 999, hash: '00000000' }),
        ...['DND_ERR_LAYOUT_CONFLICT', 'DND_ERR_BAD_LAYOUT', 'DND_ERR_NODE_DOWN'],
        'DND_ERR_LAYOUT_MOVING',
      ),
    removeNode: async () => refused(client.removeNode('nobody'), 'DND_ERR_NODE_UNKNOWN'),
    hints: async () => assert.ok((await client.hints()).bytesMax > 0),
    health: async () => {
      const { status } = await client.health()
      assert.notEqual(status, '')
    },
    repairs: async () => {
      const run = await client.repairs.begin({ bucket: 'plain' })
      const { runs } = await client.repairs.progress()
      assert.ok(runs.some((each) => each.run === run.run))
    },
    leaveProgress: async () => assert.equal((await client.leaveProgress()).phase, 'staying'),
  }
}

/** Named as the functions of the bucket, which `bucket` opens. */
function bucketSteps(counters: Bucket<Counter>): Record<string, Step> {
  return {
    'bucket.update': async () => {
      await counters.update('shared', (value) => ({ count: (value?.count ?? 0) + 1 }))
    },
    'bucket.put': async (place) => {
      const { value } = await counters.put(place, { count: 1 }, SAFE)
      assert.deepEqual(value, { count: 1 })
    },
    'bucket.get': async (place) => {
      const entry = await counters.get(place)
      assert.ok(entry.status === 'found')
      assert.deepEqual(entry.value, { count: 1 })
      await counters.put(entry, { count: 1 }, SAFE)
    },
    'bucket.batch': async (place) => {
      for (const result of await counters.batch([{ type: 'get', key: place }]))
        if (result.status === 'failed') throw result.error
    },
    'bucket.list': async (place) => {
      let keys = 0
      for await (const { key } of counters.list({ prefix: place })) keys += Number(key === place)
      assert.equal(keys, 1)
    },
    'bucket.watch': async (place) => {
      for await (const event of counters.watch({ prefix: `${place} w` })) {
        if (event.type === 'ready') await counters.put(`${place} w`, { count: 7 }, SAFE)
        if (event.type !== 'change') continue
        assert.ok(event.entry.status === 'found')
        assert.deepEqual(event.entry.value, { count: 7 })
        return
      }
    },
    'bucket.properties': async () => {
      assert.equal((await counters.properties()).name, 'counters')
    },
    'bucket.configure': async () => refused(counters.configure({ n: 0 }), 'DND_ERR_BAD_JSON'),
    'bucket.delete': async (place) => {
      await counters.delete(place, SAFE)
      assert.equal((await counters.get(place)).status, 'absent')
    },
  }
}

function tell(message: AppMessage): void {
  process.send?.(message)
}

/** Resolves when told to. */
async function work(node: NodeServer, name: string, over: AbortSignal): Promise<Bucket<Counter>> {
  const counters = node.bucket<Counter>('counters', {
    codec: jsonCodec<Counter>(),
    resolve: (siblings) => ({ count: Math.max(...siblings.map(({ value }) => value.count)) }),
  })
  await counters.configure({ conflicts: 'siblings' })
  const steps = { ...clientSteps(node.client), ...bucketSteps(counters) }
  for (let round = 1; !over.aborted; round++) {
    for (const [step, run] of Object.entries(steps))
      try {
        await run(`${name} ${round}`)
      } catch (error) {
        throw new Error(`${step} in round ${round}: ${String(error)}`, { cause: error })
      }
    const { roles, moving } = await node.client.layout()
    const owners = { owners: roles.length, moving: moving !== undefined }
    tell({ type: 'round', round, used: Object.keys(steps), ...owners })
  }
  return counters
}

async function main(): Promise<void> {
  const fields = JSON.parse(process.argv[2]!) as { readonly name: string }
  const node = await startNode(fields)
  await node.ready
  tell({ type: 'ready', node: node.node, cluster: Object.values(node.clusterAddress).join(':') })
  const control = new AbortController()
  // Until it is told to, it does nothing: all three must be there.
  await once(process, 'message')
  const working = work(node, fields.name, control.signal)
  working.catch((error: unknown) => tell({ type: 'failed', reason: String(error) }))
  process.on('message', (order: AppOrder) => {
    control.abort()
    void working.then(async (counters) => {
      if (order === 'count') {
        const entry = await counters.get('shared')
        tell({ type: 'counted', count: entry.status === 'found' ? entry.value.count : 0 })
      } else if (order === 'leave') {
        await node.client.leave()
        await node.left
        await node.stopped
        tell({ type: 'left' })
        process.disconnect()
      } else {
        await node.stop()
        process.disconnect()
      }
    })
  })
}

await main()
