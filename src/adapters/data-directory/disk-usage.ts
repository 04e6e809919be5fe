/**
 * How much of the disk a data directory takes, and what is left of it.
 *
 * Files are counted by the blocks that they have: the store's file is as long as its map and mostly
 * a hole.
 */
import { readdir, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'

export interface DiskUsage {
  readonly dataBytes: number
  /** Of the file system that the directory is on: what a process may still fill, and all of it. */
  readonly freeBytes: number
  readonly totalBytes: number
}

/** Of `st_blocks`, whatever the file system's own are. */
const BLOCK_BYTES = 512
/** A data directory has a few files; one that has more is counted as far as this. */
const FILES_MAX = 1_000

/** undefined when it cannot be read, as while it is being deleted. */
export async function diskUsage(directory: string): Promise<DiskUsage | undefined> {
  try {
    const { bavail, blocks, bsize } = await statfs(directory)
    const paths = await readdir(directory, { recursive: true })
    let dataBytes = 0
    for (const path of paths.slice(0, FILES_MAX))
      dataBytes += (await stat(join(directory, path))).blocks * BLOCK_BYTES
    return { dataBytes, freeBytes: bavail * bsize, totalBytes: blocks * bsize }
  } catch {
    // Somebody is told nothing instead of something wrong; the store itself reports broken disks.
    return undefined
  }
}
