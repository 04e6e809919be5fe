/**
 * One world seed, many independent dice. Every part of the world names its own stream ("network",
 * "node 3 start 2"), and the stream's seed is a hash of the world's seed and that name; so a node,
 * a client or a fault that is added draws from a stream of its own and shifts nobody else's dice.
 */
import { Prng } from '../src/core/std/prng.ts'

/** An inclusive range that a number is drawn from. */
export type Range = readonly [least: number, most: number]

/** The generator of the stream called `path` in the world of `seed`. */
export function stream(seed: number, ...path: readonly (string | number)[]): Prng {
  return new Prng(hashText(`${seed >>> 0}/${path.join('/')}`))
}

/** A fraction of the range, uniformly. */
export function within(range: Range, rng: Prng): number {
  return range[0] + (range[1] - range[0]) * rng.fraction()
}

/** A whole number of the range, uniformly, both ends included. */
export function wholeWithin(range: Range, rng: Prng): number {
  return range[0] + rng.below(range[1] - range[0] + 1)
}

/**
 * FNV-1a over the UTF-16 units, 32 bits: stable across engines, good enough to tell streams apart.
 */
function hashText(text: string): number {
  let hash = 0x811c_9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193)
  return hash >>> 0
}
