/**
 * A receiver and its sources on a small simulated network: messages take their time or get lost,
 * connections break, sources stop and start again, the receiver's store fails now and then. What
 * must hold whatever happens: everything ends complete, and then the receiver has, durably, every
 * record of as many sources as it needed.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bytesToBinary, compareBytes } from '../std/bytes.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import { duration, type Instant, instant, later } from '../std/instant.ts'
import { Prng } from '../std/prng.ts'
import { TimerQueue } from '../std/timer-queue.ts'
import type { ScanRange, StoreEntry, StoreOperation } from '../ports.ts'
import { cut } from '../ports.ts'
import { NO_BASE } from '../versions/partition-clock.ts'
import { crc32 } from '../std/crc32.ts'
import type { TransferChunk, TransferRequest } from './messages.ts'
import { HashTree } from './hash-tree.ts'
import { versionsIn } from './receiver-bench.test.ts'
import type { TransferReceiverEffect, TransferReceiverEvent } from './transfer-events.ts'
import { TransferReceiver } from './transfer-receiver.ts'
import type { PartitionTransfer } from './transfer-work.ts'
import { decodeTransferCursor, encodeTransferCursor } from './transfer-cursor.ts'
import { TransferSource, type TransferSourceEffect } from './transfer-source.ts'

const LAYOUT = 2
const MOVING = { version: LAYOUT, hash: 7 }
/** Few, so that a pull is many chunks and something can happen between any two. */
const CHUNK_RECORDS = 32
const node = (n: number): NodeId => n.toString(16).padStart(16, '0') as NodeId
const rangeOf = (partition: PartitionId): { from: Uint8Array; to: Uint8Array } => ({
  from: Uint8Array.of(1, partition),
  to: Uint8Array.of(1, partition + 1),
})
const key = (partition: number, n: number): Uint8Array =>
  Uint8Array.of(1, partition, n >> 8, n & 0xff)

const CURSOR = 9
const cursorKey = (partition: number, source: NodeId): Uint8Array =>
  Uint8Array.of(CURSOR, partition, Number(source))

/** A record is an ascending set of small numbers; merging is their union. */
type Dots = readonly number[]

function union(a: Uint8Array, b: Uint8Array): Uint8Array {
  return Uint8Array.from([...new Set([...a, ...b])].sort((x, y) => x - y))
}

/**
 * A store in memory that keeps its promises: ordered batches, reads that see them early, failures
 * that take them back.
 */
class Store {
  readonly durable = new Map<string, Uint8Array>()
  readonly #batches: (readonly StoreOperation[])[] = []
  readonly #lost = new Set<readonly StoreOperation[]>()

