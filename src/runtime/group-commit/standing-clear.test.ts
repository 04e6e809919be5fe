import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FakeEngine } from '../../../test/contracts/fake-engine.ts'
import { Recorder } from '../../../test/contracts/recorder.ts'
import { bytes, clear, del, put, range, text } from '../../../test/contracts/store-harness.ts'
import type { StoreEntry, StoreOperation } from '../../core/ports.ts'
import { GroupCommit } from './group-commit.ts'
import type { GroupCommitLimits } from './limits.ts'
import { nameOf } from './ordered-map.ts'
import { interruptedClear, StandingClear } from './standing-clear.ts'

const END = '\xff'.repeat(8)
const LIMITS: Partial<GroupCommitLimits> = { clearKeysMax: 3, retryMs: 1 }
const NAMES = Array.from({ length: 20 }, (_, i) => `k${10 + i}`)

async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** All that a store shows, by scan; checked against single reads. */
async function contents(store: GroupCommit, recorder: Recorder): Promise<string[]> {
  const scan = 1_000_000 + Math.trunc(performance.now() * 1000)
  store.scan(scan, [range('', END)])
  const result = await recorder.scanResult(scan)
  assert.ok(typeof result !== 'string', String(result))
  const entries = result[0]!.map(({ key, value }) => [text(key), text(value)] as const)
  const shown = new Map(entries)
  for (const name of NAMES)
    for (const read of [store.get(bytes(name)), store.getDurable(bytes(name))])
      assert.equal(read instanceof Uint8Array ? text(read) : read, shown.get(name))
  return entries.map(([name, value]) => `${name}=${value}`)
}

async function filled(): Promise<{ engine: FakeEngine; store: GroupCommit; recorder: Recorder }> {
  const engine = new FakeEngine()
  const recorder = new Recorder()
  const store = await GroupCommit.open({ engine, listener: recorder, limits: LIMITS })
  store.commit(
    1,
    NAMES.map((name) => put(name, 'old')),
  )
  assert.equal(await recorder.outcome(1), undefined)
  return { engine, store, recorder }
}

/** Until no write follows another. */
async function quiet(engine: FakeEngine): Promise<void> {
  for (let before = -1; before !== engine.written.length || engine.isWriting;) {
    before = engine.written.length
    await settle()
  }
}

test('ranges may overlap, touch, repeat and be empty', () => {
  const range = (from: string, to: string): { from: Uint8Array; to: Uint8Array } => ({
    from: bytes(from),
    to: bytes(to),
  })
  const standing = new StandingClear([
    range('m', 'p'),
    range('a', 'c'),
    range('b', 'd'),
    range('d', 'e'),
    range('x', 'x'),
    range('z', 'y'),
    range('a', 'b'),
  ])
  const covered = [...'abcdefghijklmnopqrstuvwxyz'].filter((name) => standing.covers(name))
  assert.equal(covered.join(''), 'abcdmno')
  const first = standing.rangeAt(standing.position)!
  assert.deepEqual([text(first.from), text(first.to)], ['a', 'e'])
})

test('a large clear is durable with its batch, hidden from reads, and deleted in pieces', async () => {
  const { engine, store, recorder } = await filled()
  store.commit(2, [clear('k10', 'k28'), put('k12', 'new')])
  assert.equal(await recorder.outcome(2), undefined)
  assert.ok(engine.entries.size > 15, 'most of it is still there when the batch is stored')
  assert.deepEqual(await contents(store, recorder), ['k12=new', 'k28=old', 'k29=old'])
  await quiet(engine)
  assert.deepEqual(engine.entries.names(), ['k12', 'k28', 'k29'])
  assert.ok(engine.written.length > 5)
  assert.ok(engine.written.slice(2).every((writes) => writes.length <= 5))
})

test('groups take turns with the pieces, and what they put into the ranges stays', async () => {
  const { engine, store, recorder } = await filled()
  store.commit(2, [clear('k10', 'k28')])
  await recorder.outcome(2)
  for (let i = 3; i < 9; i++) {
    store.commit(i, [put(NAMES[i]!, `${i}`), del(NAMES[i + 8]!)])
    assert.equal(await recorder.outcome(i), undefined)
  }
  store.commit(9, [del('k13'), put('k14', 'again')])
  await recorder.outcome(9)
  const expected = ['k14=again', 'k15=5', 'k16=6', 'k17=7', 'k18=8', 'k28=old', 'k29=old']
  assert.deepEqual(await contents(store, recorder), expected)
  await quiet(engine)
  assert.deepEqual(await contents(store, recorder), expected)
  assert.ok(engine.entries.names().every((name) => name.startsWith('k')))
})

