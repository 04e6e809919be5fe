/** What the failure detector is told and what it asks for; the machine is `swim.ts`. */
import type { Address, NodeId } from '../std/ids.ts'
import type { Duration, Instant } from '../std/instant.ts'
import type { Prng } from '../std/prng.ts'
import type { Digest } from './leave-proof.ts'
import type { MemberInfo, MemberRecord, MemberState } from './member.ts'
import type { SwimPacket } from './messages.ts'
import type { LinkProbeEffect } from './prober.ts'

/** The one timer: all that is due is looked for at every pulse, ten times a second (R8). */
export interface SwimTimer {
  readonly type: 'pulse'
  /** That of a pulse which was armed anew since is an old one, and does nothing. */
  readonly token: number
}

/** Told to the machine. `start` comes first, once. */
export type SwimEvent =
  | { readonly type: 'start' }
  /** `address`: where it came from, which is where the answer goes. */
  | { readonly type: 'packet'; readonly packet: SwimPacket; readonly address: Address }
  /** A full state heard over TCP: hearsay, also about whoever sent it. */
  | { readonly type: 'records'; readonly records: readonly MemberRecord[] }
  /** (id, generation) has just answered us directly (TCP handshake or message): proof of life. */
  | { readonly type: 'contact'; readonly id: NodeId; readonly generation: number }
  /** Whom the layout names now: they are not forgotten. */
  | { readonly type: 'layout'; readonly members: readonly NodeId[] }
  | { readonly type: 'timer'; readonly timer: SwimTimer }
  /** Say that this node stops for a moment, while it still answers. */
  | { readonly type: 'drain' }
  /** Say goodbye, as well as one can over UDP; afterwards only pings are answered. */
  | { readonly type: 'leave' }

/** Asked of the parent, in order; no order matters. */
export type SwimEffect =
  | { readonly type: 'packet'; readonly to: Address; readonly packet: SwimPacket }
  | { readonly type: 'arm'; readonly timer: SwimTimer; readonly at: Instant }
  | LinkProbeEffect
  /** State, info or generation of another member is another than before; `unknown`: it is new. */
  | {
      readonly type: 'changed'
      readonly record: MemberRecord
      readonly from: MemberState | 'unknown'
    }
  /** This node overruled a claim about itself. */
  | { readonly type: 'refuted'; readonly incarnation: number }
  /** This node stood still for so long. */
  | { readonly type: 'stalled'; readonly gap: Duration }
  /** This node tells the others to ask somebody else first, or no longer to. */
  | { readonly type: 'degraded'; readonly isDegraded: boolean }
  /** Another process, listening there, has our id (R1). */
  | {
      readonly type: 'cloned-identity'
      readonly address: Address
      readonly generation: number
    }
  /** Exchange full states with a member over TCP: it is suspect, or knows what we do not. */
  | { readonly type: 'sync'; readonly id: NodeId }
  /** The same with one that is dead or has not been heard (R6), or with a seed. */
  | { readonly type: 'reconnect'; readonly id: NodeId }
  | { readonly type: 'reconnect-seed' }

export interface SwimOptions {
  readonly self: MemberInfo
  readonly generation: number
  /** Between two probes of the round, milliseconds. */
  readonly probeIntervalMs: number
  /** Wait for the direct ack, milliseconds; less than the interval. */
  readonly probeTimeoutMs: number
  readonly rng: Prng
  /** Persisted in the last run: hearsay. */
  readonly known: readonly MemberRecord[]
  /** SHA-256. */
  readonly digest: Digest
  /** Opens the lock in `self`. */
  readonly leaveSecret: string
  /** How long the dead are remembered, milliseconds; a day unless a test is in a hurry. */
  readonly rememberedMs?: number
}
