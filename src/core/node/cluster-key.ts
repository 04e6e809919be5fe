/**
 * Cluster keys: the secrets that all nodes of a cluster share. Who has one may talk to the nodes
 * and is believed; so they are told over encrypted links only and never shown.
 */
import { toHex } from '../std/bytes.ts'
import type { Digest } from '../membership/leave-proof.ts'
import type { Stamp } from '../versions/version.ts'

declare const keyIdTag: unique symbol

/**
 * Says which key without telling it: the first four bytes of SHA-256 over the secret, 8 hexadecimal
 * digits.
 */
export type KeyId = string & { readonly [keyIdTag]: true }

export interface ClusterKey {
  readonly id: KeyId
  /** KEY_BYTES of them. */
  readonly secret: Uint8Array
}

export const KEY_BYTES = 32
/** Keys that a ring may hold: the one in use, its successor, and stragglers. */
export const KEYS_MAX = 8
/** Removals that a ring remembers, the newest: who was away for longer may bring a key back. */
export const REMOVALS_MAX = 64
export const KEY_ID_BYTES = 4

export function keyId(text: string): KeyId | undefined {
  return /^[0-9a-f]{8}$/.test(text) ? (text as KeyId) : undefined
}

export function keyIdOf(secret: Uint8Array, digest: Digest): KeyId {
  return toHex(digest(secret).subarray(0, KEY_ID_BYTES)) as KeyId
}

/** The newest word on a key: by stamp, then removed before installed. */
export interface KeyEntry {
  readonly id: KeyId
  readonly stamp: Stamp
  /** undefined: removed. Remembered, so that a node that was away does not bring it back. */
  readonly secret: Uint8Array | undefined
}

/**
 * All that a node knows of the cluster's keys; merging is commutative and idempotent in each part.
 */
export interface KeyringState {
  /** In order of id, each once. */
  readonly entries: readonly KeyEntry[]
  /** What all should seal with, and since when. */
  readonly primary: { readonly id: KeyId; readonly stamp: Stamp } | undefined
}
