/**
 * What peers say: each message goes to the machine that it concerns, and what is none of our
 * business, or would reach into something that is not a record, ends here.
 */
import type { RegisterMessage } from '../consensus/messages.ts'
import type { Hint, Read, Replicate } from '../coordinator/messages.ts'
import type { ReadEffect } from '../coordinator/reads.ts'
import type { ReplicaEffect, ReplicaFacts } from '../coordinator/replica.ts'
import type { WriteEffect } from '../coordinator/writes.ts'
import type { SwimEffect } from '../membership/swim.ts'
import type { HintHandoff, HintHandoffReply } from '../repair/hint-messages.ts'
import type { Effects } from '../std/effects.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { PeerMessage } from '../wire/messages.ts'
import type { Machines } from './machines.ts'
import type { ExplainReply, ExplainRequest } from './explanation.ts'
import type { JoinRequest, LeaveRequest, ReplaceRequest } from './messages.ts'
import type { Origin } from './requests.ts'
import { isRecordKey } from './storage-keys.ts'
import type { WatchMessage } from './watch-messages.ts'

/** Where the effects go of the machines that are stepped here. */
export interface InboxEffects {
  readonly swim: Effects<SwimEffect>
  readonly writes: Effects<WriteEffect<Origin>>
  readonly reads: Effects<ReadEffect<Origin>>
  readonly replica: Effects<ReplicaEffect>
}

const NOT_LISTENED_TO: ReplicaFacts = {
  layoutVersion: Number.POSITIVE_INFINITY,
  readVersion: Number.POSITIVE_INFINITY,
  holds: false,
}

export class Inbox {
  readonly #machines: Machines
  readonly #effects: InboxEffects

  constructor(machines: Machines, effects: InboxEffects) {
    this.#machines = machines
    this.#effects = effects
  }

  received(from: NodeId, message: PeerMessage): void {
    const { outlet, writes, reads, requests, forwards, cluster, layout, listings, transfers } =
      this.#machines
    const { swim, keys, leaving, antiEntropy } = this.#machines
    switch (message.type) {
      case 'replicate':
      case 'read':
        return this.#onReplicaMessage(from, message)
      case 'replicate-reply':
        return writes.step({ type: 'replied', from, message }, this.#effects.writes)
      case 'read-reply':
        return reads.step({ type: 'replied', from, message }, outlet.now, this.#effects.reads)
      case 'hint-reply':
        return writes.step({ type: 'hint-replied', from, message }, this.#effects.writes)
      case 'hint':
      case 'hint-handoff':
      case 'hint-handoff-reply':
        return this.#onHintMessage(from, message)
      case 'forward':
        if (message.layoutVersion < layout.version) outlet.tell(from)
        return requests.forward(from, message)
      case 'forward-reply':
        return forwards.replied(from, message)
      case 'state-sync':
        cluster.heard(from, message)
        return leaving.heard(from, message)
      case 'join-request':
      case 'leave-request':
      case 'replace-request':
        return this.#onLayoutRequest(message)
      case 'link-probe':
        return outlet.send(from, { type: 'link-probe-reply', generation: swim.self.generation })
      case 'link-probe-reply':
        return this.#onContact(from, message.generation)
      case 'keys-request':
        return keys.requested(from, message.request)
      case 'keys-reply':
        return keys.replied(from, message)
      case 'explain-request':
      case 'explain-reply':
        return this.#onExplainMessage(from, message)
      case 'list-request':
        return this.#onListRequest(from, message)
      case 'list-reply':
        return listings.replied(from, message)
      case 'exchange-open':
        if (message.layoutVersion < layout.version) outlet.tell(from)
        return antiEntropy.exchanging.opened(from, message)
      case 'exchange-reply':
      case 'exchange-hashes':
      case 'exchange-differ':
      case 'exchange-list':
      case 'exchange-records':
      case 'exchange-next':
      case 'exchange-finish':
        return antiEntropy.exchanging.received(from, message)
      case 'register-prepare':
      case 'register-accept':
      case 'register-promise':
      case 'register-accepted':
        return this.#onRegisterMessage(from, message)
      case 'watch-poll':
      case 'watch-page':
        return this.#onWatchMessage(from, message)
      case 'transfer-request':
        return transfers.requested(from, message)
      case 'transfer-chunk':
        return transfers.received(from, message)
    }
  }

  /** The peer has answered over its own connection: it is there. */
  #onContact(from: NodeId, generation: number): void {
    const { swim, outlet } = this.#machines
    swim.step({ type: 'contact', id: from, generation }, outlet.now, this.#effects.swim)
  }

  #onRegisterMessage(from: NodeId, message: RegisterMessage): void {
    const { registers } = this.#machines
    if (message.type === 'register-prepare' || message.type === 'register-accept')
      registers.asked(from, message)
    else registers.answered(from, message)
  }

  #onExplainMessage(from: NodeId, message: ExplainRequest | ExplainReply): void {
    const { explaining } = this.#machines
    if (message.type === 'explain-request') explaining.requested(from, message)
    else explaining.replied(from, message)
  }

  #onWatchMessage(from: NodeId, message: WatchMessage): void {
    const { feeds, watching } = this.#machines
    if (message.type === 'watch-poll') feeds.asked(from, message)
    else watching.answered(from, message)
  }

