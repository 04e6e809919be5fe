/**
 * LMDB trusts its file: it maps it into memory and follows the numbers in it. A file that is
 * something else does not become an error but ends the process in the middle of a pointer. So what
 * can be told from the first bytes is told here, before LMDB sees them. (A file that was cut off or
 * changed further behind cannot be told without reading it all.)
 *
 * ```
 * meta page = page header:24 bytes  magic:u32 BEEFC0DE  …      in the order of the machine's bytes
 * ```
 */
import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import { endianness } from 'node:os'
import { join } from 'node:path'

export const DATA_FILE = 'data.mdb'
const PAGE_HEADER_BYTES = 24
const MAGIC = 0xbeef_c0de

/** What is wrong with the file in the folder `path`; undefined: nothing, or there is none yet. */
export function damageOf(path: string): string | undefined {
  const file = join(path, DATA_FILE)
  if (!existsSync(file)) return undefined
  const head = Buffer.alloc(PAGE_HEADER_BYTES + 4)
  const descriptor = openSync(file, 'r')
  try {
    const length = readSync(descriptor, head, 0, head.length, 0)
    // Made by a process that died before it wrote anything: LMDB begins it anew.
    if (length === 0) return undefined
  } finally {
    closeSync(descriptor)
  }
  const magic =
    endianness() === 'LE'
      ? head.readUInt32LE(PAGE_HEADER_BYTES)
      : head.readUInt32BE(PAGE_HEADER_BYTES)
  return magic === MAGIC ? undefined : `${DATA_FILE} is not a file of LMDB`
}
