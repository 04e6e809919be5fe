/**
 * A node's home on the disk: who it is (`dnd.json`), that it is alone here (the lock), and where
 * its store lies. Whatever does not fit is refused before anything in the directory is changed.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { must } from '../../core/std/assert.ts'
import type { ClusterId, NodeId } from '../../core/std/ids.ts'
import { clusterId, nodeId } from '../../core/std/ids.ts'
import { leaveMark, MARK_TEMPORARY, takeMark } from './clean-stop.ts'
import { DataDirectoryError, unwritable } from './data-directory-error.ts'
import type { Identity } from './identity-file.ts'
import {
  DATA_FORMAT,
  IDENTITY_FILE,
  IDENTITY_TEMPORARY,
  readIdentity,
  syncPath,
  writeIdentity,
} from './identity-file.ts'
import { isLockName, ProcessLock } from './process-lock.ts'

/** Which cluster the directory is to belong to. */
export type ClusterChoice =
  /** A new one: the directory must be new. */
  | { readonly mode: 'found' }
  /** This one: the directory must be new, or belong to it already. */
  | { readonly mode: 'join'; readonly cluster: ClusterId }
  /** The one that it belongs to. */
  | { readonly mode: 'restart' }

export interface DataDirectoryOptions {
  readonly cluster: ClusterChoice
  /** The name of the store's engine; a directory written by another one is refused. */
  readonly engine: string
  /** The file in the store's folder that holds the data; undefined: the engine has no such file. */
  readonly storeFile?: string | undefined
  /** Seconds since 1970, if not the clock of the machine. */
  readonly unixSeconds?: () => number
}

export interface DataDirectory {
  readonly path: string
  readonly node: NodeId
  readonly cluster: ClusterId
  /** Greater than that of every earlier life of this node, and on the disk (R2). */
  readonly generation: number
  /** Whether the node was born just now. */
  readonly fresh: boolean
  /** Whether the life before this one ended in order, or there was none. */
  readonly stoppedCleanly: boolean
  /** Whether the store is certainly the one that the last clean stop left (`clean-stop.ts`). */
  readonly resumed: boolean
  /** The greatest version of a layout that the node has adopted in earlier lives; 0: none. */
  readonly knownVersion: number
  /** Whether the store was emptied just now, since the node had left and comes back. */
  readonly emptied: boolean
  readonly storePath: string
  /** The node has adopted a layout of that version: its later lives know that, whatever happens. */
  adopted(version: number): void
  /**
   * The node has left its cluster: from now on the directory serves for nothing but to join again,
   * with an empty store.
   */
  leave(): void
  /**
   * Another process has the node's identity, in this generation: the next life here begins above it
   * as well, or the others would go on taking the other one for the node.
   */
  outlive(generation: number): void
  /**
   * Marks a clean stop and gives the directory free. Call it when everything in it is closed.
   * `resumable`: the next life may go on with the counters that are in the store.
   */
  close(resumable: boolean): Promise<void>
}

/** Seconds until 2106; request numbers are made of it. A claim to be beyond is not believed. */
const GENERATION_MAX = 2 ** 32 - 2

/** The folder of the store within the directory. */
const STORE = 'store'

/**
 * What may lie in a directory that is new to dnd: the root of a file system, or what a crash during
 * birth left.
 */
const HARMLESS = new Set(['lost+found', IDENTITY_TEMPORARY, MARK_TEMPORARY])

/**
 * Opens the directory, and creates it unless `restart` is asked for. Rejects with
 * {@link DataDirectoryError}.
 */
export async function openDataDirectory(
  path: string,
  options: DataDirectoryOptions,
): Promise<DataDirectory> {
  const { cluster: choice } = options
  if (choice.mode === 'restart' && !existsSync(path)) throw missing(path)
  createFolder(path)
  const lock = await ProcessLock.acquire(path)
  try {
    const found = readIdentity(path)
    const now = Math.floor(options.unixSeconds?.() ?? Date.now() / 1000)
    const identity =
      found === undefined
        ? born(path, choice, options.engine, now)
        : again(path, found, choice, options.engine, now)
    const storeFile = options.storeFile && join(path, STORE, options.storeFile)
    const resumed = storeFile !== undefined && takeMark(path, storeFile)
    if (found?.left !== undefined) clearStore(path)
    writeIdentity(path, identity)
    return opened({ path, identity, before: found, lock, storeFile, resumed })
  } catch (error) {
    await lock.release()
    throw error
  }
}

/**
 * Whose data lies there, without opening it; undefined when nobody's. Throws what opening would
 * reject with.
 */
export function peekDataDirectory(
  path: string,
): { readonly node: NodeId; readonly cluster: ClusterId; readonly hasLeft: boolean } | undefined {
  const identity = readIdentity(path)
  if (identity === undefined) return undefined
  const { node, cluster, left } = identity
  return { node, cluster, hasLeft: left !== undefined }
}

interface Opened {
  readonly path: string
  readonly identity: Identity
  readonly before: Identity | undefined
  readonly lock: ProcessLock
  readonly storeFile: string | undefined
  readonly resumed: boolean
}

