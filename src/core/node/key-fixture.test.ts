/** Keys for the tests of this folder: told apart by one byte, with ids that are true. */
import { createHash } from 'node:crypto'
import type { Stamp } from '../versions/version.ts'
import type { KeyEntry, KeyId, KeyringState } from './cluster-key.ts'
import { KEY_BYTES, keyIdOf } from './cluster-key.ts'

export const digest = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest()

export const secretOf = (byte: number): Uint8Array => new Uint8Array(KEY_BYTES).fill(byte)
export const idOf = (byte: number): KeyId => keyIdOf(secretOf(byte), digest)
export const stampOf = (ms: number): Stamp => ({ ms, counter: 0 })

export const installed = (byte: number, ms: number): KeyEntry => ({
  ...{ id: idOf(byte), stamp: stampOf(ms), secret: secretOf(byte) },
})
export const removed = (byte: number, ms: number): KeyEntry => ({
  ...{ id: idOf(byte), stamp: stampOf(ms), secret: undefined },
})

/** `primary`: which key, since when. */
export function keyring(
  entries: readonly KeyEntry[],
  primary?: readonly [byte: number, ms: number],
): KeyringState {
  return {
    entries: entries.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    primary: primary && { id: idOf(primary[0]), stamp: stampOf(primary[1]) },
  }
}

/** As a node begins that is given the key in its configuration. */
export const configured = (byte: number): KeyringState => keyring([installed(byte, 0)], [byte, 0])
