import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AssertionError } from './assert.ts'
import {
  afterPrefix,
  bytesToBinary,
  ByteReader,
  ByteWriter,
  compareBytes,
  concatBytes,
  equalBytes,
  fromHex,
  startsWith,
  toHex,
  utf8Decode,
  utf8Encode,
  utf8Length,
} from './bytes.ts'

const RUNS = { seed: 8, numRuns: 500 }
const MAX = Number.MAX_SAFE_INTEGER

function written(write: (writer: ByteWriter) => void): string {
  const writer = new ByteWriter(1)
  write(writer)
  return toHex(writer.take())
}

function readerOf(hex: string): ByteReader {
  return new ByteReader(fromHex(hex)!)
}

// Writing and reading.

test('integers of fixed size are big-endian', () => {
  assert.equal(
    written((w) => w.u8(0xfe)),
    'fe',
  )
  assert.equal(
    written((w) => w.u16(0xfedc)),
    'fedc',
  )
  assert.equal(
    written((w) => w.u32(0xfedc_ba98)),
    'fedcba98',
  )
  assert.equal(
    written((w) => w.u64(0x12_3456_789a_bcde)),
    '00123456789abcde',
  )
  assert.equal(
    written((w) => w.u64(MAX)),
    '001fffffffffffff',
  )
})

test('variable-length integers have seven bits a byte, the lowest first', () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, '00'],
    [1, '01'],
    [127, '7f'],
    [128, '8001'],
    [300, 'ac02'],
    [16_383, 'ff7f'],
    [16_384, '808001'],
    [2 ** 31 - 1, 'ffffffff07'],
    [2 ** 31, '8080808008'],
    [2 ** 32, '8080808010'],
    [2 ** 49 - 1, 'ffffffffffff7f'],
    [2 ** 49, '8080808080808001'],
    [MAX, 'ffffffffffffff0f'],
  ]
  for (const [value, hex] of cases) {
    assert.equal(
      written((w) => w.varint(value)),
      hex,
    )
    const reader = readerOf(hex)
    assert.equal(reader.varint(), value)
    assert.ok(reader.finished)
  }
})

test('an integer that cannot be written is a bug of ours', () => {
  const writer = new ByteWriter()
  for (const bad of [-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => writer.varint(bad), AssertionError)
    assert.throws(() => writer.u64(bad), AssertionError)
  }
  assert.equal(writer.length, 0)
})

/** One field as data: written, and expected back. */
type Field =
  | { readonly type: 'u8' | 'u16' | 'u32' | 'u64' | 'varint'; readonly value: number }
  | { readonly type: 'raw' | 'bytes'; readonly value: Uint8Array }
  | { readonly type: 'text'; readonly value: string }

const fields: fc.Arbitrary<Field[]> = fc.array(
  fc.oneof(
    fc.record({ type: fc.constant('u8' as const), value: fc.nat(0xff) }),
    fc.record({ type: fc.constant('u16' as const), value: fc.nat(0xffff) }),
    fc.record({
      type: fc.constant('u32' as const),
      value: fc.integer({ min: 0, max: 0xffff_ffff }),
    }),
    fc.record({ type: fc.constantFrom('u64' as const, 'varint' as const), value: fc.maxSafeNat() }),
    fc.record({ type: fc.constant('varint' as const), value: fc.nat(40_000) }),
    fc.record({ type: fc.constantFrom('raw' as const, 'bytes' as const), value: fc.uint8Array() }),
    fc.record({ type: fc.constant('text' as const), value: fc.string({ unit: 'grapheme' }) }),
  ),
)

function writeField(writer: ByteWriter, field: Field): void {
  switch (field.type) {
    case 'raw':
    case 'bytes':
      return writer[field.type](field.value)
    case 'text':
      return writer.text(field.value)
    default:
      return writer[field.type](field.value)
  }
}

function readField(reader: ByteReader, field: Field): unknown {
  switch (field.type) {
    case 'raw':
      return reader.raw(field.value.length)
    case 'bytes':
      return reader.bytes(field.value.length)
    case 'text':
      return reader.text(utf8Encode(field.value).length)
    default:
      return reader[field.type]()
  }
}

