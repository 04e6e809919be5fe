import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RegisterAnswer } from '../consensus/messages.ts'
import { AcceptorMemory, isStoreLost } from './acceptor-memory.ts'
import { A, B, C, D, FakeStore, layoutOf } from './fake-host.test.ts'
import { layoutRegisterKey } from './layout-register.ts'
import { complete, NodeBench } from './node-bench.test.ts'
import { stateKey } from './storage-keys.ts'

const first = layoutOf([A, B, C])
const second = layoutOf([A, B, C, D], first)
const third = layoutOf([A, B, C], second)
const fourth = layoutOf([A, B, C, D], third)

let counter = 0

/** What the node's acceptor says to somebody who wants to choose that version. */
function asked(bench: NodeBench, version: number): RegisterAnswer['outcome'] {
  const ballot = { counter: ++counter, node: B, proposal: 1 }
  bench.message(B, {
    ...{ type: 'register-prepare', request: 7, ballot, layoutVersion: version - 1 },
    key: layoutRegisterKey(version),
  })
  bench.settle()
  const [answer] = bench.take('register-promise')
  return answer!.message.outcome
}

/** A node that was started with that store, and hears of that layout. */
function started(store: FakeStore, knownVersion: number, layout = second): NodeBench {
  const bench = new NodeBench({ store, knownVersion })
  bench.step({ type: 'start', seeds: [] })
  bench.meet(B, complete(layout))
  bench.settle()
  bench.effects = []
  return bench
}

test('an acceptor whose store was emptied does not answer again about what it may have answered', () => {
  const bench = started(new FakeStore(), 3)
  assert.equal(asked(bench, 3), 'refused', 'whoever it heard of the layout from may be behind')
  bench.meet(C, complete(third))
  bench.settle()
  assert.equal(asked(bench, 4), 'refused', 'it may have accepted a layout to follow the third')
  bench.meet(C, complete(fourth))
  bench.settle()
  assert.equal(asked(bench, 5), 'ok', 'nobody has ever asked it about that')
})

test('to be refused is nothing to compare layouts about', () => {
  const bench = started(new FakeStore(), 3)
  asked(bench, 3)
  assert.deepEqual(bench.take('state-sync'), [])
})

test('what it must not answer about outlives the next restarts, until it is past', () => {
  const { store } = started(new FakeStore(), 3)
  assert.equal(asked(started(store, 3), 3), 'refused')
  assert.equal(asked(started(store, 3, third), 4), 'refused')
  const last = started(store, 4, fourth)
  assert.equal(asked(last, 5), 'ok')
  assert.equal(store.get(stateKey('register-bar')), undefined)
})

test('an acceptor with its memory goes on after every restart', () => {
  const { store } = started(new FakeStore(), 0)
  assert.equal(asked(started(store, 2), 3), 'ok')
  assert.equal(asked(started(store, 3), 3), 'ok', 'killed before the third was on its disk')
  assert.equal(asked(started(store, 4), 3), 'refused', 'an older store was put in its place')
})

test('a node that was new when it died knows nothing that it could have forgotten', () => {
  assert.deepEqual(
    [isStoreLost(0, 0), isStoreLost(0, 1), isStoreLost(0, 2), isStoreLost(5, 6), isStoreLost(5, 7)],
    [false, false, true, false, true],
  )
})

test('a bar that cannot be read is none', () => {
  const store = new FakeStore()
  store.put(stateKey('register-bar'), Uint8Array.of(5, 5))
  assert.ok(!new AcceptorMemory(store, 4, 4).bars(5))
})
