/**
 * Moving partitions, as the node sees it: begins to pull when a layout gives it something new,
 * serves what others pull, and says when all of it is here. The two machines of `core/repair` do
 * the work.
 *
 * How many old owners must be pulled? A write was acknowledged by at least W of the old set's n, so
 * any n − W + 1 of them together hold every acknowledged write; this node is one of them when it
 * held the partition before. W is the least that any bucket asks for by default; a request that
 * asked for less got less. Who is lost is not asked; what it alone had is lost with it.
 *
 * When is all of it here? A record that the store shows already is skipped, and what the store
 * shows may not be durable yet, or may be taken back when the disk refuses it. So the end of a pull
 * is followed by a barrier, and if any batch of this node was lost since the beginning, everything
 * is pulled once more: that is quick, for most of it is here.
 */
import type { Effects } from '../std/effects.ts'
import type { Checksum } from '../std/crc32.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { Prng } from '../std/prng.ts'
import type { LayoutState } from '../placement/layout.ts'
import type { StoreEntry, StoreReader } from '../ports.ts'
import { decodePartitionClock, encodeBase, NO_BASE } from '../versions/partition-clock.ts'
import type { TransferChunk, TransferRequest } from '../repair/messages.ts'
import { TransferReceiver } from '../repair/transfer-receiver.ts'
import type {
  PartitionTransfer,
  TransferReceiverEffect,
  TransferReceiverEvent,
  TransferTimer,
} from '../repair/transfer-receiver.ts'
import { TransferSource } from '../repair/transfer-source.ts'
import type { TransferSourceEffect } from '../repair/transfer-source.ts'
import type { BucketRegistry } from './bucket-registry.ts'
import type { LocalHoldings } from './holdings.ts'
import type { Host } from './host.ts'
import type { LayoutKeeper } from './layout-keeper.ts'
import { partitionRange } from './storage-keys.ts'

export interface TransfersParts {
  readonly layout: LayoutKeeper
  readonly buckets: BucketRegistry
  readonly holdings: LocalHoldings
  readonly store: StoreReader
  readonly checksum: Checksum
  readonly rng: Prng
  readonly unreadable: (key: Uint8Array) => void
  /** Calls back when the foreground leaves room for one unit of work. */
  readonly admit: (go: () => void) => void
  /** All that the present layout gave this node is here. */
  readonly complete: () => void
}

