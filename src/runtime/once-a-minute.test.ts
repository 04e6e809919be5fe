import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OnceAMinute } from './once-a-minute.ts'

test('the same thing is due once a minute, another at once', () => {
  const once = new OnceAMinute()
  assert.equal(once.isDue('a', 1_000), true)
  assert.equal(once.isDue('a', 1_001), false)
  assert.equal(once.isDue('b', 30_000), true)
  assert.equal(once.isDue('a', 60_999), false)
  assert.equal(once.isDue('a', 61_000), true)
  assert.equal(once.isDue('b', 61_001), false)
})

test('of many things only so many are due within a minute, whoever invents them', () => {
  const once = new OnceAMinute()
  let due = 0
  for (let i = 0; i < 10_000; i++) if (once.isDue(`thing ${i}`, i)) due++
  assert.equal(due, 64)
  assert.equal(once.isDue('later', 60_064), true)
})
