/** A scenario's ranges made into one world: what the seed decides before anything happens. */
import { DEFAULT_NODE_CONFIG } from '../../src/core/node/config.ts'
import { Node } from '../../src/core/node/node.ts'
import type { Workload } from '../clients.ts'
import { Client } from '../clients.ts'
import { clockErrorOf } from '../expiry.ts'
import { stream, wholeWithin, within } from '../seed.ts'
import type { Mutant, NodeFactory } from '../sim-node.ts'
import type { Trace } from '../trace.ts'
import { World } from '../world.ts'
import type { Scenario } from './scenario.ts'

/** What comes before and after the load takes no longer. */
const AROUND_LOAD_MS = 600_000

export interface Variant {
  readonly mutant: Mutant | undefined
  /** Nodes other than the real ones. */
  readonly create: NodeFactory | undefined
}

export function createWorld(
  scenario: Scenario,
  seed: number,
  trace: Trace,
  variant: Variant,
): World {
  const dice = stream(seed, 'swarm')
  const { network, clockOffsetMs, clockDrift } = scenario
  const { mtuBytes, bytesPerMs } = network
  return new World({
    seed,
    nodes: scenario.nodes,
    ...(scenario.zones === undefined ? {} : { zones: scenario.zones }),
    partitions: scenario.partitions,
    replicas: scenario.replicas,
    config: {
      ...DEFAULT_NODE_CONFIG,
      antiEntropyIntervalMs: within(scenario.antiEntropyMs, stream(seed, 'anti-entropy')),
    },
    network: {
      latencyMs: [0.1, within(network.latencyMs, dice)],
      datagramLoss: within(network.datagramLoss, dice),
      datagramDuplication: within(network.datagramDuplication, dice),
      datagramStraggle: 0.01,
      connectTimeoutMs: within([500, 3_000], dice),
      breakAfterMs: [200, within([500, 10_000], dice)],
      ...(mtuBytes === undefined ? {} : { mtuBytes }),
      ...(bytesPerMs === undefined ? {} : { bytesPerMs }),
    },
    disk: {
      syncMs: [0.1, within(scenario.syncMs, dice)],
      scanMs: [0.1, 5],
      failureChance: within(scenario.diskFailure, dice),
    },
    clockOffsetMs: [-clockOffsetMs, clockOffsetMs],
    clockDrift: [-clockDrift, clockDrift],
    clockErrorMs: scenario.faults.some(({ type }) => type === 'clock-jump')
      ? Infinity
      : clockErrorOf(clockOffsetMs, clockDrift, scenario.loadMs + AROUND_LOAD_MS),
    mutant: variant.mutant,
    create: variant.create ?? ((options): Node => new Node(options)),
    trace,
  })
}

export function workloadOf(scenario: Scenario, seed: number): Workload {
  const dice = stream(seed, 'workload')
  const keys = wholeWithin(scenario.keys, dice)
  return { ...scenario.workload, keys, contextChance: within(scenario.contextChance, dice) }
}

export function createClients(world: World, workload: Workload): readonly Client[] {
  const places = Array.from({ length: workload.clientsPerNode }, (_, place) => place)
  return world.nodes.flatMap(({ index }) =>
    places.map(
      (place) => new Client(world, workload, index, stream(world.seed, 'client', index, place)),
    ),
  )
}
