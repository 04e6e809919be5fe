/**
 * One change of a register by CASPaxos (Rystsov 2018, arXiv 1802.07000): Paxos without a log.
 *
 * The state itself is what is agreed on, anew with every change, so there is no log to keep, no
 * leader to elect and nothing to compact:
 *
 * ```
 *   prepare b   to all acceptors; a majority promises, and tells what it has accepted
 *   change      of these the value with the greatest ballot is the state: new = change(state)
 *   accept b    new to all acceptors; a majority accepts: it is chosen
 *   conflict    somebody else was faster: again with a greater ballot, after a while
 * ```
 * Every state that is chosen descends from all chosen before, because two majorities meet. With two
 * sets of acceptors a majority of *each* is needed in both phases: that is how a register moves
 * from one set to another.
 *
 * **Reading is a change to the same.** What a majority told is not yet chosen; returning it without
 * the second phase is the most frequent mistake of those who build this. Only when all of a
 * majority hold one ballot is it chosen already, and then the second phase may be left out.
 *
 * **What became of an accept that nobody answered?** It may have been chosen, and may be chosen
 * yet. So a change is never simply made again: the next attempt looks for its request id among the
 * last REQUESTS_MAX that travel with the value.
 *
 * ```
 *   found                                   it was made, and is not made again
 *   not found, and the list is not full     it is no part of this value
 *   not found, and what each accept that    the same: it would stand behind that
 *     is in doubt was built on is found
 *   else                                    nobody can tell: `unknown`
 * ```
 * No part of this value does not mean never: until an attempt of ours is chosen, somebody who meets
 * the few that took the first may still complete that one. So what was once in doubt ends as
 * `chosen` or `unknown`, whatever later attempts found.
 *
 * Invariants: acceptors are counted once however often they answer; answers to an earlier attempt
 * count for nothing; after an accept with our change the outcome is not `failed`; `done` is the
 * last effect, and comes within DEADLINE.
 */
import { assert } from '../std/assert.ts'
import { equalBytes } from '../std/bytes.ts'
import type { Effects } from '../std/effects.ts'
import type { NodeId } from '../std/ids.ts'
import type { Duration, Instant } from '../std/instant.ts'
import { duration, later } from '../std/instant.ts'
import type { Prng } from '../std/prng.ts'
import type { RequestId } from './acceptor.ts'
import { REQUESTS_MAX, sameRequest } from './acceptor.ts'
import type { Ballot } from './ballot.ts'
import { compareBallots, NO_BALLOT } from './ballot.ts'

/** How long a phase waits for answers before it begins anew. */
export const PHASE: Duration = duration(1_000)
/** After which a proposal gives up. */
export const DEADLINE: Duration = duration(10_000)
/** The longest pause before an attempt; each conflict doubles it. */
const PAUSE_MS_MAX = 1_000
const PAUSE_MS_MIN = 20

export interface ProposalOptions {
  readonly self: NodeId
  /** Of each set a majority must take part. Bounded by: the members of the cluster. */
  readonly sets: readonly (readonly NodeId[])[]
  /** Never used before: it makes our ballots ours, and is how our change is found again. */
  readonly request: RequestId
  /**
   * What the register is to hold after `current`; `current` itself: it stays. undefined: it never
   * held anything. Called once for each attempt; must not depend on anything else. Which of several
   * attempts was chosen is not always known, so nothing is to be concluded from the last call.
   */
  readonly change: (current: Uint8Array | undefined) => Uint8Array
  /** The counter of the first ballot is greater. What is known of the register saves a conflict. */
  readonly above: number
  readonly rng: Prng
}

export type ProposalEvent =
  | ({ readonly type: 'promised'; readonly from: NodeId; readonly ballot: Ballot } & Told)
  | { readonly type: 'accepted'; readonly from: NodeId; readonly ballot: Ballot }
  /** `ballot`: ours that met a greater one. */
  | {
      readonly type: 'conflict'
      readonly from: NodeId
      readonly ballot: Ballot
      readonly greater: Ballot
    }
  /** The acceptor takes no part in the attempt of that ballot. */
  | { readonly type: 'refused'; readonly from: NodeId; readonly ballot: Ballot }
  | { readonly type: 'timer'; readonly turn: number }

/** What an acceptor had accepted when it promised. */
export interface Told {
  readonly accepted: Ballot
  readonly value: Uint8Array
  readonly requests: readonly RequestId[]
}

export type ProposalEffect =
  | { readonly type: 'prepare'; readonly to: NodeId; readonly ballot: Ballot }
  | {
      readonly type: 'accept'
      readonly to: NodeId
      readonly ballot: Ballot
      readonly value: Uint8Array
      readonly requests: readonly RequestId[]
    }
  | { readonly type: 'arm'; readonly turn: number; readonly at: Instant }
  | { readonly type: 'done'; readonly result: ProposalResult }

