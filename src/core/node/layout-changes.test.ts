import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeLayout } from '../placement/layout-codec.ts'
import type { Role } from '../placement/layout.ts'
import { planLayout } from '../placement/plan-layout.ts'
import { ByteWriter } from '../std/bytes.ts'
import type { NodeId } from '../std/ids.ts'
import { Prng } from '../std/prng.ts'
import type { LayoutAsk, LayoutResult } from './layout-asks.ts'
import { A, B, C, D, FakeHost, FakeStore, layoutOf, role } from './fake-host.test.ts'
import { FakeRegisters } from './fake-registers.test.ts'
import { LayoutChanges } from './layout-changes.ts'
import { LayoutKeeper } from './layout-keeper.ts'
import { complete, infoOf, memberOf, NodeBench } from './node-bench.test.ts'

const E = 'e'.repeat(16) as NodeId

type Answer<T extends string> = Extract<LayoutResult, { ok: true; what: T }>

function answerOf(bench: NodeBench, client: number): LayoutResult {
  const reply = bench.replies.get(client)
  assert.ok(reply?.type === 'layout', 'it has answered')
  return reply.result
}

function ask(bench: NodeBench, what: Parameters<NodeBench['request']>[0]): LayoutResult {
  return answerOf(bench, bench.request(what))
}

function planOf(bench: NodeBench, roles?: readonly Role[]): Answer<'plan'> {
  const result = ask(bench, { type: 'layout', ask: { what: 'plan', roles } })
  assert.ok(result.ok && result.what === 'plan', JSON.stringify(result))
  return result
}

function refusal(result: LayoutResult): string {
  assert.ok(!result.ok, JSON.stringify(result))
  return result.code
}

/** A cluster of three in which a fourth member has no share. */
function manual(): NodeBench {
  const bench = NodeBench.serving([A, B, C], { config: { manualLayout: true } })
  bench.meet(D)
  bench.settle()
  return bench
}

test('a node that joins by hand is planned, and gets its share when that is applied', () => {
  const bench = manual()
  bench.message(D, { type: 'join-request', role: role(D) })
  bench.run(1_000)
  assert.deepEqual(bench.take('register-prepare'), [], 'nobody plans by himself')
  const { before, after } = planOf(bench)
  assert.equal(before.version, 1)
  assert.deepEqual(
    after?.roles.map(({ node }) => node),
    [A, B, C, D],
  )
  const { version, hash } = after
  const apply = { what: 'apply', roles: undefined, version, hash } as const
  const client = bench.request({ type: 'layout', ask: apply })
  bench.settle()
  bench.agree()
  assert.deepEqual(answerOf(bench, client), { ok: true, what: 'applied', version: 2 })
  assert.equal(bench.node.view().layout?.current.hash, hash)
  assert.equal(refusal(ask(bench, { type: 'layout', ask: apply })), 'DND_ERR_LAYOUT_MOVING')
})

test('only the plan that was looked at is applied', () => {
  const bench = manual()
  const { after } = planOf(bench)
  const apply = { what: 'apply', roles: undefined, version: 2, hash: after!.hash ^ 1 } as const
  assert.equal(refusal(ask(bench, { type: 'layout', ask: apply })), 'DND_ERR_LAYOUT_CONFLICT')
  assert.deepEqual(bench.take('register-prepare'), [])
})

test('when nothing would change there is nothing to apply', () => {
  const bench = NodeBench.serving([A, B, C])
  assert.equal(planOf(bench).after, undefined)
  const apply = { what: 'apply', roles: undefined, version: 2, hash: 7 } as const
  assert.equal(refusal(ask(bench, { type: 'layout', ask: apply })), 'DND_ERR_LAYOUT_CONFLICT')
})

