/**
 * The cluster's keys as one node knows them: a small register for each key and one for which of
 * them is the primary, last writer wins by stamp, told whole from node to node.
 *
 * Keys are changed by people, at any node, while some nodes are away; so the ring is merged like
 * the buckets are, and two changes at once end in the same ring everywhere. What differs is what a
 * mistake costs: a node without the right key hears nobody and cannot be told so. Hence
 *
 * - A removal is remembered. A node that was away would else bring the key back, and with it
 *   everybody who should have lost it.
 * - Between "removed" and "installed" of the same stamp the removal wins.
 * - The primary is whatever the register names while that key is installed. Two changes at once may
 *   have named a key that is removed; then all take the installed key of the greatest stamp.
 * - Bounds are kept without touching what is in use: of too many installed keys the last one to
 *   come is dropped, never the primary; of too many removals the oldest is forgotten.
 * - No merge leaves the ring without a key.
 *
 * Merging is commutative and idempotent, and associative as long as what is known fits the bounds.
 * What a node knows and what it has made durable are kept apart: others are told, and reports are
 * made of, only the latter.
 */
import { assert } from '../std/assert.ts'
import { compareBytes } from '../std/bytes.ts'
import type { Digest } from '../membership/leave-proof.ts'
import { compareStamps, maxStamp, ZERO_STAMP } from '../versions/stamp.ts'
import type { Stamp } from '../versions/version.ts'
import type { KeyEntry, KeyId, KeyringState } from './cluster-key.ts'
import { keyIdOf, KEYS_MAX, REMOVALS_MAX } from './cluster-key.ts'

const NOTHING: KeyringState = { entries: [], primary: undefined }

export class KeyRing {
  readonly #digest: Digest
  // Bounded by: KEYS_MAX installed and REMOVALS_MAX removed keys, in `mergeKeyrings`.
  #known: KeyringState
  // Of these, what a restart would find. Bounded as #known.
  #durable: KeyringState

  /** `stored`: what is durable here; with at least one installed key. */
  constructor(stored: KeyringState, digest: Digest) {
    this.#digest = digest
    this.#known = mergeKeyrings(NOTHING, stored)
    this.#durable = this.#known
  }

  get known(): KeyringState {
    return this.#known
  }

  /** What others may be told: what will still be known after a restart. */
  get durable(): KeyringState {
    return this.#durable
  }

  /** Of all that is known: whatever is stamped above it is newer than anything here. */
  get greatestStamp(): Stamp {
    const { entries, primary } = this.#known
    const greatest = entries.reduce((stamp, entry) => maxStamp(stamp, entry.stamp), ZERO_STAMP)
    return maxStamp(greatest, primary?.stamp ?? ZERO_STAMP)
  }