export type ProposalResult =
  /**
   * The register holds `value`, or did a moment ago. `isMade`: our change is part of it; else the
   * change was none.
   */
  | { readonly outcome: 'chosen'; readonly value: Uint8Array; readonly isMade: boolean }
  /** It may have been made, or be made yet. */
  | { readonly outcome: 'unknown' }
  /** It was not made, and will not be: no majority took part. */
  | { readonly outcome: 'failed' }

export class Proposal {
  readonly #options: ProposalOptions
  /** Each once. */
  readonly #acceptors: readonly NodeId[]
  #phase: 'new' | 'pausing' | 'preparing' | 'accepting' | 'done' = 'new'
  #ballot: Ballot = NO_BALLOT
  /** Nothing greater was heard of. */
  #greatest: number
  #conflicts = 0
  #endsAt: Instant | undefined
  // Timers of what is over are not heard.
  #turn = 0
  // Of this attempt. Bounded by: the acceptors.
  readonly #promises = new Map<NodeId, Told>()
  readonly #accepts = new Set<NodeId>()
  readonly #refusals = new Set<NodeId>()
  #proposed: ProposalResult | undefined
  // Of each accept with our change of which we do not know what became: the latest change before
  // ours. Bounded by: REQUESTS_MAX + 1; with more nothing could be proved.
  readonly #doubts: (RequestId | undefined)[] = []

  constructor(options: ProposalOptions) {
    this.#options = options
    this.#acceptors = [...new Set(options.sets.flat())]
    this.#greatest = options.above
    assert(options.sets.length > 0, 'a register of nobody')
    for (const set of options.sets)
      assert(new Set(set).size === set.length, 'an acceptor would count twice')
  }

  /** Of the ballot that was used last. */
  get counter(): number {
    return this.#ballot.counter
  }

