import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeEngine } from '../../../test/contracts/fake-engine.ts'
import { Recorder } from '../../../test/contracts/recorder.ts'
import { bytes, range, text } from '../../../test/contracts/store-harness.ts'
import type { ScanRange, StoreEntry } from '../../core/ports.ts'
import type { EnginePageRequest } from './engine.ts'
import type { GroupCommitLimits } from './limits.ts'
import { GROUP_COMMIT_LIMITS } from './limits.ts'
import { Overlay } from './overlay.ts'
import { Scanner } from './scanner.ts'
import { StandingClear } from './standing-clear.ts'

const END = '\xff'

/** An engine that remembers what was asked of it, and a scanner over it. */
class Bench {
  readonly requests: EnginePageRequest[] = []
  readonly recorder: Recorder = new Recorder()
  readonly overlay: Overlay = new Overlay()
  readonly engine: FakeEngine
  readonly scanner: Scanner
  #number = 0

  constructor(keys: readonly string[], limits: Partial<GroupCommitLimits> = {}) {
    this.engine = new FakeEngine(keys.map((key) => ({ key: bytes(key), value: bytes('old') })))
    const read = this.engine.read.bind(this.engine)
    this.engine.read = (request) => {
      this.requests.push(request)
      return read(request)
    }
    this.scanner = new Scanner({
      engine: this.engine,
      overlay: this.overlay,
      listener: this.recorder,
      limits: { ...GROUP_COMMIT_LIMITS, ...limits },
    })
  }

  start(...ranges: ScanRange[]): number {
    return this.startBehind(0, ...ranges)
  }

