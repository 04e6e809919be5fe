/**
 * JSON schemas of the bodies, for the OpenAPI document. A test compares them with what the routes
 * really answer.
 */
import { TTL_MS_MAX } from '../../core/node/buckets.ts'
import { BUCKETS_MAX, LIST_LIMIT_MAX, VALUE_BYTES_MAX } from '../../core/std/limits.ts'
import { ACCESS_SCHEMAS } from './access-schemas.ts'
import type { AccessSchemaName } from './access-schemas.ts'
import { BATCH_OPERATIONS_MAX } from './batch.ts'
import { object } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'

export type SchemaName =
  | 'Problem'
  | 'Siblings'
  | 'KeyPage'
  | 'Batch'
  | 'BatchResults'
  | 'BucketProperties'
  | 'Bucket'
  | 'ConfiguredBucket'
  | 'Buckets'
  | 'Cluster'
  | 'ClusterKeys'
  | 'ClusterKeyChange'
  | 'NewClusterKey'
  | 'PrimaryClusterKey'
  | 'Layout'
  | 'LayoutRoles'
  | 'LayoutPlan'
  | 'LayoutChoice'
  | 'LayoutChosen'
  | 'LayoutHistory'
  | 'LostNode'
  | 'RemovedNode'
  | 'Leave'
  | 'Hints'
  | 'Repair'
  | 'RepairRun'
  | 'Health'
  | 'Explanation'
  | 'Openapi'
  | AccessSchemaName

const STRING = { type: 'string' }
const BOOLEAN = { type: 'boolean' }
const COUNT = { type: 'integer', minimum: 0 }
const TEXTS = { type: 'object', additionalProperties: STRING }
const NODE_ID = { type: 'string', pattern: '^[0-9a-f]{16}$' }
const KEY_ID = { type: 'string', pattern: '^[0-9a-f]{8}$' }
const KEY_IDS = { type: 'array', items: KEY_ID }
const NODE_IDS = { type: 'array', items: NODE_ID }
const QUORUM = { type: 'integer', minimum: 1, maximum: 7 }
const TIME = { type: 'string', format: 'date-time' }
const TTL_MS = { type: 'integer', minimum: 0, maximum: TTL_MS_MAX }
const CONTEXT = { type: 'string', description: 'Causal context, as in X-Dnd-Context.' }
const VALUE = {
  value: { type: 'string', description: 'The bytes, when they are UTF-8.' },
  valueBase64: { type: 'string', description: 'The bytes in base64, when they are not.' },
  contentType: STRING,
  metadata: TEXTS,
}
const NAMED = { bucket: STRING, key: STRING, sort: STRING }

/** An object that has all of `required`, may have `optional`, and has nothing else. */
function list(items: JsonSchema, maxItems?: number): JsonSchema {
  return maxItems === undefined ? { type: 'array', items } : { type: 'array', items, maxItems }
}

function ref(name: SchemaName): JsonSchema {
  return { $ref: `#/components/schemas/${name}` }
}

