/**
 * The actors of this node's replicas: who draws the dots (V1). Each partition held here has a vnode
 * id of its own and a counter whose lease is durable before a dot of it is drawn, so no dot is ever
 * drawn twice. Dropping a partition forgets the id in the same batch as the data.
 *
 * A vnode's writes are told apart by their counters alone: whoever knows the 8th counts the 7th as
 * seen or superseded. So a node that has forgotten the 7th may not go on with the 9th, and it
 * cannot know that it has: its directory may be a backup. Asking the others first would be no help,
 * since the one that has the 7th, or a hint of it, may be away. Hence an id lives no longer than
 * its process, but for one case: the process ended in good order, and its files are certainly the
 * ones that it left (`NodeOptions.resumed`); then the counter goes on at the end of its lease. What
 * an old id wrote is like another node's. A life that does not go on with them first deletes the
 * ids that it finds, so that no later life takes up one of them that was in a backup.
 * (docs/decisions/0015-vnode-ids-of-one-life.md)
 */
import type { Checksum } from '../std/crc32.ts'
import { must } from '../std/assert.ts'
import type { PartitionId, VnodeId } from '../std/ids.ts'
import type { Prng } from '../std/prng.ts'
import type { StoreOperation, StoreReader } from '../ports.ts'
import { Actor, decodeActor, encodeActor } from '../versions/actor.ts'
import type { LocalHoldings } from './holdings.ts'
import type { Host } from './host.ts'
import {
  actorKey,
  actorsRange,
  clockKey,
  partitionRange,
  treeKey,
  wholeReapableRange,
} from './storage-keys.ts'

interface Lease {
  readonly partition: PartitionId
  readonly actor: Actor
  readonly until: number
}

export class Actors {
  readonly #host: Host
  readonly #store: StoreReader
  readonly #checksum: Checksum
  readonly #rng: Prng
  readonly #resumed: boolean
  readonly #holdings: LocalHoldings
  // Bounded by: the partitions of the ring (4096).
  readonly #actors = new Map<PartitionId, Actor>()
  // Leases on their way to the disk. Bounded by: one an actor.
  readonly #pending = new Map<number, readonly Lease[]>()
  #token = 0
  /** Whether the store may hold ids of earlier lives that nobody may draw from any more. */
  #hasStrayIds: boolean
  /** The batch that deletes them; 0: none is under way. */
  #deleting = 0

  constructor(
    host: Host,
    options: {
      store: StoreReader
      checksum: Checksum
      rng: Prng
      resumed: boolean
      holdings: LocalHoldings
    },
  ) {
    this.#host = host
    this.#resumed = options.resumed
    this.#hasStrayIds = !options.resumed
    this.#holdings = options.holdings
    this.#store = options.store
    this.#checksum = options.checksum
    this.#rng = options.rng
  }

  of(partition: PartitionId): Actor | undefined {
    return this.#actors.get(partition)
  }

  /** Whether every actor's lease is durable: before that the node coordinates nothing. */
  get leased(): boolean {
    return this.#pending.size === 0
  }

  /**
   * Whether the store holds the ids that are drawn from here, and no others: then the next life may
   * go on with them, if it finds the store as it is.
   */
  get resumable(): boolean {
    return !this.#hasStrayIds && [...this.#actors.values()].every((actor) => actor.isDurable)
  }