  /** A scan before which so many batches were handed over. */
  startBehind(batches: number, ...ranges: ScanRange[]): number {
    assert.ok(this.scanner.scan(++this.#number, ranges, batches))
    return this.#number
  }

  async keys(...ranges: ScanRange[]): Promise<string> {
    const result = await this.recorder.scanResult(this.start(...ranges))
    return typeof result === 'string' ? result : result.map(keysOf).join('|')
  }
}

const keysOf = (entries: readonly StoreEntry[]): string =>
  entries.map(({ key, value }) => text(key) + (text(value) === 'old' ? '' : text(value))).join('')

test('a turn reads no more entries than its bound, over all scans, and the scans take turns', async () => {
  const bench = new Bench([...'abcdefghij'], { turnEntriesMax: 4 })
  let turns = 0
  const readsOfTurn: number[] = []
  const count = (): void => {
    readsOfTurn[turns++] = bench.requests.length
    if (!bench.recorder.isScanned(2)) setImmediate(count)
  }
  setImmediate(count)
  const both = [bench.start(range('', END)), bench.start(range('', END, { reverse: true }))]
  const results = await Promise.all(both.map((scan) => bench.recorder.scanResult(scan)))
  assert.deepEqual(
    results.map((result) => keysOf((result as readonly (readonly StoreEntry[])[])[0]!)),
    ['abcdefghij', 'jihgfedcba'],
  )
  assert.ok(bench.requests.every(({ entriesMax }) => entriesMax <= 4))
  assert.deepEqual(
    bench.requests.slice(0, 4).map(({ reverse }) => reverse),
    [false, true, false, true],
  )
  assert.ok(turns >= 5, `${turns} turns`)
})

test('small ranges share a turn', async () => {
  const bench = new Bench([...'abcdefghij'])
  const ranges = [...'abcdefgh'].map((key) => range(key, `${key}\x00`))
  assert.equal(await bench.keys(...ranges), 'a|b|c|d|e|f|g|h')
  assert.equal(bench.requests.length, 8)
})

test('ranges that can have no entries are not asked of the engine', async () => {
  const bench = new Bench(['a', 'b'])
  const none = [range('b', 'a'), range('a', 'a'), range('', ''), range('', '\x01')]
  assert.equal(await bench.keys(...none, range('a', 'b', { limit: 0 })), '||||')
  assert.equal(await bench.keys(), '')
  assert.equal(bench.requests.length, 0)
})

test("the store's own keys are in no range", async () => {
  const bench = new Bench(['\0\x01', '\0\x02k', 'a'])
  assert.equal(await bench.keys(range('', END)), 'a')
  assert.equal(await bench.keys(range('\0', END, { reverse: true })), 'a')
})

test('the budget of bytes ends a turn, and is offered to the engine', async () => {
  const bench = new Bench([...'abcdef'], { turnBytesMax: 8 })
  assert.equal(await bench.keys(range('', END)), 'abcdef')
  assert.ok(bench.requests.every(({ bytesMax }) => bytesMax > 0 && bytesMax <= 8))
  assert.equal(bench.requests.length, 3)
})

test('a scan whose result is too large fails, with what to do', async () => {
  const bench = new Bench([...'abcdef'], { scanBytesMax: 12, turnEntriesMax: 2 })
  assert.equal(await bench.keys(range('', END)), 'more than 12 bytes: ask for fewer keys')
  assert.equal(await bench.keys(range('', END, { limit: 3 })), 'abc')
})

test('beyond the bound scans are not taken, until one is answered', async () => {
  const bench = new Bench(['a'], { scansMax: 2 })
  const first = bench.start(range('', END))
  bench.start(range('', END))
  assert.equal(bench.scanner.scan(99, [range('', END)], 0), false)
  await bench.recorder.scanResult(first)
  assert.equal(await bench.keys(range('', END)), 'a')
})

test('a scan begins when all batches before it are settled, and those before it do not wait', async () => {
  const bench = new Bench(['a'])
  bench.scanner.settled(3)
  const first = bench.startBehind(3, range('', END))
  const second = bench.startBehind(5, range('', END))
  const third = bench.startBehind(6, range('', END))
  await bench.recorder.scanResult(first)
  bench.scanner.settled(4)
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(bench.recorder.isScanned(second), false)
  bench.scanner.settled(5)
  await bench.recorder.scanResult(second)
  assert.equal(bench.recorder.isScanned(third), false)
  bench.scanner.settled(9)
  await bench.recorder.scanResult(third)
})

test('scans that wait count into the bound', async () => {
  const bench = new Bench(['a'], { scansMax: 2 })
  bench.startBehind(1, range('', END))
  bench.startBehind(2, range('', END))
  assert.equal(bench.scanner.scan(99, [range('', END)], 2), false)
  bench.scanner.settled(1)
  assert.equal(bench.scanner.scan(99, [range('', END)], 2), false)
  await bench.recorder.scanResult(1)
  const last = bench.startBehind(2, range('', END))
  bench.scanner.settled(2)
  await bench.recorder.scanResult(last)
})

test('pages that a standing clear hides are passed over, both ways', async () => {
  for (const reverse of [false, true]) {
    const bench = new Bench([...'abcdefghijkl'], { turnEntriesMax: 3 })
    const standing = new StandingClear([{ from: bytes('b'), to: bytes('i') }])
    const kept = { key: bytes('e'), value: bytes('old'), name: 'e' }
    standing.keep([kept])
    bench.overlay.stand(standing)
    const expected = [...'aeijkl']
    const ordered = (reverse ? expected.toReversed() : expected).join('')
    assert.equal(await bench.keys(range('', END, { reverse })), ordered)
    for (let limit = 1; limit <= expected.length; limit++) {
      const some = (reverse ? expected.toReversed() : expected).slice(0, limit).join('')
      assert.equal(await bench.keys(range('', END, { reverse, limit })), some)
    }
  }
})

test('hidden keys cost a turn as much as others', async () => {
  const bench = new Bench([...'abcdefghijkl'], { turnEntriesMax: 4 })
  bench.overlay.stand(new StandingClear([{ from: bytes('a'), to: bytes('l') }]))
  const scan = bench.start(range('', END))
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(bench.recorder.isScanned(scan), false)
  assert.equal(bench.requests.length, 1)
  await bench.recorder.scanResult(scan)
})

test('a page is as old as its question: a key that is put anew meanwhile does not uncover the old', async () => {
  const bench = new Bench([...'abc'])
  const standing = new StandingClear([{ from: bytes('b'), to: bytes('c') }])
  bench.overlay.stand(standing)
  bench.engine.holdsReads = true
  const scan = bench.start(range('', END))
  while (bench.engine.heldReads === 0) await new Promise((resolve) => setImmediate(resolve))
  standing.keep([{ key: bytes('b'), value: bytes('new'), name: 'b' }])
  bench.overlay.lift()
  bench.engine.answerReads()
  const result = (await bench.recorder.scanResult(scan)) as readonly (readonly StoreEntry[])[]
  assert.equal(keysOf(result[0]!), 'ac')
})

test('a page that cannot be read fails its scan alone', async () => {
  const bench = new Bench([...'abcdef'], { turnEntriesMax: 2 })
  const failing = bench.start(range('', END))
  while (bench.requests.length < 2) await new Promise((resolve) => setImmediate(resolve))
  bench.engine.read = () => Promise.reject(new Error('broken page'))
  assert.equal(await bench.recorder.scanResult(failing), 'unreadable: broken page')
  bench.engine.read = () => ({ entries: [], complete: true })
  assert.equal(await bench.keys(range('', END)), '')
})

test('closing fails what is under way and waits for the page being read', async () => {
  const bench = new Bench(['a'])
  bench.engine.holdsReads = true
  const scans = [bench.start(range('', END)), bench.start(range('', END))]
  while (bench.engine.heldReads === 0) await new Promise((resolve) => setImmediate(resolve))
  let closed = false
  const closing = bench.scanner.close('closed').then(() => {
    closed = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(closed, false)
  bench.engine.answerReads()
  await closing
  for (const scan of scans) assert.equal(await bench.recorder.scanResult(scan), 'closed')
})
