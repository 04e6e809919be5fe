/**
 * The layouts that this node has seen, the latest of them: what "go back to the roles of version 7"
 * means, and what an operator looks at after a bad day. Each node keeps its own; a node that was
 * down has gaps.
 *
 * ```
 * 01 · number varint · entry …
 * entry = version varint · hash u32 · wall clock ms varint · moves varint · roles
 * roles = number varint · (node id 8 bytes · zone text · weight varint) …
 * ```
 */
import type { Layout, Role } from '../placement/layout.ts'
import { diffLayouts } from '../placement/plan-layout.ts'
import { ZONE_BYTES_MAX } from '../placement/layout-structure.ts'
import type { StoreOperation, StoreReader } from '../ports.ts'
import { assert } from '../std/assert.ts'
import { ByteReader, ByteWriter, fromHex, toHex } from '../std/bytes.ts'
import type { NodeId } from '../std/ids.ts'
import { NODES_MAX } from '../std/limits.ts'
import type { LayoutHistoryEntry } from './layout-asks.ts'
import { stateKey } from './storage-keys.ts'

/** Layouts remembered. */
export const HISTORY_MAX = 32
const FORMAT = 1
const NODE_ID_BYTES = 8
const ROLE_BYTES_MIN = NODE_ID_BYTES + 2
const ENTRY_BYTES_MIN = 8

export class LayoutHistory {
  // Ascending by version. Bounded by: HISTORY_MAX.
  #entries: readonly LayoutHistoryEntry[]

  constructor(store: StoreReader) {
    const stored = store.get(stateKey('layout-history'))
    this.#entries = stored instanceof Uint8Array ? (decode(stored) ?? []) : []
  }

  get entries(): readonly LayoutHistoryEntry[] {
    return this.#entries
  }

  /** A layout was adopted after `before`; what is to be stored with it, nothing if it is known. */
  adopted(layout: Layout, before: Layout | undefined, atMs: number): readonly StoreOperation[] {
    const { version, hash, roles } = layout
    const last = this.#entries.at(-1)
    if (last !== undefined && last.version >= version) return []
    const moves = before === undefined ? 0 : diffLayouts(before, layout).moves
    const entry = { version, hash, atMs: Math.max(0, Math.floor(atMs)), roles, moves }
    this.#entries = [...this.#entries, entry].slice(-HISTORY_MAX)
    return [{ type: 'put', key: stateKey('layout-history'), value: encode(this.#entries) }]
  }
}

function encode(entries: readonly LayoutHistoryEntry[]): Uint8Array {
  const writer = new ByteWriter(1024)
  writer.u8(FORMAT)
  writer.varint(entries.length)
  for (const { version, hash, atMs, moves, roles } of entries) {
    writer.varint(version)
    writer.u32(hash)
    writer.varint(atMs)
    writer.varint(moves)
    writer.varint(roles.length)
    for (const { node, zone, weight } of roles) {
      const id = fromHex(node)
      assert(id?.length === NODE_ID_BYTES, () => `node id ${node}`)
      writer.raw(id)
      writer.text(zone)
      writer.varint(weight)
    }
  }
  return writer.take()
}

/** undefined: not what was written. It is a convenience, and begins anew then. */
function decode(bytes: Uint8Array): readonly LayoutHistoryEntry[] | undefined {
  const reader = new ByteReader(bytes)
  if (reader.u8() !== FORMAT) return undefined
  const entries: LayoutHistoryEntry[] = []
  for (let rest = reader.count(HISTORY_MAX, ENTRY_BYTES_MIN); rest > 0; rest--) {
    const head = { version: reader.varint(), hash: reader.u32(), atMs: reader.varint() }
    entries.push({ ...head, moves: reader.varint(), roles: decodeRoles(reader) })
  }
  return reader.finished ? entries : undefined
}

function decodeRoles(reader: ByteReader): readonly Role[] {
  const roles: Role[] = []
  for (let rest = reader.count(NODES_MAX, ROLE_BYTES_MIN); rest > 0; rest--) {
    const node = toHex(reader.raw(NODE_ID_BYTES)) as NodeId
    roles.push({ node, zone: reader.text(ZONE_BYTES_MAX), weight: reader.varint() })
  }
  return roles
}
