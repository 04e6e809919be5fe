import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import type { ClusterJson, RoleJson } from '../../packages/client/src/api.ts'
import type { LayoutPlanJson } from '../../packages/client/src/layout-api.ts'
import { changesText, planText } from './plan-text.ts'
import { Terminal } from './terminal.ts'

const NAMES = ['node10', 'node2', 'node1']
const MEMBERS = NAMES.map((name, i) => ({ id: `id${i}`, name }))
const CLUSTER = { members: MEMBERS } as unknown as ClusterJson

function roleOf(i: number, weight = 100, zone = 'z'): RoleJson {
  return { node: `id${i}`, zone, weight }
}

function screen(columns: number, isTTY = true): Terminal {
  return new Terminal(Object.assign(new Writable(), { isTTY, columns }), {})
}

const SHOWN = { cluster: CLUSTER, roles: [roleOf(1), roleOf(2)], out: screen(80, false) }
const GROWING: LayoutPlanJson = {
  from: { version: 4, hash: '9be1c2d0' },
  plan: { version: 5, hash: '5f0c11ab', roles: [roleOf(0), roleOf(1, 300, 'east')] },
  ...{ moves: 64, leastMoves: 64 },
  links: [
    { from: 'id2', to: 'id0', partitions: 40 },
    { from: 'id1', to: 'id0', partitions: 24 },
  ],
  nodes: [
    { node: 'id0', before: 0, after: 64, share: 64 },
    { node: 'id1', before: 96, after: 192, share: 192 },
    { node: 'id2', before: 160, after: 0, share: 0 },
  ],
  nodeRisk: { before: 0, during: 0, after: 0 },
  zoneRisk: { before: 0, during: 12, after: 1 },
  zones: { before: 1, after: 2 },
}

test('a plan shows who gets what in order of names, and which roles it changes', () => {
  const text = planText(GROWING, SHOWN)
  const rows = [
    'node1 +goes +160 +0 +-160',
    'node2 +z → east +100 → 300 +96 +192 +\\+96',
    'node10 +z +100 +0 +64 +\\+64',
  ]
  assert.match(text, new RegExp(`\n${rows.join('\n')}\n`))
  assert.match(text, /\nnode1 → node10 +40\nnode2 → node10 +24\n/)
  assert.match(
    text,
    /\n64 replicas to copy \(64 at least\); the fullest node has 1\.50 times the mean\n/,
  )
})

test('a plan says what it is worth when a node or a zone fails', () => {
  const text = planText(GROWING, SHOWN)
  assert.match(text, /\nevery partition is in at least 2 zones, and 1 before\n/)
  assert.match(text, /\nevery partition stands without any one node, all the time\n/)
  assert.match(
    text,
    /\n12 partitions would lose the majority if a certain zone failed while data moves, 1 afterwards$/,
  )
  const always = { before: 0, during: 256, after: 256 }
  assert.match(
    planText({ ...GROWING, zoneRisk: always }, SHOWN),
    /\n256 partitions would lose the majority if a certain zone failed$/,
  )
  const one = planText({ ...GROWING, zones: { before: 1, after: 1 } }, SHOWN)
  assert.doesNotMatch(one, /at least 1 zone/)
})

test('a plan that copies nothing says that, and no more of it', () => {
  const text = planText({ ...GROWING, moves: 0, leastMoves: 0, links: [] }, SHOWN)
  assert.match(text, /\nNothing is copied\.\n\nthe fullest node has/)
  assert.doesNotMatch(text, /to copy|not known/)
})

test('a plan that changes nothing says so', () => {
  assert.equal(
    planText({ from: GROWING.from }, SHOWN),
    'Nothing to change: layout 4 is what the members want.',
  )
})

test('on a terminal the sentences of a plan break between words', () => {
  const time = { seconds: 61, basis: 'allowance' } as const
  for (const columns of [60, 80, 200]) {
    const out = screen(columns)
    const text = planText({ ...GROWING, bytes: 5, time }, { ...SHOWN, out })
    assert.ok(
      text.split('\n').every((line) => line.length <= columns),
      text,
    )
    assert.match(text.replaceAll('\n', ' '), /background work at present; no rate was measured/)
  }
})

test('what is different from layout to layout is said in names', () => {
  const changes = (before: readonly RoleJson[], after: readonly RoleJson[]): string =>
    changesText(before, after, CLUSTER)
  assert.equal(changes([], [roleOf(0), roleOf(2), roleOf(1)]), '+node1, +node2, +node10')
  assert.equal(
    changes([roleOf(0), roleOf(1)], [roleOf(1, 50, '')]),
    '-node10, node2 weight 100 → 50, node2 zone z → -',
  )
  assert.equal(changes([roleOf(0)], [roleOf(0)]), '')
  assert.equal(changes([{ ...roleOf(0), node: 'gone' }], []), '-gone')
})
