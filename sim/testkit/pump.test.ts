import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { setTimeout as realSleep } from 'node:timers/promises'
import { test } from 'node:test'
import { StalledAppError, WorldClosedError } from './errors.ts'
import { createWorld } from './testkit.ts'

test('time passes only while the app waits for the world', async () => {
  const world = await createWorld()
  const began = world.now
  await realSleep(5)
  for (let i = 0; i < 100; i++) await Promise.resolve()
  assert.equal(world.now, began)
  await world.sleep(1_234)
  assert.equal(world.now, began + 1_234)
  world.close()
})

test('tasks take turns by the world’s time, with all their microtasks between', async () => {
  const world = await createWorld()
  const began = world.now
  const order: string[] = []
  const actor = async (name: string, everyMs: number): Promise<void> => {
    for (let i = 1; i <= 3; i++) {
      await world.sleep(everyMs)
      for (let link = 0; link < 50; link++) await Promise.resolve()
      order.push(`${name}@${world.now - began}`)
    }
  }
  await world.run(() => Promise.all([actor('a', 10), actor('b', 7)]))
  assert.deepEqual(order, ['b@7', 'a@10', 'b@14', 'a@20', 'b@21', 'a@30'])
  world.close()
})

test('timers of the clock fire in order, and not when they were called off', async () => {
  const world = await createWorld()
  const { clock } = world
  const began = clock.now()
  const fired: string[] = []
  clock.setTimeout(() => fired.push(`late ${clock.now() - began}`), 50)
  const off = clock.setTimeout(() => fired.push('never'), 20)
  clock.setTimeout(() => {
    fired.push('early')
    clock.clearTimeout(off)
  }, 10)
  await clock.sleep(100)
  assert.deepEqual(fired, ['early', 'late 50'])
  world.close()
})

test('an app that waits for a promise that nobody settles is told so', async () => {
  const world = await createWorld({ stallMs: 20 })
  await assert.rejects(
    world.run(() => new Promise(() => undefined)),
    StalledAppError,
  )
  await assert.rejects(
    world.run(async () => {
      await world.sleep(10)
      await realSleep(10_000, undefined, { ref: false })
    }),
    /for 20 ms it has waited for nothing in the world.*real timer/,
  )
  world.close()
})

test('real input and output that ends in time is no stall', async () => {
  const world = await createWorld({ stallMs: 5_000 })
  const text = await world.run(async () => {
    await world.sleep(10)
    const read = await readFile('package.json', 'utf8')
    await world.sleep(10)
    return read
  })
  assert.match(text, /"dnd"/)
  world.close()
})

test('what the app throws comes out of run as it is', async () => {
  const world = await createWorld()
  const mine = new Error('mine')
  await assert.rejects(
    world.run(async () => {
      await world.sleep(1)
      throw mine
    }),
    (error) => error === mine,
  )
  assert.equal(await world.run(() => 7), 7)
  world.close()
})

test('in a closed world nothing happens any more, and nobody can wait', async () => {
  const world = await createWorld()
  const client = world.client()
  let woken = false
  void world.sleep(10).then(() => {
    woken = true
  })
  world.close()
  await realSleep(5)
  assert.equal(woken, false)
  await assert.rejects(world.sleep(1), WorldClosedError)
  await assert.rejects(client.get('k'), WorldClosedError)
  await assert.rejects(
    world.run(() => 1),
    WorldClosedError,
  )
  assert.throws(() => world.check(), WorldClosedError)
  assert.throws(() => world.clock.setTimeout(() => undefined, 1), WorldClosedError)
})

test('times that are none are refused', async () => {
  const world = await createWorld()
  for (const ms of [-1, NaN, Infinity]) assert.throws(() => world.sleep(ms), RangeError)
  world.close()
})