export class Transfers {
  readonly #host: Host
  readonly #parts: TransfersParts
  readonly #source: TransferSource
  readonly #receiver: TransferReceiver
  readonly #sourceEffects: Effects<TransferSourceEffect> = {
    push: (effect) => this.#onSource(effect),
  }
  /** Hash of the layout for which the receiver works. */
  #hash: number | undefined
  /** Whether that layout gives this node something that it has not said to have. */
  #pulling = false
  /** Whether a batch was lost since the pull began. */
  #doubtful = false
  /** The barrier behind a pull that has ended; 0: none is under way. */
  #barrier = 0
  #barriers = 0
  #served = 0

  constructor(host: Host, parts: TransfersParts) {
    this.#host = host
    this.#parts = parts
    this.#source = new TransferSource({ rangeOf: partitionRange })
    this.#receiver = new TransferReceiver({
      store: parts.store,
      merge: (partition, key, record, base) => {
        const merged = parts.holdings.mergeChange(partition, key, record, base)
        return merged === 'malformed' ? undefined : merged.operations
      },
      seal: (partition) => parts.holdings.clockChange(partition).operation,
      rangeOf: partitionRange,
      rng: parts.rng,
    })
  }

  get pending(): number {
    return this.#receiver.pending
  }

  get records(): number {
    return this.#receiver.records
  }

  /** Records sent to others that pull, in this life. */
  get served(): number {
    return this.#served
  }

  /**
   * The layout may have given this node something: pulls it, unless it has said already that it is
   * here.
   */
  begin(): void {
    const { state } = this.#parts.layout
    if (state === undefined || this.#host.clonedBy !== undefined) return
    const { version, hash } = state.current
    const partitions = this.#planOf(state)
    this.#pulling = partitions.length > 0
    // What was pulled for another layout is worth nothing, even if two planners gave both the same
    // version.
    if (hash !== this.#hash || !this.#pulling) this.#forget(version)
    this.#hash = hash
    if (this.#pulling) this.#receive({ type: 'begin', layoutVersion: version, partitions })
  }

  /**
   * What this node has to pull: nothing when the data does not move, or has been said to be here.
   */
  #planOf({ current, previous, synced }: LayoutState): PartitionTransfer[] {
    const { self } = this.#host
    if (previous === undefined || synced.includes(self)) return []
    const leastW = this.#parts.buckets.leastW()
    const { table, roles } = previous
    const lost = new Set(current.lost)
    return this.#parts.layout.gained().map((partition) => {
      const owners = (table[partition] ?? []).flatMap((index) => roles[index]?.node ?? [])
      const sources = owners.filter((node) => node !== self && !lost.has(node))
      // Where this node was an old owner already, and only moved up in the order, it is one of
      // those that are needed.
      const own = owners.includes(self) ? 1 : 0
      const needed = owners.length - Math.min(leastW, owners.length) + 1 - own
      return { partition, sources, needed }
    })
  }

  /** Nothing more is pulled in this life of the node, nor said to be here. */
  stop(): void {
    this.#pulling = false
    this.#forget(this.#parts.layout.version)
  }

  /** Lets go of all that is being pulled. */
  #forget(layoutVersion: number): void {
    this.#barrier = 0
    this.#doubtful = false
    const unheard: Effects<TransferReceiverEffect> = { push: () => 0 }
    const nothing = { type: 'begin', layoutVersion, partitions: [] } as const
    if (this.#receiver.pending > 0 || this.#hash === undefined)
      this.#receiver.step(nothing, this.#host.now, unheard)
  }

  /**
   * A batch of anybody's on this node was not taken by the disk: what was skipped as being here may
   * be gone.
   */
  batchLost(): void {
    this.#doubtful ||= this.#pulling
  }

  /** The barrier has passed, or failed. */
  onBarrier(token: number): void {
    if (token !== this.#barrier || this.#receiver.pending > 0) return
    this.#barrier = 0
    if (!this.#doubtful) this.#parts.complete()
  }

  /** To be called now and then: pulls once more what may have been lost on its way to the disk. */
  retry(): void {
    if (!this.#doubtful || this.#barrier !== 0 || this.#receiver.pending > 0) return
    this.#hash = undefined
    this.begin()
  }

  requested(from: NodeId, message: TransferRequest): void {
    const { layout } = this.#parts
    const placement = layout.placementOf(message.partition)
    const holds = placement?.writeSets.some((set) => set.includes(this.#host.self)) ?? false
    const replica = holds && this.#host.clonedBy === undefined
    // A fence that a crash could take down is none: only a durable layout counts as adopted.
    const layoutVersion = layout.durableVersion
    const clock = replica ? this.#parts.holdings.shownClock(message.partition) : undefined
    const base = clock?.incomplete === false ? encodeBase(clock.base) : undefined
    this.#source.step(
      {
        ...{ type: 'request', from, message, layoutVersion, replica, base },
        clock:
          clock === undefined || clock.doubtful
            ? NO_BASE
            : clock.encode(this.#parts.checksum).clock,
      },
      this.#sourceEffects,
    )
  }

  received(from: NodeId, message: TransferChunk): void {
    this.#parts.admit(() => this.#receive({ type: 'chunk', from, message }))
  }

  scanned(token: number, entries: readonly StoreEntry[]): void {
    this.#source.step({ type: 'scanned', token, entries }, this.#sourceEffects)
  }

  scanFailed(token: number): void {
    this.#source.step({ type: 'scan-failed', token }, this.#sourceEffects)
  }

  stored(token: number): void {
    this.#receive({ type: 'stored', token })
  }

  storeFailed(token: number): void {
    this.#receive({ type: 'store-failed', token })
  }

  peerUp(peer: NodeId): void {
    this.#receive({ type: 'peer-up', peer })
  }

  peerLost(peer: NodeId): void {
    this.#receive({ type: 'peer-lost', peer })
  }

  onTimer(timer: TransferTimer): void {
    this.#receive({ type: 'timer', timer })
  }

  check(): void {
    this.#source.check()
    this.#receiver.check()
  }

  /** The effects are executed after the step, because `complete` leads back to the receiver. */
  #receive(event: TransferReceiverEvent): void {
    const effects: TransferReceiverEffect[] = []
    this.#receiver.step(event, this.#host.now, effects)
    for (const effect of effects) this.#onReceiver(effect)
  }

  #onReceiver(effect: TransferReceiverEffect): void {
    switch (effect.type) {
      case 'send':
        return this.#host.send(effect.to, effect.message)
      case 'store':
        return this.#host.store('receiver', effect.token, effect.operations)
      case 'arm':
        return this.#host.arm({ owner: 'receiver', timer: effect.timer }, effect.at)
      case 'transferred':
        return this.#host.note(effect)
      case 'absorb':
        return this.#absorb(effect.partition, effect.clock)
      case 'unreadable':
        return this.#parts.unreadable(effect.key)
      case 'complete':
        if (!this.#pulling || effect.layoutVersion !== this.#parts.layout.version) return
        this.#barrier = ++this.#barriers
        return this.#host.store('barrier', this.#barrier, [])
    }
  }

  #absorb(partition: PartitionId, bytes: Uint8Array): void {
    const { holdings, checksum } = this.#parts
    const clock = decodePartitionClock(bytes, checksum)
    if (clock === undefined || !holdings.clockOf(partition).merge(clock)) return
    this.#host.store('holdings', 0, [holdings.clockChange(partition).operation])
  }

  #onSource(effect: TransferSourceEffect): void {
    if (effect.type === 'send') {
      this.#served += effect.message.entries.length
      return this.#host.send(effect.to, effect.message)
    }
    this.#parts.admit(() => this.#host.scan('source', effect.token, [effect.range]))
  }
}
