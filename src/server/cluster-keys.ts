/**
 * Keys for whoever has no node at hand: made, and looked at before they are sent to one.
 */
import { generateKey, parseKey } from '../adapters/keyring/key-text.ts'
import { must } from '../core/std/assert.ts'

/** What to know of a text that should be the key of a cluster. */
export type KeyCheck =
  | { readonly ok: true; readonly id: string }
  /** `problem` completes "… is no key: ", and has nothing of the text in it. */
  | { readonly ok: false; readonly problem: string }

export interface NewKey {
  readonly key: string
  readonly id: string
}

export function newKey(): NewKey {
  const key = generateKey()
  const check = checkKey(key)
  return { key, id: must(check.ok ? check.id : undefined, 'a key as it was generated') }
}

export function checkKey(text: string): KeyCheck {
  const parsed = parseKey(text)
  return parsed.ok ? { ok: true, id: parsed.key.id } : parsed
}