test('whatever is written in a row reads back in that row', () => {
  const property = fc.property(fields, fc.nat(64), (row, capacity) => {
    const writer = new ByteWriter(capacity)
    for (const field of row) writeField(writer, field)
    assert.deepEqual(writer.view(), writer.take())
    assert.equal(writer.length, writer.view().length)
    const reader = new ByteReader(writer.take())
    for (const field of row) assert.deepEqual(readField(reader, field), field.value)
    assert.ok(reader.ok && reader.finished)
    assert.equal(reader.remaining, 0)
  })
  fc.assert(property, RUNS)
})

test('a row cut short fails the reader, wherever it is cut, and no read throws', () => {
  const property = fc.property(fields, fc.nat(), (row, cut) => {
    const writer = new ByteWriter()
    for (const field of row) writeField(writer, field)
    fc.pre(writer.length > 0)
    const reader = new ByteReader(writer.take().subarray(0, cut % writer.length))
    for (const field of row) readField(reader, field)
    assert.ok(!reader.ok && !reader.finished)
    assert.equal(reader.remaining, 0)
  })
  fc.assert(property, RUNS)
})

test('any bytes at all are survived by every read', () => {
  const reads = fc.array(
    fc.constantFrom('u8', 'u16', 'u32', 'u64', 'varint', 'bytes', 'text', 'count'),
  )
  const property = fc.property(fc.uint8Array(), reads, (bytes, row) => {
    const reader = new ByteReader(bytes)
    for (const read of row) {
      if (read === 'bytes') assert.ok(reader.bytes(10).length <= 10)
      else if (read === 'text') assert.ok(reader.text(10).length <= 10)
      else if (read === 'count') assert.ok(reader.count(9, 1) <= 9)
      else assert.ok(Number.isSafeInteger(reader[read as 'u8']()))
      assert.ok(reader.offset <= bytes.length)
    }
  })
  fc.assert(property, RUNS)
})

test('a writer is reused without the bytes of its last use', () => {
  const writer = new ByteWriter(4)
  writer.text('something long')
  const kept = writer.take()
  writer.reset()
  assert.equal(writer.length, 0)
  writer.u8(7)
  assert.deepEqual(writer.view(), Uint8Array.of(7))
  assert.equal(utf8Decode(kept.subarray(1)), 'something long')
})

test('a view follows the writer, and what is taken does not', () => {
  const writer = new ByteWriter()
  writer.u32(1)
  const view = writer.view()
  const taken = writer.take()
  writer.patchU32(0, 0xaabb_ccdd)
  assert.equal(toHex(view), 'aabbccdd')
  assert.equal(toHex(taken), '00000001')
})

test('a patch goes over four bytes that are there', () => {
  const writer = new ByteWriter()
  writer.raw(new Uint8Array(6))
  writer.patchU32(1, 0x0102_0304)
  writer.patchU32(2, 0xffff_ffff)
  assert.equal(toHex(writer.view()), '0001ffffffff')
  assert.throws(() => writer.patchU32(3, 0), AssertionError)
})

test('a number of eight bytes beyond the exact ones fails the reader', () => {
  for (const hex of ['0020000000000000', 'ffffffffffffffff', '8000000000000000']) {
    const reader = readerOf(hex)
    assert.equal(reader.u64(), 0)
    assert.ok(!reader.ok)
  }
})

test('a variable-length number has one spelling', () => {
  for (const hex of [
    '8000',
    'ff00',
    '808000',
    '8080808080808010',
    'ffffffffffffff1f',
    'ffffffffffffffff01',
    '808080808080808001',
    '80',
    '',
  ]) {
    const reader = readerOf(hex)
    assert.equal(reader.varint(), 0, hex)
    assert.ok(!reader.ok, hex)
  }
})

test('text has one spelling, and malformed text fails the reader', () => {
  for (const hex of ['01ff', '02c080', '03eda080', '01c3', '0380', '05']) {
    const reader = readerOf(hex)
    assert.equal(reader.text(100), '', hex)
    assert.ok(!reader.ok, hex)
  }
})

test('bytes and text beyond their bound fail the reader', () => {
  for (const read of ['bytes', 'text'] as const) {
    assert.equal(readerOf('03616263')[read](3).length, 3)
    const reader = readerOf('03616263')
    assert.equal(reader[read](2).length, 0)
    assert.ok(!reader.ok)
  }
})

