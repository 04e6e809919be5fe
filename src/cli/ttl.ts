/** How long values live, as people write it. */
import { InvalidArgumentError } from 'commander'

export const TTL_FORM = '30s, 5m, 12h, 7d, or 0 for ever'

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}
/** As the nodes have it: a second to a hundred years. */
const TTL_MS_MIN = 1000
const TTL_MS_MAX = 3_155_760_000_000

/** A parser for commander: milliseconds, 0 for ever. */
export function ttl(text: string): number {
  const match = /^(\d{1,13})(ms|s|m|h|d)$/.exec(text === '0' ? '0s' : text)
  const ms = match === null ? Number.NaN : Number(match[1]) * UNIT_MS[match[2]!]!
  if (ms === 0 || (ms >= TTL_MS_MIN && ms <= TTL_MS_MAX)) return ms
  throw new InvalidArgumentError(`It must be a time from 1s to 100 years: ${TTL_FORM}.`)
}

/** In the largest unit that says it in whole numbers. */
export function ttlText(ms: number): string {
  if (ms === 0) return 'for ever'
  const [unit, size] = Object.entries(UNIT_MS).findLast(([, unitMs]) => ms % unitMs === 0)!
  return `${ms / size}${unit}`
}
