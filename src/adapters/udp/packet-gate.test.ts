import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Gossip } from '../../core/membership/messages.ts'
import { DATAGRAM_BYTES_MAX } from '../../core/std/limits.ts'
import { CLUSTER, MEMBER, NODE_A, NODE_B } from '../../core/wire/samples.test.ts'
import { ENVELOPE_BYTES } from './envelope.ts'
import { keyOf, TestKeyring } from './keyring-fixture.test.ts'
import { PacketGate, settingsAdvice } from './packet-gate.ts'

const KEY = keyOf(1)
const NEWS: Gossip = {
  type: 'gossip',
  from: NODE_A,
  fromGeneration: 7,
  health: 0,
  gossip: [MEMBER],
}

function gate(keyring: TestKeyring, node = NODE_A, generation = 7): PacketGate {
  return new PacketGate({ self: { node, generation }, cluster: CLUSTER, keyring })
}

suite('the gate', () => {
  test('asks for mode and key with each packet', () => {
    const ring = new TestKeyring('off', KEY)
    const writer = gate(ring)
    const plain = writer.write(NEWS)
    ring.mode = 'required'
    ring.use(KEY)
    const sealed = writer.write(NEWS)
    assert.equal(sealed.length, plain.length + ENVELOPE_BYTES)
    const reader = gate(ring, NODE_B)
    assert.equal(reader.read(plain), 'plain-refused')
    ring.mode = 'off'
    assert.equal(reader.read(sealed), 'sealed-refused')
    assert.deepEqual(reader.read(plain), NEWS)
    ring.mode = 'accept'
    assert.deepEqual(reader.read(plain), NEWS)
    assert.deepEqual(reader.read(sealed), NEWS)
    ring.remove(KEY)
    assert.equal(reader.read(writer.write(NEWS)) === 'unknown-key', false, 'accept writes plain')
    ring.mode = 'prefer'
    assert.equal(reader.read(writer.write(NEWS)), 'unknown-key')
  })

  test('refuses a packet in the name of another node, or of another life, than has sealed it', () => {
    const ring = new TestKeyring('required', KEY)
    const reader = gate(ring, NODE_B)
    assert.equal(reader.read(gate(ring, NODE_B).write(NEWS)), 'sender-mismatch')
    assert.equal(reader.read(gate(ring, NODE_A, 8).write(NEWS)), 'sender-mismatch')
    assert.deepEqual(reader.read(gate(ring).write(NEWS)), NEWS)
  })

  test('tells what is authentic and no packet as malformed, once, then as a replay', () => {
    const ring = new TestKeyring('required', KEY)
    const reader = gate(ring, NODE_B)
    const odd = gate(ring).write({ ...NEWS, health: 200 })
    assert.equal(reader.read(odd), 'malformed')
    assert.equal(reader.read(odd), 'replayed')
  })

  test('says that a packet which grows beyond a datagram by its envelope is too large', () => {
    const ring = new TestKeyring('off', KEY)
    const writer = gate(ring)
    const empty = writer.write({ ...NEWS, gossip: [] }).length
    const each = writer.write(NEWS).length - empty
    const fits = Math.floor((DATAGRAM_BYTES_MAX - empty) / each)
    const gossip = Array.from({ length: fits }, () => MEMBER)
    const left = DATAGRAM_BYTES_MAX - writer.write({ ...NEWS, gossip }).length
    const name = MEMBER.info.name.padEnd(Math.min(MEMBER.info.name.length + left, 64), 'x')
    gossip[0] = { ...MEMBER, info: { ...MEMBER.info, name } }
    const full = { ...NEWS, gossip }
    assert.deepEqual(gate(ring, NODE_B).read(writer.write(full)), full)
    assert.ok(writer.write(full).length > DATAGRAM_BYTES_MAX - ENVELOPE_BYTES)
    ring.mode = 'required'
    ring.use(KEY)
    assert.equal(gate(ring, NODE_B).read(writer.write(full)), 'oversize')
  })

  test('has words for people about settings, and none about noise', () => {
    const sealed = gate(new TestKeyring('required', KEY)).write(NEWS)
    for (const cause of ['unknown-key', 'not-authentic'] as const)
      assert.ok(settingsAdvice(cause, sealed)?.includes(KEY.id))
    for (const cause of ['plain-refused', 'sealed-refused', 'wrong-cluster'] as const)
      assert.ok(settingsAdvice(cause, sealed) !== undefined)
    for (const cause of ['malformed', 'oversize', 'replayed', 'sender-mismatch'] as const)
      assert.equal(settingsAdvice(cause, sealed), undefined)
  })
})
