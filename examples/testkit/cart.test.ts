/**
 * Does a cart lose anything when a node dies and the network splits? Each seed is another network,
 * other delays and another order of events, and the same ones each time.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AppWorld, DndClientApi } from 'dnd/testkit'
import { createWorld, DndClientError, forEachSeed } from 'dnd/testkit'
import type { Carts } from './cart.ts'
import { CARTS, MergingCarts, NaiveCarts } from './cart.ts'

const BUCKETS = { [CARTS]: { conflicts: 'siblings' } } as const

/** Alice shops with two devices at once, while things go wrong; what is missing in the end. */
async function shop(
  world: AppWorld,
  cartsOf: (client: DndClientApi) => Carts,
): Promise<readonly string[]> {
  const device = async (name: string, carts: Carts): Promise<readonly string[]> => {
    const added: string[] = []
    for (let i = 1; i <= 5; i++) {
      await world.sleep(world.random() * 1_000)
      await stubbornly(world, () => carts.add('alice', `${name}${i}`))
      added.push(`${name}${i}`)
    }
    return added
  }
  const misfortune = async (): Promise<void> => {
    await world.sleep(world.random() * 1_500)
    world.partition([world.below(3)])
    await world.sleep(1_000)
    world.crash(1)
    await world.sleep(500)
    world.heal()
    world.restart(1)
  }
  const [phone, laptop] = await Promise.all([
    device('phone', cartsOf(world.client([0, 1, 2]))),
    device('laptop', cartsOf(world.client([2, 1, 0]))),
    misfortune(),
  ])
  await world.settled()
  const items = await cartsOf(world.client(1)).items('alice')
  return [...phone, ...laptop].filter((item) => !items.includes(item))
}

/** Tries again what failed, as an app does; adding an item twice does no harm. */
async function stubbornly(world: AppWorld, attempt: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof DndClientError) || !error.retryable) throw error
      await world.sleep(200)
    }
  }
}

test('the naive cart loses items, and says nothing', async () => {
  const results = await forEachSeed({ seeds: 10 }, (world) =>
    shop(world, (client) => new NaiveCarts(client)),
  )
  const losing = results.filter(({ value }) => value.length > 0)
  assert.ok(losing.length > 0)
  console.log(`lost with seed ${losing[0]!.seed}: ${losing[0]!.value.join(' ')}`)
})

test('the merging cart keeps every item, whatever the seed', async () => {
  const results = await forEachSeed({ seeds: 40, buckets: BUCKETS }, (world) =>
    shop(world, (client) => new MergingCarts(client)),
  )
  for (const { seed, value } of results) assert.deepEqual(value, [], `seed ${seed}`)
})

test('two devices that add at the same instant: a world step by step', async () => {
  const world = await createWorld({ seed: 7, buckets: BUCKETS })
  const phone = new MergingCarts(world.client(0))
  const laptop = new MergingCarts(world.client(1))
  await Promise.all([phone.add('alice', 'apple'), laptop.add('alice', 'pear')])
  const read = await world.client(2).get('alice', { bucket: CARTS })
  assert.equal(read.status, 'siblings')
  assert.deepEqual([...(await phone.items('alice'))].sort(), ['apple', 'pear'])
  await phone.add('alice', 'plum')
  assert.equal((await world.client(2).get('alice', { bucket: CARTS })).status, 'found')
  assert.equal((await laptop.items('alice')).length, 3)
  world.check()
  world.close()
})
