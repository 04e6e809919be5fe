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
import { GOSSIP_BYTES_MAX } from './gossip-queue.ts'
import { claim, idOf, infoOf, optionsOf, secretOf, Solo } from './harness.test.ts'
import type { MemberRecord } from './member.ts'
import { decodeMember, encodeMember, memberBytes } from './member-codec.ts'
import { compareRecords } from './member-order.ts'
import type { SwimPacket } from './messages.ts'
import { LOCAL_HEALTH_MAX, NACK_MS_MAX } from './messages.ts'
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
  .record({
    n: anyMember,
    state: fc.constantFrom('alive', 'suspect', 'dead', 'left'),
    incarnation: anyNumber,
    generation: anyNumber,
    address: fc.option(anyAddress, { nil: undefined }),
    accuser: fc.option(anyMember, { nil: undefined }),
    degraded: fc.boolean(),
    /** Whose secret proves the leave: not always the member's own. */
    secret: fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, anyMember),
  })
  .map(({ n, state, incarnation, generation, address, accuser, degraded, secret }) => ({
    ...claim(n, state, incarnation, generation, address && { address, httpAddress: address }),
    ...(accuser !== undefined && { accuser: idOf(accuser) }),
    ...(degraded && { degraded }),
    ...(secret !== undefined && { leaveProof: secretOf(secret) }),
  }))
const anyGossip = fc.array(anyRecord, { maxLength: 6 })

const anyPacket: fc.Arbitrary<SwimPacket> = fc
  .record({
    type: fc.constantFrom('ping', 'ping-request', 'ack', 'nack', 'gossip'),
    from: anyMember,
    fromGeneration: anyNumber,
    health: fc.nat(7),
    gossip: anyGossip,
    whom: anyMember,
    aboutGeneration: anyNumber,
    sequence: fc.nat(0xffff_ffff),
    digest: fc.constantFrom(0, 1, 0xffff_ffff),
    nackAfterMs: fc.constantFrom(0, 1, 500, 60_000),
  })
  .map(({ type, from, whom, aboutGeneration, digest, sequence, nackAfterMs, ...rest }) => {
    const sender = { ...rest, from: idOf(from) }
    switch (type) {
      case 'ping':
        return { type, ...sender, to: idOf(whom), sequence, digest }
      case 'ping-request':
        return { type, ...sender, target: idOf(whom), sequence, nackAfterMs }
      case 'ack':
        return { type, ...sender, about: idOf(whom), aboutGeneration, sequence, digest }
      case 'nack':
        return { type, ...sender, about: idOf(whom), sequence }
      case 'gossip':
        return { type, ...sender }
    }
  })

const anyTimer: fc.Arbitrary<SwimTimer> = fc.record({
  type: fc.constant('pulse' as const),
  token: fc.nat(50),
})

const anyEvent: fc.Arbitrary<SwimEvent> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      type: fc.constant('packet' as const),
      packet: anyPacket,
      address: anyAddress,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('records' as const), records: anyGossip }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('contact' as const),
      id: anyMember.map(idOf),
      generation: anyNumber,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('layout' as const),
      members: fc.array(anyMember.map(idOf), { maxLength: 6 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('timer' as const), timer: anyTimer }) },
  { weight: 1, arbitrary: fc.constant({ type: 'start' as const }) },
)

/** An event, or time that passes or jumps, or answers to all that was asked. */
type Happening =
  | { readonly what: 'event'; readonly event: SwimEvent }
  | { readonly what: 'advance' | 'stall' | 'answer'; readonly ms: number }

const anyHappening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 16,
    arbitrary: anyEvent.map((event): Happening => ({ what: 'event', event })),
  },
  {
    weight: 4,
    arbitrary: fc.nat(5_000).map((ms): Happening => ({ what: 'advance', ms })),
  },
  {
    weight: 2,
    arbitrary: fc.integer({ min: 1, max: 90_000 }).map((ms): Happening => ({ what: 'stall', ms })),
  },
  { weight: 4, arbitrary: fc.constant<Happening>({ what: 'answer', ms: 500 }) },
  { weight: 1, arbitrary: fc.constant<Happening>({ what: 'event', event: { type: 'leave' } }) },
)

/** `check()` is called after every step. */
function live(solo: Solo, happening: Happening): void {
  switch (happening.what) {
    case 'event':
      return solo.step(happening.event)
    case 'stall':
      return solo.stall(happening.ms)
    case 'advance':
      return solo.advance(happening.ms)
    case 'answer': {
      solo.advance(happening.ms)
      for (const ping of solo.pings()) solo.ackFrom(ping)
    }
  }
}

