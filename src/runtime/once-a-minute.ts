/**
 * Says whether something was said lately: what strangers can make happen as often as they like is
 * told to people at most once a minute, and of so many things only.
 */
const PAUSE_MS = 60_000
const THINGS_MAX = 64

export class OnceAMinute {
  /** When each was last said, oldest first. Bounded by: THINGS_MAX; beyond it nothing is due. */
  readonly #said = new Map<string, number>()

  /** Whether to say it now, which counts as having said it. */
  isDue(thing: string, nowMs: number): boolean {
    for (const [said, at] of this.#said) {
      if (nowMs - at < PAUSE_MS) break
      this.#said.delete(said)
    }
    if (this.#said.has(thing) || this.#said.size >= THINGS_MAX) return false
    this.#said.set(thing, nowMs)
    return true
  }
}
