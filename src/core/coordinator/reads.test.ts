import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from '../std/crc32.ts'
import type { NodeId, PartitionId, VnodeId } from '../std/ids.ts'
import { duration, instant } from '../std/instant.ts'
import type { Placement } from '../placement/layout.ts'
import type { StoreRead } from '../ports.ts'
import { EMPTY_CONTAINER, sync, write } from '../versions/container.ts'
import { NO_BASE } from '../versions/partition-clock.ts'
import { decodeRecord, encodeRecord } from '../versions/record.ts'
import type { Container } from '../versions/version.ts'
import type { ReadOutcome } from './messages.ts'
import type { ReadEffect, ReadResult } from './reads.ts'
import { Reads } from './reads.ts'

const [SELF, B, C, D] = ['a', 'b', 'c', 'd'].map((name) => name.repeat(16)) as [
  NodeId,
  NodeId,
  NodeId,
  NodeId,
]
const PARTITION = 5 as PartitionId
const KEY = Uint8Array.of(1, 2, 3)
const NOTHING = new Uint8Array(0)

function written(
  vnode: number,
  counter: number,
  text: string,
  local: Container = EMPTY_CONTAINER,
): Container {
  return write(local, {
    dot: { vnode: vnode as VnodeId, counter },
    stamp: { ms: counter, counter: 0 },
    value: {
      bytes: Uint8Array.from(text, (c) => c.charCodeAt(0)),
      contentType: 'text/plain',
      metadata: [],
      expiresAtMs: 0,
    },
    context: local.vector,
    tombstone: false,
  })
}

const OLD = written(1, 1, 'old')
const NEW = written(1, 2, 'new', OLD)
const OTHER = written(2, 1, 'other')
const record = (container: Container): Uint8Array => encodeRecord(container, crc32)

function placed(layoutVersion: number, ...readSet: NodeId[]): Placement {
  const versions = { layoutVersion, readVersion: 2 * layoutVersion + 1 }
  return { partition: PARTITION, ...versions, writeSets: [readSet], readSet }
}

class Bench {
  readonly effects: ReadEffect<string>[] = []
  readonly down = new Set<NodeId>()
  readonly suspect = new Set<NodeId>()
  readonly distances = new Map<NodeId, number>()
  own: StoreRead = undefined
  readonly reads: Reads<string>
  #request = 100

  constructor() {
    this.reads = new Reads({
      self: SELF,
      isUp: (node) => !this.down.has(node),
      isPreferred: (node) => !this.down.has(node) && !this.suspect.has(node),
      distance: (node) => this.distances.get(node) ?? 0,
      shown: () => ({ record: this.own, base: NO_BASE }),
      nextRequest: () => ++this.#request,
      checksum: crc32,
      hedgeAfter: duration(20),
    })
  }

  start(placement: Placement = placed(3, SELF, B, C), r = 2): number {
    const request = this.#request + 1
    this.reads.step(
      { type: 'start', origin: 'client', key: KEY, placement, n: 3, r, deadline: instant(1000) },
      instant(0),
      this.effects,
    )
    return request
  }

  reply(from: NodeId, request: number, outcome: ReadOutcome, bytes: Uint8Array = NOTHING): void {
    this.reads.step(
      {
        type: 'replied',
        from,
        message: { type: 'read-reply', request, outcome, record: bytes, base: NO_BASE },
      },
      instant(5),
      this.effects,
    )
    this.reads.check()
  }

  asked(): NodeId[] {
    return this.effects.flatMap((e) =>
      e.type === 'send' && e.message.type === 'read' ? [e.to] : [],
    )
  }

  repaired(): [NodeId, Container | string][] {
    return this.effects.flatMap((e) =>
      e.type === 'send' && e.message.type === 'replicate'
        ? [[e.to, decodeRecord(e.message.record, crc32)]]
        : [],
    )
  }