const PROBLEM = {
  type: { type: 'string', format: 'uri' },
  title: STRING,
  status: COUNT,
  code: { type: 'string', pattern: '^DND_ERR_[A-Z_]+$' },
  detail: STRING,
}
const PROBLEM_MORE = {
  outcome: {
    enum: ['rejected', 'unknown'],
    description: 'Of a write: nothing was stored, or it may be stored somewhere.',
  },
  needed: { ...COUNT, description: 'Answers of replicas that were needed.' },
  got: { ...COUNT, description: 'Answers of replicas that were had.' },
}
const SIBLING = object(
  { dot: STRING, contentType: STRING },
  { value: STRING, valueBase64: STRING, metadata: TEXTS, expiresAt: TIME },
)
const PROPERTIES = {
  n: { ...QUORUM, description: 'Replicas of each key.' },
  r: { ...QUORUM, description: 'Replicas that must answer a read.' },
  w: { ...QUORUM, description: 'Replicas that must store a write durably.' },
  conflicts: { enum: ['lww', 'siblings'], description: 'How concurrent writes end.' },
  valueBytesMax: { type: 'integer', minimum: 1, maximum: VALUE_BYTES_MAX },
  sloppy: { ...BOOLEAN, description: 'Whether a hint counts in the place of a replica.' },
  ttlMs: { ...TTL_MS, description: 'How long a value lives whose writer did not say.' },
}
const BUCKET = { name: STRING, configured: BOOLEAN, properties: object(PROPERTIES) }
const RESULTS = {
  oneOf: [
    object(
      {
        status: { const: 200 },
        contentType: STRING,
        context: CONTEXT,
        etag: STRING,
        answers: COUNT,
      },
      { value: STRING, valueBase64: STRING, metadata: TEXTS, expiresAt: TIME },
    ),
    object({
      status: { const: 300 },
      siblings: list(SIBLING),
      context: CONTEXT,
      etag: STRING,
      answers: COUNT,
    }),
    object(
      { status: { enum: [200, 204] }, acks: COUNT },
      { context: CONTEXT, etag: STRING, warning: STRING },
    ),
    object(PROBLEM, { ...PROBLEM_MORE, context: CONTEXT }),
  ],
}
const OPERATIONS = {
  oneOf: [
    object({ type: { const: 'get' }, key: STRING }, { ...NAMED, r: QUORUM }),
    object(
      { type: { const: 'put' }, key: STRING },
      { ...NAMED, ...VALUE, ttlMs: TTL_MS, expiresAt: TIME, context: CONTEXT, w: QUORUM },
    ),
    object({ type: { const: 'delete' }, key: STRING }, { ...NAMED, context: CONTEXT, w: QUORUM }),
  ],
}
const DOT = { type: 'string', pattern: '^[0-9]+:[0-9]+$' }
const EXPLAINED_VERSION = object(
  {
    dot: DOT,
    writtenAt: { ...TIME, description: 'By the hybrid clock of who wrote it.' },
    kind: { enum: ['value', 'delete'] },
    on: { ...NODE_IDS, description: 'The replicas that hold it.' },
  },
  {
    writtenBy: { ...NODE_ID, description: 'Absent: not known.' },
    ...{ bytes: COUNT, contentType: STRING, expiresAt: TIME },
    ...{ expired: { const: true }, wins: { const: true }, superseded: { const: true } },
  },
)
const EXPLAINED_REPLICA = object(
  {
    ...{ node: NODE_ID, name: STRING },
    state: { enum: ['alive', 'suspect', 'dead', 'left', 'unknown'] },
    serves: { enum: ['reads', 'writes', 'keeps'] },
    answer: { enum: ['found', 'absent', 'unreadable', 'down', 'silent'] },
  },
  {
    bytes: { ...COUNT, description: 'Of the record as it is stored.' },
    versions: list(DOT),
    more: { ...COUNT, description: 'Versions that are not told one by one.' },
    seen: {
      type: 'object',
      additionalProperties: COUNT,
      description: 'By vnode, the last write that the copy reflects.',
    },
    clock: { enum: ['whole', 'doubtful', 'incomplete'] },
    vnode: { ...STRING, description: 'Under which it writes in this partition at present.' },
    waitsFor: { enum: ['moving', 'doubt', 'floor', 'horizon', 'base', 'turn'] },
    compared: list(object({ node: NODE_ID, name: STRING, differences: COUNT }, { at: TIME })),
  },
)
const EXPLANATION = object(
  {
    ...{ bucket: STRING, key: STRING, properties: object(PROPERTIES) },
    ...{ slot: COUNT, partition: COUNT, layoutVersion: COUNT, moving: BOOLEAN },
    summary: list(object({ level: { enum: ['ok', 'note', 'problem'] }, text: STRING })),
    versions: list(EXPLAINED_VERSION),
    replicas: list(EXPLAINED_REPLICA),
    hints: list(
      object({
        ...{ on: NODE_ID, onName: STRING, target: NODE_ID, targetName: STRING },
        ...{ count: COUNT, bytes: COUNT, oldest: TIME },
      }),
    ),
  },
  { sort: STRING },
)
const CLONED_BY = {
  type: 'string',
  description:
    'Where another process with the identity of this node listens: both refuse all writes.',
}
const DEGRADED_SELF = {
  const: true,
  description: 'This node is slow or badly connected, as it finds itself.',
}
const MEMBER = object(
  {
    id: NODE_ID,
    name: STRING,
    state: { enum: ['alive', 'suspect', 'dead', 'left'] },
    since: {
      type: 'string',
      format: 'date-time',
      description: 'When this node came to see it in this state, by its own clock.',
    },
    zone: STRING,
    weight: COUNT,
    addresses: object({ cluster: STRING }, { http: STRING, url: STRING }),
    generation: COUNT,
    incarnation: COUNT,
    version: STRING,
  },
  {
    protocol: { ...COUNT, description: 'The greatest version of the protocol that it speaks.' },
    suspectedBy: { ...NODE_IDS, description: 'Who says that it is suspect.' },
    localHealth: {
      ...{ type: 'integer', minimum: 0, maximum: 7 },
      description: 'As it said last: 0 is best.',
    },
    roundTripMs: {
      ...{ type: 'number', minimum: 0 },
      description: "Of this node's probes, smoothed.",
    },
    degraded: {
      const: true,
      description: 'It says that it is slow or badly connected: others are asked first.',
    },
    draining: { const: true, description: 'It stops for a moment: others are asked first.' },
    flapping: { const: true, description: 'It comes and goes: others are asked first.' },
  },
)

