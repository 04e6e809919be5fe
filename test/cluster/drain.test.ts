/** Nodes that are told to stop, one after the other, while clients go on. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { DndClient } from '../../packages/client/src/node/client.ts'
import type { RealNode } from '../support/real-cluster.ts'
import { eventually, membersOf, RealCluster } from '../support/real-cluster.ts'

const WORKERS = 6

/** Something done over and over until it is told to end; what failed is kept. */
class Loop {
  readonly failures: string[] = []
  done = 0
  #isOver = false
  readonly #workers: Promise<void>[]

  constructor(
    t: TestContext,
    workers: number,
    work: (worker: number, turn: number) => Promise<void>,
  ) {
    t.after(() => this.end())
    this.#workers = Array.from({ length: workers }, async (_, worker) => {
      for (let turn = 0; !this.#isOver; turn++) {
        try {
          await work(worker, turn)
          this.done++
        } catch (error) {
          const { message, cause } = error as Error
          this.failures.push(`${message} ${cause === undefined ? '' : String(cause)}`)
        }
        await sleep(2)
      }
    })
  }

  async end(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#workers)
  }

  /** Resolves when so much more has been done. */
  async more(count: number): Promise<void> {
    const wanted = this.done + count
    await eventually(`${count} more requests`, async () => this.done >= wanted || undefined)
  }
}

function byClient(t: TestContext, client: DndClient): Loop {
  return new Loop(t, WORKERS, async (worker, turn) => {
    const key = `client-${worker}-${turn % 50}`
    await client.put(key, `${turn}`)
    const found = await client.get(key)
    assert.ok(found.status === 'found' && new TextDecoder().decode(found.bytes) === `${turn}`)
  })
}

/** What a load balancer does: looks who is ready, and sends requests there. */
class Balancer {
  readonly #cluster: RealCluster
  #ready: readonly string[] = []
  #turn = 0

  constructor(cluster: RealCluster) {
    this.#cluster = cluster
  }

  async look(): Promise<void> {
    const answers = await Promise.all(
      this.#cluster.urls.map(async (url) => {
        try {
          return (await fetch(`${url}/readyz`)).status === 200 ? [url] : []
        } catch {
          // It is being restarted.
          return []
        }
      }),
    )
    this.#ready = answers.flat()
  }

  async request(key: string, init: RequestInit): Promise<void> {
    const url = this.#ready[this.#turn++ % this.#ready.length]
    if (url === undefined) throw new Error('nobody is ready')
    try {
      const response = await fetch(`${url}/kv/${key}`, init)
      const text = await response.text()
      if (!response.ok) throw new Error(`${response.status} ${text}`)
    } catch (error) {
      const { code } = ((error as Error).cause ?? {}) as { code?: string }
      if (code !== 'ECONNREFUSED') throw error
    }
  }
}

async function restartedInTurn(cluster: RealCluster, between: () => Promise<void>): Promise<void> {
  for (const node of cluster.nodes) {
    const toldAt = performance.now()
    assert.equal(await node.end('SIGTERM'), 0, node.log.slice(-2_000))
    const took = performance.now() - toldAt
    assert.ok(took < 25_000, `${node.name} took ${took} ms to stop`)
    await between()
    await cluster.restart(node)
    await cluster.settled()
    await between()
  }
}

test('three nodes restarted in turn by SIGTERM, under load: no request of a client fails, nor one by plain fetch to who is ready', async (t) => {
  const cluster = await RealCluster.start(3)
  t.after(() => cluster.close())
  const client = new DndClient({ server: cluster.urls })
  t.after(() => client.close())
  const balancer = new Balancer(cluster)
  await balancer.look()
  const looks = new Loop(t, 1, async () => {
    await balancer.look()
    await sleep(50)
  })
  const clients = byClient(t, client)
  const fetches = new Loop(t, WORKERS, async (worker, turn) => {
    const key = `fetch-${worker}-${turn % 50}`
    await balancer.request(key, { method: 'PUT', body: `${turn}` })
    await balancer.request(key, {})
  })
  await restartedInTurn(cluster, async () => {
    await Promise.all([clients.more(100), fetches.more(100)])
  })
  await Promise.all([clients.end(), fetches.end(), looks.end()])
  assert.deepEqual(clients.failures, [])
  assert.deepEqual(fetches.failures, [])
  t.diagnostic(`${clients.done} rounds by dnd-client, ${fetches.done} by fetch, none failed`)
})

/** Asks until the node says that it is not ready. */
async function untilNotReady(node: RealNode): Promise<Response> {
  return eventually('not ready', async () => {
    const response = await fetch(`${node.url}/readyz`)
    return response.status === 503 ? response : undefined
  })
}

test('a node that drains says so to probes, clients and members, serves meanwhile, and nobody calls it suspect when it is gone', async (t) => {
  const cluster = await RealCluster.start(3, ['--drain-ms', '4000'])
  t.after(() => cluster.close())
  const [first, , third] = cluster.nodes
  const seen = async () =>
    (await membersOf(first!)).find(({ name }) => name === third!.name) as
      | { readonly state: string; readonly draining?: true }
      | undefined
  const ended = third!.end('SIGTERM')
  const refused = await untilNotReady(third!)
  assert.equal(await refused.text(), 'stopping\n')
  const put = await fetch(`${third!.url}/kv/late`, { method: 'PUT', body: 'served' })
  assert.equal(put.status, 200, await put.text())
  assert.equal(put.headers.get('connection'), 'close')
  assert.equal(put.headers.get('x-dnd-draining'), '1')
  const health = (await (await fetch(`${third!.url}/health`)).json()) as { ready: boolean }
  assert.equal(health.ready, false)
  await eventually('told', async () => (await seen())?.draining)
  assert.equal(await ended, 0)
  await eventually('missed', async () => {
    const metrics = (await (await fetch(`${first!.url}/health`)).json()) as {
      partitions: { total: number; allUp: number }
    }
    return metrics.partitions.allUp < metrics.partitions.total || undefined
  })
  assert.equal((await seen())?.state, 'alive')
  assert.equal(await (await fetch(`${first!.url}/kv/late`)).text(), 'served')
  await cluster.restart(third!)
  await cluster.settled()
  assert.equal((await seen())?.draining, undefined)
})

test('a second signal ends a node that drains at once, with the code of the signal', async (t) => {
  const cluster = await RealCluster.start(1, ['--drain-ms', '5000'])
  t.after(() => cluster.close())
  const [node] = cluster.nodes
  const ended = node!.end('SIGTERM')
  await untilNotReady(node!)
  // Signals that close together are one.
  await sleep(400)
  process.kill(node!.pid, 'SIGTERM')
  assert.equal(await ended, 143)
})