function assertSendable(effects: readonly SwimEffect[]): void {
  for (const effect of effects) {
    if (effect.type !== 'packet') continue
    const { packet } = effect
    const gossip = packet.gossip.reduce((sum, record) => sum + memberBytes(record), 0)
    assert.ok(gossip <= GOSSIP_BYTES_MAX, `gossip of ${gossip} bytes`)
    if (packet.type === 'ping-request') assert.ok(packet.nackAfterMs <= NACK_MS_MAX)
    assert.ok(packet.health <= LOCAL_HEALTH_MAX)
  }
}

test('any sequence of events leaves the machine whole and its packets small', () => {
  fc.assert(
    fc.property(fc.array(anyHappening, { maxLength: 60 }), (happenings) => {
      const solo = new Solo()
      for (const happening of happenings) {
        live(solo, happening)
        assertSendable(solo.effects)
      }
      assert.deepEqual(solo.swim.self.info, infoOf(1))
      assert.equal(solo.swim.self.generation, 1)
      const isLeaving = happenings.some(
        (each) => each.what === 'event' && each.event.type === 'leave',
      )
      assert.equal(solo.swim.self.state, isLeaving ? 'left' : 'alive')
    }),
    { seed: 8, numRuns: 400 },
  )
})

test('so it does when memories end soon, and the dead come back from them', () => {
  fc.assert(
    fc.property(fc.array(anyHappening, { maxLength: 80 }), (happenings) => {
      const solo = new Solo({ rememberedMs: 1_500 })
      for (const happening of happenings) live(solo, happening)
    }),
    { seed: 18, numRuns: 400 },
  )
})

test('claims are never forgotten for lesser ones: records only grow', () => {
  fc.assert(
    fc.property(fc.array(anyHappening, { maxLength: 40 }), (happenings) => {
      const solo = new Solo()
      for (const happening of happenings) {
        const before = new Map(solo.swim.records().map((record) => [record.info.id, record]))
        live(solo, happening)
        for (const [id, old] of before) assert.ok(compareRecords(solo.swim.record(id)!, old) >= 0)
      }
    }),
    { seed: 9, numRuns: 200 },
  )
})

test('nobody is made to leave by anything but its own secret', () => {
  const isForged = ({ info, state, leaveProof }: MemberRecord): boolean =>
    state === 'left' && leaveProof !== secretOf(Number.parseInt(info.id, 16))
  fc.assert(
    fc.property(fc.array(anyRecord, { maxLength: 40 }), (records) => {
      const solo = Solo.with(2, 3, 4, 5)
      for (const record of records) solo.gossip(2, record)
      for (const record of solo.swim.records()) assert.ok(!isForged(record))
      for (const record of solo.swim.known()) assert.ok(!isForged(record))
    }),
    { seed: 19, numRuns: 200 },
  )
})

test('a member that answers everything within its time is never called dead by us', () => {
  const relayed = anyRecord.filter(({ info, state }) => info.id !== idOf(2) && state !== 'left')
  const others = fc.array(fc.tuple(fc.array(relayed, { maxLength: 3 }), fc.nat(900)), {
    maxLength: 40,
  })
  fc.assert(
    fc.property(others, (turns) => {
      const solo = Solo.with(2, 3)
      for (const [gossip, ms] of turns) {
        solo.gossip(3, ...gossip)
        for (let passed = 0; passed < ms; passed += 100) {
          solo.advance(100)
          for (const ping of solo.pings()) if (ping.to === idOf(2)) solo.ackFrom(ping)
        }
        assert.equal(solo.told(2), 'alive 1.0')
      }
    }),
    { seed: 20, numRuns: 200 },
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
      health: 0,
      gossip: flood,
      to: idOf(1),
      sequence: i,
      digest: 0,
    }
    solo.swim.step({ type: 'packet', packet, address: infoOf(2).address }, solo.now, [])
  }
  solo.swim.check()
  assert.ok(solo.swim.records().length <= 1_024)
  assert.ok(solo.swim.isUp(idOf(3)))
})

test('one timer is armed at a time, however often suspicions come and go', () => {
  const solo = Solo.with(2, 3)
  let armed = 0
  for (let incarnation = 0; incarnation < 500; incarnation++) {
    solo.gossip(3, claim(2, 'suspect', incarnation), claim(2, 'alive', incarnation + 1))
    armed += solo.of('arm').length
  }
  assert.equal(armed, 0)
  solo.advance(10_000)
  assert.equal(solo.of('arm').length, 100)
})

test('time that stands still or runs backwards harms nothing', () => {
  const known = [claim(2), claim(3, 'dead')]
  const swim = new Swim(optionsOf(1, { known }))
  const rng = new Prng(2)
  const effects: SwimEffect[] = []
  swim.step({ type: 'start' }, instant(50_000), effects)
  for (let i = 0; i < 2_000; i++) {
    const now = instant(rng.below(100_000))
    for (const effect of effects.splice(0)) {
      if (effect.type !== 'arm') continue
      swim.step({ type: 'timer', timer: effect.timer }, now, effects)
      swim.check()
    }
    swim.step({ type: 'contact', id: idOf(2), generation: 1 }, now, effects)
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
