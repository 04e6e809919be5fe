/**
 * Time inside the core. An {@link Instant} is a point of a monotonic clock, a {@link Duration} a
 * span, both in milliseconds (fractions allowed). Neither says anything about the date; the wall
 * clock enters only through {@link Now.wallMs} and only for the hybrid logical clock and expiry.
 */

declare const instantTag: unique symbol
declare const durationTag: unique symbol

/** Milliseconds of a monotonic clock whose origin means nothing. */
export type Instant = number & { readonly [instantTag]: true }
/** Milliseconds between two instants. */
export type Duration = number & { readonly [durationTag]: true }

/** The time given with every event. The object may be reused by the driver: do not keep it. */
export interface Now {
  readonly instant: Instant
  /** Milliseconds since 1970 as this machine believes; may jump either way. */
  readonly wallMs: number
}

export function instant(ms: number): Instant {
  return ms as Instant
}

export function duration(ms: number): Duration {
  return ms as Duration
}

export function later(from: Instant, by: Duration): Instant {
  return (from + by) as Instant
}

export function since(earlier: Instant, now: Instant): Duration {
  return (now - earlier) as Duration
}

/** No deadline: later than every instant. */
export const NEVER: Instant = Number.POSITIVE_INFINITY as Instant
