/**
 * What the tests of this folder share: a node in memory that keeps the rules of the core (versions,
 * contexts, order of keys), a server in front of it, and a raw socket for what no HTTP client would
 * send.
 */
import type { WatchAsk, WatchResult } from '../../core/node/watch-asks.ts'
import { watchFailure } from '../../core/node/watch-asks.ts'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import type { TestContext } from 'node:test'
import type { Failure } from '../../core/coordinator/messages.ts'
import type { MemberRecord } from '../../core/membership/member.ts'
import { AccessRegistry } from '../../core/node/access-registry.ts'
import { accessAnswer } from './access-fixture.test.ts'
import { DndError } from '../../core/errors.ts'
import { DEFAULT_PROPERTIES } from '../../core/node/buckets.ts'
import type {
  ClientReply,
  ClientRequest,
  DeleteRequest,
  GetRequest,
  ListKeysRequest,
  PutRequest,
  RepairResult,
} from '../../core/node/events.ts'
import type { KeyId } from '../../core/node/cluster-key.ts'
import type { ExplainResult, Explanation } from '../../core/node/explanation.ts'
import type { KeysAsk, KeysResult } from '../../core/node/key-asks.ts'
import type { LeaveResult } from '../../core/node/leaving.ts'
import type { BucketProperties } from '../../core/node/messages.ts'
import type { RepairRunView, RepairScope } from '../../core/node/repair-runs.ts'
import { listingKey, parseListingKey } from '../../core/node/storage-keys.ts'
import { noSwimCounts } from '../../core/membership/swim-counts.ts'
import type { MemberStanding, NodeView } from '../../core/node/view.ts'
import type { LayoutAsk, LayoutResult } from '../../core/node/layout-asks.ts'
import type { LayoutState } from '../../core/placement/layout.ts'
import { planLayout } from '../../core/placement/plan-layout.ts'
import { bytesToBinary, compareBytes } from '../../core/std/bytes.ts'
import { SIBLINGS_WARN } from '../../core/std/limits.ts'
import type { ClusterId, NodeId, PartitionId, VnodeId } from '../../core/std/ids.ts'
import {
  contextOf,
  EMPTY_CONTAINER,
  liveVersions,
  winner,
  write,
} from '../../core/versions/container.ts'
import { covers } from '../../core/versions/version-vector.ts'
import type { Container, Version } from '../../core/versions/version.ts'
import type { Gateway, Keyring, Log } from '../../runtime/ports.ts'
import { HttpServer } from './http-server.ts'
import type { HttpServerOptions } from './http-server.ts'
import type { HttpLimits, HttpMetrics } from './site.ts'

export const CLUSTER = 'c0ffee00c0ffee00c0ffee00c0ffee00' as ClusterId
export const NODES: readonly NodeId[] = [
  'a000000000000001',
  'a000000000000002',
  'a000000000000003',
] as NodeId[]
const VNODE = 7_000_001 as VnodeId

export function mac(bytes: Uint8Array): Uint8Array {
  return createHmac('sha256', 'a key of tests').update(bytes).digest()
}

/** One replica that holds one value, one that holds nothing and has not seen it, and one down. */
export function explained(): Explanation {
  const seen = { vnode: VNODE, counter: 8 }
  const value = { bytes: 5, contentType: 'text/plain', expiresAtMs: 0 }
  const report = {
    ...({ outcome: 'found', bytes: 60, more: 0, clock: 'whole', vnode: VNODE } as const),
    ...{ versions: [{ dot: seen, stamp: { ms: 1000, counter: 0 }, value }], vector: [seen] },
    ...{ wait: undefined, compared: [{ peer: NODES[1]!, atMs: 500, differences: 3 }], hints: [] },
  }
  const nothing = { outcome: 'absent', bytes: 0, versions: [], vector: [] } as const
  return {
    ...{ ok: true, slot: 12_182, partition: 2 as PartitionId, layoutVersion: 3, isMoving: false },
    properties: DEFAULT_PROPERTIES,
    replicas: [
      { node: NODES[0]!, serves: 'reads', report },
      { node: NODES[1]!, serves: 'reads', report: { ...report, ...nothing, vnode: undefined } },
      { node: NODES[2]!, serves: 'reads', report: 'down' },
    ],
    others: [],
  }
}

