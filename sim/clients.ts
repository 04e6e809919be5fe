/**
 * Clients: each asks for one thing at a time and waits for the answer, reads what others write,
 * hands back the contexts that it was given or forgets them, and sometimes loses patience. Every
 * value is written once in the whole run, so that whoever reads one knows whose write it was.
 */
import { utf8Encode } from '../src/core/std/bytes.ts'
import type { Prng } from '../src/core/std/prng.ts'
import type { ClientReply, ClientRequest } from '../src/core/node/events.ts'
import type { ConflictMode } from '../src/core/node/messages.ts'
import { listingKey } from '../src/core/node/storage-keys.ts'
import { shownBy } from './checkers/causality.ts'
import { pageProblem } from './checkers/listings.ts'
import { EPOCH_MS } from './clock.ts'
import type { EventQueue } from './clock.ts'
import { mayExpireAtMs } from './expiry.ts'
import type { GetRecord, History, Operation, SeenContext, WriteRecord } from './history.ts'
import { valueName } from './history.ts'
import type { Range } from './seed.ts'
import { wholeWithin, within } from './seed.ts'
import type { SimNode } from './sim-node.ts'
import type { Violation } from './violation.ts'
import { violation } from './violation.ts'

export interface WorkloadBucket {
  readonly name: string
  readonly mode: ConflictMode
  /** Replicas; without it, as many as the world has of everything. */
  readonly n?: number
  readonly r: number
  readonly w: number
  /** Whether what stands in for a replica counts for w; without it, not. */
  readonly sloppy?: boolean
  /** How long values live whose put says nothing; without it, for ever. */
  readonly ttlMs?: number
}

export interface Workload {
  readonly buckets: readonly WorkloadBucket[]
  /** Keys of each bucket: few, so that clients meet. */
  readonly keys: number
  readonly clientsPerNode: number
  /** Between an answer and the next request, milliseconds. */
  readonly thinkMs: Range
  readonly putShare: number
  readonly deleteShare: number
  /** Chance that a client asks for a page of a listing instead of one key. */
  readonly listShare: number
  /** Chance that a write hands back the context that the client holds. */
  readonly contextChance: number
  /** Chance that a client forgets a context that it could have used. */
  readonly forgetChance: number
  /** Chance that a request names its own quorum instead of the bucket's. */
  readonly ownQuorumChance: number
  /** Whether such a request may ask for less than its bucket does. */
  readonly weakensQuorums: boolean
  /** Chance that what failed or is in doubt is asked for again, of any node. */
  readonly retryChance: number
  /** Chance that a client gives up before its time. */
  readonly impatience: number
  readonly timeoutMs: Range
  readonly valueBytes: Range
  /** Chance that a put says until when its value lives. */
  readonly ttlShare: number
  /** How long such values live, milliseconds. */
  readonly ttlMs: Range
  /** Chance that a value is a large one. */
  readonly largeChance: number
  readonly largeBytes: Range
}

/** What clients see of the world. */
export interface ClientWorld {
  readonly queue: EventQueue
  readonly nodes: readonly SimNode[]
  readonly history: History
  readonly replicas: number
  /** How far wall clocks may be off, milliseconds; Infinity: by anything. */
  readonly clockErrorMs: number
  violate(broken: Violation): void
  nextProcess(): number
}

/** Beyond its time limit a node may take this long to say so. */
const GRACE_MS = 1_000

/**
 * Every third key of a `siblings` bucket sees deletes without context, which supersede what no
 * client can know.
 */
export function hasBlindDeletes(key: string): boolean {
  return Number(key.slice(1)) % 3 === 0
}

/** An operation that a client repeats as a new one: with a value of its own if it is a put. */
interface Retry {
  readonly kind: Operation['kind']
  readonly bucket: WorkloadBucket
  readonly key: string
}

