/**
 * What "Session Store Implementation" in the README of express-session asks of a store, clause by
 * clause, and then what its middleware makes of it in an application: no suite is published.
 */
import { EventEmitter, once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import express from 'express'
import session from 'express-session'
import { sessionStore } from 'dnd-client/express-session'
import type { SessionMethods, SessionStoreOptions } from 'dnd-client/express-session'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { bucketName, openClient } from './cluster.ts'

declare module 'express-session' {
  interface SessionData {
    user?: string
    views?: number
  }
}

const client = openClient()
/** A bucket for each test: who was destroyed stays so, in the next test as well. */
let bucket: string
let tests = 0
let nowMs = Date.now()

function storeOf(options: Partial<SessionStoreOptions> = {}): session.Store & SessionMethods {
  return sessionStore(session.Store, { client, bucket, now: () => nowMs, ...options })
}

function sessionFor(user: string, livesMs: number | null = 60_000): session.SessionData {
  const cookie = new session.Cookie()
  if (livesMs !== null) cookie.expires = new Date(nowMs + livesMs)
  cookie.originalMaxAge = livesMs
  return { cookie, user }
}

let store: session.Store & SessionMethods
let calls: {
  get(id: string): Promise<session.SessionData | null | undefined>
  set(id: string, session: session.SessionData): Promise<void>
  touch(id: string, session: session.SessionData): Promise<void>
  destroy(id: string): Promise<void>
  all(): Promise<session.SessionData[]>
  ids(): Promise<string[]>
  length(): Promise<number>
  clear(): Promise<void>
}

beforeEach(() => {
  nowMs = Date.now()
  bucket = bucketName(`sessions${++tests}`)
  store = storeOf()
  const call = (name: keyof SessionMethods): never =>
    promisify(store[name] as never).bind(store) as never
  calls = {
    get: call('get'),
    set: call('set'),
    touch: call('touch'),
    destroy: call('destroy'),
    all: call('all'),
    ids: call('ids'),
    length: call('length'),
    clear: call('clear'),
  }
})
afterAll(() => client.close())

describe('the store', () => {
  test('is an EventEmitter and a store of express-session', () => {
    expect(store).toBeInstanceOf(EventEmitter)
    expect(store).toBeInstanceOf(session.Store)
  })

  test('get: nothing and no error for what is not there', async () => {
    expect(await calls.get('nobody')).toBe(null)
  })

  test('set, then get: the session, with its cookie as JSON brings it back', async () => {
    await calls.set('a', sessionFor('ada'))
    const found = await calls.get('a')
    expect(found?.user).toBe('ada')
    expect(found?.cookie.originalMaxAge).toBe(60_000)
    expect(new Date(found!.cookie.expires!)).toEqual(new Date(nowMs + 60_000))
    await calls.set('a', sessionFor('grace'))
    expect((await calls.get('a'))?.user).toBe('grace')
  })

  test('destroy: it is gone, and so it stays for who still holds it', async () => {
    await calls.set('a', sessionFor('ada'))
    const held = (await calls.get('a'))!
    await calls.destroy('a')
    expect(await calls.get('a')).toBe(null)
    await calls.touch('a', held)
    await calls.set('a', held)
    expect(await calls.get('a')).toBe(null)
    await calls.destroy('a')
    await calls.destroy('never there')
  })

  test('touch: it lives on from now, and keeps what another request has saved', async () => {
    await calls.set('a', sessionFor('ada'))
    nowMs += 50_000
    await calls.set('a', { ...sessionFor('grace'), views: 1 })
    nowMs += 50_000
    await calls.touch('a', sessionFor('ada'))
    nowMs += 50_000
    expect(await calls.get('a')).toMatchObject({ user: 'grace', views: 1 })
    nowMs += 10_001
    expect(await calls.get('a')).toBe(null)
    await calls.touch('a', sessionFor('ada'))
    expect(await calls.get('a')).toBe(null)
    await calls.touch('nobody', sessionFor('ada'))
    expect(await calls.get('nobody')).toBe(null)
  })

  test('touch: one that would hardly move the deadline writes nothing', async () => {
    const contextOf = async (): Promise<string | undefined> =>
      (await client.get('a', { bucket })).context
    await calls.set('a', sessionFor('ada'))
    const before = await contextOf()
    nowMs += 5_000
    const sameAge = sessionFor('ada')
    sameAge.cookie.originalMaxAge = 59_999
    await calls.touch('a', sameAge)
    expect(await contextOf()).toBe(before)
    nowMs += 2_000
    await calls.touch('a', sessionFor('ada'))
    expect(await contextOf()).not.toBe(before)
  })

  test('touch: another cookie is stored, a shorter life too', async () => {
    await calls.set('a', sessionFor('ada'))
    const other = sessionFor('ada', 10_000)
    other.cookie.path = '/other'
    await calls.touch('a', other)
    expect((await calls.get('a'))?.cookie.path).toBe('/other')
    nowMs += 10_001
    expect(await calls.get('a')).toBe(null)
  })

  test('a session without an end lives as long as the store says', async () => {
    const short = storeOf({ ttlMs: 5_000 })
    await promisify(short.set.bind(short))('a', sessionFor('ada', null))
    expect((await calls.get('a'))?.user).toBe('ada')
    nowMs += 5_001
    expect(await calls.get('a')).toBe(null)
  })

  test('a session that is over already is not stored, and ends what is there', async () => {
    await calls.set('a', sessionFor('ada', -1))
    expect(await calls.get('a')).toBe(null)
    await calls.set('b', sessionFor('bob'))
    await calls.set('b', sessionFor('bob', -1))
    expect(await calls.get('b')).toBe(null)
  })

  test('all, ids, length and clear: what lives, and nothing else', async () => {
    await Promise.all(['a', 'b', 'c'].map((id) => calls.set(id, sessionFor(`user ${id}`))))
    await calls.set('over', sessionFor('over', 1_000))
    await calls.destroy('c')
    nowMs += 1_001
    const all = await calls.all()
    expect(all.map(({ user }) => user).toSorted()).toEqual(['user a', 'user b'])
    expect((await calls.ids()).toSorted()).toEqual(['a', 'b'])
    expect(await calls.length()).toBe(2)
    await calls.clear()
    expect(await calls.length()).toBe(0)
    expect(await calls.get('a')).toBe(null)
  })

  test('a prefix keeps sessions apart', async () => {
    const other = storeOf({ prefix: 'other:' })
    await promisify(other.set.bind(other))('a', sessionFor('ada'))
    expect(await calls.get('a')).toBe(null)
    expect((await calls.get('other:a'))?.user).toBe('ada')
    expect(await promisify(other.ids.bind(other))()).toEqual(['a'])
  })

  test('a failure is handed to the callback', async () => {
    await expect(calls.get('k'.repeat(2000))).rejects.toMatchObject({ code: 'DND_ERR_BAD_KEY' })
    await expect(calls.set('', sessionFor('ada'))).rejects.toThrow(/an empty key/)
  })

  test('a bucket that ends conflicts by the last write is refused with what to do', async () => {
    const name = bucketName('wrong')
    await client.configureBucket(name, { conflicts: 'lww' })
    const wrong = storeOf({ bucket: name })
    const get = promisify(wrong.get.bind(wrong))
    await expect(get('a')).rejects.toThrow(/--conflicts siblings/)
    await client.configureBucket(name, { conflicts: 'siblings' })
    expect(await get('a')).toBe(null)
  })
})

describe('under the middleware', () => {
  const servers: Server[] = []

  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    }
  })

  /** An application of its own with a store of its own; gives what a browser would do. */
  async function application(): Promise<(path: string, cookie?: string) => Promise<Answer>> {
    const app = express()
    const cookie = { maxAge: 60_000 }
    app.use(
      session({
        ...{ store: storeOf({ now: undefined }), secret: 'test', cookie },
        ...{ resave: false, saveUninitialized: false },
      }),
    )
    app.get('/login/:user', (request, response) => {
      request.session.regenerate(() => {
        request.session.user = request.params.user
        response.send(request.params.user)
      })
    })
    app.get('/whoami', (request, response) => void response.send(request.session.user ?? 'nobody'))
    app.get('/views', (request, response) => {
      request.session.views = (request.session.views ?? 0) + 1
      response.send(String(request.session.views))
    })
    app.get('/reload', (request, response) => {
      request.session.user = 'changed and not saved'
      request.session.reload(() => void response.send(request.session.user))
    })
    app.get('/logout', (request, response) => {
      request.session.destroy(() => void response.send('bye'))
    })
    const server = app.listen(0, '127.0.0.1')
    servers.push(server)
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    return async (path, sent) => {
      const headers = sent === undefined ? {} : { cookie: sent }
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers })
      const set = response.headers.get('set-cookie')?.split(';')[0]
      return { status: response.status, text: await response.text(), cookie: set ?? sent }
    }
  }

  interface Answer {
    readonly status: number
    readonly text: string
    readonly cookie: string | undefined
  }

  test('who logs in at one application is known at another, and is out at both', async () => {
    const [one, other] = [await application(), await application()]
    expect(await one('/whoami')).toMatchObject({ text: 'nobody', cookie: undefined })
    const { cookie } = await one('/login/ada')
    expect(cookie).toMatch(/^connect\.sid=/)
    expect((await other('/whoami', cookie)).text).toBe('ada')
    expect((await other('/views', cookie)).text).toBe('1')
    expect((await one('/views', cookie)).text).toBe('2')
    expect((await one('/reload', cookie)).text).toBe('ada')
    const again = await other('/login/grace', cookie)
    expect(again.cookie).not.toBe(cookie)
    expect((await one('/whoami', cookie)).text).toBe('nobody')
    expect((await one('/whoami', again.cookie)).text).toBe('grace')
    await one('/logout', again.cookie)
    expect((await other('/whoami', again.cookie)).text).toBe('nobody')
    expect(await calls.length()).toBe(0)
  })

  test('many requests of one session at once leave it as one of them saved it', async () => {
    const one = await application()
    const { cookie } = await one('/login/ada')
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => one(i % 2 === 0 ? '/views' : '/whoami', cookie)),
    )
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    const { text } = await one('/views', cookie)
    expect(Number(text)).toBeGreaterThanOrEqual(2)
    expect((await one('/whoami', cookie)).text).toBe('ada')
  })

  test('a request that changes nothing writes nothing', async () => {
    const one = await application()
    const { cookie } = await one('/login/ada')
    const [id] = await calls.ids()
    const contextOf = async (): Promise<string | undefined> =>
      (await client.get(id!, { bucket })).context
    const before = await contextOf()
    for (let i = 0; i < 3; i++) expect((await one('/whoami', cookie)).text).toBe('ada')
    expect(await contextOf()).toBe(before)
    await one('/views', cookie)
    expect(await contextOf()).not.toBe(before)
  })
})
