/** What a node or the cluster answers to a request that it understood. */
import { row } from './error-info.ts'
import type { ErrorInfo } from './error-info.ts'

export type ClusterErrorCode =
  | 'DND_ERR_KEY_NOT_FOUND'
  | 'DND_ERR_QUORUM_UNAVAILABLE'
  | 'DND_ERR_TIMEOUT'
  | 'DND_ERR_NOT_READY'
  | 'DND_ERR_LAYOUT_CHANGING'
  | 'DND_ERR_CLONED_IDENTITY'
  | 'DND_ERR_BUCKET_NOT_EMPTY'
  | 'DND_ERR_LAST_NODE'
  | 'DND_ERR_BAD_CLUSTER_KEY'
  | 'DND_ERR_TOO_MANY_CLUSTER_KEYS'
  | 'DND_ERR_CLUSTER_KEY_UNKNOWN'
  | 'DND_ERR_CLUSTER_KEY_MISSING'
  | 'DND_ERR_CLUSTER_KEY_IN_USE'
  | 'DND_ERR_NOT_ENCRYPTED'
  | 'DND_ERR_BAD_LAYOUT'
  | 'DND_ERR_LAYOUT_MOVING'
  | 'DND_ERR_LAYOUT_CONFLICT'
  | 'DND_ERR_LAYOUT_UNAVAILABLE'
  | 'DND_ERR_NODE_UNKNOWN'
  | 'DND_ERR_NODE_UP'
  | 'DND_ERR_NODE_DOWN'
  | 'DND_ERR_NODE_SILENT'
  | 'DND_ERR_BAD_TOKEN'
  | 'DND_ERR_WATCHER_GONE'
  | 'DND_ERR_WOULD_LOSE_DATA'
  | 'DND_ERR_LOCAL_ONLY'
  | 'DND_ERR_STORE_FAILED'
  | 'DND_ERR_KEY_NOT_TEXT'
  | 'DND_ERR_INTERNAL'