const AMOUNT = object({ records: COUNT, bytes: COUNT })
const ROLE = object({ node: NODE_ID, zone: STRING, weight: COUNT })

const REPAIR_RUN = object(
  {
    run: { ...COUNT, description: 'Counted from 1 in each life of the node.' },
    startedAt: STRING,
    partitions: COUNT,
    comparisons: { ...COUNT, description: 'Of a partition with another replica.' },
    done: COUNT,
    failed: { ...COUNT, description: 'Given up: the other side did not take part.' },
    unreachable: NODE_IDS,
    found: { ...COUNT, description: 'Keys that differed, in exchanges that this node began.' },
    foundByOthers: COUNT,
    received: { ...COUNT, description: 'Records that were news to this node.' },
    sent: COUNT,
  },
  {
    bucket: STRING,
    prefix: STRING,
    finishedAt: { ...STRING, description: 'Absent while it is under way.' },
  },
)

export const SCHEMAS: Readonly<Record<SchemaName, JsonSchema>> = {
  ...ACCESS_SCHEMAS,
  Problem: object(PROBLEM, PROBLEM_MORE),
  Siblings: object({ siblings: list(SIBLING), context: CONTEXT }),
  KeyPage: object(
    { keys: list(object({ key: STRING }, { sort: STRING }), LIST_LIMIT_MAX) },
    { next: { type: 'string', description: 'Pass it as `start`; absent at the end.' } },
  ),
  Batch: object({ operations: list(OPERATIONS, BATCH_OPERATIONS_MAX) }),
  BatchResults: object({ results: list(RESULTS, BATCH_OPERATIONS_MAX) }),
  BucketProperties: object({}, PROPERTIES),
  Bucket: object(BUCKET),
  ConfiguredBucket: object({
    ...BUCKET,
    pending: { ...NODE_IDS, description: 'Members that have not confirmed yet.' },
  }),
  Buckets: object({ buckets: list(ref('Bucket'), BUCKETS_MAX), defaults: object(PROPERTIES) }),
  Cluster: object(
    {
      cluster: { type: 'string', pattern: '^[0-9a-f]{32}$' },
      self: NODE_ID,
      encryption: object(
        { mode: { enum: ['off', 'accept', 'prefer', 'required'] } },
        {
          key: { ...KEY_ID, description: 'Id of the primary key.' },
        },
      ),
      protocol: {
        ...COUNT,
        description: 'The greatest version of the protocol that all members speak that are up.',
      },
      members: list(MEMBER),
    },
    {
      clonedBy: CLONED_BY,
      leaving: {
        enum: ['waiting', 'moving', 'telling', 'left'],
        description: 'How far the leave of this node has come.',
      },
      replacing: object({
        phase: { enum: ['looking', 'dying', 'planning', 'filling'] },
        lost: { ...STRING, description: 'The node that this one replaces: its id or name.' },
      }),
    },
  ),
  ClusterKeys: object({
    primary: KEY_ID,
    keys: list(object({ id: KEY_ID, primary: BOOLEAN, members: NODE_IDS })),
    members: list(
      object(
        { id: NODE_ID, name: STRING },
        { keys: { ...KEY_IDS, description: 'Absent: it did not answer.' }, primary: KEY_ID },
      ),
    ),
  }),
  ClusterKeyChange: object({
    id: KEY_ID,
    primary: KEY_ID,
    keys: KEY_IDS,
    pending: { ...NODE_IDS, description: 'Members that have not confirmed yet.' },
  }),
  NewClusterKey: object({
    key: { ...STRING, description: '32 bytes in base64, as "dnd keys generate" prints them.' },
  }),
  PrimaryClusterKey: object({ id: KEY_ID }),
  Layout: object(
    {
      version: COUNT,
      partitions: COUNT,
      replicas: COUNT,
      roles: list(ROLE),
      table: { ...list(NODE_IDS), description: 'Ordered replica set of each partition.' },
      balance: list(object({ node: NODE_ID, replicas: COUNT, share: { type: 'number' } })),
    },
    {
      moving: object(
        {
          from: { ...COUNT, description: 'Version of the layout before.' },
          phase: { enum: ['filling', 'settling'] },
          synced: { ...NODE_IDS, description: 'Who has pulled all that it gains.' },
          acked: { ...NODE_IDS, description: 'Who reads from the new owners, for good.' },
          waiting: NODE_IDS,
          partitions: COUNT,
          changing: { ...list(COUNT), description: 'The partitions that get a new owner.' },
          previous: object({ roles: list(ROLE), table: list(NODE_IDS) }),
        },
        { lost: { ...NODE_IDS, description: 'Nodes that are replaced: their data is gone.' } },
      ),
    },
  ),
  Leave: object(
    {
      node: NODE_ID,
      name: STRING,
      phase: { enum: ['staying', 'waiting', 'moving', 'telling', 'left'] },
      partitions: { ...COUNT, description: 'Not yet with all of their new owners.' },
      records: { ...COUNT, description: 'Sent to new owners since this process started.' },
    },
    {
      waitsFor: { ...STRING, description: 'For people.' },
      warning: { ...STRING, description: 'What will be worse without this node.' },
      directory: { ...STRING, description: 'Where it keeps its data, on its own machine.' },
    },
  ),
  LayoutRoles: object(
    {},
    { roles: { ...list(ROLE), description: 'All of them; absent: what the members want.' } },
  ),
  LayoutPlan: object(
    { from: object({ version: COUNT, hash: STRING }) },
    {
      plan: object(
        { version: COUNT, hash: STRING, roles: list(ROLE) },
        { lost: { ...NODE_IDS, description: 'Whose data is gone.' } },
      ),
      moves: { ...COUNT, description: 'Replicas to be copied.' },
      leastMoves: { ...COUNT, description: 'Fewer are not possible.' },
      links: list(
        object(
          { from: NODE_ID, to: NODE_ID, partitions: COUNT },
          { bytes: { ...COUNT, description: 'About as many; absent when nothing is known.' } },
        ),
      ),
      bytes: { ...COUNT, description: 'About so many are copied.' },
      estimatedPartitions: {
        ...COUNT,
        description: 'Partitions that move and are taken for the mean of those that are known.',
      },
      copies: { ...COUNT, description: 'From how many owners each partition is read.' },
      time: {
        ...object({ seconds: COUNT, basis: { enum: ['pulled', 'sent', 'allowance'] } }),
        description: 'About how long that takes, and what that stands on.',
      },
      nodes: list(
        object({ node: NODE_ID, before: COUNT, after: COUNT, share: { type: 'number' } }),
      ),
      nodeRisk: {
        ...object({ before: COUNT, during: COUNT, after: COUNT }),
        description: 'Partitions that lose their majority with some node.',
      },
      zoneRisk: {
        ...object({ before: COUNT, during: COUNT, after: COUNT }),
        description: 'Partitions that lose their majority with some zone.',
      },
      zones: {
        ...object({ before: COUNT, after: COUNT }),
        description: 'Zones of the partition that is in the fewest.',
      },
    },
  ),
  LayoutChoice: object(
    { version: COUNT, hash: STRING },
    { roles: { ...list(ROLE), description: 'Those that it was planned of, if any were named.' } },
  ),
  LayoutChosen: object({ version: COUNT }),
  LostNode: object(
    { node: { ...STRING, description: 'Its id or its name.' } },
    { partitions: { ...COUNT, description: 'Known to lose their last replica.' } },
  ),
  RemovedNode: object({ node: NODE_ID }),
  LayoutHistory: object({
    layouts: list(
      object({ version: COUNT, hash: STRING, at: TIME, moves: COUNT, roles: list(ROLE) }),
    ),
  }),
  Hints: object({
    node: NODE_ID,
    name: STRING,
    targets: list(
      object({
        ...{ node: NODE_ID, name: STRING, count: COUNT, bytes: COUNT },
        oldest: { ...TIME, description: 'By the clock of who keeps it.' },
        first: { ...COUNT, description: 'Numbers rise in the order in which hints were kept.' },
        last: COUNT,
      }),
    ),
    bytes: COUNT,
    bytesMax: COUNT,
    counted: { ...BOOLEAN, description: 'Whether those of before the start are counted.' },
    kept: COUNT,
    delivered: COUNT,
    refused: { ...COUNT, description: 'Not kept, since there was no room.' },
    dropped: { ...COUNT, description: 'Too old, or damaged.' },
    received: { ...COUNT, description: 'Brought here by others.' },
    writes: {
      ...object({ begun: COUNT, over: COUNT }),
      description: 'Up to "over" every replica has them, or somebody keeps a hint.',
    },
  }),
  Repair: object({
    node: NODE_ID,
    name: STRING,
    runs: list(REPAIR_RUN),
    active: { ...COUNT, description: 'Comparisons under way, for whatever reason.' },
    treesMissing: { ...COUNT, description: 'Partitions whose hash tree is still being made.' },
    doubtful: {
      ...COUNT,
      description: 'Partitions in which something broke, not compared with all replicas since.',
    },
    recordsChecked: { ...COUNT, description: 'Read and checked since the node was started.' },
    recordsBroken: COUNT,
  }),
  RepairRun: REPAIR_RUN,
  Health: object(
    {
      status: { enum: ['healthy', 'degraded', 'unavailable'] },
      ready: BOOLEAN,
      read: object(
        { ok: BOOLEAN },
        { answers: COUNT, code: STRING, detail: STRING, needed: COUNT, got: COUNT },
      ),
      partitions: object({ total: COUNT, withQuorum: COUNT, allUp: COUNT }),
      transfers: object(
        { pending: COUNT, records: COUNT },
        {
          progress: object(
            { partitions: COUNT, done: COUNT, read: AMOUNT },
            { expected: AMOUNT, bytesPerSecond: COUNT, secondsLeft: COUNT },
          ),
        },
      ),
      stored: {
        ...object({ partitions: COUNT, records: COUNT, bytes: COUNT }),
        description: 'About how much this node holds, in the partitions that it has counted.',
      },
    },
    { degraded: DEGRADED_SELF, clonedBy: CLONED_BY },
  ),
  Explanation: EXPLANATION,
  Openapi: { type: 'object' },
}
