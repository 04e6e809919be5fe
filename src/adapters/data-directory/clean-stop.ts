/**
 * The mark of a clean stop: "the store is as this node left it".
 *
 * A node that goes on drawing from its old vnode ids must know that its disk has forgotten nothing.
 * A directory that was restored from a backup, copied, or put in the place of another looks just as
 * good as the one that was left; the generation in it does not help, since it was restored as well.
 * But no copy is the same file. So a clean stop, behind the last sync of the store, writes down
 * which file the store is: its inode, its birth, its size and its times, of which nobody can set
 * the time of change back. The next start compares, and takes the mark away before it opens the
 * store: a mark is there only while nothing has been written since.
 * (docs/decisions/0015-vnode-ids-of-one-life.md)
 *
 * What goes wrong on the way (a crash between two of these steps, a file system without inodes or
 * times of birth, a backup that is linked instead of copied) ends without a mark or with one that
 * does not fit. That costs new ids and loses nothing.
 */
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { unwritable } from './data-directory-error.ts'
import { syncPath } from './identity-file.ts'

export const MARK_FILE = 'clean-stop.json'
export const MARK_TEMPORARY = 'clean-stop.json.tmp'

/** Tells one file, in one moment of it, from every other. Numbers of 64 bits, as texts. */
interface FilePrint {
  readonly inode: string
  readonly bornNs: string
  readonly bytes: string
  readonly modifiedNs: string
  readonly changedNs: string
}

/**
 * Whether `file` is certainly as the last clean stop left it. Afterwards there is no mark, durably.
 */
export function takeMark(path: string, file: string): boolean {
  const mark = readMark(path)
  if (mark === undefined) return false
  const print = printOf(file)
  removeMark(path)
  return print !== undefined && mark === textOf(print)
}

/** To be called when the store is closed and synced, and nothing will be written to `file`. */
export function leaveMark(path: string, file: string): void {
  const print = printOf(file)
  if (print === undefined) return
  const temporary = join(path, MARK_TEMPORARY)
  try {
    writeFileSync(temporary, textOf(print), { mode: 0o600 })
    syncPath(temporary)
    renameSync(temporary, join(path, MARK_FILE))
    syncPath(path)
  } catch (error) {
    throw unwritable(path, `write ${MARK_FILE}`, error)
  }
}

function readMark(path: string): string | undefined {
  try {
    return readFileSync(join(path, MARK_FILE), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    // It is there and says nothing: it must go all the same.
    return ''
  }
}

function removeMark(path: string): void {
  try {
    rmSync(join(path, MARK_FILE), { recursive: true, force: true })
    syncPath(path)
  } catch (error) {
    throw unwritable(path, `remove ${MARK_FILE}`, error)
  }
}

function printOf(file: string): FilePrint | undefined {
  try {
    const { ino, birthtimeNs, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true })
    return {
      inode: String(ino),
      bornNs: String(birthtimeNs),
      bytes: String(size),
      modifiedNs: String(mtimeNs),
      changedNs: String(ctimeNs),
    }
  } catch {
    // Nothing was ever stored, or it cannot be looked at: nothing can be said of it.
    return undefined
  }
}

function textOf(print: FilePrint): string {
  return `${JSON.stringify(print, undefined, 2)}\n`
}