  get(at: Uint8Array): Uint8Array | undefined {
    const name = bytesToBinary(at)
    for (const batch of [...this.#batches].reverse()) {
      if (this.#lost.has(batch)) continue
      for (const operation of batch)
        if (operation.type === 'put' && bytesToBinary(operation.key) === name)
          return operation.value
    }
    return this.durable.get(name)
  }

  /** The process dies. */
  lose(): void {
    this.#batches.length = 0
    this.#lost.clear()
  }

  hand(operations: readonly StoreOperation[]): void {
    this.#batches.push(operations)
  }

  /**
   * The oldest batch ends one way or the other; when it fails, so do all that were handed over
   * since. Gives how it ended.
   */
  settle(ok: boolean): boolean {
    const batch = this.#batches.shift()!
    if (!ok) for (const later of this.#batches) this.#lost.add(later)
    if (!ok || this.#lost.has(batch)) {
      this.#lost.delete(batch)
      return false
    }
    for (const operation of batch)
      if (operation.type === 'put') this.durable.set(bytesToBinary(operation.key), operation.value)
    return true
  }
}

interface Holder {
  readonly records: StoreEntry[]
  source: TransferSource
  layoutVersion: number
  up: boolean
  /** Rises with each connection: what was sent over an older one does not arrive. */
  connection: number
  chunks: number
  entriesSent: number
}

/** A source that knows what it holds by its tree as well. */
function sourceOver(records: readonly StoreEntry[]): TransferSource {
  return new TransferSource({
    ...{ rangeOf, chunkRecordsMax: CHUNK_RECORDS, isIntact: () => true },
    sizeOf: () => undefined,
    rootOf: (partition) => {
      const tree = new HashTree(1)
      for (const { key: at, value } of records)
        if (at[1] === partition) tree.change(at, [], versionsIn(value))
      return tree.root()
    },
  })
}

interface Troubles {
  readonly loss?: number
  readonly storeFailure?: number
  readonly scanFailure?: number
}

class World {
  readonly store = new Store()
  readonly holders = new Map<NodeId, Holder>()
  readonly said: TransferReceiverEffect[] = []
  receiver: TransferReceiver
  stores = 0
  puts = 0
  now: Instant = instant(0)
  troubles: Troubles = {}
  readonly #queue = new TimerQueue<() => void>()
  readonly #rng: Prng
  /** Of the receiver: what was for an earlier one concerns nobody. */
  #life = 0

  constructor(seed: number) {
    this.#rng = new Prng(seed)
    this.receiver = this.#newReceiver()
  }

  /** The receiver is killed and started again over what is durable. */
  startAgain(partitions: readonly PartitionTransfer[]): void {
    this.#life++
    this.said.length = 0
    this.store.lose()
    this.receiver = this.#newReceiver()
    this.begin(partitions)
  }

  #newReceiver(): TransferReceiver {
    return new TransferReceiver({
      store: this.store,
      merge: (_, at, incoming) => {
        const held = this.store.get(at)
        const merged = held === undefined ? incoming : union(held, incoming)
        if (merged.length === held?.length) return undefined
        return [{ type: 'put', key: at, value: merged }]
      },
      seal: (partition) => ({ type: 'put', key: Uint8Array.of(4, partition), value: NO_BASE }),
      cursorOf: (partition, source) => {
        const bytes = this.store.durable.get(bytesToBinary(cursorKey(partition, source)))
        return bytes && decodeTransferCursor(bytes, MOVING, crc32)
      },
      keepCursor: (partition, source, cursor) => ({
        ...{ type: 'put', key: cursorKey(partition, source) },
        value: encodeTransferCursor(cursor, MOVING, crc32),
      }),
      versionsIn,
      rangeOf,
      rng: this.#rng.fork(),
    })
  }

  /** A node that holds records: partition → number of the key → dots. */
  hold(id: NodeId, partitions: readonly (readonly [number, Dots][])[]): Holder {
    const records = partitions.flatMap((entries, partition) =>
      entries.map(([n, dots]) => ({ key: key(partition, n), value: Uint8Array.from(dots) })),
    )
    records.sort((a, b) => compareBytes(a.key, b.key))
    const holder: Holder = {
      records,
      source: sourceOver(records),
      layoutVersion: LAYOUT,
      up: true,
      connection: 0,
      chunks: 0,
      entriesSent: 0,
    }
    this.holders.set(id, holder)
    return holder
  }

  at(delayMs: number, what: () => void): void {
    this.#queue.arm(what, later(this.now, duration(delayMs)))
  }

  tell(event: TransferReceiverEvent): void {
    const effects: TransferReceiverEffect[] = []
    this.receiver.step(event, this.now, effects)
    this.receiver.check()
    for (const effect of effects) this.#execute(effect)
  }

  begin(partitions: readonly PartitionTransfer[]): void {
    this.tell({ type: 'begin', layoutVersion: LAYOUT, partitions })
  }

  /**
   * Breaks the connection to a node, and with `stop` the node as well: its scans in hand are
   * forgotten.
   */
  cut(id: NodeId, stop = false): void {
    const holder = this.holders.get(id)!
    holder.connection++
    if (stop) {
      holder.up = false
      holder.source = sourceOver(holder.records)
    }
    this.at(1, () => this.tell({ type: 'peer-lost', peer: id }))
  }

  restart(id: NodeId): void {
    this.holders.get(id)!.up = true
    this.at(1, () => this.tell({ type: 'peer-up', peer: id }))
  }

  /** Lets time pass until nothing is left to happen or `until` says so. */
  run(until: () => boolean = () => false): void {
    for (let steps = 0; !until(); steps++) {
      assert.ok(steps < 200_000, 'it never ends')
      const next = this.#queue.nextDeadline()
      const what = this.#queue.due(next)
      if (what === undefined) return
      this.now = next
      what()
    }
  }

  get complete(): boolean {
    return this.said.some(({ type }) => type === 'complete')
  }

  #execute(effect: TransferReceiverEffect): void {
    switch (effect.type) {
      case 'send':
        return this.#request(effect.to, effect.message)
      case 'store':
        this.stores++
        return this.#store(effect.operations, effect.token)
      case 'keep':
        return this.#store([effect.operation])
      case 'arm': {
        const life = this.#life
        const due = (): void => {
          if (life === this.#life) this.tell({ type: 'timer', timer: effect.timer })
        }
        this.#queue.arm(due, effect.at)
        return
      }
      case 'transferred':
      case 'complete':
      case 'unreadable':
        this.said.push(effect)
        return
      case 'transfer-differs':
        assert.fail('a stream brought something else than its source holds')
    }
  }

  #store(all: readonly StoreOperation[], token?: number): void {
    // Less the clock.
    const operations = all.filter((one) => one.type === 'put' && one.key[0] !== 4)
    this.puts += operations.filter((one) => one.type === 'put' && one.key[0] !== CURSOR).length
    this.store.hand(operations)
    const ok = !this.#rng.chance(this.troubles.storeFailure ?? 0)
    const life = this.#life
    // Equal delays keep batches in order.
    this.at(3, () => {
      if (life !== this.#life) return
      const stored = this.store.settle(ok)
      if (!stored) this.tell({ type: 'batch-lost' })
      if (token !== undefined) this.tell({ type: stored ? 'stored' : 'store-failed', token })
    })
  }

  #request(to: NodeId, message: TransferRequest): void {
    const holder = this.holders.get(to)!
    if (!holder.up) return this.at(1, () => this.tell({ type: 'peer-lost', peer: to }))
    this.#carry(holder, () => {
      const { layoutVersion } = holder
      const event = {
        type: 'request',
        from: node(0),
        message,
        layoutVersion,
        replica: true,
        base: NO_BASE,
        clock: NO_BASE,
      } as const
      this.#step(to, holder, event)
    })
  }

  #step(id: NodeId, holder: Holder, event: Parameters<TransferSource['step']>[0]): void {
    const effects: TransferSourceEffect[] = []
    holder.source.step(event, effects)
    holder.source.check()
    for (const effect of effects) {
      if (effect.type === 'scan') this.#scan(id, holder, effect.token, effect.range)
      else if (effect.type === 'send') this.#chunk(id, holder, effect.message)
      else assert.fail('no record is broken')
    }
  }

  #scan(id: NodeId, holder: Holder, token: number, range: ScanRange): void {
    const { source } = holder
    const failed = this.#rng.chance(this.troubles.scanFailure ?? 0)
    this.at(2, () => {
      if (holder.source !== source) return
      if (failed) return this.#step(id, holder, { type: 'scan-failed', token })
      const found = holder.records.filter(
        ({ key: at }) => compareBytes(at, range.from) >= 0 && compareBytes(at, range.to) < 0,
      )
      const entries = cut(range, found)
      this.#step(id, holder, { type: 'scanned', token, entries })
    })
  }

  #chunk(id: NodeId, holder: Holder, message: TransferChunk): void {
    if (message.outcome === 'ok') holder.chunks++
    holder.entriesSent += message.entries.length
    this.#carry(holder, () => this.tell({ type: 'chunk', from: id, message }))
  }

  /** Over the connection that stands, or not at all. */
  #carry(holder: Holder, deliver: () => void): void {
    const { connection } = holder
    if (this.#rng.chance(this.troubles.loss ?? 0)) return
    const life = this.#life
    this.at(1 + this.#rng.below(5), () => {
      if (life === this.#life && holder.up && holder.connection === connection) deliver()
    })
  }
}

