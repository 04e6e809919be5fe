import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteWriter } from '../std/bytes.ts'
import type { NodeId } from '../std/ids.ts'
import { instant } from '../std/instant.ts'
import { Prng } from '../std/prng.ts'
import type { MemberRecord, MemberState } from '../membership/member.ts'
import { encodeLayoutState } from '../placement/layout-codec.ts'
import { beginTransition, markSynced } from '../placement/layout-state.ts'
import type { Layout, LayoutState } from '../placement/layout.ts'
import { A, B, C, FakeHost, FakeStore, layoutOf } from './fake-host.test.ts'
import { FakeRegisters } from './fake-registers.test.ts'
import { LayoutKeeper } from './layout-keeper.ts'
import { Leaving } from './leaving.ts'
import type { LeaveResult } from './leaving.ts'
import type { StateSync } from './messages.ts'
import { stateKey } from './storage-keys.ts'

const complete = (current: Layout): LayoutState => ({
  current,
  previous: undefined,
  synced: [],
  acked: [],
  lost: [],
})
const FIRST = layoutOf([A, B, C])
/** Without C. */
const SECOND = layoutOf([A, B], FIRST)
const MOVING = beginTransition(complete(FIRST), SECOND)

/** A node C that may leave A and B. */
class Bench {
  readonly host = new FakeHost()
  readonly store = new FakeStore()
  readonly contacted: NodeId[] = []
  readonly keeper: LayoutKeeper
  readonly leaving: Leaving
  ready = true
  served = 0
  goodbyes = 0
  #client = 0

  constructor(state: LayoutState = complete(FIRST), wish?: Uint8Array) {
    this.host.self = C
    const writer = new ByteWriter()
    encodeLayoutState(writer, state)
    this.store.put(stateKey('layout'), writer.take())
    if (wish !== undefined) this.store.put(stateKey('leave'), wish)
    const address = { host: '10.0.0.1', port: 1 }
    const addresses = { address, httpAddress: address }
    const self = { id: C, name: 'n', ...addresses, zone: 'z', weight: 100, version: '1.0.0' }
    this.keeper = new LayoutKeeper(this.host, {
      leastR: () => 2,
      registers: new FakeRegisters(),
      adopted: () => undefined,
      self: { ...self, leaveLock: '00'.repeat(16) },
      ...{ rng: new Prng(1), store: this.store },
    })
    this.leaving = new Leaving(this.host, {
      ...{ layout: this.keeper, store: this.store },
      isReady: () => this.ready,
      others: () => [A, B].filter((node) => this.host.isUp(node)),
      contact: (peer) => this.contacted.push(peer),
      depart: () => this.goodbyes++,
      served: () => this.served,
    })
    this.leaving.start()
  }

