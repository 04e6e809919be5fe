/**
 * What the stores of stopped nodes hold, read past the nodes: for tests that compare replicas byte
 * for byte, or that want nothing to be left.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { LmdbEngine } from '../../src/adapters/lmdb/lmdb-engine.ts'
import {
  clockKey,
  parseRecordKey,
  partitionRange,
  wholeReapableRange,
} from '../../src/core/node/storage-keys.ts'
import type { KeyRange } from '../../src/core/node/storage-keys.ts'
import type { StoreEntry } from '../../src/core/ports.ts'
import { crc32 } from '../../src/core/std/crc32.ts'
import type { PartitionId } from '../../src/core/std/ids.ts'
import { baseOf, decodeBase } from '../../src/core/versions/partition-clock.ts'
import { decodeRecord, encodeStripped } from '../../src/core/versions/record.ts'
import { joinVectors } from '../../src/core/versions/version-vector.ts'
import type { Container, VersionVector } from '../../src/core/versions/version.ts'

export interface DiskRecords {
  /** Storage key in hex to the record as it is on the disk. */
  readonly stored: ReadonlyMap<string, Uint8Array>
  /** The same keys to what the node makes of it: filled with its partition's clock. */
  readonly filled: ReadonlyMap<string, Container>
  readonly bases: ReadonlyMap<PartitionId, VersionVector>
  /** Entries in the list of what is to be reaped. */
  readonly reapable: number
  /** Of the whole store. */
  readonly fileBytes: number
}

const PAGE_ENTRIES = 5_000
const PAGE_BYTES = 32 * 1024 * 1024

/** The node whose data directory this is must have been stopped, or killed. */
export async function recordsOnDisk(data: string, partitions = 256): Promise<DiskRecords> {
  const path = join(data, 'store')
  const engine = LmdbEngine.open(path, Infinity)
  try {
    const stored = new Map<string, Uint8Array>()
    const filled = new Map<string, Container>()
    const bases = new Map<PartitionId, VersionVector>()
    let reapable = 0
    for (let p = 0 as PartitionId; p < partitions; p++) {
      const clock = engine.get(clockKey(p))
      assert.ok(clock !== 'unreadable')
      const base = clock === undefined ? [] : decodeBase(baseOf(clock, crc32) ?? clock)
      assert.ok(base !== undefined, `the clock of partition ${p} cannot be read`)
      bases.set(p, base)
      for (const { key, value } of entriesIn(engine, partitionRange(p))) {
        const name = Buffer.from(key).toString('hex')
        const container = decodeRecord(value, crc32, base)
        assert.ok(typeof container !== 'string', `${name}: ${String(container)}`)
        stored.set(name, value)
        filled.set(name, container)
      }
      for (const _ of entriesIn(engine, wholeReapableRange(p))) reapable++
    }
    const fileBytes = statSync(join(path, 'data.mdb')).size
    return { stored, filled, bases, reapable, fileBytes }
  } finally {
    await engine.close()
  }
}

function* entriesIn(engine: LmdbEngine, { from, to }: KeyRange): Generator<StoreEntry> {
  for (let start = from; ;) {
    const page = engine.read({
      ...{ from: start, to, reverse: false, values: true },
      ...{ entriesMax: PAGE_ENTRIES, bytesMax: PAGE_BYTES },
    })
    yield* page.entries
    const last = page.entries.at(-1)
    if (page.complete || last === undefined) return
    start = new Uint8Array([...last.key, 0])
  }
}

/**
 * Each record in the bytes that it has where its partition's clock knows all that any of these
 * disks knows; a replica that missed something has others, or none.
 */
export function canonicalRecords(disks: readonly DiskRecords[]): Map<string, string>[] {
  const common = new Map<PartitionId, VersionVector>()
  for (const { bases } of disks)
    for (const [p, base] of bases) common.set(p, joinVectors(common.get(p) ?? [], base))
  return disks.map(({ filled }) => {
    const records = new Map<string, string>()
    for (const [name, container] of filled) {
      const partition = parseRecordKey(Buffer.from(name, 'hex'))!.partition
      const bytes = encodeStripped(container, common.get(partition)!, crc32)
      records.set(name, createHash('sha256').update(bytes).digest('hex'))
    }
    return records
  })
}

/** Fails, and names keys, unless all of these disks hold the same records. */
export function assertSameRecords(disks: readonly DiskRecords[]): void {
  const [first, ...others] = canonicalRecords(disks)
  for (const [index, other] of others.entries()) {
    const names = new Set([...first!.keys(), ...other.keys()])
    const differing = [...names].filter((name) => first!.get(name) !== other.get(name))
    const some = differing.slice(0, 5).map((name) => textOf(name))
    assert.equal(
      differing.length,
      0,
      `${differing.length} of ${names.size} keys differ between disks 1 and ${index + 2}: ${some.join(', ')}`,
    )
  }
}

function textOf(name: string): string {
  const { partition, bucket, listing } = parseRecordKey(Buffer.from(name, 'hex'))!
  return `${partition}/${bucket}/${Buffer.from(listing).toString('latin1')}`
}
