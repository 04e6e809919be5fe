import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { NodeId } from '../std/ids.ts'
import { NO_BASE } from '../versions/partition-clock.ts'
import type { TransferChunk } from './messages.ts'
import { A, B, Bench, C, key, pull, record, type Sent } from './receiver-bench.test.ts'
import { SILENCE_MS } from './transfer-receiver.ts'

const targets = (sent: readonly Sent[]): NodeId[] => sent.map(({ to }) => to)

test('a lost source gives way to the next, and keeps what it has given', () => {
  const bench = new Bench()
  bench.begin([pull(7, [A, B], 1)])
  bench.reply(bench.take()[0]!, [[3, record(1)]], false)
  bench.durable()
  bench.take()
  bench.step({ type: 'peer-lost', peer: A })
  const [other] = bench.take()
  assert.deepEqual([other!.to, other!.message.after.length], [B, 0])
  bench.step({ type: 'peer-lost', peer: B })
  assert.equal(bench.take().length, 0, 'both rest')
  bench.step({ type: 'peer-up', peer: A })
  const [again] = bench.take()
  assert.deepEqual([again!.to, again!.message.after], [A, key(7, 3)])
})

test('of two sources that are back the one that has given something goes on', () => {
  const bench = new Bench()
  bench.begin([pull(7, [A, B], 1)])
  bench.step({ type: 'peer-lost', peer: A })
  const [, fromB] = bench.take()
  bench.reply(fromB!, [[3, record(1)]], false)
  bench.durable()
  bench.step({ type: 'peer-lost', peer: B })
  bench.take()
  bench.fire('rested')
  const [first] = bench.take()
  assert.equal(first!.to, A, 'the first to be rested')
  bench.step({ type: 'peer-up', peer: B })
  assert.equal(bench.take().length, 0, 'one is enough')
  bench.step({ type: 'peer-lost', peer: A })
  const [second] = bench.take()
  assert.deepEqual([second!.to, second!.message.after], [B, key(7, 3)])
})

test('a peer that is back is trusted anew: its next rest is short', () => {
  const bench = new Bench()
  bench.begin([pull(7, [A], 1)])
  for (let failures = 0; failures < 6; failures++) {
    bench.step({ type: 'peer-lost', peer: A })
    bench.fire('rested')
  }
  bench.step({ type: 'peer-up', peer: A })
  const before = bench.now
  bench.step({ type: 'peer-lost', peer: A })
  bench.fire('rested')
  assert.ok(bench.now - before <= 100, `${bench.now - before} ms`)
})

test('losing a peer that nothing was asked of changes nothing', () => {
  const bench = new Bench()
  bench.begin([pull(7, [A, B], 1)])
  bench.take()
  const armed = bench.timers.length
  bench.step({ type: 'peer-lost', peer: B })
  bench.step({ type: 'peer-lost', peer: C })
  bench.step({ type: 'peer-up', peer: C })
  assert.equal(bench.take().length, 0)
  assert.equal(bench.timers.length, armed)
})

test('a source lost while its chunk is being stored loses nothing', () => {
  const bench = new Bench()
  bench.begin([pull(7, [A, B], 1)])
  bench.reply(bench.take()[0]!, [[3, record(1)]], true)
  bench.step({ type: 'peer-lost', peer: A })
  bench.durable()
  assert.equal(bench.receiver.pending, 0)
})

test('a source that rests is asked again when its time has come', () => {
  const bench = new Bench()
  bench.begin([pull(7, [A], 1)])
  bench.reply(bench.take()[0]!, [], false, 'stale-layout')
  assert.equal(bench.take().length, 0)
  bench.fire('rested')
  assert.deepEqual(targets(bench.take()), [A])
})

test('a source that refuses rests, longer each time until it gives something', () => {
  const bench = new Bench()
  bench.begin([pull(7, [A], 1)])
  const rests: number[] = []
  for (const outcome of ['stale-layout', 'not-replica', 'store-failed', 'store-failed'] as const) {
    const before = bench.now
    bench.reply(bench.take()[0]!, [], false, outcome)
    bench.fire('rested')
    rests.push(bench.now - before)
  }
  assert.ok(rests[3]! > rests[0]! * 2, rests.join(' '))
  bench.reply(bench.take()[0]!, [[1, record(1)]], false)
  bench.durable()
  const before = bench.now
  bench.reply(bench.take()[0]!, [], false, 'store-failed')
  bench.fire('rested')
  assert.ok(bench.now - before <= rests[0]! * 2)
})

test('a refusal is no chunk, whatever it carries', () => {
  const bench = new Bench()
  bench.begin([pull(7, [A], 1)])
  bench.reply(bench.take()[0]!, [[1, record(1)]], true, 'not-replica')
  assert.equal(bench.stores.length, 0)
  assert.equal(bench.receiver.pending, 1)
})

