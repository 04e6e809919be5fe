/** What goes wrong with a test's world, other than what a client of a real cluster would see. */
import type { Violation } from '../violation.ts'

/**
 * An invariant of the store is broken: either the app's own code did what it should not have been
 * able to, or, far more likely, this is a bug of dnd. It reproduces from the seed.
 */
export class BrokenWorldError extends Error {
  override readonly name = 'BrokenWorldError'
  /** The checker that noticed: see docs/internals/simulation.md. */
  readonly checker: string
  /** `bucket/key` of the keys concerned. */
  readonly keys: readonly string[]
  readonly seed: number

  constructor(violation: Violation, seed: number) {
    super(`${violation.checker}: ${violation.message} (seed ${seed})`)
    this.checker = violation.checker
    this.keys = violation.keys
    this.seed = seed
  }
}

/** The app waits for something that no event of the world will bring. */
export class StalledAppError extends Error {
  override readonly name = 'StalledAppError'

  constructor(stallMs: number) {
    const resources = [...new Set(process.getActiveResourcesInfo())].join(', ')
    super(
      `the app has not ended, and for ${stallMs} ms it has waited for nothing in the world: ` +
        'for a promise that nobody settles, for real input or output, or for a real timer ' +
        '(use world.sleep or world.clock instead). ' +
        `What Node has open: ${resources || 'nothing'}`,
    )
  }
}

export class WorldClosedError extends Error {
  override readonly name = 'WorldClosedError'

  constructor() {
    super('this world is closed: nothing happens in it any more')
  }
}

/** A run of one seed failed: the cause, and how to see that run again. */
export class SeedError extends Error {
  override readonly name = 'SeedError'
  readonly seed: number

  constructor(seed: number, story: readonly string[], cause: unknown) {
    const what = cause instanceof Error ? cause.message : String(cause)
    // A broken world has told its story already.
    const lines = cause instanceof BrokenWorldError ? [] : story
    super([`seed ${seed}: ${what}`, ...lines].join('\n'), { cause })
    this.seed = seed
  }
}
