/**
 * Three replicas of a partition write, delete, reap, replicate with losses, lose batches and
 * compare themselves, all at once. The model is a set of writes, each with those that it
 * superseded. What must hold once all have been compared with all: the replicas hold the same, and
 * just the writes that no other write superseded. A clock that claims too much loses writes here;
 * one that claims too little brings deleted ones back.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Prng } from '../std/prng.ts'
import { encodeMessage, decodeMessage } from '../wire/codec.ts'
import { ByteWriter } from '../std/bytes.ts'
import type { Dot } from '../versions/version.ts'
import type { ExchangeMessage } from './exchange-messages.ts'
import type { Sent } from './exchange-replica.test.ts'
import { keyOf, P, Replica } from './exchange-replica.test.ts'

const KEYS = 5
const RUNS = 300
const STEPS = 220

const nameOf = ({ vnode, counter }: Dot): string => `${vnode}:${counter}`

interface Write {
  readonly dot: Dot
  readonly superseded: readonly string[]
}

class World {
  readonly rng: Prng
  readonly replicas: readonly Replica[]
  readonly wire: Sent[] = []
  /** Of each key the writes that became durable, and what each superseded. */
  readonly writes = Array.from({ length: KEYS }, () => new Map<string, Write>())
  readonly live = new Set<string>()
  /** Hints: what arrives at any time, or never. */
  readonly late: (() => void)[] = []

  constructor(seed: number) {
    this.rng = new Prng(seed)
    const leaves = [1, 4, 64][seed % 3]!
    this.replicas = [1, 2, 3].map(
      (n) => new Replica(n, leaves, (sent) => void this.wire.push(sent)),
    )
  }

  any(): Replica {
    return this.replicas[this.rng.below(3)]!
  }

  other(than: Replica): Replica {
    const others = this.replicas.filter((replica) => replica !== than)
    return others[this.rng.below(2)]!
  }

  step(): void {
    const replica = this.any()
    const what = this.rng.below(20)
    if (what < 4) this.write(replica, this.rng.below(KEYS))
    else if (what < 6) replica.reap(keyOf(this.rng.below(KEYS)))
    else if (what < 9) replica.store.commit(this.rng.below(4))
    else if (what < 10) {
      if (this.rng.chance(0.3)) replica.lose()
    } else if (what < 12) replica.begin(this.other(replica))
    else if (what < 13) replica.wait(5_000)
    else if (what < 14) this.late.splice(this.rng.below(this.late.length + 1), 1)[0]?.()
    else this.deliver(this.rng.below(3))
    for (const each of this.replicas) {
      each.check()
      for (let n = 0; n < KEYS; n++) this.checkClaims(each, n)
    }
  }

  /** Whoever claims to have seen a write holds nothing that it superseded. */
  checkClaims(replica: Replica, n: number): void {
    const { versions } = replica.held(keyOf(n))
    const clock = replica.holdings.clockOf(P)
    for (const { dot, superseded } of this.writes[n]!.values())
      if (superseded.length > 0 && clock.covers(dot))
        for (const held of versions)
          assert.ok(
            !superseded.includes(nameOf(held.dot)),
            `${replica.node} has seen ${nameOf(dot)} and holds ${nameOf(held.dot)}`,
          )
  }

  write(replica: Replica, n: number): void {
    const key = keyOf(n)
    const superseded = replica.held(key).versions.map(({ dot }) => nameOf(dot))
    const isDelete = this.rng.chance(0.5)
    replica.write(key, isDelete ? undefined : 'x', (dot) => {
      this.writes[n]!.set(nameOf(dot), { dot, superseded })
      if (!isDelete) this.live.add(nameOf(dot))
      // Replication as the coordinator shows it at that moment: at once, late, or never.
      const { record, base } = replica.holdings.shown(P, key)
      for (const other of this.replicas) {
        if (other === replica || !(record instanceof Uint8Array)) continue
        const what = this.rng.below(5)
        const arrive = (): void => other.replicate(key, record, base)
        if (what < 1) arrive()
        else if (what < 4) this.late.push(arrive)
      }
    })
  }

  /** The oldest message of a pair, so that each link keeps its order; or it is lost. */
  deliver(which: number): void {
    const first = this.wire[which]
    if (first === undefined) return
    const index = this.wire.findIndex(({ from, to }) => from === first.from && to === first.to)
    const [sent] = this.wire.splice(index, 1)
    const to = this.replicas.find(({ node }) => node === sent!.to)!
    if (this.rng.chance(0.01)) return
    to.hear(sent!.from.node, overTheWire(sent!.message))
  }

  /** All are up, nothing is lost, and every pair is compared until nothing is found. */
  heal(): void {
    for (let round = 0; round < 4; round++)
      for (const a of this.replicas)
        for (const b of this.replicas)
          if (a !== b) {
            this.settle()
            a.begin(b)
            this.settle()
            const done = a.done.at(-1)!
            assert.equal(done.outcome, 'complete')
            if (round === 3) assert.equal(done.found, 0)
          }
  }

  settle(): void {
    for (let i = 0; i < 1000; i++) {
      for (const replica of this.replicas) replica.store.commit()
      const sent = this.wire.shift()
      if (sent === undefined && this.replicas.every(({ store }) => store.pending === 0)) return
      if (sent === undefined) continue
      const to = this.replicas.find(({ node }) => node === sent.to)!
      to.hear(sent.from.node, overTheWire(sent.message))
    }
    assert.fail('it goes on for ever')
  }

  expected(n: number): string[] {
    const writes = this.writes[n]!
    const gone = new Set([...writes.values()].flatMap(({ superseded }) => superseded))
    return [...writes.keys()].filter((name) => !gone.has(name) && this.live.has(name)).toSorted()
  }

  held(replica: Replica, n: number): string[] {
    const { versions } = replica.held(keyOf(n))
    const live = versions.filter(({ value }) => value !== undefined)
    return live.map(({ dot }) => nameOf(dot)).toSorted()
  }
}

function overTheWire(message: ExchangeMessage): ExchangeMessage {
  const writer = new ByteWriter()
  encodeMessage(writer, message)
  assert.ok(writer.length < 64 * 1024)
  const decoded = decodeMessage(writer.take())
  assert.deepEqual(decoded, message)
  return decoded as ExchangeMessage
}

test('whatever happens, replicas that were compared hold just what nobody superseded', () => {
  let completed = 0
  let found = 0
  for (let seed = 1; seed <= RUNS; seed++) {
    const world = new World(seed)
    for (let step = 0; step < STEPS; step++) {
      try {
        world.step()
      } catch (error) {
        assert.fail(`seed ${seed}, step ${step}: ${String(error)}`)
      }
    }
    for (const { done } of world.replicas)
      for (const exchange of done) {
        if (exchange.outcome === 'complete') completed++
        found += exchange.found
      }
    // What is under way now is given up, as after a partition of the network.
    world.wire.length = 0
    for (const replica of world.replicas) {
      for (const { node } of world.replicas) replica.step({ type: 'peer-lost', peer: node })
    }
    world.heal()
    for (let n = 0; n < KEYS; n++)
      for (const replica of world.replicas)
        assert.deepEqual(world.held(replica, n), world.expected(n), `seed ${seed}, key ${n}`)
    const [first, ...rest] = world.replicas
    for (const replica of rest) assert.ok(replica.tree.equals(first!.tree), `seed ${seed}`)
  }
  // Otherwise nothing was tried.
  assert.ok(completed > RUNS, `${completed} exchanges completed while others wrote`)
  assert.ok(found > RUNS, `${found} differences found while others wrote`)
})
