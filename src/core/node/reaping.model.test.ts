/**
 * Three replicas that lose a part of what they tell each other, keep hints for as long as they
 * like, come and go, compare themselves in pairs, and reap: the evidence of which tombstone rule
 * never brings anything back (C.2), with the parts of which a node is made.
 *
 * What must hold is said of the set of all writes and what each of them superseded, which no
 * replica knows.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from '../std/crc32.ts'
import type { NodeId, VnodeId } from '../std/ids.ts'
import { Prng } from '../std/prng.ts'
import { sync, write } from '../versions/container.ts'
import { shownVersions } from '../versions/expiry.ts'
import { decodeRecord } from '../versions/record.ts'
import type { Container, Dot, Value, Version, VersionVector } from '../versions/version.ts'
import { EMPTY_VECTOR, covers, joinVectors } from '../versions/version-vector.ts'
import { BucketRegistry } from './bucket-registry.ts'
import { DEFAULT_PROPERTIES } from './buckets.ts'
import {
  A,
  B,
  C,
  FakeHost,
  FakeStore,
  bytes,
  holdingsOf,
  keyIn,
  layoutOf,
  partition,
} from './fake-host.test.ts'
import { FakeRegisters } from './fake-registers.test.ts'
import { WALL } from './fake-host.test.ts'
import type { LocalHoldings } from './holdings.ts'
import { LayoutKeeper } from './layout-keeper.ts'
import type { ConflictMode } from './messages.ts'
import { Reaping } from './reaping.ts'
import { partitionRange, wholeReapableRange } from './storage-keys.ts'

const P = partition(3)
const NODES = [A, B, C] as const
const SKEW_MS = 500
const KEYS = ['a', 'b', 'c'].map((name) => keyIn(3, name, 'shop'))
const EVERYTHING = { limit: 10_000, bytesMax: 1e9, reverse: false }

/** A record on its way: to whom, and since when. */
interface Letter {
  readonly to: number
  readonly key: Uint8Array
  readonly record: Uint8Array
  readonly base: Uint8Array
}

interface Done {
  readonly key: Uint8Array
  readonly version: Version
  readonly superseded: readonly Dot[]
  readonly copies: Set<number>
}

class Replica {
  readonly host = new FakeHost()
  readonly store = new FakeStore()
  readonly holdings: LocalHoldings
  readonly reaping: Reaping
  readonly bases = new Map<NodeId, VersionVector>()
  floor: VersionVector = EMPTY_VECTOR
  horizonMs = 0
  isUp = true
  counter = 0
  lastMs = 0
  readonly vnode: VnodeId
  readonly offsetMs: number

  constructor(index: number, offsetMs: number, conflicts: ConflictMode) {
    this.vnode = (100 + index) as VnodeId
    this.offsetMs = offsetMs
    const { host, store } = this
    host.self = NODES[index]!
    const address = { host: '10.0.0.1', port: 1 }
    const self = {
      ...{ id: NODES[index]!, name: 'n', address, httpAddress: address, zone: 'z', weight: 100 },
      ...{ version: '1.0.0', leaveLock: '00'.repeat(16) },
    }
    const layout = new LayoutKeeper(host, {
      leastR: () => 2,
      registers: new FakeRegisters(),
      adopted: () => undefined,
      self,
      rng: new Prng(1),
      store,
    })
    layout.merge({ current: layoutOf(NODES), previous: undefined, synced: [], acked: [], lost: [] })
    const buckets = new BucketRegistry()
    const properties = { ...DEFAULT_PROPERTIES, conflicts }
    buckets.merge([{ name: 'shop', stamp: { ms: 1, counter: 0 }, properties }])
    this.holdings = holdingsOf(store)
    this.reaping = new Reaping(host, {
      isComparing: () => false,
      ...{ layout, buckets, holdings: this.holdings },
      floorOf: () => this.floor,
      horizonOf: () => this.horizonMs,
      admit: (go) => go(),
      unreadable: () => assert.fail('nothing breaks here'),
    })
  }

  held(key: Uint8Array): Container {
    const held = this.holdings.held(P, key)
    assert.ok(held !== 'unreadable')
    return held.container
  }

