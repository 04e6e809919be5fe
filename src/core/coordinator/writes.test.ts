import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId, PartitionId } from '../std/ids.ts'
import { instant } from '../std/instant.ts'
import type { Placement } from '../placement/layout.ts'
import type { Kept } from './holdings.ts'
import type { HintOutcome, ReplicateOutcome, WriteResult } from './messages.ts'
import type { WriteEffect } from './writes.ts'
import { LATE_MAX, Writes } from './writes.ts'

const [SELF, B, C, D, E] = ['a', 'b', 'c', 'd', 'e'].map((name) => name.repeat(16)) as [
  NodeId,
  NodeId,
  NodeId,
  NodeId,
  NodeId,
]
const PARTITION = 5 as PartitionId
const KEY = Uint8Array.of(1, 2, 3)
const RECORD = Uint8Array.of(9)
const KEPT: Kept = {
  operations: [{ type: 'put', key: KEY, value: RECORD }],
  record: RECORD,
  base: Uint8Array.of(7),
}

function placed(layoutVersion: number, ...writeSets: NodeId[][]): Placement {
  const versions = { layoutVersion, readVersion: 2 * layoutVersion }
  return { partition: PARTITION, ...versions, writeSets, readSet: writeSets[0]! }
}

/** One machine, its effects as they come, and short ways to tell it things. */
class Bench {
  readonly effects: WriteEffect<string>[] = []
  readonly down = new Set<NodeId>()
  readonly writes: Writes<string>
  /** Those who may stand in. */
  fallbacks: readonly NodeId[] = []
  sloppy = false
  #request = 100

