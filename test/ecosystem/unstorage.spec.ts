/**
 * What unstorage's guide "Custom Driver" and its pages on `getItem` to `getMeta` promise of a
 * storage, clause by clause: its own suite for drivers is not published.
 */
import { createStorage, prefixStorage, restoreSnapshot, snapshot } from 'unstorage'
import type { Driver, Storage } from 'unstorage'
import { dndDriver } from 'dnd-client/unstorage'
import type { DndDriverOptions } from 'dnd-client/unstorage'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { bucketName, openClient } from './cluster.ts'

const client = openClient()
const bucket = bucketName('unstorage')
/** That it is what unstorage calls a driver, its types say. */
const driver = (options: Partial<DndDriverOptions> = {}): Driver =>
  dndDriver({ client, bucket, ...options })

let storage: Storage

beforeEach(() => {
  storage = createStorage({ driver: driver() })
})
afterEach(async () => {
  await storage.clear()
  await storage.dispose()
})
afterAll(() => client.close())

describe('items', () => {
  test('what is not there is null, and has no key', async () => {
    expect(await storage.hasItem('a:b')).toBe(false)
    expect(await storage.getItem('a:b')).toBe(null)
    expect(await storage.getItemRaw('a:b')).toBe(null)
    expect(await storage.getKeys()).toEqual([])
    expect(await storage.getMeta('a:b')).toEqual({})
  })

  test('what is set is there, until it is removed', async () => {
    await storage.setItem('a:b', 'text')
    expect(await storage.hasItem('a:b')).toBe(true)
    expect(await storage.getItem('a:b')).toBe('text')
    await storage.setItem('a:b', 'other')
    expect(await storage.getItem('a:b')).toBe('other')
    await storage.removeItem('a:b')
    expect(await storage.hasItem('a:b')).toBe(false)
    await storage.removeItem('a:b')
    await storage.setItem('a:c', 1)
    await storage.setItem('a:c', undefined as never)
    expect(await storage.getItem('a:c')).toBe(null)
  })

  test('separators of keys are all the same, and a query is no part of a key', async () => {
    await storage.setItem('/a/b.json?v=1', 'one')
    expect(await storage.getItem('a:b.json')).toBe('one')
    expect(await storage.getItem('a/b.json?v=2')).toBe('one')
    expect(await storage.getKeys()).toEqual(['a:b.json'])
  })

  test.each([
    ['an object', { name: 'Ada', tags: ['x', 'ü'] }],
    ['an array', [1, null, 'zwei']],
    ['zero', 0],
    ['false', false],
    ['true', true],
    ['null', null],
    ['an empty text', ''],
  ])('%s comes back as it went', async (_, value) => {
    await storage.setItem('value', value)
    expect(await storage.getItem('value')).toEqual(value)
    expect(await storage.hasItem('value')).toBe(true)
  })

  test('an object says by toJSON what is stored of it, and one that cannot is refused', async () => {
    const written = { toJSON: () => ({ as: 'json' }) }
    class Day {
      toJSON(): unknown {
        return written.toJSON()
      }
    }
    await storage.setItem('day', new Day())
    expect(await storage.getItem('day')).toEqual({ as: 'json' })
    await expect(storage.setItem('bad', new Map())).rejects.toThrow(/stringify/)
  })

  test('bytes come back as bytes, text as text', async () => {
    const bytes = Uint8Array.of(0, 1, 254, 255)
    await storage.setItemRaw('raw', bytes)
    expect(await storage.getItemRaw('raw')).toEqual(bytes)
    expect(await storage.getItem('raw')).toBe('base64:AAH+/w==')
    await storage.setItemRaw('raw', bytes.buffer)
    expect(await storage.getItemRaw('raw')).toEqual(bytes)
    await storage.setItemRaw('raw', Buffer.from('grüezi'))
    expect(new TextDecoder().decode((await storage.getItemRaw<Uint8Array>('raw'))!)).toBe('grüezi')
    expect(await storage.getItem('raw')).toBe('grüezi')
    await storage.setItemRaw('raw', 'text')
    expect(await storage.getItemRaw('raw')).toBe('text')
    await expect(storage.setItemRaw('raw', { not: 'raw' })).rejects.toThrow(/use setItem/)
  })

  test('several at once, in the order asked', async () => {
    await storage.setItems<string | object>([
      { key: 't:1', value: 'one' },
      { key: 't:2', value: { two: 2 } },
    ])
    expect(await storage.getItems(['t:2', { key: 't/1?x' }, 't:3'])).toEqual([
      { key: 't:2', value: { two: 2 } },
      { key: 't:1', value: 'one' },
      { key: 't:3', value: null },
    ])
  })
})

