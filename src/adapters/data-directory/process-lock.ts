/**
 * One process at a time in a data directory, and no help needed after a crash.
 *
 * Node has no `flock`. A lock file with a process id is wrong as soon as the id is used again, and
 * always between containers that share a volume but not their process ids. What a process cannot
 * leave behind is a socket that answers: so the lock is a Unix socket in the directory on which its
 * holder listens. The kernel closes it with the process, however that ends; the file that stays
 * refuses connections, which is how the next process knows that it may remove it. It works between
 * containers of one machine, not between machines that mount the same network volume.
 *
 * 1. Listen on a socket with a name that nobody else ever uses.
 * 2. List the directory. Another lock that accepts a connection: withdraw. One that refuses: its
 *    process is gone; remove it.
 *
 * Whoever finishes step 2 holds the directory, alone: of two that are in it at the same time, the
 * later one to listen lists the directory after the earlier one listens, finds it, and withdraws.
 * (Both may withdraw; then both are told.) A lock whose owner has been created but does not listen
 * yet may be removed by mistake; that owner then lists after the one who removed it was listening,
 * and withdraws.
 *
 * A socket's path may have 104 bytes at most on some systems; a longer one is reached over a short
 * symbolic link.
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, symlinkSync, unlinkSync } from 'node:fs'
import type { Server } from 'node:net'
import { createConnection, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { DataDirectoryError, unwritable } from './data-directory-error.ts'

const LOCK_NAME = /^lock-(\d+)-[0-9a-f]{8}\.sock$/
/** `sun_path` of macOS, the shortest around. */
const SOCKET_PATH_BYTES_MAX = 103
/** A socket of this machine answers at once; one that does not is somebody's. */
const ANSWER_MS_MAX = 1000

export function isLockName(name: string): boolean {
  return LOCK_NAME.test(name)
}

export class ProcessLock {
  readonly #folder: string
  readonly #name: string
  readonly #server: Server

  private constructor(folder: string, name: string, server: Server) {
    this.#folder = folder
    this.#name = name
    this.#server = server
  }

  /**
   * Rejects with {@link DataDirectoryError} when another process, or this one, holds the folder
   * already.
   */
  static async acquire(folder: string): Promise<ProcessLock> {
    const name = `lock-${process.pid}-${randomBytes(4).toString('hex')}.sock`
    const server = createServer((socket) => socket.destroy())
    try {
      await overShortPath(folder, name, (path) => listen(server, path))
    } catch (error) {
      throw unwritable(folder, 'create a lock', error)
    }
    const lock = new ProcessLock(folder, name, server.unref())
    try {
      await lock.#refuseOthers()
      return lock
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  async release(): Promise<void> {
    await new Promise((done) => this.#server.close(done))
    removeFile(join(this.#folder, this.#name))
  }

  async #refuseOthers(): Promise<void> {
    for (const other of readdirSync(this.#folder)) {
      const holder = LOCK_NAME.exec(other)?.[1]
      if (holder === undefined || other === this.#name) continue
      if (await overShortPath(this.#folder, other, isHeld)) throw locked(this.#folder, holder)
      removeFile(join(this.#folder, other))
    }
  }
}

function locked(folder: string, holder: string): DataDirectoryError {
  return new DataDirectoryError(
    'DND_ERR_DATA_LOCKED',
    `the data directory ${folder} is in use by process ${holder}: stop that node first, or choose ` +
      'another directory with --data',
  )
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((done, fail) => {
    server.once('error', fail)
    // `exclusive`: in a worker of node:cluster the primary would listen in its place.
    server.listen({ path, exclusive: true }, () => {
      server.off('error', fail)
      done()
    })
  })
}

/** Whether a process listens there. Whatever is not a clear no is a yes. */
function isHeld(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = createConnection(path)
    const end = (held: boolean): void => {
      socket.destroy()
      done(held)
    }
    socket.setTimeout(ANSWER_MS_MAX, () => end(true))
    socket.once('connect', () => end(true))
    socket.once('error', ({ code }: NodeJS.ErrnoException) =>
      end(code !== 'ECONNREFUSED' && code !== 'ENOENT'),
    )
  })
}

/**
 * Uses a path to a socket in `folder`: its own, or one over a symbolic link that exists meanwhile.
 */
async function overShortPath<T>(
  folder: string,
  name: string,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const path = join(resolve(folder), name)
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX) return use(path)
  const detour = mkdtempSync(join(tmpdir(), 'dnd-lock-'))
  try {
    symlinkSync(resolve(folder), join(detour, 'd'))
    return await use(join(detour, 'd', name))
  } finally {
    rmSync(detour, { recursive: true })
  }
}

function removeFile(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    // Closing the server removes its file already, and another process may have been faster.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
