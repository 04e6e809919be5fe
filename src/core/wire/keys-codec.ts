/**
 * What nodes tell each other about the cluster's keys as bytes.
 *
 * ```
 * keyring        primary flag · [key id · stamp] · count varint · (entry)*
 * entry          key id · stamp · installed flag · [secret 32 bytes]
 *                in order of id, each once
 * keys-request   request varint
 * keys-reply     request varint · count varint · (key id)* · primary varint
 *                ids in order, each once; the primary is a place among them, from 0
 * ```
 * Without keys nothing follows their count. Secrets are copied out of the input, for they are kept
 * as long as the node runs.
 */
import type { KeyEntry, KeyId, KeyringState } from '../node/cluster-key.ts'
import { KEY_BYTES, KEY_ID_BYTES, KEYS_MAX, REMOVALS_MAX } from '../node/cluster-key.ts'
import type { KeysReply } from '../node/messages.ts'
import { assert } from '../std/assert.ts'
import type { ByteReader, ByteWriter } from '../std/bytes.ts'
import { decodeStamp, encodeStamp } from '../versions/record.ts'
import { decodeFlag, decodeKeyId, encodeFlag, encodeKeyId } from './fields.ts'

const ENTRIES_MAX = KEYS_MAX + REMOVALS_MAX
const STAMP_BYTES = 8
const ENTRY_BYTES_MIN = KEY_ID_BYTES + STAMP_BYTES + 1

export function encodeKeyring(writer: ByteWriter, { entries, primary }: KeyringState): void {
  checkOrder(entries.map(({ id }) => id))
  const installed = entries.filter(({ secret }) => secret !== undefined).length
  assert(installed <= KEYS_MAX, () => `${installed} keys to encode`)
  assert(entries.length - installed <= REMOVALS_MAX, () => `${entries.length} words on keys`)
  encodeFlag(writer, primary !== undefined)
  if (primary !== undefined) {
    encodeKeyId(writer, primary.id)
    encodeStamp(writer, primary.stamp)
  }
  writer.varint(entries.length)
  for (const entry of entries) encodeEntry(writer, entry)
}

export function decodeKeyring(reader: ByteReader): KeyringState {
  const primary = decodeFlag(reader)
    ? { id: decodeKeyId(reader), stamp: decodeStamp(reader) }
    : undefined
  const entries: KeyEntry[] = []
  let installed = 0
  for (let count = reader.count(ENTRIES_MAX, ENTRY_BYTES_MIN); count > 0 && reader.ok; count--) {
    const entry = decodeEntry(reader)
    if (!follows(entry.id, entries.at(-1)?.id)) reader.fail()
    if (entry.secret !== undefined) installed++
    entries.push(entry)
  }
  if (installed > KEYS_MAX || entries.length - installed > REMOVALS_MAX) reader.fail()
  return { entries, primary }
}

export function encodeKeysReply(writer: ByteWriter, message: KeysReply): void {
  const { request, keys, primary } = message
  checkOrder(keys)
  assert(keys.length <= KEYS_MAX, () => `${keys.length} keys to encode`)
  const place = primary === undefined ? -1 : keys.indexOf(primary)
  assert(keys.length === 0 ? primary === undefined : place >= 0, 'a primary that is not installed')
  writer.varint(request)
  writer.varint(keys.length)
  for (const id of keys) encodeKeyId(writer, id)
  if (keys.length > 0) writer.varint(place)
}

export function decodeKeysReply(reader: ByteReader): KeysReply {
  const request = reader.varint()
  const keys: KeyId[] = []
  for (let count = reader.count(KEYS_MAX, KEY_ID_BYTES); count > 0 && reader.ok; count--) {
    const id = decodeKeyId(reader)
    if (!follows(id, keys.at(-1))) reader.fail()
    keys.push(id)
  }
  const primary = keys.length > 0 ? keys[reader.varint()] : undefined
  if (keys.length > 0 && primary === undefined) reader.fail()
  return { type: 'keys-reply', request, keys, primary }
}

function encodeEntry(writer: ByteWriter, { id, stamp, secret }: KeyEntry): void {
  encodeKeyId(writer, id)
  encodeStamp(writer, stamp)
  encodeFlag(writer, secret !== undefined)
  if (secret === undefined) return
  assert(secret.length === KEY_BYTES, () => `a key of ${secret.length} bytes to encode`)
  writer.raw(secret)
}

function decodeEntry(reader: ByteReader): KeyEntry {
  const id = decodeKeyId(reader)
  const stamp = decodeStamp(reader)
  const secret = decodeFlag(reader) ? Uint8Array.from(reader.raw(KEY_BYTES)) : undefined
  return { id, stamp, secret }
}

function checkOrder(ids: readonly KeyId[]): void {
  for (const [i, id] of ids.entries())
    assert(follows(id, ids[i - 1]), () => `keys out of order: ${id}`)
}

function follows(id: KeyId, before: KeyId | undefined): boolean {
  return before === undefined || before < id
}
