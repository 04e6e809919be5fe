import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { ClusterJson, HealthJson, MemberJson } from '../../packages/client/src/api.ts'
import { FakeNode } from '../../test/support/fake-node.ts'
import type { CliOptions } from '../../test/support/run-cli.ts'
import { runCli } from '../../test/support/run-cli.ts'
import { memberTable } from './member-table.ts'
import { Terminal } from './terminal.ts'

const PLAIN = new Terminal(new PassThrough(), {})

let node: FakeNode
let server: string

before(async () => {
  node = new FakeNode()
  server = await node.start()
})
after(() => node.stop())

/** node1 to node3, all well; node1 answers. */
let healthy: ClusterJson
beforeEach(() => {
  healthy = {
    cluster: 'c'.repeat(32),
    self: 'a1'.repeat(8),
    encryption: { mode: 'required', key: '0badcafe' },
    members: [1, 2, 3].map((n) => ({
      id: `a${n}`.repeat(8),
      name: `node${n}`,
      state: 'alive',
      since: ago(3 * MINUTE),
      zone: 'default',
      weight: 100,
      addresses: { cluster: `127.0.0.1:${5000 + n}`, http: `127.0.0.1:${6000 + n}` },
      generation: 1_795_337_460 + n,
      incarnation: 0,
      version: '0.1.0',
      localHealth: 0,
      ...(n === 1 ? {} : { roundTripMs: 0.412 }),
    })),
  }
  const roles = healthy.members.map(({ id }) => ({ node: id, zone: 'default', weight: 100 }))
  node.layoutJson = { ...node.layoutJson, roles }
})

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

function ago(ms: number): string {
  return new Date(Date.now() - ms).toISOString()
}

async function status(
  cluster: ClusterJson,
  args: readonly string[] = [],
  options: CliOptions = {},
): Promise<string> {
  node.clusterJson = cluster
  const { code, out, err } = await runCli(['status', ...args], { server, ...options })
  assert.deepEqual([code, err], [0, ''])
  return out
}

function withMember(n: number, change: Partial<MemberJson>): ClusterJson {
  const members = healthy.members.map((member, i) =>
    i === n - 1 ? { ...member, ...change } : member,
  )
  return { ...healthy, members }
}

/** The cells of the table, by name of member and head of column. */
function cellOf(out: string, name: string, head: string): string {
  const lines = out.split('\n')
  const heads = lines.find((line) => line.startsWith('NAME'))!
  const row = lines.find((line) => line.startsWith(name))!
  const start = heads.search(new RegExp(`\\b${head}\\b`))
  assert.ok(start >= 0, `no column ${head} in ${heads}`)
  const next = heads.slice(start).search(/ {2}(?=\S)/)
  return row.slice(start, next < 0 ? undefined : start + next).trim()
}

/** What stands between the table and the last line. */
function notesOf(out: string): string {
  return out.split('\n\n').slice(2, -1).join('\n\n')
}

