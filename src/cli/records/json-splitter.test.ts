import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { JsonSplitter } from './json-splitter.ts'
import type { SourceItem } from './source.ts'
import { SourceError } from './source.ts'

/** Feeds `text` in pieces of `size` bytes. */
function split(text: string | Uint8Array, size = 7, bytesMax?: number): SourceItem[] {
  const bytes = Buffer.from(text as string)
  const splitter = new JsonSplitter(bytesMax)
  const items: SourceItem[] = []
  for (let at = 0; at < bytes.length; at += size)
    items.push(...splitter.push(bytes.subarray(at, at + size)))
  splitter.end()
  return items
}

const texts = (items: readonly SourceItem[]): unknown[] =>
  items.map((item) => (item.type === 'json' ? item.text : item.type))

function errorOf(text: string): SourceError {
  try {
    split(text)
  } catch (error) {
    assert.ok(error instanceof SourceError)
    return error
  }
  return assert.fail(`accepted: ${text}`)
}

describe('arrays', () => {
  test('elements of every kind come out as they stand', () => {
    const text = '[ {"a":"]}\\"," }, [1,[2]] ,"x,\\\\", -1.5e3,true,null , "" ]'
    const wanted = ['{"a":"]}\\"," }', '[1,[2]]', '"x,\\\\"', '-1.5e3', 'true', 'null', '""']
    for (const size of [1, 2, 3, 7, 1000]) assert.deepEqual(texts(split(text, size)), wanted)
  })

  test('an empty array has no elements', () => {
    assert.deepEqual(split('[]'), [])
    assert.deepEqual(split(' \n[ \t] \r\n'), [])
  })

  test('lines are counted, and an element has the line on which it begins', () => {
    const items = split('[\n  {"a":\n 1},\n\n  2\n]\n')
    assert.deepEqual(
      items.map((item) => item.line),
      [2, 5],
    )
  })

  test('any JSON in an array is cut into what JSON.parse finds, however it is chopped up', () => {
    fc.assert(
      fc.property(
        fc.array(fc.jsonValue({ depthSize: 'small' }), { maxLength: 8 }),
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom(undefined, 1, '\t'),
        (values, size, indent) => {
          const items = split(JSON.stringify(values, undefined, indent), size)
          const parsed = items.map(
            (item) => JSON.parse(item.type === 'json' ? item.text : '') as unknown,
          )
          assert.deepEqual(parsed, JSON.parse(JSON.stringify(values)))
        },
      ),
      { seed: 7, numRuns: 300 },
    )
  })
})

describe('objects', () => {
  test('members come out with their names', () => {
    const items = split('{ "a" : 1, "b\\n\\u00e9":{"x":[]} , "":"t"}')
    assert.deepEqual(
      items.map((item) => (item.type === 'json' ? [item.name, item.text] : item)),
      [
        ['a', '1'],
        ['b\né', '{"x":[]}'],
        ['', '"t"'],
      ],
    )
  })

  test('an empty object has no members', () => {
    assert.deepEqual(split('{}'), [])
  })

  test('any object is cut into its members', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue({ depthSize: 'small' }), { maxKeys: 6 }),
        fc.integer({ min: 1, max: 9 }),
        (object, size) => {
          const items = split(JSON.stringify(object), size)
          const pairs = items.map((item) =>
            item.type === 'json' ? [item.name, JSON.parse(item.text) as unknown] : [],
          )
          const plain = JSON.parse(JSON.stringify(object)) as object
          assert.deepEqual(pairs, Object.entries(plain))
        },
      ),
      { seed: 7, numRuns: 300 },
    )
  })
})

describe('what is wrong', () => {
  test('an element that is no JSON is handed on when its end is found', () => {
    assert.deepEqual(texts(split('[{a:1}, tru, 5]')), ['{a:1}', 'tru', '5'])
  })

  test('an element beyond the bound is told and skipped, and the next is read', () => {
    const items = split(`[1, {"a":"${'x'.repeat(100)}"}, "${'y'.repeat(100)}", 2]`, 7, 20)
    assert.deepEqual(texts(items), ['1', 'broken', 'broken', '2'])
    assert.ok(items[1]?.type === 'broken' && items[1].reason === 'longer than any record')
  })

  test('an element that is not UTF-8 is told and skipped', () => {
    const bytes = Buffer.from('["a?b", 1]')
    bytes[3] = 0xff
    assert.deepEqual(texts(split(bytes)), ['broken', '1'])
  })

  test('where the next element cannot be found the file ends, with the line', () => {
    assert.match(errorOf('[1 2]').message, /"2" stands where "," or "\]" is expected/)
    assert.match(errorOf('[1,,2]').message, /"," stands where a record is expected/)
    assert.match(errorOf('[1,]').message, /"\]" stands where a record is expected/)
    assert.match(errorOf('[1}').message, /"}" stands where "," or "\]"/)
    assert.match(errorOf('{"a":1,}').message, /a key in quotes/)
    assert.match(errorOf('{"a" 1}').message, /":" is expected/)
    assert.match(errorOf('{1:2}').message, /a key in quotes/)
    assert.match(errorOf('{"\\x":2}').message, /not a JSON string/)
    assert.match(errorOf('hello').message, /an array of records or an object/)
    assert.equal(errorOf('[\n1,\n2\n3]').line, 4)
  })

  test('a file that ends too early is told as such', () => {
    for (const text of ['[', '[1', '[1,', '{"a"', '{"a":', '{"a":{"b":1}', '["x'])
      assert.match(
        errorOf(text).message,
        /not a complete JSON array or object: it ends in the middle/,
      )
    assert.match(errorOf('').message, /it is empty/)
    assert.match(errorOf(' \n').message, /it is empty/)
  })

  test('one value for each line is told apart from an array', () => {
    const error = errorOf('{"a":1}\n{"a":2}\n')
    assert.match(error.message, /--format ndjson/)
    assert.equal(error.line, 2)
  })
})
