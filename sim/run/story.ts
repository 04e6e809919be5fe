/**
 * The story of a run for a person. The trace has hundreds of lines for each second of the world's
 * time, most of them messages that did what they should. A reader begins with what happened to the
 * world and to the clients: phases, faults, starts and crashes, what members and layouts went
 * through, and each operation as one line when it ended, with how long it took. `verbose` is the
 * trace itself but for the failure detector's packets, which `packets` adds.
 */
import type { TraceLine } from '../trace.ts'
import { formatLine } from '../trace.ts'

export type StoryDetail = 'plain' | 'verbose' | 'packets'

/** First words of what a plain story leaves out: how nodes do what they do. */
const MACHINERY: ReadonlySet<string> = new Set([
  'send',
  'message',
  'packet',
  'store',
  'stored',
  'scanned',
  'link',
  'dial',
  'dialed',
  'lost',
])

/**
 * Notes that it leaves out: about single requests, whose end is told anyway, or so many that they
 * would hide the others.
 */
const QUIET_NOTES: ReadonlySet<string> = new Set([
  'forwarded',
  'hedged',
  'request-failed',
  'read-repair',
  'clock-skew',
])

/** What a client waits for. */
interface Asked {
  readonly atMs: number
  readonly about: string
}

/** The columns of a story, as its first line. */
export function storyHeader(): string {
  return `${'time ms'.padStart(11)}  ${'who'.padEnd(5)} ${'what'.padEnd(16)} about`
}

/** A listener that turns the lines of a trace into those of a story. */
export function storyTeller(
  detail: StoryDetail,
  print: (text: string) => void,
): (line: TraceLine) => void {
  if (detail === 'packets') return (line) => print(formatLine(line))
  if (detail === 'verbose')
    return (line) => {
      if (!isPacket(line)) print(formatLine(line))
    }
  const plain = new PlainStory(print)
  return (line) => plain.add(line)
}

/** What a reader of the machinery wants to see only when it is about the failure detector. */
function isPacket(line: TraceLine): boolean {
  return line.what.startsWith('packet') || (line.what === 'lost' && line.about.startsWith('packet'))
}

class PlainStory {
  readonly #print: (text: string) => void
  /** By node, then by client. Bounded by: the nodes of the world and their clients. */
  readonly #asked = new Map<string, Map<string, Asked>>()

  constructor(print: (text: string) => void) {
    this.#print = print
  }

  add(line: TraceLine): void {
    if (MACHINERY.has(firstWord(line.what))) return
    switch (line.what) {
      case 'request':
        return this.#ask(line)
      case 'reply':
        return this.#answer(line)
      case 'note':
        return this.#note(line)
      case 'crash':
        this.#say(line)
        return this.#lose(line)
      default:
        return this.#say(line)
    }
  }

  #ask(line: TraceLine): void {
    const [client, about] = split(line.about)
    this.#askedOf(line.who).set(client, { atMs: line.atMs, about })
  }

  /** An operation's line comes when it ends: asked for what, answered how, after how long. */
  #answer(line: TraceLine): void {
    const [client, answer] = split(line.about)
    const asked = this.#askedOf(line.who).get(client)
    if (asked === undefined) return this.#say(line)
    this.#askedOf(line.who).delete(client)
    const shown = line.detail === undefined ? '' : valuesOf(line.detail())
    this.#end(line, client, asked, `${answer}${shown}`)
  }

  /** Clients of a process that is gone get no answer. */
  #lose(line: TraceLine): void {
    for (const [client, asked] of this.#askedOf(line.who)) this.#end(line, client, asked, 'lost')
    this.#asked.delete(line.who)
  }

  #end(line: TraceLine, client: string, asked: Asked, answer: string): void {
    const [kind, what] = split(asked.about.replace(NO_QUORUM, ''))
    const tookMs = (line.atMs - asked.atMs).toFixed(1)
    const about = `${what} → ${answer} (${tookMs} ms, ${client})`
    this.#say({ ...line, what: kind, about, detail: undefined })
  }

  #note(line: TraceLine): void {
    const about = noteText(line.about)
    if (QUIET_NOTES.has(firstWord(about)) || about.endsWith(': 0 records')) return
    this.#say({ ...line, about })
  }

  #askedOf(who: string): Map<string, Asked> {
    let asked = this.#asked.get(who)
    if (asked === undefined) this.#asked.set(who, (asked = new Map()))
    return asked
  }

  #say(line: TraceLine): void {
    this.#print(formatLine(line))
  }
}

/** A quorum that is the bucket's own. */
const NO_QUORUM = / [rw]=-/

/**
 * The values of a container, ` [op1 op2]`, without their dots and stamps, which are for whoever
 * follows one write through the whole of a verbose story; nothing for what is no container.
 */
function valuesOf(detail: string): string {
  const versions = /^\[(.*) \| \{.*\}\]$/.exec(detail)?.[1]
  if (versions === undefined || versions === '') return ''
  return ` [${versions.replaceAll(/@\S+/g, '')}]`
}

/** A note that nobody has put into words yet, as its type and its fields. */
function noteText(about: string): string {
  if (!about.startsWith('{')) return about
  const { type, ...fields } = JSON.parse(about) as Readonly<Record<string, unknown>>
  const told = Object.entries(fields).map(([name, value]) => `${name} ${JSON.stringify(value)}`)
  return [String(type), ...told].join(' ')
}

/** The first word, and the rest. */
function split(text: string): readonly [first: string, rest: string] {
  const blank = text.indexOf(' ')
  return blank < 0 ? [text, ''] : [text.slice(0, blank), text.slice(blank + 1)]
}

function firstWord(text: string): string {
  return split(text)[0]
}
