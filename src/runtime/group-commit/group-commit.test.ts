import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FakeEngine } from '../../../test/contracts/fake-engine.ts'
import { Recorder } from '../../../test/contracts/recorder.ts'
import { bytes, clear, del, put, range, text } from '../../../test/contracts/store-harness.ts'
import type { StoreEntry, StoreOperation } from '../../core/ports.ts'
import { GroupCommit } from './group-commit.ts'
import type { GroupCommitLimits } from './limits.ts'

const END = '\xff'.repeat(8)

/** Lets everything happen that is due. */
async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
}

class Bench {
  readonly engine: FakeEngine
  readonly recorder: Recorder = new Recorder()
  readonly store: GroupCommit
  #number = 0

  constructor(limits: Partial<GroupCommitLimits> = {}, engine: FakeEngine = new FakeEngine()) {
    this.engine = engine
    const { recorder: listener } = this
    this.store = new GroupCommit({ engine, listener, limits: { retryMs: 1, ...limits } })
  }

  /** A bench whose engine ends writes when told to. */
  static manual(limits: Partial<GroupCommitLimits> = {}): Bench {
    const bench = new Bench(limits)
    bench.engine.automatic = false
    return bench
  }

  commit(...operations: StoreOperation[]): number {
    this.store.commit(++this.#number, operations)
    return this.#number
  }

  get(key: string): string | undefined {
    const read = this.store.get(bytes(key))
    return read instanceof Uint8Array ? text(read) : read
  }

  getDurable(key: string): string | undefined {
    const read = this.store.getDurable(bytes(key))
    return read instanceof Uint8Array ? text(read) : read
  }

  async scan(from = '', to = END, reverse = false): Promise<string[] | string> {
    this.store.scan(++this.#number, [range(from, to, { reverse })])
    const result = await this.recorder.scanResult(this.#number)
    return typeof result === 'string' ? result : result[0]!.map(describe)
  }

  async writing(): Promise<void> {
    while (!this.engine.isWriting) await settle()
  }

  async stored(...operations: StoreOperation[]): Promise<void> {
    assert.equal(await this.recorder.outcome(this.commit(...operations)), undefined)
  }
}

const describe = ({ key, value }: StoreEntry): string => `${text(key)}=${text(value)}`
const keysOf = (writes: readonly { readonly key: Uint8Array }[] | undefined): string[] =>
  writes!.map(({ key }) => text(key))

test('what is committed in one turn goes to the engine as one group', async () => {
  const bench = new Bench()
  const batches = ['a', 'b', 'c'].map((key) => bench.commit(put(key, '1')))
  for (const batch of batches) await bench.recorder.outcome(batch)
  assert.deepEqual(bench.engine.written.map(keysOf), [['a', 'b', 'c']])
})

test('what is committed while a group is being written gathers into the next', async () => {
  const bench = Bench.manual()
  const first = bench.commit(put('a', '1'))
  await bench.writing()
  const later = [bench.commit(put('b', '1')), bench.commit(put('c', '1'))]
  await settle()
  assert.equal(bench.engine.written.length, 1)
  assert.equal(bench.recorder.isAnswered(first), false)
  bench.engine.end()
  assert.equal(bench.recorder.isAnswered(first), true)
  const last = bench.commit(put('d', '1'))
  await bench.writing()
  assert.deepEqual(keysOf(bench.engine.written[1]), ['b', 'c', 'd'])
  assert.ok(!later.some((batch) => bench.recorder.isAnswered(batch)))
  bench.engine.end()
  assert.ok([...later, last].every((batch) => bench.recorder.isAnswered(batch)))
})

test('writes of one group to the same key reach the engine once, with the last value', async () => {
  const bench = new Bench()
  await bench.stored(put('a', '1'), put('b', '1'), put('a', '2'), del('b'), put('a', '3'))
  assert.deepEqual(
    bench.engine.written[0]!.map(({ key, value }) => [text(key), value && text(value)]),
    [
      ['b', undefined],
      ['a', '3'],
    ],
  )
})

test('empty batches cost the engine nothing, and wait for what is before them', async () => {
  const bench = Bench.manual()
  const alone = bench.commit()
  assert.equal(await bench.recorder.outcome(alone), undefined)
  assert.equal(bench.engine.written.length, 0)
  bench.commit(put('a', '1'))
  await bench.writing()
  const barrier = bench.commit()
  await settle()
  assert.equal(bench.recorder.isAnswered(barrier), false)
  bench.engine.end()
  assert.equal(await bench.recorder.outcome(barrier), undefined)
})

test('groups are bounded in operations and bytes, and one large batch goes whole', async () => {
  const bench = new Bench({ groupOperationsMax: 3, groupBytesMax: 2000 })
  for (const key of ['a', 'b', 'c', 'd']) bench.commit(put(key, '1'))
  bench.commit(...['e', 'f', 'g', 'h', 'i'].map((key) => put(key, '1')))
  bench.commit(put('j', 'x'.repeat(1000)))
  await bench.recorder.outcome(bench.commit(put('k', 'x'.repeat(1000))))
  assert.deepEqual(
    bench.engine.written.map((writes) => keysOf(writes).join('')),
    ['abc', 'd', 'efghi', 'j', 'k'],
  )
})

test('a group that fails is told to all its batches, and reads forget it first', async () => {
  const bench = Bench.manual()
  bench.commit(put('a', 'old'), put('b', 'old'))
  await bench.writing()
  bench.engine.end()
  const seen: unknown[] = []
  bench.recorder.onAnswer = () => seen.push([bench.get('a'), bench.get('b'), bench.get('c')])
  const batches = [bench.commit(put('a', 'new'), del('b')), bench.commit(put('c', 'new'))]
  await bench.writing()
  assert.deepEqual([bench.get('a'), bench.get('b'), bench.get('c')], ['new', undefined, 'new'])
  bench.engine.end('disk full')
  for (const batch of batches) assert.equal(await bench.recorder.outcome(batch), 'disk full')
  assert.deepEqual(seen, Array(2).fill(['old', 'old', undefined]))
  assert.deepEqual(await bench.scan(), ['a=old', 'b=old'])
})

test('what was committed after a failed batch goes with it, and what comes later stands', async () => {
  const bench = Bench.manual()
  bench.commit(put('a', '1'), put('b', '1'))
  await bench.writing()
  bench.engine.end()
  bench.commit(put('a', '2'), del('b'))
  await bench.writing()
  const built = bench.commit(put('a', '3'), put('d', '3'))
  const barrier = bench.commit()
  bench.engine.end('disk full')
  for (const batch of [built, barrier])
    assert.equal(await bench.recorder.outcome(batch), 'disk full')
  assert.deepEqual([bench.get('a'), bench.get('b'), bench.get('d')], ['1', '1', undefined])
  const later = bench.commit(put('a', '3'), put('c', '3'))
  await bench.writing()
  bench.engine.end()
  assert.equal(await bench.recorder.outcome(later), undefined)
  assert.deepEqual(await bench.scan(), ['a=3', 'b=1', 'c=3'])
})

test('after a failure the store recovers by itself', async () => {
  const bench = new Bench()
  bench.engine.failure = 'disk full'
  for (let i = 0; i < 3; i++)
    assert.equal(await bench.recorder.outcome(bench.commit(put('a', `${i}`))), 'disk full')
  assert.equal(bench.get('a'), undefined)
  bench.engine.failure = undefined
  await bench.stored(put('a', '4'))
  assert.equal(bench.get('a'), '4')
})

test('after a failure the next group waits for the pause', async () => {
  const bench = Bench.manual({ retryMs: 60_000 })
  bench.commit(put('a', '1'))
  await bench.writing()
  const timers: (() => void)[] = []
  const { setTimeout: real } = globalThis
  globalThis.setTimeout = ((run: () => void, ms: number) => {
    assert.equal(ms, 60_000)
    timers.push(run)
  }) as unknown as typeof setTimeout
  bench.engine.end('disk full')
  globalThis.setTimeout = real
  bench.commit(put('a', '2'))
  await settle()
  assert.equal(bench.engine.isWriting, false)
  timers[0]!()
  assert.equal(bench.engine.isWriting, true)
  bench.engine.end()
  assert.equal(bench.get('a'), '2')
})

test('beyond the bound of bytes, operations or clears a batch fails as overloaded', async () => {
  const value = 'x'.repeat(1000)
  for (const [limits, operations] of [
    [{ queueBytesMax: 3000 }, [put('a', value)]],
    [{ queueOperationsMax: 5 }, [put('a', ''), put('b', '')]],
    [{ queueClearsMax: 2 }, [clear('a', 'b')]],
  ] as [Partial<GroupCommitLimits>, StoreOperation[]][]) {
    const bench = Bench.manual(limits)
    const taken = bench.commit(...operations)
    const last = bench.commit(...operations)
    const refused = bench.commit(put('z', ''), ...operations)
    assert.equal(bench.recorder.isAnswered(refused), false)
    assert.match((await bench.recorder.outcome(refused))!, /^overloaded: /)
    assert.equal(bench.get('z'), undefined)
    const batches = [taken, last].filter((batch) => !bench.recorder.isAnswered(batch))
    while (!batches.every((batch) => bench.recorder.isAnswered(batch))) {
      if (bench.engine.isWriting) bench.engine.end()
      else await settle()
    }
    // What is durable makes room.
    const next = bench.commit(...operations)
    while (!bench.recorder.isAnswered(next)) {
      if (bench.engine.isWriting) bench.engine.end()
      else await settle()
    }
    assert.equal(await bench.recorder.outcome(next), undefined)
  }
})

test('what has failed makes room in the queue', async () => {
  const bench = new Bench({ queueOperationsMax: 5 })
  for (let i = 0; i < 4; i++) {
    bench.engine.failure = 'disk full'
    for (const key of ['a', 'b'])
      assert.equal(await bench.recorder.outcome(bench.commit(put(key, 'x'))), 'disk full')
    bench.engine.failure = undefined
    await bench.stored(put('a', `${i}`))
    await bench.stored(put('b', `${i}`), del('b'))
  }
})

test('what is not durable is shown to nobody: not by a durable read, not by a scan', async () => {
  const bench = Bench.manual()
  bench.commit(put('a', '1'), put('b', '1'))
  await bench.writing()
  bench.engine.end()
  bench.commit(put('a', '2'), del('b'), put('c', '2'))
  const durable = (): unknown[] => ['a', 'b', 'c'].map((key) => bench.getDurable(key))
  assert.deepEqual(durable(), ['1', '1', undefined])
  await bench.writing()
  assert.deepEqual(durable(), ['1', '1', undefined])
  const scanning = bench.scan()
  await settle()
  assert.equal(bench.engine.reads, 0, 'it waits')
  bench.engine.end('disk full')
  assert.deepEqual(durable(), ['1', '1', undefined])
  assert.deepEqual(await scanning, ['a=1', 'b=1'])
  const last = bench.commit(put('a', '3'), clear('b', 'c'))
  assert.deepEqual(durable(), ['1', '1', undefined])
  await bench.writing()
  bench.engine.end()
  assert.equal(await bench.recorder.outcome(last), undefined)
  assert.deepEqual(durable(), ['3', undefined, undefined])
})

test('a scan waits for the batches before it, however they end, and for none after', async () => {
  const bench = Bench.manual({ groupOperationsMax: 1 })
  const before = [bench.commit(put('a', '1')), bench.commit(put('b', '1'))]
  const scanning = bench.scan()
  bench.commit(put('c', '1'))
  await bench.writing()
  bench.engine.end()
  await bench.writing()
  assert.equal(bench.recorder.isAnswered(before[1]!), false)
  assert.equal(bench.engine.reads, 0)
  bench.engine.end('disk full')
  assert.equal(bench.recorder.isAnswered(before[1]!), true)
  assert.deepEqual(await scanning, ['a=1'])
})

test('on a disk that takes nothing no scan waits for ever', async () => {
  const bench = new Bench()
  bench.engine.failure = 'disk full'
  for (let i = 0; i < 20; i++) {
    for (let j = 0; j < 5; j++) bench.commit(put(`k${j}`, `${i}`))
    assert.deepEqual(await bench.scan(), [])
  }
})

test('close answers the scans that wait for what it stores', async () => {
  const bench = Bench.manual()
  const batch = bench.commit(put('a', '1'))
  const scanning = bench.scan()
  await bench.writing()
  const closing = bench.store.close()
  bench.engine.end()
  await closing
  assert.equal(await bench.recorder.outcome(batch), undefined)
  assert.deepEqual(await scanning, ['a=1'])
})

test('a batch that clears goes alone, between what is before and after it', async () => {
  const bench = new Bench()
  await bench.stored(put('a', '1'), put('b', '1'), put('c', '1'))
  bench.commit(put('d', '1'))
  bench.commit(clear('b', 'z'))
  await bench.recorder.outcome(bench.commit(put('e', '1')))
  assert.deepEqual(bench.engine.written.slice(1).map(keysOf), [['d'], ['b', 'c', 'd'], ['e']])
})

test('a clear whose keys cannot be read fails, and changes nothing', async () => {
  const bench = new Bench()
  await bench.stored(put('a', '1'))
  bench.engine.readFailure = 'broken page'
  const batch = bench.commit(put('b', '1'), clear('a', 'b'))
  assert.equal(bench.get('a'), undefined)
  assert.equal(await bench.recorder.outcome(batch), 'unreadable: broken page')
  bench.engine.readFailure = undefined
  assert.deepEqual(await bench.scan(), ['a=1'])
  await bench.stored(clear('a', 'b'))
  assert.deepEqual(await bench.scan(), [])
})

test('an unreadable value is unreadable until it is overwritten', async () => {
  const bench = new Bench()
  await bench.stored(put('a', '1'))
  bench.engine.unreadable.add('a')
  assert.equal(bench.get('a'), 'unreadable')
  const batch = bench.commit(put('a', '2'))
  assert.equal(bench.get('a'), '2')
  await bench.recorder.outcome(batch)
  assert.equal(bench.get('a'), 'unreadable')
})

test('nothing is written while the keys of a clear are being read', async () => {
  const bench = new Bench({ clearKeysMax: 2 })
  bench.engine.delaysReads = true
  await bench.stored(...['a', 'b', 'c', 'd', 'e'].map((key) => put(key, '1')))
  bench.commit(clear('a', 'd'))
  while (bench.engine.reads === 0) await new Promise((resolve) => setImmediate(resolve))
  await bench.stored(put('b', '2'))
  await bench.stored(put('c', '2'))
  await bench.store.close()
  assert.deepEqual(
    [...bench.engine.all()]
      .map(describe)
      .filter((entry) => entry.startsWith('b') || entry.startsWith('c')),
    ['b=2', 'c=2'],
  )
})

test('a scan that the engine cannot read fails, and the next one works', async () => {
  const bench = new Bench()
  await bench.stored(put('a', '1'))
  bench.engine.readFailure = 'broken page'
  assert.equal(await bench.scan(), 'unreadable: broken page')
  bench.engine.readFailure = undefined
  assert.deepEqual(await bench.scan(), ['a=1'])
})

test('what ends while a page is read asynchronously came after the scan, and harms it not', async () => {
  for (const failure of [undefined, 'disk full'])
    for (const reverse of [false, true]) {
      const bench = Bench.manual()
      bench.commit(put('a', '1'), put('c', '1'), put('e', '1'))
      await bench.writing()
      bench.engine.end()
      bench.engine.holdsReads = true
      const scanning = bench.scan('', END, reverse)
      while (bench.engine.heldReads === 0) await settle()
      bench.commit(put('b', '2'), del('c'))
      await bench.writing()
      bench.engine.end(failure)
      bench.engine.holdsReads = false
      bench.engine.answerReads()
      const before = ['a=1', 'c=1', 'e=1']
      assert.deepEqual(await scanning, reverse ? before.toReversed() : before)
      const after = failure === undefined ? ['a=1', 'b=2', 'e=1'] : before
      assert.deepEqual(await bench.scan('', END, reverse), reverse ? after.toReversed() : after)
    }
})

test('close waits for what is queued, and then closes the engine once', async () => {
  const bench = Bench.manual({ groupOperationsMax: 1 })
  const batches = ['a', 'b'].map((key) => bench.commit(put(key, '1')))
  await bench.writing()
  const closing = bench.store.close()
  void bench.store.close()
  bench.engine.end()
  await bench.writing()
  assert.equal(bench.engine.closed, 0)
  bench.engine.end()
  await closing
  assert.equal(bench.engine.closed, 1)
  for (const batch of batches) assert.equal(await bench.recorder.outcome(batch), undefined)
})

test('close ends after a failure as well, which all that is queued shares', async () => {
  const bench = Bench.manual({ groupOperationsMax: 1 })
  const batches = ['a', 'b'].map((key) => bench.commit(put(key, '1')))
  await bench.writing()
  const closing = bench.store.close()
  bench.engine.end('disk full')
  await closing
  assert.equal(bench.engine.closed, 1)
  for (const batch of batches) assert.equal(await bench.recorder.outcome(batch), 'disk full')
})

test('close waits for a page that is being read', async () => {
  const bench = new Bench()
  await bench.stored(put('a', '1'))
  bench.engine.holdsReads = true
  const scanning = bench.scan()
  while (bench.engine.heldReads === 0) await settle()
  const closing = bench.store.close()
  await settle()
  assert.equal(bench.engine.closed, 0)
  bench.engine.answerReads()
  await closing
  assert.equal(await scanning, 'the store is closed')
})

/**
 * Any sequence of commits and of ends of writes, good and bad, beside a model that knows which
 * batches are where.
 */
test('whatever succeeds and fails, one read shows what is durable, one what is pending on top', async () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd')
  const operation = fc.oneof(
    { weight: 5, arbitrary: fc.tuple(key, fc.nat({ max: 99 })).map(([k, v]) => put(k, `${v}`)) },
    { weight: 2, arbitrary: key.map(del) },
    { weight: 1, arbitrary: fc.tuple(key, key).map(([from, to]) => clear(from, to)) },
  )
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.array(operation, { maxLength: 4 }) },
    { weight: 2, arbitrary: fc.constantFrom('end', 'fail', 'turn', 'scan') },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const bench = Bench.manual({ clearKeysMax: 1, groupOperationsMax: 5, retryMs: 0 })
      const pending = new Map<number, StoreOperation[]>()
      let durable = new Map<string, string>()
      let answered = 0
      const check = (): void => {
        for (const { batch, failure } of bench.recorder.answers.slice(answered)) {
          if (failure === undefined) durable = applied(durable, pending.get(batch)!)
          pending.delete(batch)
        }
        answered = bench.recorder.answers.length
        const visible = [...pending.values()].reduce(applied, durable)
        for (const name of ['a', 'b', 'c', 'd']) {
          assert.equal(bench.get(name), visible.get(name))
          assert.equal(bench.getDurable(name), durable.get(name))
        }
      }
      for (const action of steps) {
        if (Array.isArray(action)) pending.set(bench.commit(...action), action)
        else if (action === 'turn') await settle()
        else if (action === 'scan') {
          const scanning = bench.scan()
          while (pending.size > 0) {
            if (bench.engine.isWriting) bench.engine.end()
            else await settle()
            check()
          }
          const expected = [...durable].map(([name, value]) => `${name}=${value}`).toSorted()
          assert.deepEqual(await scanning, expected)
        } else if (bench.engine.isWriting) bench.engine.end(action === 'fail' ? 'no' : undefined)
        check()
      }
      bench.engine.automatic = true
      if (bench.engine.isWriting) bench.engine.end()
      await bench.store.close()
      check()
      assert.equal(pending.size, 0)
    }),
    { seed: 20_261_122, numRuns: 300 },
  )
})

function applied(
  entries: ReadonlyMap<string, string>,
  operations: readonly StoreOperation[],
): Map<string, string> {
  const result = new Map(entries)
  for (const operation of operations) {
    if (operation.type === 'put') result.set(text(operation.key), text(operation.value))
    else if (operation.type === 'delete') result.delete(text(operation.key))
    else
      for (const name of [...result.keys()])
        if (name >= text(operation.from) && name < text(operation.to)) result.delete(name)
  }
  return result
}
