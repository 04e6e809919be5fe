import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { RealCluster } from '../support/real-cluster.ts'

const KEYS = 400
const WRITERS = 8

/**
 * What a writer knows of a key of its own: the last acknowledged value, and those that may have
 * replaced it.
 */
interface Known {
  acknowledged: string | undefined
  possible: string[]
}

interface Load {
  readonly known: Map<string, Known>
  readonly failures: string[]
  acknowledged: number
  reads: number
  stop(): Promise<void>
}

/** Writers that each own their keys, and read them back now and then, over all nodes in turn. */
function startLoad(cluster: RealCluster): Load {
  let over = false
  const load: Load = {
    known: new Map(),
    failures: [],
    acknowledged: 0,
    reads: 0,
    stop: async () => undefined,
  }
  const writers = Array.from({ length: WRITERS }, async (_, writer) => {
    for (let turn = 0; !over; turn++) {
      const key = `w${writer}-k${turn % (KEYS / WRITERS)}`
      const value = `${writer}:${turn}`
      await write(cluster.urls[(writer + turn) % cluster.urls.length]!, key, value, load)
      if (turn % 5 === 0)
        await readBack(cluster.urls[(writer + turn + 1) % cluster.urls.length]!, key, load)
    }
  })
  load.stop = async () => {
    over = true
    await Promise.all(writers)
  }
  return load
}

async function write(url: string, key: string, value: string, load: Load): Promise<void> {
  const known = load.known.get(key) ?? { acknowledged: undefined, possible: [] }
  load.known.set(key, known)
  try {
    const response = await fetch(`${url}/kv/${key}`, {
      method: 'PUT',
      body: value,
      headers: { 'content-type': 'text/plain' },
    })
    const text = await response.text()
    if (response.ok) {
      known.acknowledged = value
      known.possible = []
      load.acknowledged++
    } else {
      const problem = JSON.parse(text) as { code: string; outcome?: string }
      assert.match(
        problem.code,
        /^DND_ERR_(?:QUORUM_UNAVAILABLE|TIMEOUT|NOT_READY|OVERLOADED)$/,
        text,
      )
      if (problem.outcome !== 'rejected') known.possible.push(value)
      load.failures.push(problem.code)
    }
  } catch (error) {
    // The node was killed: refused is certain, anything else is not.
    if (error instanceof assert.AssertionError) throw error
    known.possible.push(value)
    await sleep(5)
  }
}

async function readBack(url: string, key: string, load: Load): Promise<void> {
  const known = load.known.get(key)!
  const expected = [known.acknowledged, ...known.possible]
  try {
    const response = await fetch(`${url}/kv/${key}`)
    const text = await response.text()
    if (response.status >= 500)
      return void load.failures.push((JSON.parse(text) as { code: string }).code)
    load.reads++
    assert.ok(
      expected.includes(response.status === 404 ? undefined : text),
      `${key} is ${text}, not one of ${expected.join()}`,
    )
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error
  }
}

async function assertNothingLost(cluster: RealCluster, load: Load): Promise<void> {
  for (const [key, { acknowledged, possible }] of load.known) {
    for (const url of cluster.urls) {
      const response = await fetch(`${url}/kv/${key}`)
      const text = await response.text()
      const expected = [acknowledged, ...possible]
      assert.ok(
        expected.includes(response.status === 404 ? undefined : text),
        `${key} at ${url}: ${response.status} ${text}, not one of ${expected.join()}`,
      )
    }
  }
}

test('kill -9 of each of three nodes in turn, under load: nothing acknowledged is lost, and writes and reads go on', async (t) => {
  const cluster = await RealCluster.start(3)
  t.after(() => cluster.close())
  const load = startLoad(cluster)
  for (const node of cluster.nodes) {
    await sleep(700)
    await node.end('SIGKILL')
    const before = load.acknowledged
    await sleep(1_500)
    assert.ok(
      load.acknowledged > before + 5,
      `only ${load.acknowledged - before} writes while ${node.name} was down`,
    )
    await cluster.restart(node)
    await cluster.settled()
  }
  await sleep(500)
  await load.stop()
  assert.ok(
    load.acknowledged > 100 && load.reads > 10,
    `${load.acknowledged} writes, ${load.reads} reads`,
  )
  await assertNothingLost(cluster, load)
  t.diagnostic(
    `${load.acknowledged} acknowledged writes, ${load.reads} reads, ${load.failures.length} typed failures`,
  )
})

test('a node that was down catches up on what it reads', async (t) => {
  const cluster = await RealCluster.start(3)
  t.after(() => cluster.close())
  const [first, , third] = cluster.nodes
  await third!.end('SIGKILL')
  const put = await fetch(`${first!.url}/kv/missed`, { method: 'PUT', body: 'written while away' })
  assert.equal(put.status, 200, await put.text())
  await cluster.restart(third!)
  await cluster.settled()
  assert.equal(await (await fetch(`${third!.url}/kv/missed`)).text(), 'written while away')
  for (let tries = 0; ; tries++) {
    const own = await fetch(`${third!.url}/kv/missed?r=1`)
    const text = await own.text()
    if (own.status === 200 && text === 'written while away') break
    assert.ok(tries < 100, `its own copy is still ${own.status} ${text}`)
    await sleep(20)
  }
})

test('a fourth node joins under load and gets its share, and nothing is lost', async (t) => {
  const cluster = await RealCluster.start(3)
  t.after(() => cluster.close())
  const load = startLoad(cluster)
  await sleep(500)
  await cluster.add()
  await cluster.settled()
  await sleep(500)
  await load.stop()
  assert.deepEqual(load.failures, [])
  await assertNothingLost(cluster, load)
})

test('SIGTERM ends a node in order, with exit code 0', async (t) => {
  const cluster = await RealCluster.start(1)
  t.after(() => cluster.close())
  assert.equal(await cluster.nodes[0]!.end('SIGTERM'), 0)
})
