import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '../std/instant.ts'
import { DATAGRAM_BYTES_MAX } from '../std/limits.ts'
import { Prng } from '../std/prng.ts'
import { PACKET_HEADER_BYTES_MAX } from './gossip-queue.ts'
import { claim, digest, idOf, infoOf } from './harness.test.ts'
import type { MemberInfo, MemberRecord } from './member.ts'
import { MemberClaims } from './member-claims.ts'
import { memberBytes } from './member-codec.ts'
import { OwnRecord } from './own-record.ts'
import { Packets } from './packets.ts'
import type { SwimCounts } from './swim-counts.ts'
import { noSwimCounts } from './swim-counts.ts'

const NOW = instant(0)
const LONG: Partial<MemberInfo> = {
  name: 'n'.repeat(64),
  address: { host: 'a'.repeat(253), port: 1 },
  httpAddress: { host: 'b'.repeat(253), port: 1 },
}

interface Setting {
  readonly own: OwnRecord
  readonly claims: MemberClaims
  readonly counts: SwimCounts
  readonly packets: Packets
}

function settingWith(self: MemberInfo, ...held: readonly MemberRecord[]): Setting {
  const own = new OwnRecord(self, 3)
  const claims = claimsOf(own)
  for (const record of held) {
    if (record.state === 'left') claims.hear({ ...record, state: 'alive' }, true, NOW)
    claims.hear(record, true, NOW)
  }
  const counts = noSwimCounts()
  return { own, claims, counts, packets: packetsOf(own, claims, new Prng(1), counts) }
}

function claimsOf(own: OwnRecord): MemberClaims {
  return new MemberClaims(own.record, { digest, rememberedMs: 1e9, forgotten: () => {} })
}

function packetsOf(
  own: OwnRecord,
  claims: MemberClaims,
  rng: Prng,
  counts: SwimCounts = noSwimCounts(),
): Packets {
  return new Packets({ own, claims, health: () => 5, counts, rng })
}

const at = { host: 'at', port: 9 }

test('a ping goes to the address of the member, in the name and generation of this node', () => {
  const { packets, own, claims } = settingWith(infoOf(1))
  assert.deepEqual(packets.ping(claim(2), 7), {
    type: 'packet',
    to: infoOf(2).address,
    packet: {
      type: 'ping',
      from: idOf(1),
      fromGeneration: 3,
      health: 5,
      gossip: [own.record],
      to: idOf(2),
      sequence: 7,
      digest: claims.digest,
    },
  })
})

test('a request goes to the helper, names the target and says when a nack is wanted', () => {
  const { packets, own } = settingWith(infoOf(1))
  assert.deepEqual(packets.pingRequest(claim(2), idOf(3), 7, 560), {
    type: 'packet',
    to: infoOf(2).address,
    packet: {
      type: 'ping-request',
      from: idOf(1),
      fromGeneration: 3,
      health: 5,
      gossip: [own.record],
      target: idOf(3),
      sequence: 7,
      nackAfterMs: 560,
    },
  })
})

test('an ack goes where the ping came from, about this node or about another', () => {
  const { packets, own, claims } = settingWith(infoOf(1), claim(4))
  const receiver = { id: idOf(2), generation: 1, address: at }
  const ack = {
    type: 'ack',
    from: idOf(1),
    fromGeneration: 3,
    health: 5,
    digest: claims.digest,
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

test('a nack goes to whoever asked, and news alone to anybody', () => {
  const { packets, own } = settingWith(infoOf(1))
  const receiver = { id: idOf(2), generation: 1, address: at }
  const head = { from: idOf(1), fromGeneration: 3, health: 5, gossip: [own.record] }
  const nack = { type: 'nack', ...head, about: idOf(4), sequence: 7 }
  assert.deepEqual(packets.nack(receiver, idOf(4), 7), { type: 'packet', to: at, packet: nack })
  const gossip = { type: 'gossip', ...head }
  assert.deepEqual(packets.gossip(receiver), { type: 'packet', to: at, packet: gossip })
})

test('every packet that is made is counted', () => {
  const { packets, counts } = settingWith(infoOf(1))
  const receiver = { id: idOf(2), generation: 1, address: at }
  packets.ping(claim(2), 1)
  packets.pingRequest(claim(2), idOf(3), 1, 500)
  packets.ack(receiver, 1)
  packets.relayedAck(receiver, idOf(3), 1, 1)
  packets.nack(receiver, idOf(3), 1)
  packets.gossip(receiver)
  assert.equal(counts.packetsSent, 6)
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
    const bytes = gossip.reduce((sum, record) => sum + memberBytes(record), PACKET_HEADER_BYTES_MAX)
    assert.ok(bytes <= DATAGRAM_BYTES_MAX)
    assert.ok(bytes + memberBytes(claim(59)) > DATAGRAM_BYTES_MAX)
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
  const claims = claimsOf(own)
  const starts = new Set<number>()
  for (let seed = 0; seed < 10; seed++) {
    const packets = packetsOf(own, claims, new Prng(seed))
    const first = packets.nextSequence()
    starts.add(first)
    assert.equal(packets.nextSequence(), (first + 1) >>> 0)
  }
  assert.equal(starts.size, 10)
  const last = packetsOf(own, claims, { u32: () => 0xffff_fffe } as unknown as Prng)
  assert.equal(last.nextSequence(), 0xffff_ffff)
  assert.equal(last.nextSequence(), 0)
})
