/** Numbers as people read them: short, steady in width, with their unit. */

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** Three digits at most, and one more only where it says something: 1.24, 12.4, 124. */
function short(value: number): string {
  if (value >= 100 || Number.isInteger(value)) return String(Math.round(value))
  if (value >= 10) return value.toFixed(1)
  return value.toFixed(value < 1 ? 2 : 1)
}

export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  for (; value >= 1024 && unit < BYTE_UNITS.length - 1; unit++) value /= 1024
  return `${short(value)} ${BYTE_UNITS[unit]!}`
}

/** 1234 → 1,234. */
export function formatCount(count: number): string {
  return String(Math.round(count)).replaceAll(/\B(?=(?:\d{3})+$)/g, ',')
}

export function formatRate(perSecond: number): string {
  if (perSecond === 0) return '0'
  if (perSecond < 0.1) return '<0.1'
  if (perSecond >= 10_000) return `${short(perSecond / 1000)}k`
  return perSecond < 10 && perSecond % 1 !== 0 ? perSecond.toFixed(1) : formatCount(perSecond)
}

export function formatSeconds(seconds: number): string {
  if (seconds === 0) return '0'
  if (seconds < 0.001) return `${short(seconds * 1e6)} µs`
  if (seconds < 1) return `${short(seconds * 1e3)} ms`
  return `${short(seconds)} s`
}

export function formatPercent(fraction: number): string {
  const percent = fraction * 100
  if (percent > 0 && percent < 1) return '<1%'
  return `${percent < 10 && percent % 1 !== 0 ? percent.toFixed(1) : Math.round(percent)}%`
}

const SPANS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
] as const

/** The largest unit that fits: 3 d, 2 h, 5 min, 12 s. */
export function formatSpan(ms: number): string {
  for (const [unit, name] of SPANS) if (ms >= unit) return `${Math.floor(ms / unit)} ${name}`
  return '0 s'
}

export function formatAgo(ms: number): string {
  return ms < 2_000 ? 'just now' : `${formatSpan(ms)} ago`
}

/** A lifetime as it is set: 0 is for ever. */
export function formatTtl(ms: number): string {
  if (ms === 0) return 'for ever'
  for (const [unit, name] of SPANS) if (ms % unit === 0) return `${ms / unit} ${name}`
  return `${ms} ms`
}

/** What a person writes for a lifetime: `30s`, `5m`, `12h`, `7d`, or empty. undefined: neither. */
export function parseTtl(text: string): number | undefined {
  const trimmed = text.trim()
  if (trimmed === '' || trimmed === '0' || trimmed === 'for ever') return 0
  const match = /^(\d{1,12})\s*(ms|s|m|min|h|d)$/.exec(trimmed)
  if (match === null) return undefined
  const factors: Readonly<Record<string, number>> = {
    ...{ ms: 1, s: 1_000, m: 60_000, min: 60_000 },
    ...{ h: 3_600_000, d: 86_400_000 },
  }
  return Number(match[1]) * factors[match[2]!]!
}

export function plural(count: number, noun: string, nouns = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 ? noun : nouns}`
}

/** "a", "a and b", "a, b and c"; beyond `max` the rest is counted. */
export function listed(names: readonly string[], max = 4): string {
  if (names.length > max)
    return `${names.slice(0, max - 1).join(', ')} and ${names.length - max + 1} more`
  if (names.length < 2) return names.join('')
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)!}`
}

/** The time of day, in the reader's zone. */
export function formatClock(ms: number): string {
  const date = new Date(ms)
  const two = (part: number): string => String(part).padStart(2, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}
