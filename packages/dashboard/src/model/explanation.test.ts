import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ExplainJson } from '../../../client/src/explain.ts'
import { COLUMNS_MAX, explainedTable } from './explanation.ts'

const NOW = Date.parse('2026-11-23T00:01:00.000Z')
const AT = '2026-11-23T00:00:30.000Z'

const FOUND: ExplainJson = {
  ...{ bucket: 'carts', key: 'ada', slot: 1, partition: 0, layoutVersion: 2, moving: false },
  properties: {
    ...{ n: 3, r: 2, w: 2, conflicts: 'siblings', valueBytesMax: 1, sloppy: true, ttlMs: 0 },
  },
  ...{ summary: [], hints: [] },
  versions: [
    {
      dot: '7:1',
      writtenBy: 'n1',
      writtenAt: AT,
      kind: 'value',
      bytes: 5,
      on: ['n1'],
      superseded: true,
    },
    { dot: '7:2', writtenAt: AT, kind: 'value', bytes: 2048, on: ['n1', 'n2'] },
    { dot: '9:4', writtenBy: 'n4', writtenAt: AT, kind: 'delete', on: ['n2'] },
  ],
  replicas: [
    {
      ...{ node: 'n1', name: 'node1', state: 'alive', serves: 'reads', answer: 'found', bytes: 90 },
      ...{ versions: ['7:1', '7:2'], seen: { '7': 2 }, clock: 'doubtful' },
    },
    {
      ...{
        node: 'n2',
        name: 'node2',
        state: 'alive',
        serves: 'writes',
        answer: 'found',
        bytes: 10,
      },
      ...{ versions: ['7:2', '9:4'], seen: { '7': 2, '9': 4 }, waitsFor: 'floor' },
      compared: [{ node: 'n1', name: 'node1', at: AT, differences: 0 }],
    },
    { node: 'n3', name: 'node3', state: 'dead', serves: 'reads', answer: 'down' },
  ],
}

test('each cell says whether that replica holds that version, has seen it, or lacks it', () => {
  const { rows } = explainedTable(FOUND, NOW)
  assert.deepEqual(
    rows.map(({ cells }) => cells),
    [
      ['holds', 'holds', 'missing'],
      ['over', 'holds', 'holds'],
      ['unknown', 'unknown', 'unknown'],
    ],
  )
})

test('a column tells what was written, by whom and when', () => {
  const { columns } = explainedTable(FOUND, NOW)
  assert.deepEqual(
    columns.map(({ title, writer, when, isPast }) => [title, writer, when, isPast]),
    [
      ['5 B, superseded', 'node1', '30 s ago', true],
      ['2 KiB', 'before a restart', '30 s ago', false],
      ['delete', 'n4', '30 s ago', true],
    ],
  )
})

test('a row tells how its replica answered and what is special there', () => {
  const { rows } = explainedTable(FOUND, NOW)
  assert.deepEqual(
    rows.map(({ place, answer, level }) => [place, answer, level]),
    [
      [1, '2 versions, 90 B', 'good'],
      [2, '2 versions, 10 B', 'good'],
      [3, 'not asked, since it is not up', 'warn'],
    ],
  )
  assert.match(rows[0]!.notes.join(), /in doubt/)
  assert.deepEqual(rows[1]!.notes, [
    'takes writes, and answers reads once the move is over',
    'the delete is kept until all replicas are known to have it',
    'compared with another replica 30 s ago',
  ])
})

test('of very many versions the latest are shown', () => {
  const versions = Array.from({ length: 40 }, (_, i) => ({ ...FOUND.versions[1]!, dot: `7:${i}` }))
  const { columns } = explainedTable({ ...FOUND, versions }, NOW)
  assert.equal(columns.length, COLUMNS_MAX)
  assert.equal(columns.at(-1)?.version.dot, '7:39')
})
