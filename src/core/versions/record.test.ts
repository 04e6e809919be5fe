import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AssertionError } from '../std/assert.ts'
import { ByteReader, ByteWriter, fromHex, toHex } from '../std/bytes.ts'
import { crc32 } from '../std/crc32.ts'
import { RECORD_BYTES_MAX, VALUE_BYTES_MAX, VERSION_VECTOR_MAX } from '../std/limits.ts'
import {
  contexts,
  dot,
  richContainers,
  SEED,
  stamp,
  stamps,
  text,
  values,
  vector,
  versionOf,
} from './arbitraries.test.ts'
import { checkContainer, EMPTY_CONTAINER } from './container.ts'
import {
  decodeContainer,
  decodeContext,
  decodeRecord,
  decodeStamp,
  decodeValue,
  encodeContainer,
  encodeContext,
  encodeRecord,
  encodeStamp,
  encodeValue,
  isStorable,
  RECORD_FORMAT,
} from './record.ts'
import { ZERO_STAMP } from './stamp.ts'
import type { Container, Value } from './version.ts'
import { EMPTY_VECTOR } from './version-vector.ts'

const HEADER_BYTES = 5

/** A record with a right checksum around any payload. */
function seal(payload: Uint8Array): Uint8Array {
  const writer = new ByteWriter()
  writer.u8(RECORD_FORMAT)
  writer.u32(crc32(payload))
  writer.raw(payload)
  return writer.take()
}

function sealed(build: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter()
  build(writer)
  return seal(writer.take())
}

function isDecoded(result: Container | 'corrupt' | 'unsupported'): result is Container {
  return typeof result !== 'string'
}

/** What any bytes may come to: a refusal, or a proper container whose only spelling they are. */
function staysHarmless(bytes: Uint8Array): void {
  const decoded = decodeRecord(bytes, crc32)
  if (!isDecoded(decoded)) return
  checkContainer(decoded)
  assert.deepEqual(encodeRecord(decoded, crc32), bytes)
}

const EXAMPLE: Container = {
  vector: vector(7, 300, 0x12_3456_789a_bcde, 2),
  versions: [
    {
      dot: dot(7, 300),
      stamp: stamp(0x0001_0203_0405, 6),
      value: {
        bytes: Uint8Array.of(0xca, 0xfe),
        contentType: 'text/plain',
        metadata: [['owner', 'ž']],
        expiresAtMs: 128,
      },
    },
    { dot: dot(0x12_3456_789a_bcde, 2), stamp: stamp(1, 0xffff), value: undefined },
  ],
}

/**
 * Format 1. These bytes are on people's disks: a change here needs a new format beside this one.
 */
const EXAMPLE_HEX = [
  '01' + 'CRC',
  '02' + '0000000000000007' + 'ac02' + '00123456789abcde' + '02',
  '02',
  '00' + 'ac02' + '000102030405' + '0006' + '01',
  '8001' +
    '0a' +
    '746578742f706c61696e' +
    '01' +
    '05' +
    '6f776e6572' +
    '02' +
    'c5be' +
    '02' +
    'cafe',
  '01' + '02' + '000000000001' + 'ffff' + '00',
].join('')

test('golden bytes of format 1', () => {
  assert.equal(RECORD_FORMAT, 1)
  const bytes = fromHex(EXAMPLE_HEX.replace('CRC', 'c707db25'))!
  assert.equal(toHex(encodeRecord(EXAMPLE, crc32)), toHex(bytes))
  assert.deepEqual(decodeRecord(bytes, crc32), EXAMPLE)
})

test('the empty container is a record too', () => {
  assert.equal(toHex(encodeRecord(EMPTY_CONTAINER, crc32)), '0141d912ff0000')
  assert.deepEqual(decodeRecord(encodeRecord(EMPTY_CONTAINER, crc32), crc32), EMPTY_CONTAINER)
})

test('every container comes back as it was', () => {
  const property = fc.property(richContainers, (container) => {
    const bytes = encodeRecord(container, crc32)
    const decoded = decodeRecord(bytes, crc32)
    assert.deepEqual(decoded, container)
    staysHarmless(bytes)
  })
  fc.assert(property, { seed: SEED, numRuns: 300 })
})

test('values are views into the bytes that were decoded', () => {
  const bytes = encodeRecord(EXAMPLE, crc32)
  const decoded = decodeRecord(bytes, crc32)
  assert.ok(isDecoded(decoded))
  assert.equal(decoded.versions[0]!.value!.bytes.buffer, bytes.buffer)
})

