/**
 * Random histories of one key against the definition of causality.
 *
 * The model keeps what no real replica could: the set of all writes that each copy has met, and
 * with each write the set of all writes that it supersedes. A version must be visible just when it
 * is known and no known write supersedes it. The copies, with one number a vnode, must say the same
 * after every step: nothing lost, nothing false.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { crc32 } from '../std/crc32.ts'
import type { VnodeId } from '../std/ids.ts'
import { Actor } from './actor.ts'
import { dotText, dotTexts, SEED, text } from './arbitraries.test.ts'
import {
  checkContainer,
  contextOf,
  EMPTY_CONTAINER,
  greatestStamp,
  liveVersions,
  sync,
  winner,
  write,
} from './container.ts'
import { HybridClock } from './hybrid-clock.ts'
import { encodeRecord } from './record.ts'
import { compareStamps, maxStamp, ZERO_STAMP } from './stamp.ts'
import type { Container, Context, Dot, Stamp, VersionVector } from './version.ts'
import { covers, EMPTY_VECTOR, joinVectors } from './version-vector.ts'

const REPLICAS = 4
const CLIENTS = 3
const RUNS = { seed: SEED, numRuns: 300 }

type Step =
  | { readonly type: 'put'; readonly at: number; readonly client: number; readonly blind: boolean }
  | {
      readonly type: 'delete'
      readonly at: number
      readonly client: number
      readonly blind: boolean
    }
  | { readonly type: 'get'; readonly at: number; readonly client: number }
  /** Puts a copy of what a replica holds on its way. */
  | { readonly type: 'send'; readonly at: number }
  /** Delivers any copy that was ever sent, so late, twice, or in another order. */
  | { readonly type: 'deliver'; readonly at: number; readonly message: number }
  /** The disk is lost: the replica comes back empty, under a new vnode. */
  | { readonly type: 'wipe'; readonly at: number }
  | { readonly type: 'restart'; readonly at: number }
  /** The replica's wall clock jumps. */
  | { readonly type: 'jump'; readonly at: number; readonly byMs: number }

const at = fc.nat(REPLICAS - 1)
const client = fc.nat(CLIENTS - 1)
const blind = fc.boolean()
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ type: fc.constant('put' as const), at, client, blind }) },
    {
      weight: 2,
      arbitrary: fc.record({ type: fc.constant('delete' as const), at, client, blind }),
    },
    { weight: 5, arbitrary: fc.record({ type: fc.constant('get' as const), at, client }) },
    { weight: 6, arbitrary: fc.record({ type: fc.constant('send' as const), at }) },
    {
      weight: 8,
      arbitrary: fc.record({ type: fc.constant('deliver' as const), at, message: fc.nat() }),
    },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('wipe' as const), at }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('restart' as const), at }) },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constant('jump' as const),
        at,
        byMs: fc.integer({ min: -100_000, max: 100_000 }),
      }),
    },
  ),
  { minLength: 30, maxLength: 80 },
)

/** One write as the model remembers it. */
interface Event {
  readonly dot: Dot
  readonly stamp: Stamp
  /** Every write that this one supersedes. */
  readonly past: ReadonlySet<string>
  /** Whether the write left a version: a delete of a siblings bucket does not. */
  readonly leaves: boolean
}

/** A copy, or what a client has seen, and the same as the set of writes it stands for. */
interface Copy {
  readonly container: Container
  readonly known: ReadonlySet<string>
}

interface Seen {
  readonly context: Context
  readonly known: ReadonlySet<string>
}

const NEW_COPY: Copy = { container: EMPTY_CONTAINER, known: new Set() }
const NOTHING_SEEN: Seen = {
  context: { vector: EMPTY_VECTOR, stamp: ZERO_STAMP },
  known: new Set(),
}

class History {
  readonly events = new Map<string, Event>()
  readonly copies: Copy[] = Array.from({ length: REPLICAS }, () => NEW_COPY)
  readonly #mode: 'siblings' | 'lww'
  readonly #actors: Actor[]
  readonly #clocks: HybridClock[]
  readonly #wallMs: number[]
  readonly #leasedUntil: number[]
  readonly #clockLeases: number[]
  readonly #clients: Seen[] = Array.from({ length: CLIENTS }, () => NOTHING_SEEN)
  readonly #sent: Copy[] = []
  #vnodes = 0