export class Client {
  readonly #world: ClientWorld
  readonly #workload: Workload
  readonly #home: number
  readonly #rng: Prng
  // Bounded by: the keys of the workload.
  readonly #contexts = new Map<string, SeenContext>()
  #process: number
  #stopped = false
  #waiting: Operation | undefined
  /** What is to be asked for again. */
  #retry: Retry | undefined

  constructor(world: ClientWorld, workload: Workload, home: number, rng: Prng) {
    this.#world = world
    this.#workload = workload
    this.#home = home
    this.#rng = rng
    this.#process = world.nextProcess()
  }

  /** Whether it waits for an answer. */
  get isWaiting(): boolean {
    return this.#waiting !== undefined
  }

  start(): void {
    this.#think()
  }

  /** Asks for nothing more. */
  stop(): void {
    this.#stopped = true
  }

  #think(): void {
    this.#world.queue.after(within(this.#workload.thinkMs, this.#rng), () => this.#act())
  }

  #act(): void {
    if (this.#stopped) return
    const node = this.#chooseNode()
    if (node === undefined) return this.#think()
    const again = this.#retry
    this.#retry = undefined
    if (again !== undefined) return this.#actOn(again.kind, node, again.bucket, again.key)
    const bucket = this.#rng.pick(this.#workload.buckets)
    const key = `k${this.#rng.below(this.#workload.keys)}`
    if (this.#rng.chance(this.#workload.listShare)) return this.#list(node, bucket, key)
    const dice = this.#rng.fraction()
    const { putShare, deleteShare } = this.#workload
    if (dice < putShare) this.#actOn('put', node, bucket, key)
    else if (dice < putShare + deleteShare) this.#actOn('delete', node, bucket, key)
    else this.#actOn('get', node, bucket, key)
  }

  #actOn(kind: Operation['kind'], node: SimNode, bucket: WorkloadBucket, key: string): void {
    if (kind === 'get') this.#get(node, bucket, key)
    else this.#write(kind, node, bucket, key)
  }

  /** Mostly its own node while that is up, else any that is. */
  #chooseNode(): SimNode | undefined {
    const home = this.#world.nodes[this.#home]
    if (home?.isUp === true && this.#rng.chance(0.8)) return home
    const up = this.#world.nodes.filter((node) => node.isUp)
    return up.length === 0 ? undefined : this.#rng.pick(up)
  }

  #write(kind: 'put' | 'delete', node: SimNode, bucket: WorkloadBucket, key: string): void {
    const supersedes = this.#takeContext(`${bucket.name}/${key}`)
    const blind = supersedes === undefined && kind === 'delete' && bucket.mode === 'siblings'
    if (blind && !hasBlindDeletes(key)) return this.#get(node, bucket, key)
    const w = this.#ownQuorum(bucket, bucket.w)
    const life = kind === 'put' ? this.#drawLife() : undefined
    const operation = this.#world.history.invoke<WriteRecord>({
      ...this.#common(node, bucket, key),
      kind,
      w: w ?? bucket.w,
      ...(bucket.sloppy === true ? { sloppy: true } : {}),
      ...(kind === 'put' ? this.#deadline(life?.ttlMs ?? bucket.ttlMs) : {}),
      supersedes,
      context: undefined,
      acks: 0,
    })
    const timeoutMs = Math.round(within(this.#workload.timeoutMs, this.#rng))
    const names = { bucket: bucket.name, key: utf8Encode(key), sort: undefined, timeoutMs, w }
    const context = supersedes?.context
    const bytes = this.#value(operation.id)
    const expiresAtMs = life?.expiresAtMs ?? 0
    const value = { bytes, contentType: 'text/plain', metadata: [], expiresAtMs }
    const ttl = life !== undefined && expiresAtMs === 0 ? { ttlMs: life.ttlMs } : {}
    const request: ClientRequest =
      kind === 'put'
        ? { type: 'put', ...names, context, value, ...ttl }
        : { type: 'delete', ...names, context }
    this.#ask(node, operation, request, timeoutMs)
  }

  /** How long the value of a put lives, and until when if the client says so itself. */
  #drawLife(): { readonly ttlMs: number; readonly expiresAtMs: number } | undefined {
    const { ttlShare, ttlMs: range } = this.#workload
    if (!this.#rng.chance(ttlShare)) return undefined
    const ttlMs = wholeWithin(range, this.#rng)
    const saysWhen = this.#rng.chance(0.5)
    const deadlineMs = Math.floor(EPOCH_MS + this.#world.queue.nowMs + ttlMs)
    return { ttlMs, expiresAtMs: saysWhen ? deadlineMs : 0 }
  }

  #deadline(ttlMs: number | undefined): { readonly mayExpireAtMs?: number } {
    if (ttlMs === undefined) return {}
    const { queue, clockErrorMs } = this.#world
    return { mayExpireAtMs: mayExpireAtMs(queue.nowMs, ttlMs, clockErrorMs) }
  }

  #get(node: SimNode, bucket: WorkloadBucket, key: string): void {
    const r = this.#ownQuorum(bucket, bucket.r)
    const operation = this.#world.history.invoke<GetRecord>({
      ...this.#common(node, bucket, key),
      kind: 'get',
      r: r ?? bucket.r,
      ...(this.#mayReadOld(r ?? bucket.r) ? { mayReadOld: true } : {}),
      result: undefined,
    })
    const timeoutMs = Math.round(within(this.#workload.timeoutMs, this.#rng))
    const names = { bucket: bucket.name, key: utf8Encode(key), sort: undefined, timeoutMs, r }
    this.#ask(node, operation, { type: 'get', ...names }, timeoutMs)
  }

  /**
   * A page from somewhere on. Nobody waits for it: whether it was answered shows when all is at
   * rest.
   */
  #list(node: SimNode, bucket: WorkloadBucket, key: string): void {
    const reverse = this.#rng.chance(0.5)
    const bound = listingKey(utf8Encode(key), undefined)
    const bounds = reverse
      ? { from: new Uint8Array(0), to: bound }
      : { from: bound, to: new Uint8Array(0) }
    const limit = wholeWithin([1, 5], this.#rng)
    const timeoutMs = Math.round(within(this.#workload.timeoutMs, this.#rng))
    const request = {
      type: 'list',
      bucket: bucket.name,
      ...bounds,
      reverse,
      limit,
      timeoutMs,
    } as const
    node.request(request, (reply) => {
      if (reply === 'lost' || reply.type !== 'list' || !reply.result.ok) return
      const wrong = pageProblem(reply.result, request)
      if (wrong !== undefined)
        this.#world.violate(violation('listings', `${bucket.name}: a page ${wrong}`))
    })
    this.#think()
  }

  #common(
    node: SimNode,
    bucket: WorkloadBucket,
    key: string,
  ): Pick<Operation, 'process' | 'node' | 'bucket' | 'mode' | 'key' | 'n' | 'invokedAtMs'> {
    return {
      process: this.#process,
      node: node.index,
      bucket: bucket.name,
      mode: bucket.mode,
      key,
      n: this.#replicasOf(bucket),
      invokedAtMs: this.#world.queue.nowMs,
    }
  }

  #ask(node: SimNode, operation: Operation, request: ClientRequest, timeoutMs: number): void {
    this.#waiting = operation
    node.request(request, (reply) => this.#answered(operation, reply))
    this.#world.queue.after(timeoutMs + GRACE_MS, () => {
      if (this.#waiting !== operation) return
      // Who asks a process that stands still hears nothing, and goes away.
      if (node.pausedSince(operation.invokedAtMs)) return this.#giveUp(operation)
      const { bucket, key, kind, id } = operation
      const message = `no reply to ${kind} ${valueName(id)} ${GRACE_MS} ms after its time limit`
      this.#world.violate(violation('replies', message, [`${bucket}/${key}`]))
    })
    if (this.#rng.chance(this.#workload.impatience))
      this.#world.queue.after(within([0, timeoutMs], this.#rng), () => this.#giveUp(operation))
  }

  #giveUp(operation: Operation): void {
    if (this.#waiting !== operation) return
    this.#inDoubt(operation, 'the client gave up')
    this.#next(operation)
  }

  #answered(operation: Operation, reply: ClientReply | 'lost'): void {
    if (this.#waiting !== operation) return
    operation.returnedAtMs = this.#world.queue.nowMs
    if (reply === 'lost') this.#inDoubt(operation, 'the node died')
    else if (!reply.result.ok) this.#failed(operation, reply.result)
    else if (reply.type === 'write') this.#written(operation, reply)
    else if (reply.type === 'get') this.#read(operation, reply)
    this.#next(operation)
  }

  #failed(
    operation: Operation,
    result: { readonly outcome: 'rejected' | 'unknown'; readonly code: string },
  ): void {
    if (result.outcome === 'unknown') this.#inDoubt(operation, result.code)
    else this.#world.history.fail(operation, result.code)
  }

  /** A get that was not answered changed nothing, so only writes are in doubt. */
  #inDoubt(operation: Operation, reason: string): void {
    if (operation.kind === 'get') return this.#world.history.fail(operation, reason)
    this.#world.history.unknown(operation, reason)
    this.#process = this.#world.nextProcess()
  }

  #written(operation: Operation, reply: ClientReply & { readonly type: 'write' }): void {
    if (operation.kind === 'get' || !reply.result.ok) return
    const { context, acks } = reply.result
    operation.context = context
    operation.acks = acks
    this.#world.history.ok(operation)
    if (context === undefined) return
    const writes = new Set(operation.supersedes?.writes)
    writes.add(operation.id)
    this.#contexts.set(`${operation.bucket}/${operation.key}`, { context, writes })
  }

  #read(operation: Operation, reply: ClientReply & { readonly type: 'get' }): void {
    if (operation.kind !== 'get' || !reply.result.ok) return
    const { result } = reply
    operation.result = result
    this.#world.history.ok(operation)
    if (result.context === undefined) return
    const writes = shownBy(result.container)
    const name = `${operation.bucket}/${operation.key}`
    this.#contexts.set(name, { context: result.context, writes })
  }

  #next({ kind, outcome, bucket: name, key }: Operation): void {
    this.#waiting = undefined
    const bucket = this.#workload.buckets.find((candidate) => candidate.name === name)
    const retries = outcome !== 'ok' && this.#rng.chance(this.#workload.retryChance)
    if (retries && bucket !== undefined) this.#retry = { kind, bucket, key }
    this.#think()
  }

  #takeContext(name: string): SeenContext | undefined {
    const held = this.#contexts.get(name)
    if (this.#rng.chance(this.#workload.forgetChance)) this.#contexts.delete(name)
    return this.#rng.chance(this.#workload.contextChance) ? held : undefined
  }

  #ownQuorum(bucket: WorkloadBucket, usual: number): number | undefined {
    const { ownQuorumChance, weakensQuorums } = this.#workload
    if (!this.#rng.chance(ownQuorumChance)) return undefined
    return wholeWithin([weakensQuorums ? 1 : usual, this.#replicasOf(bucket)], this.#rng)
  }

  /** Where layouts change nobody weakens what a bucket promises; some promise nothing. */
  #mayReadOld(r: number): boolean {
    const { buckets, weakensQuorums } = this.#workload
    const promising = buckets.filter((each) => each.r + each.w > this.#replicasOf(each))
    return !weakensQuorums && promising.every((each) => r < each.r)
  }

  #replicasOf(bucket: WorkloadBucket): number {
    return bucket.n ?? this.#world.replicas
  }

  #value(id: number): Uint8Array {
    const name = `${valueName(id)} `
    const { valueBytes, largeChance, largeBytes } = this.#workload
    const bytes = this.#rng.chance(largeChance) ? largeBytes : valueBytes
    return utf8Encode(name.padEnd(wholeWithin(bytes, this.#rng), '.'))
  }
}
