import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId } from '../std/ids.ts'
import { instant } from '../std/instant.ts'
import type { Failure, FailureCode, WriteOperation, WriteResult } from '../coordinator/messages.ts'
import { A, B, bytes, C, D, FakeHost } from './fake-host.test.ts'
import { Forwards } from './forwards.ts'

const OPERATION: WriteOperation = {
  ...{ bucket: 'default', key: bytes('k'), sort: undefined, value: undefined },
  ...{ context: undefined, w: undefined, timeoutMs: 5_000 },
}
const DONE: WriteResult = { ok: true, context: undefined, acks: 2 }

function refused(code: FailureCode, outcome: Failure['outcome'] = 'rejected'): Failure {
  return { ok: false, code, outcome, needed: 0, got: 0, message: code }
}

class Bench {
  readonly host = new FakeHost()
  readonly linked = new Set<NodeId>([B, C, D])
  readonly forwards: Forwards

  constructor() {
    this.forwards = new Forwards(this.host, (peer) => this.linked.has(peer))
  }

  start(candidates: readonly NodeId[] = [B, C], refusal?: Failure): void {
    this.forwards.start(1, OPERATION, candidates, 3, instant(5_000), refusal)
    this.forwards.check()
  }

  /** To whom it was sent, in order. */
  targets(): NodeId[] {
    return this.host.sentOf('forward').map(({ to }) => to)
  }

  reply(from: NodeId, result: WriteResult, request = this.#last()): void {
    this.forwards.replied(from, { type: 'forward-reply', request, result })
    this.forwards.check()
  }

  results(): WriteResult[] {
    return this.host.replies.map(({ client, reply }) => {
      assert.equal(client, 1)
      assert.ok(reply.type === 'write')
      return reply.result
    })
  }

  outcome(): string | undefined {
    const result = this.results()[0]
    return result === undefined || result.ok ? undefined : result.outcome
  }

  #last(): number {
    return this.host.sentOf('forward').at(-1)!.message.request
  }
}

test('a write goes to the first candidate, and its answer to the client', () => {
  const bench = new Bench()
  bench.start()
  assert.deepEqual(bench.targets(), [B])
  assert.equal(bench.forwards.size, 1)
  bench.reply(B, DONE)
  assert.deepEqual(bench.results(), [DONE])
  assert.equal(bench.forwards.size, 0)
})

test('who is down is passed over, at the start and later', () => {
  const bench = new Bench()
  bench.host.down.add(B)
  bench.start([B, C, D])
  bench.host.down.add(D)
  bench.reply(C, refused('DND_ERR_NOT_READY'))
  assert.deepEqual(bench.targets(), [C])
  assert.equal(bench.results().length, 1)
})

test('who was passed over and is back is tried when the others have refused', () => {
  const bench = new Bench()
  bench.host.down.add(B)
  bench.start([B, C])
  bench.host.down.delete(B)
  bench.reply(C, refused('DND_ERR_NOT_READY'))
  assert.deepEqual(bench.targets(), [C, B])
})

test('a suspect is sent to only where nobody better is left', () => {
  const bench = new Bench()
  bench.host.suspect.add(B)
  bench.start([B, C, D])
  bench.reply(C, refused('DND_ERR_NOT_READY'))
  bench.reply(D, refused('DND_ERR_NOT_READY'))
  assert.deepEqual(bench.targets(), [C, D, B])
  bench.reply(B, DONE)
  assert.deepEqual(bench.results(), [DONE])
})

test('the nearest is sent to, of those that are well; and then the next', () => {
  const bench = new Bench()
  bench.host.distances.set(B, 64).set(C, 2).set(D, 1)
  bench.host.suspect.add(D)
  bench.start([B, C, D])
  bench.reply(C, refused('DND_ERR_NOT_READY'))
  bench.reply(B, refused('DND_ERR_NOT_READY'))
  assert.deepEqual(bench.targets(), [C, B, D])
})

test('what was sent to a node that has become suspect since waits for it, and goes nowhere else', () => {
  const bench = new Bench()
  bench.start()
  bench.host.suspect.add(B)
  assert.deepEqual(bench.targets(), [B])
  bench.reply(B, DONE)
  assert.deepEqual(bench.results(), [DONE])
  assert.deepEqual(bench.targets(), [B])
})

test('with nobody to send it to, the client hears why at once', () => {
  const bench = new Bench()
  bench.start([])
  const own = refused('DND_ERR_STORE_FAILED')
  bench.start([], own)
  const [nobody, why] = bench.results()
  assert.ok(!nobody!.ok && nobody!.code === 'DND_ERR_QUORUM_UNAVAILABLE')
  assert.ok(!nobody!.ok && nobody!.outcome === 'rejected')
  assert.equal(why, own)
  assert.equal(bench.forwards.size, 0)
})