  take(key: Uint8Array, record: Uint8Array, base: Uint8Array): void {
    const merged = this.holdings.merge(P, key, record, base)
    assert.ok(merged !== 'malformed')
    for (const { stamp } of merged.container.versions) this.lastMs = Math.max(this.lastMs, stamp.ms)
    if (merged.kept !== undefined) this.store.apply(merged.kept.operations)
  }

  /** Until nothing is to be reaped by what is known. */
  reap(): void {
    const { host, store, reaping } = this
    reaping.wake(P)
    for (let steps = 0; host.scans.length + host.batches.length > 0; steps++) {
      assert.ok(steps < 100, 'it walks for ever')
      for (const { token, ranges } of host.scans.splice(0))
        reaping.scanned(token, store.scan(ranges[0]!))
      for (const { token, operations } of host.batches.splice(0)) {
        store.apply(operations)
        reaping.stored(token)
      }
      reaping.check()
    }
  }

  records(): Container[] {
    const entries = this.store.scan({ ...partitionRange(P), ...EVERYTHING })
    return entries.map(({ value }) => decodeRecord(value, crc32) as Container)
  }

  listed(): number {
    return this.store.scan({ ...wholeReapableRange(P), ...EVERYTHING }).length
  }
}

class World {
  readonly rng: Prng
  readonly conflicts: ConflictMode
  readonly replicas: readonly Replica[]
  readonly letters: Letter[] = []
  readonly writes: Done[] = []
  nowMs = WALL
  #values = 0

  constructor(seed: number, conflicts: ConflictMode) {
    this.rng = new Prng(seed)
    this.conflicts = conflicts
    this.replicas = [0, 1, 2].map(
      (index) => new Replica(index, this.rng.below(2 * SKEW_MS) - SKEW_MS, conflicts),
    )
    this.tick(0)
  }

  tick(ms: number): void {
    this.nowMs += ms
    for (const replica of this.replicas) replica.host.wallMs = this.nowMs + replica.offsetMs
  }

  up(): Replica[] {
    return this.replicas.filter(({ isUp }) => isUp)
  }

  /** What a reader with a clock of `at` is shown of the copies of both. */
  shown(key: Uint8Array, a: Replica, b: Replica): readonly Version[] {
    const merged = sync(a.held(key), b.held(key))
    return shownVersions(merged, this.conflicts, a.host.wallMs + SKEW_MS)
  }

  write(index: number): void {
    const { rng } = this
    const replica = this.replicas[index]!
    const key = KEYS[rng.below(KEYS.length)]!
    const local = replica.held(key)
    const isDelete = rng.below(10) < 4
    const isSeen = isDelete || rng.below(2) === 0
    const context = this.conflicts === 'lww' || isSeen ? local.vector : EMPTY_VECTOR
    const ttlMs = isDelete || rng.below(3) > 0 ? 0 : 1_000 + rng.below(4_000)
    const greatest = Math.max(0, ...local.versions.map(({ stamp }) => stamp.ms))
    replica.lastMs = Math.max(replica.lastMs, replica.host.wallMs, greatest) + 1
    const dot = { vnode: replica.vnode, counter: ++replica.counter }
    const stamp = { ms: replica.lastMs, counter: 0 }
    const value = isDelete ? undefined : this.#value(ttlMs, replica.host.wallMs)
    const after = write(local, { dot, stamp, value, context, tombstone: isDelete })
    const before = replica.holdings.held(P, key)
    const kept = replica.holdings.keep(P, key, before, after)
    assert.ok(kept !== undefined)
    replica.store.apply(kept.operations)
    const superseded = local.versions
      .map((version) => version.dot)
      .filter((d) => covers(context, d))
    const copies = new Set([index])
    this.writes.push({ key, version: { dot, stamp, value }, superseded, copies })
    for (const [to, other] of this.replicas.entries()) {
      if (to === index) continue
      const chance = rng.below(100)
      const letter = { to, key, record: kept.record, base: kept.base }
      if (chance < 15) continue
      if (chance < 40 || !other.isUp) this.letters.push(letter)
      else {
        other.take(key, kept.record, kept.base)
        copies.add(to)
      }
    }
  }

