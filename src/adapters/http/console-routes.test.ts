/**
 * The console as a browser is served: the page at `/`, everything that it asks for, and nothing
 * else.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { exchangeRaw, serve } from './fixture.test.ts'

const HTML = { accept: 'text/html,*/*;q=0.8' }
/** Of all that a browser loads to show the console, compressed. */
const CONSOLE_BYTES_MAX = 100 * 1024

test('a browser gets the console, which may load what this node serves and nothing else', async (t) => {
  const { base } = await serve(t)
  const response = await fetch(base, { headers: HTML })
  assert.equal(response.status, 200)
  assert.match(response.headers.get('content-type') ?? '', /^text\/html/)
  assert.match(response.headers.get('content-security-policy') ?? '', /^default-src 'self';/)
  assert.equal(response.headers.get('x-content-type-options'), 'nosniff')
  assert.match(response.headers.get('vary') ?? '', /accept/)
  const page = await response.text()
  const places = [...page.matchAll(/(?:href|src)="([^"]+)"/g)].map((match) => match[1]!)
  assert(places.length >= 3)
  for (const place of places) {
    assert.match(place, /^\//)
    assert.equal((await fetch(base + place)).status, 200, place)
  }
  assert.doesNotMatch(page, /<script(?![^>]*\bsrc=)/, 'no script in the page')
  assert.doesNotMatch(page, /\bstyle=|<style/, 'no style in the page')
})

test('a browser gets the console before the node is ready, and the console says so', async (t) => {
  const { base, gateway } = await serve(t)
  gateway.started = false
  assert.equal((await fetch(base, { headers: HTML })).status, 200)
})

test('every module that one of them imports is served, and all together are small', async (t) => {
  const { port } = await serve(t)
  // Bounded by: the modules of the console.
  const seen = new Map<string, number>()
  const waiting = ['/', '/console/console.css', '/console/main.js']
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (seen.has(path)) continue
    const headers = ['accept: text/html', 'accept-encoding: gzip', 'connection: close']
    const request = `GET ${path} HTTP/1.1\r\nhost: x\r\n${headers.join('\r\n')}\r\n\r\n`
    const raw = Buffer.from(await exchangeRaw(port, request), 'latin1')
    const at = raw.indexOf('\r\n\r\n') + 4
    const [head, body] = [raw.subarray(0, at).toString(), raw.subarray(at)]
    assert.match(head, /^HTTP\/1\.1 200 /, path)
    assert.match(head, /^content-encoding: gzip\r$/im)
    seen.set(path, body.length)
    if (!path.endsWith('.js')) continue
    const text = gunzipSync(body).toString()
    for (const [, from] of text.matchAll(/from '(\.[^']+)'/g))
      waiting.push(new URL(from!, `http://x${path}`).pathname)
  }
  assert(seen.size > 25, `${seen.size} files`)
  const bytes = [...seen.values()].reduce((sum, size) => sum + size, 0)
  assert(bytes < CONSOLE_BYTES_MAX, `${bytes} bytes`)
})

test('a file is not sent again to who has it', async (t) => {
  const { base } = await serve(t)
  const first = await fetch(`${base}/console/main.js`)
  const etag = first.headers.get('etag') ?? ''
  assert.match(etag, /^"[\w-]{22}"$/)
  assert.equal(first.headers.get('cache-control'), 'no-cache')
  assert.match(first.headers.get('content-type') ?? '', /^text\/javascript/)
  const headers = { 'if-none-match': etag }
  assert.equal((await fetch(`${base}/console/main.js`, { headers })).status, 304)
  const other = { 'if-none-match': '"AAAAAAAAAAAAAAAAAAAAAA"' }
  assert.equal((await fetch(`${base}/console/main.js`, { headers: other })).status, 200)
})

test('nothing but the files of the console is served from its path', async (t) => {
  const { base } = await serve(t)
  for (const path of [
    '/console/..%2Fpackage.json',
    '/console/model',
    '/console/model/',
    '/console/main.ts',
    '/console/main.d.ts',
    '/console/model/ring.test.js',
    '/console/%2Fetc%2Fpasswd',
    '/console/__proto__',
    '/console/view/..%2Fmain.js',
  ]) {
    const response = await fetch(base + path)
    assert.equal(response.status, 404, path)
    assert.equal(((await response.json()) as { code: string }).code, 'DND_ERR_NOT_FOUND')
  }
})
