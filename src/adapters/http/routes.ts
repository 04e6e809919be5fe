/**
 * Every route of the API. The router runs this table and the OpenAPI document is made from it.
 */
import { ACCESS_ROUTES } from './access-operations.ts'
import { onBatch } from './batch.ts'
import { onBucket, onBuckets, onConfigureBucket, onResetBucket } from './bucket-routes.ts'
import { onCluster, onLayout } from './cluster-routes.ts'
import { CONSOLE_ROUTES } from './console-routes.ts'
import { onExplain } from './explain-routes.ts'
import { onHealth, onLive, onReady } from './health-routes.ts'
import { onMetrics, onOpenapi, onWelcome } from './info-routes.ts'
import { onInstallKey, onKeys, onRemoveKey, onUseKey } from './key-routes.ts'
import { onDelete, onGet, onPut } from './kv.ts'
import { LAYOUT_ROUTES } from './layout-operations.ts'
import { onLeave, onLeaveProgress } from './leave-routes.ts'
import { onList } from './listing.ts'
import { WATCH_ROUTES } from './watch-routes.ts'
import type { Operation, Route } from './operation.ts'
import { reading } from './operation.ts'
import { onHints } from './hints-routes.ts'
import { RELAY_ROUTES } from './relay.ts'
import { onRepair, onRepairProgress } from './repair-routes.ts'
import type { ErrorCode } from '../../core/errors.ts'

const KEY_ERRORS: readonly ErrorCode[] = [
  'DND_ERR_BAD_KEY',
  'DND_ERR_BAD_BUCKET',
  'DND_ERR_BAD_QUORUM',
  'DND_ERR_UNSUPPORTED',
  'DND_ERR_QUORUM_UNAVAILABLE',
  'DND_ERR_TIMEOUT',
  'DND_ERR_NOT_READY',
  'DND_ERR_LAYOUT_CHANGING',
  'DND_ERR_STORE_FAILED',
]
const WRITE_ERRORS: readonly ErrorCode[] = [
  ...KEY_ERRORS,
  'DND_ERR_BAD_CONTEXT',
  'DND_ERR_TOO_MANY_SIBLINGS',
  'DND_ERR_RECORD_TOO_LARGE',
  'DND_ERR_CLONED_IDENTITY',
]

/** What is kept and given back with a value besides its type. */
const OF_VALUES = ['X-Dnd-Meta-{name}', 'X-Dnd-Expires-At'] as const

function kvMethods(where: string, suffix: string): Route['methods'] {
  const put: Operation = {
    id: `put${suffix}`,
    op: 'put',
    access: 'write',
    summary: `Store the body under a key of ${where}`,
    query: ['sort', 'w', 'timeout'],
    headers: ['X-Dnd-Context', 'Content-Type', ...OF_VALUES, 'X-Dnd-TTL'],
    body: 'bytes',
    responses: {
      200: {
        description: 'Stored durably.',
        headers: ['X-Dnd-Context', 'X-Dnd-Acks', 'X-Dnd-Warning', 'ETag'],
      },
    },
    errors: [...WRITE_ERRORS, 'DND_ERR_VALUE_TOO_LARGE', 'DND_ERR_BAD_METADATA'],
    handle: onPut,
  }
  return {
    GET: {
      id: `get${suffix}`,
      op: 'get',
      access: 'read',
      summary: `Read a key of ${where}`,
      query: ['sort', 'r', 'timeout'],
      headers: ['If-None-Match'],
      responses: {
        200: {
          description: 'The value, as it was stored.',
          content: 'bytes',
          headers: ['X-Dnd-Context', 'X-Dnd-Answers', ...OF_VALUES, 'ETag'],
        },
        300: {
          description:
            'Several concurrent values: merge them and write the result with the context.',
          content: 'Siblings',
          headers: ['X-Dnd-Context', 'X-Dnd-Answers', 'X-Dnd-Warning', 'ETag'],
        },
        304: {
          description: 'What If-None-Match names is still what is stored.',
          headers: ['X-Dnd-Context', 'X-Dnd-Answers', 'ETag'],
        },
      },
      errors: [...KEY_ERRORS, 'DND_ERR_KEY_NOT_FOUND'],
      handle: onGet,
    },
    PUT: put,
    POST: { ...put, id: `post${suffix}`, summary: `Same as PUT, for a key of ${where}` },
    DELETE: {
      id: `delete${suffix}`,
      op: 'delete',
      access: 'write',
      summary: `Delete a key of ${where}`,
      description: 'Also when nothing is there: the delete is stored all the same.',
      query: ['sort', 'w', 'timeout'],
      headers: ['X-Dnd-Context'],
      responses: {
        204: {
          description: 'Deleted durably.',
          headers: ['X-Dnd-Context', 'X-Dnd-Acks', 'X-Dnd-Warning'],
        },
      },
      errors: WRITE_ERRORS,
      handle: onDelete,
    },
  }
}