test('under a queue that never empties the pieces get on, one after each group', async () => {
  const engine = new FakeEngine()
  const listener = new Recorder()
  const limits = { ...LIMITS, groupOperationsMax: 1 }
  const store = await GroupCommit.open({ engine, listener, limits })
  store.commit(
    1,
    NAMES.map((name) => put(name, 'old')),
  )
  store.commit(2, [clear('k', 'l')])
  for (let i = 3; i < 20; i++) store.commit(i, [put('x', `${i}`)])
  await listener.outcome(18)
  assert.equal(listener.isAnswered(19), false)
  assert.deepEqual(engine.entries.names(), ['x'])
  assert.equal(await listener.outcome(19), undefined)
})

test('an interrupted clear comes back with its ranges and all that it keeps', async () => {
  const standing = new StandingClear([{ from: bytes('a'), to: bytes('z') }])
  const names = Array.from({ length: 10_000 }, (_, i) => `k${i}`)
  standing.keep(names.map((name) => ({ name, key: bytes(name), value: bytes('') })))
  const own = standing.opening().map(({ key, value }) => ({ key, value: value! }))
  const found = await interruptedClear(new FakeEngine(own))
  assert.equal(found!.keptCount, 10_000)
  assert.ok(names.every((name) => !found!.hides(name)))
  assert.ok(found!.hides('a') && !found!.hides('z'))
  assert.equal(await interruptedClear(new FakeEngine()), undefined)
})

test('a second clear waits for the first, fails with its pieces, and those are tried again', async () => {
  const { engine, store, recorder } = await filled()
  store.commit(2, [clear('k10', 'k20')])
  await recorder.outcome(2)
  engine.failure = 'disk full'
  store.commit(3, [put('k11', 'x')])
  assert.equal(await recorder.outcome(3), 'disk full')
  store.commit(4, [clear('k20', 'k29')])
  store.commit(5, [put('k11', 'y')])
  assert.deepEqual(
    await contents(store, recorder),
    NAMES.slice(10).map((name) => `${name}=old`),
  )
  assert.equal(await recorder.outcome(4), 'disk full')
  assert.equal(await recorder.outcome(5), 'disk full')
  engine.failure = undefined
  store.commit(6, [clear('k20', 'k29')])
  assert.equal(await recorder.outcome(6), undefined)
  assert.deepEqual(await contents(store, recorder), ['k29=old'])
  await quiet(engine)
  assert.deepEqual(engine.entries.names(), ['k29'])
})

test('pieces whose keys cannot be read are tried again', async () => {
  const { engine, store, recorder } = await filled()
  engine.delaysReads = true
  store.commit(2, [clear('k10', 'k20')])
  await recorder.outcome(2)
  engine.readFailure = 'broken page'
  for (let i = 0; i < 4; i++) await settle()
  store.commit(3, [put('k11', 'x')])
  assert.equal(await recorder.outcome(3), undefined)
  engine.readFailure = undefined
  while (engine.entries.size > 11) await settle()
  assert.deepEqual(engine.entries.names().slice(0, 2), ['k11', 'k20'])
})

test('beyond the bound of kept keys the clear is done first', async () => {
  const engine = new FakeEngine()
  const listener = new Recorder()
  const limits = { ...LIMITS, keptMax: 2 }
  const store = await GroupCommit.open({ engine, listener, limits })
  store.commit(
    1,
    NAMES.map((name) => put(name, 'old')),
  )
  store.commit(2, [clear('k', 'l')])
  await listener.outcome(2)
  store.commit(3, [put('k10', 'new'), put('k11', 'new'), put('k12', 'new')])
  await listener.outcome(3)
  store.commit(4, [put('k13', 'new')])
  await listener.outcome(4)
  assert.equal(engine.entries.names().filter((name) => name.startsWith('\0')).length, 0)
  assert.deepEqual(engine.entries.names(), ['k10', 'k11', 'k12', 'k13'])
})

test('what waits for the clear beyond that bound fails when its pieces do', async () => {
  const engine = new FakeEngine()
  const listener = new Recorder()
  const limits = { ...LIMITS, keptMax: 2 }
  const store = await GroupCommit.open({ engine, listener, limits })
  store.commit(
    1,
    NAMES.map((name) => put(name, 'old')),
  )
  store.commit(2, [clear('k', 'l')])
  store.commit(3, [put('k28', 'new'), put('k29', 'new')])
  await listener.outcome(3)
  engine.failure = 'disk full'
  store.commit(4, [put('k13', 'new')])
  assert.equal(await listener.outcome(4), 'disk full')
  await store.close()
})

