/**
 * The one order that decides between two claims about a member: (generation, incarnation, rank of
 * state), the greater wins (rule R1). Because merging is "keep the greatest" it is commutative,
 * associative and idempotent, so nodes that have heard the same claims agree, in whatever order and
 * however often they heard them. SWIM's table of overrides (§4.2) is this order with one
 * generation; a memory that returns early without keeping the greater claim breaks it and lets
 * alive@2 win after dead@10 was heard.
 */
import type { Address } from '../std/ids.ts'
import type { MemberInfo, MemberRecord, MemberState } from './member.ts'

/** In order of rank. */
const STATES: readonly MemberState[] = ['alive', 'suspect', 'dead', 'left']

/** Highest incarnation that a record may carry: a node must always be able to say one more. */
export const INCARNATION_MAX: number = 0xffff_ffff
/**
 * How far a claim may be ahead of what is held of the same generation. A node raises its
 * incarnation by one for each accusation, so a leap is forged or corrupt, and one accepted near the
 * maximum could never be refuted.
 */
const INCARNATION_LEAP_MAX = 2 ** 20

export function rankOf(state: MemberState): number {
  return STATES.indexOf(state)
}

export function stateOf(rank: number): MemberState | undefined {
  return STATES[rank]
}

/** Order of two claims about one member: negative, zero or positive. */
export function compareRecords(a: MemberRecord, b: MemberRecord): number {
  return (
    a.generation - b.generation ||
    a.incarnation - b.incarnation ||
    rankOf(a.state) - rankOf(b.state)
  )
}

/** Whether `claim` can be the next word on a member of whom `held` is known. */
export function isPlausible(claim: MemberRecord, held: MemberRecord | undefined): boolean {
  const base = held?.generation === claim.generation ? held.incarnation : 0
  return claim.incarnation <= base + INCARNATION_LEAP_MAX && claim.incarnation < INCARNATION_MAX
}

/** Alive or suspect: worth a probe and a message. */
export function isLive(record: MemberRecord): boolean {
  return record.state === 'alive' || record.state === 'suspect'
}

export function sameAddress(a: Address, b: Address): boolean {
  return a.host === b.host && a.port === b.port
}

export function sameInfo(a: MemberInfo, b: MemberInfo): boolean {
  return (
    a.id === b.id &&
    a.name === b.name &&
    a.zone === b.zone &&
    a.weight === b.weight &&
    a.version === b.version &&
    a.protocol === b.protocol &&
    a.httpEncrypted === b.httpEncrypted &&
    a.leaveLock === b.leaveLock &&
    sameAddress(a.address, b.address) &&
    sameAddress(a.httpAddress, b.httpAddress)
  )
}
