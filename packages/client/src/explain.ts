/**
 * What a node answers when it is asked to explain a key (`GET /explain/…`): where the key belongs,
 * what each replica holds of it, and what is still to happen to it.
 */
import type { BucketPropertiesJson, MemberStateJson } from './api.ts'

export interface ExplainJson {
  readonly bucket: string
  readonly key: string
  readonly sort?: string
  readonly properties: BucketPropertiesJson
  readonly slot: number
  readonly partition: number
  readonly layoutVersion: number
  /** Whether the partition is moving to other nodes. */
  readonly moving: boolean
  /** What somebody should know, in words, the most urgent first. */
  readonly summary: readonly FindingJson[]
  /** All that any replica holds, in order of time. */
  readonly versions: readonly ExplainedVersionJson[]
  /** In order of preference. */
  readonly replicas: readonly ExplainedReplicaJson[]
  /** Kept for replicas of the key, by whomever. */
  readonly hints: readonly ExplainedHintsJson[]
}

export interface FindingJson {
  readonly level: 'ok' | 'note' | 'problem'
  readonly text: string
}

export interface ExplainedVersionJson {
  /** `vnode:counter`, the name of the write. */
  readonly dot: string
  /** Node id; absent when it is not known: an earlier life of a node, or one that is gone. */
  readonly writtenBy?: string
  /** By the hybrid clock of who wrote it: ISO 8601 in UTC. */
  readonly writtenAt: string
  readonly kind: 'value' | 'delete'
  readonly bytes?: number
  readonly contentType?: string
  readonly expiresAt?: string
  readonly expired?: true
  /** Of the last-write-wins: the others are not shown. */
  readonly wins?: true
  /** A replica has seen it and does not hold it: it is over. */
  readonly superseded?: true
  /** Node ids of the replicas that hold it. */
  readonly on: readonly string[]
}

export interface ExplainedReplicaJson {
  readonly node: string
  readonly name: string
  readonly state: MemberStateJson | 'unknown'
  /**
   * `reads`: takes writes and answers reads. `writes`: takes writes, and answers reads when the
   * layout has changed. `keeps`: has a copy all the same, since whole partitions are compared.
   */
  readonly serves: 'reads' | 'writes' | 'keeps'
  readonly answer: 'found' | 'absent' | 'unreadable' | 'down' | 'silent'
  /** The rest is absent when there was no answer. Bytes of the record as it is stored. */
  readonly bytes?: number
  /** Dots. */
  readonly versions?: readonly string[]
  /** Versions that are not told one by one. */
  readonly more?: number
  /** By vnode, the last write that the copy reflects. */
  readonly seen?: Readonly<Record<string, number>>
  /** Of the partition. `doubtful`: nobody takes it over; `incomplete`: nobody reads from it. */
  readonly clock?: 'whole' | 'doubtful' | 'incomplete'
  /** Under which it writes in this partition at present. */
  readonly vnode?: string
  /** What a delete or an expired value waits for there, before it is reaped. */
  readonly waitsFor?: 'moving' | 'doubt' | 'floor' | 'horizon' | 'base' | 'turn'
  readonly compared?: readonly {
    readonly node: string
    readonly name: string
    /** ISO 8601 in UTC; absent: not since the process started. */
    readonly at?: string
    /** Keys that differed then. */
    readonly differences: number
  }[]
}

export interface ExplainedHintsJson {
  readonly on: string
  readonly onName: string
  readonly target: string
  readonly targetName: string
  readonly count: number
  readonly bytes: number
  /** When the oldest was kept: ISO 8601 in UTC. */
  readonly oldest: string
}