/** As many records of one dot in each of some partitions. */
const plain = (partitions: number, records: number): [number, Dots][][] =>
  Array.from({ length: partitions }, () =>
    Array.from({ length: records }, (_, n): [number, Dots] => [n, [1]]),
  )

const pullAll = (partitions: number, sources: NodeId[], needed: number): PartitionTransfer[] =>
  Array.from({ length: partitions }, (_, p) => ({ partition: p as PartitionId, sources, needed }))

const [A, B, C] = [node(1), node(2), node(3)]

/** Whether the receiver has all that this node holds. */
function hasAllOf(world: World, id: NodeId, partition?: PartitionId): boolean {
  return world.holders.get(id)!.records.every(({ key: at, value }) => {
    if (partition !== undefined && at[1] !== partition) return true
    const held = world.store.durable.get(bytesToBinary(at))
    return held !== undefined && [...value].every((dot) => held.includes(dot))
  })
}

test('on a calm day each record is stored once and sent once by each source needed', () => {
  const world = new World(1)
  for (const id of [A, B, C]) world.hold(id, plain(20, 100))
  world.begin(pullAll(20, [A, B, C], 2))
  world.run()
  assert.ok(world.complete)
  assert.ok(hasAllOf(world, A))
  assert.equal(world.puts, 2000)
  assert.equal(world.receiver.records, 2000)
  assert.equal(world.receiver.pending, 0)
  assert.deepEqual(
    [A, B, C].map((id) => world.holders.get(id)!.entriesSent),
    [2000, 2000, 0],
  )
})

