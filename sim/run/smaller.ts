/**
 * Scenarios a little smaller than a given one, the largest steps first: a fault less, fewer nodes,
 * a calmer network. Each takes something away or brings a number closer to its least, so that
 * taking one after the other comes to an end.
 */
import type { Fault } from '../faults/fault.ts'
import type { Scenario } from '../scenarios/scenario.ts'
import type { Range } from '../seed.ts'

export interface Smaller {
  /** What was made smaller, in words; each way to do it has words of its own. */
  readonly what: string
  readonly scenario: Scenario
}

export function smallerThan(scenario: Scenario): readonly Smaller[] {
  return [
    ...withoutFaults(scenario),
    ...withFewerNodes(scenario),
    ...withLessLoad(scenario),
    ...inACalmerWorld(scenario),
    ...withTamerClients(scenario),
    ...withTamerFaults(scenario),
  ]
}

function withoutFaults(scenario: Scenario): readonly Smaller[] {
  return scenario.faults.map((fault, index) => ({
    what: `without ${fault.type} (${index + 1} of ${scenario.faults.length})`,
    scenario: { ...scenario, faults: scenario.faults.filter((_, other) => other !== index) },
  }))
}

/**
 * Not below the replicas: what one node alone had acknowledged is gone with its disk, and no
 * checker would be right to complain.
 */
function withFewerNodes(scenario: Scenario): readonly Smaller[] {
  const { nodes, born, replicas, partitions } = scenario
  const least = [replicas, nodes - 1].filter((count) => count >= replicas && count < nodes)
  return [
    ...[...new Set(least)].map((count) => ({
      what: `${count} nodes`,
      scenario: { ...scenario, nodes: count, born: Math.min(born, count) },
    })),
    ...halves(partitions, 1).map((count) => ({
      what: `${count} partitions`,
      scenario: { ...scenario, partitions: count },
    })),
  ]
}

function withLessLoad(scenario: Scenario): readonly Smaller[] {
  const { loadMs, workload, keys } = scenario
  const { buckets, clientsPerNode } = workload
  return [
    ...halves(loadMs, 250).map((ms) => ({
      what: `load of ${ms} ms`,
      scenario: { ...scenario, loadMs: ms },
    })),
    ...halves(clientsPerNode, 1).map((count) => ({
      what: `${count} clients a node`,
      scenario: { ...scenario, workload: { ...workload, clientsPerNode: count } },
    })),
    ...(buckets.length < 2 ? [] : buckets).map((bucket) => ({
      what: `without bucket ${bucket.name}`,
      scenario: {
        ...scenario,
        workload: { ...workload, buckets: buckets.filter((other) => other !== bucket) },
      },
    })),
    ...halves(keys[1], 1).map((most) => ({
      what: `at most ${most} keys`,
      scenario: { ...scenario, keys: [Math.min(keys[0], most), most] as const },
    })),
  ]
}

/** Half of a number above its least, and all the way down. */
function halves(value: number, least: number): readonly number[] {
  if (value <= least) return []
  const half = Math.max(least, Math.floor(value / 2))
  return half === least ? [least] : [least, half]
}

/** The least that a range may be made: nothing, but for times that cannot be. */
const LEAST_MS = 0.5
const isTime = (name: string): boolean => name.endsWith('Ms')

/** What a network need not have. */
const LIMITS = ['mtuBytes', 'bytesPerMs'] as const

function inACalmerWorld(scenario: Scenario): readonly Smaller[] {
  const { network } = scenario
  const calmer: Smaller[] = calmRanges(network).map(({ name, fields }) => ({
    what: `network ${name} at its least`,
    scenario: { ...scenario, network: fields },
  }))
  for (const limit of LIMITS.filter((name) => network[name] !== undefined)) {
    const { [limit]: _, ...unlimited } = network
    calmer.push({ what: `no ${limit}`, scenario: { ...scenario, network: unlimited } })
  }
  const { syncMs, diskFailure, clockOffsetMs, clockDrift } = scenario
  for (const { name, fields } of calmRanges({ syncMs, diskFailure }))
    calmer.push({ what: `${name} at its least`, scenario: { ...scenario, ...fields } })
  if (clockOffsetMs > 0 || clockDrift > 0)
    calmer.push({ what: 'good clocks', scenario: { ...scenario, clockOffsetMs: 0, clockDrift: 0 } })
  return calmer
}

/** The same fields with one range each at its least. */
function calmRanges<T extends object>(fields: T): readonly { name: string; fields: T }[] {
  return Object.entries(fields).flatMap(([name, value]) => {
    if (!isRange(value)) return []
    const least = isTime(name) ? LEAST_MS : 0
    if (value[1] <= least) return []
    return [{ name, fields: { ...fields, [name]: [least, least] } }]
  })
}

function isRange(value: unknown): value is Range {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === 'number'
}

/** Habits that a client can do without. */
const HABITS = [
  'deleteShare',
  'listShare',
  'forgetChance',
  'ttlShare',
  'ownQuorumChance',
  'impatience',
] as const

function withTamerClients(scenario: Scenario): readonly Smaller[] {
  const { workload, contextChance } = scenario
  const tamer: Smaller[] = HABITS.filter((habit) => workload[habit] > 0).map((habit) => ({
    what: `no ${habit}`,
    scenario: { ...scenario, workload: { ...workload, [habit]: 0 } },
  }))
  if (contextChance[0] < 1)
    tamer.push({ what: 'always with context', scenario: { ...scenario, contextChance: [1, 1] } })
  return tamer
}

/** Faults with one choice less, or one of their chances at nothing. */
function withTamerFaults(scenario: Scenario): readonly Smaller[] {
  return scenario.faults.flatMap((fault, index) =>
    Object.entries(fault).flatMap(([name, value]) =>
      tamerValues(name, value).map(({ what, tamer }) => ({
        what: `${fault.type} ${index + 1}: ${what}`,
        scenario: {
          ...scenario,
          faults: scenario.faults.with(index, { ...fault, [name]: tamer } as Fault),
        },
      })),
    ),
  )
}

function tamerValues(
  name: string,
  value: unknown,
): readonly { readonly what: string; readonly tamer: unknown }[] {
  if (typeof value === 'number' && name.endsWith('Chance') && value > 0)
    return [{ what: `no ${name}`, tamer: 0 }]
  if (!Array.isArray(value) || isRange(value) || value.length < 2) return []
  const choices: readonly unknown[] = value
  return choices.map((choice) => ({
    what: `${name} without ${String(choice)}`,
    tamer: choices.filter((other) => other !== choice),
  }))
}
