import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { RepairRunJson } from '../../packages/client/src/api.ts'
import { FakeNode } from '../../test/support/fake-node.ts'
import { runCli } from '../../test/support/run-cli.ts'

const STARTED = '2026-01-02T03:04:05.000Z'
const RUN: RepairRunJson = {
  ...{ run: 3, startedAt: STARTED, partitions: 256, comparisons: 512, done: 0, failed: 0 },
  ...{ unreachable: [], found: 0, foundByOthers: 0, received: 0, sent: 0 },
}
const DONE: RepairRunJson = { ...RUN, done: 512, finishedAt: '2026-01-02T03:05:05.000Z' }

let node: FakeNode
let other: FakeNode
let server: string

before(async () => {
  node = new FakeNode()
  other = new FakeNode()
  server = await node.start()
  const own = server.replace('http://', '')
  const address = (await other.start()).replace('http://', '')
  const [self, second] = node.clusterJson.members
  node.clusterJson = {
    ...node.clusterJson,
    members: [
      { ...self!, state: 'alive', addresses: { ...self!.addresses, http: own } },
      { ...second!, state: 'alive', addresses: { ...second!.addresses, http: address } },
    ],
  }
})
after(async () => {
  await node.stop()
  await other.stop()
})
beforeEach(() => {
  node.requests.length = 0
  other.requests.length = 0
})

/** Begins a run and tells of its steps, the last one for ever. */
function plays(on: FakeNode, ...steps: readonly RepairRunJson[]): void {
  let next = 0
  on.intercept = ({ method, path }) => {
    if (!path.startsWith('/repair')) return undefined
    if (method === 'POST') return { status: 202, json: RUN }
    const run = steps[Math.min(next++, steps.length - 1)]!
    const counts = { treesMissing: 0, doubtful: 0, recordsChecked: 0, recordsBroken: 0, active: 0 }
    return { status: 200, json: { node: 'x', name: 'x', runs: [run], ...counts } }
  }
}

const repair = (...args: readonly string[]): ReturnType<typeof runCli> =>
  runCli(['repair', ...args], { server })

describe('repair', () => {
  test('asks every node, looks on until all are done, and says that nothing differed', async () => {
    plays(node, RUN, DONE)
    plays(other, DONE)
    const { code, out } = await repair()
    assert.equal(code, 0)
    assert.match(out, /no differences/)
    assert.equal(out.match(/512 of 512/g)?.length, 2)
  })

  test('adds up what was found, each difference once', async () => {
    plays(node, { ...DONE, found: 3, foundByOthers: 4, received: 2, sent: 1 })
    plays(other, { ...DONE, found: 4, foundByOthers: 3 })
    const { code, out } = await repair()
    assert.equal(code, 0)
    assert.match(out, /7 keys differed and are repaired/)
  })

  test('of one node alone what others found counts as well', async () => {
    plays(node, { ...DONE, found: 3, foundByOthers: 4 })
    const name = node.clusterJson.members[0]!.name
    const { out } = await repair('--node', name, '--json')
    const told = JSON.parse(out) as { differences: number; nodes: readonly unknown[] }
    assert.deepEqual([told.differences, told.nodes.length], [7, 1])
    assert.deepEqual(other.requests, [])
  })

  test('fails, and names who was not up, when something was not compared', async () => {
    const [, second] = node.clusterJson.members
    plays(node, { ...DONE, done: 256, failed: 256, unreachable: [second!.id] })
    plays(other, DONE)
    const { code, out } = await repair()
    assert.equal(code, 1)
    assert.match(out, new RegExp(`Not compared: 256 comparisons with ${second!.name}`))
  })

  test('with --no-wait only begins it', async () => {
    plays(node, RUN)
    plays(other, RUN)
    const { code, out } = await repair('--no-wait', '--bucket', 'carts', '--prefix', 'user:')
    assert.equal(code, 0)
    assert.match(out, /repair begun on .*1,024 comparisons to make/)
    const asked = node.requests.filter(({ path }) => path === '/repair')
    assert.deepEqual(
      asked.map(({ query }) => [query.get('bucket'), query.get('prefix')]),
      [['carts', 'user:']],
    )
  })

  test('a node that was started again has forgotten its repair', async () => {
    plays(node, { ...RUN, startedAt: '2026-01-02T03:09:05.000Z' })
    plays(other, DONE)
    const { code, err } = await repair()
    assert.equal(code, 1)
    assert.match(err, /stopped before its repair was done/)
  })

  test('a node that does not exist is refused by name', async () => {
    const { code, err } = await repair('--node', 'nobody')
    assert.equal(code, 2)
    assert.match(err, /no node nobody/)
  })
})