  constructor(mode: 'siblings' | 'lww') {
    this.#mode = mode
    this.#leasedUntil = Array.from({ length: REPLICAS }, () => 0)
    this.#clockLeases = Array.from({ length: REPLICAS }, () => 0)
    this.#wallMs = Array.from({ length: REPLICAS }, (_, i) => 1_000_000 + i * 300)
    this.#actors = this.#wallMs.map(() => this.#bornActor())
    this.#clocks = this.#wallMs.map(() => new HybridClock({ skewMaxMs: 500, leasedUntilMs: 0 }))
  }

  run(step: Step): void {
    const copy = this.copies[step.at]!
    this.#wallMs[step.at]!++
    switch (step.type) {
      case 'put':
      case 'delete':
        return this.#onWrite(step)
      case 'get':
        this.#clients[step.client] = {
          context: contextOf(copy.container),
          known: copy.known,
        }
        return
      case 'send':
        this.#sent.push(copy)
        return
      case 'deliver': {
        const message = this.#sent[step.message % Math.max(1, this.#sent.length)]
        if (message !== undefined) this.copies[step.at] = merge(copy, message)
        return
      }
      case 'wipe':
        this.copies[step.at] = NEW_COPY
        this.#actors[step.at] = this.#bornActor()
        this.#leasedUntil[step.at] = 0
        return
      case 'restart':
        return this.#onRestart(step.at)
      case 'jump':
        this.#wallMs[step.at]! += step.byMs
        return
    }
  }

  /**
   * Everybody tells everybody, in an order that the caller chooses, until nobody learns anything.
   */
  heal(order: readonly number[]): void {
    for (let round = 0; round < 2; round++)
      for (const to of order)
        for (const from of order) this.copies[to] = merge(this.copies[to]!, this.copies[from]!)
  }

  /** The dots that a copy must show. */
  visible(known: ReadonlySet<string>): string[] {
    const superseded = new Set<string>()
    for (const id of known) for (const past of this.events.get(id)!.past) superseded.add(past)
    return [...known].filter((id) => this.events.get(id)!.leaves && !superseded.has(id)).toSorted()
  }

  #onWrite(step: Step & { type: 'put' | 'delete' }): void {
    const copy = this.copies[step.at]!
    const seen = step.blind ? NOTHING_SEEN : this.#clients[step.client]!
    const isDelete = step.type === 'delete'
    const all = this.#mode === 'lww' || (isDelete && step.blind)
    const context: VersionVector = all
      ? joinVectors(seen.context.vector, copy.container.vector)
      : seen.context.vector
    const past = all ? union(seen.known, copy.known) : seen.known
    const above = maxStamp(seen.context.stamp, greatestStamp(copy.container))
    const actor = this.#actors[step.at]!
    assert.ok(!actor.forgot(context) && !actor.forgot(copy.container.vector))
    const dot = this.#drawDot(step.at)
    const stamp = this.#drawStamp(step.at, above)
    const tombstone = this.#mode === 'lww'
    const value = isDelete ? undefined : text(dotText(dot))
    const container = write(copy.container, { dot, stamp, value, context, tombstone })
    const id = dotText(dot)
    assert.ok(!this.events.has(id), `dot ${id} was drawn twice`)
    this.events.set(id, { dot, stamp, past, leaves: !isDelete || tombstone })
    this.copies[step.at] = { container, known: union(union(copy.known, seen.known), new Set([id])) }
  }

  #onRestart(replica: number): void {
    const actor = this.#actors[replica]!
    const leasedUntil = this.#leasedUntil[replica]!
    this.#actors[replica] = new Actor({ vnode: actor.vnode, leasedUntil })
    const leasedUntilMs = this.#clockLeases[replica]!
    this.#clocks[replica] = new HybridClock({ skewMaxMs: 500, leasedUntilMs })
  }

  #bornActor(): Actor {
    return new Actor({ vnode: ++this.#vnodes as VnodeId, leasedUntil: 0 })
  }

  #drawDot(replica: number): Dot {
    const actor = this.#actors[replica]!
    const until = actor.leaseWanted()
    if (until !== undefined) {
      this.#leasedUntil[replica] = until
      actor.leaseGranted(until)
    }
    actor.check()
    return actor.draw()!
  }

  #drawStamp(replica: number, above: Stamp): Stamp {
    const clock = this.#clocks[replica]!
    const until = clock.leaseWanted(this.#wallMs[replica]!)
    if (until !== undefined) {
      this.#clockLeases[replica] = until
      clock.leaseGranted(until)
    }
    clock.check()
    return clock.draw(this.#wallMs[replica]!, above)!
  }
}

function merge(a: Copy, b: Copy): Copy {
  return { container: sync(a.container, b.container), known: union(a.known, b.known) }
}

