/**
 * What is claimed of the members, and what of it is vouched for (rules R1, R3).
 *
 * The greatest claim wins, but a relayed "it is alive" proves nothing: one node that has not heard
 * of a death would bring the dead back into every table, from where it is handed on for hours. So
 * there are two tables. `held` has the greatest claim of each member. `shown` has what this node
 * stands for: what it counts, hands on and shows to its own side. A claim enters `shown` at once
 * unless it would make a member live that is not; such a claim waits until the member itself has
 * proved that this generation of it is there, by an answer or by a word of its own. A restart of a
 * live member, or a refutation, needs no proof: it makes nobody live who was not.
 *
 * Death and leave need no proof either; the member can refute. All of it is remembered, so that an
 * older "alive" stays older. Only when there is no room for a newcomer is memory given up: first of
 * claims without proof, then of those who left, then of the dead, the oldest acquaintance first.
 *
 * A contact or an answer is proof of this moment only; a contact also vouches for a claim that is
 * heard in the next seconds, for a handshake comes before the state that it is about.
 *
 * Invariants: nobody is in `shown` with a greater record than in `held`; a live record in `shown`
 * is the one in `held`.
 */
import { assert, must } from '../std/assert.ts'
import type { NodeId } from '../std/ids.ts'
import type { Instant } from '../std/instant.ts'
import { duration, later } from '../std/instant.ts'
import type { Prng } from '../std/prng.ts'
import type { MemberRecord } from './member.ts'
import { compareRecords, isLive, isPlausible, sameAddress } from './member-order.ts'
import { MemberTable } from './member-table.ts'

/** How long a contact vouches for a claim that arrives after it. */
const PROOF_MS = 10_000
const PROOFS_MAX = 64

/** What became of a claim. */
type Hearing =
  /** Nothing new, impossible, or no room. */
  | 'ignored'
  /** It is what this node now shows. */
  | 'shown'
  /** It is held, and needs proof. */
  | 'unproven'
  /**
   * Nothing new, yet somebody thinks that the member is there who is not known to be: worth a look.
   */
  | 'doubtful'

interface Proof {
  readonly generation: number
  readonly until: Instant
}

export class MemberClaims {
  readonly #held = new MemberTable()
  readonly #shown = new MemberTable()
  // Bounded by: PROOFS_MAX, the oldest goes. Contacts whose claim has not been heard yet.
  readonly #proofs = new Map<NodeId, Proof>()
  // Bounded by: one for each member. Claims to a member's generation with another address than the
  // held one.
  readonly #contested = new Map<NodeId, MemberRecord>()
  readonly #forgotten: (id: NodeId) => void
  readonly #self: NodeId
  #live = 1

  /** `forgotten` is told of each member whose memory is given up. */
  constructor(self: MemberRecord, forgotten: (id: NodeId) => void) {
    this.#self = self.info.id
    this.#forgotten = forgotten
    this.setSelf(self)
  }

  /** Live members that this node stands for, itself included. */
  get liveCount(): number {
    return this.#live
  }

  held(id: NodeId): MemberRecord | undefined {
    return this.#held.get(id)
  }

  shown(id: NodeId): MemberRecord | undefined {
    return this.#shown.get(id)
  }

  heldRecords(): readonly MemberRecord[] {
    return this.#held.records()
  }

  shownRecords(): readonly MemberRecord[] {
    return this.#shown.records()
  }

  isShownLive(id: NodeId): boolean {
    const shown = this.#shown.get(id)
    return shown !== undefined && isLive(shown)
  }

  isUnproven(id: NodeId): boolean {
    const held = this.#held.get(id)
    return held !== undefined && held !== this.#shown.get(id)
  }

  /** Members of whom a claim waits for proof. */
  unproven(): MemberRecord[] {
    return this.#held.records().filter((record) => record !== this.#shown.get(record.info.id))
  }

  /** Up to `count` others, drawn at random. */
  someAlive(count: number, rng: Prng, except?: NodeId): MemberRecord[] {
    const alive = this.#shown
      .records()
      .filter(
        ({ info, state }) => state === 'alive' && info.id !== this.#self && info.id !== except,
      )
    return rng.shuffle(alive).slice(0, count)
  }

  setSelf(record: MemberRecord): void {
    this.#held.apply(record)
    this.#shown.apply(record)
  }

