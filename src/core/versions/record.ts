/**
 * Containers as bytes. A record is the same on disk and between nodes, so that a replica stores
 * what it received, and whoever reads it verifies the checksum of the one who wrote it (V9).
 *
 * ```
 *   record    = format:u8 crc:u32 container      format = 1 whole | 2 stripped;
 *                                                crc over all behind it
 *   container = vector count:varint version*     versions in order of dot
 *   vector    = count:varint (vnode:u64 counter:varint)*
 *                                                in order of vnode, counters from 1
 *   version   = place:varint counter:varint stamp kind:u8 [value]
 *                                                dot = (vnode at place in the vector, counter)
 *   stamp     = ms:u48 counter:u16
 *   kind      = 0 delete, no value follows | 1 value
 *   value     = expires-at-ms:varint content-type:text
 *               count:varint (name:text value:text)* length:varint bytes
 *   context   = vector stamp
 * ```
 * Integers and texts are those of `std/bytes.ts`: big-endian, one encoding a number, UTF-8 with its
 * length before it.
 *
 * A stripped record (V5) leaves out of its vector what the base of its replica's partition clock
 * (`partition-clock.ts`) covers anyhow, but for what its own versions' dots need to stand in it.
 * It says the whole only together with a base at least as high as the one it was stripped by.
 *
 * The form is canonical: equal containers have equal bytes, because everything has an order and one
 * spelling, and the decoder refuses any other. It refuses every container that breaks an invariant
 * as well, so what it returns needs no further check.
 */
import { assert, must } from '../std/assert.ts'
import { ByteReader, ByteWriter } from '../std/bytes.ts'
import type { Checksum } from '../std/crc32.ts'
import type { VnodeId } from '../std/ids.ts'
import {
  CONTENT_TYPE_BYTES_MAX,
  METADATA_BYTES_MAX,
  METADATA_PAIRS_MAX,
  RECORD_BYTES_MAX,
  VALUE_BYTES_MAX,
  VERSION_VECTOR_MAX,
} from '../std/limits.ts'
import { ZERO_STAMP } from './stamp.ts'
import { valueProblem } from './value.ts'
import type { Container, Context, Dot, Stamp, Value, Version, VersionVector } from './version.ts'
import { counterOf, EMPTY_VECTOR, joinVectors } from './version-vector.ts'

/** The vector is all there is to know. */
export const RECORD_FORMAT: number = 1
/** The vector is to be joined with a base. */
export const STRIPPED_FORMAT: number = 2

const CRC_OFFSET = 1
const HEADER_BYTES = 5
const ENTRY_BYTES_MIN = 9
const VERSION_BYTES_MIN = 11
const KIND_DELETE = 0
const KIND_VALUE = 1
const NO_METADATA: Value['metadata'] = []
const EMPTY_CONTEXT: Context = { vector: EMPTY_VECTOR, stamp: ZERO_STAMP }

/** Kept between records and let go after a large one. Bounded by: SCRATCH_BYTES_MAX. */
const SCRATCH_BYTES_MAX = 256 * 1024
let scratch = new ByteWriter(4096)

/**
 * The bytes to store and to send. A merge can exceed what a record may hold: see
 * {@link isStorable}.
 */
export function encodeRecord(container: Container, checksum: Checksum): Uint8Array {
  return encodeAs(RECORD_FORMAT, container, checksum)
}

/** The same without what `base` covers. */
export function encodeStripped(
  { versions, vector }: Container,
  base: VersionVector,
  checksum: Checksum,
): Uint8Array {
  const stripped = { versions, vector: stripVector(vector, versions, base) }
  return encodeAs(STRIPPED_FORMAT, stripped, checksum)
}

/** Whether what is in `bytes` is the whole only together with a base. */
export function isStripped(bytes: Uint8Array): boolean {
  return bytes[0] === STRIPPED_FORMAT
}

function encodeAs(format: number, container: Container, checksum: Checksum): Uint8Array {
  scratch.reset()
  scratch.u8(format)
  scratch.u32(0)
  encodeContainer(scratch, container)
  scratch.patchU32(CRC_OFFSET, checksum(scratch.view().subarray(HEADER_BYTES)))
  const record = scratch.take()
  if (record.length > SCRATCH_BYTES_MAX) scratch = new ByteWriter(4096)
  return record
}

