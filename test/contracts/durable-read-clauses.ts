/** What every store must show as durable, and what not: a part of the suite of stores. */
import assert from 'node:assert/strict'
import type { Check, StoreCapabilities } from './store-harness.ts'
import { bytes, clear, del, put, text } from './store-harness.ts'

export function durableReads(check: Check, { persistent }: StoreCapabilities): void {
  check('what is said to be stored is in every durable read from then on', async (h) => {
    let seen = 0
    h.recorder.onAnswer = (batch) => {
      seen++
      assert.ok(Number(h.getDurable('a')) >= batch)
      assert.equal(h.getDurable('b'), h.getDurable('a'))
    }
    let last = 0
    for (let i = 1; i <= 200; i++) {
      last = h.commit(put('a', `${i}`), put('b', `${i}`))
      if (i % 20 === 0) await h.recorder.outcome(last - 10)
    }
    await h.recorder.outcome(last)
    assert.equal(seen, 200)
    h.recorder.onAnswer = () => undefined
    await h.stored(del('a'), clear('b', 'c'))
    assert.deepEqual([h.getDurable('a'), h.getDurable('b')], [undefined, undefined])
  })

  check(
    'a durable read gives bytes of its own, absence, or nothing of what was refused',
    async (h) => {
      assert.equal(h.getDurable('a'), undefined)
      await h.failed(put('a', '1'), put('', 'x'))
      assert.equal(h.getDurable('a'), undefined)
      await h.stored(put('a', 'value'))
      const read = h.store.getDurable(bytes('a')) as Uint8Array
      assert.equal(read.constructor, Uint8Array)
      await h.stored(put('a', 'other'))
      assert.equal(text(read), 'value')
    },
  )

  if (!persistent) return
  check('a durable read shows nothing of a batch that a crash could still take', async (h) => {
    await h.stored(put('a', 'old'), put('b', 'old'), put('c', 'old'))
    const batch = h.commit(put('a', 'new'), del('b'), clear('c', 'd'), put('e', 'new'))
    const durable = (): unknown[] => ['a', 'b', 'c', 'e'].map((key) => h.getDurable(key))
    assert.deepEqual(durable(), ['old', 'old', 'old', undefined])
    assert.equal(h.get('a'), 'new')
    await h.recorder.outcome(batch)
    assert.deepEqual(durable(), ['new', undefined, undefined, 'new'])
  })

  check('what a large clear takes is in no durable read, while it is being deleted', async (h) => {
    const keys = Array.from({ length: 9000 }, (_, i) => `k${10_000 + i}`)
    await h.stored(...keys.map((key) => put(key, 'old')))
    await h.stored(clear('k1', 'k2'), put('k10001', 'new'))
    assert.deepEqual([h.getDurable('k10000'), h.getDurable('k18999')], [undefined, undefined])
    assert.equal(h.getDurable('k10001'), 'new')
    await h.stored(put('k18999', 'again'))
    assert.equal(h.getDurable('k18999'), 'again')
  })
}