interface Entry {
  readonly listing: Uint8Array
  container: Container
}

/** A whole cluster in a map. */
export class FakeGateway implements Gateway {
  readonly requests: ClientRequest[] = []
  readonly properties: Map<string, BucketProperties> = new Map()
  /** While set, the answer to everything. */
  failure: Failure | undefined
  /** While set, answers wait here instead of being given. */
  held: (() => void)[] | undefined
  ready: boolean = true
  /** Whether there is a node behind it yet. */
  started: boolean = true
  layout: LayoutState | undefined = layoutState()
  readonly layoutAsks: LayoutAsk[] = []
  readonly access: AccessRegistry = new AccessRegistry()
  /** While set, the answer to whatever is asked about layouts. */
  layoutFailure: Failure | undefined
  partitions: NodeView['partitions'] = { total: 4, withQuorum: 4, allUp: 4 }
  transfers: NodeView['transfers'] = {
    ...{ pending: 0, records: 0, sent: 0, progress: undefined, copies: 2 },
    ...{ pulledPerSecond: undefined, sentPerSecond: undefined, broken: 0 },
    proofs: { proven: 0, unknown: 0, differs: 0 },
  }
  sizes: NodeView['sizes'] = new Map()
  repairs: NodeView['antiEntropy']['repairs'] = []
  hints: NodeView['hints'] = {
    ...{ targets: [], bytes: 0, bytesMax: 1_000, isCounted: true, received: 0 },
    counts: { kept: 0, delivered: 0, refused: 0, dropped: 0 },
  }
  clonedBy: NodeView['clonedBy'] = undefined
  /** Whether the node says of itself that it is slow or badly connected. */
  degraded: boolean = false
  leaving: NodeView['leaving'] = undefined
  replacing: NodeView['replacing'] = undefined
  /** The answer to a wish to leave. */
  leave: LeaveResult = {
    ok: true,
    leaving: {
      phase: 'waiting',
      waitsFor: { reason: 'plan', nodes: [] },
      partitions: 4,
      records: 0,
      copies: { before: 3, after: 2 },
    },
  }
  /** While set, the answer to whatever is asked about the cluster's keys. */
  keys: KeysResult | undefined
  /** The answer to a question about a key. */
  explanation: ExplainResult = explained()
  /** How `next` names where a page ended: the next key, or the last one. */
  nextForm: 'next-item' | 'last-item' = 'next-item'
  readonly #buckets = new Map<string, Map<string, Entry>>()
  #counter = 0

  submit(request: ClientRequest, done: (reply: ClientReply) => void): void {
    this.requests.push(request)
    const reply = this.#reply(request)
    const answer = (): void => done(reply)
    if (this.held === undefined) setImmediate(answer)
    else this.held.push(answer)
  }

  view(): NodeView {
    if (!this.started) throw new DndError('DND_ERR_NOT_READY', 'being started')
    return {
      cluster: CLUSTER,
      self: member(0, this.degraded),
      members: [member(0, this.degraded), member(1), member(2)],
      standings: STANDINGS,
      swim: { counts: noSwimCounts(), gossipQueue: 0, localHealth: 0 },
      protocol: 6,
      layout: this.layout,
      buckets: [...this.properties].sort().map(([name, properties]) => ({ name, properties })),
      ready: this.ready,
      clonedBy: this.clonedBy,
      inFlight: 0,
      partitions: this.partitions,
      transfers: this.transfers,
      sizes: this.sizes,
      reaping: { reaped: 0, waiting: 0 },
      hints: this.hints,
      writes: { begun: 12, over: 10 },
      antiEntropy: {
        trees: { missing: 1, checked: 10, broken: 0, mended: 0, scrubbed: 0 },
        ...{ active: 2, pairs: 8, compared: 4, doubtful: 0, repairs: this.repairs },
        counts: { completed: 0, failed: 0, found: 0, received: 0, sent: 0 },
      },
      background: { unitsPerSecond: 0, work: [], waits: [] },
      leaving: this.leaving,
      replacing: this.replacing,
      conflicts: new Map(),
    }
  }

  /** What watchers are told; one that is opened, and then nothing, unless a test says otherwise. */
  watch: (ask: WatchAsk) => WatchResult = (ask) =>
    ask.what === 'open'
      ? { ok: true, what: 'opened', watcher: 1 }
      : watchFailure('DND_ERR_WATCHER_GONE', 'the test has no more')

