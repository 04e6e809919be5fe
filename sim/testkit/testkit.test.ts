import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import type { DndClientApi } from '../../packages/client/src/client.ts'
import { DndClientError } from '../../packages/client/src/error.ts'
import { Table } from '../disk.ts'
import { AppWorld } from './app-world.ts'
import { emptyWorld, form } from './birth.ts'
import { BrokenWorldError, SeedError } from './errors.ts'
import { Story, traceOf } from './story.ts'
import { createWorld, forEachSeed } from './testkit.ts'

const CARTS = { carts: { conflicts: 'siblings' } } as const
const IN_CARTS = { bucket: 'carts' } as const
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** Several tasks at once, with faults, through several nodes; what they saw, in order. */
async function busyApp(world: AppWorld): Promise<readonly string[]> {
  const seen: string[] = []
  const trouble = world.trouble()
  const actor = async (name: string, client: DndClientApi): Promise<void> => {
    for (let i = 0; i < 12; i++) {
      await world.sleep(world.random() * 800)
      const key = world.pick(['x', 'y'])
      try {
        const read = await client.get(key, { ...IN_CARTS, timeoutMs: 700 })
        const { context } = read
        const done = await client.put(key, `${name}${i}`, { ...IN_CARTS, context, timeoutMs: 700 })
        seen.push(`${name}${i} ${read.status} ${done.status}`)
      } catch (error) {
        assert.ok(error instanceof DndClientError, String(error))
        seen.push(`${name}${i} ${error.code}`)
      }
    }
  }
  const clients = [world.client(0), world.client([1, 2]), world.client([2, 0, 1])]
  await Promise.all(clients.map((client, index) => actor('abc'[index]!, client)))
  trouble.end()
  return seen
}

test('the same seed and the same app are the same run, to the last event', async () => {
  const options = { seeds: [3, 4, 3, 4], buckets: CARTS }
  const [a, b, again, other] = await forEachSeed(options, busyApp)
  assert.equal(a!.hash, again!.hash)
  assert.equal(b!.hash, other!.hash)
  assert.notEqual(a!.hash, b!.hash)
  assert.deepEqual(a!.value, again!.value)
})

test('a run that tells everything is the same run', async () => {
  const [quiet] = await forEachSeed({ seeds: [5], buckets: CARTS }, busyApp)
  const [verbose] = await forEachSeed({ seeds: [5], buckets: CARTS, verbose: true }, busyApp)
  assert.equal(quiet!.hash, verbose!.hash)
})

test('the store keeps its promises to an app in trouble', async () => {
  const results = await forEachSeed({ seeds: 12, first: 100, buckets: CARTS }, busyApp)
  const all = results.flatMap(({ value }) => value)
  assert.ok(all.some((line) => line.includes('siblings stored')))
  assert.ok(all.some((line) => line.includes('DND_ERR_')))
})

test('a dead node refuses connections, and a client that knows others asks those', async () => {
  const world = await createWorld()
  await world.client(1).put('k', 'v')
  world.crash(0)
  await assert.rejects(world.client(0).get('k'), {
    code: 'DND_ERR_UNREACHABLE',
    outcome: 'rejected',
    status: undefined,
    server: 'http://10.0.0.1:6001',
  })
  const read = await world.client([0, 1]).get('k')
  assert.ok(read.status === 'found')
  assert.equal(text(read.bytes), 'v')
  world.restart(0)
  await world.settled()
  assert.equal((await world.client(0).get('k')).status, 'found')
  world.check()
  world.close()
})

test('a write whose node dies is in doubt, and is not tried on another', async () => {
  const world = await createWorld({ latencyMs: [5, 5] })
  const write = world.client([0, 1]).put('k', 'v')
  void world.sleep(2).then(() => world.crash(0))
  await assert.rejects(write, { code: 'DND_ERR_CONNECTION_LOST', outcome: 'unknown' })
  world.check()
  world.close()
})

test('a node that stands still exhausts the patience of a client', async () => {
  const world = await createWorld()
  world.pause(0)
  const began = world.now
  await assert.rejects(world.client(0, { timeoutMs: 700 }).put('k', 'v'), {
    code: 'DND_ERR_TIMEOUT',
    outcome: 'unknown',
    status: undefined,
  })
  assert.equal(world.now - began, 700)
  const read = await world.client([0, 1], { timeoutMs: 3_000 }).get('other')
  assert.equal(read.status, 'absent')
  world.resume(0)
  assert.equal((await world.client(0).get('other')).status, 'absent')
  world.check()
  world.close()
})

test('a minority refuses, a majority serves, and both agree when all is healed', async () => {
  const world = await createWorld()
  world.partition([0])
  await assert.rejects(world.client(0).put('k', 'minority', { timeoutMs: 400 }), {
    outcome: 'unknown',
    needed: 2,
    got: 1,
  })
  await world.client(1).put('k', 'majority')
  world.heal()
  await world.settled()
  const reads = await Promise.all([0, 1, 2].map((node) => world.client(node).get('k')))
  assert.equal(new Set(reads.map((read) => read.status === 'found' && text(read.bytes))).size, 1)
  world.check()
  world.close()
})

