import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CopyReport, Explanation } from '../../core/node/explanation.ts'
import { SIBLINGS_MAX, SIBLINGS_WARN } from '../../core/std/limits.ts'
import type { NodeId, VnodeId } from '../../core/std/ids.ts'
import { explainJson } from './explain-json.ts'
import type { ExplainJson } from './explain-json.ts'
import { explainSummary } from './explain-summary.ts'
import { explained, FakeGateway, serve } from './fixture.test.ts'

const [A, B, C] = explained().replicas.map(({ node }) => node) as [NodeId, NodeId, NodeId]
const ASKED = { bucket: 'default', key: 'a' }
const NOW = 10_000
const vnode = (number: number): VnodeId => number as VnodeId

const NOTHING: CopyReport = {
  ...{ outcome: 'absent', bytes: 0, versions: [], more: 0, vector: [], clock: 'whole' },
  ...{ vnode: undefined, wait: undefined, compared: [], hints: [] },
}

interface Copy {
  /** Counter, stamp and what it is, of each version; all are of vnode 1. */
  readonly versions?: readonly (readonly [counter: number, ms: number, what: What])[]
  readonly seen?: number
  readonly report?: Partial<CopyReport>
}
type What = 'delete' | 'value' | 'expired'

function copyOf({ versions = [], seen = 0, report = {} }: Copy): CopyReport {
  return {
    ...NOTHING,
    outcome: versions.length > 0 ? 'found' : 'absent',
    versions: versions.map(([counter, ms, what]) => ({
      ...{ dot: { vnode: vnode(1), counter }, stamp: { ms, counter: 0 } },
      value:
        what === 'delete'
          ? undefined
          : { bytes: 5, contentType: 'text/plain', expiresAtMs: what === 'value' ? 0 : NOW - 1 },
    })),
    vector: seen === 0 ? [] : [{ vnode: vnode(1), counter: seen }],
    ...report,
  }
}

function explain(
  copies: Readonly<Record<string, Copy | 'down' | 'silent'>>,
  conflicts: 'lww' | 'siblings' = 'lww',
  more: Partial<Explanation> = {},
): ExplainJson {
  const explanation: Explanation = {
    ...explained(),
    properties: { ...explained().properties, conflicts },
    replicas: Object.entries(copies).map(([node, copy]) => ({
      ...{ node: node as NodeId, serves: 'reads' },
      report: typeof copy === 'string' ? copy : copyOf(copy),
    })),
    ...more,
  }
  const json = explainJson(ASKED, explanation, new FakeGateway().view(), NOW)
  return { ...json, summary: explainSummary(json) }
}

/** The members of the fixture have names that test whether pages escape them. */
const plain = (text: string): string => text.replaceAll('<b>', '')

const texts = ({ summary }: ExplainJson): string[] =>
  summary.map(({ level, text }) => plain(`${level}: ${text}`))

test('a key is explained over HTTP, in its bucket or the default one, with and without sort key', async (t) => {
  const { base, gateway } = await serve(t)
  const found = (await (await fetch(`${base}/explain/carts/a%2Fb?sort=s`)).json()) as ExplainJson
  assert.deepEqual([found.bucket, found.key, found.sort], ['carts', 'a/b', 's'])
  const short = (await (await fetch(`${base}/explain/a?timeout=50`)).json()) as ExplainJson
  assert.deepEqual([short.bucket, short.key, short.sort], ['default', 'a', undefined])
  const asked = gateway.requests.map((request) =>
    request.type === 'explain' ? [request.bucket, request.timeoutMs] : request.type,
  )
  assert.deepEqual(asked, [
    ['carts', undefined],
    ['default', 50],
  ])
})

test('what cannot be a key is refused, and so is what a node cannot tell', async (t) => {
  const { base, gateway } = await serve(t)
  assert.equal((await fetch(`${base}/explain/a?sort=%00`)).status, 400)
  assert.equal(gateway.requests.length, 0)
  gateway.explanation = {
    ...{ ok: false, code: 'DND_ERR_NOT_READY', outcome: 'rejected', needed: 0, got: 0 },
    message: 'young',
  }
  const response = await fetch(`${base}/explain/a`)
  assert.equal(response.status, 503)
  assert.equal(((await response.json()) as { code: string }).code, 'DND_ERR_NOT_READY')
})

test('each version stands once, in order of time, with who wrote it and who holds it', () => {
  const { versions } = explain({
    [A]: { versions: [[2, 50, 'value']], seen: 2, report: { vnode: vnode(1) } },
    [B]: { versions: [[2, 50, 'value']], seen: 2 },
    [C]: { versions: [[1, 40, 'value']], seen: 1, report: { vnode: vnode(3) } },
  })
  assert.deepEqual(versions, [
    {
      ...{ dot: '1:1', writtenBy: A, writtenAt: '1970-01-01T00:00:00.040Z', kind: 'value' },
      ...{ bytes: 5, contentType: 'text/plain', superseded: true, on: [C] },
    },
    {
      ...{ dot: '1:2', writtenBy: A, writtenAt: '1970-01-01T00:00:00.050Z', kind: 'value' },
      ...{ bytes: 5, contentType: 'text/plain', on: [A, B] },
    },
  ])
})

test('who wrote under a name that no replica has any more is not known', () => {
  const [version] = explain({ [A]: { versions: [[1, 1, 'value']], seen: 1 } }).versions
  assert.equal(version?.writtenBy, undefined)
})

test('replicas that hold the same are said to', () => {
  const copy: Copy = { versions: [[1, 1, 'value']], seen: 1 }
  assert.deepEqual(texts(explain({ [A]: copy, [B]: copy, [C]: copy })), [
    'ok: The 3 replicas that answered hold the same.',
    'ok: A read of all replicas shows one value.',
  ])
})

