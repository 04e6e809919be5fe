/**
 * For the tests of the receiver: one over a store in memory, whose sources are the test itself.
 */
import assert from 'node:assert/strict'
import { bytesToBinary } from '../std/bytes.ts'
import type { NodeId, PartitionId, VnodeId } from '../std/ids.ts'
import type { Instant } from '../std/instant.ts'
import { Prng } from '../std/prng.ts'
import type { StoreOperation, StoreRead } from '../ports.ts'
import { NO_BASE } from '../versions/partition-clock.ts'
import { ZERO_STAMP } from '../versions/stamp.ts'
import type { Version } from '../versions/version.ts'
import type { TransferChunk, TransferRequest } from './messages.ts'
import { NO_SIZE } from './partition-size.ts'
import type { TransferCursor } from './transfer-cursor.ts'
import type {
  TransferReceiverEffect,
  TransferReceiverEvent,
  TransferTimer,
} from './transfer-events.ts'
import { beginProof } from './transfer-proof.ts'
import { TransferReceiver } from './transfer-receiver.ts'
import type { PartitionTransfer } from './transfer-work.ts'

export const A = '000000000000000a' as NodeId
export const B = '000000000000000b' as NodeId
export const C = '000000000000000c' as NodeId

export const key = (partition: number, n: number): Uint8Array => Uint8Array.of(1, partition, n)
export const record = (...dots: number[]): Uint8Array => Uint8Array.from(dots)
export const CORRUPT = 0xff

/** Work on some partitions from some sources. */
export const pull = (partition: number, sources: NodeId[], needed: number): PartitionTransfer => ({
  partition: partition as PartitionId,
  sources,
  needed,
})

export interface Sent {
  readonly to: NodeId
  readonly message: TransferRequest
}

/** A receiver over a store whose records are ascending sets of small numbers, merged by union. */
const CURSOR = Uint8Array.of(9)

/** Each of the small numbers is the counter of a dot. */
export function versionsIn(record: Uint8Array): Version[] {
  return [...record].map((counter) => ({
    ...{ dot: { vnode: 1 as VnodeId, counter }, stamp: ZERO_STAMP, value: undefined },
  }))
}

/** Where a stream of an earlier life stood. */
export const cursorAt = (
  after: Uint8Array,
  more: Partial<TransferCursor> = {},
): TransferCursor => ({
  ...{ after, clock: NO_BASE, done: false, hasDiffered: false, proof: beginProof(undefined) },
  ...{ read: NO_SIZE, size: undefined },
  ...more,
})

function isSeal(operation: StoreOperation): boolean {
  return operation.type === 'put' && operation.key[0] === 4
}

export class Bench {
  readonly held: Map<string, StoreRead> = new Map()
  /** As an earlier life has left them, by source. */
  readonly resume: Map<NodeId, TransferCursor> = new Map()
  /** All that were to be kept, in order. */
  readonly cursors: (TransferCursor & { readonly source: NodeId })[] = []
  readonly sent: Sent[] = []
  readonly stores: Extract<TransferReceiverEffect, { type: 'store' }>[] = []
  readonly timers: { timer: TransferTimer; at: number }[] = []
  readonly said: TransferReceiverEffect[] = []
  merges = 0
  now = 1000
  readonly receiver: TransferReceiver

  constructor(seed = 1) {
    this.receiver = new TransferReceiver({
      store: { get: (at) => this.held.get(bytesToBinary(at)) },
      merge: (_, at, incoming) => {
        const value = this.#merge(at, incoming)
        if (value === 'malformed') return value
        return value && [{ type: 'put', key: at, value }]
      },
      versionsIn: (bytes) => (bytes.includes(CORRUPT) ? undefined : versionsIn(bytes)),
      cursorOf: (_, source) => this.resume.get(source),
      keepCursor: (_, source, cursor) => {
        this.cursors.push({ source, ...cursor })
        return { type: 'put', key: CURSOR, value: NO_BASE }
      },
      seal: (partition) => ({ type: 'put', key: Uint8Array.of(4, partition), value: NO_BASE }),
      rangeOf: (partition) => ({
        from: Uint8Array.of(1, partition),
        to: Uint8Array.of(1, partition + 1),
      }),
      rng: new Prng(seed),
    })
  }

  step(event: TransferReceiverEvent): void {
    const effects: TransferReceiverEffect[] = []
    this.receiver.step(event, this.now as Instant, effects)
    this.receiver.check()
    for (const effect of effects) {
      if (effect.type === 'send') this.sent.push(effect)
      else if (effect.type === 'store') this.#hand(effect)
      else if (effect.type === 'arm') this.timers.push(effect)
      else if (effect.type !== 'keep') this.said.push(effect)
    }
  }

  begin(partitions: PartitionTransfer[], layoutVersion = 2): void {
    this.step({ type: 'begin', layoutVersion, partitions })
  }

  /** The requests sent since they were last taken. */
  take(): Sent[] {
    return this.sent.splice(0)
  }

  /** Answers a request. */
  reply(
    to: Sent,
    records: readonly (readonly [n: number, record: Uint8Array])[],
    done: boolean,
    outcome: TransferChunk['outcome'] = 'ok',
    words: Partial<TransferChunk> = {},
  ): void {
    const { partition, request } = to.message
    const entries = records.map(([n, bytes]) => ({ key: key(partition, n), record: bytes }))
    const message = {
      type: 'transfer-chunk',
      request,
      outcome,
      entries,
      base: NO_BASE,
      clock: NO_BASE,
      done,
      ...words,
    } as const
    this.step({ type: 'chunk', from: to.to, message })
  }

  /** The oldest batch becomes durable. */
  durable(): void {
    this.step({ type: 'stored', token: this.stores.shift()!.token })
  }

  /** Lets the clock come to the first timer of that reason, whatever else was armed. */
  fire(reason: TransferTimer['reason']): void {
    const due = this.timers.filter(({ timer }) => timer.reason === reason)
    const next = due.sort((a, b) => a.at - b.at)[0]!
    this.timers.splice(this.timers.indexOf(next), 1)
    this.now = Math.max(this.now, next.at)
    this.step({ type: 'timer', timer: next.timer })
  }

  saidOf(type: TransferReceiverEffect['type']): TransferReceiverEffect[] {
    return this.said.filter((effect) => effect.type === type)
  }

  /** As the store promises: reads see what was handed over, durable or not. */
  #hand(store: Extract<TransferReceiverEffect, { type: 'store' }>): void {
    const all = store.operations.filter((one) => one.type !== 'put' || one.key !== CURSOR)
    const seals = all.filter(isSeal)
    assert.equal(seals.length, 1, 'the changes of a batch end with the clock')
    assert.equal(seals[0], all.at(-1))
    const operations = all.slice(0, -1)
    this.stores.push({ ...store, operations })
    for (const operation of operations) {
      assert.ok(operation.type === 'put')
      this.held.set(bytesToBinary(operation.key), operation.value)
    }
  }

  #merge(at: Uint8Array, incoming: Uint8Array): Uint8Array | 'malformed' | undefined {
    this.merges++
    if (incoming.includes(CORRUPT)) return 'malformed'
    const held = this.held.get(bytesToBinary(at))
    if (held === undefined || held === 'unreadable') return incoming
    const union = [...new Set([...held, ...incoming])].sort((a, b) => a - b)
    return union.length === held.length ? undefined : Uint8Array.from(union)
  }
}