  /**
   * Has an actor for each of these partitions from now on; leases for all new ones go to the disk
   * as one batch.
   */
  ensure(partitions: readonly PartitionId[]): void {
    for (const partition of partitions) {
      if (this.#actors.has(partition)) continue
      this.#actors.set(partition, this.#load(partition))
    }
    this.#leaseAll(partitions)
  }

  /** Forgets the actors of partitions that are no longer held, with their data. */
  drop(partitions: readonly PartitionId[]): readonly StoreOperation[] {
    const operations: StoreOperation[] = []
    for (const partition of partitions) {
      this.#actors.delete(partition)
      this.#holdings.forget(partition)
      operations.push({ type: 'delete', key: actorKey(partition) })
      operations.push({ type: 'delete', key: clockKey(partition) })
      operations.push({ type: 'delete', key: treeKey(partition) })
      operations.push({ type: 'clear', ...partitionRange(partition) })
      operations.push({ type: 'clear', ...wholeReapableRange(partition) })
    }
    return operations
  }

  /** Partitions with an actor, ascending. */
  partitions(): readonly PartitionId[] {
    return [...this.#actors.keys()].sort((a, b) => a - b)
  }

  /**
   * The disk has forgotten dots that others hold: whoever draws here from now on is somebody new.
   */
  renew(partition: PartitionId): void {
    if (!this.#actors.has(partition)) return
    this.#actors.set(partition, this.#born())
    this.#leaseAll([partition])
  }

  /** After a draw: asks for the next lease in time. */
  drew(partition: PartitionId): void {
    this.#leaseAll([partition])
  }

  stored(token: number): void {
    if (token === this.#deleting) this.#hasStrayIds = false
    for (const { actor, until } of this.#take(token)) actor.leaseGranted(until)
  }

  storeFailed(token: number): void {
    if (token === this.#deleting) this.#deleting = 0
    for (const { actor } of this.#take(token)) actor.leaseFailed()
  }

  /**
   * Batches were lost, and the clocks begin anew from what the store has: of the dots drawn here,
   * each is there or nowhere.
   */
  claimDrawn(): void {
    for (const [partition, actor] of this.#actors)
      this.#holdings.claimAll(partition, actor.vnode, actor.last)
  }

  /** Asks again for leases that could not be stored. */
  retry(): void {
    this.#leaseAll([...this.#actors.keys()])
  }

  check(): void {
    for (const actor of this.#actors.values()) actor.check()
  }

  #load(partition: PartitionId): Actor {
    if (!this.#resumed) return this.#born()
    const bytes = this.#store.get(actorKey(partition))
    const known =
      bytes === undefined || bytes === 'unreadable' ? undefined : decodeActor(bytes, this.#checksum)
    // An id that cannot be read is lost, and so is its counter: a new one is always safe.
    if (known === undefined) return this.#born()
    // What is left of the lease is skipped: nobody will ever draw it.
    this.#holdings.claimAll(partition, known.vnode, known.leasedUntil)
    return new Actor(known)
  }

  #born(): Actor {
    return new Actor({ vnode: this.#rng.safeInteger() as VnodeId, leasedUntil: 0 })
  }

  #leaseAll(partitions: readonly PartitionId[]): void {
    const leases: Lease[] = []
    for (const partition of partitions) {
      const actor = this.#actors.get(partition)
      const until = actor?.leaseWanted()
      if (actor !== undefined && until !== undefined) leases.push({ partition, actor, until })
    }
    if (leases.length === 0) return
    const token = ++this.#token
    this.#pending.set(token, leases)
    const puts = leases.map(({ partition, actor, until }): StoreOperation => ({
      type: 'put',
      key: actorKey(partition),
      value: encodeActor({ vnode: actor.vnode, leasedUntil: until }, this.#checksum),
    }))
    this.#host.store('actors', token, [...this.#deleteStrayIds(token), ...puts])
  }

  /** What is put in later batches stays: should this one fail, they fail as well. */
  #deleteStrayIds(token: number): StoreOperation[] {
    if (!this.#hasStrayIds || this.#deleting !== 0) return []
    this.#deleting = token
    return [{ type: 'clear', ...actorsRange() }]
  }

  #take(token: number): readonly Lease[] {
    const leases = must(this.#pending.get(token), () => `lease ${token}`)
    this.#pending.delete(token)
    // Renewed or dropped meanwhile: the lease of an actor that is gone is nobody's.
    return leases.filter(({ partition, actor }) => this.#actors.get(partition) === actor)
  }
}