test('a record keeps its bytes when the next one is encoded', () => {
  const first = encodeRecord(EXAMPLE, crc32)
  const kept = first.slice()
  encodeRecord(EMPTY_CONTAINER, crc32)
  assert.deepEqual(first, kept)
})

test('large values are encoded, before and after small ones', () => {
  const large: Container = {
    vector: vector(1, 1),
    versions: [
      {
        dot: dot(1, 1),
        stamp: ZERO_STAMP,
        value: { ...text(''), bytes: new Uint8Array(VALUE_BYTES_MAX).fill(7) },
      },
    ],
  }
  for (const container of [large, EXAMPLE, large])
    assert.deepEqual(decodeRecord(encodeRecord(container, crc32), crc32), container)
})

test('the checksum is asked over all that follows it', () => {
  let asked: Uint8Array | undefined
  const checksum = (bytes: Uint8Array): number => {
    asked = bytes.slice()
    return 0xdead_beef
  }
  const bytes = encodeRecord(EXAMPLE, checksum)
  assert.deepEqual(asked, bytes.subarray(HEADER_BYTES))
  assert.equal(toHex(bytes.subarray(1, HEADER_BYTES)), 'deadbeef')
  asked = undefined
  assert.deepEqual(decodeRecord(bytes, checksum), EXAMPLE)
  assert.deepEqual(asked, bytes.subarray(HEADER_BYTES))
})

test('a record of a later format is unsupported, not corrupt', () => {
  const bytes = encodeRecord(EXAMPLE, crc32)
  for (const format of [3, 4, 255]) {
    bytes[0] = format
    assert.equal(decodeRecord(bytes, crc32), 'unsupported')
  }
})

test('nothing, zeros and less than a header are corrupt', () => {
  assert.equal(decodeRecord(new Uint8Array(0), crc32), 'corrupt')
  for (let length = 1; length < 100; length++)
    assert.equal(decodeRecord(new Uint8Array(length), crc32), 'corrupt')
  assert.equal(decodeRecord(Uint8Array.of(RECORD_FORMAT, 0, 0, 0, 0), crc32), 'corrupt')
})

test('a record cut short or with bytes after it is corrupt', () => {
  const bytes = encodeRecord(EXAMPLE, crc32)
  for (let length = 0; length < bytes.length; length++)
    assert.equal(decodeRecord(bytes.subarray(0, length), crc32), 'corrupt')
  const payload = bytes.subarray(HEADER_BYTES)
  for (let length = 0; length < payload.length; length++)
    assert.equal(decodeRecord(seal(payload.subarray(0, length)), crc32), 'corrupt')
  assert.equal(decodeRecord(seal(Uint8Array.of(...payload, 0)), crc32), 'corrupt')
})

test('a record over the bound is corrupt', () => {
  const huge = new Uint8Array(RECORD_BYTES_MAX + 1)
  huge[0] = RECORD_FORMAT
  const never = (): number => assert.fail('what is too long is not worth a checksum')
  assert.equal(decodeRecord(huge, never), 'corrupt')
  let asked = 0
  const largest = huge.subarray(0, RECORD_BYTES_MAX)
  assert.equal(
    decodeRecord(largest, () => ++asked),
    'corrupt',
  )
  assert.equal(asked, 1, 'the bound itself is worth one')
})

test('every single changed bit is noticed', () => {
  const bytes = encodeRecord(EXAMPLE, crc32)
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = bytes.slice()
    changed[bit >> 3]! ^= 1 << (bit & 7)
    assert.ok(!isDecoded(decodeRecord(changed, crc32)), `bit ${bit}`)
  }
})

test('changed bytes never decode to another container', () => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), {
    minLength: 1,
    maxLength: 8,
  })
  const property = fc.property(richContainers, changes, (container, flips) => {
    const bytes = encodeRecord(container, crc32)
    const changed = bytes.slice()
    for (const [at, flip] of flips) changed[at % changed.length]! ^= flip
    const decoded = decodeRecord(changed, crc32)
    if (isDecoded(decoded)) assert.deepEqual(changed, bytes)
  })
  fc.assert(property, { seed: SEED, numRuns: 1000 })
})

test('no bytes make the decoder throw', () => {
  const property = fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    staysHarmless(bytes)
    staysHarmless(Uint8Array.of(RECORD_FORMAT, ...bytes))
    staysHarmless(seal(bytes))
  })
  fc.assert(property, { seed: SEED, numRuns: 2000 })
})

