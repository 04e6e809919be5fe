/**
 * A cluster grows from three nodes to six and shrinks to four while clients write and read without
 * a pause, and in the middle of each change a node is killed. The figures that it prints are those
 * of docs/internals/placement.md.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Load } from '../support/load.ts'
import type { ClusterJson } from '../../packages/client/src/api.ts'
import type { RealNode } from '../support/real-cluster.ts'
import { CLI, eventually, getJson, RealCluster } from '../support/real-cluster.ts'

/**
 * How long after a kill, and after the restart, an attempt may have been begun that fails. Until
 * then those who do not know yet of the death may send a request there.
 */
const AROUND_MS = 1_000
const DOWN_MS = 3_000
const CLIENTS = 8
const KEYS_EACH = 100
const VALUE_BYTES = 500
/** What a client may meet then and simply tries again. */
const RETRYABLE =
  /^(?:connection|DND_ERR_(?:QUORUM_UNAVAILABLE|TIMEOUT|NOT_READY|NO_REPLICA|OVERLOADED))$/

interface Layout {
  readonly version: number
  readonly roles: readonly { readonly node: string }[]
  readonly table: readonly (readonly string[])[]
  readonly moving?: unknown
}

interface History {
  readonly layouts: readonly { readonly version: number; readonly moves: number }[]
}

const kib = (bytes: number): string => `${Math.round(bytes / 1024)} KiB`

async function layoutAt({ url }: RealNode): Promise<Layout> {
  return (await getJson(`${url}/layout`)) as Layout
}

/** Replicas that each node has more in `after`: nobody can do with fewer copies. */
function leastMoves(before: Layout, after: Layout): number {
  const count = ({ table }: Layout): Map<string, number> => {
    const counts = new Map<string, number>()
    for (const node of table.flat()) counts.set(node, (counts.get(node) ?? 0) + 1)
    return counts
  }
  const held = count(before)
  return [...count(after)].reduce(
    (sum, [node, replicas]) => sum + Math.max(0, replicas - (held.get(node) ?? 0)),
    0,
  )
}

/** What all processes say that they have sent to those who pull, also those that are gone. */
class SentRecords {
  // By pid: as it was last seen. Bounded by: the processes of the test.
  readonly #seen = new Map<number, number>()

