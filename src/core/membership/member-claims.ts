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
 * Death needs no proof either; the member can refute. That it has left nobody could refute who is
 * gone, so a leave must prove that it is the member's own word (`leave-proof.ts`).
 *
 * All of it is remembered, so that an older "alive" stays older: of the dead and of those who left
 * for a day, or as long as the layout names them (rule R5); what is told of members that were never
 * seen for a minute. Of whom is forgotten then, a line is kept (`graveyard.ts`), for somebody may
 * still tell of it. When there is no room for a newcomer memory is given up sooner: first of claims
 * without proof, then of those who left, then of the dead, the oldest acquaintance first.
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
import { duration, later, since } from '../std/instant.ts'
import type { Prng } from '../std/prng.ts'
import type { MemberRecord } from './member.ts'
import { Graveyard } from './graveyard.ts'
import type { Digest } from './leave-proof.ts'
import { provesLeave } from './leave-proof.ts'
import { digestOf, MemberDigest } from './member-digest.ts'
import { compareRecords, isLive, isPlausible, sameAddress } from './member-order.ts'
import { MemberTable } from './member-table.ts'
import { OtherMembers } from './other-members.ts'

/** How long a contact vouches for a claim that arrives after it. */
const PROOF_MS = 10_000
const PROOFS_MAX = 64
/** How long a claim about a member that was never seen waits for proof. */
const STRANGER_MS = 60_000
/** How long the dead and those who left are remembered, unless the layout names them. */
export const REMEMBERED_MS: number = 24 * 3_600_000

/** What became of a claim. */
export type Hearing =
  /** Nothing new, or no room. */
  | 'ignored'
  /** It cannot be true: a leap of the incarnation, a leave without proof. */
  | 'refused'
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

export interface ClaimsOptions {
  readonly digest: Digest
  /** How long the dead are remembered, milliseconds; REMEMBERED_MS. */
  readonly rememberedMs: number
  /** Told of each member whose memory is given up. */
  readonly forgotten: (id: NodeId) => void
}

export class MemberClaims {
  readonly #held = new MemberTable()
  readonly #shown = new MemberTable()
  // Bounded by: PROOFS_MAX, the oldest goes. Contacts whose claim has not been heard yet.
  readonly #proofs = new Map<NodeId, Proof>()
  // Bounded by: one for each member. Claims to a member's generation with another address than the
  // held one.
  readonly #contested = new Map<NodeId, MemberRecord>()
  // Bounded by: one for each member. Since when a claim waits, or a member is gone.
  readonly #waitingSince = new Map<NodeId, Instant>()
  readonly #goneSince = new Map<NodeId, Instant>()
  readonly #graveyard = new Graveyard()
  readonly #digest = new MemberDigest()
  readonly #others = new OtherMembers()
  readonly #options: ClaimsOptions
  readonly #self: NodeId
  // Bounded by: NODES_MAX, as the layout is.
  #layout: ReadonlySet<NodeId> = new Set()

  constructor(self: MemberRecord, options: ClaimsOptions) {
    this.#self = self.info.id
    this.#options = options
    this.setSelf(self)
  }

  /** Live members that this node stands for, itself included. */
  get liveCount(): number {
    return this.#others.size + 1
  }

  /** Of all live members that it stands for, itself included unless it has left. */
  get digest(): number {
    return this.#digest.value
  }

  /** Whom the layout names: they are not forgotten. */
  setLayout(members: readonly NodeId[]): void {
    this.#layout = new Set(members)
  }

