/** Nodes small enough to be right by eye, for the simulator's own tests. */
import type { Effects } from '../src/core/std/effects.ts'
import type { Instant, Now } from '../src/core/std/instant.ts'
import { NEVER } from '../src/core/std/instant.ts'
import { DEFAULT_NODE_CONFIG } from '../src/core/node/config.ts'
import type { NodeEffect, NodeEvent } from '../src/core/node/events.ts'
import type { NodeOptions } from '../src/core/node/node.ts'
import { noSwimCounts } from '../src/core/membership/swim-counts.ts'
import type { NodeView } from '../src/core/node/view.ts'
import type { NodeMachine } from './process.ts'
import type { NodeFactory } from './sim-node.ts'
import { Trace } from './trace.ts'
import type { WorldOptions } from './world.ts'

/** What goes on in the background of a node that has nothing to do. */
export const IDLE: Pick<
  NodeView,
  'reaping' | 'antiEntropy' | 'background' | 'hints' | 'writes' | 'transfers' | 'sizes'
> = {
  transfers: {
    ...{ pending: 0, records: 0, sent: 0, progress: undefined, copies: 2 },
    ...{ pulledPerSecond: undefined, sentPerSecond: undefined, broken: 0 },
    proofs: { proven: 0, unknown: 0, differs: 0 },
  },
  sizes: new Map(),
  reaping: { reaped: 0, waiting: 0 },
  antiEntropy: {
    trees: { missing: 0, checked: 0, broken: 0, mended: 0, scrubbed: 0 },
    active: 0,
    pairs: 0,
    compared: 0,
    doubtful: 0,
    repairs: [],
    counts: { completed: 0, failed: 0, found: 0, received: 0, sent: 0 },
  },
  background: { unitsPerSecond: 0, work: [], waits: [] },
  hints: {
    ...{ targets: [], bytes: 0, bytesMax: 0, isCounted: true, received: 0 },
    counts: { kept: 0, delivered: 0, refused: 0, dropped: 0 },
  },
  writes: { begun: 0, over: 0 },
}

/** Does what the test says at each event, and keeps all that it was told. */
export class FakeNode implements NodeMachine {
  readonly options: NodeOptions
  readonly told: NodeEvent[] = []
  readonly instants: number[] = []
  deadline: Instant = NEVER
  readonly #act: FakeAction

  constructor(options: NodeOptions, act: FakeAction) {
    this.options = options
    this.#act = act
  }

  step(event: NodeEvent, now: Now, effects: Effects<NodeEffect>): void {
    this.told.push(event)
    this.instants.push(now.instant)
    this.#act(this, event, now, effects)
  }

  nextDeadline(): Instant {
    return this.deadline
  }

  view(): NodeView {
    const { self, cluster, generation } = this.options
    const info = { ...self, leaveLock: '00'.repeat(16) }
    const record = { info, generation, incarnation: 0, state: 'alive' } as const
    return {
      cluster,
      self: record,
      members: [record],
      standings: new Map(),
      swim: { counts: noSwimCounts(), gossipQueue: 0, localHealth: 0 },
      protocol: 6,
      layout: undefined,
      buckets: [],
      ready: true,
      clonedBy: undefined,
      inFlight: 0,
      partitions: { total: 0, withQuorum: 0, allUp: 0 },
      ...IDLE,
      leaving: undefined,
      replacing: undefined,
      conflicts: new Map(),
    }
  }

  check(): void {}
}

export type FakeAction = (
  node: FakeNode,
  event: NodeEvent,
  now: Now,
  effects: Effects<NodeEffect>,
) => void

/** A factory whose nodes all do `act`, and the list of those it has made, restarts included. */
export function fakeNodes(act: FakeAction): { create: NodeFactory; made: FakeNode[] } {
  const made: FakeNode[] = []
  const create: NodeFactory = (options) => {
    const node = new FakeNode(options, act)
    made.push(node)
    return node
  }
  return { create, made }
}

/** A quiet world of fake nodes: everything takes exactly one millisecond and nothing is lost. */
export function quietWorld(
  nodes: number,
  create: NodeFactory,
  more: Partial<WorldOptions> = {},
): WorldOptions {
  return {
    seed: 1,
    nodes,
    partitions: 16,
    replicas: 3,
    config: DEFAULT_NODE_CONFIG,
    network: {
      latencyMs: [1, 1],
      datagramLoss: 0,
      datagramDuplication: 0,
      datagramStraggle: 0,
      connectTimeoutMs: 1_000,
      breakAfterMs: [500, 500],
    },
    disk: { syncMs: [1, 1], scanMs: [1, 1], failureChance: 0 },
    clockOffsetMs: [0, 0],
    clockDrift: [0, 0],
    mutant: undefined,
    create,
    trace: new Trace(),
    ...more,
  }
}
