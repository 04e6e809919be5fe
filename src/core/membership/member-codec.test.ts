import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { ByteReader, ByteWriter, toHex, utf8Encode } from '../std/bytes.ts'
import { DATAGRAM_BYTES_MAX } from '../std/limits.ts'
import type { NodeId } from '../std/ids.ts'
import { GOSSIP_BYTES_MAX, PACKET_HEADER_BYTES_MAX } from './gossip-queue.ts'
import { claim, idOf, secretOf } from './harness.test.ts'
import type { MemberInfo, MemberRecord } from './member.ts'
import { decodeMember, encodeMember, memberBytes } from './member-codec.ts'

function encoded(record: MemberRecord): Uint8Array {
  const writer = new ByteWriter()
  encodeMember(writer, record)
  return writer.take()
}

function isRefused(record: MemberRecord): boolean {
  const reader = new ByteReader(encoded(record))
  decodeMember(reader)
  return !reader.ok
}

const textOf = (bytesMax: number) =>
  fc
    .string({ unit: 'grapheme', maxLength: bytesMax })
    .filter((text) => utf8Encode(text).length <= bytesMax)
/** Zeros stand for none. */
const anyHex = (bytes: number): fc.Arbitrary<string> =>
  fc
    .uint8Array({ minLength: bytes, maxLength: bytes })
    .filter((raw) => raw.some((byte) => byte !== 0))
    .map(toHex)
const address = fc
  .tuple(fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()), fc.integer({ min: 1, max: 65_535 }))
  .map(([host, port]) => ({ host, port }))
const anyRecord: fc.Arbitrary<MemberRecord> = fc
  .record({
    id: fc.nat().map(idOf),
    name: textOf(64),
    address,
    httpAddress: address,
    zone: textOf(64),
    weight: fc.integer({ min: 0, max: 1000 }),
    generation: fc.maxSafeNat(),
    incarnation: fc.integer({ min: 0, max: 0xffff_ffff }),
    version: textOf(32),
    leaveLock: anyHex(16),
    protocol: fc.option(fc.nat(0x7fff), { nil: undefined }),
    isEncrypted: fc.boolean(),
    state: fc.constantFrom('alive', 'suspect', 'dead', 'left'),
    degraded: fc.boolean(),
    accuser: fc.option(
      anyHex(8).map((id) => id as NodeId),
      { nil: undefined },
    ),
    leaveProof: fc.option(anyHex(16), { nil: undefined }),
  })
  .map(
    ({
      generation,
      incarnation,
      state,
      degraded,
      accuser,
      leaveProof,
      protocol,
      isEncrypted,
      ...info
    }) => ({
      info: {
        ...info,
        ...(protocol !== undefined && { protocol }),
        ...(protocol !== undefined && isEncrypted && { httpEncrypted: true as const }),
      },
      generation,
      incarnation,
      state,
      ...(degraded && { degraded }),
      ...(state === 'suspect' && accuser !== undefined && { accuser }),
      ...(state === 'left' && leaveProof !== undefined && { leaveProof }),
    }),
  )

test('a record comes back as it was, and takes as many bytes as said', () => {
  fc.assert(
    fc.property(anyRecord, (record) => {
      const bytes = encoded(record)
      const reader = new ByteReader(bytes)
      assert.deepEqual(decodeMember(reader), record)
      assert.ok(reader.finished)
      assert.equal(memberBytes(record), bytes.length)
    }),
    { seed: 2 },
  )
})

suite('the form is fixed to the byte', () => {
  const info: Partial<MemberInfo> = {
    name: 'é',
    zone: 'z',
    weight: 1000,
    version: '1.2',
    leaveLock: '0f'.repeat(16),
    address: { host: 'h', port: 5001 },
    httpAddress: { host: '::1', port: 6001 },
  }
  const hexOf = (state: string, tail = ''): string =>
    [
      '0000000000001234',
      state,
      '02',
      'ac02',
      '02c3a9',
      '017a',
      '03e8',
      '03312e32',
      '0f'.repeat(16),
      '01681389',
      '033a3a311771',
      tail,
    ].join('')

  test('of one dead', () => {
    assert.equal(toHex(encoded(claim(0x1234, 'dead', 300, 2, info))), hexOf('02'))
  })

  test('of one alive and degraded', () => {
    const record: MemberRecord = { ...claim(0x1234, 'alive', 300, 2, info), degraded: true }
    assert.equal(toHex(encoded(record)), hexOf('10'))
  })

  test('of one whose HTTP is encrypted, who to older nodes speaks a great protocol', () => {
    const encrypted = { ...info, protocol: 6, httpEncrypted: true as const }
    const record = claim(0x1234, 'alive', 300, 2, encrypted)
    assert.equal(toHex(encoded(record)), hexOf('20', '868002'))
  })

  test('of one that says which protocol it speaks', () => {
    const record = claim(0x1234, 'alive', 300, 2, { ...info, protocol: 300 })
    assert.equal(toHex(encoded(record)), hexOf('20', 'ac02'))
    const left = { ...claim(0x1234, 'left', 300, 2, { ...info, protocol: 6 }), degraded: true }
    assert.equal(toHex(encoded(left)), hexOf('33', `06${secretOf(0x1234)}`))
  })

  test('of a suspect, with its accuser or with zeros', () => {
    const record = claim(0x1234, 'suspect', 300, 2, info)
    assert.equal(toHex(encoded(record)), hexOf('01', '00'.repeat(8)))
    assert.equal(toHex(encoded({ ...record, accuser: idOf(7) })), hexOf('01', idOf(7)))
  })

  test('of one who left, with its proof or with zeros', () => {
    const record = claim(0x1234, 'left', 300, 2, info)
    const { leaveProof: _proof, ...bare } = record
    assert.equal(toHex(encoded(bare)), hexOf('03', '00'.repeat(16)))
    assert.equal(toHex(encoded(record)), hexOf('03', secretOf(0x1234)))
  })

  test('and an accuser or a proof travels only with the state to which it belongs', () => {
    const record: MemberRecord = { ...claim(2), accuser: idOf(7), leaveProof: secretOf(2) }
    assert.equal(toHex(encoded(record)), toHex(encoded(claim(2))))
  })
})

