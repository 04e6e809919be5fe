/**
 * A hash tree over the records of one partition: two replicas find what they hold differently by
 * comparing a few hashes instead of all keys (Merkle, "A digital signature based on a conventional
 * encryption function", CRYPTO 1987; Dynamo §4.7).
 *
 * The obvious tree hashes its children's hashes, so a change must read all siblings, and a node
 * that makes trees by walking over the disk now and then (as Dynamo's descendants did for years)
 * compares yesterday's data. Here everything is combined by exclusive or, which can be undone:
 *
 * ```
 *   entry   hash of the key and of the dots of its versions, tombstones as well; 0 without any
 *   leaf    all entries whose key hash falls into it, by exclusive or
 *   node    its children, by exclusive or, so the root is all entries
 * ```
 * A change of a record is (entry before) xor (entry after), applied to its leaf and to each node
 * above: a handful of instructions for a write, no order, no siblings, no disk. Entries are well
 * mixed and depend on their key, so two sets with the same combination are met once in 2^64.
 *
 * Dots are enough: a dot names one write for ever, and whoever holds the same versions of a key
 * has the same record but for what the partition clock covers. Values are not hashed; a record that
 * rots on the disk has a checksum, and the scrub looks for it.
 *
 * Leaves: 2^20 over all partitions of a node, so a million keys have about one each, whatever the
 * number of partitions; 16 children a node.
 *
 * ```
 *   stored tree = format:u8 crc:u32 leaves:varint count:varint (gap:varint hash:u64)*
 *                 [records:varint bytes:varint]
 *                 leaves that are not 0, ascending; gap: how many lie between
 *                 format 2 says how much the partition holds, format 1 does not
 * ```
 * How much that is goes along (`partition-size.ts`): it changes with the same changes.
 */
import { assert } from '../std/assert.ts'
import { ByteReader, ByteWriter } from '../std/bytes.ts'
import type { Checksum } from '../std/crc32.ts'
import type { Hash64 } from '../std/hash64.ts'
import { HASH_BYTES, Hasher64 } from '../std/hash64.ts'
import type { Version } from '../versions/version.ts'
import type { PartitionSize } from './partition-size.ts'
import { recordBytes } from './partition-size.ts'

/** Over all partitions of a ring. */
export const LEAVES_TOTAL: number = 2 ** 20
export const CHILDREN = 16

const CHILD_BITS = 4
const UNSIZED_FORMAT = 1
const FORMAT = 2
const CRC_OFFSET = 1
const HEADER_BYTES = 5
const ENTRY_BYTES_MIN = 9

/** Leaves of one partition's tree: a power of two. */
export function leavesOf(partitions: number): number {
  let leaves = LEAVES_TOTAL
  while (leaves > 1 && leaves * partitions > LEAVES_TOTAL) leaves >>>= 1
  return leaves
}

const keyHasher = new Hasher64()
const entryHasher = new Hasher64()

/** Of a storage key. Valid until the next call of a function of this file. */
export function hashKey(key: Uint8Array): Hash64 {
  keyHasher.start()
  keyHasher.bytes(key)
  keyHasher.finish()
  return keyHasher
}

/** Of a record's versions under a key with that hash. Valid as that of {@link hashKey}. */
export function hashEntry(key: Hash64, versions: readonly Version[]): Hash64 {
  if (versions.length === 0) return NOTHING
  entryHasher.start(key)
  for (const { dot } of versions) {
    entryHasher.word(dot.vnode / 0x1_0000_0000)
    entryHasher.word(dot.vnode)
    entryHasher.word(dot.counter / 0x1_0000_0000)
    entryHasher.word(dot.counter)
  }
  entryHasher.finish()
  return entryHasher
}

/** The leaf of a key: by the upper bits of one half. */
export function leafOf(key: Hash64, leaves: number): number {
  return Math.floor((key.high / 0x1_0000_0000) * leaves)
}

const NOTHING: Hash64 = { high: 0, low: 0 }