  results(): ReadResult[] {
    return this.effects.flatMap((e) => (e.type === 'done' ? [e.result] : []))
  }

  /** Nothing has come for a while. */
  hedge(request: number): void {
    const timer = { request, reason: 'hedge' } as const
    this.reads.step({ type: 'timer', timer }, instant(20), this.effects)
    this.reads.check()
  }

  /** It is called suspect, now. */
  suspected(peer: NodeId): void {
    this.suspect.add(peer)
    this.reads.step({ type: 'peer-suspected', peer }, instant(5), this.effects)
    this.reads.check()
  }

  container(): Container {
    const [result] = this.results()
    assert.ok(result?.ok)
    return result.container
  }
}

test('its own copy counts, and only as many others are asked as R needs', () => {
  const bench = new Bench()
  bench.own = record(NEW)
  const request = bench.start()
  assert.deepEqual(bench.asked(), [B])
  bench.reply(B, request, 'found', record(NEW))
  assert.deepEqual(bench.container(), NEW)
  assert.deepEqual(bench.repaired(), [], 'equal copies need no repair')
  assert.equal(bench.reads.size, 0)
})

test('with R of one its own copy is the answer, at once', () => {
  const bench = new Bench()
  bench.own = record(OLD)
  bench.start(placed(3, SELF, B, C), 1)
  assert.deepEqual(bench.asked(), [])
  assert.deepEqual(bench.container(), OLD)
})

test('a node without a replica asks R others', () => {
  const bench = new Bench()
  const request = bench.start(placed(3, B, C, D))
  assert.deepEqual(bench.asked(), [B, C])
  bench.reply(C, request, 'absent')
  assert.deepEqual(bench.results(), [])
  bench.reply(B, request, 'absent')
  assert.deepEqual(bench.container(), EMPTY_CONTAINER)
})

test('a stale replica is answered with the newer copy, after the client', () => {
  const bench = new Bench()
  bench.own = record(NEW)
  const request = bench.start()
  bench.reply(B, request, 'found', record(OLD))
  assert.deepEqual(bench.container(), NEW)
  assert.deepEqual(bench.repaired(), [[B, NEW]])
  const types = bench.effects.map(({ type }) => type)
  assert.ok(types.indexOf('done') < types.lastIndexOf('send'))
  assert.ok(bench.effects.some((e) => e.type === 'repaired' && e.replicas === 1))
})

test('an absent copy is repaired, and so is this node’s own', () => {
  const bench = new Bench()
  const request = bench.start()
  bench.reply(B, request, 'found', record(NEW))
  assert.deepEqual(bench.container(), NEW)
  const own = bench.effects.find((e) => e.type === 'repair-own')
  assert.ok(own?.type === 'repair-own' && own.key === KEY)
  assert.deepEqual(decodeRecord(own.record, crc32), NEW)
})

test('concurrent copies are merged, and both replicas get the merge', () => {
  const bench = new Bench()
  const request = bench.start(placed(3, B, C, D))
  bench.reply(B, request, 'found', record(OLD))
  bench.reply(C, request, 'found', record(OTHER))
  const both = sync(OLD, OTHER)
  assert.deepEqual(bench.container(), both)
  assert.deepEqual(bench.repaired(), [
    [B, both],
    [C, both],
  ])
})

test('a silent replica is hedged: one more is asked, and the late one still repaired', () => {
  const bench = new Bench()
  bench.own = record(NEW)
  const request = bench.start()
  bench.hedge(request)
  assert.deepEqual(bench.asked(), [B, C])
  bench.reply(C, request, 'found', record(NEW))
  assert.deepEqual(bench.container(), NEW)
  bench.reply(B, request, 'found', record(OLD))
  assert.deepEqual(bench.repaired(), [[B, NEW]])
  assert.equal(bench.results().length, 1)
  assert.equal(bench.reads.size, 0)
})