  #reply(request: ClientRequest): ClientReply {
    const result = this.failure ?? this.#refusal(request)
    switch (request.type) {
      case 'put':
      case 'delete':
        return { type: 'write', result: result ?? this.#write(request) }
      case 'get':
        return { type: 'get', result: result ?? this.#read(request) }
      case 'list':
        return { type: 'list', result: result ?? this.#list(request) }
      case 'configure-bucket':
        return { type: 'configure-bucket', result: result ?? this.#configure(request) }
      case 'leave':
        return { type: 'leave', result: this.leave }
      case 'repair':
        return { type: 'repair', result: this.#repair(request.scope) }
      case 'cluster-keys':
        return { type: 'cluster-keys', result: this.keys ?? keysResult(request.ask) }
      case 'layout':
        this.layoutAsks.push(request.ask)
        return { type: 'layout', result: this.layoutFailure ?? this.#layoutAnswer(request.ask) }
      case 'access':
        return { type: 'access', result: accessAnswer(this.access, request.ask) }
      case 'explain':
        return { type: 'explain', result: this.explanation }
      case 'watch':
        return { type: 'watch', result: this.watch(request.ask) }
    }
  }

  #layoutAnswer(ask: LayoutAsk): LayoutResult {
    const { current: before } = layoutState()
    const { version, hash, roles, partitions, replicas } = before
    switch (ask.what) {
      case 'plan': {
        const wanted = ask.roles ?? roles.slice(1)
        const after = planLayout({ previous: before, roles: wanted, partitions, replicas })
        return { ok: true, what: 'plan', before, after }
      }
      case 'apply':
        return { ok: true, what: 'applied', version: ask.version }
      case 'remove':
        return { ok: true, what: 'removed', node: ask.node }
      case 'history': {
        const entry = { version, hash, atMs: 1_700_000_000_000, roles, moves: 7 }
        return { ok: true, what: 'history', entries: [entry] }
      }
    }
  }

  #repair(scope: RepairScope): RepairResult {
    const counts = { done: 0, failed: 0, found: 0, foundByOthers: 0, received: 0, sent: 0 }
    const repair: RepairRunView = {
      ...{
        run: this.repairs.length + 1,
        scope,
        startedMs: 1_700_000_000_000,
        finishedMs: undefined,
      },
      ...{ partitions: 4, pairs: 8, unreachable: [], ...counts },
    }
    this.repairs = [...this.repairs, repair]
    return { ok: true, repair }
  }

  #refusal(request: ClientRequest): Failure | undefined {
    if (request.type === 'put' || request.type === 'delete' || request.type === 'get') {
      const asked = request.type === 'get' ? request.r : request.w
      const { n, valueBytesMax } = this.#of(request.bucket)
      if (asked !== undefined && asked > n)
        return failure('DND_ERR_BAD_QUORUM', `the bucket keeps ${n} replicas`)
      if (request.type === 'put' && request.value.bytes.length > valueBytesMax)
        return failure('DND_ERR_VALUE_TOO_LARGE', `the bucket takes ${valueBytesMax} bytes`)
    }
    if (request.type === 'configure-bucket' && (this.#buckets.get(request.bucket)?.size ?? 0) > 0)
      return failure('DND_ERR_BUCKET_NOT_EMPTY', 'the bucket holds keys')
    return undefined
  }

  #write(request: PutRequest | DeleteRequest): Extract<ClientReply, { type: 'write' }>['result'] {
    const entry = this.#entry(request)
    const lww = this.#of(request.bucket).conflicts === 'lww'
    const local = entry.container
    const value = request.type === 'put' ? request.value : undefined
    const given = request.context?.vector ?? []
    const dot = { vnode: VNODE, counter: ++this.#counter }
    const seen =
      lww || (value === undefined && request.context === undefined) ? local.vector : given
    const stamp = { ms: this.#counter, counter: 0 }
    entry.container = write(local, { dot, stamp, value, context: seen, tombstone: lww })
    const unseen = entry.container.versions.some((v) => v.dot !== dot && !covers(seen, v.dot))
    const context = unseen ? undefined : contextOf(entry.container)
    const siblings = this.#live(request.bucket, entry.container).length
    const many = siblings >= SIBLINGS_WARN ? { siblings } : {}
    return { ok: true, context, acks: request.w ?? 2, ...many }
  }

  #read(request: GetRequest): Extract<ClientReply, { type: 'get' }>['result'] {
    const container = this.#buckets
      .get(request.bucket)
      ?.get(bytesToBinary(listingKey(request.key, request.sort)))?.container
    const answers = request.r ?? 2
    if (container === undefined)
      return { ok: true, container: EMPTY_CONTAINER, live: [], context: undefined, answers }
    const live = this.#live(request.bucket, container)
    return { ok: true, container, live, context: contextOf(container), answers }
  }

  #list(request: ListKeysRequest): Extract<ClientReply, { type: 'list' }>['result'] {
    const entries = [...(this.#buckets.get(request.bucket)?.values() ?? [])]
      .filter(({ listing, container }) => {
        if (compareBytes(listing, request.from) < 0) return false
        if (request.to.length > 0 && compareBytes(listing, request.to) >= 0) return false
        return this.#live(request.bucket, container).length > 0
      })
      .sort((a, b) => compareBytes(a.listing, b.listing) * (request.reverse ? -1 : 1))
    const page = entries.slice(0, request.limit)
    const after = entries[request.limit]
    const keys = page.map(({ listing }) => parseListingKey(listing)!)
    if (after === undefined) return { ok: true, keys, next: undefined }
    return {
      ok: true,
      keys,
      next: this.#next(page.at(-1)!.listing, after.listing, request.reverse),
    }
  }

  /** Inclusive `from` when ascending, exclusive `to` when reverse. */
  #next(last: Uint8Array, after: Uint8Array, reverse: boolean): Uint8Array {
    const item = this.nextForm === 'next-item' ? after : last
    const beyond = reverse === (this.nextForm === 'next-item')
    return beyond ? Uint8Array.of(...item, 0) : item
  }

  #configure(
    request: Extract<ClientRequest, { type: 'configure-bucket' }>,
  ): Extract<ClientReply, { type: 'configure-bucket' }>['result'] {
    const { bucket, properties } = request
    if (properties === undefined) this.properties.delete(bucket)
    else this.properties.set(bucket, properties)
    return { ok: true, properties: properties ?? DEFAULT_PROPERTIES, pending: [NODES[2]!] }
  }

  #of(bucket: string): BucketProperties {
    return this.properties.get(bucket) ?? DEFAULT_PROPERTIES
  }

  #live(bucket: string, container: Container): readonly Version[] {
    if (this.#of(bucket).conflicts === 'siblings') return liveVersions(container)
    const best = winner(container)
    return best?.value === undefined ? [] : [best]
  }

  #entry(request: PutRequest | DeleteRequest): Entry {
    const entries = this.#buckets.get(request.bucket) ?? new Map<string, Entry>()
    this.#buckets.set(request.bucket, entries)
    const listing = listingKey(request.key, request.sort)
    const name = bytesToBinary(listing)
    const entry = entries.get(name) ?? { listing, container: EMPTY_CONTAINER }
    entries.set(name, entry)
    return entry
  }
}

/** The second member lags behind, and the third is silent. */
function keysResult(ask: KeysAsk): KeysResult {
  const [old, next] = ['0a0b0c0d', 'c0c1c2c3'] as KeyId[] as [KeyId, KeyId]
  const report = { keys: [old, next], primary: next }
  if (ask.what === 'list') {
    const reports = [report, { keys: [old], primary: old }, undefined]
    const members = NODES.map((node, i) => ({ node, report: reports[i] }))
    return { ok: true, what: 'list', members }
  }
  const id = ask.what === 'install' ? next : ask.id
  return { ok: true, what: 'changed', id, report, pending: [NODES[2]!] }
}

export function failure(
  code: Failure['code'],
  message: string,
  more: Partial<Failure> = {},
): Failure {
  return { ok: false, code, outcome: 'rejected', needed: 0, got: 0, message, ...more }
}

/** Counts in a map. */
export class FakeMetrics implements HttpMetrics {
  readonly faults: Map<string, number> = new Map()
  readonly requests: { api: string; op: string; status: number; seconds: number }[] = []
  connections: number = 0
  readonly contentType: string = 'text/plain; version=0.0.4'
  broken: boolean = false

