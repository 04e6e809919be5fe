/**
 * Proposers and acceptors of one register on a network that loses, repeats and reorders, with
 * acceptors that crash, forget what was not stored and are away for a while. The register counts:
 * clients read it, raise it, and raise it if it is what they saw last.
 *
 * In some worlds the register moves while all this goes on: from three acceptors by way of both
 * sets to three others, some of which may be the same.
 *
 * ```
 *   1  the old set alone
 *   2  a majority of each     for all who begin from now on; when those of 1 have ended, the value
 *                             is written again as it is
 *   3  the new set alone      when that was chosen
 * ```
 * `Flaws` break one rule each: a check that finds nothing wrong with them is worth nothing.
 */
import assert from 'node:assert/strict'
import type { NodeId } from '../std/ids.ts'
import { instant } from '../std/instant.ts'
import { Prng } from '../std/prng.ts'
import type { AcceptorRecord } from './acceptor.ts'
import { accept, NO_RECORD, prepare } from './acceptor.ts'
import type { Ballot } from './ballot.ts'
import { compareBallots } from './ballot.ts'
import type { Call } from './linearizable.test.ts'
import type { ProposalEffect, ProposalEvent, ProposalResult } from './proposal.ts'
import { Proposal } from './proposal.ts'

export interface Flaws {
  /** An acceptor compares with its promise only, and does not raise it when it accepts. */
  readonly looseAccept?: boolean
  /** An acceptor that crashes comes back empty, under its name. */
  readonly amnesia?: boolean
  /** What is not yet stored is answered. */
  readonly answersEarly?: boolean
  /** A quorum of one. */
  readonly quorumOfOne?: boolean
  /** Reads end with what a majority told, chosen or not. */
  readonly readsEarly?: boolean
  /** Changes that are none end with what a majority told, chosen or not. */
  readonly failsEarly?: boolean
  /** Each answer counts, though it be of the same acceptor. */
  readonly countsReplies?: boolean
  /** A change is made again when nobody knows what became of it. */
  readonly repeats?: boolean
  /** While the register moves a majority of the new set is enough. */
  readonly notJoint?: boolean
  /** The old set is given up before the value was written to both. */
  readonly notRewritten?: boolean
}

/** `raise-if`: if the count is still what the client saw last. */
export type Kind = 'read' | 'raise' | 'raise-if'

/** What a client asked and was told. */
export interface Operation {
  readonly kind: Kind
  readonly expected: number
  readonly invokedAt: number
  /** Infinity: the client does not know what became of it. */
  returnedAt: number
  outcome: ProposalResult['outcome'] | 'pending'
  isMade: boolean
  /** The count after it; undefined: it was made, but by which of several attempts is not known. */
  count: number | undefined
}

interface Delivery {
  readonly at: number
  readonly order: number
  readonly go: () => void
}

interface Asked {
  readonly client: number
  readonly kind: Kind
  readonly change: (count: number) => number
  readonly done: (result: ProposalResult) => void
}

const CLIENTS = 3
const REWRITER = CLIENTS
const nodeOf = (n: number): NodeId => (n + 1).toString(16).padStart(16, '0') as NodeId
const countIn = (value: Uint8Array | undefined): number =>
  value === undefined || value.length === 0 ? 0 : (value[0]! << 8) | value[1]!
const valueOf = (count: number): Uint8Array => Uint8Array.of(count >> 8, count & 0xff)

interface Acceptor {
  readonly node: NodeId
  /** What would survive a crash, and what was handed to the disk. */
  durable: AcceptorRecord
  handed: AcceptorRecord
  /** When all that was handed to the disk is on it: it takes one batch after the other. */
  durableAt: number
  life: number
  awayUntil: number
}

export class World {
  readonly rng: Prng
  readonly operations: Operation[] = []
  readonly flaws: Flaws
  readonly #acceptors: readonly Acceptor[]
  readonly #moves: boolean
  readonly #old: readonly NodeId[]
  readonly #new: readonly NodeId[]
  #stage: 1 | 2 | 3 = 1
  // Proposals under way that began with the old set alone.
  #ofOld = 0
  readonly #queue: Delivery[] = []
  #order = 0
  #request = 0
  now = 0

