import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { FakeNode } from '../../test/support/fake-node.ts'
import { runCli } from '../../test/support/run-cli.ts'
import type { CheckFacts, Finding } from './check-rules.ts'
import { judge, parseMetrics, worst } from './check-rules.ts'

const fake = new FakeNode()
const NOW_MS = 1_800_000_000_000
const DAY = 86_400

/** A cluster of which all is well, and one node with these metrics. */
function facts(page = '', change: Partial<CheckFacts> = {}): CheckFacts {
  const members = fake.clusterJson.members.map((member) => ({ ...member, state: 'alive' as const }))
  return {
    cluster: { ...fake.clusterJson, members },
    layout: fake.layoutJson,
    health: {
      ...fake.healthJson,
      status: 'healthy',
      partitions: { total: 8, withQuorum: 8, allUp: 8 },
    },
    nodes: [{ name: 'node1', metrics: parseMetrics(page) }],
    nowMs: NOW_MS,
    ...change,
  }
}

function found(what: string, given: CheckFacts): Finding {
  const finding = judge(given).find((one) => one.what === what)
  assert.ok(finding !== undefined, what)
  return finding
}

const levelOf = (what: string, given: CheckFacts): string => found(what, given).level

describe('what is checked', () => {
  test('a cluster of which all is well has nothing that needs attention', () => {
    assert.equal(worst(judge(facts())), 'ok')
  })

  test('a member that is not up, or drains, is a warning by name', () => {
    const { cluster } = facts()
    const [first, second, ...rest] = cluster.members
    const members = [
      { ...first!, state: 'dead' as const },
      { ...second!, draining: true as const },
      ...rest,
    ]
    const { level, text } = found('members', facts('', { cluster: { ...cluster, members } }))
    assert.equal(level, 'warning')
    assert.match(text, /node1 dead, node2 draining/)
  })

  test('a partition without a quorum is critical, one without a replica a warning', () => {
    const { health } = facts()
    const of = (withQuorum: number, allUp: number) =>
      levelOf(
        'partitions',
        facts('', { health: { ...health, partitions: { total: 8, withQuorum, allUp } } }),
      )
    assert.deepEqual([of(8, 8), of(8, 7), of(7, 7)], ['ok', 'warning', 'critical'])
  })

  test('a move is a warning, and critical when it waits for a node that is not up', () => {
    const { cluster, layout } = facts()
    const waiting = [cluster.members[2]!.id]
    const previous = { roles: layout.roles, table: layout.table }
    const progress = { synced: [], acked: [], partitions: 1, changing: [0], previous }
    const moving = { from: 2, phase: 'filling' as const, waiting, ...progress }
    const moves = { layout: { ...layout, moving } }
    assert.equal(levelOf('layout', facts('', moves)), 'warning')
    const members = [
      ...cluster.members.slice(0, 2),
      { ...cluster.members[2]!, state: 'dead' as const },
    ]
    const stuck = found('layout', facts('', { ...moves, cluster: { ...cluster, members } }))
    assert.equal(stuck.level, 'critical')
    assert.match(stuck.text, /node3/)
  })

  test('each figure of a node has its bounds', () => {
    const disk = (free: number) =>
      `dnd_disk_bytes{of="free"} ${free}\ndnd_disk_bytes{of="total"} 100`
    const certificate = (days: number) =>
      `dnd_http_certificate_expiry_timestamp_seconds ${NOW_MS / 1000 + days * DAY}`
    const room = (bytes: number) => `dnd_hints_bytes ${bytes}\ndnd_hints_bytes_max 100`
    const cases: readonly (readonly [what: string, page: string, level: string])[] = [
      ['disk', disk(50), 'ok'],
      ['disk', disk(19), 'warning'],
      ['disk', disk(9), 'critical'],
      ['certificate', certificate(30), 'ok'],
      ['certificate', certificate(10), 'warning'],
      ['certificate', certificate(2), 'critical'],
      ['hints', 'dnd_hints_waiting{target="a"} 2\ndnd_hints_waiting{target="b"} 3', 'warning'],
      ['hints', room(89), 'ok'],
      ['hints', room(90), 'critical'],
      ['repair', 'dnd_partitions_doubtful 1', 'warning'],
      ['clocks', 'dnd_clock_skew_total 1', 'warning'],
      ['storage', 'dnd_store_failures_total 1', 'warning'],
    ]
    for (const [what, page, level] of cases) assert.equal(levelOf(what, facts(page)), level, page)
    assert.match(found('hints', facts(cases[6]![1])).text, /^5 wait/)
  })

  test('versions that differ, and a node that tells nothing, are warnings', () => {
    const { cluster } = facts()
    const [first, ...rest] = cluster.members
    const members = [{ ...first!, version: '0.2.0' }, ...rest]
    assert.equal(levelOf('versions', facts('', { cluster: { ...cluster, members } })), 'warning')
    const nodes = [{ name: 'node2', metrics: undefined }]
    assert.match(found('nodes', facts('', { nodes })).text, /node2/)
  })
})

describe('dnd check', () => {
  let server: string
  before(async () => {
    server = await fake.start()
    fake.intercept = ({ path }) =>
      path.endsWith('/metrics') ? { status: 200, text: 'dnd_ready 1\n' } : undefined
  })
  after(() => fake.stop())

  test('ends with the most urgent level, and prints a line for each', async () => {
    const { code, out } = await runCli(['check'], { server })
    assert.equal(code, 1)
    assert.match(out, /^WARNING\n/)
    assert.match(out, /warning {2}members +of 3: node3 dead/)
    fake.healthJson = { ...fake.healthJson, status: 'unavailable' }
    const json = await runCli(['check', '--json'], { server })
    assert.equal(json.code, 2)
    assert.equal((JSON.parse(json.out) as { level: string }).level, 'critical')
  })

  test('ends with 3 when no node can be asked', async () => {
    const { code, err } = await runCli(['check'], { server: 'http://127.0.0.1:9' })
    assert.equal(code, 3)
    assert.match(err, /no connection/)
  })
})
