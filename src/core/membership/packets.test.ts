import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '../std/instant.ts'
import { Prng } from '../std/prng.ts'
import { claim, idOf, infoOf } from './harness.test.ts'
import type { MemberInfo, MemberRecord } from './member.ts'
import { MemberClaims } from './member-claims.ts'
import { memberBytes } from './member-codec.ts'
import { OwnRecord } from './own-record.ts'
import { Packets } from './packets.ts'

const NOW = instant(0)
const LONG: Partial<MemberInfo> = {
  name: 'n'.repeat(64),
  address: { host: 'a'.repeat(253), port: 1 },
  httpAddress: { host: 'b'.repeat(253), port: 1 },
}

interface Setting {
  readonly own: OwnRecord
  readonly claims: MemberClaims
  readonly packets: Packets
}

function settingWith(self: MemberInfo, ...held: readonly MemberRecord[]): Setting {
  const own = new OwnRecord(self, 3)
  const claims = new MemberClaims(own.record, () => {})
  for (const record of held) claims.hear(record, true, NOW)
  return { own, claims, packets: new Packets(own, claims, new Prng(1)) }
}

const at = { host: 'at', port: 9 }

test('a ping goes to the address of the member, in the name and generation of this node', () => {
  const { packets, own } = settingWith(infoOf(1))
  assert.deepEqual(packets.ping(claim(2), 7), {
    type: 'packet',
    to: infoOf(2).address,
    packet: {
      type: 'ping',
      from: idOf(1),
      fromGeneration: 3,
      gossip: [own.record],
      to: idOf(2),
      sequence: 7,
    },
  })
})

test('a request goes to the helper and names the target', () => {
  const { packets, own } = settingWith(infoOf(1))
  assert.deepEqual(packets.pingRequest(claim(2), idOf(3), 7), {
    type: 'packet',
    to: infoOf(2).address,
    packet: {
      type: 'ping-request',
      from: idOf(1),
      fromGeneration: 3,
      gossip: [own.record],
      target: idOf(3),
      sequence: 7,
    },
  })
})

test('an ack goes where the ping came from, about this node or about another', () => {
  const { packets, own } = settingWith(infoOf(1))
  const receiver = { id: idOf(2), generation: 1, address: at }
  const ack = {
    type: 'ack',
    from: idOf(1),
    fromGeneration: 3,
    gossip: [own.record],
    about: idOf(1),
    aboutGeneration: 3,
    sequence: 7,
  }
  assert.deepEqual(packets.ack(receiver, 7), { type: 'packet', to: at, packet: ack })
  assert.deepEqual(packets.relayedAck(receiver, idOf(4), 6, 7), {
    type: 'packet',
    to: at,
    packet: { ...ack, about: idOf(4), aboutGeneration: 6 },
  })
})

test('the receiver hears first what is held against it', () => {
  for (const state of ['suspect', 'dead', 'left'] as const) {
    const { packets, own } = settingWith(infoOf(1), claim(2, state))
    assert.deepEqual(packets.ping(claim(2), 1).packet.gossip, [claim(2, state), own.record])
  }
})

test('the receiver hears nothing of itself when it is alive, or restarted since', () => {
  const { packets, own } = settingWith(infoOf(1), claim(2, 'alive', 0, 5))
  packets.news.push(claim(2, 'alive', 0, 5), NOW)
  for (const generation of [5, 6, undefined]) {
    const { gossip } = packets.ack({ id: idOf(2), generation, address: at }, 1).packet
    assert.deepEqual(gossip, [own.record])
  }
})

test('an older generation hears that there is a later one', () => {
  const { packets, own } = settingWith(infoOf(1), claim(2, 'alive', 0, 5))
  const { gossip } = packets.ack({ id: idOf(2), generation: 4, address: at }, 1).packet
  assert.deepEqual(gossip, [claim(2, 'alive', 0, 5), own.record])
})

test('a held claim without proof counts as well', () => {
  const { packets, claims } = settingWith(infoOf(1))
  claims.hear(claim(2, 'suspect'), false, NOW)
  assert.deepEqual(packets.ping(claim(2), 1).packet.gossip[0], claim(2, 'suspect'))
})

test('news follows, as often as the number of live members asks', () => {
  const { packets } = settingWith(infoOf(1), claim(2), claim(3, 'dead'))
  packets.news.push(claim(3, 'dead'), NOW)
  for (let i = 0; i < 4; i++) {
    assert.deepEqual(packets.ping(claim(2), i).packet.gossip[1], claim(3, 'dead'))
  }
  assert.equal(packets.ping(claim(2), 9).packet.gossip.length, 1)
})

test('a packet is filled, and never beyond 1200 bytes', () => {
  const { packets } = settingWith(infoOf(1), claim(2, 'suspect'))
  for (let n = 3; n < 60; n++) packets.news.push(claim(n), NOW)
  for (let i = 0; i < 4; i++) {
    const { gossip } = packets.ping(claim(2), i).packet
    const bytes = gossip.reduce((sum, record) => sum + memberBytes(record), 96)
    assert.ok(bytes <= 1200)
    assert.ok(bytes + memberBytes(claim(59)) > 1200)
  }
})

test('when the accusation and the own record do not fit together, each is sent at times', () => {
  const accused = claim(2, 'suspect', 0, 1, LONG)
  const { packets, own } = settingWith(infoOf(1, LONG), accused)
  const seen = new Set<MemberRecord>()
  for (let i = 0; i < 20; i++) {
    const { gossip } = packets.ping(accused, i).packet
    assert.equal(gossip.length, 1)
    seen.add(gossip[0]!)
  }
  assert.deepEqual(seen, new Set([accused, own.record]))
})

test('when they fit the accusation is always first', () => {
  const { packets } = settingWith(infoOf(1), claim(2, 'suspect'))
  for (let i = 0; i < 20; i++) {
    assert.deepEqual(packets.ping(claim(2), i).packet.gossip[0], claim(2, 'suspect'))
  }
})

test('sequences begin anywhere, rise by one and wrap at 32 bits', () => {
  const own = new OwnRecord(infoOf(1), 1)
  const claims = new MemberClaims(own.record, () => {})
  const starts = new Set<number>()
  for (let seed = 0; seed < 10; seed++) {
    const packets = new Packets(own, claims, new Prng(seed))
    const first = packets.nextSequence()
    starts.add(first)
    assert.equal(packets.nextSequence(), (first + 1) >>> 0)
  }
  assert.equal(starts.size, 10)
  const last = new Packets(own, claims, { u32: () => 0xffff_fffe } as unknown as Prng)
  assert.equal(last.nextSequence(), 0xffff_ffff)
  assert.equal(last.nextSequence(), 0)
})
