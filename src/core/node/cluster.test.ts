import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteReader } from '../std/bytes.ts'
import type { NodeId } from '../std/ids.ts'
import { decodeLayoutState } from '../placement/layout-codec.ts'
import { beginTransition } from '../placement/layout-state.ts'
import { decodeMembersList } from '../wire/records.ts'
import { DEFAULT_PROPERTIES } from './buckets.ts'
import type { NodeEffect } from './events.ts'
import {
  A,
  B,
  C,
  D,
  FakeStore,
  keyIn,
  layoutOf,
  partition,
  recordOf,
  written,
} from './fake-host.test.ts'
import type { StateSync } from './messages.ts'
import { complete, infoOf, memberOf, NodeBench } from './node-bench.test.ts'
import { actorKey, stateKey } from './storage-keys.ts'
import { PROTOCOL_MAX } from '../wire/protocol.ts'

const BIRTH = { partitions: 8, replicas: 3 }
/** Changes of members are gathered for half a second before they are stored. */
const STORED_AFTER_MS = 600
const SEED = { host: '10.0.0.9', port: 9000 }

function started(
  options: ConstructorParameters<typeof NodeBench>[0] = {},
  seeds = [SEED],
): NodeBench {
  const bench = new NodeBench(options)
  bench.step({ type: 'start', seeds })
  return bench
}

function of<T extends NodeEffect['type']>(bench: NodeBench, type: T): NodeEffect[] {
  return bench.effects.filter((effect) => effect.type === type)
}

function syncs(bench: NodeBench): { to: NodeId; message: StateSync }[] {
  return bench.take('state-sync')
}

test('the founder of a cluster serves as soon as its layout and leases are durable', () => {
  const bench = started({ birth: BIRTH }, [])
  assert.equal(bench.node.view().layout?.current.version, 1)
  assert.ok(!bench.node.view().ready)
  bench.settle()
  assert.ok(bench.node.view().ready)
  assert.equal(bench.noted('ready'), 1)
  assert.deepEqual(bench.node.view().partitions, { total: 8, withQuorum: 8, allUp: 8 })
})

test('a founder that is started again goes on with the layout that it has', () => {
  const store = new FakeStore()
  const first = started({ birth: BIRTH, store }, [])
  first.settle()
  const again = started({ birth: { partitions: 16, replicas: 1 }, store, generation: 6 }, [])
  assert.deepEqual(again.node.view().layout, first.node.view().layout)
})

test('a restarted member serves once it has heard from another', () => {
  const store = new FakeStore()
  NodeBench.serving([A, B, C], { store })
  const bench = started({ store, generation: 6 }, [])
  bench.settle()
  assert.ok(!bench.node.view().ready)
  bench.meet(B, complete(layoutOf([A, B, C])))
  assert.ok(bench.node.view().ready)
})

test('a restarted member that hears nobody serves after a while on what it knows', () => {
  const store = new FakeStore()
  NodeBench.serving([A, B, C], { store })
  const bench = started({ store, generation: 6 }, [])
  bench.run(1_400)
  assert.ok(!bench.node.view().ready)
  bench.run(200)
  assert.ok(bench.node.view().ready)
})

test('without a layout a node is never ready', () => {
  const bench = started()
  bench.run(60_000)
  assert.ok(!bench.node.view().ready)
  bench.meet(B, undefined)
  bench.run(10_000)
  assert.ok(!bench.node.view().ready)
})

test('the seeds are dialled until somebody answers, and whoever answers is told all', () => {
  const bench = started()
  assert.deepEqual(of(bench, 'dial'), [{ type: 'dial', address: SEED }])
  bench.step({ type: 'dial-failed', address: SEED, reason: 'refused' })
  bench.run(2_100)
  assert.equal(of(bench, 'dial').length, 5, 'every half second')
  bench.step({ type: 'dialed', address: SEED, peer: B })
  const [told] = syncs(bench)
  assert.ok(told?.to === B && told.message.answer)
  bench.meet(B, complete(layoutOf([B])))
  bench.effects = []
  bench.run(2_000)
  assert.deepEqual(of(bench, 'dial'), [])
})

test('the members of the last run are contacted at the start, at the addresses they had', () => {
  const store = new FakeStore()
  NodeBench.serving([A, B, C], { store }).run(STORED_AFTER_MS)
  const bench = started({ store, generation: 6 }, [])
  assert.deepEqual(
    syncs(bench).map(({ to, message }) => [to, message.answer]),
    [
      [B, true],
      [C, true],
    ],
  )
  const addresses = bench.effects.flatMap((effect) =>
    effect.type === 'address' ? [[effect.peer, effect.address]] : [],
  )
  assert.deepEqual(addresses, [
    [B, infoOf(B).address],
    [C, infoOf(C).address],
  ])
})