const LIST: Operation = {
  id: 'listKeys',
  op: 'list',
  access: 'list',
  summary: 'The keys of a bucket in order, in pages',
  query: ['prefix', 'start', 'end', 'limit', 'reverse', 'timeout'],
  responses: { 200: { description: 'A page of keys.', content: 'KeyPage' } },
  errors: [
    'DND_ERR_BAD_BUCKET',
    'DND_ERR_QUORUM_UNAVAILABLE',
    'DND_ERR_TIMEOUT',
    'DND_ERR_NOT_READY',
    'DND_ERR_LAYOUT_CHANGING',
    'DND_ERR_STORE_FAILED',
    'DND_ERR_KEY_NOT_TEXT',
  ],
  handle: onList,
}

function explainMethods(where: string, suffix: string): Route['methods'] {
  return reading(
    `explain${suffix}`,
    `What each replica holds of a key of ${where}, and what is still to happen to it`,
    { 200: { description: 'As those say that are up.', content: 'Explanation' } },
    onExplain,
    {
      op: 'explain',
      access: 'read',
      query: ['sort', 'timeout'],
      errors: ['DND_ERR_BAD_KEY', 'DND_ERR_BAD_BUCKET', 'DND_ERR_NOT_READY'],
    },
  )
}

const BATCH: Operation = {
  id: 'batch',
  op: 'batch',
  access: 'each',
  summary: 'Several gets, puts and deletes, each with its own result; not a transaction',
  query: ['timeout'],
  body: 'Batch',
  responses: {
    200: { description: 'One result for each operation, in order.', content: 'BatchResults' },
  },
  errors: ['DND_ERR_BAD_JSON', 'DND_ERR_BATCH_TOO_LARGE', 'DND_ERR_BODY_TOO_LARGE'],
  handle: onBatch,
}

const BUCKET_METHODS: Route['methods'] = {
  GET: {
    id: 'getBucket',
    op: 'get-bucket',
    access: 'bucket',
    summary: 'Properties of a bucket, configured or by default',
    query: [],
    responses: { 200: { description: 'Its properties.', content: 'Bucket' } },
    errors: ['DND_ERR_BAD_BUCKET'],
    handle: onBucket,
  },
  PUT: {
    id: 'configureBucket',
    op: 'configure-bucket',
    access: 'bucket-admin',
    summary: 'Configure a bucket',
    description:
      'What is left out is as by default; r and w are then a majority of n. `n` can be changed only while the bucket holds no keys.',
    query: [],
    body: 'BucketProperties',
    responses: { 200: { description: 'In force.', content: 'ConfiguredBucket' } },
    errors: [
      'DND_ERR_BAD_BUCKET',
      'DND_ERR_BAD_JSON',
      'DND_ERR_BODY_TOO_LARGE',
      'DND_ERR_BUCKET_NOT_EMPTY',
      'DND_ERR_CLONED_IDENTITY',
      'DND_ERR_NOT_READY',
      'DND_ERR_TIMEOUT',
      'DND_ERR_STORE_FAILED',
    ],
    handle: onConfigureBucket,
  },
  DELETE: {
    id: 'resetBucket',
    op: 'reset-bucket',
    access: 'bucket-admin',
    summary: 'Give a bucket its default properties again',
    description: 'Only while it holds no keys.',
    query: [],
    responses: { 200: { description: 'In force.', content: 'ConfiguredBucket' } },
    errors: [
      'DND_ERR_BAD_BUCKET',
      'DND_ERR_BUCKET_NOT_EMPTY',
      'DND_ERR_CLONED_IDENTITY',
      'DND_ERR_NOT_READY',
      'DND_ERR_TIMEOUT',
      'DND_ERR_STORE_FAILED',
    ],
    handle: onResetBucket,
  },
}

