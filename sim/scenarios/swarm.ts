/**
 * Swarm mode: each seed draws a scenario of its own.
 *
 * The obvious way to try everything is to switch everything on. But faults hide each other: where
 * nodes crash all the time, no partition lasts long enough to show anything, and a queue that only
 * overflows while nobody reads never does. Runs that leave features out at random find more bugs
 * than runs that have them all (Groce, Zhang, Eide, Chen, Regehr, "Swarm testing", ISSTA 2012). So
 * a seed draws which few faults there are and how hard they strike, and also what clients do, which
 * buckets there are, and what network, disks and clocks are like.
 *
 * Every part draws from a stream of its own, and each kind of fault has its own, so that a kind
 * that is added leaves the others as they were. What would not be survivable is not drawn together:
 *
 * - Where disks lose something (`atlas.ts`), every bucket has w ≥ 2 and no request asks for less.
 * - Where layouts change, no request asks for less than its bucket does, and only a bucket without
 *   any promise (r + w ≤ n) reads from one replica: an old owner that was away answers alone, from
 *   before the move, and nobody is there to tell it.
 * - Where a node that an operator has removed may come back, reads under faults are not judged by
 *   what was acknowledged before (`checkers/all.ts` says why); what is there at the end is.
 * - Where a node may be lost for good, no bucket waits for all replicas.
 */
import type { Prng } from '../../src/core/std/prng.ts'
import { ALL_CHECKERS, CHECKERS_OF_WRONG_WORDS } from '../checkers/all.ts'
import type { WorkloadBucket } from '../clients.ts'
import type { Fault } from '../faults/fault.ts'
import { isReshaping } from '../faults/fault.ts'
import type { Range } from '../seed.ts'
import { stream, wholeWithin, within } from '../seed.ts'
import type { Scenario } from './scenario.ts'
import type { FaultName } from './swarm-faults.ts'
import { BEREAVES, FAULT_NAMES, faultNamed, LOSES, MOVES } from './swarm-faults.ts'

export interface SwarmOptions {
  /** Nodes, those that join later among them. */
  readonly nodes?: number
  /** How long clients work and faults go on, milliseconds of the world's time. */
  readonly faultMs?: number
}

const NODES = 5
/** Where some are taken away, so that enough stay. */
const NODES_RESHAPED = 6
const LOAD_MS = 60_000

/** What the drawn faults allow. */
interface Limits {
  readonly replicas: number
  readonly moves: boolean
  /** Whether a disk may lose something. */
  readonly loses: boolean
  /** Replicas that stay dead. */
  readonly dead: number
}

export function swarmScenario(seed: number, options: SwarmOptions = {}): Scenario {
  const { faultMs = LOAD_MS } = options
  const names = drawFaults(stream(seed, 'swarm', 'which faults'))
  const isReshaped = names.some(isReshaping)
  const nodes = options.nodes ?? (isReshaped ? NODES_RESHAPED : NODES)
  const faults = names.map((name) => faultNamed(name, nodes, stream(seed, 'swarm', 'fault', name)))
  const size = drawSize(stream(seed, 'swarm', 'size'), nodes, names)
  const loses = names.some((name) => LOSES.includes(name))
  const moves = names.some((name) => MOVES.includes(name))
  const dead = names.some((name) => BEREAVES.includes(name)) ? 1 : 0
  const limits = { replicas: size.replicas, moves, loses, dead }
  const drawn = drawBuckets(stream(seed, 'swarm', 'buckets'), limits)
  const buckets = withHabits(stream(seed, 'swarm', 'habits'), drawn)
  const workload = drawWorkload(stream(seed, 'swarm', 'workload'), limits)
  const surroundings = drawSurroundings(stream(seed, 'swarm', 'surroundings'))
  const scenario = {
    name: 'swarm',
    nodes,
    ...size,
    loadMs: faultMs,
    ...workload,
    workload: {
      ...workload.workload,
      buckets,
      ttlShare: stream(seed, 'swarm', 'expiry').pick([0, 0, 0.05, 0.3]),
    },
    faults,
    ...surroundings,
    antiEntropyMs: drawAntiEntropy(stream(seed, 'swarm', 'anti-entropy'), {
      ...size,
      latencyMs: surroundings.network.latencyMs[1],
    }),
    checkers: faults.some(mayReturn) ? CHECKERS_OF_WRONG_WORDS : ALL_CHECKERS,
  }
  return { ...scenario, about: aboutOf(scenario, names) }
}