test('a source that is silent for too long is given up, and its late answer ignored', () => {
  const bench = new Bench()
  bench.begin([pull(7, [A, B], 1)])
  const [late] = bench.take()
  bench.fire('silence')
  assert.equal(bench.now, 1000 + SILENCE_MS)
  const [other] = bench.take()
  assert.equal(other!.to, B)
  bench.reply(late!, [[1, record(1)]], true)
  assert.equal(bench.stores.length, 0)
  assert.equal(bench.receiver.pending, 1)
})

test('timers of what is over do nothing', () => {
  const bench = new Bench()
  bench.begin([pull(7, [A], 1)])
  bench.reply(bench.take()[0]!, [[1, record(1)]], false)
  bench.fire('silence')
  bench.durable()
  assert.equal(bench.take().length, 1)
  bench.step({ type: 'timer', timer: { reason: 'rested', source: A, rest: 99 } })
  bench.step({ type: 'timer', timer: { reason: 'rested', source: C, rest: 1 } })
  assert.equal(bench.take().length, 0)
})

test('an answer from another node than was asked is ignored', () => {
  const bench = new Bench()
  bench.begin([pull(7, [A, B], 1)])
  const [request] = bench.take()
  bench.reply({ to: B, message: request!.message }, [[1, record(1)]], true)
  assert.equal(bench.stores.length, 0)
  bench.reply(request!, [[1, record(1)]], true)
  assert.equal(bench.stores.length, 1)
})

test('an answer counts once', () => {
  const bench = new Bench()
  bench.begin([pull(7, [A], 1)])
  const [request] = bench.take()
  bench.reply(request!, [[1, record(1)]], false)
  bench.reply(request!, [[2, record(2)]], true)
  assert.equal(bench.stores.length, 1)
  bench.durable()
  assert.equal(bench.receiver.pending, 1)
})

test('requests of different runs of a node have different numbers', () => {
  const [one, other] = [new Bench(1), new Bench(2)]
  for (const bench of [one, other]) bench.begin([pull(7, [A], 1)])
  assert.notEqual(one.sent[0]!.message.request, other.sent[0]!.message.request)
})

test('a chunk that holds what it must not is dropped whole, and its source rests', () => {
  const bad: Record<string, { keys: Uint8Array[]; done: boolean }> = {
    'a key of another partition': { keys: [key(7, 1), key(8, 1)], done: true },
    'a key before the partition': { keys: [key(6, 9), key(7, 1)], done: true },
    "the node's own state": { keys: [Uint8Array.of(3, 1)], done: true },
    'keys out of order': { keys: [key(7, 2), key(7, 1)], done: true },
    'a key twice': { keys: [key(7, 1), key(7, 1)], done: true },
    'nothing, and not done': { keys: [], done: false },
    'too many records': {
      keys: Array.from({ length: 1025 }, (_, n) => Uint8Array.of(1, 7, n >> 8, n & 255)),
      done: true,
    },
  }
  for (const [what, { keys, done }] of Object.entries(bad)) {
    const bench = new Bench()
    bench.begin([pull(7, [A], 1)])
    const [{ message }] = bench.take() as [Sent]
    const entries = keys.map((at) => ({ key: at, record: record(1) }))
    const chunk = {
      type: 'transfer-chunk',
      request: message.request,
      entries,
      base: NO_BASE,
      clock: NO_BASE,
      done,
    } as const
    bench.step({ type: 'chunk', from: A, message: { ...chunk, outcome: 'ok' } })
    assert.equal(bench.stores.length, 0, what)
    assert.equal(bench.receiver.pending, 1, what)
    assert.equal(bench.receiver.malformedChunks, 1, what)
    bench.fire('rested')
    assert.equal(bench.take()[0]!.message.after.length, 0, what)
  }
})

test('a chunk that repeats what came before the cursor is dropped', () => {
  const bench = new Bench()
  bench.begin([pull(7, [A], 1)])
  bench.reply(bench.take()[0]!, [[5, record(1)]], false)
  bench.durable()
  bench.reply(
    bench.take()[0]!,
    [
      [5, record(1)],
      [6, record(1)],
    ],
    true,
  )
  assert.equal(bench.receiver.malformedChunks, 1)
  assert.equal(bench.receiver.pending, 1)
})

test('when the store fails the partition begins anew, from every source', () => {
  const bench = new Bench()
  bench.begin([pull(7, [A, B], 2)])
  const [fromA, fromB] = bench.take()
  bench.reply(
    fromA!,
    [
      [1, record(1)],
      [2, record(1)],
    ],
    false,
  )
  // B's records equal those of A, which are handed over and not durable: B is done with nothing
  // stored.
  bench.reply(
    fromB!,
    [
      [1, record(1)],
      [2, record(1)],
    ],
    true,
  )
  bench.held.clear()
  bench.step({ type: 'store-failed', token: bench.stores.shift()!.token })
  const [againB] = bench.take()
  assert.deepEqual([againB!.to, againB!.message.after.length], [B, 0])
  bench.fire('rested')
  const [againA] = bench.take()
  assert.deepEqual([againA!.to, againA!.message.after.length], [A, 0])
  bench.reply(
    againA!,
    [
      [1, record(1)],
      [2, record(1)],
    ],
    true,
  )
  bench.durable()
  bench.reply(
    againB!,
    [
      [1, record(1)],
      [2, record(1)],
    ],
    true,
  )
  assert.equal(bench.receiver.pending, 0)
  assert.equal(bench.held.size, 2)
})

