/**
 * One number for all live members that a node stands for (rule R11).
 *
 * Gossip stops by design, and a packet that never came is not missed. Two nodes that disagree would
 * go on to disagree until the next full exchange brings them together by chance. So every ping and
 * ack carries a digest of what its sender stands for; where nothing is under way and the digests
 * differ, a full exchange is worth its bytes.
 *
 * The digest is the sum of a hash of each record, so that a change costs one subtraction and one
 * addition and no sorting. The dead and those who left are not in it: nodes forget them at
 * different times and may disagree on them for ever without harm.
 */
import type { MemberRecord } from './member.ts'
import { isLive, rankOf } from './member-order.ts'

export class MemberDigest {
  #sum = 0

  /** An unsigned number of 32 bits. */
  get value(): number {
    return this.#sum
  }

  /** What was shown is replaced by what is. */
  replace(before: MemberRecord | undefined, after: MemberRecord | undefined): void {
    if (before !== undefined && isLive(before)) this.#sum = (this.#sum - hash(before)) >>> 0
    if (after !== undefined && isLive(after)) this.#sum = (this.#sum + hash(after)) >>> 0
  }
}

/** The digest of `records`, from nothing. */
export function digestOf(records: Iterable<MemberRecord>): number {
  const digest = new MemberDigest()
  for (const record of records) digest.replace(undefined, record)
  return digest.value
}

/** FNV-1a over the parts that order a claim, stirred (MurmurHash3's finalizer). */
function hash({ info, generation, incarnation, state }: MemberRecord): number {
  let h = 0x811c_9dc5
  for (let i = 0; i < info.id.length; i++) h = Math.imul(h ^ info.id.charCodeAt(i), 0x0100_0193)
  h = Math.imul(h ^ (generation >>> 0), 0x0100_0193)
  h = Math.imul(h ^ Math.floor(generation / 0x1_0000_0000), 0x0100_0193)
  h = Math.imul(h ^ incarnation, 0x0100_0193)
  h = Math.imul(h ^ rankOf(state), 0x0100_0193)
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35)
  return (h ^ (h >>> 16)) >>> 0
}