describe('the table of members', () => {
  test('a healthy cluster fits into 100 columns, with nothing to note', async () => {
    const out = await status(healthy)
    assert.match(
      out,
      /\nNAME +STATE +SINCE +ZONE +HEALTH +RTT +VERSION +HTTP\nnode1 \* +alive +3 m ago +default +ok +- +0\.1\.0 +127\.0\.0\.1:6001\nnode2 +alive +3 m ago +default +ok +0\.4 ms +0\.1\.0 +127\.0\.0\.1:6002\n/,
    )
    assert.ok(out.split('\n').every((line) => line.length <= 100))
    assert.equal(notesOf(out), '')
    assert.match(out, /\n\n\* answered this question\n$/)
  })

  test('a suspect is shown with those who suspect it, and many of them are counted', async () => {
    const two = withMember(3, { state: 'suspect', suspectedBy: ['a1'.repeat(8), 'a2'.repeat(8)] })
    assert.match(await status(two), /\nnode3 +suspect \(by node1, node2\) /)
    const five = ['a1', 'a2', 'b1', 'b2', 'b3'].map((two) => two.repeat(8))
    const many = withMember(3, { state: 'suspect', suspectedBy: five })
    assert.match(
      await status(many),
      /\nnode3 +suspect \(by node1, node2, b1b1b1b1b1b1b1b1 and 2 more\) /,
    )
    assert.match(await status(withMember(3, { state: 'suspect' })), /\nnode3 +suspect {2,}\d/)
  })

  test('the time in a state is told in the largest unit, and clocks that differ tell no tales', () => {
    const cases: readonly [number, string][] = [
      [-10 * SECOND, 'just now'],
      [999, 'just now'],
      [12 * SECOND, '12 s ago'],
      [HOUR - 1, '59 m ago'],
      [5 * HOUR, '5 h ago'],
      [400 * DAY, '400 d ago'],
    ]
    const nowMs = Date.UTC(2024, 0, 1)
    for (const [ms, expected] of cases) {
      const { members, self } = withMember(2, { since: new Date(nowMs - ms).toISOString() })
      const { text } = memberTable(members, { self, wide: false, nowMs }, PLAIN)
      assert.equal(cellOf(text, 'node2', 'SINCE'), expected)
    }
  })

  test('health is ok, slow by how much, degraded, or unknown', async () => {
    const { localHealth: _, ...unheard } = healthy.members[1]!
    const health = async (cluster: ClusterJson): Promise<string> =>
      cellOf(await status(cluster), 'node2', 'HEALTH')
    assert.equal(await health(withMember(2, { localHealth: 3 })), 'slow 3')
    assert.equal(await health(withMember(2, { localHealth: 3, degraded: true })), 'degraded')
    assert.equal(
      await health({ ...healthy, members: [healthy.members[0]!, unheard, healthy.members[2]!] }),
      '-',
    )
  })

  test('round trips are told in milliseconds, as exactly as they matter', async () => {
    for (const [ms, text] of [
      [0.02, '<0.1 ms'],
      [9.94, '9.9 ms'],
      [151.7, '152 ms'],
    ] as const)
      assert.equal(cellOf(await status(withMember(2, { roundTripMs: ms })), 'node2', 'RTT'), text)
  })

  test('of a member that is gone, what it once said of itself is not shown as if it were so', async () => {
    for (const state of ['dead', 'left'] as const) {
      const out = await status(withMember(3, { state, localHealth: 0, roundTripMs: 1 }))
      assert.equal(cellOf(out, 'node3', 'STATE'), state)
      assert.deepEqual([cellOf(out, 'node3', 'HEALTH'), cellOf(out, 'node3', 'RTT')], ['-', '-'])
    }
  })

  test('--wide shows all there is, also where there is no room', async () => {
    const out = await status(healthy, ['--wide'], { tty: true, env: { NO_COLOR: '1' } })
    const expected = {
      CLUSTER: '127.0.0.1:5002',
      WEIGHT: '100',
      GENERATION: '1795337462',
      INCARNATION: '0',
      ID: 'a2a2a2a2a2a2a2a2',
    }
    for (const [head, cell] of Object.entries(expected))
      assert.equal(cellOf(out, 'node2', head), cell)
  })

  test('members are in order of their names, as people count', async () => {
    const names = ['node10', 'node9', 'node1']
    const members = healthy.members.map((member, i) => ({ ...member, name: names[i]! }))
    const out = await status({ ...healthy, members })
    assert.match(out, /\nnode1 .*\nnode9 .*\nnode10 \* /)
  })

  test('control characters of others do not reach the terminal', async () => {
    const evil = 'n\u001b[2J\u0007'
    const change = {
      name: evil,
      zone: evil,
      version: evil,
      degraded: true,
      flapping: true,
    } as const
    const cluster = { ...withMember(2, change), clonedBy: evil }
    for (const args of [[], ['--wide']]) {
      const out = await status(cluster, args)
      assert.ok(!out.includes('\u001b') && !out.includes('\u0007'))
      assert.match(out, /n\\x1b\[2J\\x07/)
    }
  })
})

describe('in a narrow terminal', () => {
  const narrow = (columns: number): CliOptions => ({ tty: true, columns, env: { NO_COLOR: '1' } })

  test('columns give way, the least needed first, and are named', async () => {
    const out = await status(healthy, [], narrow(50))
    assert.match(out, /\nNAME +STATE +SINCE +HEALTH +HTTP\n/)
    assert.match(out, /; no room for version,\nzone, rtt: see --wide\n$/)
    const table = out.split('\n').filter((line) => /^(NAME|node)/.test(line))
    assert.ok(table.every((line) => line.length <= 50))
  })

  test('sentences break between words', async () => {
    const notes = notesOf(await status({ ...healthy, clonedBy: '10.0.0.9:5001' }, [], narrow(40)))
    const lines = notes.split('\n')
    assert.ok(lines.length > 3 && lines.every((line) => line.length <= 40))
    assert.match(
      notes.replaceAll('\n', ' '),
      / listens on 10\.0\.0\.9:5001: both refuse all writes\. /,
    )
  })

  test('who is in which state is shown, come what may', async () => {
    const out = await status(healthy, [], narrow(10))
    assert.match(out, /\nNAME +STATE\nnode1 \* +alive\nnode2 +alive\n/)
  })

  test('colours take no room', async () => {
    const plain = await status(healthy, [], narrow(80))
    const painted = await status(healthy, [], { tty: true, columns: 80, env: {} })
    assert.ok(painted.includes('\u001b[32malive'))
    // eslint-disable-next-line no-control-regex
    assert.equal(painted.replaceAll(/\u001b\[\d+m/g, ''), plain)
  })
})

describe('the summary', () => {
  test('misses those who are dead, and not those who have left', async () => {
    assert.match(await status(withMember(3, { state: 'dead' })), /\nmembers +2 of 3 alive\n/)
    assert.match(
      await status(withMember(3, { state: 'left' })),
      /\nmembers +2 of 2 alive, 1 left\n/,
    )
  })

  test('says how the traffic between nodes is encrypted, and with which key', async () => {
    assert.match(await status(healthy), /\nencryption {2}required, primary key 0badcafe\n/)
    assert.match(await status({ ...healthy, encryption: { mode: 'off' } }), /\nencryption {2}off\n/)
  })
})

describe('notes', () => {
  test('a clone is told first, in red, with what to do', async () => {
    const cluster = { ...withMember(2, { degraded: true }), clonedBy: '10.0.0.9:5001' }
    const notes = notesOf(await status(cluster))
    assert.match(
      notes,
      /^Another process has the identity of node1 and listens on 10\.0\.0\.9:5001: both refuse all writes\. Stop one of the two/,
    )
    const painted = await status(cluster, [], { tty: true, columns: 100 })
    assert.match(painted, /\u001b\[31mAnother process/)
  })

  test('a leave is told as far as it has come', async () => {
    const cases = {
      waiting: 'node1 is leaving: it waits for a layout without it.',
      moving: 'node1 is leaving: the others are taking over its data.',
      telling: 'node1 is leaving: the others have its data, and it waits until all of them know.',
      left: 'node1 has left: its process can end.',
    } as const
    for (const [leaving, note] of Object.entries(cases))
      assert.equal(notesOf(await status({ ...healthy, leaving: leaving as 'left' })), note)
  })

  test('a node that takes the place of a lost one is told with how far it is, by itself and by others', async () => {
    const lost = healthy.members[2]!.id
    const dead = withMember(3, { state: 'dead' })
    const cases = {
      looking: 'it looks for that node.',
      dying: 'it waits until the others hold that node dead.',
      planning: 'it waits for a layout in which it has its places.',
      filling: /^it is filled from the other replicas, and reads and writes go to those/,
    } as const
    for (const [phase, expected] of Object.entries(cases)) {
      const replacing = { phase: phase as 'filling', lost }
      const note = notesOf(await status({ ...dead, replacing }))
      const [, says] = /^node1 takes the place of node3: (.*)$/.exec(note) ?? assert.fail(note)
      if (typeof expected === 'string') assert.equal(says, expected)
      else assert.match(says!, expected)
    }
    const before = node.layoutJson
    const { roles, table } = before
    const moving = {
      ...{ from: 2, phase: 'filling' as const, synced: [], acked: [], waiting: [healthy.self] },
      ...{ partitions: 1, changing: [5], lost: [lost] },
      previous: { roles: roles.slice(1), table },
    }
    node.layoutJson = { ...before, moving }
    const told = notesOf(await status(dead))
    node.layoutJson = before
    assert.equal(
      told,
      'The data of node3 is gone; node1 is filled in its place. To see how far: dnd status --server http://127.0.0.1:6001.',
    )
  })

  test('of one that was removed it is told who still takes over what it held', async () => {
    const before = node.layoutJson
    const { roles, table } = before
    const [one, two, lost] = healthy.members.map(({ id }) => id) as [string, string, string]
    const moving = {
      ...{ from: 2, phase: 'filling' as const, synced: [], acked: [], waiting: [one, two] },
      ...{ partitions: 1, changing: [5], previous: { roles, table }, lost: [lost] },
    }
    node.layoutJson = { ...before, roles: roles.slice(0, 2), moving }
    assert.match(
      notesOf(await status(withMember(3, { state: 'dead' }))),
      /^The data of node3 is gone; the others copy .* Not done yet: node1, node2\. To see how far/,
    )
    node.layoutJson = { ...node.layoutJson, moving: { ...moving, partitions: 0 } }
    assert.match(await status(healthy), /\nlayout +version 3; not yet confirmed by 2 nodes\n/)
    node.layoutJson = before
  })

  test('members that are badly connected, and those that come and go, are named', async () => {
    const one = withMember(2, { degraded: true })
    const both = {
      ...one,
      members: one.members.map((member, i) =>
        i === 2 ? { ...member, flapping: true as const } : member,
      ),
    }
    const [degraded, flapping] = notesOf(await status(both)).split('\n')
    assert.match(degraded!, /^Slow or badly connected: node2\. Others are asked first/)
    assert.match(flapping!, /^Coming and going: node3\. Others are asked first/)
  })

  test('who is there and has no share is named, and how it gets one by hand', async () => {
    const { layoutJson } = node
    const lists = (roles: typeof layoutJson.roles): void => {
      node.layoutJson = { ...layoutJson, roles }
    }
    lists(layoutJson.roles.slice(0, 1))
    assert.equal(
      notesOf(await status(withMember(3, { state: 'dead' }))),
      'Without a share of the data: node2. With --manual-layout, "dnd layout plan" shows what it would get.',
    )
    assert.match(notesOf(await status(healthy)), /: node2, node3\. .* what they would get\.$/)
    lists(layoutJson.roles.slice(1))
    assert.doesNotMatch(notesOf(await status({ ...healthy, leaving: 'telling' })), /share/)
  })

  test('while some are not upgraded it is told who holds the others back', async () => {
    const one = withMember(2, { protocol: 5 })
    const members = one.members.map((member) => ({ protocol: 6, ...member }))
    assert.equal(
      notesOf(await status({ ...one, members, protocol: 5 })),
      'Protocol 5 is spoken, and no change of the layout begins, until these are upgraded: node2.',
    )
    const all = members.map((member) => ({ ...member, protocol: 6 }))
    assert.equal(notesOf(await status({ ...one, members: all, protocol: 6 })), '')
  })

  test('different versions are told with who runs which, and those that are gone do not count', async () => {
    assert.equal(
      notesOf(await status(withMember(2, { version: '0.2.0' }))),
      'The members run different versions: 0.1.0 (node1, node3), 0.2.0 (node2).',
    )
    assert.equal(notesOf(await status(withMember(2, { version: '0.2.0', state: 'left' }))), '')
  })
})

test('JSON is what the node says of the cluster, with health and layout', async () => {
  const cluster = { ...withMember(2, { degraded: true }), leaving: 'moving' as const }
  const { health, layout, ...rest } = JSON.parse(await status(cluster, ['--json'])) as Record<
    string,
    unknown
  >
  assert.deepEqual(rest, cluster)
  assert.deepEqual(health, node.healthJson)
  assert.deepEqual(layout, { version: 3, moving: null })
})

describe('the progress of a transfer', () => {
  async function withHealth(change: Partial<HealthJson>): Promise<string> {
    const before = node.healthJson
    node.healthJson = { ...before, ...change }
    try {
      return await status(healthy)
    } finally {
      node.healthJson = before
    }
  }
  const MIB = 1024 * 1024

  test('is told in partitions, bytes, rate and time left', async () => {
    const progress = {
      ...{ partitions: 64, done: 6, read: { records: 900, bytes: 120 * MIB } },
      ...{ expected: { records: 4_000, bytes: 480 * MIB }, bytesPerSecond: 24 * MIB },
      secondsLeft: 15,
    }
    const out = await withHealth({ transfers: { pending: 58, records: 450, progress } })
    assert.match(out, /\ntransfer {4}58 partitions of 64 to pull, 450 records pulled\n/)
    assert.match(
      out,
      /\n {12}120\.0 MiB of about 480\.0 MiB read from the old owners, 24\.0 MiB\/s, about 15 s left\n/,
    )
  })

  test('leaves out what is not known', async () => {
    const progress = { partitions: 64, done: 0, read: { records: 1, bytes: 512 } }
    const out = await withHealth({ transfers: { pending: 64, records: 0, progress } })
    assert.match(out, /\n {12}512 B read from the old owners\n/)
    const silent = await withHealth({ transfers: { pending: 64, records: 0 } })
    assert.match(silent, /\ntransfer {4}64 partitions to pull, 0 records pulled\n/)
    assert.doesNotMatch(silent, /old owners|data {4}/)
  })

  test('stands beside about how much the node holds', async () => {
    const stored = { partitions: 8, records: 1_000, bytes: 3 * MIB }
    assert.match(
      await withHealth({ stored }),
      /\ndata {8}about 1,000 records, 3\.0 MiB in 8 partitions of this node\n/,
    )
    const none = { partitions: 0, records: 0, bytes: 0 }
    assert.match(await withHealth({ stored: none }), /\ndata {8}not counted yet on this node\n/)
  })
})
