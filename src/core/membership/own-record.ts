/**
 * What this node says of itself, and how it answers what others say of it.
 *
 * Only the node itself raises its incarnation (rule R2), and only to overrule a claim that would
 * otherwise stand: that it is suspect, dead or gone, or that it is other than it is; or to say
 * something new of itself, that it is degraded or is so no more, or that it stops for a moment.
 * It then says one more than the claim, so that its word is the greater everywhere. Once it is
 * leaving it overrules nothing.
 *
 * A claim with our id and generation, or a later one, but another address is no mistake to be
 * overruled: somebody runs a copy of our data directory (rule R1). Overruling it would have both
 * copies outbid each other for ever.
 */
import type { Address } from '../std/ids.ts'
import type { MemberInfo, MemberRecord } from './member.ts'
import { isPlausible, sameAddress, sameInfo } from './member-order.ts'

export class OwnRecord {
  #record: MemberRecord
  #reportedClone: { readonly address: Address; readonly generation: number } | undefined

  constructor(info: MemberInfo, generation: number) {
    this.#record = { info, generation, incarnation: 0, state: 'alive' }
  }

  get record(): MemberRecord {
    return this.#record
  }

  get isLeaving(): boolean {
    return this.#record.state === 'left'
  }

  /** `secret` opens the lock in our info. */
  leave(secret: string): void {
    this.#record = { ...this.#record, state: 'left', leaveProof: secret }
  }

  /** A new word of our own, and so a new incarnation. */
  setDegraded(degraded: boolean): void {
    const { degraded: _before, ...rest } = this.#record
    const incarnation = rest.incarnation + 1
    this.#record = { ...rest, incarnation, ...(degraded && { degraded }) }
  }

  /** It stops for a moment. There is no way back but a new generation. */
  drain(): void {
    const { incarnation } = this.#record
    this.#record = { ...this.#record, incarnation: incarnation + 1, draining: true }
  }

  /** Whether `claim` shows another process with our identity. */
  revealsClone({ generation, info }: MemberRecord): boolean {
    const own = this.#record
    if (generation !== own.generation) return generation > own.generation
    return !sameAddress(info.address, own.info.address)
  }

  /** Whether this clone is worth a word: the same one is told of once in a row. */
  isNewClone(address: Address, generation: number): boolean {
    const last = this.#reportedClone
    const isSame = last?.generation === generation && sameAddress(address, last.address)
    if (!isSame) this.#reportedClone = { address, generation }
    return !isSame
  }

  /** Raises the incarnation above `claim` if it must be overruled. */
  refute(claim: MemberRecord): boolean {
    if (!this.#mustRefute(claim)) return false
    this.#record = { ...this.#record, incarnation: claim.incarnation + 1 }
    return true
  }

  #mustRefute(claim: MemberRecord): boolean {
    const own = this.#record
    if (this.isLeaving || claim.generation !== own.generation) return false
    if (claim.incarnation < own.incarnation || !isPlausible(claim, own)) return false
    if (claim.state !== 'alive') return true
    if (!sameAddress(claim.info.address, own.info.address)) return false
    return claim.incarnation > own.incarnation || !sameInfo(claim.info, own.info)
  }
}
