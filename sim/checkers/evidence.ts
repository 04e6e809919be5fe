/** What a finished run leaves for the checkers to judge, and the same sorted by key. */
import type { GetSuccess } from '../../src/core/node/events.ts'
import type { ConflictMode } from '../../src/core/node/messages.ts'
import type { Container } from '../../src/core/versions/version.ts'
import type { Damage } from '../faults/atlas.ts'
import type { GetRecord, Operation, WriteRecord } from '../history.ts'
import type { Violation } from '../violation.ts'
import { violation } from '../violation.ts'

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
    /** Filled. */
    readonly container: Container | 'corrupt'
    /** The record as it is on the disk. */
    readonly record?: Uint8Array | 'unreadable' | undefined
  }[]
}

export interface Repaired {
  readonly copies: readonly Copies[]
  /** What is dead and was not reaped, in words. */
  readonly leftovers: readonly string[]
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
  /** What every node's repair came to, before any of the final reads. */
  readonly repaired?: Repaired
  readonly gauges: readonly Gauge[]
  /** Disks that were damaged, and until when: see `faults/atlas.ts`. */
  readonly damages?: readonly Damage[]
  /** When the run ended, milliseconds since 1970; without it, what has expired is not known. */
  readonly nowMs?: number
  /** How far wall clocks were off; Infinity, and without it: by more than is allowed. */
  readonly clockErrorMs?: number
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

/** An invariant of each key by itself: `wrongIn` says what is wrong with one, if anything is. */
export function checkerOfKeys(
  name: string,
  wrongIn: (key: KeyEvidence, evidence: Evidence) => string | undefined,
): Checker {
  return {
    name,
    check(evidence) {
      for (const key of byKey(evidence)) {
        const wrong = wrongIn(key, evidence)
        if (wrong !== undefined) return violation(name, `${key.name}: ${wrong}`, [key.name])
      }
      return undefined
    },
  }
}

export type AnsweredGet = GetRecord & { readonly result: GetSuccess }

/** All that concerns one key; operations in order of invocation. */
export interface KeyEvidence {
  readonly name: string
  readonly mode: ConflictMode
  readonly writes: readonly WriteRecord[]
  /** Gets that were answered. */
  readonly gets: readonly AnsweredGet[]
  readonly finals: readonly FinalRead[]
}

/** Sorted once for all checkers. */
const sorted = new WeakMap<Evidence, readonly KeyEvidence[]>()

export function byKey(evidence: Evidence): readonly KeyEvidence[] {
  const known = sorted.get(evidence)
  if (known !== undefined) return known
  const keys = sortByKey(evidence)
  sorted.set(evidence, keys)
  return keys
}

function sortByKey(evidence: Evidence): readonly KeyEvidence[] {
  interface Open {
    readonly name: string
    readonly mode: ConflictMode
    readonly writes: WriteRecord[]
    readonly gets: AnsweredGet[]
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

function isAnswered(get: GetRecord): get is AnsweredGet {
  return get.outcome === 'ok' && get.result !== undefined
}

/** A final read and the acknowledged writes that it must reflect. */
export interface Reflection {
  readonly what: string
  readonly result: GetSuccess
  readonly writes: readonly WriteRecord[]
}

/** The final reads: each must reflect all that was ever acknowledged. */
export function finalReflections(key: KeyEvidence): readonly Reflection[] {
  const writes = key.writes.filter((write) => write.outcome === 'ok')
  return key.finals.map(({ node, result }) => ({
    what: `the final read through n${node + 1}`,
    result,
    writes,
  }))
}

/**
 * Whether `get` must reflect the acknowledged `write`: it began after the acknowledgement, and r +
 * w > n, so that one of those that answered had the write; unless what stood in for a replica may
 * have been counted, or a disk that may have forgotten it
 * was among those that were asked.
 */
export function meets(
  get: GetRecord,
  write: WriteRecord,
  { replicas, damages = [] }: Evidence,
): boolean {
  return (
    write.returned < get.invoked &&
    write.sloppy !== true &&
    get.mayReadOld !== true &&
    get.r + write.w > (get.n ?? replicas) &&
    !damages.some((damage) => mayBeForgotten(write, get, damage))
  )
}

/**
 * Whether `damage` may have taken `write` from the sight of `get`: the write was begun before, and
 * the read was under way while it was not mended.
 */
function mayBeForgotten(write: WriteRecord, get: GetRecord, { at, until }: Damage): boolean {
  return write.invoked < at && get.invoked < until && get.returned > at
}
