/**
 * Replicas of one partition with real holdings, trees and exchanges, on a store whose batches
 * become durable one after the other when a test says so, or are lost together.
 */
import assert from 'node:assert/strict'
import { LocalHoldings } from '../node/holdings.ts'
import { partitionRange, recordKey } from '../node/storage-keys.ts'
import type { ScanRange, StoreEntry, StoreOperation, StoreReader } from '../ports.ts'
import { cut } from '../ports.ts'
import { bytesToBinary, compareBytes, utf8Encode } from '../std/bytes.ts'
import { crc32 } from '../std/crc32.ts'
import type { NodeId, PartitionId, VnodeId } from '../std/ids.ts'
import { duration, instant, later } from '../std/instant.ts'
import type { Instant } from '../std/instant.ts'
import { write } from '../versions/container.ts'
import {
  decodePartitionClock,
  encodeBase,
  NO_BASE,
  PartitionClock,
} from '../versions/partition-clock.ts'
import type { Container, Dot, Version } from '../versions/version.ts'
import type { ExchangeDone, ExchangeEffect, ExchangeEvent } from './exchange.ts'
import type { ExchangeFacts, ExchangeMessage } from './exchange-messages.ts'
import { Exchanges } from './exchanges.ts'
import { HashTree } from './hash-tree.ts'

export const P = 3 as PartitionId
export const keyOf = (n: number): Uint8Array =>
  recordKey(P, 'b', utf8Encode(`key ${String(n).padStart(6, '0')}\0\u0001`))

const fromBinary = (text: string): Uint8Array =>
  Uint8Array.from(text, (character) => character.charCodeAt(0))

interface Batch {
  readonly operations: readonly StoreOperation[]
  readonly stored: () => void
  readonly lost: () => void
}

/** Batches are seen early by `get`, and by nobody else before `commit`. */
export class TestStore implements StoreReader {
  readonly #durable = new Map<string, Uint8Array>()
  #handed = new Map<string, Uint8Array>()
  #batches: Batch[] = []
  #sorted: Uint8Array[] | undefined

  get pending(): number {
    return this.#batches.length
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#handed.get(bytesToBinary(key))
  }

  getDurable(key: Uint8Array): Uint8Array | undefined {
    return this.#durable.get(bytesToBinary(key))
  }

