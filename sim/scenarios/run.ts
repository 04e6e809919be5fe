/**
 * One run of one scenario from one seed, in six phases: the cluster forms; the buckets are
 * configured; clients work while faults go on; the world heals and must become whole again; every
 * key is read through every node with r = n; the checkers judge.
 */
import { DEFAULT_PROPERTIES } from '../../src/core/node/buckets.ts'
import type { ClientRequest } from '../../src/core/node/events.ts'
import type { LayoutState } from '../../src/core/placement/layout.ts'
import type { NodeId } from '../../src/core/std/ids.ts'
import { EPOCH_MS } from '../clock.ts'
import type { Evidence } from '../checkers/evidence.ts'
import type { Client, Workload, WorkloadBucket } from '../clients.ts'
import type { Prng } from '../../src/core/std/prng.ts'
import type { Fault } from '../faults/fault.ts'
import { beginFault } from '../faults/fault.ts'
import { stream, within } from '../seed.ts'
import type { Mutant, NodeFactory, SimNode } from '../sim-node.ts'
import type { TraceListener } from '../trace.ts'
import { Trace } from '../trace.ts'
import type { Violation } from '../violation.ts'
import { violation } from '../violation.ts'
import type { World } from '../world.ts'
import { othersOf } from '../world.ts'
import { collectCopies, listEverything, readEverything } from './inspect.ts'
import { repairEverything } from './repair.ts'
import type { Scenario } from './scenario.ts'
import { createClients, createWorld, workloadOf } from './setting.ts'

export interface RunOptions {
  readonly mutant?: Mutant | undefined
  readonly create?: NodeFactory | undefined
  /** Gets each line of the story. */
  readonly listener?: TraceListener | undefined
  /** Keep the last lines of each key, for a report; costs three times the time. */
  readonly keeps?: boolean
}

export interface RunResult {
  readonly scenario: string
  readonly seed: number
  readonly violation: Violation | undefined
  /** The fingerprint of the whole run. */
  readonly hash: string
  readonly trace: Trace
  readonly world: World
}

/**
 * How long the cluster may take to form, and to be whole again after the last fault, milliseconds
 * of the world's time.
 */
const FORM_LIMIT_MS = 120_000
const HEAL_LIMIT_MS = 180_000
/** How long reads may take to bring back what a damaged disk has lost. */
const MEND_LIMIT_MS = 30_000
const CONFIGURE_LIMIT_MS = 30_000
/** How long clients go on after the last fault, and how long the last of them may wait. */
const AFTERMATH_MS = 2_000
const LAST_ANSWER_LIMIT_MS = 10_000
/**
 * How long everything rests before the disks are compared, and how long it may take to come to
 * rest.
 */
const REST_MS = 2_000
const REST_LIMIT_MS = 30_000
/** A deadline is drawn from a hybrid clock, which may be ahead by its lease. */
const DEADLINE_SLACK_MS = 5_000
/** How often a clone is restarted, and until it would say so again. */
const RESTARTS_MAX = 5
const RESTARTED_MS = 2_000
/** How often an operator looks whether there are dead to be removed. */
const BURY_EVERY_MS = 1_000
/** How often conditions that cost something to evaluate are. */
const LOOK_EVERY_MS = 50

export function runScenario(scenario: Scenario, seed: number, options: RunOptions = {}): RunResult {
  const trace = new Trace({ listener: options.listener, keeps: options.keeps ?? false })
  const { mutant, create } = options
  const world = createWorld(scenario, seed, trace, { mutant, create })
  const broken = live(world, scenario)
  if (broken !== undefined) world.violate(broken)
  const found = world.violation
  return { scenario: scenario.name, seed, violation: found, hash: trace.hash(), trace, world }
}

/** The phases; the first thing wrong ends them. */
function live(world: World, scenario: Scenario): Violation | undefined {
  const workload = workloadOf(scenario, world.seed)
  const clients = createClients(world, workload)
  return (
    form(world, scenario.born) ??
    configure(world, workload.buckets) ??
    load(world, scenario, clients) ??
    heal(world, clients) ??
    judge(world, scenario, workload)
  )
}

