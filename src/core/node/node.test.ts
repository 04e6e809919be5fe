import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ByteWriter } from '../std/bytes.ts'
import type { NodeId } from '../std/ids.ts'
import { instant } from '../std/instant.ts'
import { Prng } from '../std/prng.ts'
import { messages, packets } from '../wire/arbitraries.test.ts'
import { decodeMessage, encodeMessage } from '../wire/codec.ts'
import type { PeerMessage } from '../wire/messages.ts'
import { NO_BASE } from '../versions/partition-clock.ts'
import type { NodeEffect, NodeEvent } from './events.ts'
import {
  A,
  B,
  bytes,
  C,
  D,
  keyIn,
  layoutOf,
  partition,
  recordOf,
  WALL,
  written,
} from './fake-host.test.ts'
import { complete, getOf, memberOf, NodeBench, putOf } from './node-bench.test.ts'
import { actorKey, stateKey } from './storage-keys.ts'

const SENDERS = [A, B, C, D, '0'.repeat(16) as NodeId]
const RANGE = {
  ...{ bucket: 'default', from: new Uint8Array(0), to: new Uint8Array(0) },
  ...{ reverse: false, limit: 3 },
}

/**
 * Bytes of a message, some of them changed, as a message again; undefined when they are none any
 * more.
 */
function garbled(message: PeerMessage, rng: Prng): PeerMessage | undefined {
  const writer = new ByteWriter()
  encodeMessage(writer, message)
  const whole = writer.take()
  for (let i = rng.below(4); i > 0; i--) whole[rng.below(whole.length)] = rng.u32() & 0xff
  return decodeMessage(rng.chance(0.1) ? whole.subarray(0, rng.below(whole.length)) : whole)
}

test('no message that decodes makes a node throw or breaks what it holds true', () => {
  const sender = fc.constantFrom(...SENDERS)
  fc.assert(
    fc.property(fc.array(fc.tuple(sender, messages), { maxLength: 20 }), (list) => {
      const bench = NodeBench.serving([A, B, C])
      bench.request(putOf('a'))
      bench.request(getOf('b'))
      for (const [from, message] of list) bench.message(from, message)
      bench.settle()
      bench.run(1_000)
    }),
    { seed: 21, numRuns: 60 },
  )
})

test('no packet does either', () => {
  const address = { host: '10.0.0.1', port: 4 }
  fc.assert(
    fc.property(fc.array(packets, { maxLength: 20 }), (list) => {
      const bench = NodeBench.serving([A, B, C])
      for (const packet of list) bench.step({ type: 'packet', packet, address })
      bench.run(5_000)
    }),
    { seed: 22, numRuns: 60 },
  )
})

test('nor does what it says itself, garbled and sent back by anybody, in whatever state it is', () => {
  for (let seed = 1; seed <= 15; seed++) {
    const rng = new Prng(seed)
    const bench = NodeBench.serving([A, B, C])
    const heard: PeerMessage[] = []
    const clients: number[] = []
    for (let step = 0; step < 150; step++) {
      const key = `k${rng.below(20)}`
      if (rng.chance(0.1)) clients.push(bench.request(putOf(key, 'v', { timeoutMs: 500 })))
      if (rng.chance(0.1)) clients.push(bench.request(getOf(key, { timeoutMs: 500 })))
      if (rng.chance(0.05)) clients.push(bench.request({ type: 'list', ...RANGE, timeoutMs: 500 }))
      for (const effect of bench.effects) {
        if (effect.type === 'send') heard.push(effect.message)
        if (effect.type === 'scan')
          bench.step({
            type: 'scanned',
            scan: effect.scan,
            ranges: effect.ranges.map((range) => bench.store.scan(range)),
          })
      }
      bench.effects = []
      heard.splice(0, heard.length - 100)
      for (const message of answersTo(heard, rng)) {
        const wrong = garbled(message, rng)
        if (wrong !== undefined) bench.message(rng.pick(SENDERS), wrong)
      }
      if (rng.chance(0.5)) bench.settle(rng.chance(0.8) ? 'stored' : 'store-failed')
      if (rng.chance(0.2)) bench.run(rng.below(300))
      if (rng.chance(0.05)) bench.step({ type: 'link-down', peer: rng.pick(SENDERS), reason: '' })
      if (rng.chance(0.05)) bench.step({ type: 'link-up', peer: rng.pick(SENDERS) })
    }
    bench.settle()
    bench.run(10_000)
    for (const client of clients) assert.ok(bench.replies.has(client), `seed ${seed}: no answer`)
    assert.equal(bench.node.view().inFlight, 0)
  }
})

/** What a peer may say to a few of the messages: the thing itself, or an answer to it. */
function answersTo(heard: readonly PeerMessage[], rng: Prng): PeerMessage[] {
  const answers: PeerMessage[] = []
  for (let i = 0; i < 3 && heard.length > 0; i++) {
    const message = rng.pick(heard)
    answers.push(message)
    const request = 'request' in message ? message.request : 0
    const record = recordOf(written(1 + rng.below(3), 1 + rng.below(5)))
    if (message.type === 'replicate')
      answers.push({
        type: 'replicate-reply',
        request,
        outcome: rng.pick(['stored', 'not-replica', 'store-failed']),
      })
    if (message.type === 'read')
      answers.push({ type: 'read-reply', request, outcome: 'found', record, base: NO_BASE })
    if (message.type === 'forward')
      answers.push({
        ...{ type: 'forward-reply', request },
        result: { ok: true, context: undefined, acks: 1 },
      })
    if (message.type === 'list-request')
      answers.push({
        ...{ type: 'list-reply', request, outcome: 'ok', more: rng.chance(0.5) },
        entries: [{ key: bytes('a'), summary: record }],
        bases: [],
      })
    if (message.type === 'transfer-request')
      answers.push({
        ...{ type: 'transfer-chunk', request, outcome: 'ok', done: rng.chance(0.5) },
        entries: [{ key: keyIn(message.partition, 'a'), record }],
        base: NO_BASE,
        clock: NO_BASE,
      })
  }
  return answers
}