test('a refusal that another replica may not share is tried there, and the last one is the answer', () => {
  const codes: FailureCode[] = [
    'DND_ERR_NOT_READY',
    'DND_ERR_STORE_FAILED',
    'DND_ERR_OVERLOADED',
    'DND_ERR_LAYOUT_CHANGING',
    'DND_ERR_CLONED_IDENTITY',
  ]
  for (const code of codes) {
    const bench = new Bench()
    bench.start()
    bench.reply(B, refused(code))
    assert.deepEqual(bench.targets(), [B, C])
    assert.deepEqual(bench.results(), [])
    bench.reply(C, refused(code))
    assert.deepEqual(bench.results(), [refused(code)])
  }
})

test('what is the client’s mistake, or may be stored, is not tried again', () => {
  const finals: Failure[] = [
    refused('DND_ERR_BAD_QUORUM'),
    refused('DND_ERR_TOO_MANY_SIBLINGS'),
    refused('DND_ERR_QUORUM_UNAVAILABLE'),
    refused('DND_ERR_STORE_FAILED', 'unknown'),
    refused('DND_ERR_TIMEOUT', 'unknown'),
    refused('DND_ERR_NOT_READY', 'unknown'),
  ]
  for (const final of finals) {
    const bench = new Bench()
    bench.start()
    bench.reply(B, final)
    assert.deepEqual(bench.results(), [final])
    assert.deepEqual(bench.targets(), [B])
  }
})

test('a second attempt has a number of its own and the patience that is left', () => {
  const bench = new Bench()
  bench.start()
  bench.host.now = instant(4_200.5)
  bench.reply(B, refused('DND_ERR_NOT_READY'))
  const [first, second] = bench.host.sentOf('forward').map(({ message }) => message)
  assert.notEqual(first!.request, second!.request)
  assert.equal(first!.operation.timeoutMs, 5_000)
  assert.equal(second!.operation.timeoutMs, 800)
  bench.reply(B, DONE, first!.request)
  assert.deepEqual(bench.results(), [], 'the first number is over')
})

test('an answer from someone else, or to another number, changes nothing', () => {
  const bench = new Bench()
  bench.start()
  bench.reply(C, DONE)
  bench.reply(B, DONE, 999)
  assert.deepEqual(bench.results(), [])
  bench.reply(B, DONE)
  bench.reply(B, DONE)
  assert.equal(bench.results().length, 1)
})

test('a lost connection after it was sent leaves the outcome unknown: it may be done', () => {
  const bench = new Bench()
  bench.start()
  bench.forwards.linkDown(C)
  assert.deepEqual(bench.results(), [], 'another connection')
  bench.forwards.linkDown(B)
  assert.equal(bench.outcome(), 'unknown')
  assert.deepEqual(bench.targets(), [B])
})

test('a connection that was never made lost nothing: the next one is tried', () => {
  const bench = new Bench()
  bench.linked.delete(B)
  bench.start()
  bench.forwards.linkDown(B)
  assert.deepEqual(bench.targets(), [B, C])
  assert.deepEqual(bench.results(), [])
})

test('once the connection stands, what waited for it is sent', () => {
  const bench = new Bench()
  bench.linked.delete(B)
  bench.start()
  bench.forwards.linkUp(C)
  bench.forwards.linkUp(B)
  bench.forwards.linkDown(B)
  assert.equal(bench.outcome(), 'unknown')
})

test('a death proves nothing of what waits for a connection, and makes the rest unknown', () => {
  const bench = new Bench()
  bench.linked.delete(B)
  bench.start()
  bench.forwards.memberDown(B)
  assert.deepEqual(bench.results(), [])
  bench.forwards.linkUp(B)
  bench.forwards.memberDown(C)
  assert.deepEqual(bench.results(), [])
  bench.forwards.memberDown(B)
  assert.equal(bench.outcome(), 'unknown')
})

test('out of time the outcome is unknown, for it may wait to be delivered', () => {
  const bench = new Bench()
  bench.linked.delete(B)
  bench.start()
  const { timer, at } = bench.host.timers[0]!
  assert.equal(at, 5_000)
  assert.ok(timer.owner === 'forwards')
  bench.forwards.onDeadline(timer.request)
  assert.equal(bench.outcome(), 'unknown')
  bench.forwards.onDeadline(timer.request)
  bench.forwards.linkDown(B)
  bench.reply(B, DONE, timer.request)
  assert.equal(bench.results().length, 1)
  assert.equal(bench.forwards.size, 0)
})

test('several writes that wait for one connection all move on when it cannot be made', () => {
  const bench = new Bench()
  bench.linked.delete(B)
  bench.linked.delete(C)
  for (let i = 0; i < 5; i++) bench.start([B, C])
  bench.forwards.linkDown(B)
  assert.deepEqual(bench.targets(), [B, B, B, B, B, C, C, C, C, C])
  bench.forwards.linkDown(C)
  assert.equal(bench.results().length, 5)
  assert.equal(bench.forwards.size, 0)
  assert.ok(!bench.targets().includes(A))
})
