import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId, PartitionId, VnodeId } from '../std/ids.ts'
import { instant } from '../std/instant.ts'
import type { Container, Version } from '../versions/version.ts'
import { A, B, C, D } from './fake-host.test.ts'
import type { FeedChange } from './feed.ts'
import type { WatchPage } from './watch-messages.ts'
import type { Place } from './watcher.ts'
import { Watcher } from './watcher.ts'

const WALL_MS = 1_000_000
const P = 0 as PartitionId

/** A watcher of one partition on A, B and C, of which two must take a write. */
class Bench {
  readonly down = new Set<NodeId>()
  readonly watcher: Watcher
  // Of changes, by their record's first byte.
  readonly #containers: Container[] = []
  set: readonly NodeId[] = [A, B, C]
  isLww = false
  #now = 1
  // Polls that are not answered, by whether they may wait.
  readonly #asked = new Map<NodeId, boolean[]>()
  // From where they were asked last.
  readonly #places = new Map<NodeId, Place>()

  constructor(places?: readonly (readonly [NodeId, Place])[]) {
    this.watcher = new Watcher({
      ...{ bucket: 'b', places: places && new Map(places), now: instant(0) },
      nameOf: (key) => String(key[0]),
      isLww: () => this.isLww,
      isUp: (node) => !this.down.has(node),
      skewMs: 500,
      setsOf: () => [{ nodes: this.set, needed: 2 }],
      decode: ({ record }) => this.#containers[record[0]!],
    })
    this.watcher.retarget([A, B, C])
  }

