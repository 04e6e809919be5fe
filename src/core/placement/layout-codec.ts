/**
 * Layouts as bytes, on disk and between nodes, and their hash.
 *
 * ```
 * layout  = 01 · content · hash u32
 *         | 02 · content · lost · hash u32               when nodes of the one before are lost
 * content = version varint · previous hash u32 · log2 of partitions u8 · replicas u8
 *           · number of roles varint · role … · replica set …    one for each partition
 * role    = node id (8 bytes) · zone (text) · weight varint
 * lost    = number varint · node id (8 bytes) …
 * set     = index into the roles, varint …         min(replicas, roles with weight) of them
 *
 * state   = 02 · layout (current) · 00 · lost
 *         | 02 · layout (current) · 01 · layout (previous) · lost · synced · acked
 *         | 02 · layout (current) · 02 · layout (former) · lost
 *         | 01 …                                the same, without the former, those lost and acked
 * synced, acked = as lost
 * ```
 * The hash is the CRC-32 of the content, and of the lost. A layout has one encoding only, so equal
 * hashes mean equal layouts to everybody who compares them (short of a collision, which is an
 * accident and not an attack: peers of a cluster trust each other's layouts).
 */
import { assert } from '../std/assert.ts'
import type { ByteReader } from '../std/bytes.ts'
import { ByteWriter, fromHex, toHex } from '../std/bytes.ts'
import { crc32 } from '../std/crc32.ts'
import type { NodeId } from '../std/ids.ts'
import { NODES_MAX } from '../std/limits.ts'
import type { Layout, LayoutState, Role } from './layout.ts'
import type { LayoutContent } from './layout-structure.ts'
import {
  checkStructure,
  checkSuccession,
  replicaSetSize,
  ZONE_BYTES_MAX,
} from './layout-structure.ts'

const FORMAT = 1
const FORMAT_WITH_LOST = 2
const STATE_FORMAT = 2
/** Its writers ended a transition when all were synced. */
const STATE_FORMAT_WITHOUT_ACKED = 1
/** Whether data moves to the current layout, or has moved, or nothing is known of one before. */
const RESTING = 0
const MOVING = 1
const RESTED = 2
const NODE_ID_BYTES = 8
const PARTITION_BITS_MAX = 12
/** Shortest role: id, empty zone, weight. */
const ROLE_BYTES_MIN = NODE_ID_BYTES + 2

/** What a failed reader's decoder returns: nobody may use it, and it is safe to. */
const NO_LAYOUT: Layout = {
  version: 0,
  previousHash: 0,
  partitions: 1,
  replicas: 1,
  roles: [],
  table: [[]],
  hash: 0,
}
const NO_STATE: LayoutState = {
  current: NO_LAYOUT,
  previous: undefined,
  synced: [],
  acked: [],
  lost: [],
}

export function encodeLayout(writer: ByteWriter, layout: Layout): void {
  writer.u8(layout.lost === undefined ? FORMAT : FORMAT_WITH_LOST)
  writeContent(writer, layout)
  writer.u32(layout.hash)
}

/** Marks the reader failed unless the bytes are a layout that passes `checkLayout`. */
export function decodeLayout(reader: ByteReader): Layout {
  const format = reader.u8()
  if (format !== FORMAT && format !== FORMAT_WITH_LOST) return reject(reader, NO_LAYOUT)
  const common = readContent(reader)
  const content = format === FORMAT ? common : { ...common, lost: readNodes(reader) }
  const hash = reader.u32()
  if (!reader.ok || checkStructure(content) !== undefined || hashLayout(content) !== hash)
    return reject(reader, NO_LAYOUT)
  return { ...content, hash }
}

/** The hash that belongs to a layout of this content. */
export function hashLayout(content: LayoutContent): number {
  const writer = new ByteWriter(1024)
  writeContent(writer, content)
  return crc32(writer.view())
}

export type LayoutStateFormat = 1 | 2

/** Format 1 leaves out the former layout, who has acknowledged and who is lost. */
export function encodeLayoutState(
  writer: ByteWriter,
  state: LayoutState,
  format: LayoutStateFormat = STATE_FORMAT,
): void {
  writer.u8(format)
  encodeLayout(writer, state.current)
  const former = format === STATE_FORMAT ? state.former : undefined
  const before = state.previous ?? former
  writer.u8(before === undefined ? RESTING : state.previous === undefined ? RESTED : MOVING)
  if (before !== undefined) encodeLayout(writer, before)
  if (format === STATE_FORMAT) writeNodes(writer, state.lost)
  if (state.previous === undefined) return
  writeNodes(writer, state.synced)
  if (format === STATE_FORMAT) writeNodes(writer, state.acked)
}

