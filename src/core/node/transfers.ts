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
 *
 * Where each stream stands is kept in the store while the data moves, so a node that is started
 * again pulls what it has not pulled. It is not believed when it was for another layout, nor of a
 * partition whose clock is in doubt: then something of it broke here.
 */
import { assert } from '../std/assert.ts'
import { fromHex } from '../std/bytes.ts'
import type { Effects } from '../std/effects.ts'
import type { Checksum } from '../std/crc32.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { Prng } from '../std/prng.ts'
import type { LayoutState } from '../placement/layout.ts'
import type { StoreEntry, StoreReader } from '../ports.ts'
import { decodePartitionClock, encodeBase, NO_BASE } from '../versions/partition-clock.ts'
import type { TransferChunk, TransferRequest } from '../repair/messages.ts'
import { decodeTransferCursor, encodeTransferCursor } from '../repair/transfer-cursor.ts'
import type { MovingLayout, TransferCursor } from '../repair/transfer-cursor.ts'
import type {
  TransferReceiverEffect,
  TransferReceiverEvent,
  TransferTimer,
} from '../repair/transfer-events.ts'
import { Throughput } from '../repair/throughput.ts'
import type { TransferProgress } from '../repair/transfer-progress.ts'
import type { Proof } from '../repair/transfer-proof.ts'
import { TransferReceiver } from '../repair/transfer-receiver.ts'
import { TransferSource } from '../repair/transfer-source.ts'
import type { TransferSourceEffect } from '../repair/transfer-source.ts'
import type { PartitionTransfer } from '../repair/transfer-work.ts'
import { decodeRecord, isIntact } from '../versions/record.ts'
import type { Trees } from './anti-entropy-trees.ts'
import type { BucketRegistry } from './bucket-registry.ts'
import type { LocalHoldings } from './holdings.ts'
import type { Host } from './host.ts'
import type { LayoutKeeper } from './layout-keeper.ts'
import { cursorKey, cursorsRange, partitionRange } from './storage-keys.ts'

/**
 * A chunk of no more is merged without leave: its source had to wait for one to read it, which
 * bounds how often that happens, and with many small partitions a second wait for each would be
 * most of the time that a move takes.
 */
const SMALL_CHUNK_RECORDS = 64
const SMALL_CHUNK_BYTES = 64 * 1024

export interface TransfersParts {
  readonly layout: LayoutKeeper
  readonly buckets: BucketRegistry
  readonly holdings: LocalHoldings
  readonly store: StoreReader
  readonly checksum: Checksum
  readonly rng: Prng
  readonly unreadable: (key: Uint8Array) => void
  /** What came of the partition may not be all: to be compared once this node is read from. */
  readonly compareSoon: (partition: PartitionId) => void
  /** What follows the changes of records; undefined: not built yet. */
  readonly trees: () => Pick<Trees, 'rootOf' | 'sizeOf'> | undefined
  /** Calls back when the foreground leaves room for one unit of work. */
  readonly admit: (go: () => void) => void
  /** All that the present layout gave this node is here. */
  readonly complete: () => void
}

export interface TransfersView {
  /** Partitions that this node still has to pull. */
  readonly pending: number
  /** Records that were new here since the layout changed. */
  readonly records: number
  /** Records read out to others that pull, in this life. */
  readonly sent: number
  /** undefined: nothing is pulled. Worked out when it is read. */
  readonly progress: TransferProgress | undefined
  /** Of how many old owners a partition that moves is read, when all of them are there. */
  readonly copies: number
  /** Bytes a second while this node pulled, and while it was read from; undefined: not known. */
  readonly pulledPerSecond: number | undefined
  readonly sentPerSecond: number | undefined
  /** Of what was pulled in this life: records that came broken, and streams that have ended. */
  readonly broken: number
  readonly proofs: Readonly<Record<Proof, number>>
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
  /** Whether cursors of this node may be in the store. */
  #hasCursors = false
  /** Whether that layout gives this node something that it has not said to have. */
  #pulling = false
  /** Whether a batch was lost since the pull began. */
  #doubtful = false
  /** The barrier behind a pull that has ended; 0: none is under way. */
  #barrier = 0
  #barriers = 0
  #served = 0
  readonly #sent = new Throughput()