test('a plan of other roles is made of them, and of members only', () => {
  const bench = NodeBench.serving([A, B, C])
  const heavy = [role(A), role(B, 'west', 200), role(C)]
  assert.deepEqual(planOf(bench, heavy).after?.roles[1], role(B, 'west', 200))
  for (const roles of [
    [...heavy, role(E)],
    [role(A, 'z', 5_000)],
    [role(A), role(A)],
    [role(A, 'z', 0)],
  ])
    assert.equal(
      refusal(ask(bench, { type: 'layout', ask: { what: 'plan', roles } })),
      'DND_ERR_BAD_LAYOUT',
    )
})

test('a plan that was looked at before somebody joined is not applied: there is another now', () => {
  const bench = manual()
  const { after } = planOf(bench)
  const { version, hash } = after!
  bench.meet(E)
  const apply = { what: 'apply', roles: undefined, version, hash } as const
  const result = ask(bench, { type: 'layout', ask: apply })
  assert.equal(refusal(result), 'DND_ERR_LAYOUT_CONFLICT')
  assert.ok(
    !result.ok &&
      / and now it is layout 2 \([0-9a-f]{8}\): look at the plan again/.test(result.message),
  )
  assert.notEqual(planOf(bench).after?.hash, hash)
  assert.deepEqual(bench.take('register-prepare'), [])
})

test('roles that were named are planned whoever joins meanwhile', () => {
  const bench = manual()
  const roles = [role(A), role(B), role(C, 'z', 50)]
  const { version, hash } = planOf(bench, roles).after!
  bench.meet(E)
  assert.equal(planOf(bench, roles).after?.hash, hash)
  const client = bench.request({ type: 'layout', ask: { what: 'apply', roles, version, hash } })
  bench.settle()
  bench.agree()
  assert.deepEqual(answerOf(bench, client), { ok: true, what: 'applied', version: 2 })
})

test('a node that has just started plans nothing and removes nobody', () => {
  const bench = new NodeBench()
  bench.step({ type: 'start', seeds: [] })
  const asks: readonly LayoutAsk[] = [
    { what: 'plan', roles: undefined },
    { what: 'apply', roles: undefined, version: 2, hash: 7 },
    { what: 'remove', node: B, partitions: 0 },
    { what: 'history' },
  ]
  for (const each of asks)
    assert.equal(refusal(ask(bench, { type: 'layout', ask: each })), 'DND_ERR_NOT_READY')
})

test('without a majority nothing is chosen, and the operator is told', () => {
  const bench = manual()
  const { after } = planOf(bench)
  const { version, hash } = after!
  const apply = { what: 'apply', roles: undefined, version, hash } as const
  const client = bench.request({ type: 'layout', ask: apply })
  bench.run(15_000)
  const result = answerOf(bench, client)
  assert.ok(!result.ok && result.code === 'DND_ERR_LAYOUT_UNAVAILABLE')
  assert.equal(result.outcome, 'rejected')
})

/**
 * The room alone, in a cluster of these nodes with so many replicas, on a host that says who is up.
 */
function room(
  nodes: readonly NodeId[],
  replicas: number,
): {
  readonly host: FakeHost
  readonly keeper: LayoutKeeper
  readonly registers: FakeRegisters
  readonly ask: (what: LayoutAsk) => LayoutResult
  readonly remove: (node: NodeId, partitions?: number) => LayoutResult
} {
  const host = new FakeHost()
  const registers = new FakeRegisters()
  const adopted = (): void => undefined
  const keeper = new LayoutKeeper(host, {
    ...{ self: infoOf(A), rng: new Prng(1), store: new FakeStore(), adopted },
    ...{ registers, leastR: () => 2 },
  })
  const roles = nodes.map((node) => role(node))
  keeper.merge(complete(planLayout({ previous: undefined, roles, partitions: 8, replicas })))
  const changes = new LayoutChanges(host, {
    ...{ layout: keeper, isReady: () => true, adopted },
    members: () => nodes.map((node) => memberOf(node)),
  })
  const ask = (what: LayoutAsk): LayoutResult => {
    changes.ask(1, what)
    const { reply } = host.replies.at(-1)!
    assert.ok(reply.type === 'layout')
    return reply.result
  }
  const remove = (node: NodeId, partitions = 0): LayoutResult =>
    ask({ what: 'remove', node, partitions })
  return { host, keeper, registers, ask, remove }
}

