/**
 * What makes asynchronous code of an app and a synchronous world run as one, deterministically.
 *
 * The world is a heap of events that run to completion; the app is promises. If both simply went
 * on, who comes first would be decided by the host's event loop. So they take turns: while anything
 * of the app waits for the world, the pump runs events, one after another, up to one that settles a
 * promise of the app or calls it back. Then it stands aside until the app has nothing left to do:
 * one turn of `setImmediate`, before which Node drains all microtasks, however long the chain
 * (`await null` would wait for one link of it). Microtasks are first in, first out, so several
 * tasks of an app, started by `Promise.all` for example, run in the same order each time.
 *
 * While nothing of the app waits, time stands still. Code that waits for something real (a file, a
 * socket, a timer of the host) is invisible here: the world cannot tell it from code that is done.
 * It stays deterministic as long as nobody else waits for the world meanwhile. `run` at least
 * notices when the app as a whole waits for something that no event will bring.
 */
import { BrokenWorldError, StalledAppError, WorldClosedError } from './errors.ts'
import type { World } from '../world.ts'

/** Settles a promise of the app; only the first call counts. */
export interface Settle<T> {
  resolve(value: T): void
  reject(error: unknown): void
}

/**
 * What the app can possibly wait for in one go, milliseconds of the world's time: requests end by
 * their time limits, so only a sleep can be as long.
 */
export const WAIT_MS_MAX: number = 24 * 60 * 60 * 1_000

// Taken when the module is loaded: tests may put mocks in their place later.
const soon = setImmediate
const { setTimeout: realTimeout, clearTimeout: clearRealTimeout } = globalThis

export class Pump {
  readonly #world: World
  readonly #stallMs: number
  readonly #explain: (error: Error) => Error
  // Bounded by: what the app waits for at once.
  readonly #waiting = new Set<(error: unknown) => void>()
  // Bounded by: the calls of `run` that are under way at once.
  readonly #runs = new Set<(error: unknown) => void>()
  #stalled: NodeJS.Timeout | undefined
  #turning = false
  #touched = false
  #closed = false

  /** `stallMs`: see `run`; `explain` adds to the error of a broken world what helps to find it. */
  constructor(world: World, stallMs: number, explain: (error: Error) => Error) {
    this.#world = world
    this.#stallMs = stallMs
    this.#explain = explain
  }

  /** What of the app waits for the world. */
  get waiting(): number {
    return this.#waiting.size
  }

  /**
   * A promise that an event of the world settles, and for which time therefore passes. `begin` is
   * called at once.
   */
  wait<T>(begin: (settle: Settle<T>) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#closed) return reject(new WorldClosedError())
      const end = (then: () => void): void => {
        if (!this.#waiting.delete(reject)) return
        this.#touched = true
        then()
      }
      this.#waiting.add(reject)
      try {
        begin({
          resolve: (value) => end(() => resolve(value)),
          reject: (error) => end(() => reject(error)),
        })
      } catch (error) {
        this.#waiting.delete(reject)
        return reject(error as Error)
      }
      if (!this.#turning) void this.#turn()
    })
  }

  /** Calls the app back after `ms`; time passes for it. The result calls it off. */
  callBack(ms: number, run: () => void): () => void {
    if (this.#closed) throw new WorldClosedError()
    // Nobody holds a promise that could be told of a broken world.
    const token = (): void => undefined
    this.#waiting.add(token)
    this.#world.queue.after(ms, () => {
      if (this.#closed || !this.#waiting.delete(token)) return
      this.#touched = true
      soon(() => {
        if (!this.#closed) run()
      })
    })
    if (!this.#turning) void this.#turn()
    return () => void this.#waiting.delete(token)
  }

  /**
   * Runs the app to its end. Fails when it has not ended, and for `stallMs` of real time waits for
   * nothing that the world could bring; and when the world breaks, even if the app swallows that.
   */
  async run<T>(app: () => T | Promise<T>): Promise<T> {
    if (this.#closed) throw new WorldClosedError()
    let stop: (error: unknown) => void = () => undefined
    const stopped = new Promise<never>((_resolve, reject) => {
      stop = reject
    })
    this.#runs.add(stop)
    try {
      const running = app()
      this.#watch()
      const result = await Promise.race([running, stopped])
      this.failIfBroken()
      return result
    } finally {
      this.#runs.delete(stop)
      this.#watch()
    }
  }

  /** The world ends: what still waits is never settled, and nothing can wait any more. */
  close(): void {
    this.#closed = true
    this.#waiting.clear()
    clearRealTimeout(this.#stalled)
  }

  failIfBroken(): void {
    const { violation } = this.#world
    if (violation !== undefined)
      throw this.#explain(new BrokenWorldError(violation, this.#world.seed))
  }

  /** Events and the app in turns, until nothing of the app waits. */
  async #turn(): Promise<void> {
    this.#turning = true
    clearRealTimeout(this.#stalled)
    for (;;) {
      await new Promise<void>((resolve) => soon(resolve))
      if (this.#waiting.size === 0) break
      this.#touched = false
      if (!this.#world.run(WAIT_MS_MAX, () => this.#touched)) this.#fail()
    }
    this.#turning = false
    this.#watch()
  }

  /** Whoever waits is told what broke: nothing will happen in this world any more. */
  #fail(): void {
    let error: unknown = new Error('nothing that the app waits for happened in a day')
    try {
      this.failIfBroken()
    } catch (broken) {
      error = broken
    }
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const reject of waiting) reject(error)
    for (const stop of this.#runs) stop(error)
  }

  /** Sets the alarm for an app that runs and does not wait for the world; or turns it off. */
  #watch(): void {
    clearRealTimeout(this.#stalled)
    if (this.#runs.size === 0 || this.#waiting.size > 0 || this.#closed) return
    this.#stalled = realTimeout(() => {
      for (const stop of this.#runs) stop(new StalledAppError(this.#stallMs))
    }, this.#stallMs)
  }
}