  constructor() {
    const isUp = (node: NodeId): boolean => !this.down.has(node)
    this.writes = new Writes({
      ...{ self: SELF, isUp, nextRequest: () => ++this.#request },
      preferenceList: () => [SELF, B, C, ...this.fallbacks],
    })
  }

  start(placement: Placement = placed(3, [SELF, B, C]), w = 2): number {
    const context = { vector: [], stamp: { ms: 1, counter: 0 } }
    this.writes.step(
      {
        type: 'start',
        origin: 'client',
        key: KEY,
        kept: KEPT,
        context,
        placement,
        n: 3,
        w,
        sloppy: this.sloppy,
        hintAt: instant(10),
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

  hintReply(from: NodeId, request: number, target: NodeId, outcome: HintOutcome = 'stored'): void {
    const message = { type: 'hint-reply', request, target, outcome } as const
    this.writes.step({ type: 'hint-replied', from, message }, this.effects)
    this.writes.check()
  }

  timer(request: number): void {
    this.writes.step({ type: 'timer', request }, this.effects)
    this.writes.check()
  }

  lose(peer: NodeId): void {
    this.writes.step({ type: 'peer-lost', peer }, this.effects)
    this.writes.check()
  }

  sentTo(type = 'replicate'): NodeId[] {
    return this.effects.flatMap((effect) =>
      effect.type === 'send' && effect.message.type === type ? [effect.to] : [],
    )
  }

  /** Who was asked to keep a hint, and for whom; `self` is this node. */
  hints(): string[] {
    return this.effects.flatMap((effect) => {
      if (effect.type === 'keep-hint') return [`self for ${effect.hint.target[0]}`]
      if (effect.type !== 'send' || effect.message.type !== 'hint') return []
      return [`${effect.to[0]} for ${effect.message.target[0]}`]
    })
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
  bench.timer(request)
  assert.deepEqual(bench.results(), [], 'who is silent may answer yet')
  bench.timer(request)
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
  bench.timer(request)
  bench.timer(request)
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

test('a coordinator that was in no set for a while has the write kept for itself, and does not count', () => {
  const bench = new Bench()
  bench.fallbacks = [D]
  const request = bench.start()
  bench.stored(request)
  for (const [version, set] of [
    [4, [B, C, D]],
    [5, [SELF, B, C]],
  ] as const)
    bench.writes.step(
      { type: 'replan', placementOf: () => placed(version, [...set]) },
      bench.effects,
    )
  assert.deepEqual(bench.hints(), [`d for ${SELF[0]}`])
  bench.reply(B, request)
  assert.deepEqual(bench.results(), [], 'its own answer was from before')
  bench.reply(C, request)
  assert.ok(bench.results()[0]!.ok)
  bench.hintReply(D, request, SELF)
  assert.equal(bench.writes.progress.over, request)
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
  bench.writes.step({ type: 'timer', request: 999 }, bench.effects)
  assert.equal(bench.effects.length, before)
})

test('a write is over when every replica has it, and progress is told in the order of writes', () => {
  const bench = new Bench()
  const first = bench.start()
  const second = bench.start()
  for (const request of [first, second]) bench.stored(request)
  for (const node of [B, C]) bench.reply(node, second)
  assert.deepEqual(bench.writes.progress, { begun: second, over: first - 1 })
  bench.reply(B, first)
  assert.equal(bench.results().length, 2)
  assert.equal(bench.writes.size, 0, 'nobody waits for it')
  assert.deepEqual(bench.writes.progress, { begun: second, over: first - 1 }, 'and C lacks it')
  bench.reply(C, first)
  assert.deepEqual(bench.writes.progress, { begun: second, over: second })
  assert.deepEqual(bench.hints(), [])
})

test('for a replica that is down the first fallback that is up keeps a hint', () => {
  const bench = new Bench()
  bench.fallbacks = [D, E]
  bench.down.add(C).add(D)
  const request = bench.start()
  bench.stored(request)
  assert.deepEqual(bench.hints(), ['e for c'])
  bench.reply(B, request)
  assert.ok(bench.results()[0]!.ok)
  bench.hintReply(E, request, C)
  assert.equal(bench.writes.progress.over, request)
})

test('without a fallback the coordinator keeps the hint, with the record as it was sent', () => {
  const bench = new Bench()
  bench.down.add(C)
  bench.stored(bench.start())
  const kept = bench.effects.find((effect) => effect.type === 'keep-hint')
  assert.deepEqual(kept, {
    type: 'keep-hint',
    hint: { target: C, partition: PARTITION, key: KEY, record: RECORD, base: KEPT.base },
  })
})

test('in a strict bucket a hint is no copy', () => {
  const bench = new Bench()
  bench.fallbacks = [D]
  bench.down.add(B).add(C)
  const request = bench.start()
  bench.stored(request)
  assert.deepEqual(bench.hints(), ['d for b', 'self for c'])
  const [result] = bench.results()
  assert.ok(!result!.ok && result!.got === 1)
  bench.hintReply(D, request, B)
  assert.equal(bench.results().length, 1)
})

test('in a sloppy bucket the word of a fallback counts in the place of the replica', () => {
  const bench = new Bench()
  bench.sloppy = true
  bench.fallbacks = [D]
  bench.down.add(B).add(C)
  const request = bench.start()
  bench.stored(request)
  assert.deepEqual(bench.results(), [])
  bench.hintReply(D, request, B)
  const [result] = bench.results()
  assert.ok(result!.ok && result!.acks === 2)
})

test('neither the hint of the coordinator itself nor a second one of a fallback counts', () => {
  const bench = new Bench()
  bench.sloppy = true
  bench.fallbacks = [D]
  bench.down.add(B).add(C)
  const request = bench.start(placed(3, [SELF, B, C]), 3)
  bench.stored(request)
  bench.hintReply(D, request, B)
  const [result] = bench.results()
  assert.ok(!result!.ok && result!.needed === 3 && result!.got <= 2)
})

test('a fallback that has no room is followed by the next, and at last by the coordinator', () => {
  const bench = new Bench()
  bench.sloppy = true
  bench.fallbacks = [D, E]
  bench.down.add(B).add(C)
  const request = bench.start()
  bench.stored(request)
  assert.deepEqual(bench.hints(), ['d for b', 'e for c'])
  bench.hintReply(D, request, B, 'full')
  assert.deepEqual(bench.hints().slice(2), ['self for b'])
  assert.deepEqual(bench.results(), [])
  bench.lose(E)
  assert.deepEqual(bench.hints().slice(3), ['self for c'])
  assert.ok(!bench.results()[0]!.ok)
  assert.equal(bench.writes.progress.over, request)
})

test('the answer of a stranger, or for another replica, keeps nothing', () => {
  const bench = new Bench()
  bench.sloppy = true
  bench.fallbacks = [D, E]
  bench.down.add(B).add(C)
  const request = bench.start()
  bench.stored(request)
  bench.hintReply(E, request, B)
  bench.hintReply(C, request, B)
  bench.hintReply(D, request, B, 'stored')
  bench.hintReply(D, request, B, 'stored')
  assert.equal(bench.results().length, 1)
})

test('who is silent gets a hint in time, also when the client has its answer', () => {
  const bench = new Bench()
  bench.fallbacks = [D]
  const request = bench.start()
  bench.stored(request)
  bench.reply(B, request)
  assert.deepEqual(bench.hints(), [])
  bench.timer(request)
  assert.deepEqual(bench.hints(), ['d for c'])
  bench.timer(request)
  assert.deepEqual(bench.hints(), ['d for c', 'self for c'], 'D did not answer either')
  assert.equal(bench.writes.progress.over, request)
})

test('who is lost, or cannot store, gets a hint at once; who refuses does not', () => {
  const bench = new Bench()
  const first = bench.start()
  bench.stored(first)
  bench.reply(B, first)
  bench.lose(C)
  assert.deepEqual(bench.hints(), ['self for c'])
  const second = bench.start()
  bench.stored(second)
  bench.reply(B, second, 'store-failed')
  bench.reply(C, second, 'malformed')
  assert.deepEqual(bench.hints(), ['self for c', 'self for b'])
  assert.equal(bench.writes.progress.over, second)
})

test('who is silent may answer yet, or be lost', () => {
  const bench = new Bench()
  const first = bench.start()
  bench.stored(first)
  bench.timer(first)
  assert.deepEqual(bench.hints(), ['self for b', 'self for c'])
  bench.reply(C, first)
  assert.ok(bench.results()[0]!.ok)
  const second = bench.start()
  bench.stored(second)
  bench.timer(second)
  for (const peer of [B, C]) bench.lose(peer)
  const result = bench.results()[1]!
  assert.ok(!result.ok && result.code === 'DND_ERR_QUORUM_UNAVAILABLE')
  assert.equal(bench.hints().length, 4)
})

test('the deadline leaves hints for all who have not answered, kept by this node', () => {
  const bench = new Bench()
  bench.fallbacks = [D]
  const request = bench.start()
  bench.timer(request)
  bench.stored(request)
  assert.deepEqual(bench.hints(), [])
  bench.timer(request)
  assert.deepEqual(bench.hints(), ['self for b', 'self for c'])
  const [result] = bench.results()
  assert.ok(!result!.ok && result!.code === 'DND_ERR_TIMEOUT')
  assert.equal(bench.writes.progress.over, request)
})

test('answered writes are let go beyond the bound, with hints for who has not got them', () => {
  const bench = new Bench()
  for (let i = 0; i < LATE_MAX + 2; i++) {
    const request = bench.start()
    bench.writes.step({ type: 'stored', token: request }, bench.effects)
    const message = { type: 'replicate-reply', request, outcome: 'stored' } as const
    bench.writes.step({ type: 'replied', from: B, message }, bench.effects)
  }
  bench.writes.check()
  assert.deepEqual(bench.hints(), ['self for c', 'self for c'])
  bench.lose(C)
  assert.equal(bench.hints().length, LATE_MAX + 2)
})

test('a new layout asks who has a stand-in and is back, and keeps no second hint', () => {
  const bench = new Bench()
  bench.fallbacks = [D]
  bench.down.add(C)
  const request = bench.start()
  bench.stored(request)
  bench.hintReply(D, request, C)
  bench.writes.step({ type: 'replan', placementOf: () => placed(4, [SELF, B, C]) }, bench.effects)
  assert.deepEqual(bench.hints(), ['d for c'])
  bench.down.delete(C)
  bench.writes.step({ type: 'replan', placementOf: () => placed(5, [SELF, B, C]) }, bench.effects)
  bench.reply(B, request)
  bench.reply(C, request)
  assert.ok(bench.results()[0]!.ok)
  assert.equal(bench.writes.progress.over, request)
})
