/**
 * Query parameters. Unknown ones are refused by name: a misspelt `w` that is silently ignored is a
 * promise silently broken. One table says what each may hold; the parser and the OpenAPI document
 * both read it.
 */
import { DndError } from '../../core/errors.ts'
import { LIST_LIMIT_MAX } from '../../core/std/limits.ts'
import { percentDecode } from './percent.ts'

export type ParameterName =
  | 'bucket'
  | 'sort'
  | 'r'
  | 'w'
  | 'timeout'
  | 'prefix'
  | 'start'
  | 'end'
  | 'limit'
  | 'reverse'
  | 'force'
  | 'since'

export type ParameterKind =
  | { readonly kind: 'text' }
  | { readonly kind: 'integer'; readonly min: number; readonly max: number }
  | { readonly kind: 'boolean' }

export interface Parameter {
  readonly value: ParameterKind
  readonly description: string
}

export const TIMEOUT_MS_MAX = 60_000
export const LIST_LIMIT_DEFAULT = 1000
const QUORUM_MAX = 7

export const PARAMETERS: Readonly<Record<ParameterName, Parameter>> = {
  bucket: {
    value: { kind: 'text' },
    description: 'Only keys of this bucket; with a prefix `default` when left out.',
  },
  sort: {
    value: { kind: 'text' },
    description: 'Names an item under the key; items of one key live together, in order.',
  },
  r: {
    value: { kind: 'integer', min: 1, max: QUORUM_MAX },
    description: 'Replicas that must answer the read; as the bucket says when left out.',
  },
  w: {
    value: { kind: 'integer', min: 1, max: QUORUM_MAX },
    description: 'Replicas that must store durably; as the bucket says when left out.',
  },
  timeout: {
    value: { kind: 'integer', min: 1, max: TIMEOUT_MS_MAX },
    description: 'Patience in milliseconds; the configured one of the node when left out.',
  },
  prefix: { value: { kind: 'text' }, description: 'Only keys that begin with this.' },
  start: {
    value: { kind: 'text' },
    description:
      'Where to begin, inclusive: a key, or key, U+0000 and sort key, or what `next` of the last page said.',
  },
  end: {
    value: { kind: 'text' },
    description: 'Where to stop, exclusive; in the form of `start`.',
  },
  limit: {
    value: { kind: 'integer', min: 1, max: LIST_LIMIT_MAX },
    description: `Keys in one page; ${LIST_LIMIT_DEFAULT} when left out.`,
  },
  reverse: {
    value: { kind: 'boolean' },
    description:
      'From the last key to the first; `start` is then the greatest key and `end` the least.',
  },
  force: {
    value: { kind: 'boolean' },
    description: 'Also where a member may be left behind by it.',
  },
  since: {
    value: { kind: 'text' },
    description: 'The id of an event, to go on behind it; the header Last-Event-ID comes first.',
  },
}

/** What a request asked for; what it did not name is undefined. */
export interface Query {
  bucket: Uint8Array | undefined
  sort: Uint8Array | undefined
  r: number | undefined
  w: number | undefined
  timeout: number | undefined
  prefix: Uint8Array | undefined
  start: Uint8Array | undefined
  end: Uint8Array | undefined
  limit: number | undefined
  reverse: boolean | undefined
  force: boolean | undefined
  since: Uint8Array | undefined
}

/** Of a request without a query, which most are: shared, never written to. */
export const NO_QUERY: Readonly<Query> = Object.freeze(emptyQuery())

function emptyQuery(): Query {
  return {
    bucket: undefined,
    sort: undefined,
    r: undefined,
    w: undefined,
    timeout: undefined,
    prefix: undefined,
    start: undefined,
    end: undefined,
    limit: undefined,
    reverse: undefined,
    force: undefined,
    since: undefined,
  }
}

/**
 * Reads `target` from `from` on, just behind the "?"; throws for anything but `known` parameters,
 * each at most once.
 */
export function parseQuery(
  target: string,
  from: number,
  known: readonly ParameterName[],
): Readonly<Query> {
  if (from >= target.length) return NO_QUERY
  const query = emptyQuery()
  for (let start = from; start < target.length;) {
    const ampersand = target.indexOf('&', start)
    const end = ampersand < 0 ? target.length : ampersand
    if (end > start) setParameter(query, target, start, end, known)
    start = end + 1
  }
  return query
}

function setParameter(
  query: Query,
  target: string,
  start: number,
  end: number,
  known: readonly ParameterName[],
): void {
  const equals = target.indexOf('=', start)
  const nameEnd = equals < 0 || equals > end ? end : equals
  const name = knownName(target.slice(start, nameEnd), known)
  if (query[name] !== undefined) throw bad(`the parameter "${name}" is given twice`)
  const valueStart = Math.min(nameEnd + 1, end)
  const { value } = PARAMETERS[name]
  if (value.kind === 'text') {
    const text = percentDecode(target, valueStart, end, true, `the parameter "${name}"`)
    return void (query[name as 'sort'] = text)
  }
  const text = target.slice(valueStart, end)
  if (value.kind === 'boolean') query[name as 'reverse'] = parseBoolean(name, text)
  else query[name as 'r'] = parseInteger(name, text, value.min, value.max)
}

function knownName(written: string, known: readonly ParameterName[]): ParameterName {
  for (const name of known) if (written === name) return name
  const shown = written.length > 64 ? `${written.slice(0, 64)}…` : written
  const allowed =
    known.length === 0 ? 'this route knows none' : `this route knows ${known.join(', ')}`
  throw bad(`unknown parameter ${JSON.stringify(shown)}; ${allowed}`)
}

function parseInteger(name: string, text: string, min: number, max: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw bad(`the parameter "${name}" must be a whole number from ${min} to ${max}`)
}

function parseBoolean(name: string, text: string): boolean {
  if (text === 'true' || text === '1' || text === '') return true
  if (text === 'false' || text === '0') return false
  throw bad(`the parameter "${name}" must be true or false`)
}

function bad(message: string): DndError {
  return new DndError('DND_ERR_BAD_PARAMETER', message)
}