describe('keys', () => {
  const all = ['root', 'a:1', 'a:b:2', 'a:b:c:3', 'ab:4']

  beforeEach(async () => {
    for (const key of all) await storage.setItem(key, key)
  })

  test('all, those below a base, and those of a depth', async () => {
    expect((await storage.getKeys()).toSorted()).toEqual(all.toSorted())
    expect((await storage.getKeys('a')).toSorted()).toEqual(['a:1', 'a:b:2', 'a:b:c:3'])
    expect(await storage.getKeys(undefined, { maxDepth: 0 })).toEqual(['root'])
    const below = await storage.getKeys(undefined, { maxDepth: 1 })
    expect(below.toSorted()).toEqual(['a:1', 'ab:4', 'root'])
  })

  test('clear of a driver takes what is below a base; of a storage, the mounts there', async () => {
    await driver().clear!('a', {})
    expect((await storage.getKeys()).toSorted()).toEqual(['ab:4', 'root'])
    const mounted = createStorage()
    mounted.mount('dnd', driver())
    await mounted.clear('other')
    expect((await mounted.getKeys('dnd')).toSorted()).toEqual(['dnd:ab:4', 'dnd:root'])
    await mounted.clear('dnd')
    expect(await storage.getKeys()).toEqual([])
    await mounted.clear()
  })

  test('a driver with a base sees what is below it, and clears no more', async () => {
    const based = createStorage({ driver: driver({ base: 'a' }) })
    expect((await based.getKeys()).toSorted()).toEqual(['1', 'b:2', 'b:c:3'])
    expect(await based.getItem('b:2')).toBe('a:b:2')
    await based.setItem('new', 'x')
    expect(await storage.getItem('a:new')).toBe('x')
    await based.clear()
    expect((await storage.getKeys()).toSorted()).toEqual(['ab:4', 'root'])
  })

  test('mounts, prefixes and snapshots', async () => {
    const mounted = createStorage()
    mounted.mount('dnd', driver())
    expect((await mounted.getKeys('dnd:a')).toSorted()).toEqual([
      'dnd:a:1',
      'dnd:a:b:2',
      'dnd:a:b:c:3',
    ])
    expect(await mounted.getItem('dnd:root')).toBe('root')
    expect(await prefixStorage(storage, 'a').getItem('1')).toBe('a:1')
    const taken = await snapshot(storage, 'a')
    await storage.clear()
    await restoreSnapshot(storage, taken)
    expect(await storage.getItem('b:2')).toBe('a:b:2')
  })
})

describe('meta, lifetimes, changes', () => {
  test('meta: when it was changed, its size, and what was set', async () => {
    const before = Date.now()
    await storage.setItem('a', 'grüezi')
    const meta = await storage.getMeta('a')
    expect(meta.mtime).toBeInstanceOf(Date)
    expect(+meta.mtime!).toBeGreaterThanOrEqual(before)
    expect(meta['size']).toBe(7)
    expect(meta.ttl).toBeUndefined()
    await storage.setMeta('a', { by: 'me' })
    expect((await storage.getMeta('a'))['by']).toBe('me')
    await storage.removeItem('a', { removeMeta: true })
    expect(await storage.getMeta('a')).toEqual({})
  })

  test('an item lives as long as it is told, or as the driver says', async () => {
    const clock = { nowMs: Date.now() }
    const short = createStorage({ driver: driver({ ttl: 60, now: () => clock.nowMs }) })
    await short.setItem('default', 1)
    await short.setItem('given', 1, { ttl: 600 })
    await short.setItem('never', 1, { ttl: 0 })
    expect((await short.getMeta('default')).ttl).toBe(60)
    expect((await short.getMeta('given')).ttl).toBe(600)
    clock.nowMs += 60_001
    expect(await short.getItem('default')).toBe(null)
    expect(await short.hasItem('default')).toBe(false)
    expect(await short.getItem('given')).toBe(1)
    expect(await short.getItem('never')).toBe(1)
  })

  test('changes through the storage are told', async () => {
    const told: string[] = []
    const unwatch = await storage.watch((event, key) => void told.push(`${event} ${key}`))
    await storage.setItem('a:b', 1)
    await storage.removeItem('a:b')
    await unwatch()
    expect(told).toEqual(['update a:b', 'remove a:b'])
  })

  test('a key that cannot be stored is refused with a reason', async () => {
    await expect(storage.setItem('k'.repeat(1025), 1)).rejects.toThrow(/1025 bytes/)
    await expect(storage.setItem('', 1)).rejects.toThrow(/Invalid key/)
  })
})
