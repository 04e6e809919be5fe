/**
 * dnd-client in a page of another origin, in a real browser: it works where the origin is allowed,
 * and gets nothing where it is not.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, normalize } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Browser, chromiumPath } from '../support/browser.ts'
import type { Page } from '../support/browser.ts'
import { RealCluster } from '../support/real-cluster.ts'

const CHROMIUM = chromiumPath()
const SKIP =
  CHROMIUM === undefined && 'no chromium here: apt-get install chromium, or set DND_CHROMIUM'
const CLIENT = fileURLToPath(new URL('../../packages/client/src', import.meta.url))

/** A page that loads the client as an application would. */
function serveApp(): Promise<Server> {
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://app').pathname)
    if (path.endsWith('.js')) {
      response.setHeader('content-type', 'text/javascript')
      response.end(readFileSync(join(CLIENT, path)))
    } else {
      response.setHeader('content-type', 'text/html')
      response.end('<!doctype html><link rel="icon" href="data:,"><title>app</title><h1>app</h1>')
    }
  })
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(server))
  })
}

const originOf = (server: Server): string =>
  `http://127.0.0.1:${(server.address() as AddressInfo).port}`

let allowed: Server
let foreign: Server
let cluster: RealCluster
let browser: Browser

before(async () => {
  if (CHROMIUM === undefined) return
  allowed = await serveApp()
  foreign = await serveApp()
  cluster = await RealCluster.start(3, ['--allow-origin', originOf(allowed)])
  browser = await Browser.launch(CHROMIUM)
})

after(async () => {
  await browser?.close()
  await cluster?.close()
  allowed?.close()
  foreign?.close()
})

async function appAt(server: Server): Promise<Page> {
  const page = await browser.page()
  await page.open(`${originOf(server)}/`)
  await page.until('the page', `document.querySelector('h1') !== null`)
  return page
}

/** Runs the body of an async function in the page, with a client and its users. */
function inPage<T>(page: Page, body: string): Promise<T> {
  return page.evaluate(`(async () => {
    const { DndClient, jsonCodec } = await import('/client.js')
    const client = new DndClient({ server: ${JSON.stringify(cluster.urls)}, retries: 1 })
    const users = client.bucket('users', { codec: jsonCodec() })
    ${body}
  })()`)
}

test(
  'an allowed page puts, gets, lists, batches, deletes and watches',
  { skip: SKIP },
  async () => {
    const page = await appAt(allowed)
    const seen = await inPage<Record<string, unknown>>(
      page,
      `
    await client.put('k', 'v', { metadata: { author: 'Zoë' } })
    const got = await client.get('k')
    const text = new TextDecoder().decode(got.bytes)
    await users.put('ada', { name: 'Ada' })
    const ada = await users.get('ada')
    await client.put('k', 'w', { context: got.context })
    const after = new TextDecoder().decode((await client.get('k')).bytes)
    const keys = []
    for await (const { key } of users.list()) keys.push(key)
    const stop = new AbortController()
    const next = (async () => {
      for await (const { entry } of users.watch({ signal: stop.signal }))
        if (entry?.key === 'bob') return entry.key
    })()
    let watched
    for (let i = 0; i < 200 && watched === undefined; i++) {
      await users.put('bob', { name: 'Bob', i })
      watched = await Promise.race([next, new Promise((done) => setTimeout(done, 100))])
    }
    stop.abort()
    const batch = await client.batch([{ type: 'get', key: 'k' }, { type: 'put', key: 'b', value: 'x' }])
    await client.delete('k')
    const gone = (await client.get('k')).status
    return { text, author: got.metadata.author, ada, after, keys, watched, batch: batch.length, gone }
  `,
    )
    assert.deepEqual(
      { ...seen, ada: undefined },
      {
        ...{ text: 'v', author: 'Zoë', ada: undefined, after: 'w', keys: ['ada'] },
        ...{ watched: 'bob', batch: 2, gone: 'absent' },
      },
    )
    assert.match(JSON.stringify(seen['ada']), /"Ada"/)
  },
)

test('a page of any other origin reads nothing and changes nothing', { skip: SKIP }, async () => {
  const page = await appAt(foreign)
  const outcomes = await inPage<string[]>(
    page,
    `
    const tried = [() => client.get('k'), () => client.put('evil', 'v'), () => client.cluster()]
    // A request so simple that no browser asks beforehand.
    const simple = (url) => fetch(url, { method: 'POST', body: 'v', mode: 'no-cors' })
    const blind = await simple(${JSON.stringify(cluster.urls[0])} + '/kv/evil')
    const image = await new Promise((done) => {
      const script = document.createElement('script')
      script.onload = () => done('loaded')
      script.onerror = () => done('refused')
      script.src = ${JSON.stringify(cluster.urls[0])} + '/kv/ada'
      document.head.append(script)
    })
    const results = []
    for (const attempt of tried) results.push(await attempt().then(() => 'done', () => 'refused'))
    return [...results, image, blind.type]
  `,
  )
  assert.deepEqual(outcomes, ['refused', 'refused', 'refused', 'refused', 'opaque'])
  const node = cluster.nodes[0]!
  assert.equal((await fetch(`${node.url}/kv/evil`)).status, 404)
})
