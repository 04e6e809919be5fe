/**
 * `dnd.json`: whose data this directory holds. A node is its data directory: the identity is born
 * with it, and the generation, which tells a node's lives apart (R2 of the membership rules), must
 * be on the disk before the first packet leaves.
 *
 * The file is written beside itself, synced, and renamed over the old one, whose folder is then
 * synced: after a crash at any moment there is the old file or the new one, whole.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ClusterId, NodeId } from '../../core/std/ids.ts'
import { clusterId, nodeId } from '../../core/std/ids.ts'
import { DataDirectoryError, unwritable } from './data-directory-error.ts'

/**
 * Of this file and of everything in the directory. Raised when an older dnd could not read what is
 * written; this one reads all that came before, and writes its own from its first start on.
 *
 * ```
 * 1   the first
 * 2   states of layouts say who has acknowledged and who is lost; registers of consensus
 * ```
 */
export const DATA_FORMAT = 2
export const IDENTITY_FILE = 'dnd.json'
export const IDENTITY_TEMPORARY = 'dnd.json.tmp'

export interface Identity {
  readonly format: number
  readonly cluster: ClusterId
  readonly node: NodeId
  /** Of the life that is running or was the last to run. */
  readonly generation: number
  /** What the store is written by. */
  readonly engine: string
  /** ISO 8601, for people. */
  readonly createdAt: string
  /** Whether that life ended in order. */
  readonly stoppedCleanly: boolean
  /** When the node left its cluster, ISO 8601; undefined: it belongs to it. */
  readonly left?: string
  /**
   * The greatest version of a layout that the node has adopted; undefined: it has not known any. A
   * store that knows much less was emptied or replaced.
   */
  readonly layout?: number
}

/**
 * The identity in a directory; undefined when there is no such file. Throws
 * {@link DataDirectoryError} otherwise.
 */
export function readIdentity(path: string): Identity | undefined {
  let text: string
  try {
    text = readFileSync(join(path, IDENTITY_FILE), 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    // Not what was written is wrong, but the way to it.
    if (code === 'ENOTDIR' || code === 'EACCES') throw unwritable(path, 'read', error)
    throw corrupt(path, message, error)
  }
  return parseIdentity(path, text)
}

export function writeIdentity(path: string, identity: Identity): void {
  const temporary = join(path, IDENTITY_TEMPORARY)
  try {
    writeFileSync(temporary, `${JSON.stringify(identity, undefined, 2)}\n`, { mode: 0o600 })
    syncPath(temporary)
    renameSync(temporary, join(path, IDENTITY_FILE))
    syncPath(path)
  } catch (error) {
    throw unwritable(path, `write ${IDENTITY_FILE}`, error)
  }
}

/** Syncs a file's contents, or a folder's names. */
export function syncPath(path: string): void {
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function parseIdentity(path: string, text: string): Identity {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw corrupt(path, (error as Error).message, error)
  }
  if (typeof value !== 'object' || value === null) throw corrupt(path, 'it is no JSON object')
  const fields = value as Record<string, unknown>
  // Before anything else: what a newer format means by the other fields is not known here.
  const format = positiveInteger(path, fields, 'format')
  if (format > DATA_FORMAT) {
    throw new DataDirectoryError(
      'DND_ERR_DATA_NEWER_FORMAT',
      `the data directory ${path} has format ${format}, and this dnd reads formats up to ` +
        `${DATA_FORMAT}: use the version of dnd that wrote it, or a newer one`,
    )
  }
  const node = nodeId(textField(path, fields, 'node'))
  if (node === undefined) throw corrupt(path, '"node" is not 16 hexadecimal digits')
  const cluster = clusterId(textField(path, fields, 'cluster'))
  if (cluster === undefined) throw corrupt(path, '"cluster" is not 32 hexadecimal digits')
  return {
    format,
    cluster,
    node,
    generation: positiveInteger(path, fields, 'generation'),
    engine: textField(path, fields, 'engine'),
    createdAt: textField(path, fields, 'createdAt'),
    stoppedCleanly: fields['stoppedCleanly'] === true,
    ...(fields['left'] === undefined ? {} : { left: textField(path, fields, 'left') }),
    ...(fields['layout'] === undefined ? {} : { layout: positiveInteger(path, fields, 'layout') }),
  }
}

function positiveInteger(path: string, fields: Record<string, unknown>, name: string): number {
  const value = fields[name]
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value
  throw corrupt(path, `"${name}" is no positive integer`)
}

function textField(path: string, fields: Record<string, unknown>, name: string): string {
  const value = fields[name]
  if (typeof value === 'string' && value !== '') return value
  throw corrupt(path, `"${name}" is no text`)
}

function corrupt(path: string, what: string, cause?: unknown): DataDirectoryError {
  return new DataDirectoryError(
    'DND_ERR_DATA_CORRUPT',
    `${join(path, IDENTITY_FILE)} cannot be read (${what}): restore it from a backup, or move the ` +
      'directory away and join as a new node: its share of the data comes from the others',
    { cause },
  )
}
