import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BUCKET_NAME_BYTES_MAX, VALUE_BYTES_MAX } from '../std/limits.ts'
import { bucketNameProblem, DEFAULT_PROPERTIES, propertiesProblem } from './buckets.ts'

test('a bucket name is short, lower case, and begins with a letter or digit', () => {
  for (const name of ['a', '0', 'default', 'a.b_c-d', 'x'.repeat(BUCKET_NAME_BYTES_MAX)])
    assert.equal(bucketNameProblem(name), undefined, name)
  const wrong = ['', '-a', '.a', '_a', 'A', 'ä', 'a b', 'a/b', 'a\0b', 'a\n']
  for (const name of [...wrong, 'x'.repeat(BUCKET_NAME_BYTES_MAX + 1)])
    assert.notEqual(bucketNameProblem(name), undefined, JSON.stringify(name))
})

test('the defaults fit a cluster of three replicas', () => {
  assert.equal(propertiesProblem(DEFAULT_PROPERTIES, 3), undefined)
})

test('each property has bounds, and the complaint names it', () => {
  const wrong: [object, RegExp][] = [
    [{ n: 4 }, /^n must be 1 to 3/],
    [{ n: 0 }, /^n /],
    [{ n: 1.5 }, /^n /],
    [{ n: Number.NaN }, /^n /],
    [{ r: 0 }, /^r must be 1 to n \(3\)/],
    [{ n: 1, w: 1, r: 2 }, /^r must be 1 to n \(1\)/],
    [{ w: 4 }, /^w /],
    [{ w: -1 }, /^w /],
    [{ conflicts: 'crdt' }, /^conflicts /],
    [{ valueBytesMax: 0 }, /^valueBytesMax /],
    [{ valueBytesMax: VALUE_BYTES_MAX + 1 }, /^valueBytesMax /],
    [{ valueBytesMax: Infinity }, /^valueBytesMax /],
  ]
  for (const [change, complaint] of wrong)
    assert.match(propertiesProblem({ ...DEFAULT_PROPERTIES, ...change }, 3) ?? '', complaint)
})