test('a request under way when the store fails is let go', () => {
  const bench = new Bench()
  bench.begin([pull(7, [A, B], 2)])
  const [fromA, fromB] = bench.take()
  bench.reply(fromB!, [[1, record(1)]], false)
  bench.durable()
  const [second] = bench.take()
  bench.reply(fromA!, [[1, record(1, 2)]], false)
  bench.step({ type: 'store-failed', token: bench.stores.shift()!.token })
  bench.reply(second!, [], true)
  assert.equal(bench.receiver.pending, 1, 'B must tell of record 1 again')
  assert.deepEqual([bench.take()[0]!.to, bench.stores.length], [B, 0])
})

test('a batch still under way when another fails does not move its cursor', () => {
  const bench = new Bench()
  bench.begin([pull(7, [A, B], 2)])
  const [fromA, fromB] = bench.take()
  bench.reply(fromA!, [[1, record(1)]], true)
  bench.reply(
    fromB!,
    [
      [1, record(1)],
      [2, record(2)],
    ],
    true,
  )
  bench.step({ type: 'store-failed', token: bench.stores.shift()!.token })
  bench.durable()
  const [again] = bench.take()
  assert.deepEqual([again!.to, again!.message.after.length], [B, 0])
  assert.equal(bench.receiver.records, 1, 'what became durable counts')
})

test('events that belong to nothing are harmless', () => {
  const bench = new Bench()
  bench.step({ type: 'stored', token: 5 })
  bench.step({ type: 'store-failed', token: 5 })
  bench.step({ type: 'peer-lost', peer: A })
  bench.step({ type: 'peer-up', peer: A })
  bench.step({ type: 'timer', timer: { reason: 'silence', request: 5 } })
  assert.equal(bench.said.length + bench.sent.length + bench.timers.length, 0)
})

test('no sequence of events breaks an invariant', () => {
  const nodes = fc.constantFrom(A, B, C)
  const outcome = fc.constantFrom('ok', 'ok', 'ok', 'stale-layout', 'store-failed', 'not-replica')
  const move = fc.oneof(
    fc.record({
      do: fc.constant('reply'),
      pick: fc.nat(50),
      outcome,
      n: fc.nat(4),
      done: fc.boolean(),
    }),
    fc.record({ do: fc.constant('store'), ok: fc.boolean() }),
    fc.record({ do: fc.constantFrom('lost', 'up'), peer: nodes }),
    fc.record({ do: fc.constantFrom('silence', 'rested') }),
    fc.record({
      do: fc.constant('begin'),
      version: fc.integer({ min: 1, max: 3 }),
      count: fc.nat(12),
    }),
  )
  fc.assert(
    fc.property(fc.array(move, { maxLength: 80 }), (moves) => {
      const bench = new Bench()
      bench.begin(
        Array.from({ length: 10 }, (_, p) => pull(p, [A, B, C], (p % 3) + 1)),
        1,
      )
      for (const one of moves) play(bench, one as Move)
    }),
    { seed: 61, numRuns: 300 },
  )
})

type Move =
  | { do: 'reply'; pick: number; outcome: TransferChunk['outcome']; n: number; done: boolean }
  | { do: 'store'; ok: boolean }
  | { do: 'lost' | 'up'; peer: NodeId }
  | { do: 'silence' | 'rested' }
  | { do: 'begin'; version: number; count: number }

/** One move; `step` checks the invariants after each. */
function play(bench: Bench, move: Move): void {
  switch (move.do) {
    case 'reply': {
      const request = bench.sent[move.pick % Math.max(1, bench.sent.length)]
      if (request === undefined) return
      const last = request.message.after[2] ?? 0
      const records = Array.from({ length: move.n }, (_, i) => [last + i + 1, record(i)] as const)
      return bench.reply(request, records, move.done, move.outcome)
    }
    case 'store': {
      const token = bench.stores.shift()?.token
      if (token !== undefined) bench.step({ type: move.ok ? 'stored' : 'store-failed', token })
      return
    }
    case 'lost':
      return bench.step({ type: 'peer-lost', peer: move.peer })
    case 'up':
      return bench.step({ type: 'peer-up', peer: move.peer })
    case 'silence':
    case 'rested':
      if (bench.timers.some(({ timer }) => timer.reason === move.do)) bench.fire(move.do)
      return
    case 'begin': {
      const plan = Array.from({ length: move.count }, (_, p) => pull(p, [C, A, B], 2))
      return bench.begin(plan, move.version)
    }
  }
}
