/**
 * The story of a run, one line an event, and its fingerprint.
 *
 * ```
 *   time ms   who   what           about
 *   1204.113  n2    message ← n1   replicate #88 lww/k3 {n1.4} 112 B 9c41f00b
 * ```
 * Each line is folded into a hash, whether somebody listens or not: two runs of one seed must end
 * with the same hash, and bytes on the wire and on the disk enter it by their checksum. The last
 * lines that concern a key are kept, so that a broken invariant can be told with what happened to
 * its key.
 */

export interface TraceLine {
  readonly atMs: number
  readonly who: string
  readonly what: string
  readonly about: string
  /** `bucket/key` when the event concerns one. */
  readonly key: string | undefined
  /** More, for whoever reads the line; worked out only then, and no part of the hash. */
  readonly detail: (() => string) | undefined
}

/** What an event is about, for its line. */
export interface About {
  readonly text: string
  readonly key?: string | undefined
  readonly detail?: (() => string) | undefined
}

/** Gets each line as it happens. */
export type TraceListener = (line: TraceLine) => void

/** Lines kept for each key, and the keys for which lines are kept. */
const KEY_LINES_MAX = 60
const KEYS_MAX = 10_000

export class Trace {
  readonly #listener: TraceListener | undefined
  // Bounded by: KEYS_MAX keys with KEY_LINES_MAX lines each.
  readonly #byKey = new Map<string, TraceLine[]>()
  // Bounded by: KEY_LINES_MAX.
  readonly #recent: TraceLine[] = []
  #high = 0x811c_9dc5
  #low = 0x0100_0193
  #lines = 0

  constructor(listener?: TraceListener) {
    this.#listener = listener
  }

  get lines(): number {
    return this.#lines
  }

  /** 16 hexadecimal digits over all lines so far. */
  hash(): string {
    return hex(this.#high) + hex(this.#low)
  }

  add(atMs: number, who: string, what: string, about: About): void {
    const { text, key, detail } = about
    const line: TraceLine = { atMs, who, what, about: text, key, detail }
    this.#lines++
    this.#fold(String(atMs))
    this.#fold(who)
    this.#fold(what)
    this.#fold(text)
    keep(this.#recent, line)
    if (key !== undefined) this.#keepFor(key, line)
    this.#listener?.(line)
  }

  /** The last lines about any of `keys`, oldest first; without keys, the last lines of all. */
  lastOf(keys: readonly string[]): readonly TraceLine[] {
    if (keys.length === 0) return this.#recent
    const lines = keys.flatMap((key) => this.#byKey.get(key) ?? [])
    return lines.sort((a, b) => a.atMs - b.atMs)
  }

  #keepFor(key: string, line: TraceLine): void {
    let lines = this.#byKey.get(key)
    if (lines === undefined) {
      if (this.#byKey.size >= KEYS_MAX) return
      lines = []
      this.#byKey.set(key, lines)
    }
    keep(lines, line)
  }

  /** Two FNV-1a hashes side by side that differ in their start and in what they multiply by. */
  #fold(text: string): void {
    let high = this.#high
    let low = this.#low
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      high = Math.imul(high ^ unit, 0x0100_0193)
      low = Math.imul(low ^ unit, 0x01b3_0193) + 0x9e37
    }
    this.#high = Math.imul(high ^ 0x1f, 0x0100_0193)
    this.#low = Math.imul(low ^ 0x1f, 0x01b3_0193) + 0x9e37
  }
}

export function formatLine(line: TraceLine): string {
  const { atMs, who, what, about, detail } = line
  const more = detail === undefined ? '' : ` ${detail()}`
  return `${atMs.toFixed(3).padStart(11)}  ${who.padEnd(5)} ${what.padEnd(16)} ${about}${more}`
}

function keep(lines: TraceLine[], line: TraceLine): void {
  if (lines.length >= KEY_LINES_MAX) lines.shift()
  lines.push(line)
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0')
}
