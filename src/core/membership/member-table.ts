/**
 * The greatest record heard of each member, whatever came first: nothing that this table has taken
 * is ever undone by an older record (rule R1).
 */
import { assert } from '../std/assert.ts'
import type { NodeId } from '../std/ids.ts'
import { NODES_MAX } from '../std/limits.ts'
import type { MemberRecord } from './member.ts'
import { compareRecords } from './member-order.ts'

export class MemberTable {
  readonly #capacity: number
  // Bounded by: #capacity. In order of first hearing.
  readonly #records = new Map<NodeId, MemberRecord>()
  #sorted: readonly MemberRecord[] | undefined
  #changes = 0

  constructor(capacity: number = NODES_MAX) {
    this.#capacity = capacity
  }

  /** How often it has become another one. */
  get changes(): number {
    return this.#changes
  }

  get size(): number {
    return this.#records.size
  }

  get hasRoom(): boolean {
    return this.#records.size < this.#capacity
  }

  get(id: NodeId): MemberRecord | undefined {
    return this.#records.get(id)
  }

  /**
   * Takes `record` iff it is greater than what is held of its member. `full`: the member is unknown
   * and there is no room.
   */
  apply(record: MemberRecord): 'newer' | 'stale' | 'full' {
    const held = this.#records.get(record.info.id)
    if (held !== undefined && compareRecords(record, held) <= 0) return 'stale'
    if (held === undefined && !this.hasRoom) return 'full'
    this.#records.set(record.info.id, record)
    this.#sorted = undefined
    this.#changes++
    return 'newer'
  }

  /** Drops all memory of a member: from then on any record about it is news. */
  forget(id: NodeId): void {
    if (!this.#records.delete(id)) return
    this.#sorted = undefined
    this.#changes++
  }

  /** In order of id; never changed afterwards, so it may be kept. */
  records(): readonly MemberRecord[] {
    this.#sorted ??= [...this.#records.values()].sort((a, b) => (a.info.id < b.info.id ? -1 : 1))
    return this.#sorted
  }

  /** In order of first hearing: the oldest acquaintance first. */
  values(): IterableIterator<MemberRecord> {
    return this.#records.values()
  }

  check(): void {
    assert(this.#records.size <= this.#capacity, () => `${this.#records.size} members held`)
    for (const [id, record] of this.#records) {
      assert(record.info.id === id, () => `record of ${record.info.id} kept as ${id}`)
    }
  }
}