test('a count that the bytes cannot hold, or beyond its bound, fails the reader', () => {
  assert.equal(readerOf('02aabbcc').count(2, 1), 2)
  assert.equal(readerOf('03aabbcc').count(3, 1), 3)
  for (const [hex, most, itemBytes] of [
    ['04aabbcc', 9, 1],
    ['02aabbcc', 9, 2],
    ['02aabbcc', 1, 1],
    ['ffffffffffffff0faabb', MAX, MAX],
  ] as const) {
    const reader = readerOf(hex)
    assert.equal(reader.count(most, itemBytes), 0)
    assert.ok(!reader.ok)
  }
})

test('a failed reader stays failed', () => {
  const reader = readerOf('0102030405060708090a')
  assert.equal(reader.u8(), 1)
  reader.fail()
  assert.equal(reader.remaining, 0)
  assert.equal(reader.u8(), 0)
  assert.equal(reader.u16(), 0)
  assert.equal(reader.u32(), 0)
  assert.equal(reader.u64(), 0)
  assert.equal(reader.varint(), 0)
  assert.equal(reader.count(9, 1), 0)
  assert.equal(reader.raw(0).length, 0)
  assert.equal(reader.text(9), '')
  assert.ok(!reader.ok && !reader.finished)
})

test('a reader keeps to its part of the bytes', () => {
  const bytes = Uint8Array.of(1, 2, 3, 4, 5)
  const reader = new ByteReader(bytes, 1, 3)
  assert.equal(reader.remaining, 2)
  assert.equal(reader.offset, 1)
  assert.equal(reader.u8(), 2)
  assert.ok(!reader.finished)
  assert.equal(reader.u8(), 3)
  assert.ok(reader.finished)
  assert.equal(reader.u8(), 0)
  assert.ok(!reader.ok)
})

test('bytes that are read are views, not copies', () => {
  const bytes = Uint8Array.of(2, 7, 8)
  const view = new ByteReader(bytes).bytes(2)
  bytes[1] = 9
  assert.deepEqual(view, Uint8Array.of(9, 8))
})

// Order.

const twoByteStrings = fc.tuple(
  fc.uint8Array({ max: 3, maxLength: 6 }),
  fc.uint8Array({ max: 3, maxLength: 6 }),
)

test('byte strings are ordered as Buffer orders them', () => {
  const property = fc.property(twoByteStrings, ([a, b]) => {
    assert.equal(Math.sign(compareBytes(a, b)), Buffer.compare(a, b))
    assert.equal(equalBytes(a, b), Buffer.compare(a, b) === 0)
  })
  fc.assert(property, RUNS)
})

test('a prefix is found at the beginning only', () => {
  const property = fc.property(twoByteStrings, ([prefix, rest]) => {
    const whole = concatBytes(prefix, rest)
    assert.ok(startsWith(whole, prefix))
    assert.equal(startsWith(rest, whole), prefix.length === 0)
  })
  fc.assert(property, RUNS)
  assert.ok(!startsWith(Uint8Array.of(1, 2), Uint8Array.of(2)))
})

test('after a prefix comes the least string above all that begin with it', () => {
  assert.equal(toHex(afterPrefix(Uint8Array.of(1, 2))!), '0103')
  assert.equal(toHex(afterPrefix(Uint8Array.of(1, 0xff, 0xff))!), '02')
  assert.equal(afterPrefix(Uint8Array.of(0xff, 0xff)), undefined)
  assert.equal(afterPrefix(new Uint8Array(0)), undefined)
  const property = fc.property(
    fc.uint8Array({ minLength: 1 }),
    fc.uint8Array(),
    (prefix, other) => {
      const after = afterPrefix(prefix)
      fc.pre(after !== undefined)
      const isBelow = compareBytes(other, after) < 0
      assert.ok(compareBytes(concatBytes(prefix, other), after) < 0)
      if (compareBytes(other, prefix) >= 0) assert.equal(isBelow, startsWith(other, prefix))
    },
  )
  fc.assert(property, RUNS)
})

// Texts.

test('bytes as a string are one character each, and equal when the bytes are', () => {
  const property = fc.property(twoByteStrings, ([a, b]) => {
    assert.equal(bytesToBinary(a), Buffer.from(a).toString('latin1'))
    assert.equal(bytesToBinary(a) === bytesToBinary(b), equalBytes(a, b))
  })
  fc.assert(property, RUNS)
  assert.equal(bytesToBinary(Uint8Array.of(0, 0x41, 0xff)), '\u0000A\u00ff')
})

