import { equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { assert, must, unreachable } from './assert.ts'

test('a broken invariant throws with its message, and one that holds does not', () => {
  assert(true, 'never said')
  throws(() => assert(false, 'two owners'), { name: 'AssertionError', message: 'two owners' })
})

test('what must be there is given back, and missed by name', () => {
  equal(must(0, 'a number'), 0)
  throws(() => must(undefined, 'a number'), { message: 'missing: a number' })
})

test('a branch that the types rule out says what came that way', () => {
  throws(() => unreachable({ type: 'new' } as never), /unreachable: \{"type":"new"\}/)
})

test('a message that has to be put together is put together only when it is needed', () => {
  let asked = 0
  const message = (): string => `${++asked} times`
  assert(true, message)
  must(1, message)
  equal(asked, 0)
  throws(() => assert(false, message), { message: '1 times' })
  throws(() => must(undefined, message), { message: 'missing: 2 times' })
})
