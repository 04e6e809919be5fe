/**
 * What every store must do, whatever is behind it. Run for each store by a test beside this file.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { durableReads } from './durable-read-clauses.ts'
import { scans } from './scan-clauses.ts'
import type { Check, OpenStore, StoreCapabilities } from './store-harness.ts'
import { bytes, clear, del, END, put, range, StoreHarness, text } from './store-harness.ts'
import { storeCommands } from './store-model.ts'

export function runStoreSuite(
  name: string,
  open: OpenStore,
  capabilities: StoreCapabilities,
): void {
  const withStore = async (run: (harness: StoreHarness) => Promise<void>): Promise<void> => {
    const path = await mkdtemp(join(tmpdir(), 'dnd-store-'))
    const harness = new StoreHarness(open, join(path, 'store'))
    try {
      await harness.open()
      await run(harness)
    } finally {
      await harness.store.close()
      await rm(path, { recursive: true })
    }
  }
  const check = (behaviour: string, run: (harness: StoreHarness) => Promise<void>): void => {
    test(behaviour, () => withStore(run))
  }
  describe(name, () => {
    readsAndWrites(check)
    durableReads(check, capabilities)
    batches(check)
    clears(check)
    scans(check)
    limits(check)
    failing(check)
    closing(check)
    if (capabilities.persistent) persistence(check)
    model(withStore, capabilities)
  })
}

function readsAndWrites(check: Check): void {
  check('a key that was never written is not there', async (h) => {
    assert.equal(h.get('nothing'), undefined)
  })

  check('a write is read at once, before it is durable and after', async (h) => {
    const batch = h.commit(put('a', '1'))
    assert.equal(h.get('a'), '1')
    assert.equal(h.recorder.isAnswered(batch), false)
    await h.recorder.outcome(batch)
    assert.equal(h.get('a'), '1')
  })

  check('a later write wins, pending over durable and pending over pending', async (h) => {
    await h.stored(put('a', '1'))
    h.commit(put('a', '2'))
    assert.equal(h.get('a'), '2')
    const last = h.commit(put('a', '3'))
    assert.equal(h.get('a'), '3')
    await h.recorder.outcome(last)
    assert.equal(h.get('a'), '3')
  })

  check('a delete is seen at once and stays; deleting what is not there is stored', async (h) => {
    await h.stored(put('a', '1'))
    const batch = h.commit(del('a'), del('nothing'))
    assert.equal(h.get('a'), undefined)
    assert.equal(await h.recorder.outcome(batch), undefined)
    assert.equal(h.get('a'), undefined)
  })

  check('an empty value is a value', async (h) => {
    await h.stored(put('a', ''))
    assert.equal(h.get('a'), '')
    assert.deepEqual(await h.scan(range('', END)), ['a='])
  })

  check('keys of 1100 bytes and of every byte are kept apart', async (h) => {
    const long = 'k'.repeat(1099)
    const keys = [`${long}a`, `${long}b`, '\x01', '\x01\x00', '\x01\x00\x00', '\xff', '\xff\xff']
    await h.stored(...keys.map((key, i) => put(key, `${i}`)))
    assert.deepEqual(
      keys.map((key) => h.get(key)),
      ['0', '1', '2', '3', '4', '5', '6'],
    )
    assert.deepEqual(await h.scan(range('', END)), [
      '\x01=2',
      '\x01\x00=3',
      '\x01\x00\x00=4',
      `${long}a=0`,
      `${long}b=1`,
      '\xff=5',
      '\xff\xff=6',
    ])
  })

  check('values of 16 MiB come back whole, pending and durable', async (h) => {
    const value = new Uint8Array(16 * 1024 * 1024)
    for (let i = 0; i < value.length; i += 997) value[i] = i % 251
    const batch = h.commit({ type: 'put', key: bytes('big'), value })
    assert.ok(Buffer.from(value).equals(h.store.get(bytes('big')) as Uint8Array))
    assert.equal(await h.recorder.outcome(batch), undefined)
    assert.ok(Buffer.from(value).equals(h.store.get(bytes('big')) as Uint8Array))
    const [entries] = await h.scanAll(range('', END))
    assert.ok(Buffer.from(value).equals(entries![0]!.value))
  })

  check('bytes that were read never change, whatever is read and written later', async (h) => {
    const sizes = [0, 1, 100, 5000, 70_000]
    for (const size of sizes) await h.stored(put(`key${size}`, 'x'.repeat(size)))
    const read = sizes.map((size) => h.store.get(bytes(`key${size}`)) as Uint8Array)
    const [entries] = await h.scanAll(range('', END))
    for (let round = 0; round < 20; round++) {
      await h.stored(...sizes.map((size) => put(`key${size}`, String(round % 10).repeat(size))))
      for (const size of sizes) h.store.get(bytes(`key${size}`))
      await h.scanAll(range('', END))
    }
    await h.stored(clear('a', 'z'))
    sizes.forEach((size, i) => assert.equal(text(read[i]!), 'x'.repeat(size)))
    for (const { key, value } of entries!)
      assert.equal(text(value), 'x'.repeat(Number(text(key).slice(3))))
  })

  check('what is read are plain byte arrays, for which slice is a copy', async (h) => {
    await h.stored(put('a', 'value'))
    const read = h.store.get(bytes('a')) as Uint8Array
    assert.equal(read.constructor, Uint8Array)
    const [[entry] = []] = await h.scanAll(range('', END))
    assert.equal(entry!.key.constructor, Uint8Array)
    assert.equal(entry!.value.constructor, Uint8Array)
  })
}

function batches(check: Check): void {
  check('batches are answered in the order handed over, each once', async (h) => {
    const numbers: number[] = []
    for (let i = 0; i < 500; i++) {
      numbers.push(h.commit(put(`k${i % 7}`, `${i}`)))
      if (i % 50 === 49) await h.recorder.outcome(numbers[i - 40]!)
    }
    await h.recorder.outcome(numbers.at(-1)!)
    assert.deepEqual(
      h.recorder.answers.map(({ batch }) => batch),
      numbers,
    )
    assert.ok(h.recorder.answers.every(({ failure }) => failure === undefined))
  })

  check('nothing is answered before commit and scan return', async (h) => {
    const empty = h.commit()
    const refused = h.commit(put('', 'x'))
    const scan = h.startScan(range('', END))
    const none = h.startScan()
    assert.ok(![empty, refused].some((batch) => h.recorder.isAnswered(batch)))
    assert.ok(![scan, none].some((number) => h.recorder.isScanned(number)))
    assert.deepEqual(await h.recorder.scanResult(none), [])
    assert.deepEqual(await h.recorder.scanResult(scan), [[]])
  })

  check('an empty batch is answered when all before it are durable', async (h) => {
    const before = [h.commit(put('a', '1')), h.commit(put('b', '2'))]
    const barrier = h.commit()
    await h.recorder.outcome(barrier)
    assert.ok(before.every((batch) => h.recorder.isAnswered(batch)))
    assert.equal(await h.recorder.outcome(h.commit()), undefined)
  })

  check('the operations of a batch take effect in their order', async (h) => {
    await h.stored(put('a', '1'), del('a'), put('b', '1'), put('b', '2'), del('c'), put('c', '3'))
    assert.deepEqual(await h.scan(range('', END)), ['b=2', 'c=3'])
  })

  check('thousands of batches handed over at once are all stored', async (h) => {
    let last = 0
    for (let i = 0; i < 10_000; i++) last = h.commit(put(`key${i % 5000}`, `${i}`))
    assert.equal(await h.recorder.outcome(last), undefined)
    assert.equal(h.get('key0'), '5000')
    assert.equal(h.get('key4999'), '9999')
    const [entries] = await h.scanAll(range('', END))
    assert.equal(entries!.length, 5000)
  })
}

function clears(check: Check): void {
  check('a clear takes its range without the end, pending and durable', async (h) => {
    await h.stored(put('a', '1'), put('b', '2'), put('c', '3'), put('d', '4'))
    h.commit(put('bb', '5'))
    const batch = h.commit(clear('b', 'd'))
    const expected = ['1', undefined, undefined, undefined, '4']
    assert.deepEqual(
      ['a', 'b', 'bb', 'c', 'd'].map((key) => h.get(key)),
      expected,
    )
    assert.deepEqual(await h.scan(range('', END)), ['a=1', 'd=4'])
    assert.equal(await h.recorder.outcome(batch), undefined)
    assert.deepEqual(
      ['a', 'b', 'bb', 'c', 'd'].map((key) => h.get(key)),
      expected,
    )
    assert.deepEqual(await h.scan(range('', END)), ['a=1', 'd=4'])
  })

  check('what is put after a clear stays, in the same batch and in later ones', async (h) => {
    await h.stored(put('a', 'old'), put('b', 'old'), put('c', 'old'))
    h.commit(put('a', 'before'), clear('a', 'z'), put('b', 'after'), put('d', 'x'), del('d'))
    const last = h.commit(put('c', 'later'))
    assert.deepEqual(await h.scan(range('', END)), ['b=after', 'c=later'])
    await h.recorder.outcome(last)
    assert.deepEqual(await h.scan(range('', END)), ['b=after', 'c=later'])
  })

  check('empty and inverted ranges clear nothing', async (h) => {
    await h.stored(put('a', '1'), put('b', '2'))
    await h.stored(clear('a', 'a'), clear('b', 'a'), clear('c', 'z'), clear('', ''))
    assert.deepEqual(await h.scan(range('', END)), ['a=1', 'b=2'])
  })

  check('a clear from the beginning clears everything before its end', async (h) => {
    await h.stored(put('\x01', '1'), put('b', '2'))
    await h.stored(clear('', 'b'))
    assert.deepEqual(await h.scan(range('', END)), ['b=2'])
  })

  check('several large ranges are cleared as one batch, and can be written at once', async (h) => {
    const keys = Array.from({ length: 9000 }, (_, i) => `${'pqr'[i % 3]}${1000 + i}`)
    await h.stored(...keys.map((key) => put(key, 'old')))
    const batch = h.commit(clear('p', 'q'), put('p1', 'new'), clear('r', 's'))
    h.commit(put('r1', 'new'), put('r1002', 'again'))
    const expected = ['p1=new', 'r1=new', 'r1002=again']
    const without = async (): Promise<string[]> =>
      (await h.scan(range('', END))).filter((entry) => !entry.startsWith('q'))
    assert.deepEqual(await without(), expected)
    assert.equal(h.get('p1000'), undefined)
    assert.equal(await h.recorder.outcome(batch), undefined)
    assert.equal(h.get('p1000'), undefined)
    assert.equal(h.get('r1002'), 'again')
    assert.equal(h.get('q1001'), 'old')
    assert.deepEqual(await without(), expected)
    await h.stored(put('r1005', 'third'), del('r1'))
    assert.deepEqual(await without(), ['p1=new', 'r1002=again', 'r1005=third'])
    await h.stored(clear('q', 'r'))
    assert.deepEqual(await h.scan(range('', END)), ['p1=new', 'r1002=again', 'r1005=third'])
  })
}

function limits(check: Check): void {
  check('keys that are empty, too long or reserved are refused whole, and clearly', async (h) => {
    assert.match(await h.failed(put('ok', '1'), put('', 'x')), /a key of 0 bytes/)
    assert.match(await h.failed(put('ok', '1'), del('k'.repeat(4000))), /a key of 4000 bytes/)
    assert.match(await h.failed(put('ok', '1'), put('\x00a', 'x')), /begin with 0x00/)
    assert.equal(h.get('ok'), undefined)
    assert.deepEqual(await h.scan(range('', END)), [])
    await h.stored(put('ok', '2'))
    assert.equal(h.get('ok'), '2')
  })
}

function failing(check: Check): void {
  check('a batch that fails takes all later ones with it, until it is told', async (h) => {
    await h.stored(put('a', '1'))
    const before = h.commit(put('b', '1'))
    const refused = h.commit(put('', 'x'))
    const built = h.commit(put('a', '2'), put('c', '2'))
    const barrier = h.commit()
    let seen: (string | undefined)[] = []
    let afterwards = 0
    h.recorder.onAnswer = (batch, failure) => {
      if (batch === before || failure === undefined || seen.length > 0) return
      seen = ['a', 'b', 'c'].map((key) => h.get(key))
      // Whoever has been told knows what is there, and what it hands over stands.
      afterwards = h.commit(put('a', '3'))
    }
    for (const batch of [refused, built, barrier])
      assert.match(String(await h.recorder.outcome(batch)), /a key of 0 bytes/)
    assert.equal(await h.recorder.outcome(before), undefined)
    assert.deepEqual(seen, ['1', '1', undefined])
    assert.equal(await h.recorder.outcome(afterwards), undefined)
    assert.deepEqual(await h.scan(range('', END)), ['a=3', 'b=1'])
  })
}

function closing(check: Check): void {
  check('close stores what was handed over before it', async (h) => {
    const batches = Array.from({ length: 100 }, (_, i) => h.commit(put(`k${i}`, 'v')))
    await h.store.close()
    for (const batch of batches) assert.equal(await h.recorder.outcome(batch), undefined)
  })

  check('after close everything is refused, and closing again is fine', async (h) => {
    await h.stored(put('a', '1'))
    const closing = h.store.close()
    assert.match(await h.failed(put('b', '2')), /closed/)
    await closing
    await h.store.close()
    assert.match(await h.failed(put('b', '2')), /closed/)
    assert.deepEqual([h.get('a'), h.getDurable('a')], ['unreadable', 'unreadable'])
    assert.match(String(await h.recorder.scanResult(h.startScan(range('', END)))), /closed/)
  })

  check('a scan that is under way at close is answered', async (h) => {
    await h.stored(...Array.from({ length: 5000 }, (_, i) => put(`k${i}`, '')))
    const scan = h.startScan(range('', END))
    await h.store.close()
    assert.match(String(await h.recorder.scanResult(scan)), /closed/)
  })
}

function persistence(check: Check): void {
  check('everything stored is there after opening again', async (h) => {
    await h.stored(put('a', '1'), put('b', '2'), put('c', '3'))
    await h.stored(del('b'), put('c', '4'))
    h.commit(put('d', '5'))
    await h.reopen()
    assert.deepEqual(await h.scan(range('', END)), ['a=1', 'c=4', 'd=5'])
    assert.equal(h.get('d'), '5')
  })

  check('large values come in several turns', async (h) => {
    const value = new Uint8Array(1024 * 1024).fill(7)
    for (let i = 0; i < 12; i++) await h.stored({ type: 'put', key: bytes(`k${10 + i}`), value })
    let turns = 0
    let counting = true
    const count = (): void => {
      turns++
      if (counting) setImmediate(count)
    }
    const scanning = h.scanAll(range('', END))
    setImmediate(count)
    const [entries] = await scanning
    counting = false
    assert.equal(entries!.length, 12)
    assert.ok(turns >= 3, `${turns} turns`)
  })

  check('a large clear that a close interrupts goes on at the next opening', async (h) => {
    const keys = Array.from({ length: 9000 }, (_, i) => `k${10_000 + i}`)
    await h.stored(...keys.map((key) => put(key, 'old')))
    await h.stored(clear('k1', 'k2'), put('k11', 'new'))
    h.commit(put('k12', 'new'))
    await h.reopen()
    assert.deepEqual(await h.scan(range('', END)), ['k11=new', 'k12=new'])
    assert.equal(h.get('k10000'), undefined)
    await h.stored(put('k10000', 'again'))
    await h.stored(clear('x', 'y'))
    await h.reopen()
    assert.deepEqual(await h.scan(range('', END)), ['k10000=again', 'k11=new', 'k12=new'])
  })
}

function model(
  withStore: (run: (harness: StoreHarness) => Promise<void>) => Promise<void>,
  capabilities: StoreCapabilities,
): void {
  test('any sequence of batches, reads, scans and reopenings is as the model says', async () => {
    const property = fc.asyncProperty(storeCommands(capabilities.persistent), async (commands) => {
      await withStore(async (harness) => {
        await fc.asyncModelRun(() => ({ model: { entries: new Map() }, real: harness }), commands)
      })
    })
    await fc.assert(property, { seed: 20_261_122, numRuns: 60 })
  })
}
