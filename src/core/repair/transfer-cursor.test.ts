import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { crc32 } from '../std/crc32.ts'
import { decodeTransferCursor, encodeTransferCursor } from './transfer-cursor.ts'

const LAYOUT = { version: 5, hash: 0xfeed_beef }
const CURSOR = {
  ...{
    after: Uint8Array.of(1, 0, 7, 9),
    clock: Uint8Array.of(3, 3),
    done: false,
    hasDiffered: true,
  },
  proof: { root: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), high: -5, low: 7 },
  ...{ read: { records: 300, bytes: 70_000 }, size: { records: 400, bytes: 90_000 } },
}

test('a cursor is read as it was written', () => {
  const bytes = (max: number): fc.Arbitrary<Uint8Array> =>
    fc.uint8Array({ maxLength: max }).map((some) => Uint8Array.from(some))
  const sizes = fc.record({ records: fc.nat(), bytes: fc.nat() }, { noNullPrototype: true })
  const cursors = fc.record({
    ...{ after: bytes(40), clock: bytes(90), done: fc.boolean(), hasDiffered: fc.boolean() },
    proof: fc.record({ root: bytes(8), high: fc.integer(), low: fc.integer() }),
    ...{ read: sizes, size: fc.option(sizes, { nil: undefined }) },
  })
  fc.assert(
    fc.property(cursors, (cursor) => {
      const written = encodeTransferCursor(cursor, LAYOUT, crc32)
      const read = decodeTransferCursor(written, LAYOUT, crc32)
      assert.ok(read !== undefined)
      assert.deepEqual([...read.after], [...cursor.after])
      assert.deepEqual([...read.clock], [...cursor.clock])
      assert.deepEqual([read.done, read.hasDiffered], [cursor.done, cursor.hasDiffered])
      assert.deepEqual([...read.proof.root], [...cursor.proof.root])
      assert.deepEqual([read.proof.high, read.proof.low], [cursor.proof.high, cursor.proof.low])
      assert.deepEqual([read.read, read.size], [cursor.read, cursor.size])
    }),
    { seed: 5 },
  )
})

test('a cursor of another layout, whose version or hash differs, says nothing', () => {
  const written = encodeTransferCursor(CURSOR, LAYOUT, crc32)
  assert.equal(decodeTransferCursor(written, { ...LAYOUT, version: 6 }, crc32), undefined)
  assert.equal(decodeTransferCursor(written, { ...LAYOUT, hash: 1 }, crc32), undefined)
})

test('a cursor with any bit flipped, cut short or too long says nothing', () => {
  const written = encodeTransferCursor(CURSOR, LAYOUT, crc32)
  for (let bit = 0; bit < written.length * 8; bit++) {
    const broken = written.slice()
    broken[bit >> 3]! ^= 1 << (bit & 7)
    assert.equal(decodeTransferCursor(broken, LAYOUT, crc32), undefined, `bit ${bit}`)
  }
  for (let length = 0; length < written.length; length++)
    assert.equal(decodeTransferCursor(written.subarray(0, length), LAYOUT, crc32), undefined)
  const longer = Uint8Array.from([...written, 0])
  assert.equal(decodeTransferCursor(longer, LAYOUT, crc32), undefined)
})