  ask(): number {
    this.leaving.ask(++this.#client)
    this.leaving.check()
    return this.#client
  }

  settle(): void {
    const { operations } = this.host.batches.at(-1)!
    this.store.apply(operations)
    this.leaving.stored()
  }

  replyTo(client: number): LeaveResult | undefined {
    const reply = this.host.replies.find((one) => one.client === client)?.reply
    if (reply === undefined) return undefined
    assert.ok(reply.type === 'leave')
    return reply.result
  }

  tick(times = 1): void {
    for (let i = 0; i < times; i++) {
      this.host.now = instant(this.host.now + 250)
      this.leaving.onTimer()
      this.leaving.check()
    }
  }

  hear(from: NodeId, layout: LayoutState | undefined, state: MemberState = 'alive'): void {
    const message: StateSync = {
      ...{ type: 'state-sync', answer: false, layout, buckets: [] },
      members: [{ info: { id: C }, state } as unknown as MemberRecord],
    }
    this.leaving.heard(from, message)
  }

  notes(): string[] {
    return this.host.notes.map((note) => (note.type === 'leaving' ? note.phase : note.type))
  }
}

test('the wish is stored before anything happens, and then answered', () => {
  const bench = new Bench()
  assert.equal(bench.leaving.view, undefined)
  const client = bench.ask()
  const other = bench.ask()
  assert.equal(bench.host.batches.length, 1)
  assert.equal(bench.replyTo(client), undefined)
  assert.equal(bench.leaving.view, undefined)
  bench.settle()
  for (const each of [client, other]) {
    const result = bench.replyTo(each)
    assert.ok(result?.ok === true && result.leaving.phase === 'waiting')
  }
  const again = bench.replyTo(bench.ask())
  assert.ok(again?.ok === true)
  assert.equal(bench.host.batches.length, 1)
})

test('a wish that the disk does not take is refused, and may be made again', () => {
  const bench = new Bench()
  const client = bench.ask()
  bench.leaving.storeFailed('full')
  const result = bench.replyTo(client)
  assert.ok(result?.ok === false && result.code === 'DND_ERR_STORE_FAILED')
  assert.equal(bench.leaving.view, undefined)
  const again = bench.ask()
  bench.settle()
  assert.ok(bench.replyTo(again)?.ok)
})

test('no more than a bounded number of clients waits for the wish to be stored', () => {
  const bench = new Bench()
  const clients = Array.from({ length: 65 }, () => bench.ask())
  const last = bench.replyTo(clients.at(-1)!)
  assert.ok(last?.ok === false && last.code === 'DND_ERR_OVERLOADED')
  bench.settle()
  for (const client of clients.slice(0, -1)) assert.ok(bench.replyTo(client)?.ok)
})

test('a node that is not ready, or is the only one with data, is refused', () => {
  const starting = new Bench()
  starting.ready = false
  const early = starting.replyTo(starting.ask())
  assert.ok(early?.ok === false && early.code === 'DND_ERR_NOT_READY')
  const only = new Bench(complete(layoutOf([C])))
  const last = only.replyTo(only.ask())
  assert.ok(last?.ok === false && last.code === 'DND_ERR_LAST_NODE')
  assert.equal(only.host.batches.length, 0)
})

test('a wish of an earlier life goes on, even if it cannot be read any more', () => {
  for (const wish of [Uint8Array.of(1), new Uint8Array(0)])
    assert.equal(new Bench(undefined, wish).leaving.view?.phase, 'waiting')
  const bench = new Bench()
  bench.store.get = () => 'unreadable'
  bench.leaving.start()
  assert.equal(bench.leaving.view?.phase, 'waiting')
})

test('what it waits for is told: a plan, members that are down, a majority, a move, or somebody else at all', () => {
  const bench = new Bench(undefined, Uint8Array.of(1))
  const waitsFor = (): unknown => bench.leaving.view?.waitsFor
  assert.deepEqual(waitsFor(), { reason: 'plan', nodes: [] })
  bench.host.down.add(B)
  assert.deepEqual(waitsFor(), { reason: 'members', nodes: [B] })
  bench.host.down.add(A)
  assert.deepEqual(waitsFor(), { reason: 'majority', nodes: [A, B] })
  const last = new Bench(complete(layoutOf([C])), Uint8Array.of(1))
  assert.deepEqual(last.leaving.view?.waitsFor, { reason: 'last', nodes: [] })
  const before = layoutOf([A, C])
  const joining = new Bench(
    beginTransition(complete(before), layoutOf([A, B, C], before)),
    Uint8Array.of(1),
  )
  assert.deepEqual(joining.leaving.view?.waitsFor, { reason: 'move', nodes: [B] })
})

test('from the wish to the end: it waits, moves, tells, says goodbye and is gone', () => {
  const bench = new Bench(undefined, Uint8Array.of(1))
  assert.deepEqual(bench.leaving.view?.copies, { before: 3, after: 2 })
  assert.equal(bench.leaving.view?.partitions, FIRST.partitions)
  bench.tick()
  bench.keeper.merge(MOVING)
  bench.served = 7
  const moving = bench.leaving.view
  assert.deepEqual([moving?.phase, moving?.records, moving?.partitions], ['moving', 7, 8])
  assert.deepEqual(moving?.waitsFor, { reason: 'move', nodes: [A, B] })
  bench.keeper.merge(markSynced(MOVING, A))
  assert.deepEqual(bench.leaving.view?.waitsFor, { reason: 'move', nodes: [B] })
  bench.tick()
  bench.keeper.merge(complete(SECOND))
  assert.equal(bench.leaving.view?.partitions, 0)
  assert.deepEqual(bench.leaving.view?.waitsFor, { reason: 'news', nodes: [A, B] })
  bench.tick()
  assert.deepEqual(bench.contacted, [A, B])
  bench.hear(A, complete(SECOND))
  bench.tick()
  assert.equal(bench.goodbyes, 0, 'one of them may still ask for data')
  bench.hear(B, complete(SECOND))
  bench.tick()
  assert.equal(bench.goodbyes, 1)
  assert.deepEqual([bench.leaving.view?.phase, bench.leaving.view?.waitsFor], ['left', undefined])
  bench.hear(A, complete(SECOND), 'left')
  bench.tick(3)
  assert.deepEqual(bench.notes(), ['waiting', 'moving', 'telling', 'left', 'left'])
  assert.equal(bench.host.notes.at(-1)?.type, 'left')
})

test('who is still in the move, or falls back into it after a crash, is told again', () => {
  const bench = new Bench(complete(SECOND), Uint8Array.of(1))
  bench.hear(A, complete(SECOND))
  bench.hear(B, MOVING)
  bench.hear(B, undefined)
  bench.tick(9)
  assert.equal(bench.goodbyes, 0)
  assert.deepEqual(bench.contacted, [B, B, B])
  bench.hear(A, MOVING)
  bench.hear(B, complete(SECOND))
  bench.tick()
  assert.equal(bench.goodbyes, 0)
  bench.hear(A, complete(SECOND))
  bench.tick()
  assert.equal(bench.goodbyes, 1)
})

test('who is down need not know, but somebody with a share must', () => {
  const bench = new Bench(complete(SECOND), Uint8Array.of(1))
  bench.host.down.add(A).add(B)
  bench.tick(20)
  assert.equal(bench.goodbyes, 0)
  bench.host.down.delete(A)
  bench.hear(A, complete(SECOND))
  bench.tick()
  assert.equal(bench.goodbyes, 1)
})

test('when nobody shows that it has heard the goodbye it is said again, though not for ever', () => {
  const bench = new Bench(complete(SECOND), Uint8Array.of(1))
  for (const node of [A, B]) bench.hear(node, complete(SECOND))
  bench.tick(40)
  assert.equal(bench.goodbyes, 5)
  assert.equal(bench.host.notes.filter(({ type }) => type === 'left').length, 1)
})