  constructor(seed: number, flaws: Flaws = {}) {
    this.rng = new Prng(seed)
    this.flaws = flaws
    this.#moves = this.rng.chance(0.4)
    const count = this.#moves ? this.rng.pick([4, 5, 6]) : this.rng.pick([3, 3, 5])
    this.#acceptors = Array.from({ length: count }, (_, n) => ({
      ...{ node: nodeOf(n), durable: NO_RECORD, handed: NO_RECORD },
      ...{ durableAt: 0, life: 0, awayUntil: 0 },
    }))
    const nodes = this.#acceptors.map(({ node }) => node)
    this.#old = this.#moves ? nodes.slice(0, 3) : nodes
    this.#new = this.#moves ? nodes.slice(-3) : nodes
  }

  /** Clients ask now and then, until all was answered. */
  run(operations = 12): void {
    for (let client = 0; client < CLIENTS; client++)
      this.#after(this.rng.below(50), () => this.#client(client, operations, 0))
    for (let i = 0; i < 4; i++) this.#after(this.rng.below(4_000), () => this.#crash())
    if (this.#moves) this.#after(this.rng.below(2_500), () => this.#move())
    let next = this.#next()
    for (let steps = 0; next !== undefined; steps++) {
      assert.ok(steps < 200_000, 'it goes on for ever')
      this.now = Math.max(this.now, next.at)
      next.go()
      next = this.#next()
    }
    assert.ok(!this.#moves || this.#stage === 3, 'the register did not arrive')
  }

  #client(client: number, left: number, seen: number): void {
    if (left === 0) return
    const kind = this.rng.pick(['read', 'raise', 'raise-if'] as const)
    const operation: Operation = {
      ...{ kind, expected: seen, invokedAt: this.now, returnedAt: Infinity },
      ...{ outcome: 'pending', isMade: false, count: undefined },
    }
    this.operations.push(operation)
    const counts = new Set<number>()
    const change = (count: number): number => {
      if (kind === 'read' || (kind === 'raise-if' && count !== seen)) return count
      counts.add(count + 1)
      return count + 1
    }
    const done = (result: ProposalResult): void => {
      operation.outcome = result.outcome
      let now = seen
      if (result.outcome === 'chosen') {
        now = countIn(result.value)
        operation.returnedAt = this.now
        // The first to read writes down that there is nothing.
        operation.isMade = result.isMade && kind !== 'read'
        if (!operation.isMade) operation.count = now
        else if (counts.size === 1) operation.count = [...counts][0]
      }
      this.#after(this.rng.below(300), () => this.#client(client, left - 1, now))
    }
    this.#propose({ client, kind, change, done })
  }

  #propose({ client, kind, change, done }: Asked): void {
    const request = { node: nodeOf(90 + client), number: ++this.#request }
    const isOfOld = this.#stage === 1
    if (isOfOld) this.#ofOld++
    let isNone = false
    const proposal = new Proposal({
      ...{ self: request.node, sets: this.#sets(), request, above: 0, rng: this.rng.fork() },
      change: (current) => {
        const next = change(countIn(current))
        isNone = next === countIn(current)
        return valueOf(next)
      },
    })
    new Proposer(this, proposal, {
      kind,
      isNone: () => isNone,
      done: (result) => {
        if (isOfOld) this.#ofOld--
        done(result)
      },
    }).begin()
  }

  #sets(): readonly (readonly NodeId[])[] {
    if (this.flaws.quorumOfOne === true) return [[this.rng.pick(this.#new)]]
    if (this.#stage === 1) return [this.#old]
    if (this.#stage === 3 || this.flaws.notJoint === true) return [this.#new]
    return [this.#old, this.#new]
  }

  #move(): void {
    this.#stage = 2
    if (this.flaws.notRewritten === true) this.#stage = 3
    else this.#rewrite()
  }

  #rewrite(): void {
    if (this.#ofOld > 0) return this.#after(100, () => this.#rewrite())
    this.#propose({
      ...{ client: REWRITER, kind: 'read' },
      change: (count) => count,
      done: ({ outcome }) => {
        if (outcome === 'chosen') this.#stage = 3
        else this.#after(100, () => this.#rewrite())
      },
    })
  }

  #crash(): void {
    const acceptor = this.rng.pick(this.#acceptors)
    acceptor.life++
    if (this.rng.chance(0.5)) acceptor.awayUntil = this.now + this.rng.below(8_000)
    if (this.flaws.amnesia === true) acceptor.durable = NO_RECORD
    acceptor.handed = acceptor.durable
  }

  /** A message on its way, lost or repeated as the network likes. */
  send(go: () => void): void {
    const copies = this.rng.chance(0.12) ? 0 : this.rng.chance(0.12) ? 2 : 1
    for (let i = 0; i < copies; i++)
      this.#after(1 + this.rng.below(this.rng.chance(0.1) ? 900 : 30), go)
  }

  at(when: number, go: () => void): void {
    this.#queue.push({ at: when, order: this.#order++, go })
  }

  /** Takes a step of an acceptor, and answers when it is durable. */
  take(
    node: NodeId,
    step: (record: AcceptorRecord) => ReturnType<typeof prepare>,
    answer: (before: AcceptorRecord, result: ReturnType<typeof prepare>) => void,
  ): void {
    const acceptor = this.#acceptors.find((each) => each.node === node)!
    if (acceptor.awayUntil > this.now) return
    const before = acceptor.handed
    const result = step(before)
    if (!result.ok) return answer(before, result)
    acceptor.handed = result.next
    const { life } = acceptor
    if (this.flaws.answersEarly === true) answer(before, result)
    acceptor.durableAt = Math.max(acceptor.durableAt, this.now + this.rng.below(40))
    this.at(acceptor.durableAt, () => {
      if (acceptor.life !== life) return
      acceptor.durable = result.next
      if (this.flaws.answersEarly !== true) answer(before, result)
    })
  }

  /** Whoever the proposer takes for the sender of an answer. */
  senderOf(node: NodeId): NodeId {
    return this.flaws.countsReplies === true ? this.rng.pick(this.#acceptors).node : node
  }

  #after(ms: number, go: () => void): void {
    this.at(this.now + ms, go)
  }

  #next(): Delivery | undefined {
    let best = -1
    for (let i = 0; i < this.#queue.length; i++) {
      const [one, least] = [this.#queue[i]!, this.#queue[best]]
      const isTie = one.at === least?.at
      if (least === undefined || one.at < least.at || (isTie && one.order < least.order)) best = i
    }
    return best < 0 ? undefined : this.#queue.splice(best, 1)[0]
  }
}

interface ProposerParts {
  readonly kind: Kind
  /** Whether the change, as it was asked last, left the count as it was. */
  readonly isNone: () => boolean
  readonly done: (result: ProposalResult) => void
}

class Proposer {
  readonly #world: World
  readonly #proposal: Proposal
  readonly #parts: ProposerParts
  #isOver = false

  constructor(world: World, proposal: Proposal, parts: ProposerParts) {
    this.#world = world
    this.#proposal = proposal
    this.#parts = parts
  }

  begin(): void {
    const effects: ProposalEffect[] = []
    this.#proposal.start(instant(this.#world.now), { push: (effect) => effects.push(effect) })
    for (const effect of effects) this.#execute(effect)
  }

  #step(event: ProposalEvent): void {
    if (this.#isOver) return
    const effects: ProposalEffect[] = []
    this.#proposal.step(event, instant(this.#world.now), { push: (effect) => effects.push(effect) })
    this.#proposal.check()
    for (const effect of effects) this.#execute(effect)
  }

  #execute(effect: ProposalEffect): void {
    switch (effect.type) {
      case 'prepare':
        return this.#world.send(() => this.#prepare(effect.to, effect.ballot))
      case 'accept':
        if (this.#endsEarly())
          return this.#end({ outcome: 'chosen', value: effect.value, isMade: false })
        return this.#world.send(() => this.#accept(effect))
      case 'arm':
        return this.#world.at(effect.at, () => this.#step({ type: 'timer', turn: effect.turn }))
      case 'done':
        return this.#end(effect.result)
    }
  }

  #endsEarly(): boolean {
    const { readsEarly, failsEarly } = this.#world.flaws
    const isEarly = this.#parts.kind === 'read' ? readsEarly : failsEarly
    return isEarly === true && this.#parts.isNone()
  }

  #prepare(from: NodeId, ballot: Ballot): void {
    this.#world.take(
      from,
      (record) => prepare(record, ballot),
      ({ accepted, value, requests: all }, result) => {
        const requests = this.#world.flaws.repeats === true ? [] : all
        this.#answer(
          result.ok
            ? { type: 'promised', from, ballot, accepted, value, requests }
            : { type: 'conflict', from, ballot, greater: result.greater },
        )
      },
    )
  }

  #accept(asked: Extract<ProposalEffect, { type: 'accept' }>): void {
    const { to: from, ballot, value, requests } = asked
    const proposal = { accepted: ballot, value, requests }
    const step = (record: AcceptorRecord): ReturnType<typeof accept> => {
      if (this.#world.flaws.looseAccept !== true) return accept(record, proposal)
      if (compareBallots(ballot, record.promised) < 0)
        return { ok: false, greater: record.promised }
      return { ok: true, next: { ...proposal, promised: record.promised } }
    }
    this.#world.take(from, step, (_, result) =>
      this.#answer(
        result.ok
          ? { type: 'accepted', from, ballot }
          : { type: 'conflict', from, ballot, greater: result.greater },
      ),
    )
  }

  #answer(event: Exclude<ProposalEvent, { type: 'timer' }>): void {
    this.#world.send(() => this.#step({ ...event, from: this.#world.senderOf(event.from) }))
  }

  #end(result: ProposalResult): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#parts.done(result)
  }
}

/** An operation as the checker wants it; undefined: it was not made, and says nothing. */
export function callOf(operation: Operation): Call<number> | undefined {
  const { kind, expected, invokedAt, returnedAt, outcome, isMade, count } = operation
  const isUnknown = outcome === 'unknown'
  if (outcome === 'failed' || (isUnknown && kind === 'read')) return undefined
  const apply = (state: number): number | undefined => {
    if (!isMade && !isUnknown) {
      const isNone = kind === 'read' || (kind === 'raise-if' && state !== expected)
      return isNone && count === state ? state : undefined
    }
    if (kind === 'raise-if' && state !== expected) return undefined
    return count === undefined || count === state + 1 ? state + 1 : undefined
  }
  return { invokedAt, returnedAt, apply }
}