test('a payload that was changed and sealed again is refused or a proper container with one spelling', () => {
  const change = fc.tuple(fc.nat(), fc.oneof(fc.constantFrom(0, 1, 127, 128, 255), fc.nat(255)))
  const changes = fc.array(change, { minLength: 1, maxLength: 3 })
  let accepted = 0
  const property = fc.property(richContainers, changes, (container, edits) => {
    const payload = encodeRecord(container, crc32).slice(HEADER_BYTES)
    for (const [at, byte] of edits) payload[at % payload.length] = byte
    const bytes = seal(payload)
    staysHarmless(bytes)
    if (isDecoded(decodeRecord(bytes, crc32))) accepted++
  })
  fc.assert(property, { seed: SEED, numRuns: 3000 })
  assert.ok(accepted > 100, `only ${accepted} were well formed: the test tries too little`)
})

test('a vector out of order, double, with vnode or counter zero is corrupt', () => {
  const record = (...entries: readonly number[]): Uint8Array =>
    sealed((writer) => {
      writer.varint(entries.length / 2)
      for (let i = 0; i < entries.length; i += 2) {
        writer.u64(entries[i]!)
        writer.varint(entries[i + 1]!)
      }
      writer.varint(0)
    })
  assert.deepEqual(decodeRecord(record(1, 1, 2, 1), crc32), {
    versions: [],
    vector: vector(1, 1, 2, 1),
  })
  for (const entries of [
    [2, 1, 1, 1],
    [1, 1, 1, 2],
    [0, 1],
    [1, 0],
    [1, 1, 2, 0],
  ])
    assert.equal(decodeRecord(record(...entries), crc32), 'corrupt', entries.join())
})

test('a vnode or a counter beyond the exact numbers is corrupt', () => {
  const vnode = sealed((writer) => {
    writer.varint(1)
    writer.raw(fromHex('0020000000000000')!)
    writer.varint(1)
    writer.varint(0)
  })
  assert.equal(decodeRecord(vnode, crc32), 'corrupt')
  const counter = sealed((writer) => {
    writer.varint(1)
    writer.u64(1)
    writer.raw(fromHex('8080808080808010')!)
    writer.varint(0)
  })
  assert.equal(decodeRecord(counter, crc32), 'corrupt')
})

/** A payload with vector {1: 3, 2: 3} and deletes at these places and counters. */
function deletes(...places: readonly number[]): Uint8Array {
  return sealed((writer) => {
    encodeContainer(writer, { versions: [], vector: vector(1, 3, 2, 3) })
    const head = writer.take().slice(0, -1)
    writer.reset()
    writer.raw(head)
    writer.varint(places.length / 2)
    for (let i = 0; i < places.length; i += 2) {
      writer.varint(places[i]!)
      writer.varint(places[i + 1]!)
      encodeStamp(writer, ZERO_STAMP)
      writer.u8(0)
    }
  })
}

test('versions out of order, double, uncovered or of no vnode of the vector are corrupt', () => {
  for (const good of [[], [0, 1], [0, 3], [0, 1, 0, 2], [0, 3, 1, 1], [1, 1, 1, 3]])
    assert.ok(isDecoded(decodeRecord(deletes(...good), crc32)), good.join())
  for (const bad of [
    [0, 0],
    [0, 4],
    [1, 0],
    [1, 4],
    [2, 1],
    [0, 2, 0, 1],
    [0, 1, 0, 1],
    [1, 1, 0, 2],
  ])
    assert.equal(decodeRecord(deletes(...bad), crc32), 'corrupt', bad.join())
})

test('a version of no known kind is corrupt', () => {
  const bytes = deletes(0, 1)
  for (const kind of [2, 128, 255]) {
    const payload = bytes.slice(HEADER_BYTES)
    payload[payload.length - 1] = kind
    assert.equal(decodeRecord(seal(payload), crc32), 'corrupt')
  }
})

test('more versions than the bytes can hold are refused before they are read', () => {
  const bytes = sealed((writer) => {
    writer.varint(0)
    writer.varint(Number.MAX_SAFE_INTEGER)
    writer.raw(new Uint8Array(40))
  })
  assert.equal(decodeRecord(bytes, crc32), 'corrupt')
})

function vectorOfLength(length: number): Container {
  return { versions: [], vector: vector(...Array.from({ length }, (_, i) => [i + 1, 1]).flat()) }
}

test('a vector is bounded, and what exceeds the bound is not storable', () => {
  const most = vectorOfLength(VERSION_VECTOR_MAX)
  const record = encodeRecord(most, crc32)
  assert.ok(isStorable(most, record))
  assert.deepEqual(decodeRecord(record, crc32), most)
  const more = vectorOfLength(VERSION_VECTOR_MAX + 1)
  const larger = encodeRecord(more, crc32)
  assert.ok(!isStorable(more, larger))
  assert.equal(decodeRecord(larger, crc32), 'corrupt')
})