test('what sources hold apart is brought together', () => {
  const world = new World(2)
  const ofA: [number, Dots][] = [
    [1, [1]],
    [2, [1, 2]],
  ]
  const ofB: [number, Dots][] = [
    [2, [3]],
    [9, [4]],
  ]
  world.hold(A, [ofA])
  world.hold(B, [ofB])
  world.begin(pullAll(1, [A, B], 2))
  world.run()
  const { durable } = world.store
  assert.deepEqual(
    [...durable.keys()].filter((name) => name.charCodeAt(0) !== CURSOR).sort(),
    [1, 2, 9].map((n) => bytesToBinary(key(0, n))),
  )
  assert.deepEqual(durable.get(bytesToBinary(key(0, 2))), Uint8Array.of(1, 2, 3))
})

test('a second pull of what is here stores nothing', () => {
  const world = new World(3)
  for (const id of [A, B]) world.hold(id, plain(4, 50))
  world.begin(pullAll(4, [A], 1))
  world.run()
  const { stores } = world
  world.tell({ type: 'begin', layoutVersion: LAYOUT, partitions: pullAll(4, [B], 1).reverse() })
  world.run()
  assert.equal(world.said.filter(({ type }) => type === 'complete').length, 2)
  assert.equal(world.stores, stores)
})

test('after a lost connection a source goes on where the receiver stands', () => {
  const calm = new World(4)
  const undisturbed = calm.hold(A, plain(1, 2000))
  calm.begin(pullAll(1, [A], 1))
  calm.run()

  const world = new World(4)
  const holder = world.hold(A, plain(1, 2000))
  world.begin(pullAll(1, [A], 1))
  world.run(() => holder.chunks === 4)
  assert.equal(world.complete, false)
  world.cut(A)
  world.run()
  assert.ok(world.complete && hasAllOf(world, A))
  assert.equal(world.puts, 2000)
  assert.ok(holder.chunks <= undisturbed.chunks + 1, `${holder.chunks} chunks`)
})

test('a source that stops half way and comes back is resumed, not begun anew', () => {
  const world = new World(5)
  const holder = world.hold(A, plain(3, 1000))
  world.begin(pullAll(3, [A], 1))
  world.run(() => holder.entriesSent > 1200)
  world.cut(A, true)
  world.run(() => world.now > 20_000)
  assert.equal(world.complete, false)
  const before = holder.entriesSent
  const held = [...world.store.durable.keys()].filter((name) => name.charCodeAt(0) !== CURSOR)
  const missing = 3000 - held.length
  assert.ok(missing > 500 && missing < 3000)
  world.restart(A)
  world.run()
  assert.ok(world.complete && hasAllOf(world, A))
  assert.equal(world.puts, 3000)
  assert.equal(holder.entriesSent - before, missing, 'only what is not here yet')
})

test('a source that dies half way is replaced by another', () => {
  const world = new World(6)
  const [a] = [A, B, C].map((id) => world.hold(id, plain(10, 300)))
  world.begin(pullAll(10, [A, B, C], 2))
  world.run(() => a!.entriesSent > 800)
  world.cut(A, true)
  world.run(() => world.complete)
  assert.ok(world.now < 5_000, `it took ${world.now} ms`)
  assert.ok(hasAllOf(world, B) && hasAllOf(world, C))
  assert.equal(world.puts, 3000)
})

test('with every source gone nothing is complete, and nothing is given up', () => {
  const world = new World(7)
  for (const id of [A, B]) world.hold(id, plain(10, 100)).up = false
  world.begin(pullAll(10, [A, B], 1))
  world.run(() => world.now > 600_000)
  assert.equal(world.complete, false)
  assert.equal(world.receiver.pending, 10)
  world.restart(B)
  world.run(() => world.complete)
  assert.ok(hasAllOf(world, B))
})

test('partitions of sources that are up do not wait for those whose source is down', () => {
  const world = new World(9)
  world.hold(A, plain(30, 20)).up = false
  world.hold(B, plain(30, 20))
  const plan = pullAll(30, [A], 1).map((one, p) => (p >= 20 ? { ...one, sources: [B] } : one))
  world.begin(plan)
  world.run(() => world.receiver.pending === 20)
  assert.ok(world.now < 1_000, `it took ${world.now} ms`)
})