/**
 * Marks the reader failed unless both layouts are usable, the one succeeds the other, those synced
 * are nodes of the current one, and those lost and acked of either, sorted, each once.
 */
export function decodeLayoutState(reader: ByteReader): LayoutState {
  const format = reader.u8()
  if (format !== STATE_FORMAT && format !== STATE_FORMAT_WITHOUT_ACKED)
    return reject(reader, NO_STATE)
  const current = decodeLayout(reader)
  const step = reader.u8()
  if (step > (format === STATE_FORMAT ? RESTED : MOVING)) return reject(reader, NO_STATE)
  const before = step === RESTING ? undefined : decodeLayout(reader)
  const lost = format === STATE_FORMAT ? readNodes(reader) : []
  if (!areNodesOf(before === undefined ? [current] : [current, before], lost))
    return reject(reader, NO_STATE)
  if (before === undefined) return reader.ok ? { ...NO_STATE, current, lost } : NO_STATE
  if (!reader.ok || checkSuccession(before, current) !== undefined) return reject(reader, NO_STATE)
  if (step === RESTED) return { ...NO_STATE, current, former: before, lost }
  const synced = readNodes(reader)
  const acked = format === STATE_FORMAT ? readNodes(reader) : []
  const areNodes = areNodesOf([current], synced) && areNodesOf([current, before], acked)
  if (!reader.ok || !areNodes) return reject(reader, NO_STATE)
  return { current, previous: before, synced, acked, lost }
}

function writeContent(writer: ByteWriter, layout: LayoutContent): void {
  const size = replicaSetSize(layout)
  writer.varint(layout.version)
  writer.u32(layout.previousHash)
  writer.u8(31 - Math.clz32(layout.partitions))
  writer.u8(layout.replicas)
  writer.varint(layout.roles.length)
  for (const role of layout.roles) {
    writeNode(writer, role.node)
    writer.text(role.zone)
    writer.varint(role.weight)
  }
  for (const set of layout.table) {
    assert(set.length === size, () => `a set of ${set.length} in a layout of ${size}`)
    for (const index of set) writer.varint(index)
  }
  if (layout.lost !== undefined) writeNodes(writer, layout.lost)
}

function readContent(reader: ByteReader): LayoutContent {
  const version = reader.varint()
  const previousHash = reader.u32()
  const bits = reader.u8()
  const replicas = reader.u8()
  const roles: Role[] = []
  for (let rest = reader.count(NODES_MAX, ROLE_BYTES_MIN); rest > 0; rest--) {
    roles.push({
      node: readNode(reader),
      zone: reader.text(ZONE_BYTES_MAX),
      weight: reader.varint(),
    })
  }
  const size = replicaSetSize({ roles, replicas })
  // No allocation on the word of a stranger: the table must be there before room is made for it.
  const partitions = bits <= PARTITION_BITS_MAX ? 1 << bits : 0
  if (partitions === 0 || partitions * size > reader.remaining) reader.fail()
  const table: number[][] = []
  while (reader.ok && table.length < partitions) {
    const set: number[] = []
    while (set.length < size) set.push(reader.varint())
    table.push(set)
  }
  return { version, previousHash, partitions, replicas, roles, table }
}

function writeNodes(writer: ByteWriter, nodes: readonly NodeId[]): void {
  writer.varint(nodes.length)
  for (const node of nodes) writeNode(writer, node)
}

function readNodes(reader: ByteReader): NodeId[] {
  const nodes: NodeId[] = []
  for (let rest = reader.count(NODES_MAX, NODE_ID_BYTES); rest > 0; rest--)
    nodes.push(readNode(reader))
  return nodes
}

function writeNode(writer: ByteWriter, node: NodeId): void {
  const bytes = fromHex(node)
  assert(bytes?.length === NODE_ID_BYTES, () => `node id ${node}`)
  writer.raw(bytes)
}

function readNode(reader: ByteReader): NodeId {
  return toHex(reader.raw(NODE_ID_BYTES)) as NodeId
}

/** Whether `nodes` are nodes of one of the layouts, sorted, each once. */
function areNodesOf(layouts: readonly Layout[], nodes: readonly NodeId[]): boolean {
  const known = new Set(layouts.flatMap(({ roles }) => roles.map(({ node }) => node)))
  return nodes.every((node, i) => known.has(node) && (i === 0 || nodes[i - 1]! < node))
}

function reject<T>(reader: ByteReader, instead: T): T {
  reader.fail()
  return instead
}
