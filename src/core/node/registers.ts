/**
 * Registers of consensus, as the node sees them: the acceptor's records on its disk, and the
 * proposals that it has begun.
 *
 * An acceptor's word counts when it would survive a crash: a promise and an accept are stored, and
 * answered when they are durable. What it knows is read from the store each time, where what was
 * handed over and not yet stored counts; a batch that fails takes the later ones with it, and their
 * answers are "the disk did not take it". A record that does not read as it was written is never
 * replaced: an acceptor without memory could promise against its own word, so it takes no part in
 * that register any more.
 *
 * What proposals are about, and who may take part in a register, is for others to say
 * (`layout-register.ts`). A node asks itself by the same messages as it asks others.
 *
 * Invariants: each proposal is told its end once; one event of proposals at a time.
 */
import type { AcceptorRecord, RequestId } from '../consensus/acceptor.ts'
import { accept, NO_RECORD, prepare } from '../consensus/acceptor.ts'
import { NO_BALLOT } from '../consensus/ballot.ts'
import type { RegisterAnswer, RegisterOutcome, RegisterQuestion } from '../consensus/messages.ts'
import type { ProposalEffect, ProposalEvent, ProposalResult } from '../consensus/proposal.ts'
import { Proposal } from '../consensus/proposal.ts'
import { decodeAcceptorRecord, encodeAcceptorRecord } from '../consensus/record-codec.ts'
import { assert } from '../std/assert.ts'
import type { Checksum } from '../std/crc32.ts'
import type { NodeId } from '../std/ids.ts'
import type { Prng } from '../std/prng.ts'
import type { StoreOperation, StoreReader } from '../ports.ts'
import type { Host } from './host.ts'
import { registerKey } from './storage-keys.ts'

/** Proposals under way at once. */
export const PROPOSALS_MAX = 64
/** Answers of the acceptor that wait for the disk. */
const WAITING_MAX = 1024

/**
 * Whether the acceptor takes part in a register, or knows an older or a newer layout than the one
 * who asks needs, or has forgotten what it answered before.
 */
export type Standing = 'ok' | 'behind' | 'ahead' | 'refused'

export interface RegistersParts {
  readonly store: StoreReader
  readonly checksum: Checksum
  readonly rng: Prng
  /** Whether the acceptor here takes part in that register. */
  readonly serves: (key: string) => Standing
  /** Whether it may accept that value for it. */
  readonly mayAccept: (key: string, value: Uint8Array) => boolean
  /** `peer` asked about a register, and one of us knows an older layout than the other. */
  readonly differs: (peer: NodeId, which: 'behind' | 'ahead') => void
}

export interface Propose {
  readonly key: string
  readonly layoutVersion: number
  /** Of each a majority must take part. */
  readonly sets: readonly (readonly NodeId[])[]
  /** See `ProposalOptions`. */
  readonly change: (current: Uint8Array | undefined) => Uint8Array
  readonly done: (result: ProposalResult) => void
}

interface Entry {
  readonly propose: Propose
  readonly proposal: Proposal
  readonly request: number
}

export class Registers {
  readonly #host: Host
  readonly #parts: RegistersParts
  // By request. Bounded by: PROPOSALS_MAX.
  readonly #proposals = new Map<number, Entry>()
  // Answers that wait for the disk, by token. Bounded by: WAITING_MAX.
  readonly #waiting = new Map<number, { readonly to: NodeId; readonly answer: RegisterAnswer }>()
  #token = 0
  // What proposals are told next. Bounded by: what the effects of one step lead to.
  readonly #events: (() => void)[] = []
  // No ballot of ours had a greater counter: with one that was used a proposal would meet its own.
  #counter = 0
  #isStepping = false

  constructor(host: Host, parts: RegistersParts) {
    this.#host = host
    this.#parts = parts
  }

  /** Proposals under way. */
  get proposing(): number {
    return this.#proposals.size
  }

