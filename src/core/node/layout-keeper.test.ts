import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteWriter } from '../std/bytes.ts'
import type { NodeId } from '../std/ids.ts'
import { duration, later } from '../std/instant.ts'
import { NODES_MAX } from '../std/limits.ts'
import { Prng } from '../std/prng.ts'
import { encodeLayout, encodeLayoutState, hashLayout } from '../placement/layout-codec.ts'
import {
  beginTransition,
  gainedBy,
  markAcked,
  markSynced,
  nodesOf,
} from '../placement/layout-state.ts'
import type { Layout, LayoutState } from '../placement/layout.ts'
import { planLayout } from '../placement/plan-layout.ts'
import { A, B, C, D, FakeHost, FakeStore, layoutOf, role } from './fake-host.test.ts'
import { FakeRegisters } from './fake-registers.test.ts'
import type { Adoption } from './layout-keeper.ts'
import { LayoutKeeper } from './layout-keeper.ts'
import { stateKey } from './storage-keys.ts'

const complete = (current: Layout): LayoutState => ({
  current,
  previous: undefined,
  synced: [],
  acked: [],
  lost: [],
})

class Bench {
  readonly host = new FakeHost()
  readonly store: FakeStore
  readonly keeper: LayoutKeeper
  readonly registers = new FakeRegisters()
  adoption: Adoption | undefined
  readonly left = new Set<NodeId>()
  #settled = 0

  constructor(state?: LayoutState, self: NodeId = A, zone = 'z', weight = 100) {
    this.store = new FakeStore()
    this.host.self = self
    if (state !== undefined) {
      const writer = new ByteWriter()
      encodeLayoutState(writer, state)
      this.store.put(stateKey('layout'), writer.take())
    }
    this.keeper = this.again(zone, weight)
  }

  again(zone = 'z', weight = 100): LayoutKeeper {
    const address = { host: '10.0.0.1', port: 1 }
    const self = {
      id: this.host.self,
      name: 'n',
      address,
      httpAddress: address,
      zone,
      weight,
      version: '1.0.0',
      leaveLock: '00'.repeat(16),
    }
    return new LayoutKeeper(this.host, {
      leastR: () => 2,
      registers: this.registers,
      adopted: (adoption) => (this.adoption = adoption),
      hasLeft: (node) => this.left.has(node),
      self,
      rng: new Prng(1),
      store: this.store,
    })
  }

