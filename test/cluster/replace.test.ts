/** Disks that are gone, and backups that are put in their place. */
import assert from 'node:assert/strict'
import { cpSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { assertSameRecords, recordsOnDisk } from '../support/disk-records.ts'
import { eventually, getJson, membersOf, RealCluster, RealNode } from '../support/real-cluster.ts'

const WRITERS = 4
const KEYS_EACH = 200

interface Load {
  /** What was acknowledged last, by key. */
  readonly stored: Map<string, string>
  readonly failures: string[]
  stop(): Promise<void>
}

/** Writers that each own their keys, over the nodes that stay. */
function startLoad(urls: readonly string[]): Load {
  let over = false
  const stored = new Map<string, string>()
  const failures: string[] = []
  const writers = Array.from({ length: WRITERS }, async (_, writer) => {
    for (let turn = 0; !over; turn++) {
      const key = `w${writer}-k${turn % KEYS_EACH}`
      const value = `${writer}:${turn}`
      const url = urls[(writer + turn) % urls.length]!
      const response = await fetch(`${url}/kv/${key}`, { method: 'PUT', body: value })
      const text = await response.text()
      if (response.ok) stored.set(key, value)
      else {
        // It may surface, now or later: nothing is known of the key until it is written again.
        stored.delete(key)
        failures.push(text)
      }
    }
  })
  const stop = async (): Promise<void> => {
    over = true
    await Promise.all(writers)
  }
  return { stored, failures, stop }
}

async function assertReadable(nodes: readonly RealNode[], load: Load, query = ''): Promise<void> {
  for (const [key, value] of load.stored)
    for (const { url, name } of nodes) {
      const response = await fetch(`${url}/kv/${key}${query}`)
      assert.equal(await response.text(), value, `${key}${query} at ${name}`)
    }
}

interface Layout {
  readonly version: number
  readonly roles: readonly { readonly node: string }[]
  readonly table: readonly (readonly string[])[]
  readonly moving?: unknown
}

const layoutAt = async (node: RealNode): Promise<Layout> =>
  (await getJson(`${node.url}/layout`)) as Layout

/** Waits until everybody knows the layout of exactly these nodes, and nothing moves. */
async function untilHeldBy(nodes: readonly RealNode[]): Promise<void> {
  const wanted = nodes.map(({ ready }) => ready!.node).sort()
  for (const node of nodes)
    await eventually(
      `${node.name} knows the layout of ${nodes.map(({ name }) => name).join()}`,
      async () => {
        const { roles, moving } = await layoutAt(node)
        const held = roles.map((role) => role.node).join()
        return moving === undefined && held === wanted.join() ? true : undefined
      },
      120_000,
    )
}

/** More than a hybrid clock's lease. */
const CLOCK_LEASE_MS = 4_000

test('a node whose disk is gone is replaced under load: same places, all of the data, no failure', async (t) => {
  const cluster = await RealCluster.start(4)
  t.after(() => cluster.close())
  const [first, second, third, lost] = cluster.nodes as [RealNode, RealNode, RealNode, RealNode]
  const stay = [first, second, third]
  const load = startLoad(stay.map(({ url }) => url))
  await sleep(1_000)
  const before = await layoutAt(first)
  await lost.end('SIGKILL')
  rmSync(lost.data, { recursive: true })
  const newcomer = new RealNode('node5', join(cluster.folder, 'node5'))
  t.after(() => newcomer.end('SIGKILL'))
  await newcomer.start(['join', first.ready!.clusterAddress, '--replace', 'node4'])
  // What the lost node was coordinating when it was killed nobody knows.
  assert.ok(load.failures.every((failure) => failure.includes('"outcome":"unknown"')))
  load.failures.length = 0
  await untilHeldBy([...stay, newcomer])
  await sleep(500)
  await load.stop()
  assert.deepEqual(load.failures, [])
  const after = await layoutAt(first)
  assert.equal(after.version, before.version + 1)
  const ids = { lost: lost.ready!.node, newcomer: newcomer.ready!.node }
  assert.deepEqual(
    after.table,
    before.table.map((set) => set.map((node) => (node === ids.lost ? ids.newcomer : node))),
  )
  await assertReadable([...stay, newcomer], load)
  t.diagnostic(`${load.stored.size} keys were written meanwhile`)
})

test('a node that is alive is not replaced, and whoever tried is told so and can be started for another', async (t) => {
  const cluster = await RealCluster.start(3)
  t.after(() => cluster.close())
  const [first, second, third] = cluster.nodes as [RealNode, RealNode, RealNode]
  const { version } = await layoutAt(first)
  const newcomer = new RealNode('node4', join(cluster.folder, 'node4'))
  t.after(() => newcomer.end('SIGKILL'))
  const seed = first.ready!.clusterAddress
  await assert.rejects(newcomer.start(['join', seed, '--replace', 'node3']), (error: Error) => {
    assert.match(error.message, /cannot take the place of node3: node3 \(\w{16}\) is alive/)
    return true
  })
  assert.equal(await newcomer.end(), 1)
  assert.equal((await layoutAt(first)).version, version)
  await third.end('SIGKILL')
  await newcomer.start(['join', seed, '--replace', third.ready!.node])
  await untilHeldBy([first, second, newcomer])
})

test('a replaced node that comes back brings nothing of what was deleted without it', async (t) => {
  const cluster = await RealCluster.start(3)
  t.after(() => cluster.close())
  const [first, second, away] = cluster.nodes as [RealNode, RealNode, RealNode]
  for (let i = 0; i < 100; i++)
    assert.ok((await fetch(`${first.url}/kv/k${i}`, { method: 'PUT', body: 'old' })).ok)
  await away.end('SIGKILL')
  for (let i = 0; i < 100; i++)
    assert.ok((await fetch(`${first.url}/kv/k${i}`, { method: 'DELETE' })).ok)
  const newcomer = new RealNode('node4', join(cluster.folder, 'node4'))
  t.after(() => newcomer.end('SIGKILL'))
  await newcomer.start(['join', first.ready!.clusterAddress, '--replace', 'node3'])
  await untilHeldBy([first, second, newcomer])
  await cluster.restart(away)
  const all = [first, second, newcomer, away]
  await untilHeldBy(all)
  for (let i = 0; i < 100; i++)
    for (const { url, name } of all)
      assert.equal((await fetch(`${url}/kv/k${i}`)).status, 404, `k${i} at ${name}`)
  for (const member of await membersOf(first)) assert.equal(member.state, 'alive', member.name)
})

test('an old backup that is put back is only behind: nothing acknowledged since is lost', async (t) => {
  const cluster = await RealCluster.start(3)
  t.after(() => cluster.close())
  const [first, second, third] = cluster.nodes as [RealNode, RealNode, RealNode]
  const put = async (node: RealNode, key: string, body: string): Promise<void> => {
    const response = await fetch(`${node.url}/kv/${key}`, { method: 'PUT', body })
    assert.equal(response.status, 200, await response.text())
  }
  for (let i = 0; i < 50; i++) await put(third, `k${i}`, 'before')
  await third.end('SIGTERM')
  assert.ok(existsSync(join(third.data, 'clean-stop.json')))
  const backup = join(cluster.folder, 'backup')
  cpSync(third.data, backup, { recursive: true, preserveTimestamps: true })
  await cluster.restart(third)
  await cluster.settled()
  assert.ok(!existsSync(join(third.data, 'clean-stop.json')))
  for (let i = 0; i < 50; i++) await put(third, `k${i}`, 'since')
  await third.end('SIGTERM')
  rmSync(third.data, { recursive: true })
  cpSync(backup, third.data, { recursive: true, preserveTimestamps: true })
  await cluster.restart(third)
  await cluster.settled()
  // Its clock's lease is as old as the backup: for so long its stamps may be below those of
  // `since`, which would then rightly win.
  await new Promise((resolve) => setTimeout(resolve, CLOCK_LEASE_MS))
  // It writes the same keys anew; were its counters those of the backup, `since` and this would
  // be one.
  for (let i = 0; i < 50; i += 2) await put(third, `k${i}`, 'again')
  for (let i = 0; i < 50; i++)
    for (const { url, name } of [first, second, third]) {
      const text = await (await fetch(`${url}/kv/k${i}`)).text()
      assert.equal(text, i % 2 === 0 ? 'again' : 'since', `k${i} at ${name}`)
    }
  await eventually('the replica has caught up with what it reads', async () => {
    const own = await Promise.all(
      Array.from({ length: 50 }, (_, i) => fetch(`${third.url}/kv/k${i}?r=1`)),
    )
    const texts = await Promise.all(own.map((response) => response.text()))
    return texts.includes('before') ? undefined : true
  })
  for (const node of cluster.nodes) assert.equal(await node.end('SIGTERM'), 0)
  assertSameRecords(await Promise.all(cluster.nodes.map((node) => recordsOnDisk(node.data))))
})