test('of two operators with different plans one is told what was chosen instead', () => {
  const { registers, keeper, ask } = room([A, B, C, D], 3)
  const mine = [A, B, C].map((node) => role(node))
  const plan = ask({ what: 'plan', roles: mine })
  assert.ok(plan.ok && plan.what === 'plan')
  const { version, hash } = plan.after!
  // Another node was faster: the register holds its layout.
  const theirs = new ByteWriter()
  const chosen = layoutOf([A, B, D], keeper.state!.current)
  encodeLayout(theirs, chosen)
  registers.values.set('layout/2', theirs.take())
  const result = ask({ what: 'apply', roles: mine, version, hash })
  assert.equal(refusal(result), 'DND_ERR_LAYOUT_CONFLICT')
  assert.ok(!result.ok && / was chosen instead of layout 2 .*: plan again/.test(result.message))
  assert.equal(keeper.state?.current.hash, chosen.hash)
})

test('while a layout is being chosen another is not begun', () => {
  const { registers, keeper, ask } = room([A, B, C, D], 3)
  registers.isSlow = true
  keeper.propose(layoutOf([A, B, D], keeper.state!.current), () => undefined)
  const roles = [A, B, C].map((node) => role(node))
  const plan = ask({ what: 'plan', roles })
  assert.ok(plan.ok && plan.what === 'plan')
  const { version, hash } = plan.after!
  const result = ask({ what: 'apply', roles, version, hash })
  assert.equal(refusal(result), 'DND_ERR_LAYOUT_CONFLICT')
  assert.ok(!result.ok && result.message.startsWith('a layout is being chosen just now'))
  assert.equal(registers.proposals.length, 1)
})

test('while members run a version that does not choose layouts the operator is told to upgrade', () => {
  const bench = manual()
  const { version, hash } = planOf(bench).after!
  const old = { ...memberOf(B), info: { ...infoOf(B), protocol: 1 } }
  bench.meet(B, undefined, { members: [{ ...old, generation: 2 }] })
  const apply = { what: 'apply', roles: undefined, version, hash } as const
  const result = ask(bench, { type: 'layout', ask: apply })
  assert.equal(refusal(result), 'DND_ERR_LAYOUT_UNAVAILABLE')
  assert.ok(!result.ok && result.message.endsWith('upgrade them first'))
})

test('of two operators with the same plan both have it', () => {
  const { registers, keeper, ask } = room([A, B, C, D], 3)
  const roles = [A, B, C].map((node) => role(node))
  const plan = ask({ what: 'plan', roles })
  assert.ok(plan.ok && plan.what === 'plan')
  const value = new ByteWriter()
  encodeLayout(value, plan.after!)
  registers.values.set('layout/2', value.take())
  const { version, hash } = plan.after!
  assert.deepEqual(ask({ what: 'apply', roles, version, hash }), {
    ok: true,
    what: 'applied',
    version,
  })
  assert.equal(keeper.state?.current.hash, hash)
})

test('when nobody knows what became of a layout the operator is told that', () => {
  const { registers, host, ask } = room([A, B, C, D], 3)
  const roles = [A, B, C].map((node) => role(node))
  const plan = ask({ what: 'plan', roles })
  assert.ok(plan.ok && plan.what === 'plan')
  const { version, hash } = plan.after!
  registers.isSlow = true
  const { length } = host.replies
  ask({ what: 'apply', roles, version, hash })
  assert.equal(host.replies.length, length, 'it is being chosen')
  registers.proposals.at(-1)!.done({ outcome: 'unknown' })
  const { reply } = host.replies.at(-1)!
  assert.ok(reply.type === 'layout' && !reply.result.ok)
  const { code, outcome, message } = reply.result
  assert.deepEqual([code, outcome], ['DND_ERR_LAYOUT_UNAVAILABLE', 'unknown'])
  assert.match(message, /^nobody knows whether layout 2 .* look at the layout$/)
})