const LEAVE: Route['methods'] = {
  ...reading(
    'getLeave',
    'How far the node that answers is on its way out of the cluster',
    { 200: { description: 'So far; `staying` if it was not asked to leave.', content: 'Leave' } },
    onLeaveProgress,
  ),
  POST: {
    id: 'leave',
    op: 'leave',
    access: 'admin',
    summary: 'Ask the node that answers to leave the cluster',
    description:
      'Others take over its data, it says goodbye, and its process ends. Cannot be taken back; survives a restart of the node; may be asked again.',
    query: [],
    responses: { 202: { description: 'The wish is durable.', content: 'Leave' } },
    errors: [
      'DND_ERR_LAST_NODE',
      'DND_ERR_NOT_READY',
      'DND_ERR_STORE_FAILED',
      'DND_ERR_OVERLOADED',
    ],
    handle: onLeave,
  },
}

const REPAIR: Route['methods'] = {
  ...reading(
    'getRepair',
    'How far the repairs of the node that answers have come',
    { 200: { description: 'The last repairs, and what anti-entropy does.', content: 'Repair' } },
    onRepairProgress,
  ),
  POST: {
    id: 'repair',
    op: 'repair',
    access: 'admin',
    summary: 'Compare what the node that answers holds with all other replicas now',
    description: 'Goes on in the background. Every node repairs what it holds: ask each.',
    query: ['bucket', 'prefix'],
    responses: { 202: { description: 'It has begun.', content: 'RepairRun' } },
    errors: ['DND_ERR_BAD_BUCKET', 'DND_ERR_NOT_READY', 'DND_ERR_OVERLOADED'],
    handle: onRepair,
  },
}

const KEY_CHANGE: Operation['responses'] = {
  200: { description: 'In force on this node; the others follow.', content: 'ClusterKeyChange' },
}
const KEY_CHANGE_ERRORS: readonly ErrorCode[] = [
  'DND_ERR_LOCAL_ONLY',
  'DND_ERR_NOT_ENCRYPTED',
  'DND_ERR_BAD_CLUSTER_KEY',
  'DND_ERR_NOT_READY',
  'DND_ERR_STORE_FAILED',
  'DND_ERR_TIMEOUT',
]

const KEYS_METHODS: Route['methods'] = {
  ...reading(
    'listClusterKeys',
    'The keys that encrypt the traffic between nodes, by id, and who has which',
    { 200: { description: 'As the members say now.', content: 'ClusterKeys' } },
    onKeys,
    { op: 'cluster-keys', access: 'admin', errors: ['DND_ERR_NOT_ENCRYPTED', 'DND_ERR_NOT_READY'] },
  ),
  POST: {
    id: 'installClusterKey',
    op: 'install-cluster-key',
    access: 'admin',
    summary: 'Give all members a key, with which nobody seals yet',
    query: [],
    body: 'NewClusterKey',
    responses: KEY_CHANGE,
    errors: [
      ...KEY_CHANGE_ERRORS,
      'DND_ERR_TOO_MANY_CLUSTER_KEYS',
      'DND_ERR_BAD_JSON',
      'DND_ERR_BODY_TOO_LARGE',
    ],
    handle: onInstallKey,
  },
}

const USE_KEY: Operation = {
  id: 'useClusterKey',
  op: 'use-cluster-key',
  access: 'admin',
  summary: 'Make all members seal with an installed key',
  description: 'Refused while a member that is up has not said that it has the key.',
  query: [],
  body: 'PrimaryClusterKey',
  responses: KEY_CHANGE,
  errors: [
    ...KEY_CHANGE_ERRORS,
    'DND_ERR_CLUSTER_KEY_UNKNOWN',
    'DND_ERR_CLUSTER_KEY_MISSING',
    'DND_ERR_BAD_JSON',
    'DND_ERR_BODY_TOO_LARGE',
  ],
  handle: onUseKey,
}