  put(operations: readonly StoreOperation[], stored: () => void, lost: () => void): void {
    this.#batches.push({ operations, stored, lost })
    apply(this.#handed, operations)
  }

  commit(count: number = this.#batches.length): void {
    for (const batch of this.#batches.splice(0, count)) {
      apply(this.#durable, batch.operations)
      this.#sorted = undefined
      batch.stored()
    }
  }

  /** All that is not durable is gone. */
  lose(): void {
    const lost = this.#batches
    this.#batches = []
    this.#handed = new Map(this.#durable)
    for (const batch of lost) batch.lost()
  }

  scan(range: ScanRange): StoreEntry[] {
    this.#sorted ??= [...this.#durable.keys()].map(fromBinary).toSorted(compareBytes)
    const entries: StoreEntry[] = []
    for (let i = placeOf(this.#sorted, range.from); i < this.#sorted.length; i++) {
      const key = this.#sorted[i]!
      if (compareBytes(key, range.to) >= 0 || entries.length === range.limit) break
      entries.push({ key, value: this.getDurable(key)! })
    }
    return cut(range, entries)
  }

  /** A bit of a stored value turns over. */
  rot(key: Uint8Array): void {
    for (const map of [this.#durable, this.#handed]) {
      const value = map.get(bytesToBinary(key))?.slice()
      assert.ok(value !== undefined)
      value[value.length - 1]! ^= 1
      map.set(bytesToBinary(key), value)
    }
  }
}

/** Of the first key that is not below `key`. */
function placeOf(sorted: readonly Uint8Array[], key: Uint8Array): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (compareBytes(sorted[middle]!, key) < 0) low = middle + 1
    else high = middle
  }
  return low
}

function apply(map: Map<string, Uint8Array>, operations: readonly StoreOperation[]): void {
  for (const operation of operations) {
    if (operation.type === 'clear') assert.fail('nothing is cleared here')
    else if (operation.type === 'put') map.set(bytesToBinary(operation.key), operation.value)
    else map.delete(bytesToBinary(operation.key))
  }
}

export interface Sent {
  readonly from: Replica
  readonly to: NodeId
  readonly message: ExchangeMessage
}

export class Replica {
  readonly node: NodeId
  readonly store: TestStore = new TestStore()
  readonly holdings: LocalHoldings
  readonly exchanges: Exchanges
  tree: HashTree
  isTreeLost = false
  readonly done: ExchangeDone[] = []
  readonly unreadable: Uint8Array[] = []
  /** Scans asked for, that a test answers; answered at once when undefined. */
  scans: { token: number; range: ScanRange }[] | undefined
  readonly #vnode: VnodeId
  readonly #leaves: number
  readonly #send: (sent: Sent) => void
  #counter = 0
  #exchange = 0
  #merging: number | undefined
  #now: Instant = instant(0)
  readonly timers: { readonly session: number; readonly at: Instant }[] = []

  constructor(n: number, leaves: number, send: (sent: Sent) => void) {
    this.node = n.toString(16).padStart(16, '0') as NodeId
    this.#vnode = (1000 + n) as VnodeId
    this.#leaves = leaves
    this.#send = send
    this.tree = new HashTree(leaves)
    this.holdings = new LocalHoldings({
      store: this.store,
      checksum: crc32,
      onChange: (_, key, before, after) => {
        if (before === 'unreadable') this.isTreeLost = true
        else this.tree.change(key, before, after)
        const token = this.#merging
        this.step({ type: 'changed', partition: P, key, before, after, token })
      },
      onBrokenClock: () => assert.fail('the clock broke'),
    })
    this.exchanges = new Exchanges({
      checksum: crc32,
      rangeOf: partitionRange,
      treeOf: () => (this.isTreeLost ? undefined : this.tree),
      shown: (partition, key) => this.holdings.shown(partition, key),
    })
  }

  get facts(): ExchangeFacts {
    const clock = this.holdings.shownClock(P)!.encode(crc32).clock
    return { clock, floor: encodeBase([]), horizonMs: 0, wallMs: 1 }
  }

  held(key: Uint8Array): Container {
    const held = this.holdings.held(P, key)
    assert.ok(held !== 'unreadable')
    return held.container
  }

  /** Coordinates a write that supersedes all that is here. */
  write(key: Uint8Array, text: string | undefined, stored: (dot: Dot) => void = () => {}): void {
    const held = this.holdings.held(P, key)
    assert.ok(held !== 'unreadable')
    const dot = { vnode: this.#vnode, counter: ++this.#counter }
    const value =
      text === undefined
        ? undefined
        : { bytes: utf8Encode(text), contentType: 'text/plain', metadata: [], expiresAtMs: 0 }
    const after = write(held.container, {
      ...{ dot, stamp: { ms: dot.counter, counter: 0 }, value },
      ...{ context: held.container.vector, tombstone: true },
    })
    this.#keep(
      key,
      after,
      () => stored(dot),
      () => this.holdings.claim(P, dot),
    )
  }

  /** Drops tombstones that the clock covers, with all that goes with them (V6). */
  reap(key: Uint8Array): void {
    const { versions, vector } = this.held(key)
    const clock = this.holdings.clockOf(P)
    const isOver = versions.length > 0 && versions.every(({ value }) => value === undefined)
    if (isOver && clock.dominates(vector))
      this.#keep(
        key,
        { versions: [], vector },
        () => {},
        () => {},
      )
  }

  /** Receives what another replica shows of the key. */
  replicate(key: Uint8Array, record: Uint8Array, base: Uint8Array): void {
    const merged = this.holdings.merge(P, key, record, base)
    assert.ok(merged !== 'malformed')
    if (merged.kept !== undefined)
      this.store.put(
        merged.kept.operations,
        () => {},
        () => {},
      )
  }

  begin(peer: Replica, from: Uint8Array = NO_BASE, to: Uint8Array = NO_BASE): void {
    this.step({
      ...{ type: 'start', exchange: ++this.#exchange, peer: peer.node, partition: P },
      ...{ layoutVersion: 1, from, to, facts: this.facts },
    })
  }

  hear(from: NodeId, message: ExchangeMessage): void {
    if (message.type === 'exchange-open')
      this.step({ type: 'open', from, message, facts: this.facts })
    else this.step({ type: 'message', from, message })
  }

  step(event: ExchangeEvent): void {
    const effects: ExchangeEffect[] = []
    this.exchanges.step(event, this.#now, effects)
    this.exchanges.check()
    for (const effect of effects) this.#execute(effect)
  }

  /** Batches are lost, and all begins from what the store has. */
  lose(): void {
    this.step({ type: 'batch-lost' })
    const lost = [...this.done]
    this.holdings.reload()
    this.store.lose()
    this.rebuild()
    assert.equal(lost.length, this.done.length)
  }

  /** Makes the tree anew, of what is durable. */
  rebuild(): void {
    this.isTreeLost = false
    this.tree = new HashTree(this.#leaves)
    const { from, to } = partitionRange(P)
    const all = { from, to, limit: 1e9, bytesMax: 1e9, reverse: false }
    for (const { key } of this.store.scan(all)) this.tree.change(key, [], this.held(key).versions)
  }

  wait(ms: number): void {
    this.#now = later(this.#now, duration(ms))
    this.fire()
  }

  /** At the very instant of the next timer. */
  waitForTimer(): void {
    this.#now = instant(Math.min(...this.timers.map(({ at }) => at)))
    this.fire()
  }

  fire(): void {
    for (const timer of this.timers.splice(0)) {
      if (timer.at > this.#now) this.timers.push(timer)
      else this.step({ type: 'timer', timer: { session: timer.session } })
    }
  }

  check(): void {
    this.exchanges.check()
    this.holdings.check()
    this.tree.check()
  }

  #execute(effect: ExchangeEffect): void {
    switch (effect.type) {
      case 'send':
        return this.#send({ from: this, to: effect.to, message: effect.message })
      case 'scan':
        if (this.scans !== undefined) return void this.scans.push(effect)
        return this.step({
          ...{ type: 'scanned', token: effect.token },
          entries: this.store.scan(effect.range),
        })
      case 'merge':
        return this.#merge(effect)
      case 'arm':
        return void this.timers.push({ session: effect.timer.session, at: effect.at })
      case 'unreadable':
        return void this.unreadable.push(effect.key)
      case 'done':
        return this.#onDone(effect)
    }
  }

  #merge({ token, partition, records, base }: Extract<ExchangeEffect, { type: 'merge' }>): void {
    const operations: StoreOperation[] = []
    let changed = 0
    let refused = 0
    this.#merging = token
    for (const { key, record } of records) {
      const merged = this.holdings.mergeChange(partition, key, record, base)
      if (merged === 'malformed') refused++
      else if (merged.operations !== undefined) {
        changed++
        operations.push(...merged.operations)
      }
    }
    this.#merging = undefined
    if (changed > 0) operations.push(this.holdings.clockChange(partition).operation)
    this.store.put(
      operations,
      () => this.step({ type: 'merged', token, changed, refused }),
      () => this.step({ type: 'merge-failed', token }),
    )
  }

  #onDone(done: ExchangeDone): void {
    this.done.push(done)
    if (done.outcome !== 'complete') return
    const theirs = decodePartitionClock(done.theirs!.clock, crc32)
    assert.ok(theirs instanceof PartitionClock)
    this.holdings.clockOf(P).merge(theirs)
    this.store.put(
      [this.holdings.clockChange(P).operation],
      () => {},
      () => {},
    )
  }

  #keep(key: Uint8Array, after: Container, stored: () => void, lost: () => void): void {
    const before = this.holdings.held(P, key)
    const kept = this.holdings.keep(P, key, before, after)
    assert.ok(kept !== undefined)
    this.store.put(kept.operations, stored, lost)
  }
}

/** What a record holds, for a comparison by eye. */
export function textsOf(versions: readonly Version[]): string[] {
  return versions.map(({ value }) =>
    value === undefined ? 'deleted' : new TextDecoder().decode(value.bytes),
  )
}