  /** Begins a change of a register; `done` is called once, at once when there are too many. */
  propose(propose: Propose): void {
    const { self } = this.#host
    if (this.#proposals.size >= PROPOSALS_MAX || this.#host.clonedBy !== undefined)
      return propose.done({ outcome: 'failed' })
    const number = this.#host.nextRequest()
    const request: RequestId = { node: self, number }
    const { sets, change } = propose
    const above = this.#above(propose.key)
    const proposal = new Proposal({ self, sets, request, change, above, rng: this.#parts.rng })
    const entry: Entry = { propose, proposal, request: number }
    this.#proposals.set(number, entry)
    this.#run(() => proposal.start(this.#host.now, this.#effects(entry)))
  }

  /** What the acceptor here has accepted for the register; undefined: nothing that it can read. */
  accepted(key: string): Uint8Array | undefined {
    const record = this.#read(key)
    if (record === 'unreadable' || record.accepted.counter === 0) return undefined
    return record.value
  }

  /** For a batch after which the register is no more, and `serves` refuses it. */
  forget(key: string): readonly StoreOperation[] {
    const stored = registerKey(key)
    if (this.#parts.store.get(stored) === undefined) return []
    return [{ type: 'delete', key: stored }]
  }

  /** A proposer asks. */
  asked(from: NodeId, question: RegisterQuestion): void {
    const { serves, mayAccept, differs, checksum } = this.#parts
    const { key } = question
    const standing = serves(key)
    if (standing !== 'ok') {
      if (from !== this.#host.self && standing !== 'refused') differs(from, standing)
      return this.#answer(from, answerTo(question, standing))
    }
    const isClosed = this.#host.clonedBy !== undefined || this.#host.storeBusy
    if (isClosed || this.#waiting.size >= WAITING_MAX)
      return this.#answer(from, answerTo(question, 'refused'))
    const record = this.#read(key)
    if (record === 'unreadable') return this.#answer(from, answerTo(question, 'store-failed'))
    if (question.type === 'register-accept' && !mayAccept(key, question.value))
      return this.#answer(from, answerTo(question, 'refused'))
    const result = takenBy(record, question)
    if (!result.ok) {
      const conflict = { ...answerTo(question, 'conflict'), greater: result.greater }
      return this.#answer(from, conflict)
    }
    const token = ++this.#token
    this.#waiting.set(token, { to: from, answer: withRecord(answerTo(question, 'ok'), record) })
    const value = encodeAcceptorRecord(result.next, checksum)
    this.#host.store('registers', token, [{ type: 'put', key: registerKey(key), value }])
  }

  /** An acceptor answers. */
  answered(from: NodeId, answer: RegisterAnswer): void {
    const entry = this.#proposals.get(answer.request)
    if (entry === undefined) return
    const event = eventOf(from, answer)
    this.#run(() => entry.proposal.step(event, this.#host.now, this.#effects(entry)))
  }

  stored(token: number): void {
    const waiting = this.#waiting.get(token)
    this.#waiting.delete(token)
    if (waiting !== undefined) this.#answer(waiting.to, waiting.answer)
  }

  storeFailed(token: number): void {
    const waiting = this.#waiting.get(token)
    this.#waiting.delete(token)
    if (waiting === undefined) return
    const { to, answer } = waiting
    const failed = { ...answer, outcome: 'store-failed' } as const
    this.#answer(to, answer.type === 'register-promise' ? withRecord(failed, NO_RECORD) : failed)
  }

  onTimer(request: number, turn: number): void {
    const entry = this.#proposals.get(request)
    if (entry === undefined) return
    const event = { type: 'timer', turn } as const
    this.#run(() => entry.proposal.step(event, this.#host.now, this.#effects(entry)))
  }

  check(): void {
    assert(this.#proposals.size <= PROPOSALS_MAX, () => `${this.#proposals.size} proposals`)
    assert(this.#waiting.size <= WAITING_MAX, () => `${this.#waiting.size} answers wait`)
    assert(this.#events.length === 0, () => `${this.#events.length} events not told`)
    for (const { proposal } of this.#proposals.values()) proposal.check()
  }

  /** Effects are executed after the step: what they lead to waits for its turn. */
  #run(event: () => void): void {
    this.#events.push(event)
    if (this.#isStepping) return
    this.#isStepping = true
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) next()
    this.#isStepping = false
  }

  #effects(entry: Entry): { push: (effect: ProposalEffect) => void } {
    return { push: (effect) => this.#events.push(() => this.#execute(entry, effect)) }
  }

  #execute({ propose, proposal, request }: Entry, effect: ProposalEffect): void {
    const { key, layoutVersion, done } = propose
    const common = { request, key, layoutVersion }
    switch (effect.type) {
      case 'prepare':
        return this.#ask(effect.to, {
          ...{ type: 'register-prepare', ...common },
          ballot: effect.ballot,
        })
      case 'accept': {
        const { ballot, value, requests } = effect
        const question = { type: 'register-accept', ...common, ballot, value, requests } as const
        return this.#ask(effect.to, question)
      }
      case 'arm':
        return this.#host.arm({ owner: 'registers', request, turn: effect.turn }, effect.at)
      case 'done':
        this.#proposals.delete(request)
        this.#counter = Math.max(this.#counter, proposal.counter)
        return done(effect.result)
    }
  }

  /** A proposal begins above our own ballots and those that the acceptor here knows of. */
  #above(key: string): number {
    const record = this.#read(key)
    const known = record === 'unreadable' ? NO_RECORD : record
    this.#counter = Math.max(this.#counter, known.promised.counter, known.accepted.counter) + 1
    return this.#counter - 1
  }

  #ask(to: NodeId, question: RegisterQuestion): void {
    if (to === this.#host.self) this.asked(to, question)
    else this.#host.send(to, question)
  }

  #answer(to: NodeId, answer: RegisterAnswer): void {
    if (to === this.#host.self) this.answered(to, answer)
    else this.#host.send(to, answer)
  }

  #read(key: string): AcceptorRecord | 'unreadable' {
    const { store, checksum } = this.#parts
    const stored = store.get(registerKey(key))
    if (stored === undefined) return NO_RECORD
    if (stored === 'unreadable') return stored
    return decodeAcceptorRecord(stored, checksum) ?? 'unreadable'
  }
}

function takenBy(record: AcceptorRecord, question: RegisterQuestion): ReturnType<typeof accept> {
  const { ballot } = question
  if (question.type === 'register-prepare') return prepare(record, ballot)
  const { value, requests } = question
  return accept(record, { accepted: ballot, value, requests })
}

function answerTo(question: RegisterQuestion, outcome: RegisterOutcome): RegisterAnswer {
  const { request, ballot } = question
  const answer = { request, ballot, outcome, greater: NO_BALLOT }
  if (question.type === 'register-accept') return { type: 'register-accepted', ...answer }
  return withRecord({ type: 'register-promise', ...answer }, NO_RECORD)
}

/** A promise tells what was accepted before. */
function withRecord(
  answer:
    | RegisterAnswer
    | Omit<
        Extract<RegisterAnswer, { type: 'register-promise' }>,
        'accepted' | 'value' | 'requests'
      >,
  { accepted, value, requests }: AcceptorRecord,
): RegisterAnswer {
  if (answer.type === 'register-accepted') return answer
  return { ...answer, accepted, value, requests }
}

function eventOf(from: NodeId, answer: RegisterAnswer): ProposalEvent {
  const { ballot, outcome, greater } = answer
  if (outcome === 'conflict') return { type: 'conflict', from, ballot, greater }
  if (outcome !== 'ok') return { type: 'refused', from, ballot }
  if (answer.type === 'register-accepted') return { type: 'accepted', from, ballot }
  const { accepted, value, requests } = answer
  return { type: 'promised', from, ballot, accepted, value, requests }
}