  /**
   * Takes over what is newer; says whether anything was. Keys that go under the id of another are
   * left out.
   */
  merge(told: KeyringState): boolean {
    const entries = told.entries.filter(
      ({ id, secret }) => secret === undefined || keyIdOf(secret, this.#digest) === id,
    )
    const merged = mergeKeyrings(this.#known, { entries, primary: told.primary })
    if (isSame(merged, this.#known) || installedKeys(merged).length === 0) return false
    this.#known = merged
    return true
  }

  /** `state`, which was known, is durable. */
  stored(state: KeyringState): void {
    this.#durable = state
  }

  /**
   * What is known cannot be made durable: it is forgotten, to be told again by those who know it.
   */
  rollBack(): void {
    this.#known = this.#durable
  }

  check(): void {
    for (const state of [this.#known, this.#durable]) checkKeyring(state)
  }
}

/** The newest word of both on each key and on the primary. */
export function mergeKeyrings(a: KeyringState, b: KeyringState): KeyringState {
  const primary = newerPrimary(a.primary, b.primary)
  const newest = new Map<KeyId, KeyEntry>()
  for (const entry of [...a.entries, ...b.entries]) {
    const held = newest.get(entry.id)
    if (held === undefined || compareEntries(entry, held) > 0) newest.set(entry.id, entry)
  }
  const oldestFirst = [...newest.values()].sort(
    (x, y) => compareStamps(x.stamp, y.stamp) || compareIds(x, y),
  )
  const isPrimary = ({ id }: KeyEntry): boolean => id === primary?.id
  const installed = oldestFirst.filter(({ secret }) => secret !== undefined)
  const kept = [...installed.filter(isPrimary), ...installed.filter((each) => !isPrimary(each))]
  const removed = oldestFirst.filter(({ secret }) => secret === undefined)
  const entries = [...kept.slice(0, KEYS_MAX), ...removed.slice(-REMOVALS_MAX)]
  return { entries: entries.sort(compareIds), primary }
}

/** In order of id. */
export function installedKeys({ entries }: KeyringState): readonly KeyId[] {
  return entries.flatMap(({ id, secret }) => (secret === undefined ? [] : [id]))
}

/** What a node with this ring seals with; undefined iff no key is installed. */
export function primaryOf({ entries, primary }: KeyringState): KeyId | undefined {
  let newest: KeyEntry | undefined
  for (const entry of entries) {
    if (entry.secret === undefined) continue
    if (entry.id === primary?.id) return entry.id
    // Entries are in order of id, so the least id wins between equal stamps.
    if (newest === undefined || compareStamps(entry.stamp, newest.stamp) > 0) newest = entry
  }
  return newest?.id
}

/** Whether who tells `told` knows at least what `change` says. */
export function confirmsKeys(told: KeyringState, change: KeyringState): boolean {
  const knowsPrimary =
    change.primary === undefined || newerPrimary(told.primary, change.primary) === told.primary
  return (
    knowsPrimary &&
    change.entries.every((entry) => {
      const held = told.entries.find(({ id }) => id === entry.id)
      return held !== undefined && compareEntries(entry, held) <= 0
    })
  )
}

type Primary = KeyringState['primary']

/** `a` where both are equal. */
function newerPrimary(a: Primary, b: Primary): Primary {
  if (a === undefined || b === undefined) return a ?? b
  const order = compareStamps(a.stamp, b.stamp) || compareIds(a, b)
  return order >= 0 ? a : b
}

/** Of two words on one key: by stamp, then removed before installed, then by the secret. */
function compareEntries(a: KeyEntry, b: KeyEntry): number {
  const order = compareStamps(a.stamp, b.stamp)
  if (order !== 0) return order
  if (a.secret === undefined || b.secret === undefined)
    return Number(a.secret === undefined) - Number(b.secret === undefined)
  return compareBytes(a.secret, b.secret)
}

function compareIds(a: { readonly id: KeyId }, b: { readonly id: KeyId }): number {
  return a.id < b.id ? -1 : Number(a.id > b.id)
}

function isSame(a: KeyringState, b: KeyringState): boolean {
  return (
    a.entries.length === b.entries.length &&
    a.entries.every((entry, i) => isSameEntry(entry, b.entries[i]!)) &&
    a.primary?.id === b.primary?.id &&
    compareStamps(a.primary?.stamp ?? ZERO_STAMP, b.primary?.stamp ?? ZERO_STAMP) === 0
  )
}

function isSameEntry(a: KeyEntry, b: KeyEntry): boolean {
  return a.id === b.id && compareEntries(a, b) === 0
}

function checkKeyring(state: KeyringState): void {
  const { entries } = state
  const installed = installedKeys(state).length
  assert(installed > 0, 'a keyring without a key')
  assert(installed <= KEYS_MAX, () => `${installed} installed keys`)
  assert(entries.length - installed <= REMOVALS_MAX, () => `${entries.length} words on keys`)
  for (let i = 1; i < entries.length; i++)
    assert(entries[i - 1]!.id < entries[i]!.id, () => `keys out of order: ${entries[i]!.id}`)
}
