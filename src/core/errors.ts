/**
 * Every failure that a client, an operator or a script can meet, in one table: what HTTP answers,
 * how the command line exits, what happened and what to do. Codes are for programs and never change
 * their meaning; sentences are for people.
 *
 * Three kinds of fault, three treatments. Our own bug is an assertion and ends the process. The
 * world's fault (no quorum, a full disk) is a value in a union that carries one of these codes. The
 * caller's mistake is a {@link DndError}. `docs/reference/errors.md` lists the same table; a test
 * compares the two.
 */

/**
 * What became of a write that failed: nothing was stored, or it may be stored somewhere and surface
 * later.
 */
export type Outcome = 'rejected' | 'unknown'

/** 0 is done; 3 is kept for outcomes that nobody knows (`exitCode`). */
export type ExitCode = 1 | 2 | 3

export interface ErrorInfo {
  /** HTTP status; undefined for what is never told over HTTP. */
  readonly status: number | undefined
  readonly exit: ExitCode
  /** What happened, without the particulars. */
  readonly title: string
  /** What to do about it. */
  readonly help: string
}

export type ErrorCode =
  // Requests that cannot be understood
  | 'DND_ERR_BAD_REQUEST'
  | 'DND_ERR_NOT_FOUND'
  | 'DND_ERR_METHOD_NOT_ALLOWED'
  | 'DND_ERR_BAD_ENCODING'
  | 'DND_ERR_BAD_PARAMETER'
  | 'DND_ERR_BAD_HEADER'
  | 'DND_ERR_BAD_KEY'
  | 'DND_ERR_BAD_BUCKET'
  | 'DND_ERR_BAD_METADATA'
  | 'DND_ERR_BAD_CONTEXT'
  | 'DND_ERR_BAD_JSON'
  | 'DND_ERR_BAD_BODY'
  | 'DND_ERR_BAD_QUORUM'
  | 'DND_ERR_UNSUPPORTED'
  // Limits
  | 'DND_ERR_VALUE_TOO_LARGE'
  | 'DND_ERR_RECORD_TOO_LARGE'
  | 'DND_ERR_BODY_TOO_LARGE'
  | 'DND_ERR_BATCH_TOO_LARGE'
  | 'DND_ERR_HEADERS_TOO_LARGE'
  | 'DND_ERR_TOO_MANY_SIBLINGS'
  | 'DND_ERR_SLOW_REQUEST'
  | 'DND_ERR_ABORTED'
  | 'DND_ERR_OVERLOADED'
  // What the cluster answers
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
  | 'DND_ERR_LOCAL_ONLY'
  | 'DND_ERR_STORE_FAILED'
  | 'DND_ERR_KEY_NOT_TEXT'
  | 'DND_ERR_INTERNAL'
  // Starting a node
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
  // The command line
  | 'DND_ERR_USAGE'
  | 'DND_ERR_UNREACHABLE'
  | 'DND_ERR_CONNECTION_LOST'
  | 'DND_ERR_BAD_RESPONSE'
  | 'DND_ERR_BAD_FILE'
  | 'DND_ERR_IMPORT_INCOMPLETE'
  | 'DND_ERR_INTERRUPTED'

function row(status: number | undefined, exit: ExitCode, title: string, help: string): ErrorInfo {
  return { status, exit, title, help }
}

