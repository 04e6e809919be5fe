/** Layouts changed by hand, by one operator and by two, as `dnd layout` and `dnd remove` do it. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { LayoutJson } from '../../packages/client/src/api.ts'
import type { LayoutHistoryJson, LayoutPlanJson } from '../../packages/client/src/layout-api.ts'
import type { RealNode } from '../support/real-cluster.ts'
import { eventually, getJson, membersOf, RealCluster } from '../support/real-cluster.ts'
import type { CliResult } from '../support/run-cli.ts'
import { runCli } from '../support/run-cli.ts'

const KEYS = Array.from({ length: 300 }, (_, i) => `k${i}`)

/** The command line, talking to that node. */
function dnd(node: RealNode, ...args: readonly string[]): Promise<CliResult> {
  return runCli(args, { server: node.url })
}

async function done(node: RealNode, ...args: readonly string[]): Promise<string> {
  const { code, out, err } = await dnd(node, ...args)
  assert.equal(code, 0, `dnd ${args.join(' ')}: ${out}${err}`)
  return out
}

async function layoutOf({ url }: RealNode): Promise<LayoutJson> {
  return (await getJson(`${url}/layout`)) as LayoutJson
}

/** Waits until all who run have that version, and nothing moves. */
async function settled(cluster: RealCluster, version: number): Promise<void> {
  const running = cluster.nodes.filter((node) => node.running)
  await eventually(`layout ${version} on all nodes, at rest`, async () => {
    const layouts = await Promise.all(running.map(layoutOf))
    const isDone = layouts.every((each) => each.version === version && each.moving === undefined)
    return isDone || undefined
  })
}

async function history(node: RealNode): Promise<LayoutHistoryJson['layouts']> {
  const { layouts } = JSON.parse(
    await done(node, 'layout', 'history', '--json'),
  ) as LayoutHistoryJson
  return layouts
}

async function fill(node: RealNode): Promise<void> {
  for (const key of KEYS) {
    const response = await fetch(`${node.url}/kv/${key}`, { method: 'PUT', body: `v ${key}` })
    assert.equal(response.status, 200, await response.text())
  }
}

async function assertReadable(nodes: readonly RealNode[]): Promise<void> {
  for (const node of nodes.filter(({ running }) => running))
    for (const key of KEYS) {
      const response = await fetch(`${node.url}/kv/${key}`)
      assert.equal(await response.text(), `v ${key}`, `${key} at ${node.name}`)
    }
}

/** Waits until `by` holds the other dead. */
/** By all: one alone may learn from another of a last sign of life, and hold it alive again. */
async function heldDead({ nodes }: RealCluster, dead: RealNode): Promise<void> {
  const running = nodes.filter((node) => node.running)
  await eventually(`${dead.name} is held dead by all`, async () => {
    const views = await Promise.all(running.map(membersOf))
    const states = views.map((view) => view.find(({ name }) => name === dead.name)?.state)
    return states.every((state) => state === 'dead') || undefined
  })
}

async function plannedHash(node: RealNode, ...args: readonly string[]): Promise<string> {
  const out = await done(node, 'layout', 'plan', '--json', ...args)
  return (JSON.parse(out) as LayoutPlanJson).plan!.hash
}

test('by hand a cluster grows, goes back, changes roles and gives up a dead node, and every key stays', async (t) => {
  const cluster = await RealCluster.start(0, ['--manual-layout'])
  t.after(() => cluster.close())
  for (let i = 0; i < 3; i++) await cluster.add()
  const [one, two, three] = cluster.nodes as [RealNode, RealNode, RealNode]
  assert.match(await done(one, 'status'), /\nWithout a share of the data: node2, node3\./)
  assert.match(await done(one, 'layout', 'apply'), /\nLayout 2 is chosen/)
  await settled(cluster, 2)
  await fill(one)

  const four = await cluster.add()
  await eventually('everybody knows node4', async () => {
    const views = await Promise.all(cluster.nodes.map((node) => membersOf(node)))
    return views.every((members) => members.length === 4) || undefined
  })
  const plan = await done(two, 'layout', 'plan')
  assert.match(plan, /\nnode4 +default +100 +0 +192 +\+192\n/)
  assert.match(plan, /\n192 replicas to copy \(192 at least\)/)
  assert.equal((await layoutOf(two)).version, 2, 'looking changes nothing')
  assert.equal((await layoutOf(four)).roles.length, 3)

  // Two operators, two nodes, one plan: both have it, and it is one.
  const hash = await plannedHash(one)
  const apply = ['layout', 'apply', '--expect', hash]
  await Promise.all([done(one, ...apply), done(three, ...apply)])
  await settled(cluster, 3)
  await assertReadable(cluster.nodes)
  assert.match(await done(two, ...apply), /^Layout 3 .* is in force already/)

  assert.match(await done(three, 'layout', 'revert'), /\nnode4 +goes +192 +0 +-192\n/)
  await settled(cluster, 4)
  assert.equal((await layoutOf(one)).roles.length, 3)
  await assertReadable(cluster.nodes)

  // Two operators with different plans: one of them is told that he was too late.
  const wishes = [
    [one, '--weight', 'node2=200'],
    [two, '--weight', 'node3=300'],
  ] as const
  const answers = await Promise.all(
    wishes.map(([node, ...roles]) => dnd(node, 'layout', 'apply', ...roles)),
  )
  assert.deepEqual(answers.map(({ code }) => code).sort(), [0, 1], JSON.stringify(answers))
  const { err } = answers.find(({ code }) => code === 1)!
  assert.match(err, /was chosen instead of|look at the plan again|still moves/)
  await settled(cluster, 5)
  const five = await Promise.all(cluster.nodes.map(async (node) => (await history(node)).at(-1)))
  assert.equal(new Set(five.map((entry) => entry?.hash)).size, 1)
  await assertReadable(cluster.nodes)

  const roles = ['--weight', 'node4=50', '--zone', 'node1=north', '--zone', 'node2=east']
  const shown = await done(four, 'layout', 'plan', ...roles)
  assert.match(shown, /\nnode1 +default → north /)
  assert.match(shown, /\nnode4 +default +100 → 50 /)
  await done(four, 'layout', 'apply', ...roles, '--expect', await plannedHash(four, ...roles))
  await settled(cluster, 6)
  assert.deepEqual(
    new Set((await layoutOf(one)).roles.map(({ zone }) => zone)),
    new Set(['north', 'east', 'default']),
  )
  await assertReadable(cluster.nodes)

  await three.end('SIGKILL')
  const early = await dnd(one, 'remove', 'node3')
  assert.deepEqual([early.code, early.out], [1, ''])
  assert.match(early.err, /^dnd: node3 \([0-9a-f]{16}\) is up/)
  await heldDead(cluster, three)
  assert.match(await done(one, 'remove', 'node3'), /^node3 is out of the layout/)
  await settled(cluster, 7)
  await assertReadable(cluster.nodes)

  const changes = (await history(one)).map(({ version, roles: { length } }) => [version, length])
  assert.deepEqual(changes, [
    [1, 1],
    [2, 3],
    [3, 4],
    [4, 3],
    [5, 4],
    [6, 4],
    [7, 3],
  ])
  assert.match(await done(four, 'layout', 'history'), /\n7 .* -node3\n$/)
})