/** Whether a node comes back of which an operator says that it will not. */
function mayReturn(fault: Fault): boolean {
  return fault.type === 'remove' && fault.returnChance > 0
}

/** Often one to four kinds, sometimes none, sometimes many. */
function drawFaults(dice: Prng): readonly FaultName[] {
  const count = dice.pick([0, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 5, 7])
  // One draw a kind, so that a new kind at the end of the list leaves the others' draws alone.
  const drawn = FAULT_NAMES.map((name) => ({ name, rank: dice.fraction() }))
  const chosen = drawn.sort((a, b) => a.rank - b.rank).slice(0, count)
  return chosen.map(({ name }) => name)
}

function drawSize(
  dice: Prng,
  nodes: number,
  names: readonly FaultName[],
): Pick<Scenario, 'born' | 'partitions' | 'replicas'> {
  const most = names.some(isReshaping) ? 3 : nodes
  const replicas = Math.min(most, dice.pick([3, 3, 3, 3, 5]))
  const late = dice.below(Math.max(1, nodes - replicas)) + 1
  const born = names.includes('join') ? Math.max(1, nodes - late) : nodes
  return { born, partitions: dice.pick([8, 16, 16, 32, 64]), replicas: Math.min(replicas, born) }
}

/** One `lww` and one `siblings` bucket at least, with quorums that meet and some that do not. */
function drawBuckets(dice: Prng, limits: Limits): readonly WorkloadBucket[] {
  const buckets: WorkloadBucket[] = [
    { name: 'lww', mode: 'lww', ...drawQuorums(dice, limits, limits.replicas, true) },
    { name: 'siblings', mode: 'siblings', ...drawQuorums(dice, limits, limits.replicas, true) },
  ]
  const least = limits.loses || limits.moves ? 2 + limits.dead : 1
  const few = wholeWithin([Math.min(least, limits.replicas), limits.replicas], dice)
  const mode = dice.pick(['lww', 'siblings'] as const)
  if (dice.chance(0.3)) buckets.push({ name: 'few', mode, ...drawQuorums(dice, limits, few, true) })
  if (dice.chance(0.3))
    buckets.push({ name: 'weak', mode, ...drawQuorums(dice, limits, limits.replicas, false) })
  return buckets
}

/** Some sloppy, some in which values expire. */
function withHabits(dice: Prng, buckets: readonly WorkloadBucket[]): readonly WorkloadBucket[] {
  return buckets.map((bucket) => ({
    ...bucket,
    ...(dice.chance(0.3) ? { sloppy: true } : {}),
    ...(dice.chance(0.1) ? { ttlMs: dice.pick([1_000, 5_000, 20_000]) } : {}),
  }))
}

function drawQuorums(
  dice: Prng,
  { loses, moves, dead }: Limits,
  n: number,
  meet: boolean,
): { n: number; r: number; w: number } {
  const choices: { n: number; r: number; w: number }[] = []
  for (let r = 1; r <= n - dead; r++)
    for (let w = 1; w <= n - dead; w++) {
      if (r + w > n !== meet || (loses && w < 2) || (moves && meet && r < 2)) continue
      choices.push({ n, r, w })
    }
  const majority = { n, r: (n >> 1) + 1, w: (n >> 1) + 1 }
  return dice.chance(0.5) && meet ? majority : choices.length === 0 ? majority : dice.pick(choices)
}