test('a late answer that knows more repairs those that answered before', () => {
  const bench = new Bench()
  bench.own = record(OLD)
  const request = bench.start()
  bench.hedge(request)
  bench.reply(C, request, 'found', record(OLD))
  bench.reply(B, request, 'found', record(NEW))
  assert.deepEqual(bench.repaired(), [[C, NEW]])
  assert.ok(bench.effects.some((e) => e.type === 'repair-own'))
})

test('a replica that cannot read its record counts as no answer and is repaired', () => {
  const bench = new Bench()
  bench.own = record(NEW)
  const request = bench.start()
  bench.reply(B, request, 'unreadable')
  assert.deepEqual(bench.asked(), [B, C])
  bench.reply(C, request, 'found', record(NEW))
  assert.deepEqual(bench.container(), NEW)
  assert.deepEqual(bench.repaired(), [[B, NEW]])
})

test('a record that arrives broken counts as no answer either', () => {
  const bench = new Bench()
  bench.own = record(NEW)
  const request = bench.start()
  const broken = record(NEW)
  broken[broken.length - 1]! ^= 1
  bench.reply(B, request, 'found', broken)
  assert.deepEqual(bench.asked(), [B, C])
  bench.reply(C, request, 'found', record(NEW))
  assert.deepEqual(bench.container(), NEW)
  assert.deepEqual(bench.repaired(), [[B, NEW]])
})

test('its own broken record is told, and not answered with', () => {
  for (const own of [
    'unreadable',
    record(NEW).map((byte, i) => (i === 7 ? byte ^ 1 : byte)),
  ] as const) {
    const bench = new Bench()
    bench.own = own
    const request = bench.start(placed(3, SELF, B, C), 1)
    bench.reply(B, request, 'found', record(NEW))
    assert.deepEqual(bench.container(), NEW)
    assert.ok(bench.effects.some((e) => e.type === 'unreadable'))
    assert.ok(bench.effects.some((e) => e.type === 'repair-own'))
  }
})

test('those who are said to be down are asked last', () => {
  const bench = new Bench()
  bench.down.add(B)
  bench.own = record(NEW)
  bench.start()
  assert.deepEqual(bench.asked(), [C])
})

test('suspects are asked after those in good standing, and before those who are said to be down', () => {
  const bench = new Bench()
  bench.suspect.add(B)
  bench.down.add(SELF)
  bench.start(placed(3, B, C, D), 1)
  assert.deepEqual(bench.asked(), [C])
  const full = new Bench()
  full.suspect.add(B)
  full.down.add(C)
  full.start(placed(3, C, B, D), 3)
  assert.deepEqual(full.asked(), [D, B, C])
})

test('the nearest are asked first, and those as near in the order of the set', () => {
  const bench = new Bench()
  bench.distances.set(B, 64).set(C, 1).set(D, 1)
  bench.start(placed(3, B, C, D), 1)
  assert.deepEqual(bench.asked(), [C])
  bench.hedge(101)
  bench.hedge(101)
  assert.deepEqual(bench.asked(), [C, D, B], 'and so are those asked when nobody answers in time')
})

test('a near one that is not well is asked after a far one that is', () => {
  const bench = new Bench()
  bench.distances.set(C, 64).set(D, 64)
  bench.suspect.add(B)
  bench.start(placed(3, B, C, D), 2)
  assert.deepEqual(bench.asked(), [C, D])
})

test('its own copy comes first wherever it stands in the set', () => {
  const bench = new Bench()
  bench.own = record(NEW)
  bench.start(placed(3, B, C, SELF), 1)
  assert.deepEqual(bench.asked(), [])
  assert.deepEqual(bench.container(), NEW)
})

test('only the first n of the read set are asked', () => {
  const bench = new Bench()
  bench.start(placed(3, B, C, SELF, D), 3)
  assert.deepEqual(bench.asked(), [B, C])
})

