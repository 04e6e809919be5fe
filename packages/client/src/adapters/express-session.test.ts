/**
 * What only a simulated cluster shows: sessions while the network splits and nodes die. The
 * contract with express-session itself is in test/ecosystem.
 */
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { describe, test } from 'node:test'
import type { AppWorld, DndClientApi } from '../../../../sim/testkit/testkit.ts'
import { createWorld, DndClientError, forEachSeed } from '../../../../sim/testkit/testkit.ts'
import type { SessionLike, SessionStoreOptions, StoredSession } from './express-session.ts'
import { sessionStore } from './express-session.ts'

const DAY_MS = 24 * 3_600_000
const ID = 'a-session'

interface Store {
  get(id: string): Promise<StoredSession | null>
  set(id: string, session: SessionLike): Promise<void>
  touch(id: string, session: SessionLike): Promise<void>
  destroy(id: string): Promise<void>
}

/** Promises in the place of callbacks. */
function storeOf(
  world: AppWorld,
  client: DndClientApi,
  options: Partial<SessionStoreOptions> = {},
): Store {
  const now = (): number => world.clock.now()
  const store = sessionStore(EventEmitter, { client, now, ...options })
  const promised =
    (name: 'get' | 'set' | 'touch' | 'destroy') =>
    (...args: readonly unknown[]): Promise<never> =>
      new Promise((resolve, reject) => {
        const done = (error: unknown, result: never): void =>
          error === null ? resolve(result) : reject(error as Error)
        ;(store[name] as (...all: unknown[]) => void)(...args, done)
      })
  return {
    get: promised('get'),
    set: promised('set'),
    touch: promised('touch'),
    destroy: promised('destroy'),
  }
}

function session(world: AppWorld, views: number): SessionLike & { readonly views: number } {
  return { cookie: { expires: new Date(world.clock.now() + DAY_MS) }, views }
}

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

async function misfortune(world: AppWorld): Promise<void> {
  await world.sleep(world.random() * 1_500)
  world.partition([world.below(3)])
  await world.sleep(1_000)
  world.crash(1)
  await world.sleep(500)
  world.heal()
  world.restart(1)
}

/** `times` times, with pauses by chance. */
async function often(
  world: AppWorld,
  times: number,
  work: (turn: number) => Promise<void>,
): Promise<void> {
  for (let turn = 1; turn <= times; turn++) {
    await world.sleep(world.random() * 400)
    await stubbornly(world, () => work(turn))
  }
}

async function atRest(world: AppWorld): Promise<void> {
  await world.settled()
  await world.sleep(30_000)
}

const BUCKETS = { sessions: { conflicts: 'siblings' } } as const
const EVERY_TOUCH = { touchAfterMs: 0 } as const

describe('while nodes die and the network splits', () => {
  test('no touch undoes what another request has saved', async () => {
    await forEachSeed({ seeds: 8, buckets: BUCKETS }, async (world) => {
      const saver = storeOf(world, world.client([0, 1, 2]))
      const toucher = storeOf(world, world.client([2, 1, 0]), EVERY_TOUCH)
      await saver.set(ID, session(world, 0))
      await Promise.all([
        often(world, 8, (turn) => saver.set(ID, session(world, turn))),
        often(world, 16, () => toucher.touch(ID, session(world, -1))),
        misfortune(world),
      ])
      await atRest(world)
      for (const node of [0, 1, 2]) {
        const found = await storeOf(world, world.client(node)).get(ID)
        assert.equal(found?.['views'], 8)
      }
    })
  })

  test('who has logged out stays out, whatever requests from before it still store', async () => {
    await forEachSeed({ seeds: 8, buckets: BUCKETS }, async (world) => {
      const slow = storeOf(world, world.client([0, 1, 2]), EVERY_TOUCH)
      const other = storeOf(world, world.client([2, 1, 0]))
      await slow.set(ID, session(world, 0))
      const logout = async (): Promise<void> => {
        await world.sleep(world.random() * 2_000)
        await stubbornly(world, () => other.destroy(ID))
      }
      await Promise.all([
        often(world, 12, (turn) =>
          turn % 2 === 0 ? slow.touch(ID, session(world, 0)) : slow.set(ID, session(world, turn)),
        ),
        logout(),
        misfortune(world),
      ])
      await atRest(world)
      for (const node of [0, 1, 2])
        assert.equal(await storeOf(world, world.client(node)).get(ID), null)
    })
  })
})

describe('on a cluster at rest', () => {
  test('of a save and a logout at the same time the logout holds', async () => {
    const world = await createWorld({ buckets: BUCKETS })
    const [slow, other] = [storeOf(world, world.client(0)), storeOf(world, world.client(1))]
    const soon = (): Promise<void> => world.sleep(world.random() * 20)
    const ids = Array.from({ length: 20 }, (_, i) => `session-${i}`)
    await Promise.all(ids.map((id) => slow.set(id, session(world, 0))))
    await Promise.all([
      ...ids.map((id) => soon().then(() => slow.set(id, session(world, 1)))),
      ...ids.map((id) => soon().then(() => other.destroy(id))),
    ])
    for (const id of ids) assert.equal(await slow.get(id), null)
    world.close()
  })

  test('a session goes from the nodes by itself when it is over; a mark stays longer', async () => {
    const world = await createWorld({ buckets: BUCKETS })
    const client = world.client()
    const store = storeOf(world, client)
    const soon = { cookie: { expires: new Date(world.clock.now() + 60_000) } }
    await Promise.all(['over', 'out'].map((id) => store.set(id, soon)))
    await store.destroy('out')
    const statuses = async (): Promise<readonly string[]> => {
      const ids = ['over', 'out']
      const read = await Promise.all(ids.map((id) => client.get(id, { bucket: 'sessions' })))
      return read.map(({ status }) => status)
    }
    await world.sleep(59_000)
    assert.notEqual(await store.get('over'), null)
    await world.sleep(2_000)
    assert.equal(await store.get('over'), null)
    await world.sleep(5_000)
    assert.deepEqual(await statuses(), ['absent', 'found'])
    world.close()
  })

  test('a bucket that nobody has set up is made to keep siblings; what fails is tried again', async () => {
    const world = await createWorld()
    const client = world.client(0, { timeoutMs: 1_000 })
    const store = storeOf(world, client)
    world.crash(0)
    await assert.rejects(store.get(ID), { code: 'DND_ERR_UNREACHABLE' })
    world.restart(0)
    await world.settled()
    assert.equal(await store.get(ID), null)
    const { properties } = await client.bucketProperties('sessions')
    assert.equal(properties.conflicts, 'siblings')
    world.close()
  })

  test('a bucket that was set up to end conflicts by the last write is refused', async () => {
    const world = await createWorld({ buckets: { sessions: { conflicts: 'lww' } } })
    const store = storeOf(world, world.client())
    await assert.rejects(store.set(ID, session(world, 1)), /--conflicts siblings/)
    world.close()
  })
})