test('who lacks a version, and who holds one that is over, is named', () => {
  const found = explain({
    [A]: { versions: [[2, 2, 'value']], seen: 2 },
    [B]: { versions: [[1, 1, 'value']], seen: 1 },
    [C]: 'down',
  })
  assert.deepEqual(texts(found), [
    'note: Not asked, because not up: node3.',
    'note: node2 lacks 1 version: a hint, a read or the next comparison brings it.',
    'note: node2 still holds 1 version of which another replica knows the end; a read or the next comparison takes it away.',
    'ok: A read of all replicas shows one value.',
  ])
})

test('a delete that waits says for what, and where', () => {
  const copy: Copy = { versions: [[2, 2, 'delete']], seen: 2, report: { wait: 'floor' } }
  const found = explain({ [A]: copy, [B]: copy, [C]: { seen: 2 } })
  assert.equal(found.replicas[0]?.waitsFor, 'floor')
  assert.match(texts(found).join('\n'), /still there on node1, node2, and waits for every replica/)
  assert(texts(found).includes('ok: A read shows nothing: the key was deleted.'))
  assert(!texts(found).some((text) => text.includes('still holds')), 'it goes in good order')
})

test('expired is told apart from deleted and from never written', () => {
  const expired = explain({ [A]: { versions: [[1, 1, 'expired']], seen: 1 } })
  assert(texts(expired).includes('ok: A read shows nothing: what was stored has expired.'))
  assert.equal(expired.versions[0]?.expired, true)
  assert.match(texts(explain({ [A]: {}, [B]: {} })).join('\n'), /^ok: No replica that answered/)
})

test('in last-write-wins the last of several wins, and a delete may be it', () => {
  const copy: Copy = {
    ...{ seen: 2 },
    versions: [
      [1, 9, 'delete'],
      [2, 5, 'value'],
    ],
  }
  const found = explain({ [A]: copy })
  assert.deepEqual(
    found.versions.map(({ dot, wins }) => [dot, wins]),
    [
      ['1:2', undefined],
      ['1:1', true],
    ],
  )
  assert(texts(found).includes('ok: A read shows nothing: the key was deleted.'))
})

test('siblings are a note, many are a problem, and the most are told to be that', () => {
  const levels = [2, SIBLINGS_WARN, SIBLINGS_MAX].map((count) => {
    const versions = Array.from({ length: count }, (_, i) => [i + 1, i, 'value'] as const)
    const { summary } = explain({ [A]: { versions, seen: count } }, 'siblings')
    return [summary[0]?.level, /refused/.test(summary[0]?.text ?? '')]
  })
  assert.deepEqual(levels, [
    ['note', false],
    ['problem', true],
    ['problem', true],
  ])
})

test('what is broken comes first', () => {
  const found = explain({
    [A]: { report: { outcome: 'unreadable' } },
    [B]: { report: { outcome: 'unreadable', clock: 'incomplete' } },
    [C]: 'silent',
  })
  assert.deepEqual(
    found.summary.map(({ level }) => level),
    ['problem', 'problem', 'problem', 'ok'],
  )
  const doubtful = explain({ [A]: { report: { clock: 'doubtful' } } })
  assert.match(texts(doubtful)[0]!, /^note: A record of the partition has broken on node1/)
})

test('hints for replicas of the key are told, whoever keeps them', () => {
  const hints = [{ target: C, count: 2, bytes: 90, oldestMs: 0 }]
  const other = 'a0000000000000ff' as NodeId
  const report = { ...NOTHING, hints: [...hints, { ...hints[0]!, target: other }] }
  const found = explain({ [A]: { report: { hints } }, [C]: 'down' }, 'lww', {
    others: [{ node: other, report }],
  })
  const told = found.hints.map(({ on, targetName, count }) => [on, plain(targetName), count])
  assert.deepEqual(told, [
    [A, 'node3', 2],
    [other, 'node3', 2],
  ])
  assert.equal(texts(found).filter((text) => text.includes('2 hints for node3')).length, 2)
})

test('times that a peer makes up do not end the answer', () => {
  const compared = [{ peer: B, atMs: Number.MAX_SAFE_INTEGER, differences: 0 }]
  const found = explain({ [A]: { report: { compared } } })
  assert.equal(found.replicas[0]?.compared?.[0]?.at, 'unknown')
})

test('a key with many siblings is answered with a warning, on writes, reads and in batches', async (t) => {
  const { base } = await serve(t)
  await fetch(`${base}/buckets/carts`, { method: 'PUT', body: '{"conflicts":"siblings"}' })
  const url = `${base}/kv/carts/a`
  const warnings: (string | null)[] = []
  for (let i = 1; i <= SIBLINGS_WARN; i++) {
    const response = await fetch(url, { method: 'PUT', body: `${i}` })
    warnings.push(response.headers.get('x-dnd-warning'))
  }
  assert.equal(warnings.at(-2), null)
  assert.match(warnings.at(-1)!, /^the key has 25 concurrent values; read it, merge them/)
  assert.match((await fetch(url)).headers.get('x-dnd-warning')!, /25 concurrent values/)
  const operations = [{ type: 'put', bucket: 'carts', key: 'a', value: 'x' }]
  const batch = await fetch(`${base}/batch`, {
    method: 'POST',
    body: JSON.stringify({ operations }),
  })
  const { results } = (await batch.json()) as { results: { warning?: string }[] }
  assert.match(results[0]?.warning ?? '', /26 concurrent values/)
})