test('a clear that ends while a page is read stays hidden from that page', async () => {
  const { engine, store, recorder } = await filled()
  store.commit(2, [clear('k10', 'k15')])
  await recorder.outcome(2)
  engine.automatic = false
  engine.holdsReads = true
  store.scan(7, [range('', END)])
  while (engine.heldReads === 0) await settle()
  engine.holdsReads = false
  while (engine.isWriting || engine.entries.names().some((name) => name < 'k15')) {
    if (engine.isWriting) engine.end()
    await settle()
  }
  store.commit(3, [clear('k15', 'k16')])
  await settle()
  engine.answerReads()
  const result = await recorder.scanResult(7)
  assert.ok(typeof result !== 'string')
  assert.deepEqual(
    result[0]!.map(({ key }) => text(key)),
    NAMES.slice(5),
  )
  engine.automatic = true
  if (engine.isWriting) engine.end()
  assert.equal(await recorder.outcome(3), undefined)
})

test('a damaged record of a clear is refused at opening, not guessed at', async () => {
  const damaged: StoreEntry = { key: Uint8Array.of(0, 1), value: Uint8Array.of(200, 1, 2) }
  const engine = new FakeEngine([damaged])
  await assert.rejects(
    GroupCommit.open({ engine, listener: new Recorder() }),
    /interrupted clear is damaged/,
  )
})

/**
 * The process dies after any write of any history; the next one must show whole batches, and all
 * acknowledged ones.
 */
test('a crash at any moment leaves every batch whole, large clears too', async () => {
  const name = fc.constantFrom(...NAMES)
  const operation = fc.oneof(
    { weight: 3, arbitrary: name.map((k) => put(k, '')) },
    { weight: 1, arbitrary: name.map(del) },
    { weight: 2, arbitrary: fc.tuple(name, name).map(([from, to]) => clear(from, to)) },
  )
  const batch = fc.array(operation, { minLength: 1, maxLength: 5 })
  const history = fc.array(fc.tuple(batch, fc.boolean()), { minLength: 1, maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(history, fc.boolean(), async (batches, delaysReads) => {
      const { engine, store, recorder } = await filled()
      engine.delaysReads = delaysReads
      // What a store may show after a crash: the state after any number of whole batches, not
      // before the last one that was acknowledged while the engine was in that state or an earlier
      // one.
      const acknowledged: number[] = []
      recorder.onAnswer = (number) => {
        acknowledged[engine.states.length - 1] = number - 1
      }
      let model = new Map(NAMES.map((key) => [key, 'old']))
      const states = [show(model)]
      for (const [index, [operations, waits]] of batches.entries()) {
        const stamped = operations.map((o) =>
          o.type === 'put' ? { ...o, value: bytes(`${index}`) } : o,
        )
        model = after(model, stamped)
        states.push(show(model))
        store.commit(index + 2, stamped)
        if (waits) await recorder.outcome(index + 2)
      }
      await recorder.outcome(batches.length + 1)
      await quiet(engine)
      assert.deepEqual(await contents(store, recorder), states.at(-1))
      let least = 0
      for (const [crash, entries] of engine.states.entries()) {
        if (crash < 1) continue
        least = Math.max(least, acknowledged[crash] ?? 0)
        const next = new FakeEngine(entries)
        const listener = new Recorder()
        const reopened = await GroupCommit.open({ engine: next, listener, limits: LIMITS })
        const shown = await contents(reopened, listener)
        const index = states.findLastIndex((state) => state.join() === shown.join())
        assert.ok(index >= least, `crash ${crash} shows ${shown.join()}`)
        await quiet(next)
        assert.deepEqual(await contents(reopened, listener), shown)
        assert.deepEqual(
          next.entries.names(),
          shown.map((entry) => entry.split('=')[0]),
        )
      }
    }),
    { seed: 20_261_122, numRuns: 60 },
  )
})

function show(entries: ReadonlyMap<string, string>): string[] {
  return [...entries].map(([name, value]) => `${name}=${value}`).toSorted()
}

function after(
  entries: ReadonlyMap<string, string>,
  operations: readonly StoreOperation[],
): Map<string, string> {
  const result = new Map(entries)
  for (const operation of operations) {
    if (operation.type === 'put') result.set(text(operation.key), text(operation.value))
    else if (operation.type === 'delete') result.delete(text(operation.key))
    else
      for (const name of [...result.keys()])
        if (name >= nameOf(operation.from) && name < nameOf(operation.to)) result.delete(name)
  }
  return result
}
