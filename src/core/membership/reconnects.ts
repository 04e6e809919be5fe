/**
 * Looking for those who are lost (rule R6).
 *
 * The two sides of a cut network declare each other dead, and when the network is whole again
 * nobody speaks to the dead: the cluster stays in two, for ever. So every node, every 10 to 30
 * seconds, tries one member that is dead, or that it has only heard of, over TCP, and a seed with
 * it, as long as it remembers anybody whom it misses. All nodes together make about one attempt a
 * round for each who is lost, however many they are: each tries with probability lost / alive.
 * Whoever is alone tries every time, its seeds above all: the others may all have moved. Where
 * nobody is missed a seed is dialled now and then all the same: two halves may have forgotten each
 * other.
 */
import type { Effects } from '../std/effects.ts'
import type { NodeId } from '../std/ids.ts'
import type { Instant } from '../std/instant.ts'
import { duration, later } from '../std/instant.ts'
import type { Prng } from '../std/prng.ts'
import type { MemberClaims } from './member-claims.ts'

const WAIT_MS_MIN = 10_000
const WAIT_MS_MAX = 30_000
/**
 * Where nobody is missed, all nodes together still dial a seed once in so many rounds, inverted.
 */
const SEED_SHARE = 0.1

type ReconnectEffect =
  | { readonly type: 'reconnect'; readonly id: NodeId }
  | { readonly type: 'reconnect-seed' }

export class Reconnects {
  readonly #claims: MemberClaims
  readonly #rng: Prng
  #nextAt = 0 as Instant

  constructor(claims: MemberClaims, rng: Prng) {
    this.#claims = claims
    this.#rng = rng
  }

  start(now: Instant): void {
    const wait = WAIT_MS_MIN + this.#rng.fraction() * (WAIT_MS_MAX - WAIT_MS_MIN)
    this.#nextAt = later(now, duration(wait))
  }

  /** Tries somebody if it is time. One who should be pinged as well, if there is such a one. */
  onPulse(now: Instant, effects: Effects<ReconnectEffect>): NodeId | undefined {
    if (now < this.#nextAt) return undefined
    this.start(now)
    const unproven = this.#claims.unproven()
    const lost = [...this.#claims.dead(), ...unproven]
    const alive = this.#claims.liveCount - 1
    const wanted = lost.length + this.#claims.missing().length
    const share = Math.max(wanted, SEED_SHARE) / alive
    if (alive > 0 && !this.#rng.chance(Math.min(1, share))) return undefined
    effects.push({ type: 'reconnect-seed' })
    if (lost.length > 0) effects.push({ type: 'reconnect', id: this.#rng.pick(lost).info.id })
    return unproven.length > 0 ? this.#rng.pick(unproven).info.id : undefined
  }
}
