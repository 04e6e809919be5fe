/**
 * The live members other than this node, so that a few can be drawn at random at a cost that does
 * not grow with their number.
 */
import { assert } from '../std/assert.ts'
import type { NodeId } from '../std/ids.ts'
import type { Prng } from '../std/prng.ts'
import type { MemberRecord } from './member.ts'

/** Up to this size all are shuffled; beyond it drawing again when one is drawn twice is cheaper. */
const SHUFFLED_MAX = 16
const DRAWS_PER_MEMBER = 8

export class OtherMembers {
  // Both bounded by: the live members, NODES_MAX.
  readonly #members: MemberRecord[] = []
  readonly #places = new Map<NodeId, number>()

  get size(): number {
    return this.#members.length
  }

  set(record: MemberRecord): void {
    const place = this.#places.get(record.info.id) ?? this.#members.length
    this.#members[place] = record
    this.#places.set(record.info.id, place)
  }

  delete(id: NodeId): void {
    const place = this.#places.get(id)
    if (place === undefined) return
    this.#places.delete(id)
    const last = this.#members.pop()!
    if (last.info.id === id) return
    this.#members[place] = last
    this.#places.set(last.info.id, place)
  }

  /** Up to `count` of those that are wanted; fewer, rarely, when few of many are. */
  draw(count: number, rng: Prng, isWanted: (record: MemberRecord) => boolean): MemberRecord[] {
    if (this.#members.length <= SHUFFLED_MAX)
      return rng.shuffle(this.#members.filter(isWanted)).slice(0, count)
    const drawn: MemberRecord[] = []
    for (let i = 0; i < DRAWS_PER_MEMBER * count && drawn.length < count; i++) {
      const record = rng.pick(this.#members)
      if (isWanted(record) && !drawn.includes(record)) drawn.push(record)
    }
    return drawn
  }

  check(): void {
    assert(this.#places.size === this.#members.length, 'as many places as members')
    for (const [id, place] of this.#places)
      assert(this.#members[place]?.info.id === id, () => `${id} is not at its place`)
  }
}
