import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { PACKET_HEADER_BYTES_MAX } from '../membership/gossip-queue.ts'
import type { SwimPacket } from '../membership/messages.ts'
import { LOCAL_HEALTH_MAX, NACK_MS_MAX } from '../membership/messages.ts'
import { ByteWriter } from '../std/bytes.ts'
import type { ClusterId } from '../std/ids.ts'
import { DATAGRAM_BYTES_MAX } from '../std/limits.ts'
import { clusterIds, packets, plain, SEED } from './arbitraries.test.ts'
import { decodePacket, encodePacket } from './packet-codec.ts'
import { CLUSTER, MEMBER, PACKET_SAMPLES } from './samples.test.ts'

function encode(packet: SwimPacket, cluster: ClusterId = CLUSTER): Uint8Array {
  const writer = new ByteWriter()
  encodePacket(writer, packet, cluster)
  return writer.take()
}

const ping = encode(PACKET_SAMPLES['ping']!)

suite('packets', () => {
  test('come back as they were sent', () => {
    fc.assert(
      fc.property(packets, clusterIds, (packet, cluster) => {
        assert.deepEqual(decodePacket(encode(packet, cluster), cluster), plain(packet))
      }),
      { seed: SEED, numRuns: 1000 },
    )
  })

  test('leave to gossip what SWIM reckons with', () => {
    const largest = Number.MAX_SAFE_INTEGER
    for (const sample of Object.values(PACKET_SAMPLES)) {
      const packet = { ...sample, fromGeneration: largest, sequence: largest, gossip: [] }
      const bytes = encode(packet as SwimPacket)
      assert.ok(bytes.length + 1 <= 75, `${packet.type}: ${bytes.length}`)
      assert.ok(bytes.length + 1 <= PACKET_HEADER_BYTES_MAX)
    }
  })

  test('of another cluster are told apart, whatever follows', () => {
    fc.assert(
      fc.property(packets, clusterIds, (packet, cluster) => {
        assert.equal(decodePacket(encode(packet, cluster), CLUSTER), 'wrong-cluster')
      }),
      { seed: SEED },
    )
  })

  test('of another protocol are told apart, whatever follows', () => {
    const bytes = ping.slice()
    bytes[2] = 99
    assert.equal(decodePacket(bytes, CLUSTER), 'unsupported-protocol')
    assert.equal(decodePacket(bytes.subarray(0, 30), CLUSTER), 'unsupported-protocol')
  })

  test('cut short anywhere, or followed by a byte, are malformed', () => {
    for (const sample of Object.values(PACKET_SAMPLES)) {
      const bytes = encode(sample)
      for (let length = 0; length < bytes.length; length++) {
        assert.equal(decodePacket(bytes.subarray(0, length), CLUSTER), 'malformed', sample.type)
      }
      assert.equal(decodePacket(Uint8Array.of(...bytes, 0), CLUSTER), 'malformed', sample.type)
    }
  })

  test('with a health that nobody has are malformed', () => {
    for (const sample of Object.values(PACKET_SAMPLES)) {
      const worst = { ...sample, health: LOCAL_HEALTH_MAX }
      assert.deepEqual(decodePacket(encode(worst), CLUSTER), worst)
      const worse = { ...sample, health: LOCAL_HEALTH_MAX + 1 }
      assert.equal(decodePacket(encode(worse), CLUSTER), 'malformed')
    }
  })

  test('that ask a helper to wait longer than a minute are malformed', () => {
    const request = PACKET_SAMPLES['ping-request']!
    const long = { ...request, nackAfterMs: NACK_MS_MAX }
    assert.deepEqual(decodePacket(encode(long), CLUSTER), long)
    const longer = { ...request, nackAfterMs: NACK_MS_MAX + 1 }
    assert.equal(decodePacket(encode(longer), CLUSTER), 'malformed')
  })

  test('that claim more members than a datagram has bytes cost nothing', () => {
    const bytes = encode({ ...PACKET_SAMPLES['gossip']!, gossip: [] })
    const many = Uint8Array.of(...bytes.subarray(0, -1), 0xff, 0xff, 0xff, 0x7f)
    assert.equal(decodePacket(many, CLUSTER), 'malformed')
  })

  test('of an unknown kind, or without the first byte that all have, are malformed', () => {
    for (const [at, value] of [
      [0, 0xdc],
      [19, 0],
      [19, 6],
    ] as const) {
      const bytes = ping.slice()
      bytes[at] = value
      assert.equal(decodePacket(bytes, CLUSTER), 'malformed')
    }
  })

  test('larger than a datagram are malformed', () => {
    const gossip = new Array<typeof MEMBER>(30).fill(MEMBER)
    const bytes = encode({ ...PACKET_SAMPLES['ping']!, gossip })
    assert.ok(bytes.length > DATAGRAM_BYTES_MAX)
    assert.equal(decodePacket(bytes, CLUSTER), 'malformed')
  })

  test('that are random bytes are malformed and never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: DATAGRAM_BYTES_MAX + 10 }), (bytes) => {
        assert.equal(typeof decodePacket(bytes, CLUSTER), 'string')
      }),
      { seed: SEED, numRuns: 3000 },
    )
  })

  test('that were changed on the way are a fault or the only encoding of another packet', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(packets, changes, (packet, edits) => {
        const bytes = encode(packet)
        for (const [at, value] of edits) bytes[at % bytes.length] = value
        const decoded = decodePacket(bytes, CLUSTER)
        if (typeof decoded !== 'string') assert.deepEqual(encode(decoded), bytes)
      }),
      { seed: SEED, numRuns: 5000 },
    )
  })
})