test('a record over the bound is not storable', () => {
  assert.ok(isStorable(EMPTY_CONTAINER, new Uint8Array(RECORD_BYTES_MAX)))
  assert.ok(!isStorable(EMPTY_CONTAINER, new Uint8Array(RECORD_BYTES_MAX + 1)))
})

test('encoding a container that breaks its invariant is a bug of ours', () => {
  const uncovered = { versions: [versionOf(dot(1, 2))], vector: vector(1, 1) }
  assert.throws(() => encodeRecord(uncovered, crc32), AssertionError)
  const unknown = { versions: [versionOf(dot(1, 1))], vector: vector(2, 1) }
  assert.throws(() => encodeRecord(unknown, crc32), AssertionError)
  const empty = { versions: [versionOf(dot(1, 1))], vector: EMPTY_VECTOR }
  assert.throws(() => encodeRecord(empty, crc32), AssertionError)
  assert.deepEqual(
    decodeRecord(encodeRecord(EXAMPLE, crc32), crc32),
    EXAMPLE,
    'and leaves no trace',
  )
})

test('containers travel inside messages without a checksum', () => {
  const writer = new ByteWriter()
  encodeContainer(writer, EXAMPLE)
  encodeContainer(writer, EMPTY_CONTAINER)
  const reader = new ByteReader(writer.take())
  assert.deepEqual(decodeContainer(reader), EXAMPLE)
  assert.deepEqual(decodeContainer(reader), EMPTY_CONTAINER)
  assert.ok(reader.finished)
  assert.equal(decodeContainer(reader), undefined)
  assert.ok(!reader.ok)
})

test('a container inside a message that breaks an invariant fails the reader', () => {
  const payload = deletes(0, 4).subarray(HEADER_BYTES)
  const reader = new ByteReader(payload)
  assert.equal(decodeContainer(reader), undefined)
  assert.ok(!reader.ok)
})

test('contexts come back as they were, and bad ones fail the reader', () => {
  const property = fc.property(contexts, fc.nat(), (context, cut) => {
    const writer = new ByteWriter()
    encodeContext(writer, context)
    const bytes = writer.take()
    const reader = new ByteReader(bytes)
    assert.deepEqual(decodeContext(reader), context)
    assert.ok(reader.finished)
    const short = new ByteReader(bytes.subarray(0, cut % bytes.length))
    assert.deepEqual(decodeContext(short), { vector: EMPTY_VECTOR, stamp: ZERO_STAMP })
    assert.ok(!short.ok)
  })
  fc.assert(property, { seed: SEED })
})

test('stamps come back as they were, and short ones fail the reader', () => {
  const property = fc.property(stamps, (of) => {
    const writer = new ByteWriter()
    encodeStamp(writer, of)
    assert.equal(writer.length, 8)
    assert.deepEqual(decodeStamp(new ByteReader(writer.view())), of)
    const short = new ByteReader(writer.view().subarray(1))
    assert.equal(decodeStamp(short), ZERO_STAMP)
    assert.ok(!short.ok)
  })
  fc.assert(property, { seed: SEED })
})

test('encoded stamps sort as stamps do', () => {
  const writer = new ByteWriter()
  encodeStamp(writer, stamp(0x8000_0000_0001, 0x0203))
  assert.equal(toHex(writer.view()), '8000000000010203')
})

test('values come back as they were, and short ones fail the reader', () => {
  const property = fc.property(values, fc.nat(), (value, cut) => {
    const writer = new ByteWriter()
    encodeValue(writer, value)
    const bytes = writer.take()
    const reader = new ByteReader(bytes)
    assert.deepEqual(decodeValue(reader), value)
    assert.ok(reader.finished)
    const short = new ByteReader(bytes.subarray(0, cut % bytes.length))
    decodeValue(short)
    assert.ok(!short.ok)
  })
  fc.assert(property, { seed: SEED })
})

test('a value that none may have is a bug when encoded and fails the reader when decoded', () => {
  const unordered: Value = {
    ...text('v'),
    metadata: [
      ['b', ''],
      ['a', ''],
    ],
  }
  assert.throws(() => encodeValue(new ByteWriter(), unordered), AssertionError)
  const writer = new ByteWriter()
  encodeValue(writer, {
    ...unordered,
    metadata: [
      ['a', ''],
      ['b', ''],
    ],
  })
  const bytes = writer.take()
  const a = bytes.indexOf('a'.charCodeAt(0), 'text/plain'.length)
  bytes[a] = 'c'.charCodeAt(0)
  const reader = new ByteReader(bytes)
  decodeValue(reader)
  assert.ok(!reader.ok)
})
