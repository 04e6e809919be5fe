/**
 * What a key shows: its versions as they were merged, less what was deleted, less what has expired.
 *
 * The problem: every node has a clock of its own. If each took an expired value away when its own
 * clock says so, replicas would differ, whoever compares them would bring the value back from the
 * slowest, and a client would see it come and go.
 *
 * So expiry is no change of what is stored. The deadline is a part of the version, absolute, the
 * same on every replica; whoever answers a client leaves out what is past it, and reckons its own
 * clock as slow as it may be:
 *
 * ```
 *   expired   iff  max(wall clock, hybrid clock) + allowed skew >= deadline
 * ```
 * A clock that is right to within the skew shows nothing after its deadline then, and the hybrid
 * clock, which never goes back, keeps what was gone from coming back when the wall clock does.
 * What is left out stays stored until it is reaped (`repair/reap-rule.ts`).
 *
 * In last-write-wins the winner is chosen first, and what has expired may win: a value that lost to
 * it was overwritten, and does not return when its successor goes.
 */
import { liveVersions, winner } from './container.ts'
import type { Container, Value, Version } from './version.ts'

/** Whether the deadline of `value`, if it has one, has come at `nowMs`. */
export function isExpired({ expiresAtMs }: Value, nowMs: number): boolean {
  return expiresAtMs > 0 && expiresAtMs <= nowMs
}

/**
 * One version at most in `lww`, every live one in `siblings`. `nowMs`: later than every clock that
 * is right to within the allowed skew.
 */
export function shownVersions(
  container: Container,
  conflicts: 'lww' | 'siblings',
  nowMs: number,
): readonly Version[] {
  if (conflicts === 'lww') {
    const version = winner(container)
    return version !== undefined && isShown(version, nowMs) ? [version] : []
  }
  const live = liveVersions(container)
  return live.every((version) => isShown(version, nowMs))
    ? live
    : live.filter((version) => isShown(version, nowMs))
}

function isShown({ value }: Version, nowMs: number): boolean {
  return value !== undefined && !isExpired(value, nowMs)
}
