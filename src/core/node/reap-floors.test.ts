import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId, VnodeId } from '../std/ids.ts'
import type { VersionVector } from '../versions/version.ts'
import { B, C, partition } from './fake-host.test.ts'
import { ReapFloors } from './reap-floors.ts'

const P = partition(3)
const SKEW = 500

const vector = (entries: Readonly<Record<number, number>>): VersionVector =>
  Object.entries(entries).map(([vnode, counter]) => ({ vnode: Number(vnode) as VnodeId, counter }))

function bench(): { floors: ReapFloors; down: Set<NodeId> } {
  const down = new Set<NodeId>()
  return { floors: new ReapFloors({ isUp: (node) => !down.has(node), skewMs: SKEW }), down }
}

const own = { base: vector({ 1: 10, 2: 20, 3: 5 }), wallMs: 10_000 }

test('nothing is known before every replica that is up has told how far it is', () => {
  const { floors } = bench()
  floors.learn(P, B, { base: vector({ 1: 9 }), wallMs: 9_000 })
  assert.deepEqual(floors.of(P, own, [B, C]), { floor: [], horizonMs: 0 })
})

test('the floor is the least base of each vnode, the horizon the least clock less the skew', () => {
  const { floors } = bench()
  floors.learn(P, B, { base: vector({ 1: 9, 2: 30, 4: 7 }), wallMs: 9_000 })
  floors.learn(P, C, { base: vector({ 1: 12, 2: 15 }), wallMs: 20_000 })
  assert.deepEqual(floors.of(P, own, [B, C]), {
    floor: vector({ 1: 9, 2: 15 }),
    horizonMs: 9_000 - SKEW,
  })
})

test('a replica that is down holds nothing up, and must tell anew when it is back', () => {
  const { floors, down } = bench()
  floors.learn(P, B, { base: vector({ 1: 9 }), wallMs: 9_000 })
  floors.learn(P, C, { base: vector({ 1: 2 }), wallMs: 9_000 })
  down.add(C)
  floors.peerLost(C)
  assert.deepEqual(floors.of(P, own, [B, C]).floor, vector({ 1: 9 }))
  down.delete(C)
  const later = { base: vector({ 1: 30 }), wallMs: 60_000 }
  floors.learn(P, B, later)
  assert.deepEqual(floors.of(P, later, [B, C]).floor, vector({ 1: 9 }))
})

test('a floor never sinks, and takes over that of the other side', () => {
  const { floors } = bench()
  floors.learn(P, B, { base: vector({ 1: 9 }), wallMs: 9_000 })
  floors.of(P, own, [B])
  floors.join(P, { floor: vector({ 1: 3, 2: 8 }), horizonMs: 20_000 })
  assert.deepEqual(floors.of(P, own, [B]), { floor: vector({ 1: 9, 2: 8 }), horizonMs: 20_000 })
})

test('a partition alone on this node is as far as its own clock', () => {
  const { floors } = bench()
  assert.deepEqual(floors.of(P, own, []), { floor: own.base, horizonMs: 10_000 - SKEW })
})

test('with other replicas everything begins anew', () => {
  const { floors } = bench()
  floors.learn(P, B, { base: vector({ 1: 9 }), wallMs: 9_000 })
  floors.of(P, own, [B])
  floors.forget(P)
  assert.deepEqual(floors.of(P, own, [B, C]), { floor: [], horizonMs: 0 })
})
