/** Why a data directory cannot be used. Every message names the directory and what to do. */

import { DndError } from '../../core/errors.ts'

export type DataDirectoryCode =
  | 'DND_ERR_DATA_NEWER_FORMAT'
  | 'DND_ERR_DATA_OTHER_CLUSTER'
  | 'DND_ERR_DATA_OTHER_ENGINE'
  | 'DND_ERR_DATA_LOCKED'
  | 'DND_ERR_DATA_UNWRITABLE'
  | 'DND_ERR_DATA_CORRUPT'
  | 'DND_ERR_DATA_NOT_EMPTY'
  | 'DND_ERR_DATA_MISSING'
  | 'DND_ERR_DATA_LEFT'

/** Its code is a {@link DataDirectoryCode}. */
export class DataDirectoryError extends DndError {
  override readonly name = 'DataDirectoryError'
}

/** The file system refused: `doing` says what. */
export function unwritable(path: string, doing: string, cause: unknown): DataDirectoryError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new DataDirectoryError(
    'DND_ERR_DATA_UNWRITABLE',
    `cannot ${doing} in the data directory ${path}: ${reason}; make it writable for this user, ` +
      'free space on its disk, or choose another with --data',
    { cause },
  )
}
