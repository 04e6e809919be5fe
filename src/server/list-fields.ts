/** Settings that are lists of names, and what an origin is. */
import * as v from 'valibot'

/** Names in one list. */
export const LIST_MAX = 64

/** As browsers write it: scheme, host, and the port unless it is that of the scheme. */
export function isOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text
}

export function list(isName: (text: string) => boolean): {
  readonly kind: 'list'
  readonly schema: v.GenericSchema
} {
  const schema = v.pipe(v.array(v.pipe(v.string(), v.check(isName))), v.maxLength(LIST_MAX))
  return { kind: 'list', schema }
}
