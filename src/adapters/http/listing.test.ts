import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { listingKey } from '../../core/node/storage-keys.ts'
import { compareBytes } from '../../core/std/bytes.ts'
import type { Served } from './fixture.test.ts'
import { serve } from './fixture.test.ts'
import { listingBounds, nextStart } from '../../core/node/listing-bounds.ts'
import { NO_QUERY } from './query.ts'

interface Page {
  readonly keys: readonly { readonly key: string; readonly sort?: string }[]
  readonly next?: string
}

const ITEMS = ['a', 'b', 'b\u0000x', 'b\u0000y', 'ba', 'c', 'é', '😀']

async function fill(served: Served, items: readonly string[] = ITEMS): Promise<void> {
  for (const item of items) {
    const [key, sort] = item.split('\u0000')
    const query = sort === undefined ? '' : `?sort=${encodeURIComponent(sort)}`
    await fetch(`${served.base}/kv/${encodeURIComponent(key!)}${query}`, {
      method: 'PUT',
      body: 'v',
    })
  }
}

async function list(served: Served, query: Record<string, string>): Promise<Page> {
  const text = new URLSearchParams(query).toString()
  const response = await fetch(`${served.base}/buckets/default/keys?${text}`)
  assert.equal(response.status, 200)
  return (await response.json()) as Page
}

function items(page: Page): string[] {
  return page.keys.map(({ key, sort }) => (sort === undefined ? key : `${key}\u0000${sort}`))
}

test('keys come in order, with their sort keys, and the last page has no next', async (t) => {
  const served = await serve(t)
  await fill(served, ITEMS.toReversed())
  const page = await list(served, {})
  assert.deepEqual(items(page), ITEMS)
  assert.equal(page.next, undefined)
  assert.deepEqual(page.keys[2], { key: 'b', sort: 'x' })
})

for (const nextForm of ['next-item', 'last-item'] as const)
  for (const reverse of ['false', 'true'])
    test(`pages joined by next have every key once, reverse ${reverse}, when a node tells the ${nextForm}`, async (t) => {
      const served = await serve(t)
      served.gateway.nextForm = nextForm
      await fill(served)
      for (const limit of ['1', '2', '3', '7']) {
        const seen: string[] = []
        let start: string | undefined
        do {
          const query = { limit, reverse, ...(start === undefined ? {} : { start }) }
          const page: Page = await list(served, query)
          assert(page.keys.length <= Number(limit))
          seen.push(...items(page))
          start = page.next
        } while (start !== undefined)
        assert.deepEqual(seen, reverse === 'true' ? ITEMS.toReversed() : ITEMS)
      }
    })

test('a prefix is of the key and not of the sort key', async (t) => {
  const served = await serve(t)
  await fill(served)
  assert.deepEqual(items(await list(served, { prefix: 'b' })), ['b', 'b\u0000x', 'b\u0000y', 'ba'])
  assert.deepEqual(items(await list(served, { prefix: 'ba' })), ['ba'])
  assert.deepEqual(items(await list(served, { prefix: 'é' })), ['é'])
  assert.deepEqual(items(await list(served, { prefix: 'zz' })), [])
  const backwards = await list(served, { prefix: 'b', reverse: 'true' })
  assert.deepEqual(items(backwards), ['ba', 'b\u0000y', 'b\u0000x', 'b'])
})

test('start is inclusive and end exclusive, in either direction', async (t) => {
  const served = await serve(t)
  await fill(served)
  const up = await list(served, { start: 'b', end: 'c' })
  assert.deepEqual(items(up), ['b', 'b\u0000x', 'b\u0000y', 'ba'])
  const within = await list(served, { start: 'b\u0000x', end: 'b\u0000y' })
  assert.deepEqual(items(within), ['b\u0000x'])
  const down = await list(served, { start: 'c', end: 'b\u0000x', reverse: 'true' })
  assert.deepEqual(items(down), ['c', 'ba', 'b\u0000y'])
  const exact = await list(served, { start: 'b', reverse: 'true' })
  assert.deepEqual(items(exact), ['b', 'a'])
})