test('events that answer nothing, and numbers that were never given, change nothing', () => {
  const bench = NodeBench.serving([A, B, C])
  const before = bench.node.view()
  const strays: NodeEvent[] = [
    { type: 'stored', batch: 9_999 },
    { type: 'store-failed', batch: 9_999, reason: '' },
    { type: 'scanned', scan: 9_999, ranges: [] },
    { type: 'scan-failed', scan: 9_999, reason: '' },
    { type: 'dial-failed', address: { host: 'x', port: 1 }, reason: '' },
    { type: 'link-down', peer: D, reason: '' },
    { type: 'tick' },
  ]
  for (const event of strays) bench.step(event)
  assert.deepEqual(bench.node.view(), before)
  assert.deepEqual(bench.pending, [])
})

test('a peer cannot write or read anything but records of the partition that it names', () => {
  const bench = NodeBench.serving([A, B, C])
  const record = recordOf(written(7, 1))
  const before = bench.store.entries.length
  const keys = [
    stateKey('layout'),
    stateKey('clock'),
    actorKey(partition(0)),
    keyIn(1, 'a'),
    Uint8Array.of(1, 0, 0),
    new Uint8Array(0),
  ]
  for (const key of keys) {
    const to = { request: 1, partition: partition(0), key }
    bench.message(B, { type: 'replicate', ...to, layoutVersion: 1, record, base: NO_BASE })
    bench.message(B, { type: 'read', ...to, readVersion: 3 })
  }
  bench.settle()
  assert.equal(bench.store.entries.length, before)
  assert.deepEqual(bench.take('read-reply'), [])
  assert.equal(bench.noted('peer-misbehaved'), 2 * keys.length)
})

test('a listing of partitions that are not ours, or by an old layout, is refused with our layout before it', () => {
  const bench = NodeBench.serving([A, B, C])
  const four = layoutOf([A, B, C, D], bench.node.view().layout!.current)
  bench.meet(C, complete(four))
  bench.settle()
  bench.step({ type: 'link-down', peer: B, reason: '' })
  bench.effects = []
  const request = { type: 'list-request', request: 5, ...RANGE } as const
  const all = Array.from({ length: 8 }, (_, place) => partition(place))
  bench.message(B, { ...request, readVersion: 4, partitions: all })
  assert.deepEqual(
    bench.effects.flatMap((effect) => (effect.type === 'send' ? [effect.message.type] : [])),
    ['state-sync', 'list-reply'],
  )
  bench.message(B, { ...request, readVersion: 5, partitions: all })
  assert.deepEqual(
    bench.take('list-reply').map(({ message }) => message.outcome),
    ['stale-layout', 'not-replica'],
  )
})

test('the leases are renewed for as long as the node lives, also when nobody writes', () => {
  const bench = NodeBench.serving([A])
  for (let hour = 0; hour < 3; hour++) {
    bench.run(3_600_000)
    const client = bench.request(putOf(`k${hour}`))
    bench.settle()
    assert.ok(bench.replies.get(client)?.result.ok, `hour ${hour}`)
    bench.effects = []
  }
})

test('a clock that jumps ahead costs one refusal, and asks for its lease at once', () => {
  const bench = NodeBench.serving([A])
  const wallMs = WALL + 3_600_000
  const step = (event: NodeEvent): NodeEffect[] => {
    const effects: NodeEffect[] = []
    bench.node.step(event, { instant: instant(bench.now), wallMs }, effects)
    return effects
  }
  const refused = step({ type: 'request', client: 901, request: putOf('a') })
  const reply = refused.find((effect) => effect.type === 'reply')
  assert.ok(reply?.type === 'reply' && !reply.reply.result.ok)
  assert.equal(reply.reply.result.code, 'DND_ERR_OVERLOADED')
  const store = refused.find((effect) => effect.type === 'store')
  assert.ok(store?.type === 'store')
  step({ type: 'stored', batch: store.batch })
  const taken = step({ type: 'request', client: 902, request: putOf('a') })
  assert.ok(taken.some((effect) => effect.type === 'store'))
})

test('while the lease cannot be stored nothing is written, and everything again when it can', () => {
  const bench = NodeBench.serving([A])
  for (const end = bench.now + 10_000; bench.now < end;) {
    bench.now = Math.max(bench.now, bench.node.nextDeadline())
    bench.step({ type: 'tick' })
    bench.settle('store-failed')
  }
  const refused = bench.request(putOf('a'))
  const reply = bench.replies.get(refused)
  assert.ok(reply !== undefined && !reply.result.ok && reply.result.outcome === 'rejected')
  bench.settle('store-failed')
  bench.run(1_000)
  const taken = bench.request(putOf('a'))
  bench.settle()
  assert.ok(bench.replies.get(taken)?.result.ok)
})

test('a node tells what it knows of itself, whatever it knows', () => {
  const bench = new NodeBench()
  const view = bench.node.view()
  assert.deepEqual(
    [view.layout, view.ready, view.inFlight, view.buckets, view.partitions.total],
    [undefined, false, 0, [], 0],
  )
  const { leaveLock } = view.self.info
  const info = { ...memberOf(A).info, leaveLock }
  assert.deepEqual(view.members, [{ ...memberOf(A), info, generation: 5 }])
  const serving = NodeBench.serving([A, B, C]).node.view()
  assert.deepEqual(serving.partitions, { total: 8, withQuorum: 8, allUp: 8 })
})
