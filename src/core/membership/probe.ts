/**
 * One probe of the round (SWIM §3.1): a ping, then, if no ack has come in time, requests to helpers
 * and a try over TCP. An ack counts only for this probe's sequence, about the generation that was
 * asked for, from the target or from a helper that was asked: late acks of earlier probes and acks
 * of a restarted node say nothing about this one.
 *
 * Any packet of the target that arrives meanwhile shows that it lives, whatever became of our ping:
 * a link that works in one direction only is no death (rule R9).
 */
import type { NodeId } from '../std/ids.ts'
import type { Instant } from '../std/instant.ts'
import type { MemberRecord } from './member.ts'
import type { Ack, Nack } from './messages.ts'

/** k of SWIM §3.1. */
export const HELPERS_MAX = 3

/** How the target has shown itself: at best. */
export type ProbeAnswer = 'direct' | 'indirect' | 'heard' | undefined

export class Probe {
  readonly target: NodeId
  readonly generation: number
  readonly sequence: number
  readonly sentAt: Instant
  /** When helpers are asked, and when the probe is over. */
  readonly askAt: Instant
  readonly endAt: Instant
  // Both bounded by: HELPERS_MAX.
  #helpers: readonly NodeId[] | undefined
  readonly #nacks = new Set<NodeId>()
  #answer: ProbeAnswer

  constructor(
    target: MemberRecord,
    sequence: number,
    times: { readonly sentAt: Instant; readonly askAt: Instant; readonly endAt: Instant },
  ) {
    this.target = target.info.id
    this.generation = target.generation
    this.sequence = sequence
    this.sentAt = times.sentAt
    this.askAt = times.askAt
    this.endAt = times.endAt
  }

  get answer(): ProbeAnswer {
    return this.#answer
  }

  get hasAsked(): boolean {
    return this.#helpers !== undefined
  }

  /** Helpers that were asked and have said nothing at all. */
  get dumbHelpers(): readonly NodeId[] {
    return (this.#helpers ?? []).filter((helper) => !this.#nacks.has(helper))
  }

  get nacks(): number {
    return this.#nacks.size
  }

  askedFor(helpers: readonly NodeId[]): void {
    this.#helpers = helpers
  }

  /** Whether the ack is the direct answer to our ping. */
  onAck(ack: Ack): boolean {
    if (ack.sequence !== this.sequence || !this.#isAbout(ack.about, ack.aboutGeneration))
      return false
    if (ack.from === this.target) {
      this.#answer = 'direct'
      return true
    }
    const isHelper = this.#helpers?.includes(ack.from) === true
    if (isHelper && this.#answer !== 'direct') this.#answer = 'indirect'
    return false
  }

  onNack(nack: Nack): void {
    if (nack.sequence !== this.sequence || nack.about !== this.target) return
    if (this.#helpers?.includes(nack.from) === true) this.#nacks.add(nack.from)
  }

  /** (id, generation) has answered over TCP. */
  onContact(id: NodeId, generation: number): void {
    if (this.#isAbout(id, generation) && this.#answer !== 'direct') this.#answer = 'indirect'
  }

  /** A packet of (id, generation) has come. */
  onHeard(id: NodeId, generation: number): void {
    if (this.#isAbout(id, generation)) this.#answer ??= 'heard'
  }

  #isAbout(id: NodeId, generation: number): boolean {
    return id === this.target && generation === this.generation
  }
}
