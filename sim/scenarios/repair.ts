/**
 * What an operator would do after a disaster: tell every node to compare what it holds with all
 * others, and wait. Then, without a single read, all replicas hold the same, and nothing is left of
 * what was deleted or has expired.
 *
 * One round need not be enough for the second: a replica reaps what it knows all others to have
 * seen, and of the first it was compared with it knows only what that one had seen until then.
 */
import { crc32 } from '../../src/core/std/crc32.ts'
import type { NodeId, PartitionId } from '../../src/core/std/ids.ts'
import { clockKey, parseRecordKey } from '../../src/core/node/storage-keys.ts'
import { decodePartitionClock, PartitionClock } from '../../src/core/versions/partition-clock.ts'
import type { Container, Version } from '../../src/core/versions/version.ts'
import type { NodeView } from '../../src/core/node/view.ts'
import type { RepairRunView } from '../../src/core/node/repair-runs.ts'
import type { Repaired } from '../checkers/evidence.ts'
import type { Workload } from '../clients.ts'
import { EPOCH_MS } from '../clock.ts'
import { keyName } from '../describe.ts'
import { heldBy } from '../held.ts'
import type { SimNode } from '../sim-node.ts'
import type { Violation } from '../violation.ts'
import { violation } from '../violation.ts'
import type { World } from '../world.ts'
import { collectCopies, replicasOf } from './inspect.ts'

/** Rounds until everything must be reaped. */
const ROUNDS_MAX = 4
const ROUND_LIMIT_MS = 120_000
const ANSWER_LIMIT_MS = 10_000
const LOOK_EVERY_MS = 100
/** How long a round's news may take to be reaped by. */
const REAP_LIMIT_MS = 15_000
const EXPIRED_FOR_MS = 10_000
/** How long the hints for those who are up may take, retries included. */
const HINTS_LIMIT_MS = 120_000
const EVERYTHING = { bucket: undefined, prefix: new Uint8Array(0) }

/** What is on the disks after as many rounds as it takes. */
export function repairEverything(world: World, workload: Workload): Repaired | Violation {
  // As `dnd hints --wait`: what comes after the repair is on one replica only.
  if (!world.run(HINTS_LIMIT_MS, () => !areHintsWaiting(world), LOOK_EVERY_MS))
    return world.violation ?? stuck(world, 'hints wait for nodes that are up')
  for (let round = 1; ; round++) {
    world.announce('phase', `every node repairs, round ${round}`)
    const broken = repairOnce(world)
    if (broken !== undefined) return broken
    world.run(REAP_LIMIT_MS, () => leftoversOf(world, workload).length === 0, LOOK_EVERY_MS)
    const leftovers = leftoversOf(world, workload)
    if (world.violation !== undefined) return world.violation
    if (leftovers.length === 0 || round === ROUNDS_MAX)
      return { copies: collectCopies(world, workload), leftovers }
  }
}

function areHintsWaiting(world: World): boolean {
  const up = world.nodes.filter(({ isUp }) => isUp)
  const ids = new Set(up.map(({ id }) => id))
  return up.some((node) =>
    node.machine?.view().hints.targets.some(({ target, count }) => count > 0 && ids.has(target)),
  )
}

function repairOnce(world: World): Violation | undefined {
  // Bounded by: the nodes of the world.
  const runs = new Map<SimNode, number>()
  for (const node of world.nodes.filter((candidate) => candidate.isUp)) {
    const reply = world.ask(node, { type: 'repair', scope: EVERYTHING }, ANSWER_LIMIT_MS)
    if (reply === 'lost' || reply.type !== 'repair' || !reply.result.ok)
      return stuck(world, `n${node.index + 1} does not repair: ${JSON.stringify(reply)}`)
    runs.set(node, reply.result.repair.run)
  }
  const unfinished = (): readonly string[] =>
    [...runs].flatMap(([node, run]) => {
      const repair = repairOf(node.machine?.view(), run)
      if (repair?.finishedMs !== undefined) return []
      return `n${node.index + 1} has compared ${repair?.done} of ${repair?.pairs}`
    })
  if (!world.run(ROUND_LIMIT_MS, () => unfinished().length === 0, LOOK_EVERY_MS))
    return stuck(world, `a repair does not end: ${unfinished().join(', ')}`)
  for (const [node, run] of runs) {
    const repair = repairOf(node.machine?.view(), run)
    // Of a disk that was lost for good, a dead member may have stayed behind.
    if (repair !== undefined && repair.failed > 0 && !hasFormer(world))
      return stuck(world, `n${node.index + 1} gave up on ${repair.failed} comparisons`)
  }
  return undefined
}

function hasFormer(world: World): boolean {
  return world.nodes.some(({ formerIds }) => formerIds.length > 0)
}

function repairOf(view: NodeView | undefined, run: number): RepairRunView | undefined {
  return view?.antiEntropy.repairs.find((repair) => repair.run === run)
}

/** What is dead and still on a disk that answers for it, in words. */
function leftoversOf(world: World, { buckets }: Workload): readonly string[] {
  const layout = world.views()[0]?.layout?.current
  if (layout === undefined) return []
  // What has expired for less is left alone: a clock may be slow, and reaping takes its time.
  const beforeMs = EPOCH_MS + world.queue.nowMs - EXPIRED_FOR_MS
  return world.nodes.flatMap((node) =>
    node.disk.durableEntries().flatMap(({ key }) => {
      const record = parseRecordKey(key)
      if (record === undefined) return []
      const { partition } = record
      const replicas = replicasOf(layout, partition)
      if (!replicas.includes(node.id)) return []
      const held = heldBy((at) => node.disk.getDurable(at), key)
      // Who holds it beyond the bucket's n is not read from: what rots there only a scrub finds.
      const n = buckets.find(({ name }) => name === record.bucket)?.n
      if (held === 'corrupt' && !replicas.slice(0, n).includes(node.id)) return []
      const what = held === 'corrupt' ? held : deadIn(held, beforeMs)
      if (what === undefined) return []
      const known = knownOf(world, replicas, partition)
      // Who lost its disk for good cannot be compared with, and what was in doubt stays so.
      if (replicas.some((id) => world.isFormer(id)) && known?.doubtful !== false) return []
      // What was on a lost disk alone leaves a hole in all clocks that nobody can fill.
      if (held !== 'corrupt' && known?.dominates(held.vector) === false) return []
      return [`n${node.index + 1} holds ${what} under ${keyName(key)}`]
    }),
  )
}

/** All that the replicas have seen together; undefined: one of their clocks cannot be read. */
function knownOf(
  world: World,
  replicas: readonly NodeId[],
  partition: PartitionId,
): PartitionClock | undefined {
  const known = new PartitionClock()
  for (const { id, disk } of world.nodes) {
    if (!replicas.includes(id)) continue
    const bytes = disk.getDurable(clockKey(partition))
    if (bytes === undefined) continue
    const clock = typeof bytes === 'string' ? undefined : decodePartitionClock(bytes, crc32)
    if (clock === undefined) return undefined
    known.merge(clock)
    known.doubtful ||= clock.doubtful || clock.incomplete
  }
  return known
}

function deadIn({ versions }: Container, beforeMs: number): string | undefined {
  if (versions.length === 0) return 'a record without versions'
  const isDead = ({ value }: Version): boolean =>
    value === undefined || (value.expiresAtMs > 0 && value.expiresAtMs < beforeMs)
  const dead = versions.find(isDead)
  if (dead === undefined) return undefined
  return dead.value === undefined ? 'a tombstone' : 'an expired value'
}

function stuck(world: World, message: string): Violation {
  return world.violation ?? violation('progress', message)
}