/**
 * The container in `bytes`, whose values are views into them; one that was stripped is filled with
 * `base`. `corrupt`: not what was written, or cut short, or empty. `unsupported`: of a format that
 * this version does not know.
 */
export function decodeRecord(
  bytes: Uint8Array,
  checksum: Checksum,
  base: VersionVector = EMPTY_VECTOR,
): Container | 'corrupt' | 'unsupported' {
  if (bytes.length < HEADER_BYTES || bytes.length > RECORD_BYTES_MAX) return 'corrupt'
  const reader = new ByteReader(bytes)
  const format = reader.u8()
  // Zero was never a format, and is what a page that was never written reads as.
  if (format !== RECORD_FORMAT && format !== STRIPPED_FORMAT)
    return format === 0 ? 'corrupt' : 'unsupported'
  if (reader.u32() !== checksum(bytes.subarray(HEADER_BYTES))) return 'corrupt'
  const container = decodeContainer(reader)
  if (container === undefined || !reader.finished) return 'corrupt'
  if (format === RECORD_FORMAT || base.length === 0) return container
  return { versions: container.versions, vector: joinVectors(container.vector, base) }
}

/**
 * Whether the bytes are those that were written; much cheaper than {@link decodeRecord}, which says
 * what is in them.
 */
export function isIntact(bytes: Uint8Array, checksum: Checksum): boolean {
  if (bytes.length < HEADER_BYTES) return false
  const reader = new ByteReader(bytes)
  return reader.u8() !== 0 && reader.u32() === checksum(bytes.subarray(HEADER_BYTES))
}

/**
 * Whether a container and its record are within what {@link decodeRecord} accepts. To be asked
 * before storing a merge: siblings from several coordinators, or a peer that invents vnodes, can
 * make one that is too large, and no single write is to blame.
 */
export function isStorable(container: Container, record: Uint8Array): boolean {
  return record.length <= RECORD_BYTES_MAX && container.vector.length <= VERSION_VECTOR_MAX
}

export function encodeContainer(writer: ByteWriter, container: Container): void {
  const { vector, versions } = container
  encodeVector(writer, vector)
  writer.varint(versions.length)
  let place = 0
  for (const { dot, stamp, value } of versions) {
    while (place < vector.length && vector[place]!.vnode < dot.vnode) place++
    const entry = must(vector[place], 'the vector entry of a version')
    assert(entry.vnode === dot.vnode, 'a version whose vnode its own vector does not know')
    assert(entry.counter >= dot.counter, 'a version that its own vector does not cover')
    writer.varint(place)
    writer.varint(dot.counter)
    encodeStamp(writer, stamp)
    writer.u8(value === undefined ? KIND_DELETE : KIND_VALUE)
    if (value !== undefined) encodeValue(writer, value)
  }
}

/**
 * undefined, and the reader failed, when the bytes are no container. Values are views into the
 * reader's bytes.
 */
export function decodeContainer(reader: ByteReader): Container | undefined {
  const vector = decodeVector(reader)
  const count = reader.count(RECORD_BYTES_MAX, VERSION_BYTES_MIN)
  const versions: Version[] = []
  let place = 0
  let counter = 0
  for (let k = 0; k < count && reader.ok; k++) {
    const nextPlace = reader.varint()
    const nextCounter = reader.varint()
    const entry = vector[nextPlace]
    const ascends = nextPlace > place || (nextPlace === place && nextCounter > counter)
    if (entry === undefined || !ascends || nextCounter === 0 || nextCounter > entry.counter) {
      reader.fail()
      return undefined
    }
    place = nextPlace
    counter = nextCounter
    versions.push(decodeVersion(reader, { vnode: entry.vnode, counter }))
  }
  return reader.ok ? { versions, vector } : undefined
}

export function encodeContext(writer: ByteWriter, context: Context): void {
  encodeVector(writer, context.vector)
  encodeStamp(writer, context.stamp)
}

