/** What a finished run leaves for the checkers to judge, and the same sorted by key. */
import type { GetSuccess } from '../../src/core/node/events.ts'
import type { ConflictMode } from '../../src/core/node/messages.ts'
import type { Container } from '../../src/core/versions/version.ts'
import type { GetRecord, Operation, WriteRecord } from '../history.ts'
import type { Violation } from '../violation.ts'

/** A get with r = n through one node, when all faults were over and everything had come to rest. */
export interface FinalRead {
  readonly node: number
  readonly bucket: string
  readonly mode: ConflictMode
  readonly key: string
  readonly result: GetSuccess
}

/** All pages of a bucket's listing, asked of one node at the end. */
export interface FinalListing {
  readonly node: number
  readonly bucket: string
  readonly reverse: boolean
  readonly keys: readonly string[]
}

/** What the disks of a key's replicas hold at the very end. */
export interface Copies {
  /** `bucket/key`. */
  readonly name: string
  readonly copies: readonly {
    readonly node: number
    readonly container: Container | 'absent' | 'corrupt'
  }[]
}

/** Queues: the most that one ever held, and the most that it may. */
export interface Gauge {
  readonly what: string
  readonly most: number
  readonly bound: number
  /** What it holds at rest, where that should be nothing; 0 otherwise. */
  readonly atRest: number
}

export interface Evidence {
  readonly operations: readonly Operation[]
  readonly finals: readonly FinalRead[]
  readonly listings: readonly FinalListing[]
  readonly copies: readonly Copies[]
  readonly gauges: readonly Gauge[]
  /** n of every bucket. */
  readonly replicas: number
  /** Replicas when the cluster was smallest: what quorums were cut down to then. */
  readonly leastReplicas: number
}

/** One invariant. The first violation that it finds is enough: a run is good or it is not. */
export interface Checker {
  readonly name: string
  check(evidence: Evidence): Violation | undefined
}

/** All that concerns one key. */
export interface KeyEvidence {
  readonly name: string
  readonly mode: ConflictMode
  readonly writes: readonly WriteRecord[]
  /** Gets that were answered. */
  readonly gets: readonly (GetRecord & { readonly result: GetSuccess })[]
  readonly finals: readonly FinalRead[]
}

export function byKey(evidence: Evidence): readonly KeyEvidence[] {
  interface Open {
    readonly name: string
    readonly mode: ConflictMode
    readonly writes: WriteRecord[]
    readonly gets: (GetRecord & { readonly result: GetSuccess })[]
    readonly finals: FinalRead[]
  }
  const keys = new Map<string, Open>()
  const of = (item: { bucket: string; key: string; mode: ConflictMode }): Open => {
    const name = `${item.bucket}/${item.key}`
    const known = keys.get(name)
    if (known !== undefined) return known
    const fresh: Open = { name, mode: item.mode, writes: [], gets: [], finals: [] }
    keys.set(name, fresh)
    return fresh
  }
  for (const operation of evidence.operations) {
    if (operation.kind !== 'get') of(operation).writes.push(operation)
    else if (isAnswered(operation)) of(operation).gets.push(operation)
  }
  for (const final of evidence.finals) of(final).finals.push(final)
  return [...keys.values()]
}

function isAnswered(get: GetRecord): get is GetRecord & { readonly result: GetSuccess } {
  return get.outcome === 'ok' && get.result !== undefined
}

/**
 * A read and the acknowledged writes that it must reflect, because their quorums meet and they
 * ended before it began.
 */
export interface Reflection {
  readonly what: string
  readonly result: GetSuccess
  readonly writes: readonly WriteRecord[]
  /** Position of the read's return: what is invoked later cannot have influenced it. */
  readonly until: number
}

/** The final reads: each must reflect all that was ever acknowledged. */
export function finalReflections(key: KeyEvidence): readonly Reflection[] {
  const writes = key.writes.filter((write) => write.outcome === 'ok')
  return key.finals.map(({ node, result }) => ({
    what: `the final read through n${node + 1}`,
    result,
    writes,
    until: Infinity,
  }))
}

/** The reads under load: each must reflect the writes acknowledged before it, where r + w > n. */
export function quorumReflections(key: KeyEvidence, replicas: number): readonly Reflection[] {
  const acknowledged = key.writes.filter((write) => write.outcome === 'ok')
  return key.gets.map((get) => ({
    what: `get #${get.id} (r=${get.r}) through n${get.node + 1}`,
    result: get.result,
    writes: acknowledged.filter(
      (write) => write.returned < get.invoked && get.r + write.w > replicas,
    ),
    until: get.returned,
  }))
}
