/**
 * What the node gives its own rooms: the way out for what they ask, and the few facts that they
 * share. The machines of the other layers never see it; the node maps their effects into it.
 */
import type { ExchangeTimer } from '../repair/exchange.ts'
import type { TransferTimer } from '../repair/transfer-events.ts'
import type { ReadTimer } from '../coordinator/reads.ts'
import type { SwimTimer } from '../membership/swim.ts'
import type { ScanRange, StoreOperation } from '../ports.ts'
import type { Address, NodeId } from '../std/ids.ts'
import type { Instant } from '../std/instant.ts'
import type { PeerMessage } from '../wire/messages.ts'
import type { KeyringState } from './cluster-key.ts'
import type { ClientReply, Note } from './events.ts'

/** Whose batch it is: told when it is stored, with the owner's own token. */
export type StoreOwner =
  | 'writes'
  | 'replica'
  | 'receiver'
  | 'barrier'
  | 'actors'
  | 'clock'
  | 'cluster'
  | 'buckets'
  | 'access'
  | 'leaving'
  | 'holdings'
  | 'reaping'
  | 'trees'
  | 'anti-entropy'
  | 'floors'
  | 'hints'
  | 'hint-intake'
  | 'registers'
  | 'cursors'
  | 'drop'
export type ScanOwner = 'source' | 'listing' | 'reaping' | 'trees' | 'anti-entropy' | 'hints'

/** All timers of a node, in one heap. */
export type NodeTimer =
  | { readonly owner: 'writes'; readonly request: number }
  | { readonly owner: 'reads'; readonly timer: ReadTimer }
  | { readonly owner: 'swim'; readonly timer: SwimTimer }
  | { readonly owner: 'receiver'; readonly timer: TransferTimer }
  | { readonly owner: 'forwards'; readonly request: number }
  | { readonly owner: 'listings'; readonly listing: number }
  | { readonly owner: 'buckets'; readonly change: number }
  | { readonly owner: 'access'; readonly change: number }
  | { readonly owner: 'leases' }
  | { readonly owner: 'leaving' }
  | { readonly owner: 'reaping' }
  | { readonly owner: 'background'; readonly what: 'go' | 'probe'; readonly at: Instant }
  | { readonly owner: 'trees' }
  | { readonly owner: 'anti-entropy' }
  | { readonly owner: 'exchanges'; readonly timer: ExchangeTimer }
  /** Without a request: it is time to look who is back. */
  | { readonly owner: 'hints'; readonly request: number | undefined }
  | { readonly owner: 'keys'; readonly ask: number }
  | { readonly owner: 'explaining'; readonly ask: number }
  | { readonly owner: 'watching'; readonly what: 'feeds' | 'watchers' | 'polls' }
  | { readonly owner: 'registers'; readonly request: number; readonly turn: number }
  | {
      readonly owner: 'node'
      readonly what: 'state-sync' | 'join' | 'plan' | 'grace' | 'persist' | 'members'
    }

export interface Host {
  readonly self: NodeId
  readonly now: Instant
  readonly wallMs: number
  /**
   * A number for one message that wants an answer; never the same again, not even after a restart.
   */
  nextRequest(): number
  isUp(node: NodeId): boolean
  /** Up, and nothing speaks against asking it first. */
  isPreferred(node: NodeId): boolean
  /** To compare: the less the nearer (`nearness.ts`). */
  distance(node: NodeId): number
  /** Where another process with our identity listens: then we refuse all writes. */
  readonly clonedBy: Address | undefined
  /** Whether the store is so far behind that it should be given no new work. */
  readonly storeBusy: boolean
  send(to: NodeId, message: PeerMessage): void
  store(owner: StoreOwner, token: number, operations: readonly StoreOperation[]): void
  scan(owner: ScanOwner, token: number, ranges: readonly ScanRange[]): void
  /** Answered with the revision, once `state` is durable and in effect, or cannot be. */
  installKeys(revision: number, state: KeyringState): void
  arm(timer: NodeTimer, at: Instant): void
  reply(client: number, reply: ClientReply): void
  note(note: Note): void
}