/** Empty, and the reader failed, when the bytes are no context. */
export function decodeContext(reader: ByteReader): Context {
  const vector = decodeVector(reader)
  const stamp = decodeStamp(reader)
  return reader.ok ? { vector, stamp } : EMPTY_CONTEXT
}

export function encodeValue(writer: ByteWriter, value: Value): void {
  const problem = valueProblem(value)
  if (problem !== undefined) assert(false, () => `encoding a value that none may read: ${problem}`)
  writer.varint(value.expiresAtMs)
  writer.text(value.contentType)
  writer.varint(value.metadata.length)
  for (const [name, text] of value.metadata) {
    writer.text(name)
    writer.text(text)
  }
  writer.bytes(value.bytes)
}

/**
 * Harmless, and the reader failed, when the bytes are no value. Its bytes are a view into the
 * reader's.
 */
export function decodeValue(reader: ByteReader): Value {
  const expiresAtMs = reader.varint()
  const contentType = reader.text(CONTENT_TYPE_BYTES_MAX)
  const pairs = reader.count(METADATA_PAIRS_MAX, 2)
  const metadata: [name: string, value: string][] = []
  for (let k = 0; k < pairs; k++)
    metadata.push([reader.text(METADATA_BYTES_MAX), reader.text(METADATA_BYTES_MAX)])
  const bytes = reader.bytes(VALUE_BYTES_MAX)
  const value = {
    bytes,
    contentType,
    metadata: pairs === 0 ? NO_METADATA : metadata,
    expiresAtMs,
  }
  if (reader.ok && valueProblem(value) !== undefined) reader.fail()
  return value
}

export function encodeStamp(writer: ByteWriter, stamp: Stamp): void {
  writer.u16(Math.floor(stamp.ms / 0x1_0000_0000))
  writer.u32(stamp.ms)
  writer.u16(stamp.counter)
}

/** Zero, and the reader failed, when there are too few bytes; any eight bytes are a stamp. */
export function decodeStamp(reader: ByteReader): Stamp {
  const high = reader.u16()
  const low = reader.u32()
  const counter = reader.u16()
  return reader.ok ? { ms: high * 0x1_0000_0000 + low, counter } : ZERO_STAMP
}

function decodeVersion(reader: ByteReader, dot: Dot): Version {
  const stamp = decodeStamp(reader)
  const kind = reader.u8()
  if (kind === KIND_VALUE) return { dot, stamp, value: decodeValue(reader) }
  if (kind !== KIND_DELETE) reader.fail()
  return { dot, stamp, value: undefined }
}

export function encodeVector(writer: ByteWriter, vector: VersionVector): void {
  writer.varint(vector.length)
  for (const { vnode, counter } of vector) {
    writer.u64(vnode)
    writer.varint(counter)
  }
}

/** Empty, and the reader failed, when the bytes are no vector. */
export function decodeVector(reader: ByteReader): VersionVector {
  const count = reader.count(VERSION_VECTOR_MAX, ENTRY_BYTES_MIN)
  const vector: Dot[] = []
  let before = 0
  for (let k = 0; k < count && reader.ok; k++) {
    const vnode = reader.u64()
    const counter = reader.varint()
    if (vnode <= before || counter === 0) reader.fail()
    before = vnode
    vector.push({ vnode: vnode as VnodeId, counter })
  }
  return reader.ok && count > 0 ? vector : EMPTY_VECTOR
}

/**
 * What must be said of `vector` beside `base`: the entries above it, and for those of the versions'
 * dots no more than the greatest of these, so that replicas which have seen the same say the same.
 */
function stripVector(
  vector: VersionVector,
  versions: readonly Version[],
  base: VersionVector,
): VersionVector {
  const stripped: Dot[] = []
  for (const entry of vector) {
    if (entry.counter > counterOf(base, entry.vnode)) {
      stripped.push(entry)
      continue
    }
    let counter = 0
    for (const { dot } of versions)
      if (dot.vnode === entry.vnode && dot.counter > counter) counter = dot.counter
    if (counter === 0) continue
    stripped.push(counter === entry.counter ? entry : { vnode: entry.vnode, counter })
  }
  return stripped.length === vector.length && stripped.every((entry, i) => entry === vector[i])
    ? vector
    : stripped
}
