/**
 * Seeded randomness. Every die that the core rolls comes from a generator handed in, so that a run
 * replays from its seed; a parent forks one generator per child, so that a new machine does not
 * change the dice of the others.
 *
 * xoshiro128** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2018),
 * seeded by splitmix32. Not for secrets.
 */
import { assert } from './assert.ts'

export class Prng {
  #a: number
  #b: number
  #c: number
  #d: number

  /** `seed`: any 32-bit integer. */
  constructor(seed: number) {
    let state = seed >>> 0
    const next = (): number => {
      state = (state + 0x9e37_79b9) >>> 0
      let z = state
      z = Math.imul(z ^ (z >>> 16), 0x21f0_aaad)
      z = Math.imul(z ^ (z >>> 15), 0x735a_2d97)
      return (z ^ (z >>> 15)) >>> 0
    }
    this.#a = next()
    this.#b = next()
    this.#c = next()
    this.#d = next() | 1
  }

  /** A generator whose sequence is independent of this one's further draws. */
  fork(): Prng {
    return new Prng(this.u32())
  }

  /** Uniform over 0 … 2^32 − 1. */
  u32(): number {
    const scrambled = Math.imul(this.#b, 5)
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0
    const t = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= t
    this.#d = (this.#d << 11) | (this.#d >>> 21)
    return result
  }

  /** Uniform over the 2^53 − 1 positive safe integers. */
  safeInteger(): number {
    return Math.max(1, (this.u32() & 0x1f_ffff) * 0x1_0000_0000 + this.u32())
  }

  /** Uniform in [0, 1). */
  fraction(): number {
    return this.u32() / 0x1_0000_0000
  }

  /**
   * Uniform over 0 … bound − 1. The bias of the remainder (< bound / 2^32) does not matter to us.
   */
  below(bound: number): number {
    assert(bound > 0, () => `below(${bound})`)
    return this.u32() % bound
  }

  chance(probability: number): boolean {
    return this.fraction() < probability
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!
  }

  /** Fisher–Yates, in place. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1)
      const held = items[i]!
      items[i] = items[j]!
      items[j] = held
    }
    return items
  }
}
