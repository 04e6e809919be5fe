/**
 * Every setting of a node, once: its flag, its environment variable, its place in the file, what it
 * may be, what it is when nobody says, and why one would change it. Help texts, checks and
 * `docs/reference/configuration.md` come from here.
 */
import { isIP } from 'node:net'
import * as v from 'valibot'
import { parseKey } from '../adapters/keyring/key-text.ts'
import { DEFAULT_NODE_CONFIG } from '../core/node/config.ts'
import { parseAddress } from '../core/std/ids.ts'
import { PROTOCOL_MAX, PROTOCOL_MIN } from '../core/wire/protocol.ts'
import { isOrigin, list, LIST_MAX } from './list-fields.ts'

export type ConfigField =
  | 'seeds'
  | 'replace'
  | 'name'
  | 'address'
  | 'port'
  | 'serverPort'
  | 'data'
  | 'zone'
  | 'weight'
  | 'engine'
  | 'key'
  | 'keyFile'
  | 'encryption'
  | 'allowPlaintextClusterTraffic'
  | 'tlsCert'
  | 'tlsKey'
  | 'tlsCa'
  | 'httpCert'
  | 'httpKey'
  | 'httpCa'
  | 'allowOrigin'
  | 'allowHost'
  | 'allowOpenHttp'
  | 'requireAuth'
  | 'adminPasswordFile'
  | 'partitions'
  | 'replicas'
  | 'manualLayout'
  | 'protocolMax'
  | 'logLevel'
  | 'drainMs'
  | 'requestTimeoutMs'
  | 'hedgeAfterMs'
  | 'requestsInFlightMax'
  | 'probeIntervalMs'
  | 'probeTimeoutMs'
  | 'stateSyncIntervalMs'
  | 'clockSkewMaxMs'
  | 'antiEntropyIntervalMs'
  | 'scrubIntervalMs'
  | 'hintAfterMs'
  | 'hintBytesMax'
  | 'hintAgeMaxMs'
  | 'backgroundLatencyMs'
  | 'backgroundSlowdownPercent'
  | 'backgroundUnitsMax'

export interface FieldDescription {
  readonly field: ConfigField
  /** How a flag or an environment variable, always text, becomes a value. */
  readonly kind: 'text' | 'number' | 'list' | 'boolean'
  /** What stands after the flag in help texts; nothing after the flag of a boolean. */
  readonly placeholder: string
  readonly schema: v.GenericSchema
  /** Completes "… is not". */
  readonly allowed: string
  /** As the documentation shows it; the value itself where it is fixed. */
  readonly fallback: string | number | boolean
  readonly about: string
  /** Never shown, not even to say that it is wrong. */
  readonly isSecret?: true
}

/** Where cluster traffic goes when an address names no port. */
export const CLUSTER_PORT_DEFAULT = 5001
export const HTTP_PORT_DEFAULT = 6001
export const ENGINES = ['lmdb', 'memory'] as const
export const ENCRYPTION_MODES = ['off', 'accept', 'prefer', 'required'] as const
export const LOG_LEVELS = ['error', 'info', 'debug'] as const
export type Engine = (typeof ENGINES)[number]
export type LogLevel = (typeof LOG_LEVELS)[number]
/** Names and zones travel in gossip, which has little room. Bytes of UTF-8. */
const NAME_BYTES_MAX = 64
/** As many as the placement knows: each has at least four slots. */
const PARTITIONS_MAX = 4096
const SEEDS_MAX = 64
/** Long enough for everybody who is told, and for a client's next request to meet the answer. */
const DRAIN_MS_DEFAULT = 1_000

function whole(min: number, max: number): Pick<FieldDescription, 'schema' | 'allowed' | 'kind'> {
  return {
    kind: 'number',
    schema: v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max)),
    allowed: `a whole number from ${min} to ${max}`,
  }
}

function choice(options: readonly string[]): Pick<FieldDescription, 'schema' | 'allowed' | 'kind'> {
  return { kind: 'text', schema: v.picklist(options), allowed: `one of ${options.join(', ')}` }
}

const shortText: Pick<FieldDescription, 'schema' | 'allowed' | 'kind'> = {
  kind: 'text',
  schema: v.pipe(
    v.string(),
    v.check((text) => Buffer.byteLength(text) <= NAME_BYTES_MAX),
    // Control characters would let a name rewrite the terminal of whoever lists the members.
    v.regex(/^[^\p{Cc}\p{Cs}]+$/u),
  ),
  allowed: `1 to ${NAME_BYTES_MAX} bytes of printable text`,
}

