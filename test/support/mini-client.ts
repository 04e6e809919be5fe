/** Short ways to ask the nodes of a `MiniCluster` what clients ask. */
import assert from 'node:assert/strict'
import type { WriteResult } from '../../src/core/coordinator/messages.ts'
import type {
  ClientRequest,
  ConfigureResult,
  DeleteRequest,
  GetRequest,
  GetResult,
  GetSuccess,
  ListKeysRequest,
  ListResult,
  PutRequest,
} from '../../src/core/node/events.ts'
import type { BucketProperties } from '../../src/core/node/messages.ts'
import { partitionOf, slotOf } from '../../src/core/placement/slot.ts'
import type { Context } from '../../src/core/versions/version.ts'
import type { Asked, MiniNode, MiniOptions } from './mini-cluster.ts'
import { MiniCluster } from './mini-cluster.ts'

/** A cluster of `size` nodes whose layout has all of them. */
export function clusterOf(size: number, options: MiniOptions = {}): MiniCluster {
  const cluster = new MiniCluster()
  for (let i = 0; i < size; i++) {
    cluster.add(options)
    cluster.until(`node ${i + 1} has a share`, () => isSettled(cluster))
  }
  cluster.run(200)
  return cluster
}

/** Whether all nodes that are up know one complete layout, with all of them in it, and serve. */
export function isSettled(cluster: MiniCluster): boolean {
  const running = cluster.nodes.filter(({ up }) => up)
  const views = running.map(({ node }) => node.view())
  const { layout } = views[0]!
  return views.every(
    (view) =>
      view.ready &&
      view.layout !== undefined &&
      view.layout.previous === undefined &&
      view.layout.current.hash === layout?.current.hash &&
      running.every(({ id }) => view.layout!.current.roles.some(({ node }) => node === id)),
  )
}

/** Who holds the key by the layout that the first node knows, first to be asked first. */
export function replicasOf(cluster: MiniCluster, key: string): MiniNode[] {
  const { current } = cluster.nodes[0]!.node.view().layout!
  const place = partitionOf(slotOf('default', bytes(key)), current.partitions)
  return current.table[place]!.map((index) =>
    cluster.nodes.find(({ id }) => id === current.roles[index]!.node)!,
  )
}

/** A key whose replicas are as wanted. */
export function keyWhere(cluster: MiniCluster, wanted: (replicas: MiniNode[]) => boolean): string {
  for (let i = 0; i < 10_000; i++) if (wanted(replicasOf(cluster, `key-${i}`))) return `key-${i}`
  return assert.fail('no such key')
}

export interface KeyOptions {
  readonly bucket?: string | undefined
  readonly sort?: string | undefined
  readonly timeoutMs?: number | undefined
}
export interface WriteOptions extends KeyOptions {
  readonly context?: Context | undefined
  readonly w?: number | undefined
}
export interface ReadOptions extends KeyOptions {
  readonly r?: number | undefined
}

export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))

function keyOf(
  key: string,
  { bucket = 'default', sort, timeoutMs }: KeyOptions,
): Pick<GetRequest, 'bucket' | 'key' | 'sort' | 'timeoutMs'> {
  return { bucket, key: bytes(key), sort: sort === undefined ? undefined : bytes(sort), timeoutMs }
}

export function putRequest(key: string, value: string, options: WriteOptions = {}): PutRequest {
  const { context, w } = options
  return {
    ...{ type: 'put', ...keyOf(key, options), context, w },
    value: { bytes: bytes(value), contentType: 'text/plain', metadata: [], expiresAtMs: 0 },
  }
}

export function deleteRequest(key: string, options: WriteOptions = {}): DeleteRequest {
  const { context, w } = options
  return { type: 'delete', ...keyOf(key, options), context, w }
}

export function getRequest(key: string, options: ReadOptions = {}): GetRequest {
  return { type: 'get', ...keyOf(key, options), r: options.r }
}

export function listRequest(options: Partial<ListKeysRequest> = {}): ListKeysRequest {
  const none = new Uint8Array(0)
  return {
    ...{ type: 'list', bucket: 'default', from: none, to: none, reverse: false, limit: 1000 },
    ...{ timeoutMs: undefined, ...options },
  }
}

const PLAIN = { sloppy: false, ttlMs: 0 } as const

export function configureRequest(
  bucket: string,
  properties: Partial<BucketProperties> | undefined,
): ClientRequest {
  const quorum = { n: 3, r: 2, w: 2 }
  const defaults = { ...quorum, conflicts: 'lww', valueBytesMax: 1000, ...PLAIN } as const
  return {
    type: 'configure-bucket',
    bucket,
    properties: properties === undefined ? undefined : { ...defaults, ...properties },
  }
}

export function put(
  cluster: MiniCluster,
  node: MiniNode,
  key: string,
  value: string,
  options: WriteOptions = {},
): WriteResult {
  const reply = cluster.ask(node, putRequest(key, value, options))
  assert.ok(reply.type === 'write')
  return reply.result
}

export function del(
  cluster: MiniCluster,
  node: MiniNode,
  key: string,
  options: WriteOptions = {},
): WriteResult {
  const reply = cluster.ask(node, deleteRequest(key, options))
  assert.ok(reply.type === 'write')
  return reply.result
}

export function getResult(
  cluster: MiniCluster,
  node: MiniNode,
  key: string,
  options: ReadOptions = {},
): GetResult {
  const reply = cluster.ask(node, getRequest(key, options))
  assert.ok(reply.type === 'get')
  return reply.result
}

export function get(
  cluster: MiniCluster,
  node: MiniNode,
  key: string,
  options: ReadOptions = {},
): GetSuccess {
  const result = getResult(cluster, node, key, options)
  assert.ok(result.ok, JSON.stringify(result))
  return result
}

export function listResult(
  cluster: MiniCluster,
  node: MiniNode,
  options: Partial<ListKeysRequest> = {},
): ListResult {
  const reply = cluster.ask(node, listRequest(options))
  assert.ok(reply.type === 'list')
  return reply.result
}

/** The keys of one page, and where the next begins. */
export function list(
  cluster: MiniCluster,
  node: MiniNode,
  options: Partial<ListKeysRequest> = {},
): { keys: string[]; next: Uint8Array | undefined } {
  const result = listResult(cluster, node, options)
  assert.ok(result.ok, JSON.stringify(result))
  const keys = result.keys.map(({ key }) => Buffer.from(key).toString())
  return { keys, next: result.next }
}

export function configure(
  cluster: MiniCluster,
  node: MiniNode,
  bucket: string,
  properties: Partial<BucketProperties> | undefined,
): ConfigureResult {
  const reply = cluster.ask(node, configureRequest(bucket, properties))
  assert.ok(reply.type === 'configure-bucket')
  return reply.result
}

/** The live values, in order. */
export function texts(result: GetResult): string[] {
  assert.ok(result.ok, JSON.stringify(result))
  return result.live.map(({ value }) => Buffer.from(value!.bytes).toString()).sort()
}

export function writeResultOf({ reply }: Asked): WriteResult {
  assert.ok(reply?.type === 'write', `no answer: ${JSON.stringify(reply)}`)
  return reply.result
}

export function getResultOf({ reply }: Asked): GetResult {
  assert.ok(reply?.type === 'get', `no answer: ${JSON.stringify(reply)}`)
  return reply.result
}
