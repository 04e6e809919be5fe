import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import * as core from '../../../src/core/placement/slot.ts'
import { partitionOf, slotOf } from './slot.ts'

test('a client computes the slot and the partition that the nodes compute', () => {
  const bucket = fc.oneof(fc.constant('default'), fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,63}$/))
  const key = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 30 }),
    fc
      .array(fc.constantFrom('{', '}', 'a', 'ü', '🦖'), { maxLength: 8 })
      .map((all) => all.join('')),
  )
  fc.assert(
    fc.property(bucket, key, fc.integer({ min: 0, max: 12 }), (name, text, bits) => {
      const slot = core.slotOf(name, new TextEncoder().encode(text))
      assert.equal(slotOf(name, text), slot)
      assert.equal(partitionOf(slot, 1 << bits), core.partitionOf(slot, 1 << bits))
    }),
    { seed: 1, numRuns: 500 },
  )
})

test('slots of the default bucket are those of Redis Cluster', () => {
  assert.equal(slotOf('default', 'foo'), 12_182)
  assert.equal(slotOf('default', 'foo{hash_tag}'), 2_515)
})