  constructor(host: Host, parts: TransfersParts) {
    this.#host = host
    this.#parts = parts
    this.#source = new TransferSource({
      rangeOf: partitionRange,
      isIntact: (record) => isIntact(record, parts.checksum),
      sizeOf: (partition) => parts.trees()?.sizeOf(partition),
      rootOf: (partition, settled) => parts.trees()?.rootOf(partition, settled),
    })
    this.#receiver = new TransferReceiver({
      store: parts.store,
      merge: (partition, key, record, base) => {
        const merged = parts.holdings.mergeChange(partition, key, record, base)
        if (merged !== 'malformed') return merged.operations
        parts.compareSoon(partition)
        return merged
      },
      versionsIn: (record) => {
        const container = decodeRecord(record, parts.checksum)
        return typeof container === 'string' ? undefined : container.versions
      },
      seal: (partition) => parts.holdings.clockChange(partition).operation,
      cursorOf: (partition, source) => this.#cursorOf(partition, source),
      keepCursor: (partition, source, cursor) => {
        const value = encodeTransferCursor(cursor, this.#moving(), parts.checksum)
        return { type: 'put', key: cursorKey(partition, bytesOf(source)), value }
      },
      rangeOf: partitionRange,
      rng: parts.rng,
    })
  }

  get pending(): number {
    return this.#receiver.pending
  }

  get view(): TransfersView {
    const receiver = this.#receiver
    return {
      ...{ pending: receiver.pending, records: receiver.records, sent: this.#served },
      get progress() {
        return receiver.progress
      },
      copies: this.#copies,
      pulledPerSecond: receiver.perSecond,
      sentPerSecond: this.#sent.perSecond,
      ...{ broken: receiver.brokenRecords, proofs: receiver.proofs },
    }
  }

  get #copies(): number {
    const { layout, buckets } = this.#parts
    const owners = layout.state?.current.replicas ?? 0
    return owners - Math.min(buckets.leastW(), owners) + 1
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
    else this.#dropCursors()
  }

  /** Where a stream stood, by what is durable here, when that may be believed. */
  #cursorOf(partition: PartitionId, source: NodeId): TransferCursor | undefined {
    const { store, holdings, checksum } = this.#parts
    const bytes = store.getDurable(cursorKey(partition, bytesOf(source)))
    if (bytes === undefined || bytes === 'unreadable') return undefined
    this.#hasCursors = true
    const clock = holdings.shownClock(partition)
    if (clock === undefined || clock.doubtful || clock.incomplete) return undefined
    return decodeTransferCursor(bytes, this.#moving(), checksum)
  }

  #moving(): MovingLayout {
    const { current } = this.#parts.layout.state!
    return { version: current.version, hash: current.hash }
  }

  /** What is left of pulls that are over takes space and says nothing. */
  #dropCursors(): void {
    if (!this.#hasCursors) return
    this.#hasCursors = false
    this.#host.store('cursors', 0, [{ type: 'clear', ...cursorsRange() }])
  }

  /**
   * What this node has to pull: nothing when the data does not move, or has been said to be here.
   */
  #planOf({ current, previous, synced, lost: since }: LayoutState): PartitionTransfer[] {
    const { self } = this.#host
    if (previous === undefined || synced.includes(self)) return []
    const leastW = this.#parts.buckets.leastW()
    const { table, roles } = previous
    const lost = new Set([...(current.lost ?? []), ...since])
    return this.#parts.layout.gained().map((partition) => {
      const owners = (table[partition] ?? []).flatMap((index) => roles[index]?.node ?? [])
      const sources = owners.filter((node) => node !== self && !lost.has(node))
      // Where this node was an old owner already, and only moved up in the order, it is one of
      // those that are needed.
      const own = owners.includes(self) ? 1 : 0
      const needed = owners.length - Math.min(leastW, owners.length) + 1 - own
      return { partition, sources, needed: Math.min(needed, sources.length) }
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
    this.#receive({ type: 'batch-lost' })
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
    const go = (): void => this.#receive({ type: 'chunk', from, message })
    if (isSmall(message)) go()
    else this.#parts.admit(go)
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
        this.#hasCursors = true
        return this.#host.store('receiver', effect.token, effect.operations)
      case 'keep':
        this.#hasCursors = true
        return this.#host.store('cursors', 0, [effect.operation])
      case 'arm':
        return this.#host.arm({ owner: 'receiver', timer: effect.timer }, effect.at)
      case 'transferred':
        return this.#host.note(effect)
      case 'transfer-differs':
        this.#parts.compareSoon(effect.partition)
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
    if (effect.type === 'unreadable') return this.#parts.unreadable(effect.key)
    if (effect.type === 'send') {
      const { entries } = effect.message
      this.#served += entries.length
      if (entries.length > 0) this.#sent.add(bytesIn(entries), this.#host.now)
      return this.#host.send(effect.to, effect.message)
    }
    this.#parts.admit(() => this.#host.scan('source', effect.token, [effect.range]))
  }
}

function isSmall({ entries }: TransferChunk): boolean {
  if (entries.length > SMALL_CHUNK_RECORDS) return false
  let bytes = 0
  for (const { record } of entries) bytes += record.length
  return bytes <= SMALL_CHUNK_BYTES
}

function bytesIn(entries: TransferChunk['entries']): number {
  let bytes = 0
  for (const { key, record } of entries) bytes += key.length + record.length
  return bytes
}

function bytesOf(node: NodeId): Uint8Array {
  const bytes = fromHex(node)
  assert(bytes !== undefined, () => `the node id ${node} is not hexadecimal`)
  return bytes
}