test('hexadecimal goes both ways, and what is none is refused', () => {
  const property = fc.property(fc.uint8Array(), (bytes) => {
    assert.equal(toHex(bytes), Buffer.from(bytes).toString('hex'))
    assert.deepEqual(fromHex(toHex(bytes)), bytes)
    assert.deepEqual(fromHex(toHex(bytes).toUpperCase()), bytes)
  })
  fc.assert(property, RUNS)
  for (const bad of ['0', '0g', '0x', ' 00', '00\n'])
    assert.equal(fromHex(bad), undefined, JSON.stringify(bad))
})

/** Any code units, lone surrogates among them. */
const anyText = fc
  .array(fc.oneof(fc.nat(0xffff), fc.integer({ min: 0xd700, max: 0xe0ff }), fc.nat(0x7f)), {
    maxLength: 20,
  })
  .map((units) => String.fromCharCode(...units))

test('UTF-8 is encoded as TextEncoder does', () => {
  const property = fc.property(anyText, (text) => {
    assert.deepEqual(utf8Encode(text), new TextEncoder().encode(text))
    assert.equal(
      written((w) => w.text(text)),
      written((w) => w.bytes(utf8Encode(text))),
    )
  })
  fc.assert(property, { seed: 8, numRuns: 2000 })
})

test('UTF-8 is decoded as a fatal TextDecoder does', () => {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const theirs = (bytes: Uint8Array): string | undefined => {
    try {
      return decoder.decode(bytes)
    } catch {
      // Fatal means that malformed bytes throw; that is the answer wanted here.
      return undefined
    }
  }
  const lead = fc.constantFrom(0x41, 0xc1, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff)
  const tail = fc.constantFrom(0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0x7f)
  const hostile = fc
    .array(fc.oneof({ weight: 1, arbitrary: lead }, { weight: 2, arbitrary: tail }), {
      maxLength: 6,
    })
    .map((bytes) => Uint8Array.from(bytes))
  const wellFormed = anyText.map((text) => utf8Encode(text))
  const property = fc.property(fc.oneof(hostile, wellFormed), (bytes) => {
    assert.equal(utf8Decode(bytes), theirs(bytes))
  })
  fc.assert(property, { seed: 8, numRuns: 5000 })
})

test('UTF-8 changes its length at the right code points, and has no half surrogate pairs', () => {
  for (const [code, hex] of [
    [0x7f, '7f'],
    [0x80, 'c280'],
    [0x7ff, 'dfbf'],
    [0x800, 'e0a080'],
    [0xd7ff, 'ed9fbf'],
    [0xe000, 'ee8080'],
    [0xffff, 'efbfbf'],
    [0x1_0000, 'f0908080'],
    [0x1_03ff, 'f0908fbf'],
    [0x10_fc00, 'f48fb080'],
    [0x10_ffff, 'f48fbfbf'],
  ] as const) {
    const text = String.fromCodePoint(code)
    assert.equal(toHex(utf8Encode(text)), hex)
    assert.equal(utf8Decode(fromHex(hex)!), text)
    assert.equal(utf8Length(text), hex.length / 2)
    assert.equal(readerOf(written((w) => w.text(text))).text(4), text)
  }
  for (const hex of [
    'eda080',
    'edafbf',
    'edb080',
    'edbfbf',
    'f4908080',
    'c1bf',
    'e09fbf',
    'f08fbfbf',
  ])
    assert.equal(utf8Decode(fromHex(hex)!), undefined, hex)
})

test('the length in UTF-8 is known without encoding, for all that can be encoded', () => {
  const property = fc.property(anyText, (text) => {
    const bytes = utf8Encode(text)
    assert.equal(utf8Length(text), utf8Decode(bytes) === text ? bytes.length : undefined)
  })
  fc.assert(property, { seed: 8, numRuns: 2000 })
  assert.equal(utf8Length(''), 0)
  assert.equal(utf8Length('až€😀'), 1 + 2 + 3 + 4)
  for (const lone of [
    '\ud800',
    '\udc00',
    '\ud800a',
    'a\udfff',
    '\ud800\ud800\udc00',
    '\udc00\ud800',
  ])
    assert.equal(utf8Length(lone), undefined)
})
