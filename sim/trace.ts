/**
 * The story of a run, one line an event, and its fingerprint.
 *
 * ```
 *   time ms   who   what           about
 *   1204.113  n2    message ← n1   replicate #88 lww/k3 {n1.4} 112 B 9c41f00b
 * ```
 * Each event is folded into a hash: the exact time, who, what kind, and a mark, a number that
 * stands for what the event carries (the checksum of a frame, the number of a batch). Two runs of
 * one seed must end with the same hash.
 *
 * Words cost far more than events: a run that writes its story takes three times as long as one
 * that does not. So the hash goes by numbers alone, and lines are put into words only when somebody
 * wants them: a listener, or whoever asked to keep them. A run that fails is told by running its
 * seed again; that its hash is the same the second time shows that it was the same run.
 */

export interface TraceLine {
  readonly atMs: number
  readonly who: string
  readonly what: string
  readonly about: string
  /** `bucket/key` when the event concerns one. */
  readonly key: string | undefined
  /** More, for whoever reads the line; worked out only then. */
  readonly detail: (() => string) | undefined
}

/** What an event is about, for its line. */
export interface About {
  /** What happened, where it says more than the kind of event: `message ← n1`. */
  readonly what?: string
  readonly text: string
  readonly key?: string | undefined
  readonly detail?: (() => string) | undefined
}

/** Gets each line as it happens. */
export type TraceListener = (line: TraceLine) => void

export interface TraceOptions {
  readonly listener?: TraceListener | undefined
  /** Whether the last lines of each key are kept for `lastOf`. */
  readonly keeps?: boolean
}

/** Lines kept for each key, and the keys for which lines are kept. */
const KEY_LINES_MAX = 60
const KEYS_MAX = 10_000

/** Who an event of the world itself belongs to. */
const WORLD = -1

export class Trace {
  readonly #listener: TraceListener | undefined
  readonly #keeps: boolean
  // Bounded by: KEYS_MAX keys with KEY_LINES_MAX lines each.
  readonly #byKey = new Map<string, TraceLine[]>()
  // Bounded by: KEY_LINES_MAX.
  readonly #recent: TraceLine[] = []
  // Bounded by: the kinds of events, which the code names.
  readonly #kinds = new Map<string, number>()
  readonly #float = new Float64Array(1)
  readonly #words = new Uint32Array(this.#float.buffer)
  #high = 0x811c_9dc5
  #low = 0x0100_0193
  #events = 0

  constructor(options: TraceOptions = {}) {
    this.#listener = options.listener
    this.#keeps = options.keeps ?? false
  }

  /** Whether lines are put into words. */
  get isTold(): boolean {
    return this.#keeps || this.#listener !== undefined
  }

  get events(): number {
    return this.#events
  }

  /** 16 hexadecimal digits over all events so far. */
  hash(): string {
    return hex(this.#high) + hex(this.#low)
  }

  /**
   * An event of node `who`; `mark` stands for it in the hash (a whole number, of which the lower 32
   * bits count), `describe` puts it into words if need be.
   */
  add(atMs: number, who: number, kind: string, mark: number, describe: () => About): void {
    this.#fingerprint(atMs, who, kind, mark)
    if (!this.isTold) return
    const { what = kind, text, key, detail } = describe()
    this.#tell({
      atMs,
      who: who === WORLD ? 'world' : `n${who + 1}`,
      what,
      about: text,
      key,
      detail,
    })
  }

  /** An event of the world itself; its text is part of the hash. */
  announce(atMs: number, what: string, text: string): void {
    this.add(atMs, WORLD, what, sumOf(text), () => ({ text }))
  }

  /** The last lines about any of `keys`, oldest first; without keys, the last lines of all. */
  lastOf(keys: readonly string[]): readonly TraceLine[] {
    if (keys.length === 0) return this.#recent
    const lines = keys.flatMap((key) => this.#byKey.get(key) ?? [])
    return lines.sort((a, b) => a.atMs - b.atMs)
  }

  #tell(line: TraceLine): void {
    this.#listener?.(line)
    if (!this.#keeps) return
    keep(this.#recent, line)
    if (line.key === undefined) return
    let lines = this.#byKey.get(line.key)
    if (lines === undefined) {
      if (this.#byKey.size >= KEYS_MAX) return
      lines = []
      this.#byKey.set(line.key, lines)
    }
    keep(lines, line)
  }

  #fingerprint(atMs: number, who: number, kind: string, mark: number): void {
    this.#events++
    this.#float[0] = atMs
    this.#fold(this.#words[0]!)
    this.#fold(this.#words[1]!)
    this.#fold(who)
    this.#fold(this.#kindOf(kind))
    this.#fold(mark)
  }

  /** Two hashes side by side that differ in their start and in what they multiply by. */
  #fold(word: number): void {
    const high = Math.imul(this.#high ^ word, 0x85eb_ca6b)
    const low = Math.imul(this.#low ^ word, 0xc2b2_ae35)
    this.#high = high ^ (high >>> 15)
    this.#low = (low ^ (low >>> 13)) + 0x9e37
  }

  #kindOf(kind: string): number {
    const known = this.#kinds.get(kind)
    if (known !== undefined) return known
    const sum = sumOf(kind)
    this.#kinds.set(kind, sum)
    return sum
  }
}

/** FNV-1a. */
function sumOf(text: string): number {
  let sum = 0x811c_9dc5
  for (let i = 0; i < text.length; i++) sum = Math.imul(sum ^ text.charCodeAt(i), 0x0100_0193)
  return sum
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
