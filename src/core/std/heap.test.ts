import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Heap } from './heap.ts'

const numbers = (): Heap<number> => new Heap<number>((a, b) => a < b)

test('an empty heap has nothing to give', () => {
  const heap = numbers()
  assert.deepEqual([heap.size, heap.peek(), heap.pop(), heap.size], [0, undefined, undefined, 0])
})

test('the least is at hand, and looking does not take it', () => {
  const heap = numbers()
  for (const number of [5, 3, 4]) heap.push(number)
  assert.deepEqual([heap.peek(), heap.peek(), heap.size], [3, 3, 3])
})

test('over any pushing and popping it does what a sorted list does', () => {
  const steps = fc.array(fc.option(fc.integer({ min: 0, max: 50 })), { maxLength: 200 })
  fc.assert(
    fc.property(steps, (taken) => {
      const heap = numbers()
      const model: number[] = []
      for (const number of taken) {
        if (number === null) assert.equal(heap.pop(), model.shift())
        else {
          heap.push(number)
          model.push(number)
          model.sort((a, b) => a - b)
        }
        assert.deepEqual([heap.size, heap.peek()], [model.length, model[0]])
      }
    }),
    { seed: 4, numRuns: 500 },
  )
})
