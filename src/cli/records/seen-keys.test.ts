import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeenKeys } from './seen-keys.ts'

test('a key is seen from the second time on, through every growth of the table', () => {
  const seen = new SeenKeys()
  for (let i = 0; i < 20_000; i++) assert.equal(seen.add(`key ${i}`, undefined), false, `key ${i}`)
  for (let i = 0; i < 20_000; i++) assert.equal(seen.add(`key ${i}`, undefined), true, `key ${i}`)
})

test('the sort key belongs to the key', () => {
  const seen = new SeenKeys()
  assert.equal(seen.add('a', undefined), false)
  assert.equal(seen.add('a', 'b'), false)
  assert.equal(seen.add('ab', undefined), false)
  assert.equal(seen.add('a', 'b'), true)
})

test('beyond its bound it remembers nothing new, and says so', () => {
  const seen = new SeenKeys(2)
  seen.add('a', undefined)
  assert.equal(seen.complete, true)
  seen.add('b', undefined)
  assert.equal(seen.complete, false)
  assert.equal(seen.add('c', undefined), false)
  assert.equal(seen.add('c', undefined), false)
  assert.equal(seen.add('a', undefined), true)
})
