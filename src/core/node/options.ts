/**
 * What a node is made of: who it is, what it may reach synchronously, and its dice.
 */
import type { Checksum } from '../std/crc32.ts'
import type { ClusterId } from '../std/ids.ts'
import type { Prng } from '../std/prng.ts'
import type { Digest } from '../membership/leave-proof.ts'
import type { MemberInfo } from '../membership/member.ts'
import type { StoreReader } from '../ports.ts'
import type { KeyringState } from './cluster-key.ts'
import type { NodeConfig } from './config.ts'

export interface NodeOptions {
  /** The lock of its leave is made of `leaveSecret`. */
  readonly self: Omit<MemberInfo, 'leaveLock'>
  readonly cluster: ClusterId
  readonly generation: number
  readonly config: NodeConfig
  /** Given to the first node of a new cluster; ignored when the store already has a layout. */
  readonly birth: { readonly partitions: number; readonly replicas: number } | undefined
  readonly store: StoreReader
  /**
   * Whether the store is certainly as the last life of this node left it: that ended cleanly, and
   * nothing was put in its place. Only then are its vnode ids drawn from again (V1, V8).
   */
  readonly resumed: boolean
  /**
   * The greatest version of a layout that this node is known to have adopted, kept outside its
   * store: a store that knows less is not the one that it had (`acceptor-memory.ts`).
   */
  readonly knownVersion?: number | undefined
  /**
   * Name or id of a node of the cluster whose data is gone, and whose places this one is to have.
   */
  readonly replaces?: string | undefined
  readonly checksum: Checksum
  /** SHA-256. */
  readonly digest: Digest
  /** 32 hexadecimal digits, of this generation alone, from a source that nobody can guess. */
  readonly leaveSecret: string
  readonly rng: Prng
  /**
   * What this node has stored of the cluster's keys; undefined: it has nothing to do with them, for
   * they are told to nobody who might be overheard or could be anybody.
   */
  readonly keyring?: KeyringState | undefined
}
