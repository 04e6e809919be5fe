/**
 * Assertions for our own bugs. They stay on in production: a node whose invariants are broken must
 * stop rather than spread what it computed. Nothing that a peer, a client or a disk can do may
 * reach one; those are values in unions.
 */

/** Thrown for a broken invariant of our own code. The driver lets it end the process. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

/**
 * A sentence, or how to put it together: invariants hold, and a sentence that nobody reads should
 * not cost anything.
 */
type Message = string | (() => string)

/**
 * Throws {@link AssertionError} unless `condition`. `message` names the values that broke the
 * invariant.
 */
export function assert(condition: boolean, message: Message): asserts condition {
  if (!condition) throw new AssertionError(textOf(message))
}

/**
 * Marks a branch that the types rule out, so that a forgotten case is a compile error and a crash.
 */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${JSON.stringify(value)}`)
}

/** `value`, which our own bookkeeping says is there. */
export function must<T>(value: T | undefined, what: Message): T {
  if (value === undefined) throw new AssertionError(`missing: ${textOf(what)}`)
  return value
}

function textOf(message: Message): string {
  return typeof message === 'string' ? message : message()
}