test('bounds between which nothing can lie are answered without asking the node', async (t) => {
  const served = await serve(t)
  assert.deepEqual(items(await list(served, { start: 'b', end: 'b' })), [])
  assert.deepEqual(items(await list(served, { start: 'a', end: 'b', reverse: 'true' })), [])
  assert.deepEqual(items(await list(served, { prefix: 'x', end: 'b' })), [])
  assert.equal(served.gateway.requests.length, 0)
})

test('empty bounds are no bounds', async (t) => {
  const served = await serve(t)
  await fill(served)
  assert.deepEqual(items(await list(served, { start: '', end: '', prefix: '' })), ITEMS)
  assert.deepEqual(items(await list(served, { start: '', reverse: 'true' })), ITEMS.toReversed())
})

test('bounds that cannot be are refused', async (t) => {
  const { base } = await serve(t)
  for (const query of ['prefix=a%00', 'limit=0', `start=${'x'.repeat(1027)}`, 'start=%ff', 'r=2']) {
    const response = await fetch(`${base}/buckets/default/keys?${query}`)
    assert.equal(response.status, 400, query)
  }
})

test('keys that are not text are left out, and a page that would end at one is an error', async (t) => {
  const served = await serve(t)
  await fill(served, ['a', 'c'])
  const { gateway } = served
  const binary = { key: Uint8Array.of(0x62, 0xff), sort: undefined }
  const value = {
    bytes: new Uint8Array(0),
    contentType: '',
    metadata: [],
    expiresAtMs: 0,
  }
  await new Promise((resolve) => {
    const named = { bucket: 'default', ...binary, context: undefined, w: undefined }
    gateway.submit({ type: 'put', ...named, value, timeoutMs: undefined }, resolve)
  })
  assert.deepEqual(items(await list(served, {})), ['a', 'c'])
  const response = await fetch(`${served.base}/buckets/default/keys?limit=1`)
  assert.equal(response.status, 500)
  assert.equal(((await response.json()) as { code: string }).code, 'DND_ERR_KEY_NOT_TEXT')
})

test('a listing that the cluster could not make is a failure', async (t) => {
  const { base, gateway } = await serve(t)
  gateway.failure = {
    ok: false,
    code: 'DND_ERR_LAYOUT_CHANGING',
    outcome: 'rejected',
    needed: 0,
    got: 0,
    message: 'moving',
  }
  assert.equal((await fetch(`${base}/buckets/default/keys`)).status, 503)
})

const bytes = fc
  .uint8Array({ minLength: 1, maxLength: 3 })
  .map((array) => array.map((byte) => (byte % 3) + 1))
const item = fc.record({ key: bytes, sort: fc.option(bytes, { nil: undefined }) })

test('any place at which a node can stop is said such that it is understood again', () => {
  fc.assert(
    fc.property(item, fc.boolean(), fc.boolean(), ({ key, sort }, reverse, beyond) => {
      const ordered = listingKey(key, sort)
      const next = beyond ? Uint8Array.of(...ordered, 0) : ordered
      const start = Buffer.from(nextStart(next, reverse)!)
      const bounds = listingBounds({ ...NO_QUERY, start, reverse })!
      assert.deepEqual(reverse ? bounds.to : bounds.from, next)
      assert.deepEqual(reverse ? bounds.from : bounds.to, new Uint8Array(0))
    }),
    { seed: 4, numRuns: 500 },
  )
})

test('the bounds hold just those items that the words name', () => {
  const words = fc.tuple(item, fc.boolean())
  fc.assert(
    fc.property(item, words, words, fc.boolean(), (probe, from, to, reverse) => {
      const [start, end] = [from, to].map(([named, beyond]) => {
        const sort = named.sort === undefined ? [] : [0, ...named.sort]
        return Uint8Array.of(...(beyond ? [0] : []), ...named.key, ...sort)
      })
      const bounds = listingBounds({ ...NO_QUERY, start, end, reverse })
      const ordered = listingKey(probe.key, probe.sort)
      const held =
        bounds !== undefined &&
        compareBytes(ordered, bounds.from) >= 0 &&
        compareBytes(ordered, bounds.to) < 0
      const sign = reverse ? -1 : 1
      const place = ([named, beyond]: typeof from): boolean => {
        const order = sign * compareBytes(ordered, listingKey(named.key, named.sort))
        return beyond ? order > 0 : order >= 0
      }
      assert.equal(held, place(from) && !place(to))
    }),
    { seed: 5, numRuns: 1000 },
  )
})