test('what only a dead node held is given up by one who says so in words', async (t) => {
  const cluster = await RealCluster.start(1, ['--replicas', '1', '--partitions', '16'])
  t.after(() => cluster.close())
  cluster.flags = []
  await cluster.addAll(2)
  await cluster.settled()
  const [one, two, three] = cluster.nodes as [RealNode, RealNode, RealNode]
  await fill(one)
  const before = await layoutOf(one)
  const { id } = (await membersOf(one)).find(({ name }) => name === 'node3')!
  const held = before.table.filter(([only]) => only === id).length
  await three.end('SIGKILL')
  await heldDead(cluster, three)
  const words = `lose ${held} partitions`
  const refused = await dnd(one, 'remove', 'node3')
  assert.equal(refused.code, 1)
  assert.match(refused.err, new RegExp(`--confirm "${words}"`))
  assert.equal((await dnd(one, 'remove', 'node3', '--confirm', 'lose it all')).code, 1)
  assert.ok((await layoutOf(one)).roles.some(({ node }) => node === id))

  await done(two, 'remove', 'node3', '--confirm', words)
  await settled(cluster, before.version + 1)
  let lost = 0
  for (const key of KEYS) {
    const responses = await Promise.all([one, two].map(({ url }) => fetch(`${url}/kv/${key}`)))
    const [a, b] = responses.map(({ status }) => status)
    assert.equal(a, b, key)
    if (a === 404) lost++
    else for (const each of responses) assert.equal(await each.text(), `v ${key}`)
  }
  t.diagnostic(`${lost} of ${KEYS.length} keys were on the ${held} of 16 partitions of node3`)
  assert.ok(lost > 0 && lost < KEYS.length)
  assert.equal(
    (await fetch(`${two.url}/kv/${KEYS[0]}`, { method: 'PUT', body: 'new' })).status,
    200,
  )
})

test('a node whose store was emptied helps to choose no layout that it may have had a say in', async (t) => {
  const cluster = await RealCluster.start(3)
  t.after(() => cluster.close())
  const [one, two, three] = cluster.nodes as [RealNode, RealNode, RealNode]
  await fill(one)
  const { version } = await layoutOf(one)
  await three.end()
  rmSync(join(three.data, 'store'), { recursive: true })
  await cluster.restart(three)
  assert.match(three.log, /the store has less than this node has known/)
  await eventually(
    'the others tell node3',
    async () => (await layoutOf(three).catch(() => undefined))?.version === version || undefined,
  )
  await two.end('SIGKILL')
  await heldDead(cluster, two)
  const apply = ['layout', 'apply', '--zone', 'node1=north']
  const alone = await dnd(one, ...apply)
  assert.equal(alone.code, 1, alone.out)
  assert.match(alone.err, /no majority of the nodes .*nor does one that has lost its store/)

  await cluster.restart(two)
  await eventually('node2 takes part again', async () => {
    const { code } = await dnd(one, ...apply)
    return code === 0 || undefined
  })
  await settled(cluster, version + 1)
  await two.end('SIGKILL')
  await heldDead(cluster, two)
  // Nobody has ever asked it about the version after that.
  await done(one, 'layout', 'apply', '--zone', 'node1=south')
  await assertReadable(cluster.nodes)
})