  /** Named by the layout, and not known. */
  missing(): NodeId[] {
    return [...this.#layout].filter((id) => this.#held.get(id) === undefined)
  }

  /** How often anything that is held or shown has become another. */
  get changes(): number {
    return this.#held.changes + this.#shown.changes
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

  /** Dead members that this node stands for. */
  dead(): MemberRecord[] {
    return [...this.#goneSince.keys()]
      .map((id) => must(this.#shown.get(id), () => `record of ${id}`))
      .filter(({ state }) => state === 'dead')
  }

  /** Those who have died since `then`. */
  deadSince(then: Instant): MemberRecord[] {
    return this.dead().filter(({ info }) => this.#goneSince.get(info.id)! >= then)
  }

  /** Up to `count` others that are alive, drawn at random. */
  someAlive(count: number, rng: Prng, except?: NodeId): MemberRecord[] {
    const isWanted = ({ info, state }: MemberRecord): boolean =>
      state === 'alive' && info.id !== except
    return this.#others.draw(count, rng, isWanted)
  }

  /** Up to `count` others that are alive or suspect, drawn at random. */
  someLive(count: number, rng: Prng): MemberRecord[] {
    return this.#others.draw(count, rng, () => true)
  }

  setSelf(record: MemberRecord): void {
    this.#digest.replace(this.#shown.get(this.#self), record)
    this.#held.apply(record)
    this.#shown.apply(record)
  }

  /**
   * Takes what the last run of this node knew: hearsay, but for leaves, which were proved to it.
   */
  restore(record: MemberRecord, now: Instant): Hearing {
    const { id } = record.info
    const isProved = record.state === 'left' && this.#provesLeave(record, record.info.leaveLock)
    if (!isProved || this.#held.get(id) !== undefined) return this.hear(record, false, now)
    if (!this.#held.hasRoom) return 'ignored'
    this.#held.apply(record)
    this.#show(record, now)
    return 'shown'
  }

  /** `vouched`: the claim is the member's own word. */
  hear(claim: MemberRecord, vouched: boolean, now: Instant): Hearing {
    const { id } = claim.info
    const held = this.#held.get(id)
    if (!isPlausible(claim, held)) return 'refused'
    if (claim.state === 'left') {
      // Whose lock is not known is not missed.
      if (held?.generation !== claim.generation) return 'ignored'
      if (!this.#provesLeave(claim, held.info.leaveLock)) return 'refused'
    }
    const grave = held === undefined ? this.#graveyard.covering(claim) : undefined
    if (grave !== undefined) return this.#rememberAgain(grave, claim, vouched, now)
    if (held !== undefined) this.#notice(claim, held)
    if (held !== undefined && compareRecords(claim, held) <= 0) {
      if (vouched && this.vouch(id, claim.generation, now)) return 'shown'
      return this.#isDoubtful(claim, held) ? 'doubtful' : 'ignored'
    }
    if (held === undefined && !this.#makeRoom(claim)) return 'ignored'
    this.#held.apply(claim)
    if (!isLive(claim) || vouched || this.isShownLive(id) || this.#isProved(claim, now)) {
      this.#show(claim, now)
      return 'shown'
    }
    if (!this.#waitingSince.has(id)) this.#waitingSince.set(id, now)
    return 'unproven'
  }

  /** Gives up the memory of those whose time is over. To be called now and then. */
  forgetOld(now: Instant): void {
    for (const [id, waiting] of this.#waitingSince) {
      if (!this.isUnproven(id)) this.#waitingSince.delete(id)
      else if (this.#shown.get(id) === undefined && since(waiting, now) >= STRANGER_MS)
        this.#forgetUnlessNamed(id)
    }
    for (const [id, gone] of this.#goneSince)
      if (since(gone, now) >= this.#options.rememberedMs) this.#forgetUnlessNamed(id)
  }

  /** (id, generation) is there: shows its claim if that waited for proof. */
  vouch(id: NodeId, generation: number, now: Instant): boolean {
    const held = this.#held.get(id)
    if (held?.generation !== generation || !this.isUnproven(id)) return false
    this.#show(held, now)
    return true
  }

  /** As {@link vouch}, also for a claim that is heard within the next seconds. */
  prove(id: NodeId, generation: number, now: Instant): boolean {
    if (this.vouch(id, generation, now)) return true
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

  #show(claim: MemberRecord, now: Instant): void {
    const { id } = claim.info
    const before = this.#shown.get(id)
    const outcome = this.#shown.apply(claim)
    assert(outcome === 'newer', () => `${id} held but ${outcome} when shown`)
    this.#digest.replace(before, claim)
    this.#waitingSince.delete(id)
    if (isLive(claim)) {
      this.#others.set(claim)
      this.#goneSince.delete(id)
    } else {
      this.#others.delete(id)
      if (before === undefined || isLive(before)) this.#goneSince.set(id, now)
    }
  }

  #provesLeave({ leaveProof }: MemberRecord, lock: string): boolean {
    return provesLeave(leaveProof, lock, this.#options.digest)
  }

  /** A member that was forgotten as dead is heard of again: by its own word, or by a laggard's. */
  #rememberAgain(
    grave: MemberRecord,
    claim: MemberRecord,
    vouched: boolean,
    now: Instant,
  ): Hearing {
    if (grave.state !== 'dead' || grave.generation !== claim.generation) return 'ignored'
    if (!vouched && !this.#isProved(claim, now)) return 'ignored'
    if (!this.#makeRoom(claim)) return 'ignored'
    this.#held.apply(grave)
    this.#show(grave, now)
    return 'doubtful'
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
    this.#forget(victim)
    return true
  }

  #forgetUnlessNamed(id: NodeId): void {
    if (!this.#layout.has(id)) this.#forget(id)
  }

  #forget(id: NodeId): void {
    const shown = this.#shown.get(id)
    // Of a stranger nothing is known that would have to outlive it.
    if (shown !== undefined) this.#graveyard.bury(shown)
    this.#held.forget(id)
    this.#shown.forget(id)
    this.#contested.delete(id)
    this.#waitingSince.delete(id)
    this.#goneSince.delete(id)
    this.#options.forgotten(id)
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
      const isOther = shown.info.id !== this.#self
      if (isOther && isLive(shown)) live++
      const isGone = this.#goneSince.has(shown.info.id)
      assert(!isOther || isGone !== isLive(shown), () => `${shown.info.id} gone: ${isGone}`)
    }
    this.#others.check()
    assert(live === this.#others.size, () => `${this.#others.size} live counted, ${live} shown`)
    const digest = digestOf(this.#shown.values())
    assert(digest === this.#digest.value, () => `digest ${this.#digest.value}, not ${digest}`)
    for (const id of this.#contested.keys())
      assert(this.held(id) !== undefined, () => `${id} contested`)
  }
}
