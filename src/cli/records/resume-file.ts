/**
 * The small file beside a long job that says how far it came, so that the next run goes on from
 * there. It is replaced as a whole (written beside, then renamed): a crash leaves the old one or
 * the new one, never half of one.
 */
import { createHash } from 'node:crypto'
import {
  closeSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { badFile } from '../failure.ts'

/** Enough to tell files apart that only grew or were exported anew. */
const HEAD_BYTES = 64 * 1024
const RESUME_BYTES_MAX = 1024 * 1024

export interface FileIdentity {
  readonly size: number
  readonly mtimeMs: number
  /** SHA-256 of the first 64 KiB, hexadecimal. */
  readonly head: string
}

export function identify(path: string): FileIdentity {
  const { size, mtimeMs } = statSync(path)
  const head = Buffer.alloc(HEAD_BYTES)
  const file = openSync(path, 'r')
  try {
    const length = readSync(file, head, 0, HEAD_BYTES, 0)
    const hash = createHash('sha256').update(head.subarray(0, length))
    return { size, mtimeMs, head: hash.digest('hex') }
  } finally {
    closeSync(file)
  }
}

/**
 * `job`: what is being done; a file of another job is not gone on with. `state`: how far it came.
 */
interface Content {
  readonly dnd: string
  readonly job: unknown
  readonly state: unknown
}

export class ResumeFile<State> {
  readonly path: string
  readonly #kind: string
  readonly #job: unknown
  readonly #isState: (value: unknown) => value is State
  #written = false

  constructor(
    path: string,
    kind: string,
    job: unknown,
    isState: (value: unknown) => value is State,
  ) {
    this.path = path
    this.#kind = kind
    this.#job = job
    this.#isState = isState
  }

  /** undefined when there is none. Throws when it belongs to something else. */
  load(): State | undefined {
    let text: string
    try {
      if (statSync(this.path).size > RESUME_BYTES_MAX) throw this.#foreign('it is too large')
      text = readFileSync(this.path, 'utf8')
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') return undefined
      if (code?.startsWith('DND_') === true) throw error
      throw badFile(`${this.path} cannot be read (${code})`, 'Check its permissions.', error)
    }
    this.#written = true
    const { dnd, job, state } = parse(text)
    if (dnd !== this.#kind || !this.#isState(state))
      throw this.#foreign(`it is not the progress of an ${this.#kind}`)
    if (JSON.stringify(job) !== JSON.stringify(this.#job))
      throw this.#foreign(differences(job, this.#job))
    return state
  }

  save(state: State): void {
    const content: Content = { dnd: this.#kind, job: this.#job, state }
    const beside = `${this.path}.tmp`
    try {
      writeFileSync(beside, `${JSON.stringify(content, undefined, 1)}\n`)
      renameSync(beside, this.path)
    } catch (error) {
      throw badFile(
        `the progress cannot be kept in ${this.path} (${(error as NodeJS.ErrnoException).code})`,
        'Name a place that can be written with --resume-file.',
        error,
      )
    }
    this.#written = true
  }

  remove(): void {
    if (this.#written) rmSync(this.path, { force: true })
  }

  #foreign(why: string): Error {
    return badFile(
      `${this.path} is there from an interrupted ${this.#kind}, but ${why}`,
      'Repeat the earlier command to go on, or begin anew with --restart.',
    )
  }
}

function parse(text: string): Partial<Content> {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null ? parsed : {}
  } catch {
    // Cut off by a full disk or written by somebody else: told as not ours.
    return {}
  }
}

/** Names what is not as it was, so that nobody has to guess. */
function differences(before: unknown, now: unknown): string {
  const were = (before ?? {}) as Record<string, unknown>
  const are = now as Record<string, unknown>
  const names = Object.keys({ ...were, ...are }).filter(
    (name) => JSON.stringify(were[name]) !== JSON.stringify(are[name]),
  )
  return `this is another job: ${names.map((name) => `${name} is not the same`).join(', ')}`
}
