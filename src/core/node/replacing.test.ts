import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId } from '../std/ids.ts'
import type { MemberRecord, MemberState } from '../membership/member.ts'
import { beginTransition, markSynced } from '../placement/layout-state.ts'
import type { LayoutState } from '../placement/layout.ts'
import { planReplacement } from '../placement/plan-replacement.ts'
import { A, B, C, D, FakeHost, layoutOf, role } from './fake-host.test.ts'
import { Replacing } from './replacing.ts'

/** A layout of A, B and C, called node1 to node3; D wants the place of one of them. */
class Bench {
  readonly host = new FakeHost()
  readonly alive = new Set<NodeId>([A, B])
  readonly replacing: Replacing
  members: MemberRecord[]
  state: LayoutState | undefined
  isGone = false

  constructor(wish: string | undefined) {
    this.host.self = D
    this.state = beginTransition(undefined, layoutOf([A, B, C]))
    this.members = [memberOf(A, 'node1'), memberOf(B, 'node2'), memberOf(C, 'node3', 'dead')]
    this.replacing = new Replacing(this.host, {
      wish,
      layout: () => this.state,
      members: () => this.members,
      isAlive: (node) => this.alive.has(node),
      giveUp: () => {
        this.isGone = true
      },
    })
  }

  refusal(): string {
    const [note, ...more] = this.host.notes
    assert.deepEqual(more, [])
    assert.equal(note?.type, 'replace-refused')
    assert.ok(this.isGone)
    assert.equal(this.replacing.wanted(), 'unknown', 'from then on it asks for nothing')
    return note.reason
  }
}

function memberOf(id: NodeId, name: string, state: MemberState = 'alive'): MemberRecord {
  const address = { host: '10.0.0.1', port: 1 }
  const info = { id, name, address, httpAddress: address, zone: 'z', weight: 100 }
  const lock = { version: '1.0.0', leaveLock: '00'.repeat(16) }
  return { info: { ...info, ...lock }, generation: 1, incarnation: 0, state }
}

test('without a wish it is decided, and wants a share of its own', () => {
  const { replacing } = new Bench(undefined)
  assert.ok(replacing.isDecided)
  assert.equal(replacing.wanted(), undefined)
  assert.equal(replacing.view, undefined)
})

test('a node that is gone is found by its name and by its id', () => {
  for (const wish of ['node3', C]) {
    const { replacing } = new Bench(wish)
    assert.ok(!replacing.isDecided)
    assert.equal(replacing.view?.phase, 'looking')
    assert.equal(replacing.wanted(), C)
    assert.deepEqual(replacing.view, { phase: 'planning', lost: C })
  }
})

test('until the others hold it dead this is said', () => {
  const bench = new Bench('node3')
  bench.members[2] = memberOf(C, 'node3', 'suspect')
  assert.equal(bench.replacing.wanted(), C)
  assert.equal(bench.replacing.view?.phase, 'dying')
})

test('a node that is alive is not replaced', () => {
  for (const wish of ['node2', B]) {
    const bench = new Bench(wish)
    assert.equal(bench.replacing.wanted(), 'unknown')
    assert.match(bench.refusal(), new RegExp(`${wish}.*is alive`))
  }
})

test('of two nodes with one name the one is meant that is gone; if both are, the id is asked for', () => {
  const bench = new Bench('node')
  bench.members = [memberOf(A, 'x'), memberOf(B, 'node'), memberOf(C, 'node', 'dead')]
  // Its own name is that of the machine, and does not count.
  bench.members.push(memberOf(D, 'node'))
  assert.equal(bench.replacing.wanted(), C)
  const both = new Bench('node')
  both.members = [memberOf(A, 'x'), memberOf(B, 'node', 'dead'), memberOf(C, 'node', 'dead')]
  both.alive.delete(B)
  assert.equal(both.replacing.wanted(), 'unknown')
  assert.ok(both.refusal().includes(`${B}, ${C}`))
})

test('a name that nobody has told of yet is waited for, and not for ever', () => {
  const bench = new Bench('node3')
  const [, , third] = bench.members.splice(2, 1, memberOf(D, 'node4'))
  assert.equal(third, undefined)
  for (let i = 0; i < 9; i++) assert.equal(bench.replacing.wanted(), 'unknown')
  assert.ok(!bench.isGone)
  bench.members.push(memberOf(C, 'node3', 'dead'))
  assert.equal(bench.replacing.wanted(), C)
  const never = new Bench('nobody')
  for (let i = 0; i < 10; i++) assert.equal(never.replacing.wanted(), 'unknown')
  assert.match(never.refusal(), /no node .* is called nobody/)
})

test('when the layout has it, it is filled, and then it is a node like any other', () => {
  const bench = new Bench('node3')
  const before = bench.state!
  assert.equal(bench.replacing.wanted(), C)
  bench.state = beginTransition(
    before,
    planReplacement(before.current, [{ lost: C, role: role(D) }]),
  )
  assert.ok(bench.replacing.isDecided)
  assert.equal(bench.replacing.wanted(), undefined)
  assert.deepEqual(bench.replacing.view, { phase: 'filling', lost: C })
  bench.state = markSynced(bench.state, D)
  assert.equal(bench.replacing.view, undefined)
  // The same command starts it again: its wish is fulfilled.
  bench.members = []
  assert.equal(bench.replacing.wanted(), undefined)
})