function form(world: World, born: number): Violation | undefined {
  world.announce('phase', 'the cluster forms')
  const dice = stream(world.seed, 'start')
  for (const node of world.nodes.slice(0, born))
    world.queue.after(node.index === 0 ? 0 : within([0, 3_000], dice), () => node.start())
  const formed = (): boolean => world.views().length === born && world.whatIsMissing() === undefined
  if (world.run(FORM_LIMIT_MS, formed, LOOK_EVERY_MS)) return undefined
  return stuck(world, `no cluster after ${FORM_LIMIT_MS} ms: ${world.whatIsMissing()}`)
}

function configure(world: World, buckets: readonly WorkloadBucket[]): Violation | undefined {
  world.announce('phase', 'buckets are configured')
  for (const bucket of buckets) {
    const { name, mode, n = world.replicas, r, w, sloppy = false, ttlMs = 0 } = bucket
    const properties = { ...DEFAULT_PROPERTIES, n, r, w, conflicts: mode, sloppy, ttlMs }
    const request = { type: 'configure-bucket', bucket: name, properties } as const
    const failed = insist(world, request)
    if (failed !== undefined) return stuck(world, `bucket ${name} is not configured: ${failed}`)
  }
  const known = (): boolean =>
    world
      .views()
      .every((view) => buckets.every(({ name }) => view.buckets.some((b) => b.name === name)))
  if (world.run(CONFIGURE_LIMIT_MS, known, LOOK_EVERY_MS)) return undefined
  return stuck(world, 'a node has not heard of the buckets')
}

/**
 * Asks for the change again and again, as an operator would whose disks fail now and then, until
 * all have it durably; says why not when they do not.
 */
function insist(world: World, request: ClientRequest): string | undefined {
  const untilMs = world.queue.nowMs + CONFIGURE_LIMIT_MS
  let why = 'no answer'
  while (world.queue.nowMs < untilMs && world.violation === undefined) {
    const reply = world.ask(world.nodes[0]!, request, CONFIGURE_LIMIT_MS)
    if (reply !== 'lost' && reply.type === 'configure-bucket') {
      const { result } = reply
      if (result.ok && result.pending.length === 0) return undefined
      why = JSON.stringify(result)
    }
    world.run(LOOK_EVERY_MS)
  }
  return why
}

function load(world: World, scenario: Scenario, clients: readonly Client[]): Violation | undefined {
  world.announce('phase', 'clients work, faults begin')
  for (const client of clients) client.start()
  const faults = scenario.faults.map((fault, index) =>
    beginFault(world, fault, diceOf(world.seed, scenario.faults, index)),
  )
  world.run(scenario.loadMs)
  if (world.violation !== undefined) return world.violation
  world.announce('phase', 'faults end')
  for (const fault of faults) fault.end()
  world.network.calm()
  world.run(AFTERMATH_MS)
  return world.violation
}

/** Dice that stay the same when faults of other types are added or taken away. */
function diceOf(seed: number, faults: readonly Fault[], index: number): Prng {
  const type = faults[index]!.type
  const nth = faults.slice(0, index).filter((fault) => fault.type === type).length
  return stream(seed, 'fault', type, nth)
}

/**
 * An operator looks after the dead at last: nobody waits for one who will not come back, and what
 * was kept for it goes to those who hold its partitions now.
 */
function bury(world: World): Violation | undefined {
  const layouts = (): readonly LayoutState[] => world.views().flatMap(({ layout }) => layout ?? [])
  const left = (): NodeId | undefined =>
    layouts()
      .flatMap(({ current }) => current.roles)
      .find(({ node }) => world.isFormer(node))?.node
  const isKnown = (node: NodeId): boolean => layouts().every(({ lost }) => lost.includes(node))
  const untilMs = world.queue.nowMs + HEAL_LIMIT_MS
  for (let node = left(); node !== undefined; node = left()) {
    if (world.violation !== undefined || world.queue.nowMs > untilMs)
      return stuck(world, `${world.nameOf(node)} is dead and cannot be removed`)
    const asked = world.nodes.find(({ isUp }) => isUp)
    const request = { type: 'layout', ask: { what: 'remove', node, partitions: 0 } } as const
    if (asked !== undefined && !isKnown(node)) world.ask(asked, request, LAST_ANSWER_LIMIT_MS)
    world.run(BURY_EVERY_MS)
  }
  return undefined
}