test('disks that are slow, full or lost, clocks and links do what they say', async () => {
  const world = await createWorld({ syncMs: [1, 1], latencyMs: [1, 1] })
  const client = world.client(0)
  const lasts = async (): Promise<number> => {
    const began = world.now
    await client.put('k', 'v', { w: 3 })
    return world.now - began
  }
  assert.ok((await lasts()) < 20)
  world.slowDisk(1, 500)
  assert.ok((await lasts()) > 50)
  world.slowDisk(1, 1)
  world.clog([0], [2], 100)
  assert.ok((await lasts()) >= 200)
  world.heal()
  world.fullDisk(2, true)
  await assert.rejects(client.put('k', 'v', { w: 3, timeoutMs: 1_000 }), { outcome: 'unknown' })
  world.fullDisk(2, false)
  world.skewClock(0, 300)
  await client.put('after', 'the jump')
  world.wipe(2)
  assert.equal(world.isUp(2), false)
  assert.throws(() => world.wipe(1), /may not be lost now/)
  world.restart(2)
  world.check()
  assert.equal((await client.get('k')).status, 'found')
  world.close()
})

test('a crash in the middle of a step strikes, or is made up for by the restart', async () => {
  const world = await createWorld()
  world.crash(1, { midStep: true })
  assert.equal(world.isUp(1), true)
  await world.sleep(3_000)
  assert.equal(world.isUp(1), false)
  world.restart(1)
  world.crash(1, { midStep: true })
  world.restart(1)
  assert.equal(world.isUp(1), true)
  await world.sleep(3_000)
  assert.equal(world.isUp(1), true)
  world.close()
})

test('what an app does to its bytes after a put or a get does not reach the store', async () => {
  const world = await createWorld()
  const mine = Uint8Array.of(1, 2, 3)
  const written = world.client().put('k', mine)
  mine.fill(9)
  await written
  const read = await world.client().get('k')
  assert.ok(read.status === 'found')
  // The bytes were taken when the request was made up, as by a real client that sends them at once.
  assert.deepEqual([...read.bytes], [1, 2, 3])
  read.bytes.fill(7)
  const again = await world.client().get('k')
  assert.ok(again.status === 'found')
  assert.deepEqual([...again.bytes], [1, 2, 3])
  world.close()
})

test('a token of another world or of another key is refused', async () => {
  const one = await createWorld({ seed: 1 })
  const two = await createWorld({ seed: 2 })
  const { context } = await one.client().put('k', 'v')
  for (const [world, key] of [
    [two, 'k'],
    [one, 'other'],
  ] as const)
    await assert.rejects(world.client().put(key, 'v', { context }), {
      code: 'DND_ERR_BAD_CONTEXT',
      outcome: 'rejected',
      status: 400,
    })
  await one.client().put('k', 'w', { context })
  one.close()
  two.close()
})

test('metadata comes back without what the testkit adds, and a full set fits', async () => {
  const world = await createWorld()
  const full = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`name-${i}`, 'x']))
  for (const metadata of [{}, { author: 'me' }, full]) {
    await world.client().put('k', 'v', { metadata })
    const read = await world.client().get('k')
    assert.deepEqual(read.status === 'found' && read.metadata, metadata)
  }
  world.check()
  world.close()
})

test('keys that look alike in a story are told apart by the checks', async () => {
  const world = await createWorld({ buckets: CARTS })
  const client = world.client()
  await client.put('a#b', 'one', IN_CARTS)
  await client.put('a', 'two', { ...IN_CARTS, sort: 'b' })
  const read = await client.get('a#b', IN_CARTS)
  assert.equal(read.status === 'found' && text(read.bytes), 'one')
  world.check()
  world.close()
})

test('a write that all disks forget is a broken promise, with its story', async () => {
  const setting = { nodes: 3, replicas: 3, latencyMs: [1, 5], syncMs: [1, 2] } as const
  const story = new Story()
  const rest = { seed: 9, datagramLoss: 0, clockOffsetMs: 0 }
  const inner = emptyWorld({ ...setting, ...rest }, traceOf(story, false))
  form(inner)
  const world = new AppWorld(inner, story, { stallMs: 1_000 })
  await world.client().put('kept', 'v')
  const backups = inner.nodes.map((node) => node.backup())
  await world.client().put('kept', 'w')
  await world.client().put('lost', 'v')
  for (const [index, node] of inner.nodes.entries()) {
    node.rollBack(backups[index]!)
    node.start()
  }
  assert.throws(
    () => world.check(),
    (error) => {
      assert.ok(error instanceof BrokenWorldError)
      assert.equal(error.seed, 9)
      assert.ok(error.keys.length > 0)
      assert.match(error.message, /seed 9[^]*the last of its story:[^]*put default\/kept w: stored/)
      return true
    },
  )
  await assert.rejects(world.client().get('kept'), BrokenWorldError)
  await assert.rejects(
    world.run(() => 1),
    BrokenWorldError,
  )
  world.close()
})

