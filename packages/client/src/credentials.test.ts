import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DndClient } from './client.ts'
import type { Credentials } from './credentials.ts'
import type { HttpExchange, HttpRequest } from './exchange.ts'

/** What a client with these credentials says with a request and with a stream. */
async function said(credentials: Credentials): Promise<(string | undefined)[]> {
  const heard: HttpRequest[] = []
  const answer = { status: 404, headers: new Headers(), bytes: new Uint8Array(0) }
  const exchange: HttpExchange = {
    send: async (request) => {
      heard.push(request)
      return answer
    },
    open: async (request) => {
      heard.push(request)
      return { ...answer, chunks: (async function* () {})() }
    },
    close: () => undefined,
  }
  const client = new DndClient({ server: 'http://a.test', exchange, retries: 0, ...credentials })
  await client.get('k').catch(() => undefined)
  await client
    .watch('b')
    .next()
    .catch(() => undefined)
  client.close()
  return [...new Set(heard.map(({ headers }) => headers?.['authorization']))]
}

test('each request says who asks', async () => {
  assert.deepEqual(await said({}), [undefined])
  assert.deepEqual(await said({ token: 'dnd_x' }), ['Bearer dnd_x'])
  assert.deepEqual(await said({ user: 'anna', password: 'pä:ss' }), ['Basic YW5uYTpww6Q6c3M='])
})

test('half of a pair, or both kinds, is refused at once', () => {
  for (const credentials of [
    { user: 'anna' },
    { password: 'x' },
    { token: 't', user: 'anna', password: 'x' },
    { token: 'two words' },
    { user: 'a:b', password: 'x' },
  ])
    assert.throws(() => new DndClient({ server: 'http://a.test', ...credentials }), TypeError)
})