function opened({ path, identity, before, lock, storeFile, resumed }: Opened): DataDirectory {
  const { node, cluster, generation } = identity
  let present = identity
  return {
    path,
    node,
    cluster,
    generation,
    fresh: before === undefined,
    stoppedCleanly: before?.stoppedCleanly ?? true,
    resumed: resumed && before?.left === undefined,
    knownVersion: identity.layout ?? 0,
    emptied: before?.left !== undefined,
    storePath: join(path, STORE),
    adopted: (version) => {
      if (version <= (present.layout ?? 0)) return
      const next = { ...present, layout: version }
      writeIdentity(path, next)
      present = next
    },
    leave: () => {
      present = { ...present, left: new Date().toISOString() }
      writeIdentity(path, present)
    },
    outlive: (other) => {
      if (other <= present.generation || other > GENERATION_MAX) return
      present = { ...present, generation: other }
      writeIdentity(path, present)
    },
    close: async (resumable) => {
      try {
        if (resumable && storeFile !== undefined) leaveMark(path, storeFile)
        writeIdentity(path, { ...present, stoppedCleanly: true })
      } finally {
        await lock.release()
      }
    },
  }
}

/** The identity of a node in a directory that has none. */
function born(path: string, choice: ClusterChoice, engine: string, now: number): Identity {
  const strangers = readdirSync(path).filter((name) => !HARMLESS.has(name) && !isLockName(name))
  if (strangers.length > 0) {
    const named = strangers.slice(0, 3).join(', ') + (strangers.length > 3 ? ', …' : '')
    throw new DataDirectoryError(
      'DND_ERR_DATA_NOT_EMPTY',
      `the data directory ${path} has files but no ${IDENTITY_FILE} (${named}): choose an empty ` +
        'or new directory with --data',
    )
  }
  if (choice.mode === 'restart') throw missing(path)
  const founded = must(clusterId(randomBytes(16).toString('hex')), 'a random cluster id')
  return {
    format: DATA_FORMAT,
    cluster: choice.mode === 'join' ? choice.cluster : founded,
    node: must(nodeId(randomBytes(8).toString('hex')), 'a random node id'),
    generation: Math.max(now, 1),
    engine,
    createdAt: new Date(now * 1000).toISOString(),
    stoppedCleanly: false,
  }
}

/** The identity of a node's next life. */
function again(
  path: string,
  found: Identity,
  choice: ClusterChoice,
  engine: string,
  now: number,
): Identity {
  const owner = `node ${found.node} of cluster ${found.cluster}`
  if (choice.mode === 'found') {
    throw new DataDirectoryError(
      'DND_ERR_DATA_NOT_EMPTY',
      `the data directory ${path} holds ${owner} already: start that node again, or choose ` +
        'another directory with --data for a new cluster',
    )
  }
  if (choice.mode === 'join' && choice.cluster !== found.cluster) {
    throw new DataDirectoryError(
      'DND_ERR_DATA_OTHER_CLUSTER',
      `the data directory ${path} holds ${owner}, and this is cluster ${choice.cluster}: choose ` +
        'the directory of this cluster with --data, or an empty or new one to join as a new node',
    )
  }
  if (choice.mode === 'restart' && found.left !== undefined) {
    throw new DataDirectoryError(
      'DND_ERR_DATA_LEFT',
      `the data directory ${path} is that of ${owner}, which left it at ${found.left} and has ` +
        'handed over all of its data: join again with "dnd join SEED", which begins with an empty ' +
        'store, or delete the directory',
    )
  }
  if (found.engine !== engine) {
    throw new DataDirectoryError(
      'DND_ERR_DATA_OTHER_ENGINE',
      `the store in the data directory ${path} was written by the engine ${found.engine}, and this ` +
        `dnd uses ${engine}: use the version of dnd that wrote it, or move it away and join as a ` +
        'new node',
    )
  }
  const generation = Math.max(found.generation + 1, now)
  const { left: _left, ...kept } = found
  return { ...kept, format: DATA_FORMAT, generation, stoppedCleanly: false }
}

/**
 * What the node held before it left is with others, and older than what they have by now. Removed
 * before the directory counts as a member's again: a crash in between leaves one that has left.
 */
function clearStore(path: string): void {
  try {
    rmSync(join(path, STORE), { recursive: true, force: true })
    syncPath(path)
  } catch (error) {
    throw unwritable(path, 'remove the store of a node that has left', error)
  }
}

/**
 * Creates the folder and those above it, and makes their names durable. Not with `recursive`: where
 * a folder cannot be made although the one above it is there (in /proc, say), Node tries for ever.
 */
function createFolder(path: string): void {
  try {
    createFolders(resolve(path))
  } catch (error) {
    throw unwritable(path, 'create a folder', error)
  }
}

function createFolders(path: string): void {
  if (existsSync(path)) return
  createFolders(dirname(path))
  mkdirSync(path, { mode: 0o700 })
  syncPath(dirname(path))
}

function missing(path: string): DataDirectoryError {
  return new DataDirectoryError(
    'DND_ERR_DATA_MISSING',
    `there is no node's data in ${path}: choose the right directory with --data, or start a new ` +
      'cluster or join one',
  )
}
