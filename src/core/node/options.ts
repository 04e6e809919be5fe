/**
 * What a node is made of: who it is, what it may reach synchronously, and its dice.
 */
import type { Checksum } from '../std/crc32.ts'
import type { ClusterId } from '../std/ids.ts'
import type { Prng } from '../std/prng.ts'
import type { MemberInfo } from '../membership/member.ts'
import type { StoreReader } from '../ports.ts'
import type { NodeConfig } from './config.ts'

export interface NodeOptions {
  readonly self: MemberInfo
  readonly cluster: ClusterId
  readonly generation: number
  readonly config: NodeConfig
  /** Given to the first node of a new cluster; ignored when the store already has a layout. */
  readonly birth: { readonly partitions: number; readonly replicas: number } | undefined
  readonly store: StoreReader
  readonly checksum: Checksum
  readonly rng: Prng
}
