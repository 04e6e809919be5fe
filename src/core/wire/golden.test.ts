/**
 * The bytes of one message of each kind, as nodes in the field send them, field by field. When one
 * of these tests fails, a format has changed: that needs a new PROTOCOL_MAX, and new bytes here
 * only then.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteWriter, fromHex, toHex } from '../std/bytes.ts'
import type { TransferChunk } from '../repair/messages.ts'
import { decodeLink, decodeMessage, encodeLink, encodeMessage, NO_CLUSTER } from './codec.ts'
import { EXCHANGE_GOLDEN } from './exchange-samples.test.ts'
import { REGISTER_GOLDEN } from './register-samples.test.ts'
import { WATCH_GOLDEN } from './watch-samples.test.ts'
import { HINT_GOLDEN } from './hint-samples.test.ts'
import { decodePacket, encodePacket } from './packet-codec.ts'
import { PROTOCOL_MAX, PROTOCOL_MIN } from './protocol.ts'
import { CLUSTER, LINK_SAMPLES, PACKET_SAMPLES, SAMPLES } from './samples.test.ts'

const ADDRESSES = '093132372e302e302e31 1389 093132372e302e302e31 1771'
const LOCK = '0f'.repeat(16)
const INFO = `056e6f646531 017a 0064 05302e312e30 ${LOCK} ${ADDRESSES}`
const MEMBER = `a0a1a2a3a4a5a6a7 01 80e2cfaa06 02 ${INFO} b0b1b2b3b4b5b6b7`
const DEGRADED = `a0a1a2a3a4a5a6a7 10 80e2cfaa06 03 ${INFO}`
const LEFT = `a0a1a2a3a4a5a6a7 03 80e2cfaa06 03 ${INFO} ${'1f'.repeat(16)}`
const LAYOUT = '01 01 00000000 01 01 01 a0a1a2a3a4a5a6a7 017a 64 00 00 42c03e6a'
const CONTEXT = '01 0000000000000007 ac02 000000000102 0003'
const VALUE = '00 0a746578742f706c61696e 01 016b 0176 026869'
const HEADER = 'dd 0005 000102030405060708090a0b0c0d0e0f'
const SENDER = 'a0a1a2a3a4a5a6a7 0000000000000007 03'

const GOLDEN: Readonly<Record<string, string>> = {
  replicate: '10 ac02 04 0102 024b31 03525252 024242',
  'replicate-reply': '11 ac02 02',
  read: '12 00 01 0102 024b31',
  'read-reply, found': '13 01 01 03525252 024242',
  'read-reply, absent': '13 01 02 024242',
  'forward, put': `14 05 01 07 0764656661756c74 024b31 0153 ${VALUE} ${CONTEXT} 02 8827`,
  'forward, delete': '14 05 01 00 0162 024b31 00 00',
  'forward-reply, success': `15 05 01 02 01 ${CONTEXT} 00`,
  'forward-reply, success without context': '15 05 01 03 00 00',
  'forward-reply, success with many siblings': '15 05 01 03 00 19',
  'forward-reply, failure': '15 05 00 02 02 02 01 06 7370c3a4c5a5',
  'state-sync, empty': '20 00 00 00 00 00',
  'state-sync': `20 01 01 ${MEMBER} 01 02 ${LAYOUT} 00 00
    02 056361727473 000000000009 0001 01 03 02 01 02 00001000 00 ac02 036f6c64 000000000001 0000 00 00`,
  'state-sync, keys': `20 00 00 00 00 01 01 c0c1c2c3 000000000006 0001 02
    0a0b0c0d 000000000007 0000 00 c0c1c2c3 000000000005 0002 01 ${'5e'.repeat(32)}`,
  'state-sync, users': `20 00 00 00 00 02 02
    01 04616e6e61 000000000009 0001 01 02 0708 02 03 00 00 01 056361727473 0161
    02 026369 00000000000a 0000 00`,
  'join-request': '21 a0a1a2a3a4a5a6a7 017a 0064',
  'replace-request': '29 a0a1a2a3a4a5a6a7 017a 0064 b0b1b2b3b4b5b6b7',
  'list-request': '22 01 02 0764656661756c74 04 00 00 07 f51f 024b31 00 01 65',
  'list-reply': '23 01 01 01 01 024b31 03525252 02 024242 00',
  'leave-request': '24 a0a1a2a3a4a5a6a7',
  'link-probe': '25',
  'link-probe-reply': '26 000000006553f100',
  'keys-request': '27 ac02',
  'keys-reply': '28 ac02 02 0a0b0c0d c0c1c2c3 01',
  'keys-reply, none': '28 01 00',
  'transfer-request': '30 01 02 0102 024b31',
  'transfer-chunk': '31 01 01 00 01 024b31 03525252 024242 024b31',
  'transfer-chunk, first and last': '31 01 01 07 00 024242 024b31 ac02 02 0102030405060708',
  ...EXCHANGE_GOLDEN,
  ...HINT_GOLDEN,
  ...REGISTER_GOLDEN,
  ...WATCH_GOLDEN,
  'explain-request': '50 ac02 0102 024b31',
  'explain-reply': `51 ac02 01 ac02
    02 0000000000000007 ac02 000000000009 0001 01 02 0a746578742f706c61696e ac02
       0000000000000008 01 000000000009 0002 00
    01 01 0000000000000007 ac02 02 0000000000000007 01 03
    01 b0b1b2b3b4b5b6b7 ac02 02 01 a0a1a2a3a4a5a6a7 03 ac02 09`,
  'explain-reply, nothing': '51 01 02 00 00 00 00 01 0000000000000000 00 00 00',
}

const GOLDEN_LINK: Readonly<Record<string, string>> = {
  hello: '01 0006 000102030405060708090a0b0c0d0e0f a0a1a2a3a4a5a6a7 000000006553f100 0005',
  refusal: '02 01 026e6f',
}

const GOLDEN_PACKETS: Readonly<Record<string, string>> = {
  ping: `${HEADER} 01 ${SENDER} b0b1b2b3b4b5b6b7 ac02 00d16e57 01 ${MEMBER}`,
  'ping-request': `${HEADER} 02 ${SENDER} b0b1b2b3b4b5b6b7 01 b004 00`,
  ack: `${HEADER} 03 ${SENDER} b0b1b2b3b4b5b6b7 01 0000000000000008 ffffffff 00`,
  nack: `${HEADER} 04 ${SENDER} b0b1b2b3b4b5b6b7 01 00`,
  gossip: `${HEADER} 05 ${SENDER} 02 ${DEGRADED} ${LEFT}`,
}

function hexOf(golden: string): string {
  return golden.replaceAll(/\s/g, '')
}

function bytesOf(golden: string): Uint8Array {
  return fromHex(hexOf(golden))!
}

function encoded(encode: (writer: ByteWriter) => void): string {
  const writer = new ByteWriter()
  encode(writer)
  return toHex(writer.view())
}

test('versions 5 to 7 of the protocol are spoken', () => {
  assert.deepEqual([PROTOCOL_MIN, PROTOCOL_MAX], [5, 7])
  assert.equal(NO_CLUSTER, '00000000000000000000000000000000')
})

test('golden bytes of state-sync, as protocol 5 has it', () => {
  const message = SAMPLES['state-sync']!
  const bytes = encoded((writer) => encodeMessage(writer, message, 5))
  assert.equal(bytes, hexOf(GOLDEN['state-sync']!.replace(`02 ${LAYOUT} 00 00`, `01 ${LAYOUT} 00`)))
  assert.deepEqual(decodeMessage(fromHex(bytes)!), message)
})

test('before protocol 7 nobody is told of users', () => {
  const message = SAMPLES['state-sync, users']!
  const bytes = encoded((writer) => encodeMessage(writer, message, 6))
  assert.equal(bytes, hexOf(GOLDEN['state-sync, empty']!))
})

test('golden bytes of transfer-chunk, as protocol 5 has it', () => {
  const name = 'transfer-chunk, first and last'
  const bytes = encoded((writer) => encodeMessage(writer, SAMPLES[name]!, 5))
  const golden = GOLDEN[name]!.replace('01 07 00', '01 01 00').replace(/ ac02 02 .*$/, '')
  assert.equal(bytes, hexOf(golden))
  const { size: _, root: __, ...rest } = SAMPLES[name] as TransferChunk
  assert.deepEqual(decodeMessage(fromHex(bytes)!), rest)
})

for (const [name, message] of Object.entries(SAMPLES)) {
  test(`golden bytes of ${name}`, () => {
    assert.equal(
      encoded((writer) => encodeMessage(writer, message)),
      hexOf(GOLDEN[name]!),
    )
    assert.deepEqual(decodeMessage(bytesOf(GOLDEN[name]!)), message)
  })
}

for (const [name, message] of Object.entries(LINK_SAMPLES)) {
  test(`golden bytes of ${name}`, () => {
    assert.equal(
      encoded((writer) => encodeLink(writer, message)),
      hexOf(GOLDEN_LINK[name]!),
    )
    assert.deepEqual(decodeLink(bytesOf(GOLDEN_LINK[name]!)), message)
  })
}

for (const [name, packet] of Object.entries(PACKET_SAMPLES)) {
  test(`golden bytes of ${name}`, () => {
    const golden = GOLDEN_PACKETS[name]!
    assert.equal(
      encoded((writer) => encodePacket(writer, packet, CLUSTER)),
      hexOf(golden),
    )
    assert.deepEqual(decodePacket(bytesOf(golden), CLUSTER), packet)
  })
}

test('every kind of message has golden bytes', () => {
  assert.deepEqual(Object.keys(GOLDEN), Object.keys(SAMPLES))
  assert.equal(new Set(Object.values(SAMPLES).map((message) => message.type)).size, 38)
})