/**
 * An operator restarts who takes itself for a clone, as it says: a node that is back from a copy of
 * its disk in no time, with a clock that went back, is in a generation that others have seen.
 */
function restartClones(world: World): void {
  const clones = (): readonly SimNode[] =>
    world.nodes.filter(({ machine }) => machine?.view().clonedBy !== undefined)
  for (let turns = 0; turns < RESTARTS_MAX && clones().length > 0; turns++) {
    for (const node of clones()) {
      node.crash()
      node.start(othersOf(world, node.index))
    }
    world.run(RESTARTED_MS)
  }
}

function heal(world: World, clients: readonly Client[]): Violation | undefined {
  world.announce('phase', 'the world heals')
  for (const client of clients) client.stop()
  for (const node of world.nodes) node.disk.mend()
  const answered = (): boolean => clients.every((client) => !client.isWaiting)
  if (!world.run(LAST_ANSWER_LIMIT_MS, answered))
    return stuck(world, 'a client still waits for its answer')
  restartClones(world)
  const buried = bury(world)
  if (buried !== undefined) return buried
  const whole = (): boolean => world.whatIsMissing() === undefined
  if (!world.run(HEAL_LIMIT_MS, whole, LOOK_EVERY_MS))
    return stuck(world, `not whole after ${HEAL_LIMIT_MS} ms: ${world.whatIsMissing()}`)
  const mended = (): boolean => world.atlas.whatIsDamaged() === undefined
  if (!world.run(MEND_LIMIT_MS, mended, LOOK_EVERY_MS))
    return stuck(world, `not mended after ${MEND_LIMIT_MS} ms: ${world.atlas.whatIsDamaged()}`)
  // What a slow disk has not taken yet is shown to nobody, and would come up after the last reads.
  if (world.run(REST_LIMIT_MS, () => world.isAtRest(), LOOK_EVERY_MS)) return undefined
  return stuck(world, 'something goes on and on')
}

function judge(world: World, scenario: Scenario, workload: Workload): Violation | undefined {
  // So that no deadline comes between one final read and the next.
  world.run(longestLife(workload))
  const repaired = repairEverything(world, workload)
  if ('checker' in repaired) return repaired
  world.announce('phase', 'every key is read through every node')
  const finals = readEverything(world, workload)
  if ('checker' in finals) return finals
  const listings = listEverything(world, workload)
  if ('checker' in listings) return listings
  world.run(REST_MS)
  if (!world.run(REST_LIMIT_MS, () => world.isAtRest(), LOOK_EVERY_MS))
    return stuck(world, 'something goes on and on')
  const evidence: Evidence = {
    operations: world.history.operations,
    finals,
    listings,
    repaired,
    copies: collectCopies(world, workload),
    damages: world.atlas.damages,
    clockErrorMs: world.clockErrorMs,
    nowMs: EPOCH_MS + world.queue.nowMs,
    gauges: world.gauges(),
    replicas: world.replicas,
    leastReplicas: Math.min(world.replicas, scenario.born),
  }
  for (const checker of scenario.checkers) {
    const broken = checker.check(evidence)
    if (broken !== undefined) return broken
  }
  return undefined
}

function longestLife({ buckets, ttlShare, ttlMs }: Workload): number {
  const lives = buckets.map((bucket) => bucket.ttlMs ?? 0)
  const longest = Math.max(0, ...lives, ttlShare > 0 ? ttlMs[1] : 0)
  return longest > 0 ? longest + DEADLINE_SLACK_MS : 0
}

/** The world's own violation, or that it got stuck. */
function stuck(world: World, message: string): Violation {
  return world.violation ?? violation('progress', message)
}
