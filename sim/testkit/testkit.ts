/**
 * `dnd/testkit`: an app's own code against a simulated cluster, with faults, from a seed.
 *
 * ```ts
 * await using world = await createWorld({ seed: 7, nodes: 3 })
 * const carts = world.client(0)
 * await carts.put('alice', 'apple')
 * ```
 * The nodes are the real ones, on a simulated network, disk and clock. See docs/guides/testkit.md.
 */
import type { BucketProperties } from '../../src/core/node/messages.ts'
import { NODES_MAX } from '../../src/core/std/limits.ts'
import type { BucketPropertiesJson } from '../../packages/client/src/api.ts'
import type { Range } from '../seed.ts'
import { AppWorld } from './app-world.ts'
import { configure, emptyWorld, form } from './birth.ts'
import { SeedError } from './errors.ts'
import { bucketProperties, checkBucket } from './requests.ts'
import { Story, traceOf } from './story.ts'

export type { DndClientApi } from '../../packages/client/src/client.ts'
export { DndClientError } from '../../packages/client/src/error.ts'
export type { AppWorld, Clock, Timer } from './app-world.ts'
export type { TroubleKind } from './faults.ts'
export type { SimClient, SimClientOptions } from './client.ts'
export { BrokenWorldError, SeedError, StalledAppError, WorldClosedError } from './errors.ts'

export interface WorldOptions {
  /** Decides everything that is left to chance: a whole number from 0 to 2^32 − 1. Default 1. */
  readonly seed?: number | undefined
  /** Nodes of the cluster. Default 3. */
  readonly nodes?: number | undefined
  /** Replicas of each key: 1 to 7. Default 3, or as many as there are nodes. */
  readonly replicas?: number | undefined
  /** Buckets that every node knows from the beginning. */
  readonly buckets?: Readonly<Record<string, Partial<BucketPropertiesJson>>> | undefined
  /**
   * The longest that a message between nodes takes, one way, milliseconds: drawn once for the world
   * from this range. Default 1 to 10.
   */
  readonly latencyMs?: Range | undefined
  /** Share of UDP datagrams that are lost, at most: 0 to 0.3. Default 0.02. */
  readonly datagramLoss?: number | undefined
  /** The longest that a disk takes to sync, milliseconds: drawn once. Default 0.5 to 5. */
  readonly syncMs?: Range | undefined
  /** Wall clocks of nodes are off by at most this, either way, milliseconds. Default 50. */
  readonly clockOffsetMs?: number | undefined
  /** Whether the story has what the nodes do as well; costs three times the time. Default false. */
  readonly verbose?: boolean | undefined
  /**
   * How long `run` lets an app wait for nothing in the world, milliseconds of real time. Default
   * 2,000.
   */
  readonly stallMs?: number | undefined
}

const REPLICAS_MAX = 7
/** With more, members may be declared dead that are not, which the simulator takes for a bug. */
const DATAGRAM_LOSS_MAX = 0.3

/** A cluster that has formed and serves, in a world of its own. */
export async function createWorld(options: WorldOptions = {}): Promise<AppWorld> {
  const { seed = 1, nodes = 3, replicas = 3, verbose = false, buckets = {} } = options
  mustBeWhole('seed', seed, 0, 2 ** 32 - 1)
  mustBeWhole('nodes', nodes, 1, NODES_MAX)
  mustBeWhole('replicas', replicas, 1, REPLICAS_MAX)
  const { latencyMs = [1, 10], datagramLoss = 0.02, syncMs = [0.5, 5] } = options
  const { clockOffsetMs = 50, stallMs = 2_000 } = options
  mustBeRange('latencyMs', latencyMs, 60_000)
  mustBeRange('syncMs', syncMs, 60_000)
  mustBeRange('datagramLoss', [0, datagramLoss], DATAGRAM_LOSS_MAX)
  mustBeRange('clockOffsetMs', [0, clockOffsetMs], 60_000)
  mustBeRange('stallMs', [1, stallMs], 2 ** 31 - 1)
  const story = new Story()
  const setting = { seed, nodes, replicas, latencyMs, datagramLoss, syncMs, clockOffsetMs }
  const world = emptyWorld(setting, traceOf(story, verbose))
  form(world)
  const known = new Map<string, BucketProperties>()
  for (const [name, given] of Object.entries(buckets)) {
    checkBucket(name)
    const properties = bucketProperties({ n: Math.min(3, replicas), ...given })
    configure(world, name, properties)
    known.set(name, properties)
  }
  return new AppWorld(world, story, { stallMs, buckets: known })
}

export interface SeedsOptions extends Omit<WorldOptions, 'seed'> {
  /** How many seeds, from `first` on; or the seeds themselves. */
  readonly seeds: number | readonly number[]
  /** Default 1. */
  readonly first?: number | undefined
  /** Whether the store's own promises are checked after each. Default true. */
  readonly check?: boolean | undefined
}

/** What came of one seed. */
export interface SeedResult<T> {
  readonly seed: number
  readonly hash: string
  readonly value: T
}

/** Lines of the story that the error of a failed seed tells. */
const TOLD_LINES = 40

/**
 * Runs an app in one world for each seed, one after the other. The first that fails ends it with a
 * SeedError: the cause, the seed, and the last lines of the story.
 */
export async function forEachSeed<T>(
  options: SeedsOptions,
  app: (world: AppWorld) => T | Promise<T>,
): Promise<readonly SeedResult<T>[]> {
  const { seeds, first = 1, check = true, ...rest } = options
  const list =
    typeof seeds === 'number' ? Array.from({ length: seeds }, (_, i) => first + i) : seeds
  const results: SeedResult<T>[] = []
  for (const seed of list) {
    const world = await createWorld({ ...rest, seed })
    try {
      const value = await world.run(() => app(world))
      const { hash } = world
      if (check) world.check()
      results.push({ seed, hash, value })
    } catch (error) {
      throw new SeedError(seed, world.story().slice(-TOLD_LINES), error)
    } finally {
      world.close()
    }
  }
  return results
}

function mustBeWhole(name: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return
  throw new RangeError(`${name} is ${value}: a whole number from ${least} to ${most} is wanted`)
}

function mustBeRange(name: string, [least, most]: Range, bound: number): void {
  if (least >= 0 && least <= most && most <= bound) return
  throw new RangeError(`${name} is out of bounds: 0 to ${bound} is possible`)
}