  async total(nodes: readonly RealNode[]): Promise<number> {
    for (const node of nodes.filter(({ running }) => running)) {
      const { pid, url } = node
      const text = await fetch(`${url}/metrics`).then(
        async (response) => response.text(),
        // It has just ended.
        () => '',
      )
      const found = /^dnd_transfer_records_sent_total (\d+)/m.exec(text)
      if (found !== null) this.#seen.set(pid, Number(found[1]))
    }
    return [...this.#seen.values()].reduce((sum, count) => sum + count, 0)
  }
}

async function leave({ url }: RealNode): Promise<void> {
  const child = spawn(process.execPath, [CLI, 'leave', '--server', url], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const code = await new Promise((resolve) => child.once('close', resolve))
  assert.equal(code, 0, said)
}

class Run {
  readonly cluster: RealCluster
  readonly load: Load
  readonly kills: { readonly killedAt: number; backAt: number }[] = []
  readonly #context: TestContext
  readonly #sent = new SentRecords()
  // Who is asked to leave gets no more requests.
  readonly #leaving = new Set<RealNode>()

  constructor(context: TestContext, cluster: RealCluster) {
    this.#context = context
    this.cluster = cluster
    const targets = (): readonly string[] =>
      cluster.nodes.flatMap((node) =>
        node.running && !this.#leaving.has(node) && node !== this.#away ? [node.url] : [],
      )
    const keys = { clients: CLIENTS, keysEach: KEYS_EACH, valueBytes: VALUE_BYTES }
    this.load = new Load({ ...keys, targets })
  }

  #away: RealNode | undefined

  /**
   * Does `change`, kills `victim` when data moves, and waits until all is over; `witness` stays.
   */
  async during(
    phase: string,
    { witness, victim }: { readonly witness: RealNode; readonly victim: RealNode },
    change: () => Promise<void>,
  ): Promise<void> {
    const { cluster, load } = this
    const before = await layoutAt(witness)
    const sentBefore = await this.#sent.total(cluster.nodes)
    const watch = setInterval(() => void this.#sent.total(cluster.nodes), 300)
    load.phase = phase
    const began = Date.now()
    const changed = change()
    await eventually('data moves', async () => {
      const { version, moving } = await layoutAt(witness)
      return (version > before.version && moving !== undefined) || undefined
    })
    await this.#kill(victim)
    await changed
    await cluster.settled(120_000)
    const took = Date.now() - began
    clearInterval(watch)
    load.phase = `after ${phase}`
    const after = await layoutAt(witness)
    const { layouts } = (await getJson(`${witness.url}/layout/history`)) as History
    const moves = layouts
      .filter(({ version }) => version > before.version && version <= after.version)
      .reduce((sum, each) => sum + each.moves, 0)
    const sent = (await this.#sent.total(cluster.nodes)) - sentBefore
    const least = leastMoves(before, after)
    const ideal = ((least * CLIENTS * KEYS_EACH) / after.table.length) * VALUE_BYTES
    const steps = after.version - before.version
    this.#context.diagnostic(
      `${phase}: ${moves} replicas moved in ${steps} steps, ${least} at least; ${kib(sent * VALUE_BYTES)} of values sent, ${kib(ideal)} if each moved once from one source; ${took} ms`,
    )
  }

  async #kill(victim: RealNode): Promise<void> {
    const kill = { killedAt: Date.now(), backAt: Infinity }
    this.kills.push(kill)
    this.#away = victim
    await victim.end('SIGKILL')
    await sleep(DOWN_MS)
    await this.cluster.restart(victim)
    this.#away = undefined
    kill.backAt = Date.now()
  }

  /** The nodes hand over what they have, and end by themselves. */
  async leave(nodes: readonly RealNode[]): Promise<void> {
    for (const node of nodes) this.#leaving.add(node)
    await Promise.all(nodes.map((node) => leave(node)))
    for (const node of nodes) {
      await eventually(`${node.name} ends`, async () => !node.running || undefined)
      assert.equal(await node.end(), 0)
      this.cluster.nodes.splice(this.cluster.nodes.indexOf(node), 1)
    }
  }

  assertOnlyAroundKills(): void {
    const odd = this.load.failures.filter(
      ({ beganAt, code }) =>
        !RETRYABLE.test(code) ||
        !this.kills.some(({ killedAt }) => Math.abs(beganAt - killedAt) <= AROUND_MS),
    )
    const texts = odd.map((each) => {
      const since = this.kills.map(({ killedAt }) => each.beganAt - killedAt)
      return `${each.url} ${since.join(' ')} ms after the kills, took ${each.at - each.beganAt} ms: ${each.text}`
    })
    assert.deepEqual(texts, [])
  }
}

test('three nodes become six and then four under load, one killed in the middle of each change', async (t) => {
  const cluster = await RealCluster.start(3)
  t.after(() => cluster.close())
  const run = new Run(t, cluster)
  const { load } = run
  t.after(() => load.stop())
  await sleep(5_000)
  const [first, second] = cluster.nodes as [RealNode, RealNode]

  await run.during('growing', { witness: first, victim: second }, async () => {
    await cluster.addAll(3)
  })
  await sleep(3_000)
  await load.assertReadable(cluster.urls)

  const [, , third, fourth, fifth] = cluster.nodes as RealNode[]
  await run.during('shrinking', { witness: fourth!, victim: third! }, () =>
    run.leave([first, fifth!]),
  )
  assert.equal(cluster.nodes.length, 4)
  await sleep(3_000)
  await load.assertReadable(cluster.urls)
  await load.stop()
  await load.assertReadable(cluster.urls)

  for (const phase of load.latencies.keys())
    t.diagnostic(
      `${phase}: ${load.latencies.get(phase)!.length} requests, p50 ${load.percentile(phase, 0.5)}, p99 ${load.percentile(phase, 0.99)}`,
    )
  t.diagnostic(
    `${load.requests} requests, ${load.failures.length} attempts failed around the kills`,
  )
  assert.ok(load.requests > 1_000, `${load.requests} requests`)
  run.assertOnlyAroundKills()
})

test('a node that is killed or stopped and comes back within minutes moves nothing: it gets what it missed, and no more', async (t) => {
  const cluster = await RealCluster.start(4)
  t.after(() => cluster.close())
  const [first, second] = cluster.nodes as [RealNode, RealNode]
  const load = new Load({
    ...{ clients: 4, keysEach: 50, valueBytes: 200 },
    targets: () => [first.url],
  })
  t.after(() => load.stop())
  const { version } = await layoutAt(first)
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    const sent = new SentRecords()
    const others = cluster.nodes.filter((node) => node !== second)
    const before = await sent.total(others)
    await second.end(signal)
    // Long enough to be seen as dead, or as one who said that it is away for a moment.
    await eventually('it is missed', async () => {
      const { members } = (await getJson(`${first.url}/cluster`)) as ClusterJson
      const { state, draining } = members.find(({ name }) => name === second.name)!
      return state !== 'alive' || draining === true || undefined
    })
    await cluster.restart(second)
    await cluster.settled()
    await sleep(2_000)
    assert.equal(await sent.total([second, ...others]), before, `after ${signal}`)
    assert.equal((await layoutAt(second)).version, version)
  }
  await load.stop()
  await load.assertReadable(cluster.urls)
})