/** In a configuration file, relative to that file. */
const path: Pick<FieldDescription, 'schema' | 'kind'> = {
  kind: 'text',
  schema: v.pipe(v.string(), v.regex(/^[^\0]+$/)),
}
const file = { ...path, allowed: 'the path of a file', placeholder: 'FILE', fallback: 'none' }

const port = { ...whole(0, 65_535), placeholder: 'PORT' }
const milliseconds = (min: number, max: number) => ({ ...whole(min, max), placeholder: 'MS' })

function isHost(text: string): boolean {
  if (isIP(text) !== 0) return !/^(0\.0\.0\.0|[0:]+)$/.test(text)
  return text.length <= 253 && /^[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?$/.test(text)
}

const isPowerOfTwo = (value: number): boolean => Number.isInteger(Math.log2(value))

export const CONFIG_FIELDS: readonly FieldDescription[] = [
  {
    field: 'seeds',
    kind: 'list',
    placeholder: 'HOST:PORT',
    schema: v.pipe(
      v.array(
        v.pipe(
          v.string(),
          v.check((text) => parseAddress(text, 1) !== undefined),
        ),
      ),
      v.maxLength(SEEDS_MAX),
    ),
    allowed: `a list of at most ${SEEDS_MAX} addresses, each HOST:PORT`,
    fallback: 'none',
    about:
      'Nodes to join by, any of the cluster; only `dnd join` has them. One that answers is enough',
  },
  {
    field: 'replace',
    ...shortText,
    placeholder: 'NODE',
    fallback: 'none',
    about:
      'Name or id of a node that is down and whose data is gone: this new node takes its places. Only `dnd join` has it',
  },
  {
    field: 'name',
    ...shortText,
    placeholder: 'NAME',
    fallback: 'node1 for port 5001, node2 for 5002, …; the host name off loopback',
    about:
      'What people call this node. Means nothing to the cluster: its id is in the data directory',
  },
  {
    field: 'address',
    kind: 'text',
    placeholder: 'HOST',
    schema: v.pipe(v.string(), v.check(isHost)),
    allowed:
      'a host name or IP address that other nodes can reach (0.0.0.0 and :: are not: the others are told this address)',
    fallback: '127.0.0.1',
    about: 'Where to listen, and where the other nodes find this one',
  },
  {
    field: 'port',
    ...port,
    fallback: CLUSTER_PORT_DEFAULT,
    about: 'Traffic between nodes, UDP and TCP; 0 takes any free port',
  },
  {
    field: 'serverPort',
    ...port,
    fallback: HTTP_PORT_DEFAULT,
    about: 'HTTP for clients; 0 takes any free port',
  },
  {
    field: 'data',
    ...path,
    placeholder: 'DIR',
    allowed: 'the path of a directory',
    fallback: './dnd-data/NAME',
    about:
      'Where the data and the identity of the node live. In a file, relative to that file; else to the working directory',
  },
  {
    field: 'zone',
    ...shortText,
    placeholder: 'ZONE',
    fallback: 'default',
    about: 'Failure domain: the replicas of a key go to different zones while there are enough',
  },
  {
    field: 'weight',
    ...whole(1, 1000),
    placeholder: 'N',
    fallback: 100,
    about: 'Share of the data relative to the other nodes: twice the weight, twice the data',
  },
  {
    field: 'engine',
    ...choice(ENGINES),
    placeholder: 'NAME',
    fallback: 'lmdb',
    about: 'Storage engine; `memory` forgets everything when the node stops',
  },
  {
    field: 'key',
    kind: 'text',
    placeholder: 'KEY',
    schema: v.pipe(
      v.string(),
      v.check((text) => parseKey(text).ok),
    ),
    allowed: '44 characters of base64, as `dnd keys generate` prints it',
    fallback: 'none',
    about:
      'Key of the cluster, the same on all nodes. Better in a file or a variable: everybody on the machine sees flags in `ps`',
    isSecret: true,
  },
  {
    field: 'keyFile',
    ...file,
    about:
      'File that holds the key of the cluster, instead of `key`. Only this user should read it',
  },
  {
    field: 'encryption',
    ...choice(ENCRYPTION_MODES),
    placeholder: 'MODE',
    fallback: 'required with a key, or a ring of keys in the data directory; else off',
    about:
      'Traffic between nodes. `accept` hears both and sends plain, `prefer` hears both and sends encrypted: two steps on the way from `off` to `required`',
  },
  {
    field: 'allowPlaintextClusterTraffic',
    kind: 'boolean',
    placeholder: '',
    schema: v.boolean(),
    allowed: 'true or false',
    fallback: false,
    about:
      'Lets a node off loopback start without encryption: whoever reaches its port can read and change everything',
  },
  {
    field: 'tlsCert',
    ...file,
    about:
      'Certificate of this node, PEM. With `tlsKey` and `tlsCa`, links prove who they are by certificates instead of the key; gossip takes the key all the same',
  },
  { field: 'tlsKey', ...file, about: 'Private key of `tlsCert`, PEM' },
  {
    field: 'tlsCa',
    ...file,
    about: 'Certificates of those who sign the certificates of all nodes, PEM',
  },
  {
    field: 'httpCert',
    ...file,
    about:
      'Certificate of this node for clients, PEM, with who signed it behind it: with `httpKey`, HTTPS is spoken and nothing else. Read anew when the file changes',
  },
  { field: 'httpKey', ...file, about: 'Private key of `httpCert`, PEM' },
  {
    field: 'httpCa',
    ...file,
    about:
      "Certificates of those who sign the other nodes' `httpCert`, PEM, for what nodes ask each other over HTTPS. Without it: whom the system trusts, and `httpCert` itself",
  },
  {
    field: 'allowOrigin',
    ...list(isOrigin),
    placeholder: 'ORIGIN',
    allowed: `a list of at most ${LIST_MAX} origins as browsers write them, such as https://app.example.com; "*" is none`,
    fallback: 'none',
    about:
      'Whose pages in browsers may use this node over HTTP besides its own console; repeat it, or separate by commas. Give it to all nodes',
  },
  {
    field: 'allowHost',
    ...list(isHost),
    placeholder: 'HOST',
    allowed: `a list of at most ${LIST_MAX} host names or IP addresses, without ports`,
    fallback: 'none',
    about:
      'Names by which clients may call a node on loopback besides those of loopback: that of the proxy before it',
  },
  {
    field: 'allowOpenHttp',
    kind: 'boolean',
    placeholder: '',
    schema: v.boolean(),
    allowed: 'true or false',
    fallback: false,
    about:
      'Lets a node off loopback start without HTTPS or without `requireAuth`: whoever reaches its HTTP port, or hears what is sent, can read and change everything',
  },
  {
    field: 'requireAuth',
    kind: 'boolean',
    placeholder: '',
    schema: v.boolean(),
    allowed: 'true or false',
    fallback: false,
    about:
      'Serves nobody over HTTP who does not say who he is, even before the cluster has users. Give it to all nodes; with users every node does so anyhow',
  },
  {
    field: 'adminPasswordFile',
    ...file,
    about:
      'File whose first line is the password of the user `admin`, who is made when the cluster has no admin. Only this user should read it',
  },
  {
    field: 'partitions',
    kind: 'number',
    placeholder: 'N',
    schema: v.pipe(
      v.number(),
      v.integer(),
      v.minValue(1),
      v.maxValue(PARTITIONS_MAX),
      v.check(isPowerOfTwo),
    ),
    allowed: `a power of two from 1 to ${PARTITIONS_MAX}`,
    fallback: 256,
    about:
      'Partitions of a new cluster, fixed at birth: about ten times the nodes it may ever have. More cost memory and larger layouts',
  },
  {
    field: 'replicas',
    ...whole(1, 7),
    placeholder: 'N',
    fallback: 3,
    about:
      'Replicas of each partition of a new cluster, fixed at birth: the most that a bucket can ask for',
  },
  {
    field: 'manualLayout',
    kind: 'boolean',
    placeholder: '',
    schema: v.boolean(),
    allowed: 'true or false',
    fallback: DEFAULT_NODE_CONFIG.manualLayout,
    about:
      'Nodes that join get no share until an operator applies a plan ("dnd layout plan"). Give it to all nodes: any of them may be the one who plans',
  },
  {
    field: 'protocolMax',
    ...whole(PROTOCOL_MIN, PROTOCOL_MAX),
    placeholder: 'N',
    fallback: PROTOCOL_MAX,
    about:
      'The greatest version of the protocol between nodes that this one speaks. Lower only to hold an upgrade back until every node has the new dnd',
  },
  {
    field: 'logLevel',
    ...choice(LOG_LEVELS),
    placeholder: 'LEVEL',
    fallback: 'info',
    about: '`error`: someone must look. `info`: the state changed. `debug`: everything',
  },
  {
    field: 'drainMs',
    ...milliseconds(0, 5_000),
    fallback: DRAIN_MS_DEFAULT,
    about:
      'How long a node that is told to stop goes on serving while it says that it is not ready. Longer than two looks of a load balancer; lower stops sooner',
  },
  {
    field: 'requestTimeoutMs',
    ...milliseconds(10, 300_000),
    fallback: DEFAULT_NODE_CONFIG.requestTimeoutMs,
    about:
      'Patience with one client request that names none. Longer rides out a stall, shorter fails honestly sooner',
  },
  {
    field: 'hedgeAfterMs',
    ...milliseconds(1, 60_000),
    fallback: DEFAULT_NODE_CONFIG.hedgeAfterMs,
    about:
      'How long a get waits for its first R replicas before it asks one more. Lower cuts the tail and costs reads',
  },
  {
    field: 'requestsInFlightMax',
    ...whole(1, 1_000_000),
    placeholder: 'N',
    fallback: DEFAULT_NODE_CONFIG.requestsInFlightMax,
    about: 'Client requests in flight on this node; beyond it they are refused at once (503)',
  },
  {
    field: 'probeIntervalMs',
    ...milliseconds(20, 60_000),
    fallback: DEFAULT_NODE_CONFIG.probeIntervalMs,
    about: 'Each node probes one other this often. Lower finds failures sooner and costs packets',
  },
  {
    field: 'probeTimeoutMs',
    ...milliseconds(5, 60_000),
    fallback: DEFAULT_NODE_CONFIG.probeTimeoutMs,
    about:
      'Wait for a direct answer before others are asked to probe; above the slowest round trip, below probeIntervalMs',
  },
  {
    field: 'stateSyncIntervalMs',
    ...milliseconds(100, 3_600_000),
    fallback: DEFAULT_NODE_CONFIG.stateSyncIntervalMs,
    about: 'Between two exchanges of the whole cluster state with one other node at random',
  },
  {
    field: 'clockSkewMaxMs',
    ...milliseconds(1, 3_600_000),
    fallback: DEFAULT_NODE_CONFIG.clockSkewMaxMs,
    about: "How far ahead of ours another node's clock may be before its stamps are refused",
  },
  {
    field: 'antiEntropyIntervalMs',
    ...milliseconds(100, 86_400_000),
    fallback: DEFAULT_NODE_CONFIG.antiEntropyIntervalMs,
    about:
      'In which every partition is compared once with each of its other replicas. Lower finds drift sooner and costs messages',
  },
  {
    field: 'scrubIntervalMs',
    ...milliseconds(60_000, 31_536_000_000),
    fallback: DEFAULT_NODE_CONFIG.scrubIntervalMs,
    about: 'In which every record is read from the disk and checked once; 30 days by default',
  },
  {
    field: 'hintAfterMs',
    ...milliseconds(10, 60_000),
    fallback: DEFAULT_NODE_CONFIG.hintAfterMs,
    about:
      'How long a replica may be silent before a hint is kept for it. Lower lets a write of a sloppy bucket succeed sooner, and makes hints of every hiccup',
  },
  {
    field: 'hintBytesMax',
    ...whole(0, 1_099_511_627_776),
    placeholder: 'BYTES',
    fallback: DEFAULT_NODE_CONFIG.hintBytesMax,
    about:
      'Hints kept on this node for others, bytes; beyond it none are taken, and anti-entropy brings what they would have brought',
  },
  {
    field: 'hintAgeMaxMs',
    ...milliseconds(1_000, 31_536_000_000),
    fallback: DEFAULT_NODE_CONFIG.hintAgeMaxMs,
    about:
      'How long a hint is kept for a node that is away, 24 hours by default; then anti-entropy brings what it would have brought',
  },
  {
    field: 'backgroundLatencyMs',
    ...milliseconds(1, 60_000),
    fallback: DEFAULT_NODE_CONFIG.backgroundLatencyMs,
    about:
      'Repair, hints and transfers yield when they make the 99th percentile of what requests wait for longer than this, or than backgroundSlowdownPercent allows, whichever is longer. Lower protects clients better, and repair takes longer',
  },
  {
    field: 'backgroundSlowdownPercent',
    ...whole(0, 1_000),
    placeholder: 'N',
    fallback: DEFAULT_NODE_CONFIG.backgroundSlowdownPercent,
    about:
      'By how much repair, hints and transfers may raise that percentile above what it is without them',
  },
  {
    field: 'backgroundUnitsMax',
    ...whole(20, 100_000),
    placeholder: 'N',
    fallback: DEFAULT_NODE_CONFIG.backgroundUnitsMax,
    about:
      'Units of repair, hints and transfers a second, each up to some hundred KiB, even when there are no requests',
  },
]

/** `requestTimeoutMs` → `--request-timeout-ms`. */
export function flagOf(field: ConfigField): string {
  return `--${field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

/** `requestTimeoutMs` → `DND_REQUEST_TIMEOUT_MS`. */
export function environmentOf(field: ConfigField): string {
  return `DND_${field.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
}
