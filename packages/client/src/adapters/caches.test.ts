/**
 * What the adapters for caches promise beyond the interfaces that they implement; these are tested
 * in test/ecosystem, by the libraries themselves.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AppWorld } from '../../../../sim/testkit/testkit.ts'
import { createWorld } from '../../../../sim/testkit/testkit.ts'
import { KeyvDnd } from './keyv.ts'
import { dndDriver } from './unstorage.ts'

function keyvIn(world: AppWorld, bucket?: string): KeyvDnd {
  return new KeyvDnd({ client: world.client(), bucket, now: () => world.clock.now() })
}

describe('lifetimes', () => {
  test('a value ends to the millisecond, for all ways to ask, and leaves the nodes later', async () => {
    const world = await createWorld()
    const keyv = keyvIn(world)
    await keyv.set('short', 'value', 400)
    const endsAt = world.clock.now()
    await keyv.set('long', 'value', 400 * 24 * 3_600_000 * 365)
    assert.ok(world.clock.now() < endsAt + 300)
    assert.deepEqual(await keyv.getMany(['short', 'long']), ['value', 'value'])
    await world.sleep(400)
    assert.equal(await keyv.get('short'), undefined)
    assert.equal(await keyv.has('short'), false)
    assert.equal(await keyv.delete('short'), false)
    assert.deepEqual(await keyv.hasMany(['short', 'long']), [false, true])
    const seen: unknown[] = []
    for await (const [key] of keyv.iterator()) seen.push(key)
    assert.deepEqual(seen, ['long'])
    await world.sleep(5_000)
    const stored = await world.client().get('short', { bucket: 'keyv' })
    assert.equal(stored.status, 'absent')
    world.close()
  })

  test('a lifetime that is no number is refused', async () => {
    const world = await createWorld()
    await assert.rejects(keyvIn(world).set('key', 'value', Number.NaN), TypeError)
    world.close()
  })
})

describe('what cannot be stored', () => {
  test('keys: empty, too long with their prefix, with a U+0000', async () => {
    const world = await createWorld()
    const keyv = keyvIn(world)
    const driver = dndDriver({ client: world.client(), base: 'app' })
    const refused = (message: RegExp): object => ({ code: 'DND_ERR_BAD_KEY', message })
    await assert.rejects(keyv.get(''), refused(/an empty key/))
    await assert.rejects(keyv.set('a\u0000b', 'value'), refused(/U\+0000/))
    await assert.rejects(keyv.getMany(['a', 'ü'.repeat(600)]), refused(/1200 bytes/))
    await assert.rejects(driver.setItem('k'.repeat(1021), 'v'), refused(/1025 bytes with its/))
    await driver.setItem('k'.repeat(1020), 'v')
    assert.deepEqual(await driver.getKeys(), ['k'.repeat(1020)])
    world.close()
  })

  test('values that are neither text nor bytes', async () => {
    const world = await createWorld()
    await assert.rejects(keyvIn(world).set('key', { an: 'object' }), /leave Keyv its serializer/)
    world.close()
  })

  test('anything in a bucket that keeps siblings, once there are some', async () => {
    const world = await createWorld({ buckets: { both: { conflicts: 'siblings' } } })
    const keyv = keyvIn(world, 'both')
    await keyv.set('key', 'one')
    await keyv.set('key', 'two')
    const heard: unknown[] = []
    keyv.on('error', (error) => heard.push(error))
    const expected = { code: 'DND_ERR_SIBLINGS', message: /dnd bucket set both --conflicts lww/ }
    await assert.rejects(keyv.get('key'), expected)
    assert.equal(heard.length, 1)
    world.close()
  })
})

test('what was written while a node was down is there, and cleared, at that node too', async () => {
  const world = await createWorld()
  const storage = dndDriver({ client: world.client([0, 1, 2]), now: () => world.clock.now() })
  await storage.setItem('key', 'before')
  world.crash(0)
  await storage.setItem('key', 'after')
  assert.equal(await storage.getItem('key'), 'after')
  world.restart(0)
  await world.settled()
  const there = dndDriver({ client: world.client(0) })
  assert.equal(await there.getItem('key'), 'after')
  await storage.clear()
  assert.deepEqual(await there.getKeys(), [])
  world.close()
})