  deliver(): void {
    const { rng, letters } = this
    if (letters.length === 0) return
    const [letter] = letters.splice(rng.below(letters.length), 1)
    const { to, key, record, base } = letter!
    if (this.replicas[to]!.isUp) this.replicas[to]!.take(key, record, base)
    else letters.push(letter!)
  }

  /** As an exchange does it: every record of either, then the clocks as they were before. */
  exchange(a: Replica, b: Replica): void {
    const sides = [a, b].map((side) => {
      const clock = side.holdings.shownClock(P)
      assert.ok(clock !== undefined)
      return { side, clock, wallMs: side.host.wallMs, floor: side.floor, horizon: side.horizonMs }
    })
    for (const key of KEYS) {
      const [one, other] = [a.holdings.shown(P, key), b.holdings.shown(P, key)]
      for (const [to, { record, base }] of [
        [b, one],
        [a, other],
      ] as const)
        to.take(key, (record ?? new Uint8Array(0)) as Uint8Array, base)
    }
    for (const [{ side }, theirs] of [
      [sides[0]!, sides[1]!],
      [sides[1]!, sides[0]!],
    ] as const) {
      side.holdings.clockOf(P).merge(theirs.clock)
      side.store.apply([side.holdings.clockChange(P).operation])
      side.bases.set(theirs.side.host.self, theirs.clock.base)
      side.floor = joinVectors(side.floor, theirs.floor)
      side.horizonMs = Math.max(side.horizonMs, theirs.horizon)
      this.#raise(side, theirs.wallMs)
    }
  }

  check(): void {
    const up = this.up()
    for (const a of up)
      for (const b of up) if (a !== b) for (const key of KEYS) this.#checkRead(key, a, b)
  }

  /** All are up, all hints arrive, everybody is compared with everybody. */
  heal(): void {
    for (const replica of this.replicas) replica.isUp = true
    while (this.letters.length > 0) this.deliver()
    this.tick(20_000)
    for (let round = 0; round < 3; round++) {
      for (const [a, b] of [
        [0, 1],
        [1, 2],
        [2, 0],
      ] as const)
        this.exchange(this.replicas[a]!, this.replicas[b]!)
      for (const replica of this.replicas) replica.reap()
    }
  }

  #value(ttlMs: number, wallMs: number): Value {
    const expiresAtMs = ttlMs === 0 ? 0 : wallMs + ttlMs
    return {
      bytes: bytes(`v${++this.#values}`),
      contentType: 'text/plain',
      metadata: [],
      expiresAtMs,
    }
  }

  /** The floor of those that are up, when all of them have told. */
  #raise(side: Replica, theirWallMs: number): void {
    let least = side.holdings.clockOf(P).base
    for (const other of this.up()) {
      if (other === side) continue
      const base = side.bases.get(other.host.self)
      if (base === undefined) return
      least = least.flatMap(({ vnode, counter }) => {
        const theirs = base.find((entry) => entry.vnode === vnode)?.counter ?? 0
        return theirs === 0 ? [] : [{ vnode, counter: Math.min(counter, theirs) }]
      })
    }
    side.floor = joinVectors(side.floor, least)
    const wallMs = Math.min(side.host.wallMs, theirWallMs)
    side.horizonMs = Math.max(side.horizonMs, wallMs - 2 * SKEW_MS)
  }

  /** A read quorum of two meets every write quorum of two. */
  #checkRead(key: Uint8Array, a: Replica, b: Replica): void {
    const shown = this.shown(key, a, b)
    const acknowledged = this.writes.filter((done) => done.key === key && done.copies.size >= 2)
    for (const { dot, value } of shown) {
      for (const { superseded } of acknowledged)
        assert.ok(!superseded.some((old) => isSame(old, dot)), `${name(dot)} is back`)
      const { expiresAtMs } = value!
      assert.ok(expiresAtMs === 0 || expiresAtMs > this.nowMs - SKEW_MS, `${name(dot)} has expired`)
    }
    if (this.conflicts === 'lww') return
    for (const { version } of acknowledged) {
      if (version.value === undefined || this.isSuperseded(version.dot)) continue
      const { expiresAtMs } = version.value
      // A clock that is fast by the skew, and reckons as much again.
      if (expiresAtMs > 0 && expiresAtMs <= this.nowMs + 2 * SKEW_MS) continue
      assert.ok(
        shown.some(({ dot }) => isSame(dot, version.dot)),
        `${name(version.dot)} is lost`,
      )
    }
  }

  isSuperseded(dot: Dot): boolean {
    return this.writes.some(({ superseded }) => superseded.some((old) => isSame(old, dot)))
  }
}

