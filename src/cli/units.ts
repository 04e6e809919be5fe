/** Times and sizes for people. */

const UNITS = [
  { name: 'd', ms: 86_400_000 },
  { name: 'h', ms: 3_600_000 },
  { name: 'm', ms: 60_000 },
  { name: 's', ms: 1_000 },
] as const

/** In the largest unit of which there is one; clocks that differ a little must not tell tales. */
export function agoText(since: string, nowMs: number): string {
  const agoMs = nowMs - Date.parse(since)
  const unit = UNITS.find(({ ms }) => agoMs >= ms)
  return unit === undefined ? 'just now' : `${Math.floor(agoMs / unit.ms)} ${unit.name} ago`
}

/** In the two largest units; a part of a second is one. */
export function timeText(seconds: number): string {
  let rest = Math.max(1, Math.ceil(seconds)) * 1_000
  const parts: string[] = []
  for (const { name, ms } of UNITS) {
    if (rest < ms || parts.length === 2) continue
    parts.push(`${Math.floor(rest / ms)} ${name}`)
    rest %= ms
  }
  return parts.join(' ')
}

export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KiB`
  if (bytes < 1024 ** 3) return `${(bytes / 1024 ** 2).toFixed(1)} MiB`
  return `${(bytes / 1024 ** 3).toFixed(1)} GiB`
}
