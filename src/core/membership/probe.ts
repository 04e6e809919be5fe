/**
 * One probe of the round (SWIM §3.1): a ping, then, if no ack has come in time, requests to
 * helpers. An ack counts only for this probe's sequence, about the generation that was asked for,
 * from the target or from a helper that was asked: late acks of earlier probes and acks of a
 * restarted node say nothing about this one.
 */
import type { NodeId } from '../std/ids.ts'
import type { MemberRecord } from './member.ts'
import type { Ack } from './messages.ts'

/** k of SWIM §3.1. */
export const HELPERS_MAX = 3

export class Probe {
  readonly target: NodeId
  readonly generation: number
  readonly sequence: number
  // Bounded by: HELPERS_MAX.
  #helpers: readonly NodeId[] = []
  #isAnswered = false

  constructor(target: MemberRecord, sequence: number) {
    this.target = target.info.id
    this.generation = target.generation
    this.sequence = sequence
  }

  get isAnswered(): boolean {
    return this.#isAnswered
  }

  askedFor(helpers: readonly NodeId[]): void {
    this.#helpers = helpers
  }

  onAck(ack: Ack): void {
    if (ack.sequence !== this.sequence) return
    if (ack.from !== this.target && !this.#helpers.includes(ack.from)) return
    this.onContact(ack.about, ack.aboutGeneration)
  }

  /** (id, generation) is there, as something else than an ack has shown. */
  onContact(id: NodeId, generation: number): void {
    if (id === this.target && generation === this.generation) this.#isAnswered = true
  }
}