  request(api: string, op: string, status: number, seconds: number): void {
    this.requests.push({ api, op, status, seconds })
  }

  fault(transport: string, cause: string): void {
    const name = `${transport}/${cause}`
    this.faults.set(name, (this.faults.get(name) ?? 0) + 1)
  }

  connection(_api: string, change: 1 | -1): void {
    this.connections += change
  }

  async render(): Promise<string> {
    if (this.broken) throw new Error('no scrape')
    return '# HELP dnd_ready\n'
  }
}

const KEYRING: Pick<Keyring, 'mode' | 'primary'> = {
  mode: 'required',
  primary: { id: '0badcafe' as KeyId, secret: new Uint8Array(32).fill(7) },
}

const SILENT: Log = { error: () => {}, info: () => {}, debug: () => {} }

export interface Served {
  readonly server: HttpServer
  readonly gateway: FakeGateway
  readonly metrics: FakeMetrics
  readonly base: string
  readonly port: number
}

/** A server that ends with the test. */
export async function serve(
  t: TestContext,
  limits: Partial<HttpLimits> = {},
  more: Partial<HttpServerOptions> = {},
): Promise<Served> {
  const gateway = new FakeGateway()
  const metrics = new FakeMetrics()
  const server = await HttpServer.listen({
    host: '127.0.0.1',
    port: 0,
    gateway,
    cluster: CLUSTER,
    mac,
    log: SILENT,
    metrics,
    version: '1.2.3',
    keyring: KEYRING,
    limits,
    ...more,
  })
  t.after(() => server.close(0))
  const { port } = server
  return { server, gateway, metrics, port, base: `http://127.0.0.1:${port}` }
}

/** Opens a socket, writes, and gives what comes back until the other side closes. */
export async function exchangeRaw(port: number, bytes: string | Uint8Array): Promise<string> {
  const socket = await openSocket(port)
  socket.write(bytes)
  return readToEnd(socket)
}

export async function openSocket(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
  await once(socket, 'connect')
  return socket
}

export async function readToEnd(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  socket.on('error', () => socket.destroy())
  socket.on('end', () => socket.end())
  await once(socket, 'close')
  return text
}

/** Until the socket has brought something that `matches`. */
export async function readUntil(socket: Socket, matches: RegExp): Promise<string> {
  let text = ''
  while (!matches.test(text)) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    text += chunk.toString('latin1')
  }
  return text
}

