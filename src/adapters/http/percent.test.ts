import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DndError } from '../../core/errors.ts'
import { percentDecode, percentEncodeHeader } from './percent.ts'

function decode(text: string, plusIsSpace = false): string {
  return Buffer.from(percentDecode(text, 0, text.length, plusIsSpace, 'it')).toString()
}

test('any text survives being encoded by encodeURIComponent', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      assert.equal(decode(encodeURIComponent(text)), text)
      assert.equal(decode(new URLSearchParams({ a: text }).toString().slice(2), true), text)
    }),
    { seed: 1, numRuns: 300 },
  )
})

test('any text survives a header', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const header = percentEncodeHeader(text)
      assert.match(header, /^[!-~ ]*$/)
      assert.equal(header.trim(), header)
      assert.equal(decode(header), text)
    }),
    { seed: 2, numRuns: 300 },
  )
})

test('text decodes just as decodeURIComponent decodes it, or is refused where that refuses', () => {
  const characters = fc.constantFrom('%', '4', '1', 'c', '3', 'b', 'f', 'z', 'a', '+', '/')
  fc.assert(
    fc.property(fc.array(characters, { maxLength: 12 }), (parts) => {
      const text = parts.join('')
      let expected: string | undefined
      try {
        expected = decodeURIComponent(text)
      } catch {
        // Not well-formed: the refusal is checked below.
      }
      if (expected === undefined) assert.throws(() => decode(text), DndError)
      else assert.equal(decode(text), expected)
    }),
    { seed: 3, numRuns: 2000 },
  )
})

test('only the named part of the text is decoded, and an escape that leaves it is broken', () => {
  const part = percentDecode('/kv/a%41b?x', 4, 9, false, 'the key')
  assert.equal(Buffer.from(part).toString(), 'aAb')
  assert.throws(() => percentDecode('a%41', 0, 3, false, 'the key'), {
    code: 'DND_ERR_BAD_ENCODING',
    message: 'the key has a "%" that is not followed by two hexadecimal digits',
  })
})

test('a plus is a space in a query and a plus in a path', () => {
  assert.equal(decode('a+b', true), 'a b')
  assert.equal(decode('a+b'), 'a+b')
  assert.equal(decode('a%2Bb', true), 'a+b')
})

test('printable ASCII stays as it is in a header', () => {
  assert.equal(percentEncodeHeader('plain, "quoted" text/1'), 'plain, "quoted" text/1')
  assert.equal(percentEncodeHeader('50%'), '50%25')
  assert.equal(percentEncodeHeader(' edge'), '%20edge')
})
