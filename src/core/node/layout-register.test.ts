import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeLayout } from '../placement/layout-codec.ts'
import type { Layout, LayoutState } from '../placement/layout.ts'
import { ByteWriter } from '../std/bytes.ts'
import type { NodeId } from '../std/ids.ts'
import { instant } from '../std/instant.ts'
import { Prng } from '../std/prng.ts'
import { A, B, C, D, FakeHost, layoutOf } from './fake-host.test.ts'
import { FakeRegisters } from './fake-registers.test.ts'
import type { Chosen } from './layout-register.ts'
import { LayoutRegister, layoutRegisterKey } from './layout-register.ts'
import { complete } from './node-bench.test.ts'

const NEXT = layoutRegisterKey(2)
const first = layoutOf([A, B, C])
const second = layoutOf([A, B, C, D], first)
const other = layoutOf([A, B], first)

function encoded(layout: Layout): Uint8Array {
  const writer = new ByteWriter()
  encodeLayout(writer, layout)
  return writer.take()
}

class Bench {
  readonly host = new FakeHost()
  readonly registers = new FakeRegisters()
  state: LayoutState | undefined = complete(first)
  mayPropose = true
  forgotten = 0
  /** What was adopted and what was heard, in order. */
  readonly events: string[] = []
  readonly register = new LayoutRegister(this.host, {
    ...{ registers: this.registers, rng: new Prng(1), state: () => this.state },
    mayPropose: () => this.mayPropose,
    hasForgotten: (version) => version <= this.forgotten,
    chosen: (layout) => {
      this.events.push(`adopted ${layout.hash}`)
      this.state = complete(layout)
    },
  })
  readonly heard: Chosen = (chosen) => {
    this.events.push(typeof chosen === 'string' ? chosen : `chosen ${chosen.hash}`)
  }

  propose(layout: Layout, lost: readonly NodeId[] = []): void {
    this.register.propose(layout, lost, this.heard)
  }

  pass(ms: number): void {
    this.host.now = instant(this.host.now + ms)
    this.register.onTimer()
  }
}

test('an acceptor takes part in what follows its layout, and in nothing else', () => {
  const bench = new Bench()
  const standing = (key: string): string => bench.register.serves(key)
  assert.equal(standing(NEXT), 'ok')
  assert.equal(standing(layoutRegisterKey(1)), 'ahead', 'it was chosen long ago')
  assert.equal(standing(layoutRegisterKey(3)), 'behind', 'it does not know who may choose it')
  for (const key of ['layout/', 'layout/x', 'layout/2 ', 'bucket/2', `layout/${'9'.repeat(17)}`])
    assert.equal(standing(key), 'behind', key)
  bench.state = undefined
  assert.equal(standing(NEXT), 'behind')
})

test('an acceptor that has lost its memory of a version takes no part in it', () => {
  const bench = new Bench()
  bench.forgotten = 2
  assert.equal(bench.register.serves(NEXT), 'refused')
  assert.equal(bench.register.serves(layoutRegisterKey(1)), 'ahead')
  bench.state = complete(second)
  assert.equal(bench.register.serves(layoutRegisterKey(3)), 'ok')
})

test('only a layout that follows the one in force is accepted, or that there is none', () => {
  const { register, ...bench } = new Bench()
  assert.ok(register.mayAccept(encoded(second)))
  assert.ok(register.mayAccept(new Uint8Array(0)))
  const stranger = layoutOf([A, B, C, D], layoutOf([A, B]))
  for (const value of [encoded(first), encoded(layoutOf([A], second)), encoded(stranger)])
    assert.ok(!register.mayAccept(value))
  assert.ok(!register.mayAccept(Uint8Array.of(1, 2, 3)))
  assert.ok(!register.mayAccept(Uint8Array.of(...encoded(second), 0)))
  assert.ok(bench.state !== undefined)
})

test('who knows no layout accepts none', () => {
  const bench = new Bench()
  bench.state = undefined
  assert.ok(!bench.register.mayAccept(encoded(second)))
  bench.propose(second)
  assert.deepEqual(bench.events, ['failed'])
})

