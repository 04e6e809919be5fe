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

export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KiB`
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}
