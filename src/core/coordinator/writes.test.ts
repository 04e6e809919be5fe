import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId, PartitionId } from '../std/ids.ts'
import { instant } from '../std/instant.ts'
import type { Placement } from '../placement/layout.ts'
import type { ReplicateOutcome, WriteResult } from './messages.ts'
import type { WriteEffect } from './writes.ts'
import { Writes } from './writes.ts'

const [SELF, B, C, D] = ['a', 'b', 'c', 'd'].map((name) => name.repeat(16)) as [
  NodeId,
  NodeId,
  NodeId,
  NodeId,
]
const PARTITION = 5 as PartitionId
const KEY = Uint8Array.of(1, 2, 3)
const RECORD = Uint8Array.of(9)

function placed(layoutVersion: number, ...writeSets: NodeId[][]): Placement {
  return { partition: PARTITION, layoutVersion, writeSets, readSet: writeSets[0]! }
}

/** One machine, its effects as they come, and short ways to tell it things. */
class Bench {
  readonly effects: WriteEffect<string>[] = []
  readonly down = new Set<NodeId>()
  readonly writes: Writes<string>
  #request = 100

  constructor() {
    const isUp = (node: NodeId): boolean => !this.down.has(node)
    this.writes = new Writes({ self: SELF, isUp, nextRequest: () => ++this.#request })
  }

  start(placement: Placement = placed(3, [SELF, B, C]), w = 2): number {
    const context = { vector: [], stamp: { ms: 1, counter: 0 } }
    this.writes.step(
      {
        type: 'start',
        origin: 'client',
        key: KEY,
        record: RECORD,
        context,
        placement,
        n: 3,
        w,
        deadline: instant(50),
      },
      this.effects,
    )
    return this.#request
  }

  stored(token: number): void {
    this.writes.step({ type: 'stored', token }, this.effects)
    this.writes.check()
  }

  reply(from: NodeId, request: number, outcome: ReplicateOutcome = 'stored'): void {
    this.writes.step(
      { type: 'replied', from, message: { type: 'replicate-reply', request, outcome } },
      this.effects,
    )
    this.writes.check()
  }

  sentTo(): NodeId[] {
    return this.effects.flatMap((effect) => (effect.type === 'send' ? [effect.to] : []))
  }

  results(): WriteResult[] {
    return this.effects.flatMap((effect) => (effect.type === 'done' ? [effect.result] : []))
  }
}

test('nothing is sent before the record is stored here', () => {
  const bench = new Bench()
  const request = bench.start()
  assert.deepEqual(bench.effects[0], {
    type: 'store',
    token: request,
    operations: [{ type: 'put', key: KEY, value: RECORD }],
  })
  assert.deepEqual(bench.sentTo(), [])
  bench.stored(request)
  assert.deepEqual(bench.sentTo(), [B, C])
})

test('the client is answered when W replicas have it, this one included, and once', () => {
  const bench = new Bench()
  const request = bench.start()
  bench.stored(request)
  assert.deepEqual(bench.results(), [])
  bench.reply(C, request)
  assert.equal(bench.results().length, 1)
  const [result] = bench.results()
  assert.ok(result!.ok && result!.acks === 2)
  bench.reply(B, request)
  assert.equal(bench.results().length, 1)
  assert.equal(bench.writes.size, 0)
})

test('with W of one the local store is enough', () => {
  const bench = new Bench()
  bench.stored(bench.start(placed(3, [SELF, B, C]), 1))
  assert.ok(bench.results()[0]!.ok)
  assert.deepEqual(bench.sentTo(), [B, C], 'the others get it all the same')
})

test('when the local store fails nothing was sent, yet another merge may have carried the record on: unknown', () => {
  const bench = new Bench()
  const token = bench.start()
  bench.writes.step({ type: 'store-failed', token, reason: 'disk full' }, bench.effects)
  const [result] = bench.results()
  assert.ok(!result!.ok && result!.code === 'DND_ERR_STORE_FAILED' && result!.outcome === 'unknown')
  assert.match(result!.ok ? '' : result!.message, /disk full/)
  assert.deepEqual(bench.sentTo(), [])
})

test('a partition that nobody holds takes no write', () => {
  const bench = new Bench()
  const request = bench.start(placed(3, []))
  bench.stored(request)
  assert.deepEqual(
    bench.results().map((result) => result.ok),
    [false],
  )
})

test('a replica that is down is not asked, and two of them make the quorum impossible', () => {
  const bench = new Bench()
  bench.down.add(B).add(C)
  const request = bench.start()
  bench.stored(request)
  assert.deepEqual(bench.sentTo(), [])
  const [result] = bench.results()
  assert.ok(
    !result!.ok && result!.outcome === 'unknown' && result!.needed === 2 && result!.got === 1,
  )
})

test('a refusal and a lost connection together make it impossible, and the outcome unknown', () => {
  const bench = new Bench()
  const request = bench.start()
  bench.stored(request)
  bench.reply(B, request, 'store-failed')
  assert.deepEqual(bench.results(), [])
  bench.writes.step({ type: 'peer-lost', peer: C }, bench.effects)
  const [result] = bench.results()
  assert.ok(
    !result!.ok && result!.code === 'DND_ERR_QUORUM_UNAVAILABLE' && result!.outcome === 'unknown',
  )
})

test('a write out of time says how many have it', () => {
  const bench = new Bench()
  const request = bench.start()
  bench.stored(request)
  bench.writes.step({ type: 'deadline', request }, bench.effects)
  const [result] = bench.results()
  assert.ok(
    !result!.ok && result!.code === 'DND_ERR_TIMEOUT' && result!.got === 1 && result!.needed === 2,
  )
  bench.reply(B, request)
  assert.equal(bench.results().length, 1, 'what comes later is ignored')
})

test('a deadline before the local store leaves the later "stored" without effect', () => {
  const bench = new Bench()
  const request = bench.start()
  bench.writes.step({ type: 'deadline', request }, bench.effects)
  bench.stored(request)
  assert.deepEqual(bench.sentTo(), [])
  assert.equal(bench.results().length, 1)
})

test('a reply that outruns the local store does not count before it', () => {
  const bench = new Bench()
  const request = bench.start()
  bench.reply(B, request)
  assert.deepEqual(bench.results(), [])
})

test('a new layout in the middle asks the new owners, with its version, and needs both quorums', () => {
  const bench = new Bench()
  const request = bench.start()
  bench.stored(request)
  bench.reply(B, request, 'stale-layout')
  assert.deepEqual(bench.results(), [])
  bench.effects.length = 0
  bench.writes.step(
    { type: 'replan', placementOf: () => placed(4, [SELF, B, C], [C, D, B]) },
    bench.effects,
  )
  const versions = bench.effects.flatMap((effect) =>
    effect.type === 'send' ? [effect.message.layoutVersion] : [],
  )
  assert.deepEqual(bench.sentTo().toSorted(), [B, C, D])
  assert.deepEqual(versions, [4, 4, 4])
  bench.reply(B, request)
  assert.deepEqual(bench.results(), [], 'two of the old, one of the new')
  bench.reply(D, request)
  assert.ok(bench.results()[0]!.ok)
})

test('a new layout before the local store waits for it', () => {
  const bench = new Bench()
  const request = bench.start()
  bench.writes.step({ type: 'replan', placementOf: () => placed(4, [SELF, D]) }, bench.effects)
  assert.deepEqual(bench.sentTo(), [])
  bench.stored(request)
  assert.deepEqual(bench.sentTo(), [D])
})

test('strangers, unknown numbers and repeated tokens change nothing', () => {
  const bench = new Bench()
  const request = bench.start()
  bench.stored(request)
  const before = bench.effects.length
  bench.reply(D, request)
  bench.reply(B, 999)
  bench.writes.step({ type: 'stored', token: 999 }, bench.effects)
  bench.writes.step({ type: 'store-failed', token: 999, reason: '' }, bench.effects)
  bench.writes.step({ type: 'deadline', request: 999 }, bench.effects)
  assert.equal(bench.effects.length, before)
})
