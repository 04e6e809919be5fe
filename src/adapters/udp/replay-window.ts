/**
 * Which packets of a sender were here already. A recorded packet that is sent again is authentic;
 * only its counter gives it away. Datagrams overtake each other, so "greater than the last" would
 * drop sound ones: a window of bits below the greatest counter says which of them were seen, and
 * what is below the window is refused unseen.
 *
 * The bits lie in a ring of words, one more than the window needs, so that moving on clears whole
 * words and shifts nothing (RFC 6479, "IPsec Anti-Replay Algorithm without Bit Shifting").
 *
 * Invariant: no counter is taken twice. Only what is authentic may be entered, or a forger could
 * move the window past the packets of its victim.
 */
import { NODES_MAX } from '../../core/std/limits.ts'
import { RecentMap } from './recent-map.ts'

const WORD_BITS = 32
const WORDS = 33
/** So far may a packet be behind the greatest counter. */
export const REPLAY_WINDOW: number = (WORDS - 1) * WORD_BITS
/** Senders are lives of nodes: each node's present one, and as many that have just ended. */
const WINDOWS_MAX = 2 * NODES_MAX

export class ReplayWindow {
  readonly #words = new Uint32Array(WORDS)
  #greatest = -1

  /** Whether `counter`, a safe integer, comes for the first time; from now on it does not. */
  enter(counter: number): boolean {
    if (counter <= this.#greatest - REPLAY_WINDOW) return false
    const word = Math.floor(counter / WORD_BITS)
    if (counter > this.#greatest) this.#moveTo(counter, word)
    const mask = 1 << (counter % WORD_BITS)
    const bits = this.#words[word % WORDS]!
    this.#words[word % WORDS] = bits | mask
    return (bits & mask) === 0
  }

  #moveTo(counter: number, word: number): void {
    const from = Math.floor(this.#greatest / WORD_BITS)
    const cleared = Math.min(word - from, WORDS)
    for (let i = 1; i <= cleared; i++) this.#words[(from + i) % WORDS] = 0
    this.#greatest = counter
  }
}

/** The windows of all senders. */
export class ReplayWindows {
  readonly #windows = new RecentMap<ReplayWindow>(WINDOWS_MAX)

  get size(): number {
    return this.#windows.size
  }

  /** As {@link ReplayWindow.enter}; `sender` is whatever tells the lives of nodes apart. */
  enter(sender: string, counter: number): boolean {
    let window = this.#windows.get(sender)
    if (window === undefined) {
      window = new ReplayWindow()
      this.#windows.set(sender, window)
    }
    return window.enter(counter)
  }
}