test('records follow each other without a gap', () => {
  const writer = new ByteWriter()
  encodeMember(writer, claim(2))
  encodeMember(writer, claim(3, 'left', 1))
  const reader = new ByteReader(writer.take())
  assert.deepEqual(decodeMember(reader), claim(2))
  assert.deepEqual(decodeMember(reader), claim(3, 'left', 1))
  assert.ok(reader.finished)
})

test('the largest record leaves room for a packet header in a datagram', () => {
  const host = 'h'.repeat(253)
  const largest = claim(2, 'left', 0xffff_ffff, Number.MAX_SAFE_INTEGER, {
    name: 'n'.repeat(64),
    zone: 'z'.repeat(64),
    version: 'v'.repeat(32),
    address: { host, port: 65_535 },
    httpAddress: { host, port: 65_535 },
  })
  assert.ok(!isRefused(largest))
  assert.equal(memberBytes(largest), 733)
  assert.ok(memberBytes(largest) <= GOSSIP_BYTES_MAX)
  assert.ok(GOSSIP_BYTES_MAX + PACKET_HEADER_BYTES_MAX <= DATAGRAM_BYTES_MAX)
})

suite('refused is', () => {
  const good = { host: 'h', port: 1 }
  const cases: Record<string, Partial<MemberInfo>> = {
    'port 0': { address: { host: 'h', port: 0 } },
    'HTTP port 0': { httpAddress: { host: 'h', port: 0 } },
    'a name of 65 bytes': { name: 'n'.repeat(65) },
    'a name of 33 letters in 66 bytes': { name: 'é'.repeat(33) },
    'a zone of 65 bytes': { zone: 'z'.repeat(65) },
    'a weight of 1001': { weight: 1001 },
    'a version of 33 bytes': { version: 'v'.repeat(33) },
    'a host of 254 bytes': { address: { ...good, host: 'h'.repeat(254) } },
    'an HTTP host of 254 bytes': { httpAddress: { ...good, host: 'h'.repeat(254) } },
    'an empty host': { address: { ...good, host: '' } },
    'a host with a space': { address: { ...good, host: 'a b' } },
    'a host with a bracket': { httpAddress: { ...good, host: 'a]' } },
    'a host with a port in it': { address: { ...good, host: 'host:1' } },
  }
  for (const [what, info] of Object.entries(cases)) {
    test(what, () => assert.ok(isRefused(claim(2, 'alive', 0, 1, info))))
  }

  test('an unknown state', () => {
    const bytes = encoded(claim(2))
    for (const code of [0x04, 0x14, 0x20, 0x80]) {
      bytes[8] = code
      const reader = new ByteReader(bytes)
      decodeMember(reader)
      assert.ok(!reader.ok, `state ${code}`)
    }
  })

  test('an incarnation above 32 bits', () => {
    assert.ok(isRefused(claim(2, 'alive', 0x1_0000_0000)))
    assert.ok(!isRefused(claim(2, 'alive', 0xffff_ffff)))
  })

  test('a name that is no UTF-8', () => {
    const bytes = encoded(claim(2))
    bytes[bytes.indexOf(0x6e)] = 0xff
    const reader = new ByteReader(bytes)
    decodeMember(reader)
    assert.ok(!reader.ok)
  })

  test('every truncation', () => {
    for (const state of ['alive', 'suspect', 'left'] as const) {
      const bytes = encoded(claim(2, state))
      for (let length = 0; length < bytes.length; length++) {
        const reader = new ByteReader(bytes.subarray(0, length))
        decodeMember(reader)
        assert.ok(!reader.ok, `${length} bytes of one ${state}`)
      }
    }
  })
})

test('any bytes either fail the reader or give a record that encodes again', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const reader = new ByteReader(bytes)
      const record = decodeMember(reader)
      if (reader.ok) assert.deepEqual(encoded(record), bytes.slice(0, reader.offset))
    }),
    { seed: 3, numRuns: 500 },
  )
})
