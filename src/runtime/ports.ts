/**
 * What the driver needs of the outside world: one interface for each adapter, and one for whoever
 * serves clients. Adapters report back through the listener that they are given; none of these
 * methods throws or waits.
 */
import type { AccessView } from '../core/node/access.ts'
import type { ClusterKey, KeyId, KeyringState } from '../core/node/cluster-key.ts'
import type { ClientReply, ClientRequest } from '../core/node/events.ts'
import type { NodeView } from '../core/node/view.ts'
import type { SwimPacket } from '../core/membership/messages.ts'
import type { ScanRange, StoreEntry, StoreOperation, StoreReader } from '../core/ports.ts'
import type { Address, NodeId } from '../core/std/ids.ts'
import type { PeerMessage } from '../core/wire/messages.ts'

/**
 * TCP between nodes: one outgoing connection for each peer, dialled when first needed, one write a
 * tick (cork).
 */
export interface Links {
  /**
   * Queues for `to`, dialling if need be. What cannot be delivered is dropped and told as
   * `linkDown`.
   */
  send(to: NodeId, message: PeerMessage): void
  setAddress(peer: NodeId, address: Address): void
  dial(address: Address): void
  close(): Promise<void>
}

export interface LinkListener {
  message(from: NodeId, message: PeerMessage): void
  /** The outgoing connection to `peer` stands. */
  linkUp(peer: NodeId): void
  /** The outgoing connection is gone, or could not be made; what was queued on it is lost. */
  linkDown(peer: NodeId, reason: string): void
  dialed(address: Address, peer: NodeId): void
  dialFailed(address: Address, reason: string): void
  /**
   * Something hostile or broken arrived: counted by `cause`, logged with `detail`, dropped. With
   * `source` it is about the settings of two nodes, so that people should see it: of each source
   * and cause once a minute.
   */
  fault(cause: string, detail: string, source?: string): void
}

/** UDP between nodes. */
export interface Datagrams {
  send(to: Address, packet: SwimPacket): void
  close(): Promise<void>
}

export interface DatagramListener {
  packet(packet: SwimPacket, from: Address): void
  /** As {@link LinkListener.fault}. */
  fault(cause: string, detail: string, source?: string): void
}

/**
 * Whether traffic between nodes is encrypted. The middle two are for turning it on in a running
 * cluster, one rolling restart for each: first all accept it, then all use it, then all demand it.
 */
export type EncryptionMode =
  /** Plain; what is encrypted is refused. */
  | 'off'
  /** Both are heard, what leaves is plain. */
  | 'accept'
  /** Both are heard, what leaves is encrypted. */
  | 'prefer'
  /** Encrypted; what is plain is refused. */
  | 'required'

/** The cluster keys of this node, as UDP and TCP use them; asked anew for each packet and link. */
export interface Keyring {
  readonly mode: EncryptionMode
  /** What leaves is sealed with it; undefined iff `mode` is `off`. */
  readonly primary: ClusterKey | undefined
  /** Any installed key opens what arrives. */
  find(id: KeyId): ClusterKey | undefined
}

/** Where the cluster's keys are kept, and taken from for all that leaves and arrives. */
export interface KeyringStore {
  /**
   * Durable before it returns, and in effect for the next packet and link. The reason when it
   * cannot be stored; then everything stays as it was.
   */
  install(state: KeyringState): string | undefined
}

/** The node's embedded store. */
export interface Store extends StoreReader {
  /**
   * Queues an atomic batch; all queued while one group is being synced go out with the next (group
   * commit). `get` sees it at once. Answered by `stored(batch)` in the order committed, once it has
   * survived fsync, or by `storeFailed`, after which no read sees it any more.
   *
   * A batch that fails takes with it all that were committed after it and before the listener was
   * told: what they were made of is what `get` showed of it. None of them is seen any more when the
   * first is told. So what is durable is always what its writer believed when it wrote.
   *
   * The bytes of keys and values are the store's from here on: whoever changes them changes what is
   * read, or what reaches the disk.
   */
  commit(batch: number, operations: readonly StoreOperation[]): void
  /**
   * Answered by `scanned` or `scanFailed`. Runs once every batch handed over before it is durable
   * or has failed, and sees only what is durable: nothing that may still be lost, and all that was
   * handed over before and is not.
   */
  scan(scan: number, ranges: readonly ScanRange[]): void
  /** Syncs what is queued, then closes. */
  close(): Promise<void>
}

export interface StoreListener {
  stored(batch: number): void
  storeFailed(batch: number, reason: string): void
  scanned(scan: number, ranges: readonly (readonly StoreEntry[])[]): void
  scanFailed(scan: number, reason: string): void
}

/** What serves clients (HTTP now): the node as they see it. */
export interface Gateway {
  /** `done` is called exactly once, never before `submit` returns. */
  submit(request: ClientRequest, done: (reply: ClientReply) => void): void
  view(): NodeView
  /** Who may do what; as `view`, it throws a `DndError` while the node is being started. */
  readonly access: AccessView
}

/**
 * Counters and log of the driver and the adapters. Three levels only: someone must look, state
 * changed, debug.
 */
export interface Log {
  error(message: string, fields?: Readonly<Record<string, unknown>>): void
  info(message: string, fields?: Readonly<Record<string, unknown>>): void
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void
}