test('when one becomes suspect that is waited for, the next is asked at once, and the first of both answers', () => {
  for (const quicker of [B, C]) {
    const bench = new Bench()
    bench.own = record(OLD)
    const request = bench.start()
    bench.suspected(B)
    assert.deepEqual(bench.asked(), [B, C])
    bench.reply(quicker, request, 'found', record(NEW))
    assert.deepEqual(bench.container(), NEW)
    const slower = quicker === B ? C : B
    bench.reply(slower, request, 'found', record(OLD))
    assert.deepEqual(bench.repaired(), [[slower, NEW]])
    assert.equal(bench.results().length, 1)
  }
})

test('nobody more is asked for a suspect that is not waited for, twice, or when others owe enough', () => {
  const bench = new Bench()
  bench.own = record(OLD)
  bench.start()
  bench.suspected(C)
  assert.deepEqual(bench.asked(), [B], 'C was not asked')
  const hedged = new Bench()
  const request = hedged.start(placed(3, B, C, D), 1)
  hedged.hedge(request)
  hedged.suspected(B)
  assert.deepEqual(hedged.asked(), [B, C], 'C is asked already')
  hedged.suspected(C)
  hedged.suspected(C)
  assert.deepEqual(hedged.asked(), [B, C, D], 'and then there are no more')
})

test('an answered read asks nobody for the sake of a late answer', () => {
  const bench = new Bench()
  const request = bench.start(placed(3, B, C, D), 1)
  bench.hedge(request)
  bench.reply(C, request, 'found', record(NEW))
  bench.suspected(B)
  assert.deepEqual(bench.asked(), [B, C])
})

test('a lost connection leads to the next candidate, and none left to a failure with numbers', () => {
  const bench = new Bench()
  bench.own = record(NEW)
  bench.start()
  bench.reads.step({ type: 'peer-lost', peer: B }, instant(1), bench.effects)
  assert.deepEqual(bench.asked(), [B, C])
  bench.reads.step({ type: 'peer-lost', peer: C }, instant(2), bench.effects)
  const [result] = bench.results()
  assert.ok(result !== undefined && !result.ok)
  assert.deepEqual(
    [result.code, result.outcome, result.needed, result.got],
    ['DND_ERR_QUORUM_UNAVAILABLE', 'rejected', 2, 1],
  )
  assert.equal(bench.reads.size, 0)
})

test('a read out of time fails, and later answers find nothing', () => {
  const bench = new Bench()
  bench.own = record(NEW)
  const request = bench.start()
  bench.reads.step(
    { type: 'timer', timer: { request, reason: 'deadline' } },
    instant(1000),
    bench.effects,
  )
  const [result] = bench.results()
  assert.ok(result !== undefined && !result.ok && result.code === 'DND_ERR_TIMEOUT')
  bench.reply(B, request, 'found', record(NEW))
  assert.equal(bench.results().length, 1)
})

test('a new layout begins the read anew, and an answer under the old one is not taken for one under the new', () => {
  const bench = new Bench()
  bench.own = record(OLD)
  const request = bench.start()
  bench.effects.length = 0
  bench.reads.step(
    { type: 'replan', placementOf: () => placed(4, B, C, D) },
    instant(3),
    bench.effects,
  )
  assert.deepEqual(bench.asked(), [B, C])
  bench.reply(B, request, 'found', record(OLD))
  bench.reply(C, request, 'found', record(OLD))
  assert.deepEqual(bench.results(), [])
  bench.reply(B, request + 1, 'found', record(NEW))
  bench.reply(C, request + 1, 'found', record(NEW))
  assert.deepEqual(bench.container(), NEW)
})

test('an answer from someone who was not asked, or a second one, changes nothing', () => {
  const bench = new Bench()
  const request = bench.start()
  bench.reply(C, request, 'found', record(NEW))
  bench.reply(D, request, 'found', record(NEW))
  assert.deepEqual(bench.results(), [])
  bench.reply(B, request, 'absent')
  assert.deepEqual(bench.container(), EMPTY_CONTAINER)
})