function isSame(a: Dot, b: Dot): boolean {
  return a.vnode === b.vnode && a.counter === b.counter
}

const name = ({ vnode, counter }: Dot): string => `write ${counter} of ${vnode}`

/** `steps` random events; `flaps`: whether replicas come and go. */
function live(world: World, steps: number, flaps: boolean): void {
  const { rng, replicas } = world
  for (let step = 0; step < steps; step++) {
    world.tick(rng.below(300))
    const up = world.up()
    const chosen = replicas.indexOf(up[rng.below(up.length)]!)
    const dice = rng.below(100)
    if (dice < 45) world.write(chosen)
    else if (dice < 60) world.deliver()
    else if (dice < 80) {
      const other = up.filter((replica) => replica !== replicas[chosen])
      if (other.length > 0) world.exchange(replicas[chosen]!, other[rng.below(other.length)]!)
    } else if (dice < 95) replicas[chosen]!.reap()
    else if (flaps) {
      const flapping = replicas[rng.below(3)]!
      if (!flapping.isUp || up.length === 3) flapping.isUp = !flapping.isUp
    }
    world.check()
  }
}

function checkHealed(world: World, seed: number): void {
  for (const key of KEYS) {
    const mine = world.writes.filter((done) => done.key === key)
    const left = mine.filter(({ version }) => !world.isSuperseded(version.dot))
    const alive = left.filter(({ version }) => version.value?.expiresAtMs === 0)
    for (const replica of world.replicas) {
      const dots = replica.held(key).versions.map(({ dot }) => name(dot))
      if (world.conflicts === 'siblings') {
        const wanted = alive.map(({ version }) => name(version.dot))
        assert.deepEqual(dots.sort(), wanted.sort(), `seed ${seed}`)
      } else {
        const latest = (a: Done, b: Done): Done => (isLater(b.version, a.version) ? b : a)
        const best = left.length === 0 ? undefined : left.reduce(latest).version
        const wanted = best?.value?.expiresAtMs === 0 ? [name(best.dot)] : []
        const shown = shownVersions(replica.held(key), 'lww', world.nowMs)
        assert.deepEqual(
          shown.map(({ dot }) => name(dot)),
          wanted,
          `seed ${seed}`,
        )
        if (wanted.length === 0) assert.deepEqual(dots, [], `seed ${seed}: something remains`)
      }
    }
  }
  for (const replica of world.replicas) {
    assert.equal(replica.listed(), 0, `seed ${seed}: the list still has entries`)
    const dead = replica.records().filter(({ versions }) => versions.every(({ value }) => !value))
    assert.deepEqual(dead, [], `seed ${seed}: a tombstone remains`)
  }
}

function isLater(a: Version, b: Version): boolean {
  if (a.stamp.ms !== b.stamp.ms) return a.stamp.ms > b.stamp.ms
  return a.dot.vnode > b.dot.vnode
}

test('with replicas that come and go nothing is lost, nothing comes back, and no tombstone stays', () => {
  for (let seed = 1; seed <= 120; seed++) {
    const world = new World(seed, 'siblings')
    live(world, 80, true)
    world.heal()
    checkHealed(world, seed)
  }
})

test('in last-write-wins what lost against a delete or an expired value never shows again', () => {
  for (let seed = 1; seed <= 120; seed++) {
    const world = new World(seed, 'lww')
    live(world, 80, false)
    world.heal()
    checkHealed(world, seed)
  }
})
