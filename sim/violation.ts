/** A broken invariant: what a checker says when it has found one. */
export interface Violation {
  /** The checker that noticed. */
  readonly checker: string
  /** What was broken, with the values that show it. */
  readonly message: string
  /** `bucket/key` of the keys concerned. */
  readonly keys: readonly string[]
}

export function violation(
  checker: string,
  message: string,
  keys: readonly string[] = [],
): Violation {
  return { checker, message, keys }
}
