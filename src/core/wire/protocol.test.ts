import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commonProtocol, leastProtocol, PROTOCOL_MAX, PROTOCOL_MIN } from './protocol.ts'

test('two nodes speak the greatest version that both know', () => {
  assert.equal(commonProtocol({ min: 5, max: 6 }, { min: 5, max: 6 }), 6)
  assert.equal(commonProtocol({ min: 5, max: 6 }, { min: 5, max: 5 }), 5)
  assert.equal(commonProtocol({ min: 3, max: 5 }, { min: 4, max: 9 }), 5)
})

test('ranges that do not meet have none', () => {
  assert.equal(commonProtocol({ min: 5, max: 6 }, { min: 7, max: 9 }), undefined)
  assert.equal(commonProtocol({ min: 5, max: 6 }, { min: 1, max: 4 }), undefined)
})

test('a cluster speaks what the last of its members does', () => {
  assert.equal(leastProtocol([6, 5, 6]), 5)
  assert.equal(leastProtocol([6, undefined]), PROTOCOL_MIN)
  assert.equal(leastProtocol([99]), PROTOCOL_MAX, 'and no more than this node knows')
})
