/**
 * The world as a test sees it: a simulated cluster that its app talks to, what can go wrong in it,
 * and time that passes only when the app waits.
 *
 * Nodes are counted from 0 here; in the story the first is n1.
 */
import type { Prng } from '../../src/core/std/prng.ts'
import { assert } from '../../src/core/std/assert.ts'
import type { BucketProperties } from '../../src/core/node/messages.ts'
import { EPOCH_MS } from '../clock.ts'
import type { RunningFault } from '../faults/fault.ts'
import { stream } from '../seed.ts'
import type { SimNode } from '../sim-node.ts'
import type { World } from '../world.ts'
import { Book } from './book.ts'
import type { SimClientOptions } from './client.ts'
import { SimClient } from './client.ts'
import { Desk } from './desk.ts'
import { BrokenWorldError, WorldClosedError } from './errors.ts'
import type { TroubleKind } from './faults.ts'
import { Faults, faultsOf, TROUBLE } from './faults.ts'
import { judge } from './judge.ts'
import { Pump, WAIT_MS_MAX } from './pump.ts'
import { Seal } from './seal.ts'
import type { Story } from './story.ts'

/** A timer of the world's clock. */
export interface Timer {
  readonly cancel: () => void
}

/** The world's time in the form of a dependency that an app can be given. */
export interface Clock {
  /** Milliseconds since 1970, as `Date.now()`; a world begins in November 2023. */
  now(): number
  sleep(ms: number): Promise<void>
  setTimeout(run: () => void, ms: number): Timer
  clearTimeout(timer: Timer | undefined): void
}

const SLOWNESS_MAX = 100_000
/** How many of the last lines an error tells. */
const TOLD_LINES = 25

export class AppWorld {
  readonly seed: number
  /** Time as a dependency of the app. */
  readonly clock: Clock
  readonly #world: World
  readonly #story: Story
  readonly #pump: Pump
  readonly #book: Book
  readonly #desk: Desk
  readonly #faults: Faults
  readonly #dice: Prng
  #closed = false

  /** In a world whose cluster has formed, with the buckets that every node of it knows. */
  constructor(
    world: World,
    story: Story,
    options: {
      readonly stallMs: number
      readonly buckets?: ReadonlyMap<string, BucketProperties>
    },
  ) {
    this.seed = world.seed
    this.#world = world
    this.#story = story
    this.#dice = stream(world.seed, 'testkit', 'app')
    this.#faults = new Faults(world, (text) => this.#tell('fault', text))
    this.#pump = new Pump(world, options.stallMs, (error) => this.#explained(error))
    this.#book = new Book(world)
    for (const [name, properties] of options.buckets ?? []) this.#book.configured(name, properties)
    const [view] = world.views()
    assert(view !== undefined, 'a world of an app has formed its cluster')
    const seal = new Seal(view.cluster)
    this.#desk = new Desk({ world, pump: this.#pump, book: this.#book, seal }, (what, text) =>
      this.#tell(what, text),
    )
    this.clock = {
      now: () => EPOCH_MS + Math.floor(world.queue.nowMs),
      sleep: (ms) => this.sleep(ms),
      setTimeout: (run, ms) => ({ cancel: this.#pump.callBack(checkedMs(ms), run) }),
      clearTimeout: (timer) => timer?.cancel(),
    }
  }

  /** How many nodes there are, running or not. */
  get nodes(): number {
    return this.#world.nodes.length
  }

  /** The world's time, milliseconds since it began. */
  get now(): number {
    return this.#world.queue.nowMs
  }

  /** A fingerprint of all that has happened: the same for the same seed and the same app. */
  get hash(): string {
    return this.#world.trace.hash()
  }

  /** A client that knows one node, or several, of which it asks the next where that is safe. */
  client(nodes: number | readonly number[] = 0, options: SimClientOptions = {}): SimClient {
    const places = typeof nodes === 'number' ? [nodes] : nodes
    if (places.length === 0) throw new RangeError('a client needs at least one node')
    for (const place of places) this.#node(place)
    return new SimClient(this.#desk, places, options)
  }

  /** A fraction from 0 to below 1, from the seed: an app's dice, in place of `Math.random`. */
  random(): number {
    return this.#dice.fraction()
  }

  /** A whole number from 0 to below `n`. */
  below(n: number): number {
    return this.#dice.below(n)
  }

  /** One of them. */
  pick<T>(items: readonly T[]): T {
    return this.#dice.pick(items)
  }

  /** Lets `ms` of the world's time pass. */
  sleep(ms: number): Promise<void> {
    const delayMs = checkedMs(ms)
    return this.#pump.wait((settle) => {
      this.#world.queue.after(delayMs, () => settle.resolve())
    })
  }

  /**
   * Runs the app, any number of its tasks at once, to the end. Fails also when it waits for
   * something that nothing in the world will bring, and when an invariant of the store breaks.
   */
  run<T>(app: () => T | Promise<T>): Promise<T> {
    return this.#pump.run(app)
  }

  /** Lets time pass until the cluster is whole; fails when it is not after `limitMs`. */
  async settled(limitMs = 180_000): Promise<void> {
    const until = this.now + limitMs
    for (;;) {
      const missing = this.#world.whatIsMissing()
      if (missing === undefined) return
      if (this.now >= until) throw new Error(`not whole after ${limitMs} ms: ${missing}`)
      await this.sleep(100)
    }
  }

