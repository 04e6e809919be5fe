/**
 * The public API: a member of a dnd cluster inside this process.
 *
 * ```ts
 * import { startNode } from 'dnd'
 *
 * // A new cluster, or the node of this directory again:
 * const node = await startNode({ data: './my-data' })
 * // One more node of it; port 0 is any free one:
 * const seeds = ['127.0.0.1:5001']
 * const other = await startNode({ data: './other', port: 0, http: false, seeds })
 *
 * // The buckets of `dnd-client`, without HTTP in between:
 * const users = node.bucket<User>('users', { schema })
 * await users.put('ada', { name: 'Ada' })
 *
 * await other.stop()
 * await node.stop()
 * ```
 *
 * `node.client` has the other operations of `dnd-client`. More: `docs/guides/embedding.md`.
 */
export { DndError } from './core/errors.ts'
export type {
  NodeClient,
  NodeFields,
  NodeLogger,
  NodeServer,
  NodeServerConfig,
} from './server/start-node.ts'
export { startNode } from './server/start-node.ts'
export {
  bytesCodec,
  DndClientError,
  DndSchemaError,
  DndSiblingsError,
  jsonCodec,
  textCodec,
} from '../packages/client/src/client.ts'
export type {
  AbsentEntry,
  BatchOperation,
  BatchOptions,
  BatchResult,
  Bucket,
  BucketBatchOperation,
  BucketBatchResult,
  BucketEvent,
  BucketOptions,
  Codec,
  CodecBucketOptions,
  Entry,
  FoundEntry,
  GetOptions,
  GetResult,
  KeyOptions,
  LifetimeOptions,
  ListOptions,
  PutOptions,
  SchemaBucketOptions,
  SettledEntry,
  Sibling,
  SiblingsEntry,
  StandardSchemaV1,
  StoredValue,
  UntypedBucketOptions,
  UpdateOptions,
  WatchEvent,
  WatchOptions,
  WriteOptions,
  WriteResult,
} from '../packages/client/src/client.ts'
