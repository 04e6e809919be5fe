import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import type { ClusterJson } from '../../packages/client/src/api.ts'
import type { LayoutPlanJson } from '../../packages/client/src/layout-api.ts'
import { planText } from './plan-text.ts'
import { Terminal } from './terminal.ts'

const CLUSTER = { members: [] } as unknown as ClusterJson
const OUT = new Terminal(new PassThrough(), {})
const NODES = { from: 'n1', to: 'n4' }
const PLAN: LayoutPlanJson = {
  from: { version: 4, hash: '9be1c2d0' },
  plan: { version: 5, hash: '5f0c11ab', roles: [] },
  ...{ moves: 64, leastMoves: 64, nodes: [] },
  links: [{ ...NODES, partitions: 64 }],
}
const SIZED: LayoutPlanJson = {
  ...PLAN,
  links: [{ ...NODES, partitions: 64, bytes: 3 * 1024 ** 3 }],
  ...{ bytes: 3 * 1024 ** 3, estimatedPartitions: 0, copies: 2 },
}

/** Wherever its lines end. */
function textOf(plan: LayoutPlanJson): string {
  return planText(plan, { cluster: CLUSTER, roles: [], out: OUT }).replaceAll(/\s+/g, ' ')
}

test('a plan says how much each link carries, and how long it may take by what', () => {
  const text = textOf({ ...SIZED, time: { seconds: 3_723, basis: 'pulled' } })
  assert.match(text, /COPIED PARTITIONS ABOUT n1 → n4 64 3\.0 GiB /)
  assert.match(text, / about 3\.0 GiB to keep, each partition read from 2 owners about/)
  assert.match(text, / about 1 h 2 m, as fast as this node took data over since its start/)
  const sent = textOf({ ...SIZED, time: { seconds: 9, basis: 'sent' } })
  assert.match(sent, / about 9 s, as fast as this node was read from since its start/)
})

test('a plan says what is estimated, and when a time is only the least', () => {
  const time = { seconds: 61, basis: 'allowance' } as const
  const text = textOf({ ...SIZED, estimatedPartitions: 16, time })
  assert.match(text, /owners, 16 partitions of it estimated by the mean of those that this node/)
  assert.match(text, / at least 1 m 1 s: .*no rate was measured/)
})

test('a plan of which nothing is known says so, and guesses nothing', () => {
  const text = textOf(PLAN)
  assert.match(text, /COPIED PARTITIONS n1 → n4 64 /)
  assert.match(text, / how much that is is not known: this node has not counted/)
  assert.doesNotMatch(text, /about|at least \d+ [smh]/)
})
