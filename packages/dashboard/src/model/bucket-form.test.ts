import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BucketPropertiesJson } from '../../../client/src/api.ts'
import { checkForm, formOf, quorumText } from './bucket-form.ts'

const PROPERTIES: BucketPropertiesJson = {
  ...{ n: 3, r: 2, w: 2, conflicts: 'siblings', sloppy: false },
  ...{ valueBytesMax: 1000, ttlMs: 86_400_000 },
}

test('what is in force reads back unchanged', () => {
  const { problems, properties } = checkForm(formOf('carts', PROPERTIES), 3)
  assert.equal(problems.size, 0)
  assert.deepEqual(properties, PROPERTIES)
})

test('each field that the node would refuse is named, and nothing can be sent', () => {
  const good = formOf('carts', PROPERTIES)
  const wrong = [
    [{ name: 'Carts' }, 'name'],
    [{ name: '' }, 'name'],
    [{ n: '4' }, 'n'],
    [{ n: 'three' }, 'n'],
    [{ r: '0' }, 'r'],
    [{ w: '4' }, 'w'],
    [{ n: '1' }, 'r'],
    [{ valueBytesMax: '1048577' }, 'valueBytesMax'],
    [{ ttl: 'soon' }, 'ttl'],
    [{ ttl: '5ms' }, 'ttl'],
  ] as const
  for (const [change, field] of wrong) {
    const { problems, properties } = checkForm({ ...good, ...change }, 3)
    assert(problems.has(field), JSON.stringify(change))
    assert.equal(properties, undefined)
  }
})

test('quorums are told by what they promise', () => {
  assert.match(
    quorumText({ n: 3, r: 2, w: 2 }),
    /^A read sees every write .* 1 of them may be away when writing/,
  )
  assert.match(quorumText({ n: 3, r: 1, w: 1 }), /^A read may miss/)
  assert.match(
    quorumText({ n: 3, r: 1, w: 3 }),
    /none of them may be away when writing and 2 of them when reading/,
  )
})
