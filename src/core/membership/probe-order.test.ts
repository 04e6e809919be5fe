import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { NodeId } from '../std/ids.ts'
import { Prng } from '../std/prng.ts'
import { idOf } from './harness.test.ts'
import { ProbeOrder } from './probe-order.ts'

function orderOf(count: number, seed: number): ProbeOrder {
  const order = new ProbeOrder(new Prng(seed))
  for (let n = 0; n < count; n++) order.add(idOf(n))
  return order
}

function take(order: ProbeOrder, count: number): (NodeId | undefined)[] {
  return Array.from({ length: count }, () => order.next())
}

test('an empty order names nobody', () => {
  assert.equal(orderOf(0, 1).next(), undefined)
})

test('each round visits everybody once', () => {
  const order = orderOf(7, 1)
  take(order, 7)
  for (let round = 0; round < 20; round++) assert.equal(new Set(take(order, 7)).size, 7)
})

test('rounds are shuffled anew', () => {
  const order = orderOf(7, 1)
  take(order, 7)
  const rounds = new Set(Array.from({ length: 20 }, () => take(order, 7).join()))
  assert.ok(rounds.size > 15)
})

test('everybody is visited within 2n − 1 probes, whoever else joins meanwhile', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.nat(),
      fc.array(fc.boolean(), { maxLength: 60 }),
      (count, seed, joins) => {
        const order = orderOf(count, seed)
        const waited = new Map<NodeId, number>()
        for (let n = 0; n < count; n++) waited.set(idOf(n), 0)
        for (const isJoin of joins) {
          if (isJoin) {
            const id = idOf(waited.size)
            order.add(id)
            waited.set(id, 0)
            continue
          }
          const visited = order.next()!
          for (const [id, probes] of waited) waited.set(id, id === visited ? 0 : probes + 1)
          const longest = Math.max(...waited.values())
          assert.ok(longest < 2 * order.size - 1 || order.size === 1, `${longest} probes`)
        }
      },
    ),
    { seed: 5, numRuns: 500 },
  )
})

test('nobody is skipped or visited twice for a newcomer in the middle of a round', () => {
  for (let seed = 0; seed < 200; seed++) {
    const order = orderOf(6, seed)
    take(order, 6)
    const visited = take(order, 1 + (seed % 5))
    order.add(idOf(99))
    while (visited.length < 6) {
      const id = order.next()
      if (id !== idOf(99)) visited.push(id)
    }
    assert.equal(new Set(visited).size, 6)
  }
})

test('one that is removed is not visited, and nobody is skipped for it', () => {
  for (let seed = 0; seed < 200; seed++) {
    const order = orderOf(6, seed)
    take(order, 6)
    const first = take(order, seed % 6)
    order.remove(idOf(3))
    order.remove(idOf(77))
    assert.ok(!order.has(idOf(3)))
    assert.equal(order.size, 5)
    const rest = take(order, 6 - first.length - (first.includes(idOf(3)) ? 0 : 1))
    assert.ok(!rest.includes(idOf(3)))
    const visited = new Set([...first, ...rest])
    visited.delete(idOf(3))
    assert.equal(visited.size, 5)
  }
})

test('newcomers come at every place of the round', () => {
  const places = new Set<number>()
  for (let seed = 0; seed < 100; seed++) {
    const order = orderOf(4, seed)
    take(order, 4)
    order.next()
    order.add(idOf(99))
    places.add(take(order, 9).indexOf(idOf(99)))
  }
  assert.ok(places.size >= 4)
})
