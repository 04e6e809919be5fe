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
/**
 * Keys of each writer, written again and again, all by one batch. Fewer in all than a watcher
 * remembers: of those that it has forgotten it may tell the last change in place of some.
 */
const KEYS_EACH = 30

interface Reader {
  /** What was told of each key, in order. Bounded by: the changes. */
  readonly told: Map<string, number[]>
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
    const timer = setTimeout(end, 1_000 + Math.random() * 9_000)
    signal.addEventListener('abort', end)
    for await (const event of client.watch('default', { since, signal: broken.signal })) {
      reader.isReady = true
      if (event.type === 'snapshot') reader.snapshots++
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
  for (const { bytes } of values) told.push(Number(Buffer.from(bytes).toString()))
}

/**
 * Writes batches until `stored` says that it is enough. Each write of a key follows the one before,
 * whose context it has. Where it is not known whether one was stored another key takes its place: a
 * write of unknown outcome may come to be later.
 */
async function write(
  cluster: RealCluster,
  writer: number,
  stored: (key: string, value: number) => boolean,
): Promise<void> {
  const clients = new Map<string, DndClient>()
  const keys = Array.from({ length: KEYS_EACH }, (_, i) => ({
    ...{ name: `w${writer}-k${i}`, doubts: 0 },
    context: undefined as string | undefined,
  }))
  let goesOn = true
  for (let turn = 0; goesOn; turn++) {
    const operations = keys.map(({ name, doubts, context }, i) => ({
      ...{ type: 'put' as const, key: `${name}-${doubts}`, context },
      value: String(turn * KEYS_EACH + i),
    }))
    const up = cluster.nodes.filter(({ running }) => running)
    const server = up[(writer + turn) % up.length]!.url
    const client = clients.get(server) ?? new DndClient({ server, routing: false, retries: 0 })
    clients.set(server, client)
    const results = await client.batch(operations).catch(() => undefined)
    for (const [i, key] of keys.entries()) {
      const result = results?.[i]
      if (result?.status === 'stored') {
        key.context = result.context
        goesOn = stored(operations[i]!.key, Number(operations[i]!.value))
      } else {
        key.doubts++
        key.context = undefined
      }
    }
  }
}

test('a reader that reconnects at random is told of 100,000 changes while a node is killed and another joins', async (t) => {
  const cluster = await RealCluster.start(3)
  t.after(() => cluster.close())
  const reader: Reader = {
    told: new Map(),
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

  // Each write is told, or what has superseded it: the last of each key without fail.
  function* missed(): Generator<string> {
    for (const [key, values] of acknowledged) {
      const last = values.at(-1)!
      if (reader.told.get(key)?.includes(last) !== true) yield `${key}=${last}`
    }
  }
  const isTold = async (): Promise<true | undefined> => missed().next().done || undefined
  await eventually('all are told', isTold, 300_000).catch(() => {
    const some = [...missed()]
    assert.fail(`${some.length} keys end with what was not told: ${some.slice(0, 20).join(' ')}`)
  })
  over.abort()
  await reading
  // A reader that reconnects may be told again; what it is told first is in order.
  let skipped = 0
  for (const [key, values] of acknowledged) {
    const told = new Set(reader.told.get(key))
    const known = new Set(values)
    const inOrder = values.filter((value) => told.has(value))
    assert.deepEqual(
      [...told].filter((value) => known.has(value)),
      inOrder,
      key,
    )
    skipped += values.length - inOrder.length
  }
  const { events, connections, snapshots } = reader
  t.diagnostic(
    `${written} changes, ${events} events over ${connections} connections, ${snapshots} snapshots, ${skipped} told by what superseded them`,
  )
  // A snapshot, or a key of which the watcher has forgotten what it told, leaves out a few.
  assert.ok(skipped < written / 20, `${skipped} of ${written} were told by what superseded them`)
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
