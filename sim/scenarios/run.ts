/**
 * One run of one scenario from one seed, in six phases: the cluster forms; the buckets are
 * configured; clients work while faults go on; the world heals and must become whole again; every
 * key is read through every node with r = n; the checkers judge.
 */
import { DEFAULT_PROPERTIES } from '../../src/core/node/buckets.ts'
import type { Evidence } from '../checkers/evidence.ts'
import type { Client, Workload, WorkloadBucket } from '../clients.ts'
import { beginFault } from '../faults/fault.ts'
import { stream, within } from '../seed.ts'
import type { Mutant, NodeFactory } from '../sim-node.ts'
import type { TraceListener } from '../trace.ts'
import { Trace } from '../trace.ts'
import type { Violation } from '../violation.ts'
import { violation } from '../violation.ts'
import type { World } from '../world.ts'
import { collectCopies, listEverything, readEverything } from './inspect.ts'
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
const CONFIGURE_LIMIT_MS = 10_000
/** How long clients go on after the last fault, and how long the last of them may wait. */
const AFTERMATH_MS = 2_000
const LAST_ANSWER_LIMIT_MS = 10_000
/**
 * How long everything rests before the disks are compared, and how long it may take to come to
 * rest.
 */
const REST_MS = 2_000
const REST_LIMIT_MS = 30_000
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
  for (const { name, mode, r, w } of buckets) {
    const properties = { ...DEFAULT_PROPERTIES, n: world.replicas, r, w, conflicts: mode }
    const request = { type: 'configure-bucket', bucket: name, properties } as const
    const reply = world.ask(world.nodes[0]!, request, CONFIGURE_LIMIT_MS)
    if (reply !== 'lost' && reply.result.ok) continue
    const why = reply === 'lost' ? 'no answer' : JSON.stringify(reply.result)
    return stuck(world, `bucket ${name} is not configured: ${why}`)
  }
  const known = (): boolean =>
    world
      .views()
      .every((view) => buckets.every(({ name }) => view.buckets.some((b) => b.name === name)))
  if (world.run(CONFIGURE_LIMIT_MS, known, LOOK_EVERY_MS)) return undefined
  return stuck(world, 'a node has not heard of the buckets')
}

function load(world: World, scenario: Scenario, clients: readonly Client[]): Violation | undefined {
  world.announce('phase', 'clients work, faults begin')
  for (const client of clients) client.start()
  const faults = scenario.faults.map((fault, index) =>
    beginFault(world, fault, stream(world.seed, 'fault', index)),
  )
  world.run(scenario.loadMs)
  if (world.violation !== undefined) return world.violation
  world.announce('phase', 'faults end')
  for (const fault of faults) fault.end()
  world.network.calm()
  world.run(AFTERMATH_MS)
  return world.violation
}

function heal(world: World, clients: readonly Client[]): Violation | undefined {
  world.announce('phase', 'the world heals')
  for (const client of clients) client.stop()
  for (const node of world.nodes) node.disk.mend()
  const answered = (): boolean => clients.every((client) => !client.isWaiting)
  if (!world.run(LAST_ANSWER_LIMIT_MS, answered))
    return stuck(world, 'a client still waits for its answer')
  const whole = (): boolean => world.whatIsMissing() === undefined
  if (world.run(HEAL_LIMIT_MS, whole, LOOK_EVERY_MS)) return undefined
  return stuck(world, `not whole after ${HEAL_LIMIT_MS} ms: ${world.whatIsMissing()}`)
}

function judge(world: World, scenario: Scenario, workload: Workload): Violation | undefined {
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
    copies: collectCopies(world),
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

/** The world's own violation, or that it got stuck. */
function stuck(world: World, message: string): Violation {
  return world.violation ?? violation('progress', message)
}