/** Bounded by: the codes above. */
export const CLUSTER_ERRORS: Readonly<Record<ClusterErrorCode, ErrorInfo>> = {
  DND_ERR_KEY_NOT_FOUND: row(
    404,
    1,
    'The key has no value',
    'If the answer has an X-Dnd-Context the value was deleted; send that context to write it anew.',
  ),
  DND_ERR_QUORUM_UNAVAILABLE: row(
    503,
    1,
    'Too few replicas of the key answered',
    'Look at /cluster, or "dnd status", for members that are not alive; try again, or ask for a smaller r or w.',
  ),
  DND_ERR_TIMEOUT: row(
    504,
    1,
    'Too few replicas of the key answered in time',
    'Try again, or allow more time; a write whose outcome is unknown may surface later, so read the key before writing again.',
  ),
  DND_ERR_NOT_READY: row(
    503,
    1,
    'The node is starting, joining or stopping',
    'Try again shortly, or ask another node; /readyz tells when.',
  ),
  DND_ERR_LAYOUT_CHANGING: row(503, 1, 'The key is moving to other nodes', 'Try again shortly.'),
  DND_ERR_CLONED_IDENTITY: row(
    503,
    1,
    'Another process runs with the identity of this node, so both refuse to write',
    'The detail says where the other one listens: stop one of the two processes and restart the other; if the data directory was copied, delete the copy and join as a new node.',
  ),
  DND_ERR_BUCKET_NOT_EMPTY: row(409, 1, 'The bucket still holds keys', 'Delete its keys first.'),
  DND_ERR_LAST_NODE: row(
    409,
    1,
    'The last node that holds data cannot leave its cluster',
    'Stop it instead, with SIGTERM or Ctrl-C; or let another node join and wait until it has its share.',
  ),
  DND_ERR_BAD_CLUSTER_KEY: row(
    400,
    2,
    'The text is not a key of a cluster, or not the id of one',
    'Make a key with "dnd keys generate"; "dnd keys list" shows the ids of those that are installed.',
  ),
  DND_ERR_TOO_MANY_CLUSTER_KEYS: row(
    409,
    1,
    'The cluster has as many keys as it may have',
    'Remove those that nobody uses: "dnd keys list", then "dnd keys remove ID".',
  ),
  DND_ERR_CLUSTER_KEY_UNKNOWN: row(
    404,
    2,
    'No key of the cluster has this id',
    'Look at "dnd keys list" for the ids; install the key first if it is new.',
  ),
  DND_ERR_CLUSTER_KEY_MISSING: row(
    409,
    1,
    'A member that is up has not reported to have the key',
    'Try again shortly, for keys are passed on from node to node; "dnd keys list" shows who has which.',
  ),
  DND_ERR_CLUSTER_KEY_IN_USE: row(
    409,
    1,
    'The key is the primary, or a member may still need it',
    'Use another key first; start the members that the detail names and wait until "dnd keys list" shows them with the new primary. If one never comes back, remove the key with --force: that member must then be started with the new key to come back.',
  ),
  DND_ERR_NOT_ENCRYPTED: row(
    409,
    1,
    'The nodes do not demand encryption, so they share no keys',
    'Set encryption to "required" on all nodes first, step by step: see the guide to encryption.',
  ),
  DND_ERR_BAD_LAYOUT: row(
    400,
    2,
    'Those roles make no layout',
    'The detail says why; "dnd status" shows the members with their ids.',
  ),
  DND_ERR_LAYOUT_MOVING: row(
    409,
    1,
    'Data still moves from the layout before',
    'Wait until "dnd status" says that nothing moves. If it waits for a node that will not come back: "dnd remove NODE".',
  ),
  DND_ERR_LAYOUT_CONFLICT: row(
    409,
    1,
    'The layout is not the one that was planned from any more',
    'Look at the plan again: "dnd layout plan".',
  ),
  DND_ERR_LAYOUT_UNAVAILABLE: row(
    503,
    1,
    'No majority of the nodes of the layout took part in choosing the next one',
    'Look at "dnd status" for members that are not alive; if the outcome is unknown, look at "dnd layout show" before trying again.',
  ),
  DND_ERR_NODE_UNKNOWN: row(
    404,
    2,
    'The layout has no such node',
    'Look at "dnd status" for the members with their names and ids.',
  ),
  DND_ERR_NODE_UP: row(
    409,
    1,
    'The node is up, so that it need not be removed',
    'Let it leave: "dnd leave" with its --server. If it is gone, wait until the others have noticed.',
  ),
  DND_ERR_NODE_DOWN: row(
    409,
    1,
    'A node that would have to take over data is not up',
    'Bring it back first; or, if it will not come back, "dnd remove" it.',
  ),
  DND_ERR_NODE_SILENT: row(
    502,
    1,
    'The node that was asked about does not answer the one that you asked',
    'It may be down, or its HTTP address out of reach from there: see /cluster for both, and ask it directly.',
  ),
  DND_ERR_BAD_TOKEN: row(
    400,
    2,
    'The resume token is none that a node has given',
    'Use the id of the last event as it came, or watch without one: from now on.',
  ),
  DND_ERR_WATCHER_GONE: row(
    410,
    1,
    'The node does not know this watcher any more',
    'Watch again with the last token; a client that resumes does so by itself.',
  ),
  DND_ERR_WOULD_LOSE_DATA: row(
    409,
    1,
    'Partitions would lose their last replica',
    'Bring back one of their nodes; or say that you know: "dnd remove" asks for it in words.',
  ),
  DND_ERR_LOCAL_ONLY: row(
    403,
    1,
    'The request is taken only from the machine of the node itself',
    'Run the command on that machine, with --server http://127.0.0.1:PORT; the HTTP API does not know who asks, so nobody else may change keys.',
  ),
  DND_ERR_STORE_FAILED: row(
    500,
    1,
    'A node could not read or write its disk',
    'See the log of the nodes; check free space and the health of the disk.',
  ),
  DND_ERR_KEY_NOT_TEXT: row(
    500,
    1,
    'The page of the listing ends at a key that is not UTF-8',
    'Ask for another limit or range, so that the page ends at another key.',
  ),
  DND_ERR_INTERNAL: row(
    500,
    1,
    'Something failed inside dnd',
    'See the log of the node, and report it.',
  ),
}