const REMOVE_KEY: Operation = {
  id: 'removeClusterKey',
  op: 'remove-cluster-key',
  access: 'admin',
  summary: 'Make all members forget a key',
  description:
    'Refused while it is the primary; and, unless forced, while any member of the layout, a dead one too, has not said that it seals with the new primary.',
  query: ['force'],
  responses: KEY_CHANGE,
  errors: [...KEY_CHANGE_ERRORS, 'DND_ERR_CLUSTER_KEY_UNKNOWN', 'DND_ERR_CLUSTER_KEY_IN_USE'],
  handle: onRemoveKey,
}

const OK_TEXT = { description: 'Yes.', content: 'text' } as const

export const ROUTES: readonly Route[] = [
  { path: '/kv/{key}', methods: kvMethods('the bucket `default`', 'Default') },
  { path: '/kv/{bucket}/{key}', methods: kvMethods('a bucket', '') },
  { path: '/explain/{key}', methods: explainMethods('the bucket `default`', 'Default') },
  { path: '/explain/{bucket}/{key}', methods: explainMethods('a bucket', '') },
  { path: '/batch', methods: { POST: BATCH } },
  {
    path: '/buckets',
    methods: reading(
      'listBuckets',
      'Configured buckets, and the defaults of all others',
      { 200: { description: 'In order of name.', content: 'Buckets' } },
      onBuckets,
      { access: 'known' },
    ),
  },
  { path: '/buckets/{bucket}', methods: BUCKET_METHODS },
  { path: '/buckets/{bucket}/keys', methods: { GET: LIST } },
  { path: '/keys', methods: KEYS_METHODS },
  { path: '/keys/{id}', methods: { DELETE: REMOVE_KEY } },
  // Behind the one before: of two that fit, the router takes the last.
  { path: '/keys/primary', methods: { PUT: USE_KEY } },
  {
    path: '/cluster',
    methods: reading(
      'getCluster',
      'The members of the cluster, as this node sees them',
      { 200: { description: 'In order of id.', content: 'Cluster' } },
      onCluster,
      { access: 'known' },
    ),
  },
  {
    path: '/layout',
    methods: reading(
      'getLayout',
      'Which nodes hold which partition, and what is moving',
      { 200: { description: 'The layout in force.', content: 'Layout' } },
      onLayout,
      { access: 'known', errors: ['DND_ERR_NOT_READY'] },
    ),
  },
  ...LAYOUT_ROUTES,
  { path: '/leave', methods: LEAVE },
  { path: '/repair', methods: REPAIR },
  {
    path: '/hints',
    methods: reading(
      'getHints',
      'Which writes the node that answers keeps for others that are away',
      { 200: { description: 'By target.', content: 'Hints' } },
      onHints,
    ),
  },
  {
    path: '/health',
    methods: reading(
      'getHealth',
      'Whether every partition has a quorum, proved on one by reading it',
      {
        200: { description: 'Healthy, or degraded: some replica is not up.', content: 'Health' },
        503: { description: 'Unavailable: some keys cannot be read.', content: 'Health' },
      },
      onHealth,
      { op: 'health', query: ['timeout'] },
    ),
  },
  {
    path: '/livez',
    methods: reading('getLive', 'Whether the process turns', { 200: OK_TEXT }, onLive, {
      access: 'open',
    }),
  },
  {
    path: '/readyz',
    methods: reading(
      'getReady',
      'Whether to send this node requests',
      { 200: OK_TEXT, 503: { description: 'Starting or stopping.', content: 'text' } },
      onReady,
      { access: 'open' },
    ),
  },
  {
    path: '/metrics',
    methods: reading(
      'getMetrics',
      'Counters in the text format of Prometheus',
      { 200: { description: 'A scrape.', content: 'text' } },
      onMetrics,
      { errors: ['DND_ERR_INTERNAL'] },
    ),
  },
  {
    path: '/openapi.json',
    methods: reading(
      'getOpenapi',
      'This document',
      { 200: { description: 'OpenAPI 3.1.', content: 'Openapi' } },
      onOpenapi,
      { access: 'known' },
    ),
  },
  ...ACCESS_ROUTES,
  ...WATCH_ROUTES,
  ...RELAY_ROUTES,
  ...CONSOLE_ROUTES,
  {
    path: '/',
    methods: reading(
      'getWelcome',
      'A page for people: text, or the console for a browser',
      { 200: { description: 'What this is and where to go.', content: 'html' } },
      onWelcome,
      { access: 'open' },
    ),
  },
]
