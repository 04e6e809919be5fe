/** Refused records as NDJSON, each with its place, its reason and what stands in the file. */
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { badFile } from '../failure.ts'
import type { Refusal } from './importer.ts'

export class RefusedFile {
  readonly #file: number
  #bytes: number

  /** `keep`: bytes that an earlier run wrote and that still count; the rest is written again. */
  constructor(path: string, keep: number) {
    try {
      this.#file = openSync(path, keep > 0 ? 'r+' : 'w')
      if (keep > 0) ftruncateSync(this.#file, keep)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      throw badFile(
        `${path} cannot be written (${code})`,
        'Name another place with --refused.',
        error,
      )
    }
    this.#bytes = keep
  }

  /** Length of the file afterwards. */
  append(refusals: readonly Refusal[]): number {
    if (refusals.length === 0) return this.#bytes
    const text = refusals.map((refusal) => `${JSON.stringify(line(refusal))}\n`).join('')
    const bytes = Buffer.from(text)
    for (let written = 0; written < bytes.length;)
      written += writeSync(
        this.#file,
        bytes,
        written,
        bytes.length - written,
        this.#bytes + written,
      )
    this.#bytes += bytes.length
    return this.#bytes
  }

  close(): void {
    closeSync(this.#file)
  }
}

function line({ record, item, reason, detail }: Refusal): unknown {
  const place = { record, line: item.line, reason, detail }
  if (item.type === 'row') return { ...place, source: item.row }
  if (item.type === 'json') return { ...place, name: item.name, source: item.text }
  return place
}