  /**
   * The process dies, with what its disk has not synced: at once, or, with `midStep`, in the middle
   * of the next thing that it does.
   */
  crash(node: number, options: { readonly midStep?: boolean | undefined } = {}): void {
    this.#faults.crash(this.#node(node), options.midStep === true)
  }

  /** Starts a node that is down, with the disk that it has. */
  restart(node: number): void {
    this.#faults.restart(this.#node(node))
  }

  isUp(node: number): boolean {
    return this.#node(node).isUp
  }

  /** The process stands still and keeps its connections, as after SIGSTOP. */
  pause(node: number): void {
    this.#faults.pause(this.#node(node))
  }

  resume(node: number): void {
    this.#faults.resume(this.#node(node))
  }

  /**
   * The node goes down and loses its disk; `restart` brings it back as a new one. Refused where the
   * store could not survive it.
   */
  wipe(node: number): void {
    this.#faults.wipe(this.#node(node))
  }

  /** From now on a sync takes so many `times` longer than it did in the beginning; 1: as then. */
  slowDisk(node: number, times: number): void {
    if (!(times >= 1 && times <= SLOWNESS_MAX))
      throw new RangeError(`a disk ${times} times slower: 1 to ${SLOWNESS_MAX} are possible`)
    this.#faults.slowDisk(this.#node(node), times)
  }

  /** The disk has no room, so that what is to be stored fails; or has room again. */
  fullDisk(node: number, isFull: boolean): void {
    this.#faults.fullDisk(this.#node(node), isFull)
  }

  /** Steps the wall clock of a running node, until it is restarted. */
  skewClock(node: number, byMs: number): void {
    if (!(Math.abs(byMs) <= WAIT_MS_MAX))
      throw new RangeError(`a step of ${byMs} ms: at most ${WAIT_MS_MAX} either way are possible`)
    this.#faults.skewClock(this.#node(node), Math.round(byMs))
  }

  /**
   * Nothing passes between nodes of the one group and nodes of the other; left out, the other is
   * everybody else. `oneWay`: only what the first group sends is stopped. Clients reach every node
   * as before. Partitions add up until `heal`.
   */
  partition(
    group: readonly number[],
    other?: readonly number[],
    options: { readonly oneWay?: boolean | undefined } = {},
  ): void {
    const [left, right] = this.#groups(group, other)
    this.#faults.partition(left, right, options.oneWay === true)
  }

  /** What passes between the groups arrives so much later, until `heal`. */
  clog(group: readonly number[], other: readonly number[] | undefined, delayMs: number): void {
    const [left, right] = this.#groups(group, other)
    this.#faults.clog(left, right, { delayMs: checkedMs(delayMs), bytesPerMs: Infinity })
  }

  /** Every partition and every clog ends. Nodes that are down or paused stay so. */
  heal(): void {
    this.#faults.heal()
  }

  /**
   * Faults of the kinds named, or of all kinds, come and go by chance from now on, one of each kind
   * at a time; `end` mends what they broke.
   */
  trouble(kinds: readonly TroubleKind[] = TROUBLE): RunningFault {
    this.#tell('fault', `trouble: ${kinds.join(', ')}`)
    return this.#faults.begin(kinds.map(faultsOf))
  }

  /**
   * What has happened, a line an event, oldest first: what the app asked and was told and what went
   * wrong; with `verbose` also what the nodes did. Columns: docs/internals/simulation.md.
   */
  story(): readonly string[] {
    return this.#story.lines()
  }

  /**
   * Throws the first promise of the store that is broken. Before, it heals the world, starts what
   * is down, and lets time pass until the cluster is whole and at rest; requests of the app that
   * are still under way come to their ends.
   */
  check(): void {
    if (this.#closed) throw new WorldClosedError()
    this.#pump.failIfBroken()
    this.#faults.mendAll()
    const broken = judge(this.#world, this.#book, this.#world.replicas)
    if (broken === undefined) return
    this.#world.violate(broken)
    this.#pump.failIfBroken()
  }

  /** The end of this world: whatever still waits in it is never settled. */
  close(): void {
    this.#closed = true
    this.#pump.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }

  #node(place: number): SimNode {
    return this.#faults.node(place)
  }

  #groups(
    group: readonly number[],
    other: readonly number[] | undefined,
  ): readonly [readonly SimNode[], readonly SimNode[]] {
    const left = group.map((place) => this.#node(place))
    const right =
      other?.map((place) => this.#node(place)) ??
      this.#world.nodes.filter((node) => !left.includes(node))
    if (left.length === 0 || right.length === 0) throw new RangeError('a group of no nodes')
    return [left, right]
  }

  /** Part of the hash, so that two runs that differ in what the app saw differ in it. */
  #tell(what: string, text: string): void {
    this.#world.announce(what, text)
  }

  #explained(error: Error): Error {
    if (!(error instanceof BrokenWorldError)) return error
    const lines = this.story().slice(-TOLD_LINES).join('\n')
    error.message += `\nthe last of its story:\n${lines}`
    return error
  }
}

function checkedMs(ms: number): number {
  if (ms >= 0 && ms <= WAIT_MS_MAX) return ms
  throw new RangeError(`a time of ${ms} ms: 0 to ${WAIT_MS_MAX} are possible`)
}