  settle(): void {
    for (; this.#settled < this.host.batches.length; this.#settled++) {
      const { token, operations } = this.host.batches[this.#settled]!
      this.store.apply(operations)
      this.keeper.stored(token)
    }
  }

  /** What came of planning: marks, or a layout that was chosen. */
  plan(): Adoption | undefined {
    this.adoption = undefined
    return this.keeper.onPlanTimer(this.host.now) ?? this.adoption
  }

  nodes(): NodeId[] {
    return this.keeper.state!.current.roles.map(({ node }) => node)
  }
}

test('the first layout of a cluster is this node alone', () => {
  const bench = new Bench()
  assert.equal(bench.keeper.version, 0)
  assert.equal(bench.keeper.state, undefined)
  assert.deepEqual(bench.keeper.held(), [])
  const { before, after } = bench.keeper.found({ partitions: 4, replicas: 3 })
  assert.equal(before, undefined)
  assert.equal(after.current.version, 1)
  assert.deepEqual(bench.nodes(), [A])
  assert.deepEqual(bench.keeper.held(), [0, 1, 2, 3])
  assert.ok(!bench.keeper.moving)
})

test('a layout counts as durable when the store says so, and comes back with the next start', () => {
  const bench = new Bench()
  bench.keeper.found({ partitions: 4, replicas: 3 })
  assert.equal(bench.keeper.durableVersion, 0)
  bench.settle()
  assert.equal(bench.keeper.durableVersion, 1)
  const again = bench.again()
  assert.deepEqual(again.state, bench.keeper.state)
  assert.equal(again.durableVersion, 1)
})

test('a layout that the disk refused is handed over again as it is then', () => {
  const bench = new Bench()
  bench.keeper.persist()
  assert.deepEqual(bench.host.batches, [], 'there is none')
  bench.keeper.found({ partitions: 4, replicas: 3 })
  bench.keeper.persist()
  assert.equal(bench.host.batches.length, 2)
  bench.settle()
  assert.equal(bench.keeper.durableVersion, 1)
})

test('a damaged layout on disk is none: it is learned again', () => {
  const bench = new Bench(complete(layoutOf([A, B])))
  const stored = bench.store.get(stateKey('layout')) as Uint8Array
  for (let i = 0; i < stored.length; i += 3) {
    bench.store.put(
      stateKey('layout'),
      stored.map((byte, at) => (at === i ? byte ^ 0x11 : byte)),
    )
    assert.equal(bench.again().state, undefined, `byte ${i}`)
  }
  bench.store.put(stateKey('layout'), Uint8Array.of(...stored, 0))
  assert.equal(bench.again().state, undefined, 'something behind it')
})

test('what others know more is taken over, and what they know less is not', () => {
  const first = layoutOf([A])
  const second = layoutOf([A, B], first)
  const bench = new Bench(complete(first))
  const adoption = bench.keeper.merge(beginTransition(complete(first), second))
  assert.equal(adoption?.after.current.version, 2)
  assert.ok(bench.keeper.moving)
  assert.equal(bench.keeper.merge(complete(first)), undefined)
  assert.equal(bench.keeper.version, 2)
})

test('a layout of another number of partitions is of another cluster', () => {
  const bench = new Bench(complete(layoutOf([A])))
  assert.equal(bench.keeper.merge(complete(layoutOf([A, B], undefined, 16))), undefined)
  assert.equal(bench.host.batches.length, 0)
})

test('of two layouts of one version the greater hash wins, whoever hears it first', () => {
  const first = layoutOf([A])
  const plans = [layoutOf([A, B], first), layoutOf([A, C], first)].sort((a, b) => a.hash - b.hash)
  const [lesser, greater] = plans.map((plan) => beginTransition(complete(first), plan))
  for (const [one, other] of [
    [lesser!, greater!],
    [greater!, lesser!],
  ] as const) {
    const bench = new Bench(complete(first))
    bench.keeper.merge(one)
    bench.keeper.merge(other)
    assert.equal(bench.keeper.state!.current.hash, greater!.current.hash)
  }
})

test('a new owner pulls what it gains, and says so once', () => {
  const first = layoutOf([A])
  const second = layoutOf([A, B], first)
  const bench = new Bench(complete(first), B)
  bench.keeper.merge(beginTransition(complete(first), second))
  assert.deepEqual(bench.keeper.gained(), [0, 1, 2, 3, 4, 5, 6, 7])
  assert.ok(bench.keeper.synced() !== undefined)
  assert.deepEqual(bench.keeper.gained(), [])
  assert.equal(bench.keeper.synced(), undefined)
})

test('a node without a share asks a member that is up for one, again and again', () => {
  const bench = new Bench(complete(layoutOf([A, B])), C)
  bench.host.down.add(A)
  for (let i = 0; i < 3; i++) bench.keeper.onJoinTimer(bench.host.now)
  assert.deepEqual(
    bench.host.sent,
    [1, 2, 3].map(() => ({ to: B, message: { type: 'join-request', role: role(C) } })),
  )
  assert.equal(bench.host.timers.length, 3)
  bench.host.down.add(B)
  bench.keeper.onJoinTimer(bench.host.now)
  assert.equal(bench.host.sent.length, 3, 'there is nobody to ask')
})

test('a node that has its share, or no layout, asks for nothing', () => {
  for (const bench of [new Bench(complete(layoutOf([A, B]))), new Bench()]) {
    bench.keeper.onJoinTimer(bench.host.now)
    assert.deepEqual(bench.host.sent, [])
    assert.equal(bench.host.timers.length, 1)
  }
})

test('a node alone in its layout that wants another weight plans it itself', () => {
  const bench = new Bench(complete(layoutOf([A])), A, 'z', 300)
  bench.keeper.onJoinTimer(bench.host.now)
  assert.deepEqual(bench.host.sent, [], 'there is no connection to oneself')
  assert.ok(bench.plan() !== undefined)
  assert.equal(bench.keeper.state!.current.roles[0]!.weight, 300)
})

test('a request for a share is passed on to the least member that is up', () => {
  const bench = new Bench(complete(layoutOf([A, B, D])), D)
  bench.host.down.add(A)
  bench.keeper.onJoinRequest(role(C), bench.host.now)
  assert.deepEqual(bench.host.sent, [{ to: B, message: { type: 'join-request', role: role(C) } }])
})

test('without a majority of the layout nobody plans', () => {
  const bench = new Bench(complete(layoutOf([A, B, C])))
  bench.host.down.add(B).add(C)
  bench.keeper.onJoinRequest(role(D), bench.host.now)
  assert.deepEqual(bench.host.sent, [])
  assert.deepEqual(bench.host.timers, [])
  const even = new Bench(complete(layoutOf([A, B])))
  even.host.down.add(B)
  even.keeper.onJoinRequest(role(D), even.host.now)
  assert.deepEqual(even.host.timers, [], 'a half is no majority')
})

test('the planner gathers those who join together and plans them at once', () => {
  const bench = new Bench(complete(layoutOf([A])))
  bench.keeper.onJoinRequest(role(C), bench.host.now)
  bench.keeper.onJoinRequest(role(B), bench.host.now)
  bench.keeper.onJoinRequest(role(B), bench.host.now)
  assert.deepEqual(bench.host.timers, [{ timer: { owner: 'node', what: 'plan' }, at: 800 }])
  const adoption = bench.plan()
  assert.equal(adoption?.after.current.version, 2)
  assert.deepEqual(bench.nodes(), [A, B, C])
  assert.equal(bench.plan(), undefined, 'nobody else has asked')
})

test('members have nothing to pull when others join: the move ends without one that is down', () => {
  const bench = new Bench(complete(layoutOf([A, B, C])))
  bench.host.down.add(B)
  bench.keeper.onJoinRequest(role(D), bench.host.now)
  const adoption = bench.plan()
  assert.equal(adoption?.after.current.version, 2)
  assert.deepEqual(gainedBy(adoption.after, B), [])
})

test('while data moves nobody plans, and the request waits', () => {
  const bench = new Bench(complete(layoutOf([A])))
  bench.keeper.onJoinRequest(role(B), bench.host.now)
  bench.plan()
  assert.ok(bench.keeper.moving)
  bench.keeper.onJoinRequest(role(C), bench.host.now)
  assert.equal(bench.plan(), undefined)
  assert.equal(bench.keeper.version, 2)
  assert.equal(bench.host.timers.filter(({ timer }) => timer.owner === 'node').length, 3)
  const { current } = bench.keeper.state!
  bench.keeper.merge(complete(current))
  assert.ok(bench.plan() !== undefined)
  assert.deepEqual(bench.nodes(), [A, B, C])
})

test('who asked and is gone, or has got its share meanwhile, is not planned', () => {
  const bench = new Bench(complete(layoutOf([A])))
  bench.keeper.onJoinRequest(role(B), bench.host.now)
  bench.host.down.add(B)
  assert.equal(bench.plan(), undefined)
  assert.deepEqual(bench.nodes(), [A])
  bench.keeper.onJoinRequest(role(A), bench.host.now)
  assert.equal(bench.host.timers.length, 1, 'it has that role')
})

test('a planner that is not the least any more leaves the planning to the other', () => {
  const bench = new Bench(complete(layoutOf([A, B, C])), B)
  bench.host.down.add(A)
  bench.keeper.onJoinRequest(role(D), bench.host.now)
  bench.host.down.delete(A)
  assert.equal(bench.plan(), undefined)
  assert.equal(bench.keeper.version, 1)
})

test('a role that would leave nobody with data is not planned: a peer can ask for anything', () => {
  const bench = new Bench(complete(layoutOf([A])))
  bench.keeper.onJoinRequest(role(A, 'z', 0), bench.host.now)
  assert.equal(bench.plan(), undefined)
  bench.keeper.onJoinRequest(role('0'.repeat(15) as NodeId), bench.host.now)
  assert.equal(bench.plan(), undefined, 'no node id')
  assert.equal(bench.keeper.version, 1)
})

test('a node that leaves asks a member that is up for a layout without it, and for no share any more', () => {
  const bench = new Bench(complete(layoutOf([A, B, C])), C, 'z', 300)
  bench.host.down.add(A)
  bench.keeper.leave()
  for (let i = 0; i < 20; i++) bench.keeper.onJoinTimer(bench.host.now)
  const asked = new Set(bench.host.sent.map(({ to, message }) => `${to} ${message.type}`))
  assert.deepEqual(asked, new Set([`${B} leave-request`]))
  assert.ok(bench.host.timers.length >= 20, 'it asks again')
  bench.keeper.merge(complete(layoutOf([A, B], layoutOf([A, B, C]))))
  bench.host.sent.length = 0
  for (let i = 0; i < 20; i++) bench.keeper.onJoinTimer(bench.host.now)
  assert.deepEqual(bench.host.sent, [], 'it is out')
})

test('a wish to leave is passed on to the planner, which plans without the node', () => {
  const bench = new Bench(complete(layoutOf([A, B, C])), B)
  bench.keeper.onLeaveRequest(C, bench.host.now)
  assert.deepEqual(bench.host.sent, [{ to: A, message: { type: 'leave-request', node: C } }])
  const planner = new Bench(complete(layoutOf([A, B, C])))
  planner.keeper.onLeaveRequest(C, planner.host.now)
  planner.keeper.onLeaveRequest(C, planner.host.now)
  assert.equal(planner.host.timers.length, 1)
  assert.equal(planner.plan()?.after.current.version, 2)
  assert.deepEqual(planner.nodes(), [A, B])
  planner.keeper.onLeaveRequest(C, planner.host.now)
  assert.equal(planner.host.timers.length, 1, 'it is out already')
})

test('without a majority of the layout nobody is let go', () => {
  const bench = new Bench(complete(layoutOf([A, B])))
  bench.host.down.add(B)
  bench.keeper.onLeaveRequest(A, bench.host.now)
  assert.deepEqual(bench.host.timers, [])
})

test('those who join and those who leave are planned together', () => {
  const bench = new Bench(complete(layoutOf([A, B])))
  bench.keeper.onJoinRequest(role(C), bench.host.now)
  bench.keeper.onLeaveRequest(B, bench.host.now)
  assert.equal(bench.plan()?.after.current.version, 2)
  assert.deepEqual(bench.nodes(), [A, C])
})

test('the planner plans without itself', () => {
  const bench = new Bench(complete(layoutOf([A, B])))
  bench.keeper.onLeaveRequest(A, bench.host.now)
  bench.plan()
  assert.deepEqual(bench.nodes(), [B])
})

test('the last wish of a node counts: who wants to leave after all does not join, and the other way round', () => {
  const bench = new Bench(complete(layoutOf([A, B])))
  bench.keeper.onJoinRequest(role(B, 'elsewhere'), bench.host.now)
  bench.keeper.onLeaveRequest(B, bench.host.now)
  bench.plan()
  assert.deepEqual(bench.nodes(), [A])
  const other = new Bench(complete(layoutOf([A, B])))
  other.keeper.onLeaveRequest(B, other.host.now)
  other.keeper.onJoinRequest(role(B, 'elsewhere'), other.host.now)
  other.plan()
  assert.equal(other.keeper.state!.current.roles[1]!.zone, 'elsewhere')
})

test('nobody is let go while one who must take over data is down, and who joins then is planned alone, unless it takes over all', () => {
  const bench = new Bench(complete(layoutOf([A, B, C, D])))
  bench.host.down.add(B)
  bench.keeper.onLeaveRequest(C, bench.host.now)
  assert.equal(bench.plan(), undefined)
  assert.equal(bench.keeper.version, 1)
  const E = 'e'.repeat(16) as NodeId
  for (const [weight, nodes] of [
    [1, [A, B, C, D, E]],
    [100, [A, B, D, E]],
  ] as const) {
    const planner = new Bench(complete(layoutOf([A, B, C, D])))
    planner.host.down.add(B)
    planner.keeper.onLeaveRequest(C, planner.host.now)
    planner.keeper.onJoinRequest(role(E, 'z', weight), planner.host.now)
    assert.ok(planner.plan() !== undefined)
    assert.deepEqual(planner.nodes(), nodes, `weight ${weight}`)
  }
})

test('nobody gets another weight while one who must take over data is down, and who joins then is planned alone', () => {
  const roles = [A, B, C, D].map((node) => role(node))
  const state = complete(planLayout({ previous: undefined, roles, partitions: 16, replicas: 2 }))
  const lighter = role(D, 'z', 50)
  const bench = new Bench(state)
  bench.keeper.onJoinRequest(lighter, bench.host.now)
  const next = bench.plan()!.after
  const gainer = nodesOf(next.current).find((node) => gainedBy(next, node).length > 0)!
  const blocked = new Bench(state, gainer === A ? B : A)
  blocked.host.down.add(gainer)
  blocked.keeper.onJoinRequest(lighter, blocked.host.now)
  assert.equal(blocked.plan(), undefined)
  assert.deepEqual(blocked.keeper.state, state)
  const E = 'e'.repeat(16) as NodeId
  blocked.keeper.onJoinRequest(lighter, blocked.host.now)
  blocked.keeper.onJoinRequest(role(E, 'z', 1), blocked.host.now)
  const { current } = blocked.plan()!.after
  assert.deepEqual(current.roles, [...state.current.roles, role(E, 'z', 1)])
})

test('when all want to leave, who asked last stays', () => {
  const bench = new Bench(complete(layoutOf([A, B, C])))
  for (const node of [C, A, B]) bench.keeper.onLeaveRequest(node, bench.host.now)
  bench.plan()
  assert.deepEqual(bench.nodes(), [B])
  assert.ok(!bench.keeper.moving || bench.keeper.gained().length === 0)
})

test('a node without a weight does not keep the last one with data from staying', () => {
  const roles = [role(A), role(B, 'z', 0)]
  const bench = new Bench()
  bench.keeper.found({ partitions: 4, replicas: 3 })
  bench.keeper.onJoinRequest(roles[1]!, bench.host.now)
  bench.plan()
  bench.keeper.onLeaveRequest(A, bench.host.now)
  assert.equal(bench.plan(), undefined)
  assert.deepEqual(bench.nodes(), [A, B])
})

test('behind the last version there is no other', () => {
  const content = { ...layoutOf([A]), version: Number.MAX_SAFE_INTEGER, previousHash: 1 }
  const last = { ...content, hash: hashLayout(content) }
  const bench = new Bench(complete(last))
  assert.equal(bench.keeper.version, Number.MAX_SAFE_INTEGER)
  bench.keeper.onJoinRequest(role(B), bench.host.now)
  assert.equal(bench.plan(), undefined)
})

test('a full layout admits nobody, and makes no version for it', () => {
  const nodes = Array.from(
    { length: NODES_MAX },
    (_, i) => (0xa000 + i).toString(16).padStart(16, '0') as NodeId,
  )
  const bench = new Bench(complete(layoutOf(nodes, undefined, 1)), nodes[0]!)
  bench.keeper.onJoinRequest(role(A), bench.host.now)
  assert.equal(bench.plan(), undefined)
  assert.equal(bench.keeper.version, 1)
})

test('a new node takes the places of a lost one, which has no say, and nobody is planned with it', () => {
  const bench = new Bench(complete(layoutOf([A, B])))
  bench.host.down.add(B)
  bench.keeper.onJoinRequest(role(D), bench.host.now)
  assert.equal(bench.plan(), undefined, 'one of two members is no majority')
  bench.keeper.onReplaceRequest(role(C), B, bench.host.now)
  bench.keeper.onJoinRequest(role(D), bench.host.now)
  const { current } = bench.plan()!.after
  assert.deepEqual(bench.nodes(), [A, C])
  assert.deepEqual(current.lost, [B])
  assert.deepEqual(gainedBy(bench.keeper.state!, A), [])
  assert.equal(gainedBy(bench.keeper.state!, C).length, current.partitions)
})

test('nobody is replaced who is up, is no member, or by one who is a member or gone', () => {
  const bench = new Bench(complete(layoutOf([A, B, C])))
  bench.keeper.onReplaceRequest(role(D), C, bench.host.now)
  assert.equal(bench.plan(), undefined, 'C is up')
  bench.host.down.add(C).add(D)
  bench.keeper.onReplaceRequest(role(D), C, bench.host.now)
  assert.equal(bench.plan(), undefined, 'D is gone')
  bench.keeper.onReplaceRequest(role(A), C, bench.host.now)
  bench.keeper.onReplaceRequest(role(C), D, bench.host.now)
  assert.equal(bench.plan(), undefined)
  assert.deepEqual(bench.nodes(), [A, B, C])
})

test('of two that want the same place one gets it', () => {
  const bench = new Bench(complete(layoutOf([A, B, C])))
  const E = 'eeeeeeeeeeeeeeee' as NodeId
  bench.host.down.add(C)
  bench.keeper.onReplaceRequest(role(E), C, bench.host.now)
  bench.keeper.onReplaceRequest(role(D), C, bench.host.now)
  bench.plan()
  assert.deepEqual(bench.nodes(), [A, B, D])
})

test('when two of three are lost at once, the one that is left plans when it has heard of both', () => {
  const bench = new Bench(complete(layoutOf([A, B, C])))
  const E = 'eeeeeeeeeeeeeeee' as NodeId
  bench.host.down.add(B).add(C)
  bench.keeper.onReplaceRequest(role(D), B, bench.host.now)
  assert.equal(bench.plan(), undefined, 'B is lost; C may be where the others are')
  bench.host.now = later(bench.host.now, duration(500))
  bench.keeper.onReplaceRequest(role(E), C, bench.host.now)
  bench.plan()
  assert.deepEqual(bench.nodes(), [A, D, E])
  assert.deepEqual(bench.keeper.state!.current.lost, [B, C])
})

test('while data moves a lost one is waited for no more, and replaced when the move is over', () => {
  const before = complete(layoutOf([A, B, C]))
  const moving = beginTransition(before, layoutOf([A, B, C, D], before.current))
  const E = 'eeeeeeeeeeeeeeee' as NodeId
  const bench = new Bench(moving)
  bench.host.down.add(C)
  bench.keeper.onReplaceRequest(role(E), C, bench.host.now)
  const { after } = bench.plan()!
  assert.deepEqual(after, { ...moving, lost: [C] })
  assert.equal(bench.registers.proposals.length, 0)
  assert.equal(bench.plan(), undefined, 'it is said already')
  bench.keeper.merge({ ...complete(moving.current), lost: [C] })
  assert.ok(bench.plan() !== undefined)
  assert.deepEqual(bench.nodes(), [A, B, D, E])
  assert.deepEqual(bench.keeper.state!.current.lost, [C])
  assert.deepEqual(bench.keeper.state!.lost, [])
})

test('who is lost is planned away when nothing moves, though nobody asks for its places', () => {
  const bench = new Bench(complete(layoutOf([A, B, C, D])))
  bench.host.down.add(C)
  assert.deepEqual(bench.keeper.lose(C)?.after.lost, [C])
  assert.equal(bench.keeper.lose(C), undefined)
  assert.ok(bench.keeper.isLost(C))
  bench.keeper.onJoinTimer(bench.host.now)
  bench.plan()
  assert.deepEqual(bench.nodes(), [A, B, D])
  assert.deepEqual(bench.keeper.state!.current.lost, [C])
  assert.ok(!bench.keeper.isLost(C))
})

test('who joins and leaves again leaves no trace: the table is the one before', () => {
  const roles = [A, B, C].map((node) => role(node))
  const before = planLayout({ previous: undefined, roles, partitions: 64, replicas: 3 })
  const bench = new Bench(complete(before))
  bench.keeper.onJoinRequest(role(D), bench.host.now)
  bench.plan()
  for (const node of [D, A, B, C]) {
    const { state } = bench.keeper
    bench.keeper.merge(markAcked(markSynced(state!, node), node))
  }
  assert.ok(!bench.keeper.moving)
  assert.notDeepEqual(bench.keeper.state!.current.table, before.table)
  bench.settle()
  assert.deepEqual(bench.again().state?.former, before, 'it is known after a restart')
  bench.keeper.onLeaveRequest(D, bench.host.now)
  bench.plan()
  assert.deepEqual(bench.keeper.state!.current.table, before.table)
})

test('while a layout is being chosen nobody plans another', () => {
  const bench = new Bench(complete(layoutOf([A])))
  bench.registers.isSlow = true
  bench.keeper.onJoinRequest(role(B), bench.host.now)
  assert.equal(bench.plan(), undefined)
  bench.keeper.onJoinRequest(role(C), bench.host.now)
  assert.equal(bench.plan(), undefined)
  assert.equal(bench.registers.proposals.length, 1)
  bench.registers.decide(bench.registers.proposals[0]!)
  assert.deepEqual(bench.nodes(), [A, B])
})

test('when another layout was chosen it is adopted, and ours is not', () => {
  const first = layoutOf([A])
  const theirs = layoutOf([A, C], first)
  const bench = new Bench(complete(first))
  const writer = new ByteWriter()
  encodeLayout(writer, theirs)
  bench.registers.values.set('layout/2', writer.take())
  bench.keeper.onJoinRequest(role(B), bench.host.now)
  assert.equal(bench.plan()?.after.current.hash, theirs.hash)
  assert.deepEqual(bench.nodes(), [A, C])
})

test('from a filled and durable state a node says that it reads by it, once', () => {
  const first = layoutOf([A, B, C])
  const second = layoutOf([A, B, C, D], first)
  const bench = new Bench(complete(first))
  const moving = beginTransition(complete(first), second)
  bench.keeper.merge(moving)
  bench.settle()
  assert.deepEqual(bench.keeper.state!.acked, [], 'not all are synced')
  bench.keeper.merge(markSynced(moving, D))
  assert.deepEqual(bench.keeper.state!.acked, [], 'it is not durable')
  bench.settle()
  assert.deepEqual(bench.keeper.state!.acked, [A])
  assert.deepEqual(bench.again().state!.acked, [A])
})

test('a node that no longer asks is not planned with', () => {
  const bench = new Bench(complete(layoutOf([A, B, C])))
  bench.host.down.add(C)
  bench.keeper.onReplaceRequest(role(D), C, bench.host.now)
  bench.host.now = later(bench.host.now, duration(1_300))
  assert.equal(bench.plan(), undefined)
})

test('a replacement is passed on to the planner, and waits until a move is over', () => {
  const second = new Bench(complete(layoutOf([A, B, C])), B)
  second.host.down.add(C)
  second.keeper.onReplaceRequest(role(D), C, second.host.now)
  assert.deepEqual(second.host.sent, [
    { to: A, message: { type: 'replace-request', role: role(D), lost: C } },
  ])
  const moving = new Bench(
    beginTransition(complete(layoutOf([A, B])), layoutOf([A, B, C], layoutOf([A, B]))),
  )
  moving.host.down.add(C)
  moving.keeper.onReplaceRequest(role(D), C, moving.host.now)
  assert.deepEqual(moving.plan()?.after.lost, [C], 'it is said that nobody waits for it')
  assert.deepEqual(moving.nodes(), [A, B, C])
})

test('who was to take data over, and has left instead, is waited for no more', () => {
  const first = layoutOf([A, B])
  const bench = new Bench(beginTransition(complete(first), layoutOf([A, B, C], first)))
  bench.left.add(B)
  bench.keeper.onJoinTimer(bench.host.now)
  assert.deepEqual(bench.keeper.state!.lost, [], 'B has data, so it has not left without a word')
  bench.left.add(C)
  bench.keeper.onJoinTimer(bench.host.now)
  assert.deepEqual(bench.adoption!.after.lost, [C])
})
