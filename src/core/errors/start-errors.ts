/** What keeps a node from starting; never told over HTTP. */
import { row } from './error-info.ts'
import type { ErrorInfo } from './error-info.ts'

export type StartErrorCode =
  | 'DND_ERR_BAD_CONFIG'
  | 'DND_ERR_PORT_IN_USE'
  | 'DND_ERR_ADDRESS_UNAVAILABLE'
  | 'DND_ERR_JOIN_REFUSED'
  | 'DND_ERR_DATA_MISSING'
  | 'DND_ERR_DATA_NOT_EMPTY'
  | 'DND_ERR_DATA_LEFT'
  | 'DND_ERR_DATA_LOCKED'
  | 'DND_ERR_DATA_UNWRITABLE'
  | 'DND_ERR_DATA_CORRUPT'
  | 'DND_ERR_DATA_NEWER_FORMAT'
  | 'DND_ERR_DATA_OTHER_ENGINE'
  | 'DND_ERR_DATA_OTHER_CLUSTER'

/** Bounded by: the codes above. */
export const START_ERRORS: Readonly<Record<StartErrorCode, ErrorInfo>> = {
  DND_ERR_BAD_CONFIG: row(
    undefined,
    2,
    'The configuration is not valid',
    'The detail names the field, where it was set, and what it may hold.',
  ),
  DND_ERR_PORT_IN_USE: row(
    undefined,
    1,
    'Another process listens on the port',
    'Choose another port (--port for the cluster, --server-port for HTTP), or stop the other process.',
  ),
  DND_ERR_ADDRESS_UNAVAILABLE: row(
    undefined,
    1,
    'The address cannot be listened on',
    'Choose an address of this machine with --address, and a port that this user may open (above 1023).',
  ),
  DND_ERR_JOIN_REFUSED: row(
    undefined,
    1,
    'The cluster did not take the node',
    'The detail says why; check that all nodes run compatible versions and that the data directory is of this cluster.',
  ),
  DND_ERR_DATA_MISSING: row(
    undefined,
    2,
    'There is no data directory to restart from',
    'Choose the right directory with --data, or start a new cluster or join one.',
  ),
  DND_ERR_DATA_NOT_EMPTY: row(
    undefined,
    2,
    'The data directory holds something else',
    'Start the node that it holds, or choose an empty or new directory with --data.',
  ),
  DND_ERR_DATA_LEFT: row(
    undefined,
    2,
    'The node of the data directory has left its cluster',
    'Join again with "dnd join SEED", which begins with an empty store, or delete the directory.',
  ),
  DND_ERR_DATA_LOCKED: row(
    undefined,
    1,
    'Another process uses the data directory',
    'Stop that process, or choose another directory with --data.',
  ),
  DND_ERR_DATA_UNWRITABLE: row(
    undefined,
    1,
    'The data directory cannot be written',
    'Make it writable for this user, free space on its disk, or choose another with --data.',
  ),
  DND_ERR_DATA_CORRUPT: row(
    undefined,
    1,
    'The data directory is damaged',
    'Restore it from a backup, or move it away and join as a new node: its share of the data comes from the others.',
  ),
  DND_ERR_DATA_NEWER_FORMAT: row(
    undefined,
    1,
    'The data directory was written by a newer version of dnd',
    'Use the version of dnd that wrote it, or a newer one.',
  ),
  DND_ERR_DATA_OTHER_ENGINE: row(
    undefined,
    1,
    'The data directory was written by another storage engine',
    'Use the version of dnd that wrote it, or move it away and join as a new node.',
  ),
  DND_ERR_DATA_OTHER_CLUSTER: row(
    undefined,
    2,
    'The data directory belongs to another cluster',
    'Choose the directory of this cluster with --data, or an empty or new one to join as a new node.',
  ),
}