test('a read that is answered is not in flight any more, though a late answer may still come', () => {
  const bench = new Bench()
  bench.own = record(NEW)
  const request = bench.start()
  assert.equal(bench.reads.size, 1)
  bench.hedge(request)
  bench.reply(C, request, 'found', record(NEW))
  assert.equal(bench.reads.size, 0)
  bench.reply(B, request, 'found', record(OLD))
  assert.deepEqual(bench.repaired(), [[B, NEW]], 'and is repaired all the same')
})

test('what waits for late answers ends at its deadline, with the peer, or with the layout', () => {
  const ends: ((bench: Bench, request: number) => void)[] = [
    (bench, request) =>
      bench.reads.step(
        { type: 'timer', timer: { request, reason: 'deadline' } },
        instant(1000),
        bench.effects,
      ),
    (bench) => bench.reads.step({ type: 'peer-lost', peer: B }, instant(30), bench.effects),
    (bench) =>
      bench.reads.step(
        { type: 'replan', placementOf: () => placed(4, B, C) },
        instant(30),
        bench.effects,
      ),
  ]
  for (const end of ends) {
    const bench = new Bench()
    bench.own = record(NEW)
    const request = bench.start()
    bench.reads.step(
      { type: 'timer', timer: { request, reason: 'hedge' } },
      instant(20),
      bench.effects,
    )
    bench.reply(C, request, 'found', record(NEW))
    end(bench, request)
    bench.reads.check()
    bench.reply(B, request, 'found', record(OLD))
    assert.deepEqual(bench.repaired(), [], 'nobody waits for it')
    assert.equal(bench.results().length, 1)
  }
})

test('of answered reads only so many wait for late answers', () => {
  const bench = new Bench()
  bench.own = record(NEW)
  for (let i = 0; i < 5000; i++) {
    const request = bench.start()
    bench.reads.step(
      { type: 'timer', timer: { request, reason: 'hedge' } },
      instant(20),
      bench.effects,
    )
    const found = { outcome: 'found', record: record(NEW), base: NO_BASE } as const
    const reply = { type: 'read-reply', request, ...found } as const
    bench.reads.step({ type: 'replied', from: C, message: reply }, instant(25), bench.effects)
  }
  bench.reads.check()
  assert.equal(bench.results().length, 5000)
  assert.equal(bench.reads.size, 0)
})

test('a read that fails since a record is broken mends that record with what it has heard', () => {
  const bench = new Bench()
  bench.own = record(OLD)
  const request = bench.start(placed(3, SELF, B, C), 3)
  bench.reply(B, request, 'unreadable')
  assert.equal(bench.results()[0]?.ok, false)
  assert.deepEqual(bench.repaired(), [[B, OLD]])
})

test('a read that fails since its own record is broken mends that as well', () => {
  const bench = new Bench()
  bench.own = 'unreadable'
  const request = bench.start(placed(3, SELF, B), 2)
  assert.equal(bench.results()[0]?.ok, false, 'who else could answer is not asked for nothing')
  bench.reply(B, request, 'found', record(OLD))
  assert.deepEqual(bench.repaired(), [])
})

test('a read that runs out of time mends who is behind and who is broken, of those who answered', () => {
  const bench = new Bench()
  bench.own = Uint8Array.of(1, 2, 3)
  const request = bench.start(placed(3, SELF, B, C), 3)
  bench.reply(B, request, 'found', record(NEW))
  bench.reads.step(
    { type: 'timer', timer: { request, reason: 'deadline' } },
    instant(1000),
    bench.effects,
  )
  assert.equal(bench.results()[0]?.ok, false)
  const own = bench.effects.flatMap((e) =>
    e.type === 'repair-own' ? [decodeRecord(e.record, crc32)] : [],
  )
  assert.deepEqual(own, [NEW])
  assert.ok(bench.effects.some((e) => e.type === 'unreadable'))
})
