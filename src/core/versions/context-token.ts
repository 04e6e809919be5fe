/**
 * The causal context as a client carries it: bytes that mean nothing to it, and that it cannot make
 * up.
 *
 * A context is trusted with much: a write under it drops every version that it covers, at every
 * replica. One that was read from another key, or from another cluster, or edited, would silently
 * delete what its holder never saw. So a token says what it belongs to, and a keyed code vouches
 * for it (V3).
 *
 * ```
 *   token = version:u8 cluster:u32 key:u32 context mac:8 bytes
 *   cluster  the first eight hexadecimal digits of the cluster's id
 *   key      CRC-32 of bucket · 0x00 · listing key
 *   context  as in record.ts
 *   mac      of all before it, then cluster:text bucket:text key-length:varint key
 * ```
 * The two short names tell an honest mistake from a forgery, with a better message; only the code
 * proves anything, and it covers the whole cluster id and key. Over the bound a token is refused
 * and never cut: half a vector would make siblings of what the client has seen.
 */
import { assert } from '../std/assert.ts'
import { ByteReader, ByteWriter } from '../std/bytes.ts'
import { crc32 } from '../std/crc32.ts'
import type { ClusterId } from '../std/ids.ts'
import { CONTEXT_BYTES_MAX } from '../std/limits.ts'
import { decodeContext, encodeContext } from './record.ts'
import type { Context } from './version.ts'

/**
 * A message authentication code under a key that the whole cluster knows, at least MAC_BYTES long.
 * The bytes are only valid during the call.
 */
export type Mac = (bytes: Uint8Array) => Uint8Array

/** What a context belongs to. */
export interface ContextBinding {
  readonly cluster: ClusterId
  readonly bucket: string
  /** Listing key (`storage-keys.ts`). */
  readonly key: Uint8Array
}

export interface ContextProblem {
  readonly problem: 'malformed' | 'wrong-cluster' | 'wrong-key' | 'forged' | 'too-large'
}

const TOKEN_VERSION = 1
const MAC_BYTES = 8

/** Bounded by: a context of VERSION_VECTOR_MAX entries and a key of KEY_BYTES_MAX. */
const scratch = new ByteWriter(1024)

/** The token of a context. Longer than CONTEXT_BYTES_MAX, it will be refused when it comes back. */
export function encodeContextToken(
  context: Context,
  binding: ContextBinding,
  mac: Mac,
): Uint8Array {
  const key = keyFingerprint(binding)
  scratch.reset()
  scratch.u8(TOKEN_VERSION)
  scratch.u32(clusterFingerprint(binding.cluster))
  scratch.u32(key)
  encodeContext(scratch, context)
  const bodyEnd = scratch.length
  const code = authenticate(binding, mac)
  const token = new Uint8Array(bodyEnd + MAC_BYTES)
  token.set(scratch.view().subarray(0, bodyEnd))
  token.set(code, bodyEnd)
  return token
}

/** The context in a token, if it is one that this cluster gave out for this key. */
export function decodeContextToken(
  bytes: Uint8Array,
  binding: ContextBinding,
  mac: Mac,
): Context | ContextProblem {
  if (bytes.length > CONTEXT_BYTES_MAX) return { problem: 'too-large' }
  if (bytes.length < MAC_BYTES) return { problem: 'malformed' }
  const bodyEnd = bytes.length - MAC_BYTES
  const reader = new ByteReader(bytes, 0, bodyEnd)
  const version = reader.u8()
  const cluster = reader.u32()
  const key = reader.u32()
  const context = decodeContext(reader)
  if (!reader.finished || version !== TOKEN_VERSION) return { problem: 'malformed' }
  if (cluster !== clusterFingerprint(binding.cluster)) return { problem: 'wrong-cluster' }
  if (key !== keyFingerprint(binding)) return { problem: 'wrong-key' }
  scratch.reset()
  scratch.raw(bytes.subarray(0, bodyEnd))
  const code = authenticate(binding, mac)
  return sameCode(code, bytes.subarray(bodyEnd)) ? context : { problem: 'forged' }
}

/** The code of the body in `scratch`, to which the binding is added. */
function authenticate(binding: ContextBinding, mac: Mac): Uint8Array {
  scratch.text(binding.cluster)
  scratch.text(binding.bucket)
  scratch.bytes(binding.key)
  const code = mac(scratch.view())
  assert(code.length >= MAC_BYTES, 'a code too short to be one')
  return code.subarray(0, MAC_BYTES)
}

function clusterFingerprint(cluster: ClusterId): number {
  return Number.parseInt(cluster.slice(0, 8), 16)
}

/** Uses `scratch`. */
function keyFingerprint(binding: ContextBinding): number {
  const { bucket, key } = binding
  scratch.reset()
  for (let i = 0; i < bucket.length; i++) scratch.u8(bucket.charCodeAt(i))
  scratch.u8(0)
  scratch.raw(key)
  return crc32(scratch.view())
}

/**
 * In the same time wherever they differ, so that a forger learns nothing from how long a refusal
 * takes.
 */
function sameCode(a: Uint8Array, b: Uint8Array): boolean {
  let difference = 0
  for (let i = 0; i < MAC_BYTES; i++) difference |= a[i]! ^ b[i]!
  return difference === 0
}
