import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AssertionError } from './assert.ts'
import { Prng } from './prng.ts'

const MASK = 0xffff_ffffn

/** The reference algorithm in unbounded integers: splitmix32 for the seed, then xoshiro128**. */
class Reference {
  #s: bigint[]

  constructor(seed: bigint) {
    let state = seed & MASK
    const next = (): bigint => {
      state = (state + 0x9e37_79b9n) & MASK
      let z = state
      z = ((z ^ (z >> 16n)) * 0x21f0_aaadn) & MASK
      z = ((z ^ (z >> 15n)) * 0x735a_2d97n) & MASK
      return z ^ (z >> 15n)
    }
    this.#s = [next(), next(), next(), next() | 1n]
  }

  u32(): number {
    const s = this.#s
    const result = (rotate((s[1]! * 5n) & MASK, 7n) * 9n) & MASK
    const t = (s[1]! << 9n) & MASK
    s[2]! ^= s[0]!
    s[3]! ^= s[1]!
    s[1]! ^= s[2]!
    s[0]! ^= s[3]!
    s[2]! ^= t
    s[3] = rotate(s[3]!, 11n)
    return Number(result)
  }
}

function rotate(word: bigint, by: bigint): bigint {
  return ((word << by) | (word >> (32n - by))) & MASK
}

test('draws are those of xoshiro128**', () => {
  for (const seed of [0, 1, 42, 0x7fff_ffff, 0xffff_ffff]) {
    const prng = new Prng(seed)
    const reference = new Reference(BigInt(seed))
    for (let i = 0; i < 200; i++)
      assert.equal(prng.u32(), reference.u32(), `seed ${seed}, draw ${i}`)
  }
})

test('the same seed gives the same draws, and another seed others', () => {
  const draws = (seed: number): number[] => {
    const prng = new Prng(seed)
    return Array.from({ length: 20 }, () => prng.u32())
  }
  assert.deepEqual(draws(7), draws(7))
  assert.notDeepEqual(draws(7), draws(8))
  assert.deepEqual(draws(-1), draws(0xffff_ffff), 'a seed is 32 bits')
})

test('a fork draws its own sequence, and what it draws does not change its parent', () => {
  const [a, b] = [new Prng(7), new Prng(7)]
  const [forkA, forkB] = [a.fork(), b.fork()]
  assert.equal(forkA.u32(), forkB.u32())
  for (let i = 0; i < 10; i++) forkA.u32()
  assert.equal(a.u32(), b.u32())
  assert.notEqual(new Prng(7).u32(), new Prng(7).fork().u32())
})

test('safe integers are positive, safe, and use all 53 bits', () => {
  const prng = new Prng(1)
  let all = 0n
  for (let i = 0; i < 1000; i++) {
    const drawn = prng.safeInteger()
    assert.ok(Number.isSafeInteger(drawn) && drawn > 0, String(drawn))
    all |= BigInt(drawn)
  }
  assert.equal(all, 2n ** 53n - 1n)
})

test('fractions fill the unit interval without its end', () => {
  const prng = new Prng(2)
  const drawn = Array.from({ length: 2000 }, () => prng.fraction())
  assert.ok(drawn.every((x) => x >= 0 && x < 1))
  const mean = drawn.reduce((sum, x) => sum + x, 0) / drawn.length
  assert.ok(Math.abs(mean - 0.5) < 0.03, `mean ${mean}`)
})

test('below draws every number under its bound about as often', () => {
  const prng = new Prng(3)
  const counts = Array.from({ length: 10 }, () => 0)
  for (let i = 0; i < 10_000; i++) counts[prng.below(10)]!++
  for (const count of counts) assert.ok(count > 850 && count < 1150, counts.join())
  assert.equal(prng.below(1), 0)
})

test('a bound that leaves nothing to draw is a bug of ours', () => {
  const prng = new Prng(3)
  assert.throws(() => prng.below(0), AssertionError)
  assert.throws(() => prng.pick([]), AssertionError)
})

test('a chance of zero never comes, of one always, of a quarter now and then', () => {
  const prng = new Prng(4)
  let hits = 0
  for (let i = 0; i < 4000; i++) {
    assert.equal(prng.chance(0), false)
    assert.equal(prng.chance(1), true)
    if (prng.chance(0.25)) hits++
  }
  assert.ok(hits > 850 && hits < 1150, String(hits))
})

test('picks come from the items, each of them sometimes', () => {
  const prng = new Prng(5)
  const picked = new Set(Array.from({ length: 100 }, () => prng.pick(['a', 'b', 'c'])))
  assert.deepEqual([...picked].toSorted(), ['a', 'b', 'c'])
})

test('a shuffle keeps the items, works in place and reaches every order', () => {
  const prng = new Prng(6)
  const orders = new Map<string, number>()
  for (let i = 0; i < 2400; i++) {
    const items = [1, 2, 3, 4]
    assert.equal(prng.shuffle(items), items)
    assert.deepEqual(items.toSorted(), [1, 2, 3, 4])
    orders.set(items.join(), (orders.get(items.join()) ?? 0) + 1)
  }
  assert.equal(orders.size, 24)
  for (const [order, count] of orders) assert.ok(count > 60 && count < 140, `${order}: ${count}`)
  assert.deepEqual(prng.shuffle([]), [])
})
