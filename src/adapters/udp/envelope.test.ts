import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { GOSSIP_BYTES_MAX, PACKET_HEADER_BYTES_MAX } from '../../core/membership/gossip-queue.ts'
import type { SwimPacket } from '../../core/membership/messages.ts'
import { ByteWriter, utf8Encode } from '../../core/std/bytes.ts'
import type { ClusterId, NodeId } from '../../core/std/ids.ts'
import { DATAGRAM_BYTES_MAX } from '../../core/std/limits.ts'
import { encodePacket } from '../../core/wire/packet-codec.ts'
import { CLUSTER, NODE_A, NODE_B, PACKET_SAMPLES } from '../../core/wire/samples.test.ts'
import { Envelope, ENVELOPE_BYTES } from './envelope.ts'
import { keyOf, TestKeyring } from './keyring-fixture.test.ts'

const KEY = keyOf(1)
const RING = new TestKeyring('required', KEY)
const LETTER = utf8Encode('a letter')

function envelope(
  node: NodeId = NODE_A,
  generation = 7,
  cluster: ClusterId = CLUSTER,
  keyring = RING,
): Envelope {
  return new Envelope({ self: { node, generation }, cluster, keyring })
}

suite('an envelope', () => {
  test('gives back what was put in, and who sealed it', () => {
    for (const generation of [0, 1_700_000_000, Number.MAX_SAFE_INTEGER]) {
      const sealed = envelope(NODE_A, generation).seal(LETTER, KEY)
      assert.equal(sealed.length, LETTER.length + ENVELOPE_BYTES)
      assert.deepEqual(envelope(NODE_B).open(sealed), { node: NODE_A, generation, packet: LETTER })
    }
  })

  test('changed in any bit, or cut anywhere, does not open', () => {
    const reader = envelope(NODE_B)
    const sealed = envelope().seal(LETTER, KEY)
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = Buffer.from(sealed)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      const fault = reader.open(changed)
      assert.ok(typeof fault === 'string' && fault !== 'replayed', `bit ${bit}: ${String(fault)}`)
    }
    for (let length = 0; length < sealed.length; length++)
      assert.equal(typeof reader.open(sealed.subarray(0, length)), 'string')
    assert.equal(reader.open(Buffer.concat([sealed, Buffer.alloc(1)])), 'not-authentic')
    assert.equal(typeof reader.open(sealed), 'object', 'forgeries moved the window')
  })

  test('opens once', () => {
    const reader = envelope(NODE_B)
    const sealed = envelope().seal(LETTER, KEY)
    assert.equal(typeof reader.open(sealed), 'object')
    assert.equal(reader.open(sealed), 'replayed')
  })

  test('of another cluster with the same key does not open', () => {
    const other = envelope(NODE_A, 7, 'f'.repeat(32) as ClusterId)
    assert.equal(envelope(NODE_B).open(other.seal(LETTER, KEY)), 'not-authentic')
  })

  test('of another key with the same id does not open', () => {
    const namesake = { ...keyOf(2), id: KEY.id }
    assert.equal(envelope(NODE_B).open(envelope().seal(LETTER, namesake)), 'not-authentic')
    const reader = envelope(NODE_B, 7, CLUSTER, new TestKeyring('required', namesake))
    assert.equal(typeof reader.open(envelope().seal(LETTER, namesake)), 'object')
  })

  test('of an unknown key says so without trying others', () => {
    assert.equal(envelope(NODE_B).open(envelope().seal(LETTER, keyOf(9))), 'unknown-key')
  })

  test('never has the same nonce under the same key, in one life or in two of one generation', () => {
    const nonces = new Set<string>()
    for (let life = 0; life < 20; life++) {
      const writer = envelope()
      for (let i = 0; i < 50; i++) nonces.add(writer.seal(LETTER, KEY).toString('hex', 21, 33))
    }
    assert.equal(nonces.size, 1000)
  })

  test('keeps nothing of what does not open', () => {
    const reader = envelope(NODE_B)
    for (let generation = 0; generation < 100; generation++) {
      const forged = envelope(NODE_A, generation).seal(LETTER, KEY)
      forged[forged.length - 1]! ^= 1
      assert.equal(reader.open(forged), 'not-authentic')
    }
    assert.deepEqual(reader.sizes, { keys: 0, windows: 0 })
  })

  test('around the largest packet, with all the gossip there may be, fits a datagram', () => {
    const largest = Number.MAX_SAFE_INTEGER
    for (const sample of Object.values(PACKET_SAMPLES)) {
      const fields = { fromGeneration: largest, sequence: largest, gossip: [] }
      const numbers = { aboutGeneration: largest, nackAfterMs: 60_000, health: 0, digest: 0 }
      const writer = new ByteWriter()
      encodePacket(writer, { ...sample, ...numbers, ...fields } as SwimPacket, CLUSTER)
      // The count of records may take a byte more than that of none.
      const header = writer.length + 1 + ENVELOPE_BYTES
      assert.ok(header <= PACKET_HEADER_BYTES_MAX, `${sample.type}: ${header}`)
      assert.ok(header + GOSSIP_BYTES_MAX <= DATAGRAM_BYTES_MAX)
    }
  })
})