test('a receiver that is killed half way and started again goes on where it stopped', () => {
  const world = new World(10)
  const holders = [A, B].map((id) => world.hold(id, plain(20, 500)))
  const sent = (): number => holders[0]!.entriesSent + holders[1]!.entriesSent
  const plan = pullAll(20, [A, B], 2)
  world.begin(plan)
  world.run(() => sent() >= 10_000)
  assert.equal(world.complete, false)
  const before = sent()
  world.startAgain(plan)
  world.run()
  assert.ok(world.complete && hasAllOf(world, A))
  const again = sent() - before
  // What was under way, a chunk of each stream in hand, is all that is sent twice.
  assert.ok(again <= 0.6 * 20_000, `${again} of 20000 records were sent again`)
})

test('a receiver that is started again after it had all asks for nothing, and says so', () => {
  const world = new World(11)
  const holders = [A, B].map((id) => world.hold(id, plain(4, 100)))
  world.begin(pullAll(4, [A, B], 2))
  world.run()
  const before = holders.map(({ chunks }) => chunks)
  world.startAgain(pullAll(4, [A, B], 2))
  world.run()
  assert.deepEqual(
    world.said.map(({ type }) => type),
    [...new Array<string>(4).fill('transferred'), 'complete'],
  )
  assert.deepEqual(
    holders.map(({ chunks }) => chunks),
    before,
  )
})

/**
 * Sources that each lack some of what was written, as replicas do: every record is on at least two
 * of the three.
 */
function unevenHolders(world: World, rng: Prng, partitions: number): void {
  const parts = [A, B, C].map(() => Array.from({ length: partitions }, (): [number, Dots][] => []))
  for (let p = 0; p < partitions; p++) {
    for (let n = 0; n < 80; n++) {
      const without = rng.below(4)
      const dots = [rng.below(3), 3 + rng.below(3)]
      parts.forEach((part, holder) => {
        if (holder !== without) part[p]!.push([n, dots])
        else if (rng.chance(0.5)) part[p]!.push([n, dots.slice(0, 1)])
      })
    }
  }
  ;[A, B, C].forEach((id, holder) => world.hold(id, parts[holder]!))
}

test('through losses, restarts and failures all ends complete and nothing is missing', () => {
  const days = fc.record({
    seed: fc.nat(1_000_000),
    loss: fc.constantFrom(0, 0.05, 0.2),
    storeFailure: fc.constantFrom(0, 0.05, 0.2),
    scanFailure: fc.constantFrom(0, 0.1),
    events: fc.array(
      fc.record({
        at: fc.nat(3_000),
        what: fc.constantFrom('cut', 'stop', 'restart', 'delay', 'kill receiver'),
        who: fc.constantFrom(A, B, C),
      }),
      { maxLength: 8 },
    ),
  })
  fc.assert(
    fc.property(days, ({ seed, events, ...troubles }) => {
      const world = new World(seed)
      unevenHolders(world, new Prng(seed), 10)
      world.troubles = troubles
      for (const { at, what, who } of events) {
        world.at(at, () => {
          if (what === 'kill receiver') world.startAgain(pullAll(10, [A, B, C], 2))
          else if (what === 'restart') world.restart(who)
          else if (what === 'delay') world.holders.get(who)!.layoutVersion = LAYOUT + (at % 2) - 1
          else world.cut(who, what === 'stop')
        })
      }
      world.begin(pullAll(10, [A, B, C], 2))
      world.run(() => world.complete || world.now > 5_000)
      // The troubles end, and everybody is back.
      world.troubles = {}
      for (const [id, holder] of world.holders) {
        holder.layoutVersion = LAYOUT
        world.restart(id)
      }
      world.run(() => world.complete)
      assert.ok(world.complete, 'not complete')
      assert.equal(world.receiver.pending, 0)
      for (let p = 0; p < 10; p++) {
        const pulled = [A, B, C].filter((id) => hasAllOf(world, id, p as PartitionId))
        assert.ok(pulled.length >= 2, `partition ${p} has all of ${pulled.length} sources`)
      }
      const order = world.said.filter(({ type }) => type !== 'unreadable').map(({ type }) => type)
      assert.deepEqual(order, [...new Array<string>(10).fill('transferred'), 'complete'])
    }),
    { seed: 71, numRuns: 60 },
  )
})

test('one seed gives one history', () => {
  const history = (): string => {
    const world = new World(12)
    unevenHolders(world, new Prng(12), 6)
    world.troubles = { loss: 0.1, storeFailure: 0.1, scanFailure: 0.1 }
    world.begin(pullAll(6, [A, B, C], 2))
    world.run(() => world.complete)
    return JSON.stringify([world.now, world.stores, world.puts, world.said])
  }
  assert.equal(history(), history())
})