test('what is known of the cluster is kept for the next start', () => {
  const bench = NodeBench.serving([A, B, C])
  bench.run(STORED_AFTER_MS)
  const layout = new ByteReader(bench.store.get(stateKey('layout')) as Uint8Array)
  assert.deepEqual(decodeLayoutState(layout), complete(layoutOf([A, B, C])))
  const members = new ByteReader(bench.store.get(stateKey('members')) as Uint8Array)
  assert.deepEqual(
    decodeMembersList(members).map(({ info }) => info.id),
    [A, B, C],
  )
})

test('damaged bytes of what was known are as if they were not there', () => {
  const store = new FakeStore()
  NodeBench.serving([A, B, C], { store })
  for (const name of ['layout', 'members', 'buckets', 'clock'] as const) {
    const stored = store.get(stateKey(name))
    store.put(stateKey(name), Uint8Array.of(1, 2, 3))
    const bench = started({ store, generation: 6 }, [])
    bench.run(3_000)
    if (stored instanceof Uint8Array) store.put(stateKey(name), stored)
  }
})

test('who wants an answer gets one, and who does not gets none', () => {
  const bench = NodeBench.serving([A, B])
  bench.meet(B, undefined, { answer: true })
  const [answer] = syncs(bench)
  assert.ok(answer?.to === B && !answer.message.answer)
  assert.deepEqual(
    answer.message.members.map(({ info }) => info.id),
    [A, B],
  )
  bench.meet(B, undefined)
  assert.deepEqual(syncs(bench), [])
})

test('the sender of a state is there, whatever it says of others is hearsay', () => {
  const bench = started({ birth: BIRTH })
  bench.message(B, {
    ...{ type: 'state-sync', answer: false, layout: undefined, buckets: [] },
    members: [memberOf(B), memberOf(C)],
  })
  const states = bench.node.view().members.map(({ info, state }) => [info.id, state])
  assert.deepEqual(states, [
    [A, 'alive'],
    [B, 'alive'],
  ])
})

test('a new layout is told to everybody who is up, once it is durable here', () => {
  const bench = NodeBench.serving([A, B, C])
  const next = layoutOf([A, B, C], bench.node.view().layout!.current)
  bench.meet(B, complete(next))
  assert.deepEqual(syncs(bench), [])
  bench.settle()
  const told = syncs(bench)
  assert.deepEqual(told.map(({ to }) => to).sort(), [B, C])
  assert.equal(told[0]!.message.layout?.current.version, 2)
})

test('now and then one member at random is asked for its state', () => {
  const bench = NodeBench.serving([A, B, C])
  const asked = new Set<NodeId>()
  for (let i = 0; i < 20; i++) {
    bench.run(10_000)
    for (const peer of [B, C]) bench.meet(peer)
    for (const { to, message } of syncs(bench)) if (message.answer) asked.add(to)
  }
  assert.deepEqual([...asked].sort(), [B, C])
})

test('a state that the disk refused is stored again, in a while, until it is taken', () => {
  const bench = NodeBench.serving([A, B, C])
  const next = layoutOf([A, B, C], bench.node.view().layout!.current)
  const properties = { ...DEFAULT_PROPERTIES, r: 1, w: 1, valueBytesMax: 10 }
  const buckets = [{ name: 'b', stamp: { ms: 1, counter: 0 }, properties }]
  bench.meet(B, complete(next), { buckets })
  bench.settle('store-failed')
  for (const name of ['layout', 'members', 'buckets'] as const)
    bench.store.apply([{ type: 'delete', key: stateKey(name) }])
  const asksToBeServed = (): string => {
    const after = new Uint8Array(0)
    const request = { type: 'transfer-request', request: 1, layoutVersion: 2, after } as const
    bench.message(C, { ...request, partition: partition(0) })
    return bench.take('transfer-chunk')[0]?.message.outcome ?? 'served'
  }
  assert.equal(asksToBeServed(), 'stale-layout', 'a fence that a crash takes down is none')
  for (const end = bench.now + 1_500; bench.now < end;) {
    bench.now = Math.max(bench.now, bench.node.nextDeadline())
    bench.step({ type: 'tick' })
    bench.settle('store-failed')
  }
  assert.equal(asksToBeServed(), 'stale-layout')
  bench.run(3_000)
  assert.equal(asksToBeServed(), 'served')
  for (const name of ['layout', 'members', 'buckets'] as const)
    assert.ok(bench.store.get(stateKey(name)) instanceof Uint8Array, name)
})

