/**
 * A listing that is read page by page when all is at rest has every live key once, in order,
 * through every node, and no key that was deleted or never written.
 */
import { compareBytes } from '../../src/core/std/bytes.ts'
import type { ListKeysRequest, ListSuccess } from '../../src/core/node/events.ts'
import { listingKey } from '../../src/core/node/storage-keys.ts'
import type { Version } from '../../src/core/versions/version.ts'
import { violation } from '../violation.ts'
import type { Checker, Evidence } from './evidence.ts'

const NAME = 'listings'

export const listings: Checker = {
  name: NAME,
  check(evidence) {
    for (const { node, bucket, reverse, keys: listed } of evidence.listings) {
      const open = openKeys(evidence, bucket)
      const keys = listed.filter((key) => !open.has(key))
      const expected = liveKeys(evidence, bucket).filter((key) => !open.has(key))
      if (reverse) expected.reverse()
      if (keys.join() === expected.join()) continue
      const found = `lists ${keys.join(' ') || 'nothing'}`
      const message = `${bucket}: n${node + 1} ${found} instead of ${expected.join(' ')}`
      const odd = [
        ...expected.filter((key) => !keys.includes(key)),
        ...keys.filter((key) => !expected.includes(key)),
      ]
      return violation(
        NAME,
        message,
        odd.map((key) => `${bucket}/${key}`),
      )
    }
    return undefined
  },
}

/** What the final reads show, in the order of the keys' bytes. */
function liveKeys(evidence: Evidence, bucket: string): string[] {
  const live = new Set<string>()
  for (const final of evidence.finals)
    if (final.bucket === bucket && final.result.live.length > 0) live.add(final.key)
  return [...live].sort()
}

/**
 * Keys with a deadline to come, where clocks are wrong by more than is allowed: each node goes by a
 * hybrid clock of its own, which does not go back.
 */
function openKeys({ finals, clockErrorMs = Infinity }: Evidence, bucket: string): Set<string> {
  const open = new Set<string>()
  if (clockErrorMs < Infinity) return open
  for (const final of finals)
    if (final.bucket === bucket && final.result.container.versions.some(hasDeadline))
      open.add(final.key)
  return open
}

function hasDeadline({ value }: Version): boolean {
  return value !== undefined && value.expiresAtMs > 0
}

/** What is wrong with a page by itself, whatever the bucket holds. */
export function pageProblem(page: ListSuccess, request: ListKeysRequest): string | undefined {
  const keys = page.keys.map(({ key, sort }) => listingKey(key, sort))
  if (keys.length > request.limit) return `has ${keys.length} keys of ${request.limit}`
  for (const [index, key] of keys.entries()) {
    const previous = keys[index - 1]
    const order = previous === undefined ? 1 : compareBytes(key, previous)
    if (request.reverse ? previous !== undefined && order >= 0 : order <= 0)
      return 'is out of order or repeats a key'
    if (compareBytes(key, request.from) < 0) return 'has a key before its range'
    if (request.to.length > 0 && compareBytes(key, request.to) >= 0)
      return 'has a key after its range'
  }
  return undefined
}