test('the nodes of the layout choose the next, which is adopted before it is told', () => {
  const bench = new Bench()
  bench.propose(second)
  const [proposal] = bench.registers.proposals
  assert.deepEqual([proposal?.key, proposal?.layoutVersion, proposal?.sets], [NEXT, 1, [[A, B, C]]])
  assert.deepEqual(bench.events, [`adopted ${second.hash}`, `chosen ${second.hash}`])
})

test('where another layout was chosen before, that is what is adopted and told', () => {
  const bench = new Bench()
  bench.registers.values.set(NEXT, encoded(other))
  bench.propose(second)
  assert.deepEqual(bench.events, [`adopted ${other.hash}`, `chosen ${other.hash}`])
})

test('a register in which nothing was found may be given a layout', () => {
  const bench = new Bench()
  bench.registers.values.set(NEXT, new Uint8Array(0))
  bench.propose(second)
  assert.deepEqual(bench.events, [`adopted ${second.hash}`, `chosen ${second.hash}`])
})

test('those who are lost have a voice that is not heard, and need no replacement while the rest is a majority', () => {
  const bench = new Bench()
  bench.registers.isSlow = true
  bench.propose(other, [C])
  assert.deepEqual(bench.registers.proposals[0]?.sets, [[A, B, C]], 'two of three')
})

test('when the rest is no majority each of them must agree', () => {
  const bench = new Bench()
  bench.registers.isSlow = true
  bench.state = complete(second)
  bench.propose(layoutOf([A, B], second), [C, D])
  assert.deepEqual(bench.registers.proposals[0]?.sets, [[A], [B]])
})

test('one proposal is under way at a time', () => {
  const bench = new Bench()
  bench.registers.isSlow = true
  bench.propose(second)
  assert.ok(bench.register.isProposing)
  bench.propose(other)
  assert.deepEqual(bench.events, ['failed'])
  bench.registers.decide(bench.registers.proposals[0]!)
  assert.ok(!bench.register.isProposing)
  assert.equal(bench.events.at(-1), `chosen ${second.hash}`)
  assert.equal(bench.registers.proposals.length, 1)
})

test('while somebody does not understand how layouts are chosen nobody proposes', () => {
  const bench = new Bench()
  bench.mayPropose = false
  bench.propose(second)
  assert.deepEqual([bench.events, bench.registers.proposals], [['failed'], []])
})

test('what did not end well is told so, unless the layout has come by another way', () => {
  for (const outcome of ['failed', 'unknown'] as const) {
    const bench = new Bench()
    bench.registers.isSlow = true
    bench.propose(second)
    bench.registers.proposals[0]!.done({ outcome })
    assert.deepEqual(bench.events, [outcome])
    bench.propose(second)
    bench.state = complete(other)
    bench.registers.proposals[1]!.done({ outcome })
    assert.equal(bench.events.at(-1), `chosen ${other.hash}`)
  }
})

test('a layout that nobody can read is not adopted', () => {
  const bench = new Bench()
  bench.registers.values.set(NEXT, Uint8Array.of(1, 2, 3))
  bench.propose(second)
  assert.deepEqual(bench.events, ['failed'])
})

test('who has accepted a layout and hears no more of it asks, after five to ten seconds', () => {
  const bench = new Bench()
  bench.pass(0)
  bench.pass(60_000)
  assert.deepEqual(bench.registers.proposals, [], 'nothing was accepted')
  bench.registers.values.set(NEXT, encoded(second))
  bench.pass(0)
  bench.pass(4_999)
  assert.deepEqual(bench.registers.proposals, [], 'its proposer may be at it')
  bench.pass(5_001)
  assert.deepEqual(bench.events, [`adopted ${second.hash}`])
  bench.pass(60_000)
  assert.equal(bench.registers.proposals.length, 1)
})

test('nobody asks who may not propose, or is proposing', () => {
  const bench = new Bench()
  bench.registers.values.set(NEXT, encoded(other))
  bench.pass(0)
  bench.mayPropose = false
  bench.pass(20_000)
  assert.deepEqual(bench.registers.proposals, [])
  bench.mayPropose = true
  bench.registers.isSlow = true
  bench.propose(second)
  bench.pass(20_000)
  assert.equal(bench.registers.proposals.length, 1)
})
