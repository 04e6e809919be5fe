/**
 * `/repair`: asks the node that answers to compare what it holds with all other replicas now, and
 * tells how far it has come.
 *
 * The answer to the wish comes at once, with the number of the run; to look on is a GET. Each node
 * repairs what it holds: who wants the whole cluster repaired asks each, as `dnd repair` does.
 */
import { bucketNameProblem, DEFAULT_BUCKET } from '../../core/node/buckets.ts'
import type { ClientReply } from '../../core/node/events.ts'
import type { RepairResult } from '../../core/node/events.ts'
import type { RepairRunView } from '../../core/node/repair-runs.ts'
import { DndError } from '../../core/errors.ts'
import { assert } from '../../core/std/assert.ts'
import type { Asked } from './exchange.ts'

export interface RepairRunJson {
  /** Counted from 1 in each life of the node. */
  readonly run: number
  /** Absent: every bucket. */
  readonly bucket?: string
  /** Absent: every key. */
  readonly prefix?: string
  /** ISO 8601 in UTC, by the clock of the node. */
  readonly startedAt: string
  /** Absent: it is under way. */
  readonly finishedAt?: string
  /** Compared with other replicas. */
  readonly partitions: number
  /** Of a partition with another replica: to be made, and made. */
  readonly comparisons: number
  readonly done: number
  /** Comparisons given up: the other side was not up, or did not take part. */
  readonly failed: number
  /** Ids of nodes that were not up. */
  readonly unreachable: readonly string[]
  /** Keys that differed, in exchanges that this node began. */
  readonly found: number
  /** Keys that differed, in exchanges that others began. */
  readonly foundByOthers: number
  /** Records that were news to this node. */
  readonly received: number
  /** Records sent to other replicas. */
  readonly sent: number
}

export interface RepairJson {
  readonly node: string
  readonly name: string
  /** The last ones, in order. */
  readonly runs: readonly RepairRunJson[]
  /** Comparisons under way, for whatever reason. */
  readonly active: number
  /** Partitions whose hash tree is still being made of their records. */
  readonly treesMissing: number
  /** Partitions in which something broke, and that were not compared with all replicas since. */
  readonly doubtful: number
  /** Records read and checked since the node was started, and those of them that were broken. */
  readonly recordsChecked: number
  readonly recordsBroken: number
}

export function onRepair(exchange: Asked): void {
  const { site, query } = exchange
  const prefix = query.prefix ?? new Uint8Array(0)
  const unnamed = prefix.length > 0 ? DEFAULT_BUCKET : undefined
  const bucket = query.bucket === undefined ? unnamed : bucketOf(query.bucket)
  site.gateway.submit({ type: 'repair', scope: { bucket, prefix } }, (reply) =>
    onBegun(exchange, repairResult(reply)),
  )
}

export function onRepairProgress(exchange: Asked): void {
  const { self, antiEntropy } = exchange.site.gateway.view()
  const body: RepairJson = {
    node: self.info.id,
    name: self.info.name,
    runs: antiEntropy.repairs.map((run) => runJson(run)),
    active: antiEntropy.active,
    treesMissing: antiEntropy.trees.missing,
    doubtful: antiEntropy.doubtful,
    recordsChecked: antiEntropy.trees.checked,
    recordsBroken: antiEntropy.trees.broken,
  }
  exchange.json(200, body)
}

function onBegun(exchange: Asked, result: RepairResult): void {
  if (!result.ok) return exchange.failure(result)
  exchange.json(202, runJson(result.repair))
}

function repairResult(reply: ClientReply): RepairResult {
  assert(reply.type === 'repair', `a wish to repair was answered by ${reply.type}`)
  return reply.result
}

function bucketOf(name: Uint8Array): string {
  const bucket = Buffer.from(name).toString()
  const problem = bucketNameProblem(bucket)
  if (problem !== undefined) throw new DndError('DND_ERR_BAD_BUCKET', problem)
  return bucket
}

function runJson({ scope, startedMs, finishedMs, pairs, ...run }: RepairRunView): RepairRunJson {
  const { bucket, prefix } = scope
  return {
    run: run.run,
    ...(bucket === undefined ? {} : { bucket }),
    ...(prefix.length === 0 ? {} : { prefix: Buffer.from(prefix).toString() }),
    startedAt: new Date(startedMs).toISOString(),
    ...(finishedMs === undefined ? {} : { finishedAt: new Date(finishedMs).toISOString() }),
    partitions: run.partitions,
    comparisons: pairs,
    done: run.done,
    failed: run.failed,
    unreachable: run.unreachable,
    found: run.found,
    foundByOthers: run.foundByOthers,
    received: run.received,
    sent: run.sent,
  }
}