  #onLayoutRequest(message: JoinRequest | LeaveRequest | ReplaceRequest): void {
    const { layout, outlet } = this.#machines
    switch (message.type) {
      case 'join-request':
        return layout.onJoinRequest(message.role, outlet.now)
      case 'leave-request':
        return layout.onLeaveRequest(message.node, outlet.now)
      case 'replace-request':
        return layout.onReplaceRequest(message.role, message.lost, outlet.now)
    }
  }

  #onHintMessage(from: NodeId, message: Hint | HintHandoff | HintHandoffReply): void {
    const { outlet, hinting, hintIntake, layout } = this.#machines
    if (message.type === 'hint-handoff-reply') return hinting.replied(from, message)
    if (message.layoutVersion < layout.version) outlet.tell(from)
    if (message.type === 'hint') hinting.asked(from, message)
    else hintIntake.handed(from, message)
  }

  #onReplicaMessage(from: NodeId, message: Replicate | Read): void {
    const { outlet, replica } = this.#machines
    const { type, request, partition, key } = message
    // A key is a place in our store: one that is not a record of the partition would reach into
    // something else.
    if (!isRecordKey(key, partition))
      return outlet.note({ type: 'peer-misbehaved', peer: from, what: `a ${type} of no record` })
    if (type === 'replicate' && (outlet.storeBusy || outlet.clonedBy !== undefined))
      return outlet.send(from, { type: 'replicate-reply', request, outcome: 'store-failed' })
    const facts = this.#facts(partition, from)
    const { wallMs } = outlet
    if (message.type === 'read')
      replica.step({ type: 'read', from, message, facts }, wallMs, this.#effects.replica)
    else replica.step({ type: 'replicate', from, message, facts }, wallMs, this.#effects.replica)
  }

  #onListRequest(from: NodeId, message: Extract<PeerMessage, { type: 'list-request' }>): void {
    const { outlet, layout, ownListings } = this.#machines
    const { request, readVersion, partitions } = message
    const stale = readVersion < layout.readVersion
    if (!stale && partitions.every((partition) => this.#facts(partition, from).holds))
      return ownListings.answer(from, message)
    outlet.tell(from)
    const outcome = stale ? 'stale-layout' : 'not-replica'
    outlet.send(from, { type: 'list-reply', request, outcome, entries: [], more: false, bases: [] })
  }

  #facts(partition: PartitionId, from: NodeId): ReplicaFacts {
    const { layout, outlet } = this.#machines
    // Given up by the operator: whatever it believes is older than what it would be told.
    if (layout.isLost(from)) return NOT_LISTENED_TO
    const sets = layout.placementOf(partition)?.writeSets ?? []
    const { version: layoutVersion, readVersion } = layout
    const holds = sets.some((set) => set.includes(outlet.self))
    return { layoutVersion, readVersion, holds }
  }
}
