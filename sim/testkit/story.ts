/**
 * The story of an app's world. Every event in words would take three times as long as the run
 * itself, so that by default only the few are told that a developer looks for first: what the app
 * asked and was told, what went wrong, which nodes died and came back.
 */
import type { About, TraceLine } from '../trace.ts'
import { formatLine, Trace } from '../trace.ts'

/** Kinds of events of a node that are told in any case. */
const TOLD: ReadonlySet<string> = new Set([
  'start',
  'crash',
  'pause',
  'resume',
  'clock',
  'wiped',
  'rolled back',
])
/** The world itself, as the trace numbers it. */
const WORLD = -1
const LINES_MAX = 20_000

export class Story {
  // Bounded by: LINES_MAX; the oldest go first.
  readonly #lines: TraceLine[] = []

  add(line: TraceLine): void {
    this.#lines.push(line)
    if (this.#lines.length > LINES_MAX) this.#lines.splice(0, LINES_MAX / 4)
  }

  lines(): readonly string[] {
    return this.#lines.map((line) => formatLine(line))
  }
}

/** A trace that tells all, or, if it is not `verbose`, the few. The hash is the same. */
export function traceOf(story: Story, verbose: boolean): Trace {
  return verbose ? new Trace({ listener: (line) => story.add(line) }) : new ShortTrace(story)
}

class ShortTrace extends Trace {
  readonly #story: Story

  constructor(story: Story) {
    super()
    this.#story = story
  }

  override add(atMs: number, who: number, kind: string, mark: number, describe: () => About): void {
    super.add(atMs, who, kind, mark, describe)
    if (who !== WORLD && !TOLD.has(kind)) return
    const { what = kind, text, key, detail } = describe()
    const name = who === WORLD ? 'world' : `n${who + 1}`
    this.#story.add({ atMs, who: name, what, about: text, key, detail })
  }
}
