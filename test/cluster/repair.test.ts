/** Replicas that were away, and deletes that they have missed. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { assertSameRecords, recordsOnDisk } from '../support/disk-records.ts'
import type { DiskRecords } from '../support/disk-records.ts'
import { CLI, eventually, RealCluster } from '../support/real-cluster.ts'
import type { RealNode } from '../support/real-cluster.ts'

/** How long the node is away; a minute shows no more, and takes a minute. */
const AWAY_MS = 8_000
const DELETED = 10_000
/** Operations in one request. */
const BATCH = 500

interface Operation {
  readonly type: 'put' | 'delete' | 'get'
  readonly key: string
  readonly value?: string
  readonly r?: number
}

interface BatchAnswer {
  readonly status: number
  readonly value?: string
}

/** Carries out `operations`, a batch at a time; fails unless each ends with one of `statuses`. */
async function run(
  url: string,
  operations: readonly Operation[],
  statuses: readonly number[],
): Promise<BatchAnswer[]> {
  const results: BatchAnswer[] = []
  for (let at = 0; at < operations.length; at += BATCH) {
    const body = JSON.stringify({ operations: operations.slice(at, at + BATCH) })
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${url}/batch`, { method: 'POST', body, headers })
    assert.equal(response.status, 200)
    const answer = (await response.json()) as { results: BatchAnswer[] }
    for (const result of answer.results)
      assert.ok(statuses.includes(result.status), JSON.stringify(result))
    results.push(...answer.results)
  }
  return results
}

/** Runs the command line until it ends; gives what it says as JSON. */
function dnd(node: RealNode, args: readonly string[]): Promise<{ code: number; json: unknown }> {
  const line = [CLI, ...args, '--server', node.url, '--json']
  return new Promise((resolve, reject) => {
    execFile(process.execPath, line, { timeout: 120_000 }, (error, out, err) => {
      const code = error === null ? 0 : Number(error.code)
      if (!Number.isInteger(code)) return reject(new Error(`dnd ${args.join(' ')}: ${err}`))
      resolve({ code, json: out === '' ? JSON.parse(err) : JSON.parse(out) })
    })
  })
}

interface Repair {
  readonly differences: number
  readonly failed: number
  readonly absent: readonly string[]
}

async function repair(node: RealNode): Promise<Repair> {
  const { json } = await dnd(node, ['repair', '--wait'])
  return json as Repair
}

async function stopped(cluster: RealCluster): Promise<DiskRecords[]> {
  for (const node of cluster.nodes) assert.equal(await node.end('SIGTERM'), 0)
  return Promise.all(cluster.nodes.map((node) => recordsOnDisk(node.data)))
}

async function keysAt(url: string): Promise<number> {
  const response = await fetch(`${url}/buckets/default/keys?limit=1000`)
  assert.equal(response.status, 200)
  return ((await response.json()) as { keys: unknown[] }).keys.length
}

/** Puts of the same keys again and again, and some deletes, until it is stopped. */
function startWrites(urls: readonly string[]): () => Promise<number> {
  let over = false
  const writing = (async () => {
    let writes = 0
    for (let turn = 0; !over; turn++) {
      const operations = Array.from({ length: 50 }, (_, i): Operation => {
        const key = `k${(turn * 31 + i * 7) % 3_000}`
        return i % 5 === 4 ? { type: 'delete', key } : { type: 'put', key, value: `${turn}:${i}` }
      })
      await run(urls[turn % urls.length]!, operations, [200, 204])
      writes += operations.length
    }
    return writes
  })()
  return () => {
    over = true
    return writing
  }
}

test('a node that was killed for a while of writes has all of them by hints, and repair finds nothing', async (t) => {
  const cluster = await RealCluster.start(3)
  t.after(() => cluster.close())
  const [first, second, third] = cluster.nodes as [RealNode, RealNode, RealNode]
  const stop = startWrites([first.url, second.url])
  await sleep(500)
  await third.end('SIGKILL')
  await sleep(AWAY_MS)
  const writes = await stop()
  await cluster.restart(third)
  await cluster.settled()
  const waited = await dnd(first, ['hints', '--wait'])
  assert.equal(waited.code, 0, JSON.stringify(waited.json))
  const found = await repair(first)
  assert.deepEqual(found, { ...found, differences: 0, failed: 0, absent: [] })
  const disks = await stopped(cluster)
  assertSameRecords(disks)
  const [one, , three] = disks
  const same = [...one!.stored].filter(
    ([key, bytes]) => Buffer.compare(bytes, three!.stored.get(key) ?? new Uint8Array()) === 0,
  )
  t.diagnostic(
    `${writes} writes; ${same.length} of ${one!.stored.size} records have the same bytes on disk`,
  )
})

test('10,000 keys that are deleted and reaped while a replica is down do not come back with it', async (t) => {
  const cluster = await RealCluster.start(3)
  t.after(() => cluster.close())
  const [first, second, third] = cluster.nodes as [RealNode, RealNode, RealNode]
  const keys = Array.from({ length: DELETED }, (_, i) => `gone${i}`)
  await run(
    first.url,
    keys.map((key) => ({ type: 'put', key, value: `value of ${key}` })),
    [200],
  )
  await eventually('all three have all of it', async () => {
    const { differences, failed } = await repair(first)
    return differences + failed === 0 ? true : undefined
  })
  await third.end('SIGKILL')
  await run(
    first.url,
    keys.map((key) => ({ type: 'delete', key })),
    [200, 204],
  )
  await repair(first)
  await untilReaped([first, second], DELETED)
  await cluster.restart(third)
  await cluster.settled()
  assert.equal((await dnd(first, ['hints', '--wait'])).code, 0)
  const { failed } = await repair(first)
  assert.equal(failed, 0)
  for (const node of cluster.nodes) assert.equal(await keysAt(node.url), 0)
  const own = await run(
    third.url,
    keys.map((key) => ({ type: 'get', key, r: 1 })),
    [200, 404],
  )
  assert.deepEqual(own.filter(({ status }) => status !== 404).slice(0, 3), [])
  await untilNothingIsReaped(cluster.nodes)
  for (const [index, disk] of (await stopped(cluster)).entries())
    assert.equal(disk.stored.size, 0, `records left on node ${index + 1}`)
})

test('when everything is deleted one repair leaves no tombstone anywhere, and the space is used again', async (t) => {
  const cluster = await RealCluster.start(3)
  t.after(() => cluster.close())
  const [first] = cluster.nodes as [RealNode, RealNode, RealNode]
  const values = async (): Promise<void> => {
    const value = 'x'.repeat(1_000)
    for (let at = 0; at < 10_000; at += 2_500)
      await run(
        first.url,
        Array.from({ length: 2_500 }, (_, i) => ({ type: 'put', key: `k${at + i}`, value })),
        [200],
      )
  }
  await values()
  await run(
    first.url,
    Array.from({ length: 10_000 }, (_, i) => ({ type: 'delete', key: `k${i}` })),
    [200, 204],
  )
  await repair(first)
  await untilReaped(cluster.nodes, 10_000)
  const empty = await stopped(cluster)
  for (const { stored, reapable } of empty) assert.deepEqual([stored.size, reapable], [0, 0])
  for (const node of cluster.nodes) await cluster.restart(node)
  await cluster.settled()
  await values()
  const full = await stopped(cluster)
  for (const [index, { stored, fileBytes }] of full.entries()) {
    assert.equal(stored.size, 10_000)
    const before = empty[index]!.fileBytes
    assert.ok(fileBytes <= before * 1.25, `the store grew from ${before} to ${fileBytes} bytes`)
  }
  t.diagnostic(
    `file: ${empty[0]!.fileBytes} bytes after 10,000 values were deleted, ${full[0]!.fileBytes} with them again`,
  )
})

/** A number that the node shows of itself. */
async function metric(node: RealNode, name: string): Promise<number> {
  const text = await (await fetch(`${node.url}/metrics`)).text()
  const [, count] = new RegExp(`^${name} (\\d+)$`, 'm').exec(text) ?? assert.fail(`no ${name}`)
  return Number(count)
}

/**
 * Waits until nothing is left of so many deletes. Each node has reaped most of them by then; what
 * one reaped before it was compared with another may be gone there by that, which is not counted.
 */
async function untilReaped(nodes: readonly RealNode[], deletes: number): Promise<void> {
  await untilNothingIsReaped(nodes)
  for (const node of nodes) {
    const reaped = await metric(node, 'dnd_reaped_versions_total')
    assert.ok(reaped > deletes / 2, `${reaped} of ${deletes} versions are reaped`)
    assert.equal(await metric(node, 'dnd_reap_waiting_records'), 0)
  }
}

/** Waits until nothing waits to be reaped, and nothing was for longer than it looks for more. */
async function untilNothingIsReaped(nodes: readonly RealNode[]): Promise<void> {
  const seen = async (): Promise<string> => {
    const counts = nodes.flatMap((node) =>
      ['dnd_reaped_versions_total', 'dnd_reap_waiting_records'].map((name) => metric(node, name)),
    )
    return (await Promise.all(counts)).join()
  }
  for (let last = await seen(), since = Date.now(); Date.now() - since < 12_000;) {
    await sleep(500)
    const now = await seen()
    if (now !== last) [last, since] = [now, Date.now()]
  }
}
