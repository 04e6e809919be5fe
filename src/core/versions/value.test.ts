import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  CONTENT_TYPE_BYTES_MAX,
  METADATA_BYTES_MAX,
  METADATA_PAIRS_MAX,
  VALUE_BYTES_MAX,
} from '../std/limits.ts'
import { SEED, text, values } from './arbitraries.test.ts'
import { STAMP_MS_MAX } from './stamp.ts'
import { valueProblem } from './value.ts'
import type { Value } from './version.ts'

function withMetadata(...metadata: Value['metadata']): Value {
  return { ...text('v'), metadata }
}

test('ordinary values have no problem', () => {
  const property = fc.property(values, (value) => {
    assert.equal(valueProblem(value), undefined)
  })
  fc.assert(property, { seed: SEED })
})

test('a value has up to a mebibyte', () => {
  assert.equal(valueProblem({ ...text(''), bytes: new Uint8Array(VALUE_BYTES_MAX) }), undefined)
  const larger = { ...text(''), bytes: new Uint8Array(VALUE_BYTES_MAX + 1) }
  assert.match(valueProblem(larger)!, /more than 1048576 bytes/)
})

test('the content type is bounded in bytes, not characters', () => {
  const half = CONTENT_TYPE_BYTES_MAX / 2
  assert.equal(valueProblem({ ...text(''), contentType: 'ž'.repeat(half) }), undefined)
  assert.match(valueProblem({ ...text(''), contentType: 'ž'.repeat(half + 1) })!, /content type/)
  assert.match(valueProblem({ ...text(''), contentType: 'text/\ud800' })!, /content type/)
})

test('an expiry is a whole number of milliseconds, or zero', () => {
  for (const expiresAtMs of [0, 1, STAMP_MS_MAX])
    assert.equal(valueProblem({ ...text(''), expiresAtMs }), undefined)
  for (const expiresAtMs of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 48])
    assert.match(valueProblem({ ...text(''), expiresAtMs })!, /expiry/, String(expiresAtMs))
})

test('metadata names are in order, each once, in lower case', () => {
  assert.equal(valueProblem(withMetadata(['a', '2'], ['b', '1'])), undefined)
  assert.match(valueProblem(withMetadata(['b', '1'], ['a', '2']))!, /"a" is out of order/)
  assert.match(valueProblem(withMetadata(['a', '1'], ['a', '2']))!, /"a" .*twice/)
  assert.match(valueProblem(withMetadata(['', '1'], ['', '2']))!, /twice/)
  assert.match(valueProblem(withMetadata(['aB', '1']))!, /"aB" is not in lower case/)
})

test('metadata is bounded in pairs and in bytes over all of them', () => {
  const name = (i: number): string => `n${String(i).padStart(3, '0')}`
  const pairs = (count: number): Value =>
    withMetadata(...Array.from({ length: count }, (_, i) => [name(i), ''] as const))
  assert.equal(valueProblem(pairs(METADATA_PAIRS_MAX)), undefined)
  assert.match(valueProblem(pairs(METADATA_PAIRS_MAX + 1))!, /more than 64 pairs/)
  const bytes = (count: number): Value =>
    withMetadata(['a', 'x'.repeat(10)], ['b', 'x'.repeat(count)])
  assert.equal(valueProblem(bytes(METADATA_BYTES_MAX - 12)), undefined)
  assert.match(valueProblem(bytes(METADATA_BYTES_MAX - 11))!, /more than 8192 bytes/)
  assert.match(valueProblem(withMetadata(['a', '\udfff']))!, /malformed/)
  assert.match(valueProblem(withMetadata(['a\ud800', 'x']))!, /malformed/)
})
