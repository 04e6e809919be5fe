/**
 * Packets, records and timers that nobody honest would send: nothing throws, nothing breaks an
 * invariant.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ByteReader, ByteWriter } from '../std/bytes.ts'
import { instant } from '../std/instant.ts'
import { Prng } from '../std/prng.ts'
import { claim, idOf, INTERVAL_MS, infoOf, Solo, TIMEOUT_MS } from './harness.test.ts'
import type { MemberRecord } from './member.ts'
import { decodeMember, encodeMember, memberBytes } from './member-codec.ts'
import type { SwimPacket } from './messages.ts'
import type { SwimEffect, SwimEvent, SwimTimer } from './swim.ts'
import { Swim } from './swim.ts'

const anyMember = fc.integer({ min: 0, max: 5 })
const anyNumber = fc.oneof(
  { weight: 5, arbitrary: fc.nat(3) },
  fc.constantFrom(2 ** 20, 2 ** 32 - 2, 2 ** 32 - 1, Number.MAX_SAFE_INTEGER),
)
const anyAddress = fc
  .tuple(fc.constantFrom('10.0.0.1', 'elsewhere', 'h'.repeat(253)), fc.integer({ min: 1, max: 9 }))
  .map(([host, port]) => ({ host, port }))
const anyRecord: fc.Arbitrary<MemberRecord> = fc
  .tuple(
    anyMember,
    fc.constantFrom('alive', 'suspect', 'dead', 'left'),
    anyNumber,
    anyNumber,
    fc.option(anyAddress, { nil: undefined }),
  )
  .map(([n, state, incarnation, generation, address]) =>
    claim(n, state, incarnation, generation, address && { address, httpAddress: address }),
  )
const anyGossip = fc.array(anyRecord, { maxLength: 6 })

const anyPacket: fc.Arbitrary<SwimPacket> = fc
  .record({
    type: fc.constantFrom('ping', 'ping-request', 'ack'),
    from: anyMember,
    fromGeneration: anyNumber,
    gossip: anyGossip,
    whom: anyMember,
    aboutGeneration: anyNumber,
    sequence: fc.nat(0xffff_ffff),
  })
  .map(({ type, from, fromGeneration, gossip, whom, aboutGeneration, sequence }) => {
    const head = { from: idOf(from), fromGeneration, gossip, sequence }
    switch (type) {
      case 'ping':
        return { ...head, type, to: idOf(whom) }
      case 'ping-request':
        return { ...head, type, target: idOf(whom) }
      case 'ack':
        return { ...head, type, about: idOf(whom), aboutGeneration }
    }
  })

const anyTimer: fc.Arbitrary<SwimTimer> = fc.oneof(
  fc.record({ type: fc.constant('interval' as const), token: fc.nat(5) }),
  fc.record({ type: fc.constant('suspicion' as const), token: fc.nat(5) }),
  fc.record({ type: fc.constant('reconnect' as const), token: fc.nat(5) }),
  fc.record({ type: fc.constant('ack-timeout' as const), sequence: fc.nat(0xffff_ffff) }),
)

const anyEvent: fc.Arbitrary<SwimEvent> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('packet' as const),
      packet: anyPacket,
      address: anyAddress,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('records' as const), records: anyGossip }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('contact' as const),
      id: anyMember.map(idOf),
      generation: anyNumber,
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('timer' as const), timer: anyTimer }) },
)

const anyHappening = fc.oneof(
  { weight: 4, arbitrary: anyEvent.map((event) => ({ event, ms: 0, answer: false })) },
  { weight: 1, arbitrary: fc.nat(5_000).map((ms) => ({ event: undefined, ms, answer: false })) },
  { weight: 1, arbitrary: fc.constant({ event: undefined, ms: 500, answer: true }) },
)

function assertSendable(effects: readonly SwimEffect[]): void {
  for (const effect of effects) {
    if (effect.type !== 'packet') continue
    const bytes = effect.packet.gossip.reduce((sum, record) => sum + memberBytes(record), 96)
    assert.ok(bytes <= 1200, `a packet of ${bytes} bytes`)
  }
}

test('any sequence of events leaves the machine whole and its packets small', () => {
  fc.assert(
    fc.property(fc.array(anyHappening, { maxLength: 60 }), (happenings) => {
      const solo = new Solo()
      for (const { event, ms, answer } of happenings) {
        if (event !== undefined) solo.step(event)
        else solo.advance(ms)
        assertSendable(solo.effects)
        if (answer) for (const ping of solo.pings()) solo.ackFrom(ping)
      }
      assert.deepEqual(solo.swim.self.info, infoOf(1))
      assert.equal(solo.swim.self.generation, 1)
    }),
    { seed: 8, numRuns: 300 },
  )
})

test('claims are never forgotten for lesser ones: records only grow', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 40 }), (events) => {
      const solo = new Solo()
      for (const event of events) {
        const before = new Map(solo.swim.records().map((record) => [record.info.id, record]))
        solo.step(event)
        for (const [id, old] of before) {
          const now = solo.swim.record(id)!
          const grown =
            now.generation > old.generation ||
            (now.generation === old.generation && now.incarnation >= old.incarnation)
          assert.ok(grown)
        }
      }
    }),
    { seed: 9, numRuns: 200 },
  )
})

test('hearsay alone never makes anybody alive', () => {
  fc.assert(
    fc.property(fc.array(anyRecord, { maxLength: 60 }), (records) => {
      const solo = new Solo()
      solo.hear(...records)
      solo.advance(10_000)
      for (const { info } of solo.swim.records()) {
        assert.equal(solo.swim.isUp(info.id), info.id === idOf(1))
      }
    }),
    { seed: 10, numRuns: 200 },
  )
})

test('garbage remembered from the last run is survived', () => {
  fc.assert(
    fc.property(fc.array(anyRecord, { maxLength: 60 }), (known) => {
      const solo = new Solo({ known })
      solo.advance(5_000)
      assert.equal(solo.swim.self.incarnation, 0)
    }),
    { seed: 11, numRuns: 100 },
  )
})

test('a flood of made-up members ends at the bound', () => {
  const solo = Solo.with(2, 3)
  const rng = new Prng(12)
  for (let i = 0; i < 300; i++) {
    const flood = Array.from({ length: 10 }, () => {
      const state = rng.pick(['alive', 'suspect', 'dead', 'left'] as const)
      return claim(4 + rng.below(100_000), state)
    })
    const packet: SwimPacket = {
      type: 'ping',
      from: idOf(2),
      fromGeneration: 1,
      gossip: flood,
      to: idOf(1),
      sequence: i,
    }
    solo.swim.step({ type: 'packet', packet, address: infoOf(2).address }, solo.now, [])
  }
  solo.swim.check()
  assert.ok(solo.swim.records().length <= 1_024)
  assert.ok(solo.swim.isUp(idOf(3)))
})

test('timers armed stay few however often suspicions come and go', () => {
  const solo = Solo.with(2, 3)
  let armed = 0
  for (let incarnation = 0; incarnation < 500; incarnation++) {
    solo.gossip(3, claim(2, 'suspect', incarnation), claim(2, 'alive', incarnation + 1))
    armed += solo.of('arm').length
  }
  assert.equal(armed, 1)
})

test('time that stands still or runs backwards harms nothing', () => {
  const swim = new Swim({
    self: infoOf(1),
    generation: 1,
    probeIntervalMs: INTERVAL_MS,
    probeTimeoutMs: TIMEOUT_MS,
    rng: new Prng(1),
    known: [claim(2), claim(3, 'dead')],
  })
  const rng = new Prng(2)
  for (let i = 0; i < 500; i++) {
    const now = instant(rng.below(100_000))
    const token = rng.below(50)
    swim.step(
      i === 0 ? { type: 'start' } : { type: 'timer', timer: { type: 'interval', token } },
      now,
      [],
    )
    swim.step({ type: 'contact', id: idOf(2), generation: 1 }, now, [])
    swim.check()
  }
})

test('records that survived the codec survive the machine', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 20, maxLength: 80 }), { maxLength: 5 }),
      (inputs) => {
        const solo = Solo.with(2)
        for (const bytes of inputs) {
          const reader = new ByteReader(bytes)
          const record = decodeMember(reader)
          if (reader.ok) solo.hear(record)
        }
        const writer = new ByteWriter()
        for (const record of solo.swim.records()) encodeMember(writer, record)
      },
    ),
    { seed: 13 },
  )
})