test('a world whose disks are emptied behind its back does not pass either', async () => {
  const story = new Story()
  const setting = { seed: 4, nodes: 3, replicas: 3, latencyMs: [1, 5], syncMs: [1, 2] } as const
  const inner = emptyWorld({ ...setting, datagramLoss: 0, clockOffsetMs: 0 }, traceOf(story, false))
  form(inner)
  const world = new AppWorld(inner, story, { stallMs: 1_000 })
  await world.client().put('k', 'v')
  for (const node of inner.nodes) {
    node.crash()
    const state = node.disk.entries().filter(({ key }) => key[0] !== 0x01)
    const kept = new Table()
    kept.apply(state.map(({ key, value }) => ({ type: 'put', key, value })))
    node.disk.restore(kept)
    node.start()
  }
  assert.throws(() => world.check(), BrokenWorldError)
  world.close()
})

test('forEachSeed names the seed that failed, its cause and its last lines', async () => {
  const cause = new Error('my invariant')
  const run = forEachSeed({ seeds: 5, first: 40, nodes: 1 }, async (world) => {
    await world.client().put('k', 'v')
    if (world.seed === 42) throw cause
  })
  await assert.rejects(run, (error) => {
    assert.ok(error instanceof SeedError)
    assert.equal(error.seed, 42)
    assert.equal(error.cause, cause)
    assert.match(error.message, /^seed 42: my invariant\n[^]*put default\/k v: stored$/)
    return true
  })
})

test('worlds of one to seven nodes form, and options out of bounds are refused', async () => {
  for (const nodes of [1, 2, 5, 7]) {
    const world = await createWorld({ nodes, replicas: Math.max(3, nodes), buckets: CARTS })
    await world.client(0).put('k', 'v', IN_CARTS)
    await world.client(nodes - 1).put('k', 'v')
    assert.equal((await world.client(0).cluster()).members.length, nodes)
    world.check()
    world.close()
  }
  for (const options of [
    { seed: -1 },
    { seed: 0.5 },
    { nodes: 0 },
    { replicas: 8 },
    { latencyMs: [2, 1] as const },
    { syncMs: [0, 60_001] as const },
    { datagramLoss: 1.5 },
    { clockOffsetMs: NaN },
    { stallMs: 0 },
    { buckets: { carts: { n: 4 } } },
  ])
    await assert.rejects(createWorld(options), RangeError)
  const world = await createWorld()
  assert.throws(() => world.client(3), /no node 3: this world has 3, counted from 0/)
  assert.throws(() => world.client([]), RangeError)
  assert.throws(() => world.partition([]), RangeError)
  assert.throws(() => world.slowDisk(0, 0), RangeError)
  world.close()
})

test('a story is readable, and with verbose it has what the nodes did', async () => {
  const short = await createWorld({ seed: 2 })
  await short.client().put('alice', 'apple pie')
  short.crash(2)
  assert.match(short.story().at(-3)!, /world app ← {12}n1 put default\/alice apple pie: stored$/)
  assert.match(short.story().at(-1)!, / n3 +crash /)
  assert.ok(short.story().length < 20)
  const long = await createWorld({ seed: 2, verbose: true })
  await long.client().put('alice', 'apple pie')
  long.crash(2)
  assert.ok(long.story().some((line) => line.includes('message ← n1')))
  assert.equal(long.hash, short.hash)
  short.close()
  long.close()
})

test('the testkit loads no adapter, no server and no package', () => {
  const seen = new Set<string>()
  const outside: string[] = []
  const visit = (file: string): void => {
    if (seen.has(file)) return
    seen.add(file)
    const source = readFileSync(file, 'utf8').replaceAll(/^import type [^]*?from '[^']*'$/gm, '')
    for (const [, specifier] of source.matchAll(
      /^(?:import|export)\b[^'";]*?\bfrom '([^']+)'$/gm,
    )) {
      if (!specifier!.startsWith('.')) outside.push(specifier!)
      else visit(join(dirname(file), specifier!))
    }
  }
  visit('sim/testkit/testkit.ts')
  assert.ok(seen.size > 60 && [...seen].every((file) => existsSync(file)))
  assert.deepEqual(new Set(outside), new Set(['node:crypto']))
  const layers = new Set([...seen].map((file) => file.split('/').slice(0, 2).join('/')))
  assert.ok(!layers.has('src/adapters') && !layers.has('src/server') && !layers.has('src/runtime'))
})
