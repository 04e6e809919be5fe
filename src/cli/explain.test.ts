import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { after, before, beforeEach, test } from 'node:test'
import type { ExplainedReplicaJson, ExplainJson } from '../../packages/client/src/explain.ts'
import { FakeNode } from '../../test/support/fake-node.ts'
import { runCli } from '../../test/support/run-cli.ts'
import { explainText } from './explain.ts'
import { Terminal } from './terminal.ts'

const NOW = Date.parse('2024-05-01T12:00:00.000Z')
const A = '00000000000000a1'
const B = '00000000000000a2'
const C = '00000000000000a3'

const REPLICA: ExplainedReplicaJson = {
  ...{ node: A, name: 'node1', state: 'alive', serves: 'reads', answer: 'found', bytes: 74 },
  ...{ versions: ['7:1', '8:3'], seen: { 7: 1, 8: 3 }, clock: 'whole', vnode: '7' },
  compared: [{ node: B, name: 'node2', at: '2024-05-01T11:58:00.000Z', differences: 0 }],
}

const FOUND: ExplainJson = {
  ...{ bucket: 'carts', key: 'ada', slot: 12_182, partition: 190, layoutVersion: 3, moving: false },
  properties: { n: 3, r: 2, w: 2, conflicts: 'siblings', valueBytesMax: 9 } as never,
  versions: [
    {
      ...{ dot: '7:1', writtenBy: A, writtenAt: '2024-05-01T11:00:00.000Z', kind: 'value' },
      ...{ bytes: 2048, contentType: 'text/plain', expiresAt: '2024-05-01T12:00:30.000Z' },
      on: [A, B],
    },
    { dot: '8:3', writtenAt: '2024-05-01T11:59:59.900Z', kind: 'delete', on: [A] },
  ],
  replicas: [
    REPLICA,
    { ...REPLICA, node: B, name: 'node2', versions: ['7:1'], compared: [] },
    { node: C, name: 'node3', state: 'dead', serves: 'reads', answer: 'down' },
  ],
  hints: [],
  summary: [
    { level: 'note', text: 'node2 lacks 1 version.' },
    { level: 'ok', text: 'A read shows one value.' },
  ],
}

function shown(found: ExplainJson, columns?: number): string {
  const stream = Object.assign(
    new Writable(),
    columns === undefined ? {} : { columns, isTTY: true },
  )
  return explainText(found, NOW, new Terminal(stream, { NO_COLOR: '1' }))
}

let node: FakeNode
let server: string

before(async () => {
  node = new FakeNode()
  server = await node.start()
})
after(() => node.stop())
beforeEach(() => {
  node.requests.length = 0
  node.intercept = () => ({ status: 200, json: FOUND })
})

test('a key is shown with its replicas, its versions and what to know of it', () => {
  assert.equal(
    shown(FOUND),
    `key     "ada"
bucket  carts: n=3 r=2 w=2, siblings
place   slot 12182, partition 190, layout 3

REPLICA  STATE  SERVES  HOLDS              RECORD  CLOCK  COMPARED WITH
1 node1  alive  reads   1 value, 1 delete  74 B    whole  node2 2 m ago
2 node2  alive  reads   1 value            74 B    whole  nobody yet
3 node3  dead   reads   not asked          -       -      -

VERSION  WRITTEN BY        WRITTEN   WHAT                                  ON
7:1      node1             1 h ago   2.0 KiB, text/plain, expires in 30 s  node1, node2
8:3      before a restart  just now  delete                                node1

- node2 lacks 1 version.
= A read shows one value.`,
  )
})

test('on a narrow terminal the columns that matter least are left out', () => {
  const lines = shown(FOUND, 70).split('\n')
  assert(lines.every((line) => line.length <= 70))
  const [heads] = lines.filter((line) => line.startsWith('REPLICA'))
  assert(/HOLDS .*COMPARED WITH/.test(heads!) && !/RECORD/.test(heads!), heads)
  assert(lines.some((line) => line.startsWith('WRITTEN BY')))
})

test('what is over, what wins and what is broken is told', () => {
  const [value] = FOUND.versions
  const text = shown({
    ...FOUND,
    moving: true,
    sort: 's\u001b',
    versions: [
      { ...value!, expired: true },
      { ...value!, dot: '7:2', superseded: true },
      { ...value!, dot: '7:3', wins: true },
    ],
    replicas: [
      { ...REPLICA, answer: 'unreadable', more: 3 },
      { ...REPLICA, answer: 'absent', bytes: 0 },
      { ...REPLICA, answer: 'silent' },
      { ...REPLICA, versions: ['7:3'], more: 3 },
    ],
  })
  for (const part of [
    'sort key "s\\x1b"',
    'layout 3, moving',
    'unreadable',
    'nothing',
    'no answer',
  ])
    assert(text.includes(part), part)
  for (const part of ['text/plain, expired', 'superseded', 'wins', '1 value, 3 versions more'])
    assert(text.includes(part), part)
})

test('the command asks for bucket, sort key and patience, and prints text or JSON', async () => {
  const args = ['explain', 'a/b', '--bucket', 'carts', '--sort', 's', '--timeout', '700']
  const { code, out } = await runCli(args, { server })
  assert.equal(code, 0)
  assert.match(out, /^key     "ada"\n/)
  const [request] = node.requests
  assert.equal(request?.path, '/explain/carts/a%2Fb')
  assert.deepEqual([request?.query.get('sort'), request?.query.get('timeout')], ['s', '700'])
  const json = await runCli([...args, '--json'], { server })
  assert.deepEqual(JSON.parse(json.out), FOUND)
})

test('a warning that comes with a write goes to standard error, and into JSON', async () => {
  const headers = { 'x-dnd-warning': 'the key has 25 concurrent values' }
  node.intercept = () => ({ status: 200, text: '', headers })
  const { code, out, err } = await runCli(['put', 'a', '1'], { server })
  assert.deepEqual([code, out], [0, 'stored "a", 1 byte\n'])
  assert.equal(err, 'warning: the key has 25 concurrent values\n')
  const json = await runCli(['put', 'a', '1', '--json'], { server })
  assert.equal((JSON.parse(json.out) as { warning: string }).warning, headers['x-dnd-warning'])
})
