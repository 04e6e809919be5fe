/**
 * What the checkers are given of a world at rest: every key read through every node, and what the
 * disks hold.
 */
import { bytesToBinary, utf8Decode, utf8Encode } from '../../src/core/std/bytes.ts'
import type { NodeId, PartitionId } from '../../src/core/std/ids.ts'
import { partitionOf, slotOf } from '../../src/core/placement/slot.ts'
import { parseRecordKey } from '../../src/core/node/storage-keys.ts'
import type { Layout } from '../../src/core/placement/layout.ts'
import type { Copies, FinalListing, FinalRead } from '../checkers/evidence.ts'
import type { Workload, WorkloadBucket } from '../clients.ts'
import { keyName } from '../describe.ts'
import { heldBy } from '../held.ts'
import type { SimNode } from '../sim-node.ts'
import type { Violation } from '../violation.ts'
import { violation } from '../violation.ts'
import type { World } from '../world.ts'

/** What a node is given for one final read, and what the world gives the node, milliseconds. */
const READ_TIMEOUT_MS = 5_000
const READ_LIMIT_MS = 10_000
const READ_ATTEMPTS = 4
const BETWEEN_ATTEMPTS_MS = 2_000
/** Few, so that listings have pages. */
const PAGE_KEYS = 3
const EMPTY: Uint8Array = new Uint8Array(0)

/** Reads every key through every node with r = n, which also mends what is stale. */
export function readEverything(world: World, workload: Workload): readonly FinalRead[] | Violation {
  const finals: FinalRead[] = []
  for (const bucket of workload.buckets) {
    for (let index = 0; index < workload.keys; index++) {
      for (const node of world.nodes.filter((candidate) => candidate.isUp)) {
        const read = (): FinalRead | Violation => readOnce(world, node, bucket, `k${index}`)
        const final = readUntilAnswered(world, read)
        if ('checker' in final) return final
        finals.push(final)
      }
    }
  }
  return finals
}

/**
 * Links that broke during the faults may be found out only now: a read may fail, but not for long.
 */
export function readUntilAnswered<T>(world: World, readOnce: () => T | Violation): T | Violation {
  for (let attempt = 1; attempt < READ_ATTEMPTS; attempt++) {
    const answer = readOnce()
    if (!isViolation(answer)) return answer
    if (world.violation !== undefined) return world.violation
    world.run(BETWEEN_ATTEMPTS_MS)
  }
  return readOnce()
}

function isViolation(answer: unknown): answer is Violation {
  return typeof answer === 'object' && answer !== null && 'checker' in answer
}

function readOnce(
  world: World,
  node: SimNode,
  { name: bucket, mode, n = world.replicas }: WorkloadBucket,
  key: string,
): FinalRead | Violation {
  const r = Math.min(n, replicasLeft(world, bucket, key, n))
  const names = { bucket, key: utf8Encode(key), sort: undefined }
  const request = { type: 'get', ...names, r, timeoutMs: READ_TIMEOUT_MS } as const
  const reply = world.ask(node, request, READ_LIMIT_MS)
  const name = `${bucket}/${key}`
  if (reply === 'lost' || reply.type !== 'get')
    return world.violation ?? violation('progress', `${name}: no answer to the final read`, [name])
  const { result } = reply
  if (result.ok) return { node: node.index, bucket, mode, key, result }
  const message = `${name}: final read through n${node.index + 1}: ${result.code} ${result.message}`
  return violation('progress', message, [name])
}

/** Lists every bucket through every node, page by page, every other node from the end. */
export function listEverything(
  world: World,
  workload: Workload,
): readonly FinalListing[] | Violation {
  const listings: FinalListing[] = []
  for (const { name: bucket } of workload.buckets) {
    for (const node of world.nodes.filter((candidate) => candidate.isUp)) {
      const reverse = node.index % 2 === 1
      const keys = listPages(world, node, bucket, reverse, workload.keys)
      if ('checker' in keys) return keys
      listings.push({ node: node.index, bucket, reverse, keys })
    }
  }
  return listings
}

function listPages(
  world: World,
  node: SimNode,
  bucket: string,
  reverse: boolean,
  keysMax: number,
): readonly string[] | Violation {
  const keys: string[] = []
  let bounds = { from: EMPTY, to: EMPTY }
  for (let pages = 0; pages <= keysMax; pages++) {
    const wanted = { bucket, ...bounds, reverse, limit: PAGE_KEYS, timeoutMs: READ_TIMEOUT_MS }
    const reply = world.ask(node, { type: 'list', ...wanted }, READ_LIMIT_MS)
    if (world.violation !== undefined) return world.violation
    if (reply === 'lost' || reply.type !== 'list' || !reply.result.ok) {
      const why = reply === 'lost' ? 'no answer' : JSON.stringify(reply.result)
      return violation('progress', `${bucket}: no listing through n${node.index + 1}: ${why}`)
    }
    keys.push(...reply.result.keys.map(({ key }) => utf8Decode(key) ?? '?'))
    const { next } = reply.result
    if (next === undefined) return keys
    bounds = reverse ? { from: EMPTY, to: next } : { from: next, to: EMPTY }
  }
  return violation('listings', `${bucket}: more pages than keys through n${node.index + 1}`)
}

/** Of the n replicas of a key, those whose disks were not lost for good. */
function replicasLeft(world: World, bucket: string, key: string, n: number): number {
  const layout = world.views()[0]?.layout?.current
  if (layout === undefined) return n
  const partition = partitionOf(slotOf(bucket, utf8Encode(key)), layout.partitions)
  return replicasOf(layout, partition)
    .slice(0, n)
    .filter((id) => !world.isFormer(id)).length
}

/** Every record on any disk, as each node that should hold it does. */
export function collectCopies(
  world: World,
  workload: Pick<Workload, 'buckets'>,
): readonly Copies[] {
  const layout = world.views()[0]?.layout?.current
  if (layout === undefined) return []
  const keys = new Map<string, Uint8Array>()
  for (const { disk } of world.nodes)
    for (const { key } of disk.entries()) keys.set(bytesToBinary(key), key)
  return [...keys.values()].flatMap((key) => {
    const record = parseRecordKey(key)
    if (record === undefined) return []
    const n = workload.buckets.find(({ name }) => name === record.bucket)?.n
    const holders = replicasOf(layout, record.partition).slice(0, n)
    const copies = world.nodes
      .filter(({ id }) => holders.includes(id))
      .map(({ index, disk }) => {
        const record = disk.get(key)
        return { node: index, container: heldBy((at) => disk.get(at), key), record }
      })
    return { name: keyName(key) ?? '?', copies }
  })
}

export function replicasOf(layout: Layout, partition: PartitionId): readonly NodeId[] {
  return (layout.table[partition] ?? []).flatMap((role) => layout.roles[role]?.node ?? [])
}