test('people are told names, and ids beside them', () => {
  const { host, remove } = room([A, B, C], 1)
  const told = (result: LayoutResult): string => (result.ok ? '' : result.message)
  assert.match(told(remove(B)), new RegExp(`^node b \\(${B}\\) is up: `))
  host.down.add(C)
  assert.match(told(remove(C)), new RegExp(`^without node c \\(${C}\\), `))
})

test('a dead node is removed, and a living or unknown one is not', () => {
  const { host, keeper, remove } = room([A, B, C, D], 3)
  assert.equal(refusal(remove(E)), 'DND_ERR_NODE_UNKNOWN')
  assert.equal(refusal(remove(B)), 'DND_ERR_NODE_UP')
  assert.equal(refusal(remove(A)), 'DND_ERR_NODE_UP')
  host.down.add(D)
  assert.deepEqual(remove(D), { ok: true, what: 'removed', node: D })
  assert.deepEqual(keeper.state?.lost, [D])
  assert.ok(remove(D).ok, 'to say it again does no harm')
})

test('what one who is down would have to take over is not applied, and the operator is told whom to bring back', () => {
  const { host, ask } = room([A, B, C, D], 3)
  const roles = [A, B, D].map((node) => role(node))
  const plan = ask({ what: 'plan', roles })
  assert.ok(plan.ok && plan.what === 'plan')
  const { version, hash } = plan.after!
  host.down.add(D)
  const refused = ask({ what: 'apply', roles, version, hash })
  assert.ok(!refused.ok && refused.message.includes(D), JSON.stringify(refused))
  assert.equal(refused.code, 'DND_ERR_NODE_DOWN')
  host.down.delete(D)
  assert.deepEqual(ask({ what: 'apply', roles, version, hash }), {
    ...{ ok: true, what: 'applied', version },
  })
})

test('the last replica of a partition is given up only by one who says of how many', () => {
  const { host, keeper, remove } = room([A, B, C], 1)
  host.down.add(C)
  const { table, roles } = keeper.state!.current
  const held = table.filter((set) => roles[set[0]!]!.node === C).length
  assert.ok(held > 0)
  for (const few of [0, held - 1]) {
    const result = remove(C, few)
    assert.ok(!result.ok && result.code === 'DND_ERR_WOULD_LOSE_DATA')
    assert.match(result.message, new RegExp(`, ${held} partitions have lost their last replica`))
  }
  assert.ok(remove(C, held).ok)
})

test('nobody removes the last node with data', () => {
  const { host, remove } = room([B], 1)
  host.down.add(B)
  assert.equal(refusal(remove(B, 8)), 'DND_ERR_LAST_NODE')
})

test('what was is remembered, and comes back with the next start', () => {
  const bench = NodeBench.serving([A, B, C])
  const four = layoutOf([A, B, C, D], bench.node.view().layout!.current)
  bench.meet(B, complete(four))
  bench.settle()
  const history = (of: NodeBench): unknown => {
    const result = ask(of, { type: 'layout', ask: { what: 'history' } })
    assert.ok(result.ok && result.what === 'history')
    return result.entries.map(({ version, hash, moves, roles }) => [
      version,
      hash,
      moves,
      roles.length,
    ])
  }
  const first = layoutOf([A, B, C])
  const expected = [
    [1, first.hash, 0, 3],
    [2, four.hash, 6, 4],
  ]
  assert.deepEqual(history(bench), expected)
  const again = NodeBench.serving([A, B, C], { store: bench.store })
  assert.deepEqual(history(again), expected)
})