export class HashTree {
  readonly leaves: number
  /** Level of the leaves; the root's is 0. */
  readonly depth: number
  /** Nodes of each level, and where it begins among all nodes. */
  readonly #counts: readonly number[]
  readonly #starts: readonly number[]
  // Two halves a node. Bounded by: 16/15 of LEAVES_TOTAL nodes.
  readonly #nodes: Int32Array
  // About how much the records are. Plain numbers, for they change with each write.
  #isSized = true
  #records = 0
  #bytes = 0

  constructor(leaves: number) {
    const isPower = leaves >= 1 && leaves <= LEAVES_TOTAL && (leaves & (leaves - 1)) === 0
    assert(isPower, () => `a hash tree with ${leaves} leaves`)
    this.leaves = leaves
    const counts = [leaves]
    while (counts[0]! > 1) counts.unshift(Math.ceil(counts[0]! / CHILDREN))
    const starts: number[] = []
    let nodes = 0
    for (const count of counts) {
      starts.push(nodes)
      nodes += count
    }
    this.depth = counts.length - 1
    this.#counts = counts
    this.#starts = starts
    this.#nodes = new Int32Array(nodes * 2)
  }

  /** About how much the records are; undefined: an older version has written the tree down. */
  get size(): PartitionSize | undefined {
    return this.#isSized ? { records: this.#records, bytes: this.#bytes } : undefined
  }

  /** As another tree over the same records has counted. */
  resize({ size }: HashTree): void {
    this.#isSized = size !== undefined
    this.#records = size?.records ?? 0
    this.#bytes = size?.bytes ?? 0
  }

  /** The record at `key` had these versions and has those. */
  change(key: Uint8Array, before: readonly Version[], after: readonly Version[]): void {
    if (before === after) return
    const hash = hashKey(key)
    const was = hashEntry(hash, before)
    let { high, low } = was
    const is = hashEntry(hash, after)
    high ^= is.high
    low ^= is.low
    if (high !== 0 || low !== 0) this.#toggle(leafOf(hash, this.leaves), high, low)
    this.#records += Math.sign(after.length) - Math.sign(before.length)
    this.#bytes += recordBytes(key, after) - recordBytes(key, before)
  }

  /** Of all entries, HASH_BYTES. */
  root(): Uint8Array {
    const root = new Uint8Array(HASH_BYTES)
    this.#write(root, 0, 0)
    return root
  }

