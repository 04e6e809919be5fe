/** Where a command writes: waits when the reader is slow, paints only for people. */
import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { styleText } from 'node:util'

export type Style = Parameters<typeof styleText>[0]

export class Terminal {
  readonly stream: Writable
  readonly isTTY: boolean
  readonly colour: boolean

  constructor(stream: Writable & { isTTY?: boolean }, env: Readonly<NodeJS.ProcessEnv>) {
    this.stream = stream
    this.isTTY = stream.isTTY === true
    // https://no-color.org: any value that is not empty turns colours off.
    this.colour = this.isTTY && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb'
  }

  get columns(): number {
    return (this.stream as { columns?: number }).columns ?? 80
  }

  /** Resolves when there is room for more. */
  async write(chunk: string | Uint8Array): Promise<void> {
    if (this.stream.destroyed) return
    if (!this.stream.write(chunk)) await once(this.stream, 'drain')
  }

  async line(text = ''): Promise<void> {
    await this.write(`${text}\n`)
  }

  async json(value: unknown): Promise<void> {
    await this.write(`${JSON.stringify(value)}\n`)
  }

  /** On a terminal, lines that break between words and not within them. For text without paint. */
  wrap(text: string): string {
    if (!this.isTTY) return text
    const lines: string[] = []
    for (const word of text.split(' ')) {
      const last = lines.at(-1)
      if (last !== undefined && last.length + 1 + word.length <= this.columns)
        lines[lines.length - 1] = `${last} ${word}`
      else lines.push(word)
    }
    return lines.join('\n')
  }

  paint(style: Style, text: string): string {
    // Ours to decide: the stream may be another than the one that Node would look at.
    return this.colour ? styleText(style, text, { validateStream: false }) : text
  }
}

/**
 * Text for a terminal: control characters could move its cursor or change its title, so they are
 * shown and not sent.
 */
export function printable(text: string): string {
  return text.replace(/\p{Cc}|\p{Cs}/gu, (character) => {
    const code = character.codePointAt(0) ?? 0
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : '\uFFFD'
  })
}

export function count(number: number, singular: string, plural = `${singular}s`): string {
  return `${number.toLocaleString('en-US')} ${number === 1 ? singular : plural}`
}