/** Bounded by: the codes above. */
export const ERRORS: Readonly<Record<ErrorCode, ErrorInfo>> = {
  DND_ERR_BAD_REQUEST: row(
    400,
    2,
    'The request is not well-formed HTTP/1.1',
    'Look at the detail for what could not be parsed. Is the client speaking HTTP, and plain HTTP rather than TLS?',
  ),
  DND_ERR_NOT_FOUND: row(
    404,
    2,
    'No such route',
    'Check the path against /openapi.json; a "/" inside a key is written %2F.',
  ),
  DND_ERR_METHOD_NOT_ALLOWED: row(
    405,
    2,
    'The path exists but does not take this method',
    'Use one of the methods that the Allow header names.',
  ),
  DND_ERR_BAD_ENCODING: row(
    400,
    2,
    'The path or query is not percent-encoded UTF-8',
    'Encode every byte outside A-Z a-z 0-9 - . _ ~ as %XX, a "%" itself as %25.',
  ),
  DND_ERR_BAD_PARAMETER: row(
    400,
    2,
    'A query parameter is unknown, repeated or invalid',
    'The detail names the parameter and lists those that this route knows.',
  ),
  DND_ERR_BAD_HEADER: row(
    400,
    2,
    'A request header is unknown, repeated or invalid',
    'The detail names the header and what it may hold.',
  ),
  DND_ERR_BAD_KEY: row(
    400,
    2,
    'The key or sort key cannot be used',
    'Keys are 1 to 1024 bytes of UTF-8, sort key included, without U+0000.',
  ),
  DND_ERR_BAD_BUCKET: row(
    400,
    2,
    'The bucket name or its properties cannot be used',
    'Names have 1 to 64 of a-z, 0-9, ".", "_" and "-", a letter or digit first; r and w are at most n, n at most the replicas of the cluster.',
  ),
  DND_ERR_BAD_METADATA: row(
    400,
    2,
    'The user metadata cannot be used',
    'At most 64 names and 8 KiB together; in headers, percent-encode what is not printable ASCII, and "%" as %25.',
  ),
  DND_ERR_BAD_CONTEXT: row(
    400,
    2,
    'The causal context is not one that this cluster gave out for this key',
    'Send X-Dnd-Context exactly as the last read or write of the same key returned it; when in doubt, read again.',
  ),
  DND_ERR_BAD_JSON: row(
    400,
    2,
    'The body is not the JSON that this route takes',
    'The detail names the field; /openapi.json has the schema.',
  ),
  DND_ERR_BAD_BODY: row(
    400,
    2,
    'The body is broken, or this request takes none',
    'Check Content-Length and chunking; GET, HEAD and DELETE carry no body.',
  ),
  DND_ERR_BAD_QUORUM: row(
    400,
    2,
    'r or w is more than the replicas of the bucket',
    'Ask for at most n, configure the bucket with a larger n, or let more nodes join.',
  ),
  DND_ERR_UNSUPPORTED: row(
    501,
    2,
    'The request asks for a promise that this node cannot keep',
    'Leave out the header that the detail names.',
  ),
  DND_ERR_VALUE_TOO_LARGE: row(
    413,
    2,
    'The value is larger than its bucket allows',
    'Split the value, or raise valueBytesMax of the bucket (1 MiB at most).',
  ),
  DND_ERR_RECORD_TOO_LARGE: row(
    413,
    1,
    'All concurrent values of the key together would be too large to store',
    'Read the key, merge its siblings, and write the result with the context of that read.',
  ),
  DND_ERR_BODY_TOO_LARGE: row(
    413,
    2,
    'The body is larger than this route takes',
    'Send fewer operations at once.',
  ),
  DND_ERR_BATCH_TOO_LARGE: row(
    413,
    2,
    'The batch has too many operations, or its results are too large',
    'Ask again in smaller batches for what is missing.',
  ),
  DND_ERR_HEADERS_TOO_LARGE: row(
    431,
    2,
    'The request line and headers together are too large',
    'Shorten metadata or cookies; a key is at most 1024 bytes.',
  ),
  DND_ERR_TOO_MANY_SIBLINGS: row(
    409,
    1,
    'The key has as many concurrent values as it may have',
    'Read the key and write with the context of that read, so that the write supersedes what it saw.',
  ),
  DND_ERR_SLOW_REQUEST: row(
    408,
    1,
    'The request did not arrive in time',
    'Send the request without pauses; the limits are in the configuration reference.',
  ),
  DND_ERR_ABORTED: row(
    400,
    1,
    'The connection ended in the middle of the request',
    'Send the request again; nothing was stored.',
  ),
  DND_ERR_OVERLOADED: row(
    503,
    1,
    'The node has as much work in flight as it may have',
    'Wait as long as Retry-After says, then try again; spread the requests over the nodes.',
  ),
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
  DND_ERR_USAGE: row(
    undefined,
    2,
    'The command was used wrongly',
    'See its help: dnd COMMAND --help.',
  ),
  DND_ERR_UNREACHABLE: row(
    undefined,
    1,
    'No node answers at the address',
    'Check that the node runs and the address: --server or DND_SERVER for commands, HOST:PORT of the cluster port for join.',
  ),
  DND_ERR_CONNECTION_LOST: row(
    undefined,
    1,
    'The connection broke before the node had answered',
    'A write whose outcome is unknown may be stored: read the key before writing again.',
  ),
  DND_ERR_BAD_RESPONSE: row(
    undefined,
    1,
    'What answers at the address is not a dnd node',
    'Check the address: commands talk to the HTTP port (6001 by default), join to the cluster port (5001).',
  ),
  DND_ERR_BAD_FILE: row(
    undefined,
    2,
    'The file cannot be read, written or understood',
    'The detail names the file and the place in it.',
  ),
  DND_ERR_IMPORT_INCOMPLETE: row(
    undefined,
    1,
    'Some records of the import were refused or failed',
    'The summary lists them; run the same command again to resume.',
  ),
  DND_ERR_INTERRUPTED: row(
    undefined,
    1,
    'The command was interrupted',
    'Run it again; import goes on where it stopped.',
  ),
}

export interface DndErrorDetails {
  readonly outcome?: Outcome | undefined
  /** Answers wanted and had, where a quorum was asked. */
  readonly needed?: number | undefined
  readonly got?: number | undefined
  readonly cause?: unknown
}

/**
 * A failure with a code of the table. `message` has the particulars: a sentence that names what was
 * wrong.
 */
export class DndError extends Error {
  override readonly name: string = 'DndError'
  readonly code: ErrorCode
  readonly outcome: Outcome | undefined
  readonly needed: number | undefined
  readonly got: number | undefined

  constructor(code: ErrorCode, message: string, details: DndErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.outcome = details.outcome
    this.needed = details.needed
    this.got = details.got
  }
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERRORS, text)
}

/** How the command line ends on a failure: an unknown outcome outranks what the code says. */
export function exitCode(code: ErrorCode, outcome: Outcome | undefined): ExitCode {
  return outcome === 'unknown' ? 3 : ERRORS[code].exit
}