function drawWorkload(
  dice: Prng,
  { loses, moves }: Limits,
): Pick<Scenario, 'keys' | 'contextChance'> & { workload: Omit<Scenario['workload'], 'buckets'> } {
  const keys = dice.pick([3, 8, 8, 20, 20, 60])
  // Without contexts siblings pile up, up to a hundred: worth a look, and dear.
  const contextChance = dice.pick([0, 0.4, 0.7, 0.7, 0.9, 0.9, 1])
  return {
    keys: [keys, keys],
    contextChance: [contextChance, contextChance],
    workload: {
      clientsPerNode: wholeWithin([1, 3], dice),
      thinkMs: [0, dice.pick([100, 200, 400, 800])],
      putShare: within([0.1, 0.6], dice),
      deleteShare: within([0, 0.25], dice),
      listShare: within([0, 0.1], dice),
      forgetChance: within([0, 0.4], dice),
      ownQuorumChance: dice.pick([0, 0.1, 0.3]),
      weakensQuorums: !loses && !moves,
      impatience: dice.pick([0, 0.02, 0.1]),
      retryChance: dice.pick([0, 0.3, 0.9]),
      timeoutMs: [dice.pick([50, 200, 1_000]), dice.pick([1_000, 2_500, 5_000])],
      valueBytes: [8, dice.pick([50, 50, 600, 2_000])],
      ttlShare: 0,
      ttlMs: [1_000, 20_000],
      largeChance: dice.pick([0, 0, 0.003, 0.02]),
      largeBytes: [10_000, 100_000],
    },
  }
}

function drawSurroundings(
  dice: Prng,
): Pick<Scenario, 'network' | 'syncMs' | 'diskFailure' | 'clockOffsetMs' | 'clockDrift'> {
  const latencyMs = within([0.5, dice.pick([3, 30, 120])], dice)
  const loss = dice.pick([0, 0.01, 0.1, 0.3])
  const duplication = dice.pick([0, 0.05, 0.3])
  const syncMs = within([0.5, dice.pick([5, 25, 100])], dice)
  const diskFailure = dice.pick([0, 0, 0, 0, 0.005, 0.05])
  const mtuBytes = dice.pick([1_472, 1_472, 1_252, 548])
  const bytesPerMs = dice.pick([undefined, undefined, 100_000, 10_000, 1_000])
  return {
    network: {
      latencyMs: [latencyMs, latencyMs],
      datagramLoss: [loss, loss],
      datagramDuplication: [duplication, duplication],
      mtuBytes,
      ...(bytesPerMs === undefined ? {} : { bytesPerMs }),
    },
    syncMs: [syncMs, syncMs],
    diskFailure: [diskFailure, diskFailure],
    clockOffsetMs: dice.pick([0, 50, 200, 2_000]),
    clockDrift: dice.pick([0, 1e-4, 1e-3]),
  }
}

/**
 * Most often so that it happens many times in a run, sometimes as in the product; never so that
 * there is no moment without it, for the world would not come to rest.
 */
/** Not so often that there is always one comparison under way: the world must come to rest. */
function drawAntiEntropy(
  dice: Prng,
  size: { readonly partitions: number; readonly replicas: number; readonly latencyMs: number },
): Range {
  const { partitions, replicas, latencyMs } = size
  const intervalMs = dice.pick([1_000, 3_000, 10_000, 10_000, 30_000, 600_000])
  const pairs = (replicas * (replicas - 1)) / 2
  const leastMs = Math.ceil(partitions * Math.max(200, pairs * 3 * latencyMs))
  return [Math.max(leastMs, intervalMs), Math.max(leastMs, intervalMs)]
}

/** One line that says what was drawn. */
function aboutOf(scenario: Omit<Scenario, 'about'>, names: readonly FaultName[]): string {
  const { nodes, born, partitions, replicas, workload, network, loadMs } = scenario
  const joining = born < nodes ? ` (${nodes - born} join)` : ''
  const buckets = workload.buckets.map(({ name, n, r, w }) => `${name} n${n} r${r} w${w}`)
  return [
    `${nodes} nodes${joining}, ${partitions} partitions × ${replicas}, ${loadMs / 1000} s`,
    `faults: ${names.join(' ') || 'none'}`,
    `buckets: ${buckets.join(', ')}, ${scenario.keys[0]} keys`,
    `clients: ${workload.clientsPerNode} a node, think ≤ ${workload.thinkMs[1]} ms`,
    `latency ≤ ${network.latencyMs[0].toFixed(1)} ms, loss ${network.datagramLoss[0]}`,
    `sync ≤ ${scenario.syncMs[0].toFixed(1)} ms, failing ${scenario.diskFailure[0]}`,
    `clocks ± ${scenario.clockOffsetMs} ms`,
  ].join('; ')
}
