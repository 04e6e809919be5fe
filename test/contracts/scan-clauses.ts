/** What every store must do when a range is scanned: a part of the suite of stores. */
import assert from 'node:assert/strict'
import type { ScanRange, StoreEntry } from '../../src/core/ports.ts'
import { isCut } from '../../src/core/ports.ts'
import type { Check } from './store-harness.ts'
import { bytes, clear, del, END, put, range, text } from './store-harness.ts'

export function scans(check: Check): void {
  const letters = ['a', 'b', 'c', 'd', 'e']

  check('a scan takes its range without the end, in order and in reverse', async (h) => {
    await h.stored(...letters.map((key) => put(key, key.toUpperCase())))
    assert.deepEqual(await h.scan(range('b', 'd')), ['b=B', 'c=C'])
    assert.deepEqual(await h.scan(range('b', 'd', { reverse: true })), ['c=C', 'b=B'])
    assert.deepEqual(await h.scan(range('b\x00', 'dd')), ['c=C', 'd=D'])
    assert.deepEqual(await h.scan(range('b\x00', 'dd', { reverse: true })), ['d=D', 'c=C'])
    assert.deepEqual(await h.scan(range('e', END)), ['e=E'])
    assert.deepEqual(await h.scan(range('f', END)), [])
    assert.deepEqual(await h.scan(range('f', END, { reverse: true })), [])
    assert.deepEqual(await h.scan(range('', 'b', { reverse: true })), ['a=A'])
  })

  check('empty, inverted and zero-limit ranges give nothing', async (h) => {
    await h.stored(...letters.map((key) => put(key, key)))
    const ranges = [range('b', 'b'), range('d', 'b'), range('', ''), range('a', 'z', { limit: 0 })]
    const reversed = ranges.map((r) => ({ ...r, reverse: true }))
    assert.deepEqual(await h.scanAll(...ranges, ...reversed), Array(8).fill([]))
  })

  check('a limit takes the first, in reverse the last', async (h) => {
    await h.stored(...letters.map((key) => put(key, '')))
    assert.deepEqual(await h.scan(range('', END, { limit: 2 })), ['a=', 'b='])
    assert.deepEqual(await h.scan(range('', END, { limit: 2, reverse: true })), ['e=', 'd='])
    assert.deepEqual(await h.scan(range('', END, { limit: 5 })), ['a=', 'b=', 'c=', 'd=', 'e='])
  })

  check(
    'a scan ends with the entry that reaches its bound in bytes, and has one at least',
    async (h) => {
      await h.stored(...letters.map((key) => put(key, 'x'.repeat(9))))
      const names = async (bytesMax: number, options: Partial<ScanRange> = {}): Promise<string> => {
        const wanted = range('', END, { bytesMax, ...options })
        const [entries] = await h.scanAll(wanted)
        const isWhole = entries!.length === letters.length
        assert.equal(isCut(wanted, entries!), !isWhole || bytesMax <= 50)
        return entries!.map(({ key }) => text(key)).join('')
      }
      assert.equal(await names(1), 'a')
      assert.equal(await names(10), 'a')
      assert.equal(await names(11), 'ab')
      assert.equal(await names(30), 'abc')
      assert.equal(await names(31, { reverse: true }), 'edcb')
      assert.equal(await names(31, { limit: 2 }), 'ab')
      assert.equal(await names(50), 'abcde')
      assert.equal(await names(51), 'abcde')
      h.commit(put('aa', 'y'.repeat(100)), put('b', ''), del('d'))
      assert.equal(await names(15), 'aaa')
      assert.equal(await names(111), 'aaa')
      assert.equal(await names(113), 'aaab')
      assert.equal(await names(114), 'aaabc')
      assert.equal(await names(22, { reverse: true }), 'ecbaa')
      const both = [range('b', END, { bytesMax: 11 }), range('', END, { bytesMax: 1 })]
      const results = await h.scanAll(...both)
      assert.deepEqual(
        results.map((entries) => entries.map(({ key }) => text(key)).join('')),
        ['bc', 'a'],
      )
    },
  )

  check('read on behind each end, scans bounded in bytes give every key once', async (h) => {
    const keys = Array.from({ length: 3000 }, (_, i) => `key${10_000 + i}`)
    const sized = keys.map((key, i) => put(key, 'v'.repeat(i % 50 === 0 ? 20_000 : i % 100)))
    await h.stored(...sized)
    for (const reverse of [false, true]) {
      const seen: string[] = []
      let bounds = { from: bytes(''), to: bytes(END) }
      for (;;) {
        const wanted = { ...range('', END, { reverse, bytesMax: 15_000, limit: 1100 }), ...bounds }
        const [entries] = await h.scanAll(wanted)
        seen.push(...entries!.map(({ key }) => text(key)))
        if (!isCut(wanted, entries!)) break
        const last = text(entries!.at(-1)!.key)
        bounds = reverse ? { ...bounds, to: bytes(last) } : { ...bounds, from: bytes(`${last}\0`) }
      }
      assert.deepEqual(seen, reverse ? keys.toReversed() : keys)
    }
  })

  check('several ranges of one scan are answered in their order', async (h) => {
    await h.stored(...letters.map((key) => put(key, '')))
    const results = await h.scanAll(
      range('d', 'f', { reverse: true }),
      range('x', 'z'),
      range('a', 'c'),
      range('a', END, { limit: 1 }),
    )
    assert.deepEqual(
      results.map((entries) => entries.map(({ key }) => text(key)).join('')),
      ['ed', '', 'ab', 'a'],
    )
  })

  check('a scan begins when all that was handed over before it is stored', async (h) => {
    await h.stored(...letters.map((key) => put(key, 'old')))
    for (let i = 0; i < 20; i++) {
      const batch = h.commit(put('b', `${i}`))
      const [entries] = await h.scanAll(range('b', 'c'))
      assert.equal(text(entries![0]!.value), `${i}`)
      assert.ok(h.recorder.isAnswered(batch))
    }
  })

  check(
    'a scan shows all that was handed over before it, and nothing that was refused',
    async (h) => {
      await h.stored(...letters.map((key) => put(key, 'old')))
      await h.failed(put('b', 'new'), del('c'), put('cc', 'new'), put('', 'refused'))
      h.commit(put('b', 'new'), del('c'), put('cc', 'new'))
      const expected = ['a=old', 'b=new', 'cc=new', 'd=old', 'e=old']
      assert.deepEqual(await h.scan(range('', END)), expected)
      h.commit(del('cc'), put('0', 'first'), put('z', 'last'))
      assert.deepEqual(await h.scan(range('', END, { reverse: true })), [
        'z=last',
        'e=old',
        'd=old',
        'b=new',
        'a=old',
        '0=first',
      ])
      h.commit(put('c', 'back'))
      assert.deepEqual(await h.scan(range('c', 'f', { limit: 2 })), ['c=back', 'd=old'])
    },
  )

  check('a scan far larger than a turn is complete, in order, both ways', async (h) => {
    const names = Array.from({ length: 12_000 }, (_, i) => `key${100_000 + i}`)
    for (let i = 0; i < names.length; i += 3000)
      await h.stored(...names.slice(i, i + 3000).map((key) => put(key, `value of ${key}`)))
    const all = await h.scan(range('', END))
    assert.deepEqual(
      all,
      names.map((key) => `${key}=value of ${key}`),
    )
    assert.deepEqual(await h.scan(range('', END, { reverse: true })), all.toReversed())
    const limited = await h.scan(range('', END, { limit: 5001 }))
    assert.deepEqual(limited, all.slice(0, 5001))
  })

  check('a short scan overtakes a long one', async (h) => {
    const names = Array.from({ length: 20_000 }, (_, i) => `key${100_000 + i}`)
    await h.stored(...names.map((key) => put(key, '')))
    const long = h.startScan(range('', END))
    const short = h.startScan(range('key1', END, { limit: 10 }))
    await h.recorder.scanResult(short)
    assert.equal(h.recorder.isScanned(long), false)
    const result = await h.recorder.scanResult(long)
    assert.equal(result[0]!.length, 20_000)
  })

  check('keys that stay are seen once while others come and go under the scan', async (h) => {
    const stays = Array.from({ length: 6000 }, (_, i) => `key${10_000 + i * 2}`)
    await h.stored(...stays.map((key) => put(key, 'stays')))
    for (const reverse of [false, true]) {
      const scan = h.startScan(range('', END, { reverse }))
      for (let i = 0; !h.recorder.isScanned(scan); i++) {
        const odd = `key${10_001 + ((i * 1234) % 6000) * 2}`
        h.commit(put(odd, 'comes'))
        if (i % 3 === 0) h.commit(del(odd))
        if (i % 7 === 0) h.commit(clear(odd, `${odd}\x00`))
        await new Promise((resolve) => setImmediate(resolve))
      }
      const [entries] = (await h.recorder.scanResult(scan)) as readonly (readonly StoreEntry[])[]
      const names = entries!.map(({ key }) => text(key))
      assert.deepEqual(names, reverse ? names.toSorted().toReversed() : names.toSorted())
      assert.equal(new Set(names).size, names.length)
      const seen = new Set(names)
      assert.ok(stays.every((key) => seen.has(key)))
    }
  })
}