  equals(other: HashTree): boolean {
    if (this.leaves !== other.leaves) return false
    for (let i = 0; i < this.#nodes.length; i++)
      if (this.#nodes[i] !== other.#nodes[i]) return false
    return true
  }

  /** Hashes of all children of nodes of a level above the leaves, one after the other. */
  hashesBelow(level: number, nodes: readonly number[]): Uint8Array {
    assert(level < this.depth, () => `children of level ${level}`)
    let count = 0
    for (const node of nodes) count += this.#childrenOf(level, node)
    const hashes = new Uint8Array(count * HASH_BYTES)
    let place = 0
    for (const node of nodes) {
      const first = this.#starts[level + 1]! + node * CHILDREN
      const children = this.#childrenOf(level, node)
      for (let i = 0; i < children; i++, place += HASH_BYTES) this.#write(hashes, place, first + i)
    }
    return hashes
  }

  /**
   * Which of those children differ from what another tree's `hashesBelow` said. undefined: it said
   * something else; the level, the nodes and their hashes are a peer's words.
   */
  differing(level: number, nodes: readonly number[], hashes: Uint8Array): number[] | undefined {
    if (level >= this.depth) return undefined
    const differing: number[] = []
    const theirs = new DataView(hashes.buffer, hashes.byteOffset, hashes.length)
    let place = 0
    let before = -1
    for (const node of nodes) {
      if (node <= before || node >= this.#counts[level]!) return undefined
      before = node
      const children = this.#childrenOf(level, node)
      if (place + children * HASH_BYTES > hashes.length) return undefined
      for (let i = 0; i < children; i++, place += HASH_BYTES) {
        const child = node * CHILDREN + i
        const own = (this.#starts[level + 1]! + child) * 2
        const isEqual =
          this.#nodes[own] === theirs.getInt32(place) &&
          this.#nodes[own + 1] === theirs.getInt32(place + 4)
        if (!isEqual) differing.push(child)
      }
    }
    return place === hashes.length ? differing : undefined
  }

  /** Few bytes when it has few entries. */
  encode(checksum: Checksum): Uint8Array {
    const filled: number[] = []
    this.#collect(0, 0, filled)
    const writer = new ByteWriter(32 + filled.length * (HASH_BYTES + 1))
    writer.u8(this.#isSized ? FORMAT : UNSIZED_FORMAT)
    writer.u32(0)
    writer.varint(this.leaves)
    writer.varint(filled.length)
    let next = 0
    for (const leaf of filled) {
      const at = (this.#starts[this.depth]! + leaf) * 2
      writer.varint(leaf - next)
      writer.u32(this.#nodes[at]! >>> 0)
      writer.u32(this.#nodes[at + 1]! >>> 0)
      next = leaf + 1
    }
    if (this.#isSized) {
      writer.varint(Math.max(0, this.#records))
      writer.varint(Math.max(0, this.#bytes))
    }
    writer.patchU32(CRC_OFFSET, checksum(writer.view().subarray(HEADER_BYTES)))
    return writer.take()
  }

  /** undefined: not what was written, or a tree with another number of leaves. */
  static decode(bytes: Uint8Array, leaves: number, checksum: Checksum): HashTree | undefined {
    const reader = new ByteReader(bytes)
    const format = reader.u8()
    if (format !== FORMAT && format !== UNSIZED_FORMAT) return undefined
    const crc = reader.u32()
    if (!reader.ok || crc !== checksum(bytes.subarray(HEADER_BYTES))) return undefined
    if (reader.varint() !== leaves) return undefined
    const tree = new HashTree(leaves)
    const count = reader.count(leaves, ENTRY_BYTES_MIN)
    let next = 0
    for (let i = 0; i < count && reader.ok; i++) {
      const leaf = next + reader.varint()
      const high = reader.u32()
      const low = reader.u32()
      if (leaf >= leaves || (high === 0 && low === 0)) return undefined
      tree.#toggle(leaf, high, low)
      next = leaf + 1
    }
    tree.#isSized = format === FORMAT
    tree.#records = tree.#isSized ? reader.varint() : 0
    tree.#bytes = tree.#isSized ? reader.varint() : 0
    return reader.finished ? tree : undefined
  }

  /** Every node is its children combined. */
  check(): void {
    for (let level = 0; level < this.depth; level++)
      for (let node = 0; node < this.#counts[level]!; node++) {
        const own = (this.#starts[level]! + node) * 2
        let high = this.#nodes[own]!
        let low = this.#nodes[own + 1]!
        const first = this.#starts[level + 1]! + node * CHILDREN
        for (let i = 0; i < this.#childrenOf(level, node); i++) {
          high ^= this.#nodes[(first + i) * 2]!
          low ^= this.#nodes[(first + i) * 2 + 1]!
        }
        assert((high | low) === 0, () => `node ${node} of level ${level} is not its children`)
      }
  }

  #toggle(leaf: number, high: number, low: number): void {
    let node = leaf
    for (let level = this.depth; level >= 0; level--) {
      const at = (this.#starts[level]! + node) * 2
      this.#nodes[at]! ^= high
      this.#nodes[at + 1]! ^= low
      node >>>= CHILD_BITS
    }
  }

  #childrenOf(level: number, node: number): number {
    return Math.min(CHILDREN, this.#counts[level + 1]! - node * CHILDREN)
  }

  #write(target: Uint8Array, offset: number, node: number): void {
    const high = this.#nodes[node * 2]!
    const low = this.#nodes[node * 2 + 1]!
    for (let i = 0; i < 4; i++) {
      target[offset + i] = high >>> (24 - i * 8)
      target[offset + 4 + i] = low >>> (24 - i * 8)
    }
  }

  /** Leaves that are not 0, below a node; whole branches of zeros are not looked into. */
  #collect(level: number, node: number, filled: number[]): void {
    const at = (this.#starts[level]! + node) * 2
    if (this.#nodes[at] === 0 && this.#nodes[at + 1] === 0) return
    if (level === this.depth) return void filled.push(node)
    const first = node * CHILDREN
    for (let i = 0; i < this.#childrenOf(level, node); i++)
      this.#collect(level + 1, first + i, filled)
  }
}
