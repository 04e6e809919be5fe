/** What can be wrong with the values of a bucket. */
import { pathOf } from './standard-schema.ts'
import type { StandardIssue } from './standard-schema.ts'

/** A value is not what the schema or the codec of the bucket wants. Nothing was stored. */
export class DndSchemaError extends Error {
  override readonly name = 'DndSchemaError'
  readonly code = 'DND_ERR_BAD_VALUE'
  readonly outcome = 'rejected'
  readonly bucket: string
  readonly key: string
  /** `put`: the value given; `get`: the value stored, by whomever. */
  readonly during: 'put' | 'get'
  readonly issues: readonly StandardIssue[]

  constructor(
    where: { readonly bucket: string; readonly key: string; readonly during: 'put' | 'get' },
    issues: readonly StandardIssue[],
    cause?: unknown,
  ) {
    const what = where.during === 'put' ? 'the value for' : 'the value stored under'
    const first = issues[0]
    const path = first === undefined ? '' : pathOf(first)
    const place = path === '' ? '' : ` at ${path}`
    super(
      `${what} ${where.bucket}/${where.key} is not valid${place}: ${first?.message ?? 'no reason given'}`,
      cause === undefined ? undefined : { cause },
    )
    this.bucket = where.bucket
    this.key = where.key
    this.during = where.during
    this.issues = issues
  }
}

/** A key has several concurrent values, and the bucket was opened without `resolve`. */
export class DndSiblingsError<T = unknown> extends Error {
  override readonly name = 'DndSiblingsError'
  readonly code = 'DND_ERR_SIBLINGS'
  readonly outcome = 'rejected'
  readonly values: readonly T[]
  /** Covers them all: a put with it ends the conflict. */
  readonly context: string

  constructor(key: string, values: readonly T[], context: string) {
    super(
      `${key} has ${values.length} concurrent values: open the bucket with "resolve", or put one value with this context`,
    )
    this.values = values
    this.context = context
  }
}
