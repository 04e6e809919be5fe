import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { NodeId } from '../std/ids.ts'
import { NODES_MAX } from '../std/limits.ts'
import { HintLedger, numberAt, timeOf } from './hint-ledger.ts'

const B = 'b'.repeat(16) as NodeId
const C = 'c'.repeat(16) as NodeId

test('numbers rise, whatever the clock does, and tell when a hint was kept', () => {
  const ledger = new HintLedger(1e9)
  const times = [1_000, 1_000, 1_001, 900, 5_000]
  const numbers = times.map((ms) => ledger.keep(B, 1, ms))
  assert.deepEqual(
    numbers,
    numbers.toSorted((a, b) => a - b),
  )
  assert.equal(new Set(numbers).size, numbers.length)
  assert.deepEqual(numbers.map(timeOf), [1_000, 1_000, 1_001, 1_001, 5_000])
  assert.ok(ledger.next(5_000) > numbers.at(-1)!)
})

test('a later life begins above the numbers of an earlier one, if its clock does', () => {
  const earlier = new HintLedger(1e9)
  for (let i = 0; i < 50; i++) earlier.keep(B, 1, 7_000)
  const later = new HintLedger(1e9)
  assert.ok(later.keep(B, 1, 7_001) > earlier.of(B)!.last)
})

test('there is room up to the limit, over all targets, on their way to the disk or there', () => {
  const ledger = new HintLedger(100)
  ledger.keep(B, 60, 1)
  assert.equal(ledger.hasRoom(C, 40), true)
  assert.equal(ledger.hasRoom(C, 41), false)
  ledger.settled(B, 60, false)
  assert.equal(ledger.hasRoom(C, 100), true)
  assert.equal(ledger.of(B), undefined)
})

test('only so many targets are known', () => {
  const ledger = new HintLedger(1e9)
  for (let i = 0; i < NODES_MAX; i++) ledger.keep(i.toString(16).padStart(16, '0') as NodeId, 1, i)
  assert.equal(ledger.hasRoom(B, 1), false)
  assert.equal(ledger.hasRoom('0'.repeat(16) as NodeId, 1), true)
  ledger.check()
})

test('what is removed raises the first number, and the last one takes the target with it', () => {
  const ledger = new HintLedger(1e9)
  const numbers = [1, 2, 3].map((ms) => ledger.keep(B, 10, ms))
  for (let i = 0; i < 3; i++) ledger.settled(B, 10, true)
  ledger.removed(B, numbers[1]! + 1, 2, 20)
  const { count, bytes, first, last } = ledger.of(B)!
  assert.deepEqual([count, bytes, first, last], [1, 10, numbers[1]! + 1, numbers[2]])
  ledger.removed(B, numbers[2]! + 1, 1, 10)
  assert.deepEqual([ledger.of(B), ledger.bytes], [undefined, 0])
})

test('what the disk does not have is not counted, unless it is on its way', () => {
  const ledger = new HintLedger(1e9)
  ledger.found(B, numberAt(5), 10)
  ledger.keep(B, 10, 9)
  ledger.none(B)
  assert.equal(ledger.of(B)!.count, 2)
  ledger.settled(B, 10, true)
  ledger.none(B)
  assert.deepEqual([ledger.of(B), ledger.bytes], [undefined, 0])
})

test('bytes and counts stay those of what is there, whatever happens in whatever order', () => {
  const steps = fc.array(
    fc.tuple(fc.constantFrom('keep', 'stored', 'failed', 'remove'), fc.constantFrom(B, C)),
    { maxLength: 60 },
  )
  fc.assert(
    fc.property(steps, (list) => {
      const ledger = new HintLedger(1e9)
      const pending = { [B]: [] as number[], [C]: [] as number[] }
      const durable = { [B]: [] as number[], [C]: [] as number[] }
      for (const [index, [step, target]] of list.entries()) {
        if (step === 'keep') pending[target]!.push(ledger.keep(target, 10, index))
        if (step === 'remove' && durable[target]!.length > 0)
          ledger.removed(target, durable[target]!.shift()! + 1, 1, 10)
        const number = step === 'keep' || step === 'remove' ? undefined : pending[target]!.shift()
        if (number !== undefined) {
          ledger.settled(target, 10, step === 'stored')
          if (step === 'stored') durable[target]!.push(number)
        }
        ledger.check()
        for (const node of [B, C]) {
          const here = [...durable[node]!, ...pending[node]!]
          assert.equal(ledger.of(node)?.count ?? 0, here.length)
          for (const each of here) assert.ok(each >= ledger.of(node)!.first)
          for (const each of here) assert.ok(each <= ledger.of(node)!.last)
        }
      }
    }),
    { seed: 5, numRuns: 300 },
  )
})