test('partitions that the layout takes away are dropped, the others stay', () => {
  const bench = NodeBench.serving([A, B, C])
  bench.store.put(keyIn(0, 'a'), recordOf(written(1, 1)))
  const four = layoutOf([A, B, C, D], bench.node.view().layout!.current)
  const { roles, table } = four
  const isHeld = (place: number): boolean => table[place]!.some((index) => roles[index]!.node === A)
  for (let place = 0; place < 8; place++)
    bench.store.put(keyIn(place, 'a'), recordOf(written(1, 1)))
  bench.meet(B, complete(four))
  bench.settle()
  for (let place = 0; place < 8; place++) {
    assert.equal(bench.store.get(keyIn(place, 'a')) !== undefined, isHeld(place), `${place}`)
    const actor = bench.store.get(actorKey(partition(place)))
    assert.equal(actor !== undefined, isHeld(place), `${place}`)
  }
  assert.ok(!table.every((_set, place) => isHeld(place)))
})

test('a node that restarts while data moves goes on pulling', () => {
  const store = new FakeStore()
  const first = layoutOf([B, C])
  const moving = beginTransition(complete(first), layoutOf([A, B, C], first))
  const bench = started({ store }, [])
  bench.meet(B, moving)
  bench.meet(C, moving)
  bench.settle()
  assert.ok(bench.take('transfer-request').length > 0)
  const again = started({ store, generation: 6 }, [])
  assert.ok(again.node.view().transfers.pending > 0)
  assert.ok(again.take('transfer-request').length > 0)
})

test('when all of a move is here and durable, everybody is told so', () => {
  const first = layoutOf([B, C])
  const moving = beginTransition(complete(first), layoutOf([A, B, C], first))
  const bench = started({}, [])
  bench.meet(B, moving)
  bench.meet(C, moving)
  bench.settle()
  for (let rounds = 0; bench.node.view().transfers.pending > 0; rounds++) {
    assert.ok(rounds < 100)
    for (const { to, message } of bench.take('transfer-request'))
      bench.message(to, {
        ...{ type: 'transfer-chunk', request: message.request, outcome: 'ok' },
        ...{ entries: [], base: new Uint8Array(0), clock: new Uint8Array(0), done: true },
      })
  }
  assert.deepEqual(bench.node.view().layout?.synced, [])
  bench.settle()
  const { layout } = bench.node.view()
  assert.ok(layout?.previous === undefined || layout.synced.includes(A))
  const told = syncs(bench).at(-1)
  assert.ok(told?.message.layout?.previous === undefined || told.message.layout.synced.includes(A))
})

test('a node without a role asks for a share until it has one', () => {
  const bench = started()
  bench.meet(B, complete(layoutOf([B, C])))
  bench.meet(C)
  bench.run(1_100)
  const asked = bench.take('join-request')
  assert.ok(asked.length >= 2)
  assert.ok(asked.every(({ message }) => message.role.node === A))
  bench.meet(B, complete(layoutOf([A, B, C], layoutOf([B, C]))))
  bench.run(2_000)
  assert.deepEqual(bench.take('join-request'), [])
})

test('what another member passes on is planned here when it is our turn', () => {
  const bench = NodeBench.serving([A, B, C])
  bench.meet(D)
  bench.message(B, { type: 'join-request', role: { node: D, zone: 'z', weight: 100 } })
  bench.run(900)
  bench.agree()
  const { layout } = bench.node.view()
  assert.equal(layout?.current.version, 2)
  assert.equal(layout.current.roles.length, 4)
})

test('no layout is proposed while somebody who is up would not understand', () => {
  const bench = NodeBench.serving([A, B, C])
  const old = { ...memberOf(D), info: { ...infoOf(D), protocol: 5 } }
  const join = { type: 'join-request', role: { node: D, zone: 'z', weight: 100 } } as const
  bench.meet(D, undefined, { members: [old] })
  assert.equal(bench.node.view().protocol, 5)
  bench.message(D, join)
  bench.run(1_000)
  assert.deepEqual(bench.take('register-prepare'), [])
  const upgraded = { ...memberOf(D), generation: 2 }
  bench.meet(D, undefined, { members: [upgraded] })
  assert.equal(bench.node.view().protocol, PROTOCOL_MAX)
  bench.message(D, join)
  bench.run(1_000)
  bench.agree()
  assert.equal(bench.node.view().layout?.current.version, 2)
})

test('a dead member loses what was asked of it, a changed address is passed on', () => {
  const bench = NodeBench.serving([A, B, C])
  bench.effects = []
  const moved = { ...memberOf(B), generation: 2 }
  const info = { ...moved.info, address: { host: '10.0.0.2', port: 7 } }
  bench.meet(B, undefined, { members: [{ ...moved, info }] })
  const addresses = bench.effects.filter((effect) => effect.type === 'address')
  assert.deepEqual(addresses, [{ type: 'address', peer: B, address: info.address }])
})