  /** Some time after the last polls. */
  polls(): { node: NodeId; place: Place; waits: boolean }[] {
    this.#now += 5
    return [...this.watcher.polls(instant(this.#now))]
  }

  /** All that are up are asked. */
  ask(): NodeId[] {
    return this.polls().map(({ node, place, waits }) => {
      this.#places.set(node, place)
      this.#asked.set(node, [...(this.#asked.get(node) ?? []), waits])
      return node
    })
  }

  /** Answers what `node` was asked first, or the poll that may wait or not. */
  answer(
    node: NodeId,
    feed: number,
    last: number,
    more: Partial<WatchPage> = {},
    waits: boolean = this.#asked.get(node)?.[0] ?? true,
  ): void {
    const page = {
      type: 'watch-page',
      request: 1,
      outcome: 'ok',
      feed,
      last,
      top: last,
      untilMs: 0,
      young: false,
    } as const
    const whole = { ...page, holes: [], changes: [], ...more }
    const asked = this.#asked.get(node) ?? []
    if (asked.includes(waits)) asked.splice(asked.indexOf(waits), 1)
    this.watcher.answered(node, whole, waits, instant(this.#now))
    this.watcher.settle(instant(this.#now), WALL_MS)
    this.watcher.check()
  }

  /** Who is asked for a prompt answer says that there is nothing else. */
  hear(nodes: readonly NodeId[] = [A, B, C, D]): void {
    this.ask()
    for (const node of nodes) {
      const { feed, after } = this.#places.get(node) ?? { feed: 1, after: 0 }
      if (this.#asked.get(node)?.includes(false) === true) this.answer(node, feed, after, {}, false)
    }
  }

  /** All answer, from now on. */
  settle(): void {
    for (const node of this.ask()) this.answer(node, 1, 0)
    this.watcher.take()
  }

  pass(ms: number): void {
    this.#now += ms
    this.watcher.settle(instant(this.#now), WALL_MS)
  }

  change(key: number, container: Container): FeedChange {
    const record = Uint8Array.of(this.#containers.push(container) - 1)
    return { partition: P, key: Uint8Array.of(key), record, base: new Uint8Array(0) }
  }

  take(): string[] {
    this.hear()
    return this.taken()
  }

  /** What is told without asking anybody. */
  taken(): string[] {
    const { gap, changes } = this.watcher.take()
    const texts = changes.map(
      ({ key, container, isStale }) =>
        `${key[0]}:${container.versions.map(({ dot }) => dot.counter).join('+')}${isStale ? '?' : ''}`,
    )
    return gap ? ['gap', ...texts] : texts
  }
}

/** Versions by their counters of one vnode, and all up to `seen` superseded or there. */
function holding(
  counters: readonly number[],
  seen: number,
  ms: number = WALL_MS,
  vnode: VnodeId = 7 as VnodeId,
): Container {
  const versions: Version[] = counters.map((counter) => ({
    ...{ dot: { vnode, counter }, stamp: { ms, counter: 0 } },
    value: { bytes: new Uint8Array(0), contentType: '', metadata: [], expiresAtMs: 0 },
  }))
  return { versions, vector: seen === 0 ? [] : [{ vnode, counter: seen }] }
}

test('it stands when all who are up have said where they are, and tells its places first', () => {
  const bench = new Bench()
  assert.deepEqual(bench.ask(), [A, B, C])
  assert.deepEqual(bench.ask(), [], 'one poll at a time')
  bench.answer(A, 1, 5, { holes: [P] })
  bench.answer(B, 2, 6, { holes: [P] })
  assert.equal(bench.watcher.isReady, false)
  bench.answer(C, 3, 7, { holes: [P] })
  assert.equal(bench.watcher.isReady, true)
  const { gap, places } = bench.watcher.take()
  assert.equal(gap, false, 'it begins now: nothing was passed over')
  assert.deepEqual(places.get(B), { feed: 2, after: 6 })
})

test('a change is told once, whoever brings it first, and again when there is more', () => {
  const bench = new Bench()
  bench.settle()
  bench.ask()
  const first = bench.change(1, holding([1], 1))
  bench.answer(A, 1, 1, { changes: [first] })
  bench.answer(B, 1, 1, { changes: [first] })
  bench.answer(C, 1, 2, { changes: [first, bench.change(1, holding([2], 2))] })
  assert.deepEqual(bench.take(), ['1:1', '1:2'], 'what was superseded is not told again')
})

test('who lacks something of what was told makes the key be read, and so does what is old', () => {
  const bench = new Bench()
  bench.settle()
  bench.ask()
  bench.answer(A, 1, 1, { changes: [bench.change(1, holding([1], 1))] })
  const concurrent = holding([5], 5, WALL_MS, 8 as VnodeId)
  bench.answer(B, 1, 1, { changes: [bench.change(1, concurrent)] })
  bench.answer(C, 1, 1, { changes: [bench.change(2, holding([9], 9, WALL_MS - 61_000))] })
  assert.deepEqual(bench.take(), ['1:1', '1:5?', '2:9?'])
})

test('one who comes back without its numbers is not needed, and counts again when the others have told', () => {
  const bench = new Bench()
  bench.settle()
  bench.ask()
  bench.answer(A, 9, 0, { holes: [P] })
  assert.deepEqual(bench.taken(), [])
  const isPlace = (): boolean => bench.watcher.places().has(A)
  assert.equal(isPlace(), false, 'its place is none to go on from')
  bench.answer(B, 1, 0)
  bench.answer(C, 1, 0)
  assert.equal(isPlace(), false, 'B and C were asked before')
  assert.deepEqual(bench.ask(), [A, B, C])
  bench.answer(B, 1, 1, {}, false)
  bench.answer(C, 1, 1, { top: 2 }, false)
  assert.equal(isPlace(), false, 'C has more to tell')
  bench.ask()
  bench.answer(C, 1, 2, {}, false)
  assert.equal(isPlace(), true)
  bench.ask()
  bench.answer(B, 9, 0, { holes: [P] })
  assert.deepEqual(bench.take(), [])
})

test('two who come back without their numbers are a gap', () => {
  const bench = new Bench()
  bench.settle()
  bench.ask()
  bench.answer(A, 9, 0, { holes: [P] })
  bench.answer(B, 9, 0, { holes: [P] })
  assert.deepEqual(bench.take(), ['gap'])
  assert.equal(bench.watcher.places().size, 3, 'all count from there on')
})

test('with a token it goes on where it stood, and with too few who remember there is a gap', () => {
  const places = [A, B, C].map((node) => [node, { feed: 1, after: 4 }] as const)
  const goesOn = new Bench(places)
  assert.deepEqual(
    goesOn.polls().map(({ place }) => place.after),
    [4, 4, 4],
  )
  goesOn.answer(A, 1, 5, { changes: [goesOn.change(3, holding([1], 1))] })
  goesOn.answer(B, 1, 4)
  goesOn.answer(C, 2, 0, { holes: [P] })
  assert.deepEqual(goesOn.take(), ['3:1'])
  const forgotten = new Bench(places)
  forgotten.ask()
  forgotten.answer(A, 1, 4)
  forgotten.answer(B, 2, 0, { holes: [P] })
  forgotten.answer(C, 2, 0, { holes: [P] })
  assert.deepEqual(forgotten.take(), ['gap'])
})

test('who is down is not waited for, and who is silent not for long', () => {
  const bench = new Bench()
  bench.down.add(C)
  for (const node of bench.ask()) if (node !== B) bench.answer(node, 1, 0)
  assert.equal(bench.watcher.isSettled, false)
  bench.watcher.settle(instant(3_001), WALL_MS)
  assert.equal(bench.watcher.isSettled, true)
})

test('a new node counts from its first word on, and one that is gone is not asked', () => {
  const bench = new Bench()
  bench.settle()
  bench.watcher.retarget([A, B, D])
  bench.set = [A, B, D]
  assert.deepEqual(bench.ask(), [A, B, D])
  bench.answer(D, 4, 0, { holes: [P] })
  assert.deepEqual(bench.take(), [], 'A and B tell')
})

test('nobody is asked for more while what is there is not taken', () => {
  const bench = new Bench()
  bench.settle()
  bench.ask()
  const large = { ...bench.change(1, holding([1], 1)), key: new Uint8Array(1024 * 1024) }
  bench.answer(A, 1, 1, { changes: [large] })
  bench.hear()
  assert.deepEqual(bench.ask(), [])
  bench.watcher.take()
  assert.deepEqual(bench.ask(), [A])
})

/** By a coordinator of its own, which had seen nothing of the others. */
const at = (counter: number, ms: number): Container =>
  holding([counter], counter, ms, (20 + counter) as VnodeId)

test('what came before is told before, though it is heard of later', () => {
  const bench = new Bench()
  bench.isLww = true
  bench.settle()
  bench.ask()
  bench.answer(A, 1, 1, { changes: [bench.change(1, at(2, WALL_MS))] })
  assert.deepEqual(bench.taken(), [], 'somebody may know of one before')
  assert.deepEqual(bench.watcher.places().get(A), { feed: 1, after: 0 }, 'it is not told yet')
  bench.answer(B, 1, 1, { changes: [bench.change(1, at(1, WALL_MS - 5))] })
  assert.deepEqual(bench.taken(), [], 'B was asked before A had told')
  bench.hear([C])
  assert.deepEqual(bench.taken(), ['1:1', '1:2'])
  assert.deepEqual(bench.watcher.places().get(A), { feed: 1, after: 1 })
  bench.hear()
  assert.deepEqual(bench.taken(), [])
})

test('where the last write wins, what has lost against what was told is not told', () => {
  const bench = new Bench()
  bench.isLww = true
  bench.settle()
  bench.ask()
  bench.answer(A, 1, 1, { changes: [bench.change(1, at(2, WALL_MS))] })
  assert.deepEqual(bench.take(), ['1:2'])
  bench.answer(B, 1, 1, { changes: [bench.change(1, at(1, WALL_MS - 5))] })
  assert.deepEqual(bench.take(), [])
  bench.answer(C, 1, 1, { changes: [bench.change(1, at(3, WALL_MS + 5))] })
  assert.deepEqual(bench.take(), ['1:3'])
})

test('nothing is held for ever when nobody answers', () => {
  const bench = new Bench()
  bench.settle()
  bench.ask()
  bench.answer(A, 1, 1, { changes: [bench.change(1, holding([1], 1))] })
  assert.deepEqual(bench.taken(), [])
  bench.pass(5_001)
  assert.deepEqual(bench.taken(), ['1:1'])
})

test('an answer to an earlier question that comes later changes nothing', () => {
  const bench = new Bench()
  bench.settle()
  bench.ask()
  bench.answer(A, 1, 1, { changes: [bench.change(1, holding([1], 1))] })
  const [one, two] = [bench.change(2, holding([2], 2)), bench.change(3, holding([3], 3))]
  bench.hear([A])
  bench.answer(B, 1, 2, { changes: [one, two] }, false)
  bench.answer(B, 1, 1, { changes: [one] })
  bench.hear()
  assert.deepEqual(bench.taken(), ['1:1', '2:2', '3:3'])
  assert.deepEqual(bench.watcher.places().get(B), { feed: 1, after: 2 })
})

test('who has told what there was when it was asked is heard, though there is more by then', () => {
  const bench = new Bench()
  bench.settle()
  bench.ask()
  bench.answer(A, 1, 1, { changes: [bench.change(1, holding([1], 1))] })
  bench.hear([A])
  bench.answer(B, 1, 1, { top: 3, changes: [bench.change(2, holding([2], 2))] }, false)
  assert.deepEqual(bench.taken(), [], 'B has more that may be older')
  bench.ask()
  const rest = [3, 4].map((key) => bench.change(key, holding([key], key)))
  bench.answer(B, 1, 3, { top: 9, changes: rest }, false)
  assert.deepEqual(bench.taken(), ['1:1'])
})

test('who refuses to answer is left alone for a while', () => {
  const bench = new Bench()
  bench.settle()
  bench.ask()
  bench.answer(A, 0, 0, { outcome: 'refused' })
  assert.deepEqual(bench.ask(), [])
  for (let i = 0; i < 200; i++) bench.polls()
  assert.deepEqual(bench.watcher.pollAt, undefined, 'it was asked again')
  bench.answer(A, 1, 1, { changes: [bench.change(1, holding([1], 1))] }, true)
  assert.deepEqual(bench.take(), ['1:1'])
})

test('a node that is given a partition says so each time, and nobody is asked for ever', () => {
  const bench = new Bench()
  bench.settle()
  bench.ask()
  bench.answer(A, 1, 0, { holes: [P] })
  for (let rounds = 0; rounds < 3; rounds++)
    for (const { node, place, waits } of bench.polls())
      if (!waits) bench.answer(node, 1, place.after, node === A ? { holes: [P] } : {}, false)
  assert.deepEqual(
    bench.polls().filter(({ waits }) => !waits),
    [],
  )
})

test('a node is asked at intervals, so that of what changes quickly much is told at once', () => {
  const bench = new Bench()
  bench.settle()
  bench.ask()
  bench.answer(A, 1, 1, { changes: [bench.change(1, holding([1], 1))] })
  const at = (ms: number): number => [...bench.watcher.polls(instant(ms))].length
  assert.equal(at(15), 0, 'all were asked at 11')
  assert.equal(bench.watcher.pollAt, instant(16))
  assert.equal(at(16), 3)
  assert.equal(bench.watcher.pollAt, undefined)
})

test('a write under way when a feed began may be told by one replica alone: all are waited for', () => {
  const bench = new Bench()
  bench.isLww = true
  bench.settle()
  bench.ask()
  // B has begun anew after it took a write that A takes only now.
  bench.answer(B, 9, 0, { young: true })
  bench.answer(C, 1, 1, { changes: [bench.change(1, at(2, WALL_MS))] })
  bench.ask()
  bench.answer(B, 9, 0, { young: true }, false)
  assert.deepEqual(bench.taken(), [])
  bench.answer(A, 1, 1, { changes: [bench.change(1, at(1, WALL_MS - 5))] })
  bench.hear()
  assert.deepEqual(bench.taken(), ['1:1', '1:2'])
})

test('who is far behind is told what is old before it has heard all that is new', () => {
  const bench = new Bench()
  bench.settle()
  bench.ask()
  bench.answer(A, 1, 1, { top: 90, changes: [bench.change(1, at(1, WALL_MS - 9_000))] })
  bench.ask()
  bench.answer(C, 1, 4, { top: 90, untilMs: WALL_MS - 8_600 }, false)
  assert.deepEqual(bench.taken(), [], 'clocks may differ')
  bench.ask()
  bench.answer(C, 1, 9, { top: 90, untilMs: WALL_MS - 8_499 }, false)
  assert.deepEqual(bench.taken(), ['1:1'])
})