/** The second is known well; the third is accused by the other two, and comes and goes. */
const STANDINGS: NodeView['standings'] = new Map<NodeId, MemberStanding>([
  [NODES[0]!, { ...standing(0), localHealth: 0 }],
  [NODES[1]!, { ...standing(1), localHealth: 2, roundTripMs: 0.123456 }],
  [NODES[2]!, { ...standing(2), suspectedBy: [NODES[0]!, NODES[1]!], isFlapping: true }],
])

function standing(index: number): MemberStanding {
  return {
    sinceMs: Date.UTC(2024, 0, 1, 12, index),
    suspectedBy: [],
    roundTripMs: undefined,
    localHealth: undefined,
    isFlapping: false,
  }
}

function member(index: number, degraded = false): MemberRecord {
  return {
    info: {
      id: NODES[index]!,
      name: `node${index + 1}<b>`,
      address: { host: '127.0.0.1', port: 5001 + index },
      httpAddress: { host: '127.0.0.1', port: 6001 + index },
      zone: `z${index}`,
      weight: 100,
      version: '1.0.0',
      leaveLock: '00'.repeat(16),
    },
    generation: 1000 + index,
    incarnation: index,
    state: index === 2 ? 'suspect' : 'alive',
    ...(degraded ? { degraded } : {}),
  }
}

export function layoutState(): LayoutState {
  const roles = NODES.map((node, index) => ({ node, zone: `z${index}`, weight: 100 }))
  const table = [
    [0, 1, 2],
    [1, 2, 0],
    [2, 0, 1],
    [0, 2, 1],
  ]
  const current = { version: 3, previousHash: 1, partitions: 4, replicas: 3, roles, table, hash: 2 }
  return { current, previous: undefined, synced: [], acked: [], lost: [] }
}