  /** `vouched`: the claim is the member's own word. */
  hear(claim: MemberRecord, vouched: boolean, now: Instant): Hearing {
    const { id } = claim.info
    const held = this.#held.get(id)
    if (!isPlausible(claim, held)) return 'ignored'
    if (held !== undefined) this.#notice(claim, held)
    if (held !== undefined && compareRecords(claim, held) <= 0) {
      if (vouched && this.vouch(id, claim.generation)) return 'shown'
      return this.#isDoubtful(claim, held) ? 'doubtful' : 'ignored'
    }
    if (held === undefined && !this.#makeRoom(claim)) return 'ignored'
    this.#held.apply(claim)
    if (!isLive(claim) || vouched || this.isShownLive(id) || this.#isProved(claim, now)) {
      this.#show(claim)
      return 'shown'
    }
    return 'unproven'
  }

  /** (id, generation) is there: shows its claim if that waited for proof. */
  vouch(id: NodeId, generation: number): boolean {
    const held = this.#held.get(id)
    if (held?.generation !== generation || !this.isUnproven(id)) return false
    this.#show(held)
    return true
  }

  /** As {@link vouch}, also for a claim that is heard within the next seconds. */
  prove(id: NodeId, generation: number, now: Instant): boolean {
    if (this.vouch(id, generation)) return true
    this.#proofs.delete(id)
    if (this.#proofs.size >= PROOFS_MAX) {
      for (const oldest of this.#proofs.keys()) {
        this.#proofs.delete(oldest)
        break
      }
    }
    this.#proofs.set(id, { generation, until: later(now, duration(PROOF_MS)) })
    return false
  }

  /** A claim that contradicts the held one about who `id` is; handed out once. */
  takeContested(id: NodeId): MemberRecord | undefined {
    const contested = this.#contested.get(id)
    this.#contested.delete(id)
    return contested
  }

  #isDoubtful(claim: MemberRecord, held: MemberRecord): boolean {
    if (!isLive(claim) || claim.generation !== held.generation) return false
    return held.state !== 'left' && !this.isShownLive(claim.info.id)
  }

  #show(claim: MemberRecord): void {
    const wasLive = this.isShownLive(claim.info.id)
    const outcome = this.#shown.apply(claim)
    assert(outcome === 'newer', () => `${claim.info.id} held but ${outcome} when shown`)
    this.#live += Number(isLive(claim)) - Number(wasLive)
  }

  #isProved(claim: MemberRecord, now: Instant): boolean {
    const proof = this.#proofs.get(claim.info.id)
    if (proof?.generation !== claim.generation) return false
    this.#proofs.delete(claim.info.id)
    return now < proof.until
  }

  #notice(claim: MemberRecord, held: MemberRecord): void {
    if (claim.generation !== held.generation) return
    if (!sameAddress(claim.info.address, held.info.address))
      this.#contested.set(claim.info.id, claim)
  }

  /**
   * Room for an unknown member: one that may be live displaces another that is not, never the
   * reverse.
   */
  #makeRoom(newcomer: MemberRecord): boolean {
    if (this.#held.hasRoom) return true
    if (!isLive(newcomer)) return false
    const victim = this.#leastMissed()
    if (victim === undefined) return false
    this.#held.forget(victim)
    this.#shown.forget(victim)
    this.#contested.delete(victim)
    this.#forgotten(victim)
    return true
  }

  #leastMissed(): NodeId | undefined {
    let left: NodeId | undefined
    let dead: NodeId | undefined
    for (const { info, state } of this.#held.values()) {
      if (info.id === this.#self) continue
      if (this.isUnproven(info.id)) return info.id
      if (state === 'left') left ??= info.id
      else if (state === 'dead') dead ??= info.id
    }
    return left ?? dead
  }

  check(): void {
    this.#held.check()
    this.#shown.check()
    assert(this.#proofs.size <= PROOFS_MAX, () => `${this.#proofs.size} proofs`)
    let live = 0
    for (const shown of this.#shown.values()) {
      const held = must(this.#held.get(shown.info.id), () => `held record of ${shown.info.id}`)
      assert(compareRecords(shown, held) <= 0, () => `${shown.info.id} shown beyond what is held`)
      assert(!isLive(shown) || shown === held, () => `${shown.info.id} live but not as held`)
      if (isLive(shown)) live++
    }
    const self = this.#shown.get(this.#self)
    if (self?.state === 'left') live++
    assert(live === this.#live, () => `${this.#live} live members counted, ${live} shown`)
    for (const id of this.#contested.keys())
      assert(this.held(id) !== undefined, () => `${id} contested`)
  }
}
