/** Readers that watch a bucket while nodes die and join, by the client and the command line. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { DndClient } from '../../packages/client/src/node/client.ts'
import type { WatchEvent } from '../../packages/client/src/node/client.ts'
import { CLI, eventually, RealCluster } from '../support/real-cluster.ts'

const CHANGES = 100_000
const WRITERS = 32
/** Keys of each writer, written again and again. */
const KEYS_EACH = 50
/** Changes written by one batch, so that the clients are not what is tried. */
const BATCH = 40

interface Reader {
  /** What was told of each key, in order. Bounded by: the changes. */
  readonly told: Map<string, number[]>
  /** The last value of each key that a snapshot told: what came before it is told by it. */
  readonly covered: Map<string, number>
  isInSnapshot: boolean
  events: number
  connections: number
  snapshots: number
  isReady: boolean
}

/** Watches until `signal`, and breaks its own connection now and then. */
async function read(client: DndClient, signal: AbortSignal, reader: Reader): Promise<void> {
  let since: string | undefined
  while (!signal.aborted) {
    reader.connections++
    const broken = new AbortController()
    const end = (): void => broken.abort()
    const timer = setTimeout(end, 500 + Math.random() * 4_000)
    signal.addEventListener('abort', end)
    for await (const event of client.watch('default', { since, signal: broken.signal })) {
      reader.isReady = true
      if (event.type === 'snapshot') reader.snapshots++
      if (event.type !== 'change') reader.isInSnapshot = event.type === 'snapshot'
      if ('id' in event && event.id !== undefined) since = event.id
      if (event.type === 'change') note(reader, event)
    }
    clearTimeout(timer)
    signal.removeEventListener('abort', end)
  }
}

function note(reader: Reader, { key, values }: Extract<WatchEvent, { type: 'change' }>): void {
  reader.events++
  const told = reader.told.get(key) ?? []
  reader.told.set(key, told)
  for (const { bytes } of values) {
    const value = Number(Buffer.from(bytes).toString())
    told.push(value)
    if (reader.isInSnapshot) reader.covered.set(key, Math.max(value, reader.covered.get(key) ?? 0))
  }
}

/**
 * Writes batches until `stored` says that it is enough. Each write of a key follows the one before,
 * whose context it has. After a batch of which not all is known to be stored the writer goes on
 * with other keys: a write of unknown outcome may come to be later.
 */
async function write(
  cluster: RealCluster,
  writer: number,
  stored: (key: string, value: number) => boolean,
): Promise<void> {
  const clients = new Map<string, DndClient>()
  let contexts = new Map<string, string>()
  let doubts = 0
  let goesOn = true
  for (let turn = 0; goesOn; turn++) {
    const first = turn * BATCH
    const operations = Array.from({ length: BATCH }, (_, i) => {
      const key = `w${writer}-${doubts}-k${(first + i) % KEYS_EACH}`
      const context = contexts.get(key)
      return { type: 'put' as const, key, value: String(first + i), context }
    })
    const up = cluster.nodes.filter(({ running }) => running)
    const server = up[(writer + turn) % up.length]!.url
    const client = clients.get(server) ?? new DndClient({ server, routing: false, retries: 0 })
    clients.set(server, client)
    const results = await client.batch(operations).catch(() => undefined)
    for (const [i, result] of (results ?? []).entries()) {
      if (result.status !== 'stored') continue
      const { key, value } = operations[i]!
      if (result.context !== undefined) contexts.set(key, result.context)
      goesOn = stored(key, Number(value))
    }
    if (results?.every(({ status }) => status === 'stored') === true) continue
    doubts++
    contexts = new Map()
  }
}

test('a reader that reconnects at random is told of 100,000 changes while a node is killed and another joins', async (t) => {
  const cluster = await RealCluster.start(3)
  t.after(() => cluster.close())
  const reader: Reader = {
    told: new Map(),
    covered: new Map(),
    isInSnapshot: false,
    events: 0,
    connections: 0,
    snapshots: 0,
    isReady: false,
  }
  const over = new AbortController()
  const client = new DndClient({ server: cluster.urls })
  const reading = read(client, over.signal, reader)
  t.after(() => over.abort())
  await eventually('it listens', async () => reader.isReady || undefined)

  const acknowledged = new Map<string, number[]>()
  let written = 0
  const writers = Array.from({ length: WRITERS }, (_, writer) =>
    write(cluster, writer, (key, value) => {
      acknowledged.set(key, [...(acknowledged.get(key) ?? []), value])
      return ++written < CHANGES
    }),
  )
  await eventually('some are written', async () => written > CHANGES / 5 || undefined, 120_000)
  const victim = cluster.nodes[1]!
  await victim.end('SIGKILL')
  await eventually(
    'more are written',
    async () => written > (2 * CHANGES) / 5 || undefined,
    120_000,
  )
  await cluster.restart(victim)
  await cluster.add()
  await Promise.all(writers)
  await cluster.settled()

  // The last change of each key ends it: none is told after what superseded it. Where too few could
  // tell what the reader had not seen, a snapshot has the last value in place of those before it.
  function* missed(): Generator<string> {
    for (const [key, values] of acknowledged) {
      const told = new Set(reader.told.get(key))
      const covered = reader.covered.get(key) ?? -1
      for (const value of values) if (value > covered && !told.has(value)) yield `${key}=${value}`
    }
  }
  const isTold = async (): Promise<true | undefined> => missed().next().done || undefined
  await eventually('all are told', isTold, 300_000).catch(() => {
    const some = [...missed()]
    const { snapshots } = reader
    const text = `${some.length} of ${written} were not told, with ${snapshots} snapshots`
    assert.fail(`${text}: ${some.slice(0, 20).join(' ')}`)
  })
  over.abort()
  await reading
  // A reader that reconnects may be told again; what it is told first is in order.
  for (const [key, values] of acknowledged) {
    const known = new Set(values)
    const told = [...new Set(reader.told.get(key))].filter((value) => known.has(value))
    assert.deepEqual(
      told,
      values.filter((value) => told.includes(value)),
      key,
    )
  }
  t.diagnostic(
    `${written} changes, ${reader.events} events over ${reader.connections} connections, ${reader.snapshots} snapshots`,
  )
})

test('dnd watch prints changes as they come, and goes on when its node is killed', async (t) => {
  const cluster = await RealCluster.start(3)
  t.after(() => cluster.close())
  const [first, second, third] = cluster.nodes
  const child = spawn(
    process.execPath,
    [CLI, 'watch', 'flags', '--server', `${first!.url},${second!.url}`],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  t.after(() => child.kill('SIGKILL'))
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  const says = async (text: string): Promise<void> =>
    void (await eventually(text, async () => out.includes(text) || undefined))
  await says('watching flags')
  const client = new DndClient({ server: third!.url })
  await client.put('dark-mode', 'on', { bucket: 'flags' })
  await says('dark-mode  on')
  await first!.end('SIGKILL')
  await sleep(200)
  const { context } = await client.get('dark-mode', { bucket: 'flags' })
  await client.delete('dark-mode', { bucket: 'flags', context })
  await says('dark-mode  deleted')
  child.kill('SIGTERM')
  await eventually('it ends', async () => child.exitCode ?? undefined)
})
