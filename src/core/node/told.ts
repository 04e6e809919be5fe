/**
 * What a watcher was told last of each key, so that of one key nothing is told after what has
 * superseded it, though each change comes from several replicas, at different times and in
 * different orders.
 *
 * Of the keys told last their causality is kept; a change is compared with it. Of all others one
 * number is enough: the greatest stamp that was told and is forgotten. For what superseded
 * something is stamped above it: a change stamped higher than everything forgotten was superseded
 * by nothing that is forgotten. One stamped lower is *stale*: perhaps it was, so the key is read
 * instead. So is what was written long ago, as a hint brings it: what superseded it may have been
 * told before this watcher began.
 *
 * Of n replicas all but the first bring what was told already, some a little later. So that this
 * costs no reads, the dots told last are kept of more keys than their causality: a change that has
 * no other dot adds nothing.
 */
import { assert } from '../std/assert.ts'
import { greatestStamp, summarise, sync, winner } from '../versions/container.ts'
import type { Container, Version } from '../versions/version.ts'
import { haveSameDots } from './holdings.ts'

/** Keys of which it is remembered what was told last. */
export const REMEMBERED_MAX = 4_096
/** Dots of which it is remembered that they were told. */
const DOTS_MAX = 16_384

/** What was written longer ago may have been told, and superseded, before the watcher began. */
const OLD_AFTER_MS = 60_000

/** What a change adds to what was told. `stale`: perhaps less than was told: read the key. */
export type Novelty = 'nothing' | 'news' | 'stale'

interface Remembered {
  /** Without values. */
  readonly container: Container
  /** When it was written, at the latest. */
  readonly ms: number
}

export class Told {
  // By key, those told last at the end. Bounded by: REMEMBERED_MAX.
  readonly #last = new Map<string, Remembered>()
  // The oldest first. Bounded by: DOTS_MAX.
  readonly #dots = new Set<string>()
  readonly #isLww: () => boolean
  // Of what was told and is not in `#last`.
  #forgottenMs = 0

  /** `isLww`: whether of several versions only the winner is shown. */
  constructor(isLww: () => boolean) {
    this.#isLww = isLww
  }

  /** A change is about to be told; it counts as told from then on. */
  add(name: string, container: Container, wallMs: number): Novelty {
    const before = this.#last.get(name)
    const ms = writtenMs(container, wallMs)
    const isKnown = container.versions.length > 0 && container.versions.every(this.#isTold)
    if (isKnown && before === undefined) return 'nothing'
    for (const version of container.versions) this.#noteDot(version)
    if (before === undefined) {
      const isStale = this.isDoubtful(container, wallMs)
      this.#remember(name, { container: summarise(container), ms })
      return isStale ? 'stale' : 'news'
    }
    const novelty = this.compare(container, before.container)
    if (novelty === 'nothing') return novelty
    const after = summarise(sync(container, before.container))
    this.#remember(name, { container: after, ms: Math.max(ms, before.ms) })
    return novelty
  }

  /** What a change adds to `told`. */
  compare(change: Container, told: Container): Novelty {
    const after = this.#shown(sync(change, told))
    if (haveSameDots(after, this.#shown(told))) return 'nothing'
    return haveSameDots(after, this.#shown(change)) ? 'news' : 'stale'
  }

  /** The key was read, and what it held was told. */
  read(name: string, container: Container, wallMs: number): void {
    const before = this.#last.get(name)
    const after = before === undefined ? container : sync(container, before.container)
    const ms = Math.max(writtenMs(container, wallMs), before?.ms ?? 0)
    for (const version of container.versions) this.#noteDot(version)
    this.#remember(name, { container: summarise(after), ms })
  }

  /** All keys were read, and what they held was told; nothing of it was stamped above `ms`. */
  readAll(ms: number): void {
    this.#last.clear()
    this.#forgottenMs = Math.max(this.#forgottenMs, ms)
  }

  /** Whether a change of a key that is not remembered may be less than was told. */
  isDoubtful(container: Container, wallMs: number): boolean {
    // A delete may have no version, and so no stamp.
    if (container.versions.length === 0) return true
    const { ms } = greatestStamp(container)
    return ms <= this.#forgottenMs || ms < wallMs - OLD_AFTER_MS
  }

  check(): void {
    assert(this.#dots.size <= DOTS_MAX, () => `${this.#dots.size} dots remembered`)
    assert(this.#last.size <= REMEMBERED_MAX, () => `${this.#last.size} keys remembered`)
  }

  #shown(container: Container): readonly Version[] {
    const best = this.#isLww() ? winner(container) : undefined
    return best === undefined ? container.versions : [best]
  }

  readonly #isTold = ({ dot }: Version): boolean => this.#dots.has(`${dot.vnode}:${dot.counter}`)

  #noteDot({ dot }: Version): void {
    this.#dots.add(`${dot.vnode}:${dot.counter}`)
    for (const oldest of this.#dots) {
      if (this.#dots.size <= DOTS_MAX) break
      this.#dots.delete(oldest)
    }
  }

  #remember(name: string, remembered: Remembered): void {
    this.#last.delete(name)
    this.#last.set(name, remembered)
    for (const [oldest, { ms }] of this.#last) {
      if (this.#last.size <= REMEMBERED_MAX) break
      this.#last.delete(oldest)
      this.#forgottenMs = Math.max(this.#forgottenMs, ms)
    }
  }
}

function writtenMs(container: Container, wallMs: number): number {
  return container.versions.length === 0 ? wallMs : greatestStamp(container).ms
}
