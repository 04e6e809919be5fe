/**
 * A line about each member that has been forgotten: enough to know an old claim about it for old.
 *
 * What everybody has forgotten but one who was away for a week comes back with that one: he tells
 * that the member is alive, and as nobody remembers its death, that is news (memberlist#312 ran for
 * hours). Such a claim would be asked to prove itself and would fail; the line saves the asking.
 *
 * It may also be the member itself that speaks, which was cut off for all that time. It must hear
 * what was held of it, or it would never refute it: then the line becomes a memory again.
 */
import type { NodeId } from '../std/ids.ts'
import type { MemberRecord } from './member.ts'
import { compareRecords } from './member-order.ts'

const GRAVES_MAX = 4_096

export class Graveyard {
  // Bounded by: GRAVES_MAX, the oldest goes.
  readonly #graves = new Map<NodeId, MemberRecord>()

  bury(record: MemberRecord): void {
    this.#graves.delete(record.info.id)
    if (this.#graves.size >= GRAVES_MAX) {
      for (const oldest of this.#graves.keys()) {
        this.#graves.delete(oldest)
        break
      }
    }
    this.#graves.set(record.info.id, record)
  }

  /**
   * What was known of `claim`'s member when it was forgotten, unless the claim is more than that.
   */
  covering(claim: MemberRecord): MemberRecord | undefined {
    const grave = this.#graves.get(claim.info.id)
    return grave !== undefined && compareRecords(claim, grave) <= 0 ? grave : undefined
  }
}