function union(a: ReadonlySet<string>, b: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...a, ...b])
}

/** A copy says what the model says: it shows the right versions and covers the right writes. */
function agrees(history: History, copy: Copy): void {
  checkContainer(copy.container)
  assert.deepEqual(dotTexts(copy.container).toSorted(), history.visible(copy.known))
  for (const [id, event] of history.events)
    assert.equal(covers(copy.container.vector, event.dot), copy.known.has(id), `covers ${id}`)
}

test('siblings: after every step each copy shows just the writes that no write it knows supersedes', () => {
  const property = fc.property(steps, (history) => {
    const run = new History('siblings')
    for (const step of history) {
      run.run(step)
      agrees(run, run.copies[step.at]!)
    }
  })
  fc.assert(property, RUNS)
})

test('last write wins: after every step each copy shows just the writes that no write it knows supersedes', () => {
  const property = fc.property(steps, (history) => {
    const run = new History('lww')
    for (const step of history) {
      run.run(step)
      agrees(run, run.copies[step.at]!)
    }
  })
  fc.assert(property, RUNS)
})

test('copies that have met are equal to the byte, in whatever order they met', () => {
  const orders = fc.shuffledSubarray([0, 1, 2, 3], { minLength: REPLICAS })
  for (const mode of ['siblings', 'lww'] as const) {
    const property = fc.property(steps, orders, (history, order) => {
      const run = new History(mode)
      for (const step of history) run.run(step)
      run.heal(order)
      const records = run.copies.map((copy) => encodeRecord(copy.container, crc32))
      for (const record of records) assert.deepEqual(record, records[0])
      for (const copy of run.copies) agrees(run, copy)
    })
    fc.assert(property, RUNS)
  }
})

test('last write wins: no wall clock can bring back what a later write superseded', () => {
  const property = fc.property(steps, (history) => {
    const run = new History('lww')
    const shown: Stamp[] = run.copies.map(() => ZERO_STAMP)
    for (const step of history) {
      run.run(step)
      if (step.type === 'wipe') shown[step.at] = ZERO_STAMP
      const stamp = greatestStamp(run.copies[step.at]!.container)
      assert.ok(compareStamps(stamp, shown[step.at]!) >= 0, 'a copy went back to an older winner')
      shown[step.at] = stamp
    }
    for (const event of run.events.values())
      for (const past of event.past)
        assert.ok(compareStamps(event.stamp, run.events.get(past)!.stamp) > 0)
  })
  fc.assert(property, RUNS)
})

test('a successor with a slow clock beats what its ancestor had beaten', () => {
  const write1 = { at: 100, vnode: 1 }
  const rival = { at: 70, vnode: 2 }
  const slow = new HybridClock({ skewMaxMs: 500, leasedUntilMs: 0 })
  slow.leaseGranted(slow.leaseWanted(50)!)
  const first = version(EMPTY_CONTAINER, write1.vnode, { ms: write1.at, counter: 0 }, EMPTY_VECTOR)
  const other = version(EMPTY_CONTAINER, rival.vnode, { ms: rival.at, counter: 0 }, EMPTY_VECTOR)
  assert.equal(winner(sync(first, other))!.dot.vnode, write1.vnode)
  const drawn = slow.draw(50, greatestStamp(first))!
  const successor = version(first, 3, drawn, first.vector)
  for (const merged of [sync(sync(first, other), successor), sync(successor, other)]) {
    assert.equal(winner(merged)!.dot.vnode, 3)
    assert.equal(liveVersions(merged).length, 2)
  }
})

test('a successor of a version from a mad clock beats it too, and the clock does not follow', () => {
  const mad: Stamp = { ms: 9_000_000, counter: 7 }
  const clock = new HybridClock({ skewMaxMs: 500, leasedUntilMs: 0 })
  clock.leaseGranted(clock.leaseWanted(1000)!)
  const first = version(EMPTY_CONTAINER, 1, mad, EMPTY_VECTOR)
  const successor = version(first, 2, clock.draw(1000, mad)!, first.vector)
  const rival = version(EMPTY_CONTAINER, 3, mad, EMPTY_VECTOR)
  assert.equal(winner(sync(successor, rival))!.dot.vnode, 2)
  assert.equal(clock.draw(1000, ZERO_STAMP)!.ms, 1000)
})

function version(local: Container, vnode: number, stamp: Stamp, context: VersionVector): Container {
  const dot = { vnode: vnode as VnodeId, counter: 1 }
  return write(local, { dot, stamp, value: text('v'), context, tombstone: false })
}