  start(now: Instant, effects: Effects<ProposalEffect>): void {
    assert(this.#phase === 'new', this.#phase)
    this.#endsAt = later(now, DEADLINE)
    this.#attempt(now, effects)
  }

  step(event: ProposalEvent, now: Instant, effects: Effects<ProposalEffect>): void {
    if (this.#phase === 'done') return
    if (event.type === 'timer') {
      if (event.turn === this.#turn) this.#onTimer(now, effects)
      return
    }
    if (compareBallots(event.ballot, this.#ballot) !== 0) return
    if (!this.#acceptors.includes(event.from)) return
    switch (event.type) {
      case 'promised':
        return this.#onPromised(event, now, effects)
      case 'accepted':
        return this.#onAccepted(event.from, effects)
      case 'conflict':
        return this.#onConflict(event.greater, now, effects)
      case 'refused':
        return this.#onRefused(event.from, now, effects)
    }
  }

  check(): void {
    const { length } = this.#acceptors
    assert(this.#promises.size <= length, () => `${this.#promises.size} promises`)
    assert(this.#accepts.size <= length, () => `${this.#accepts.size} accepts`)
    assert(this.#doubts.length <= REQUESTS_MAX + 1, () => `${this.#doubts.length} doubts`)
  }

  #attempt(now: Instant, effects: Effects<ProposalEffect>): void {
    const counter = Math.max(this.#greatest, this.#ballot.counter) + 1
    this.#ballot = { counter, node: this.#options.self, proposal: this.#options.request.number }
    this.#phase = 'preparing'
    this.#promises.clear()
    this.#accepts.clear()
    this.#refusals.clear()
    this.#arm(later(now, PHASE), effects)
    for (const to of this.#acceptors) effects.push({ type: 'prepare', to, ballot: this.#ballot })
  }

  #onPromised(
    { from, accepted, value, requests }: Extract<ProposalEvent, { type: 'promised' }>,
    now: Instant,
    effects: Effects<ProposalEffect>,
  ): void {
    if (this.#phase !== 'preparing' || this.#promises.has(from)) return
    this.#promises.set(from, { accepted, value, requests })
    if (!this.#isMajority((node) => this.#promises.has(node))) return
    this.#propose(this.#latest(), now, effects)
  }

  /** Changes `latest`, which a majority has told; undefined: nothing was ever accepted. */
  #propose(latest: Told | undefined, now: Instant, effects: Effects<ProposalEffect>): void {
    const { change, request } = this.#options
    const current = latest?.value
    const before = latest?.requests ?? []
    const isMade = before.some((each) => sameRequest(each, request))
    if (!isMade && !this.#isAbsent(before)) return this.#end({ outcome: 'unknown' }, effects)
    const value = isMade && current !== undefined ? current : change(current)
    const isSame = current !== undefined && equalBytes(value, current)
    this.#proposed = { outcome: 'chosen', value, isMade: isMade || !isSame }
    if (isSame && this.#isChosen(latest!)) return this.#end(this.#proposed, effects)
    if (!isSame) this.#doubt(before.at(-1))
    const requests = isSame ? before : [...before, request].slice(-REQUESTS_MAX)
    this.#phase = 'accepting'
    this.#arm(later(now, PHASE), effects)
    const ballot = this.#ballot
    for (const to of this.#acceptors) effects.push({ type: 'accept', to, ballot, value, requests })
  }

  #onAccepted(from: NodeId, effects: Effects<ProposalEffect>): void {
    if (this.#phase !== 'accepting') return
    this.#accepts.add(from)
    if (this.#isMajority((node) => this.#accepts.has(node))) this.#end(this.#proposed!, effects)
  }

  #onConflict(greater: Ballot, now: Instant, effects: Effects<ProposalEffect>): void {
    // The answer to a prepare that came twice: the greater one is our own.
    if (compareBallots(greater, this.#ballot) <= 0) return
    if (this.#phase !== 'preparing' && this.#phase !== 'accepting') return
    this.#greatest = Math.max(this.#greatest, greater.counter)
    this.#pause(now, effects)
  }

  #onRefused(from: NodeId, now: Instant, effects: Effects<ProposalEffect>): void {
    if (this.#phase !== 'preparing' && this.#phase !== 'accepting') return
    this.#refusals.add(from)
    if (this.#isMajority((node) => !this.#refusals.has(node))) return
    // Those who refuse an accept may have promised; whether somebody else has accepted is open.
    if (this.#phase === 'preparing') this.#end(this.#given(), effects)
    else this.#pause(now, effects)
  }

  #onTimer(now: Instant, effects: Effects<ProposalEffect>): void {
    if (this.#endsAt !== undefined && this.#endsAt <= now) return this.#end(this.#given(), effects)
    if (this.#phase === 'pausing') this.#attempt(now, effects)
    else this.#pause(now, effects)
  }

  /** Before another attempt, so that of two proposers one comes through. */
  #pause(now: Instant, effects: Effects<ProposalEffect>): void {
    this.#phase = 'pausing'
    const most = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** this.#conflicts)
    this.#conflicts = Math.min(this.#conflicts + 1, 10)
    this.#arm(later(now, duration(1 + this.#options.rng.below(most))), effects)
  }

  /** An accept with our change goes out; `base` is the latest change before it. */
  #doubt(base: RequestId | undefined): void {
    if (!this.#doubts.some((each) => isSameBase(each, base))) this.#doubts.push(base)
  }

  /** Whether our change, which is not among `requests`, cannot have been pushed out of them. */
  #isAbsent(requests: readonly RequestId[]): boolean {
    const doubts = this.#doubts
    if (doubts.length > REQUESTS_MAX) return false
    if (requests.length < REQUESTS_MAX) return true
    return doubts.every((base) => requests.some((each) => isSameBase(each, base)))
  }

  #given(): ProposalResult {
    return { outcome: this.#doubts.length > 0 ? 'unknown' : 'failed' }
  }

  #end(result: ProposalResult, effects: Effects<ProposalEffect>): void {
    this.#phase = 'done'
    effects.push({ type: 'done', result })
  }

  #arm(at: Instant, effects: Effects<ProposalEffect>): void {
    const ends = this.#endsAt
    const turn = ++this.#turn
    effects.push({ type: 'arm', turn, at: ends !== undefined && ends < at ? ends : at })
  }

  /** Of what was told, that with the greatest ballot; undefined: nobody has accepted anything. */
  #latest(): Told | undefined {
    let latest: Told | undefined
    for (const told of this.#promises.values())
      if (compareBallots(told.accepted, latest?.accepted ?? NO_BALLOT) > 0) latest = told
    return latest
  }

  /** Whether a majority holds this very ballot: then it needs no second phase. */
  #isChosen({ accepted }: Told): boolean {
    return this.#isMajority((node) => {
      const told = this.#promises.get(node)
      return told !== undefined && compareBallots(told.accepted, accepted) === 0
    })
  }

  /** Whether those of whom `has` is true are a majority of each set. */
  #isMajority(has: (node: NodeId) => boolean): boolean {
    return this.#options.sets.every((set) => set.filter(has).length * 2 > set.length)
  }
}

function isSameBase(a: RequestId | undefined, b: RequestId | undefined): boolean {
  return a === undefined || b === undefined ? a === b : sameRequest(a, b)
}
