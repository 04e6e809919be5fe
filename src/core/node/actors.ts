/**
 * The actors of this node's replicas: who draws the dots (V1). Each partition held here has a vnode
 * id of its own, born with the partition's directory, and a counter whose lease is durable before a
 * dot of it is drawn; a restart begins at the end of the lease, so no dot is ever drawn twice.
 * Dropping a partition forgets the id in the same batch as the data.
 */
import type { Checksum } from '../std/crc32.ts'
import { must } from '../std/assert.ts'
import type { PartitionId, VnodeId } from '../std/ids.ts'
import type { Prng } from '../std/prng.ts'
import type { StoreOperation, StoreReader } from '../ports.ts'
import { Actor, decodeActor, encodeActor } from '../versions/actor.ts'
import type { Host } from './host.ts'
import { actorKey, partitionRange } from './storage-keys.ts'

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
  // Bounded by: the partitions of the ring (4096).
  readonly #actors = new Map<PartitionId, Actor>()
  // Leases on their way to the disk. Bounded by: one an actor.
  readonly #pending = new Map<number, readonly Lease[]>()
  #token = 0

  constructor(host: Host, options: { store: StoreReader; checksum: Checksum; rng: Prng }) {
    this.#host = host
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
      operations.push({ type: 'delete', key: actorKey(partition) })
      operations.push({ type: 'clear', ...partitionRange(partition) })
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
    for (const { actor, until } of this.#take(token)) actor.leaseGranted(until)
  }

  storeFailed(token: number): void {
    for (const { actor } of this.#take(token)) actor.leaseFailed()
  }

  /** Asks again for leases that could not be stored. */
  retry(): void {
    this.#leaseAll([...this.#actors.keys()])
  }

  check(): void {
    for (const actor of this.#actors.values()) actor.check()
  }

  #load(partition: PartitionId): Actor {
    const bytes = this.#store.get(actorKey(partition))
    const known =
      bytes === undefined || bytes === 'unreadable' ? undefined : decodeActor(bytes, this.#checksum)
    // An id that cannot be read is lost, and so is its counter: a new one is always safe.
    return known === undefined ? this.#born() : new Actor(known)
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
    this.#host.store(
      'actors',
      token,
      leases.map(({ partition, actor, until }) => ({
        type: 'put',
        key: actorKey(partition),
        value: encodeActor({ vnode: actor.vnode, leasedUntil: until }, this.#checksum),
      })),
    )
  }

  #take(token: number): readonly Lease[] {
    const leases = must(this.#pending.get(token), () => `lease ${token}`)
    this.#pending.delete(token)
    // Renewed or dropped meanwhile: the lease of an actor that is gone is nobody's.
    return leases.filter(({ partition, actor }) => this.#actors.get(partition) === actor)
  }
}
