/**
 * How long a value lives: a length of time from now on, or a moment. In JSON a length is a number
 * of milliseconds; a moment is ISO 8601 in UTC wherever it is said.
 */
import { DndError } from '../../core/errors.ts'
import { TTL_MS_MAX, TTL_MS_MIN } from '../../core/node/buckets.ts'
import type { Value } from '../../core/versions/version.ts'

export const EXPIRES_HEADER = 'x-dnd-expires-at'

/** What a client said of it; nothing of both: as the bucket says. */
export interface Lifetime {
  /** 0: for ever, whatever the bucket says. */
  readonly ttlMs: number | undefined
  /** Milliseconds since 1970; 0 for none. */
  readonly expiresAtMs: number
}

export const NO_LIFETIME: Lifetime = { ttlMs: undefined, expiresAtMs: 0 }

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** `30s`, `5m`, or a number of seconds; undefined for what is none, or out of bounds. */
export function parseTtl(text: string): number | undefined {
  const match = /^(\d{1,13})(ms|s|m|h|d)?$/.exec(text)
  if (match === null) return undefined
  const ms = Number(match[1]) * UNIT_MS[match[2] ?? 's']!
  return isTtl(ms) ? ms : undefined
}

export function isTtl(ms: number): boolean {
  return Number.isSafeInteger(ms) && (ms === 0 || (ms >= TTL_MS_MIN && ms <= TTL_MS_MAX))
}

/** Milliseconds since 1970; undefined for what is no moment behind 1970. */
export function parseMoment(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z$/.test(text)) return undefined
  const ms = Date.parse(text)
  return ms > 0 ? ms : undefined
}

export function momentText(ms: number): string {
  return new Date(ms).toISOString()
}

/** Of headers; throws for what they must not say. */
export function lifetimeOf(ttl: string | undefined, expiresAt: string | undefined): Lifetime {
  if (ttl === undefined && expiresAt === undefined) return NO_LIFETIME
  if (ttl !== undefined && expiresAt !== undefined)
    throw bad('X-Dnd-TTL and X-Dnd-Expires-At exclude each other')
  if (ttl !== undefined) {
    const ttlMs = parseTtl(ttl)
    if (ttlMs === undefined)
      throw bad(
        'X-Dnd-TTL is 0 (for ever) or a time from 1s to 100 years, such as 30s, 5m, 12h or 7d',
      )
    return { ttlMs, expiresAtMs: 0 }
  }
  const expiresAtMs = parseMoment(expiresAt ?? '')
  if (expiresAtMs === undefined)
    throw bad('X-Dnd-Expires-At is a moment in UTC, such as 2030-01-31T12:00:00Z')
  return { ttlMs: undefined, expiresAtMs }
}

/** Appends the header of a value that expires. */
export function pushExpiry(headers: string[], { expiresAtMs }: Value): void {
  if (expiresAtMs > 0) headers.push(EXPIRES_HEADER, momentText(expiresAtMs))
}

function bad(message: string): DndError {
  return new DndError('DND_ERR_BAD_HEADER', message)
}
