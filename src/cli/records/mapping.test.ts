import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Mapping, RecordPut } from './mapping.ts'
import { mapItem } from './mapping.ts'
import type { SourceItem } from './source.ts'
import { fieldTemplate, parseTemplate } from './template.ts'

const json = (text: string, name?: string): SourceItem => ({ type: 'json', line: 1, text, name })
const row = (fields: Record<string, string>): SourceItem => ({ type: 'row', line: 1, row: fields })
const NONE: Mapping = { key: undefined, sort: undefined, value: undefined }
const BY_ID: Mapping = { ...NONE, key: fieldTemplate('id') }

function put(item: SourceItem, mapping: Mapping): RecordPut {
  const mapped = mapItem(item, mapping)
  assert.ok(mapped.ok, JSON.stringify(mapped))
  return mapped.put
}

function refusal(item: SourceItem, mapping: Mapping): string {
  const mapped = mapItem(item, mapping)
  assert.ok(!mapped.ok, JSON.stringify(mapped))
  return `${mapped.reason}: ${mapped.detail}`
}

describe('with a key that is named', () => {
  test('the whole record is the value, byte for byte but for the space between tokens', () => {
    assert.deepEqual(put(json('{"id":"a","n":1}'), BY_ID), {
      key: 'a',
      sort: undefined,
      metadata: undefined,
      value: '{"id":"a","n":1}',
      contentType: 'application/json',
    })
    const pretty = '{\n  "id": "a b",\n  "n": 12345678901234567890,\n  "t": "x : y\\" ,  z"\n}'
    assert.equal(
      put(json(pretty), BY_ID).value,
      '{"id":"a b","n":12345678901234567890,"t":"x : y\\" ,  z"}',
    )
    assert.equal(put(json(' {"id":1.50} \r'), BY_ID).value, '{"id":1.50}')
  })

  test('a row of CSV becomes an object of texts', () => {
    assert.equal(put(row({ id: 'a', n: '01' }), BY_ID).value, '{"id":"a","n":"01"}')
  })

  test('one field may be the value: text as text, anything else as JSON', () => {
    const mapping = { ...BY_ID, value: 'v' }
    const text = put(json('{"id":"a","v":"hello"}'), mapping)
    assert.deepEqual([text.value, text.contentType], ['hello', 'text/plain; charset=utf-8'])
    const object = put(json('{"id":"a","v":{"x":[1]}}'), mapping)
    assert.deepEqual([object.value, object.contentType], ['{"x":[1]}', 'application/json'])
    assert.match(refusal(json('{"id":"a"}'), mapping), /no-value: there is no field "v"/)
    assert.equal(put(row({ id: 'a', v: '' }), mapping).value, '')
  })

  test('a sort key comes from a field or a template', () => {
    const mapping = { ...BY_ID, sort: parseTemplate('{y}-{m}') }
    assert.equal(put(json('{"id":"a","y":2026,"m":"11"}'), mapping).sort, '2026-11')
    assert.match(
      refusal(json('{"id":"a","y":1}'), mapping),
      /no-key: sort key: there is no field "m"/,
    )
  })

  test('a record without the key, or that is none, is refused', () => {
    assert.match(refusal(json('{"n":1}'), BY_ID), /no-key: there is no field "id"/)
    assert.match(refusal(json('[1]'), BY_ID), /not-a-record: it is no object/)
    assert.match(refusal(json('null'), BY_ID), /not-a-record/)
    assert.match(refusal(json('{id:1}'), BY_ID), /not-a-record: not JSON/)
    assert.match(refusal({ type: 'broken', line: 3, reason: 'not UTF-8' }, BY_ID), /not UTF-8/)
  })
})

describe('an object of keys and values', () => {
  test('text is stored as text, everything else as JSON', () => {
    assert.equal(put(json('"hello"', 'k'), NONE).value, 'hello')
    const object = put(json('{ "a": 1 }', 'k'), NONE)
    assert.deepEqual([object.key, object.value], ['k', '{"a":1}'])
    assert.equal(object.contentType, 'application/json')
  })
})

describe('records as they are exported', () => {
  test('value, type, metadata and sort key come back', () => {
    const exported =
      '{"key":"k","sort":"s","value":"v","contentType":"text/x","metadata":{"a":"b"}}'
    assert.deepEqual(put(json(exported), NONE), {
      key: 'k',
      sort: 's',
      value: 'v',
      contentType: 'text/x',
      metadata: { a: 'b' },
    })
    const bytes = put(json('{"key":"k","valueBase64":"/wA="}'), NONE)
    assert.deepEqual(bytes.value, Buffer.from([0xff, 0]))
    assert.equal(bytes.contentType, 'application/octet-stream')
  })

  test('a value that is no text is stored as JSON', () => {
    assert.equal(put(json('{"key":"k","value":{"a":1}}'), NONE).value, '{"a":1}')
  })

  test('in CSV empty means absent, but for the value', () => {
    const empty = { sort: '', contentType: '', metadata: '', value: '', valueBase64: '' }
    assert.deepEqual(put(row({ key: 'k', ...empty }), NONE), {
      key: 'k',
      sort: undefined,
      value: '',
      contentType: 'text/plain; charset=utf-8',
      metadata: undefined,
    })
    const bytes = put(row({ key: 'k', ...empty, valueBase64: '/w==' }), NONE)
    assert.deepEqual(bytes.value, Buffer.from([0xff]))
    assert.deepEqual(put(row({ key: 'k', ...empty, metadata: '{"a":"b"}' }), NONE).metadata, {
      a: 'b',
    })
    assert.match(refusal(row({ key: 'k', ...empty, metadata: '{' }), NONE), /metadata is not JSON/)
  })

  test('nothing of a record is dropped silently', () => {
    assert.match(
      refusal(json('{"key":"k","value":1,"extra":2}'), NONE),
      /bad-field: unknown field "extra"/,
    )
    assert.match(refusal(json('{"id":"k"}'), NONE), /no-key: there is no field "key"/)
    assert.match(refusal(json('{"key":"k"}'), NONE), /no-value: there is neither/)
    assert.match(refusal(json('{"key":"k","value":"","valueBase64":""}'), NONE), /both/)
    assert.match(refusal(json('{"key":"k","valueBase64":"a"}'), NONE), /not base64/)
    assert.match(refusal(json('{"key":"k","valueBase64":"_w=="}'), NONE), /not base64/)
    assert.match(refusal(json('{"key":"k","value":"","sort":1}'), NONE), /sort is no text/)
    assert.match(refusal(json('{"key":"k","value":"","contentType":1}'), NONE), /contentType/)
    assert.match(refusal(json('{"key":"k","value":"","metadata":{"a":1}}'), NONE), /metadata/)
    assert.match(refusal(json('5'), NONE), /say --key/)
  })
})

test('half of a surrogate pair would be stored as something else, and is refused', () => {
  assert.match(refusal(json('{"id":"\\ud800"}'), BY_ID), /surrogate/)
  assert.match(refusal(json('"\\ud800"', 'k'), NONE), /surrogate/)
  assert.match(refusal(json('{"key":"k","sort":"\\udc00","value":""}'), NONE), /surrogate/)
  assert.equal(put(json('{"id":"\\ud83e\\udd96"}'), BY_ID).key, '🦖')
})
