/**
 * Strangers with raw sockets, from a fixed seed: after whatever they send the server serves, and
 * holds nothing of theirs.
 */
import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { bucketNameProblem } from '../../core/node/buckets.ts'
import type { ClientRequest } from '../../core/node/events.ts'
import { KEY_BYTES_MAX, LIST_LIMIT_MAX, VALUE_BYTES_MAX } from '../../core/std/limits.ts'
import { Prng } from '../../core/std/prng.ts'
import { valueProblem } from '../../core/versions/value.ts'
import { openSocket, serve } from './fixture.test.ts'

const CLIENTS = 300
const AT_ONCE = 20
const LIMITS = {
  headersTimeoutMs: 100,
  requestTimeoutMs: 200,
  checkIntervalMs: 20,
  keepAliveTimeoutMs: 50,
  stallTimeoutMs: 200,
  headerBytesMax: 8192,
}

const METHODS = [
  'GET',
  'PUT',
  'POST',
  'DELETE',
  'HEAD',
  'OPTIONS',
  'PATCH',
  'BREW',
  'get',
  'CONNECT',
  'PRI',
  '',
]
const PATHS = [
  '/kv/',
  '/kv/b/',
  '/buckets',
  '/buckets/b',
  '/buckets/b/keys',
  '/batch',
  '/cluster',
  '/',
  '/health',
  '*',
  '',
]
const PIECES = [
  '%',
  '%4',
  '%00',
  '%ff',
  '%C3%BC',
  '%2F',
  '/',
  '?',
  '&',
  '=',
  'a',
  'k',
  'Z',
  '.',
  '..',
  '+',
  'sort=',
  'r=1',
  'r=x',
  'w=9',
  'limit=1',
  'start=%00a',
  'reverse',
  'prefix=k',
  '#',
  ' ',
  '\u0000',
  '\u00e9',
  '\\',
  '"',
]
const QUERIES = [
  'sort=a',
  'sort=',
  'sort',
  'sort=%',
  'sort=%00',
  'r=1',
  'r=x',
  'w=9',
  'timeout=5',
  'limit=1',
  'limit=0',
  'start=%00a',
  'start=a%00b',
  'end=%FF',
  'reverse',
  'reverse=2',
  'prefix=k',
  'prefix=%00',
  'q',
  '=',
  '&',
  '%',
]
const HEADERS = [
  'Host: x',
  'Content-Length: 3',
  'Content-Length: -1',
  'Content-Length: 99999999999999999999',
  'Content-Length: 5000000',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: gzip',
  'Connection: close',
  'Connection: upgrade',
  'Upgrade: websocket',
  'Expect: 100-continue',
  'Expect: x',
  'X-Dnd-Context: AQID',
  'X-Dnd-Context: \u00ff',
  'X-Dnd-Meta-a: %',
  'X-Dnd-Meta-a: \u00c3\u00bc',
  'X-Dnd-TTL: 1',
  'X-Dnd-: 1',
  'Content-Type: \u00e9',
  'Content-Type: a/b',
  'If-None-Match: *',
  'Host : x',
  ': x',
  'a',
  '\u0000: 1',
  'X: \u0000',
  ' folded',
]
const BODIES = [
  'abc',
  '',
  '{}',
  '{"operations":[{"type":"get","key":"k"}]}',
  '{"operations":[null,[],{"type":"put","key":"k","value":1}]}',
  '3\r\nabc\r\n0\r\n\r\n',
  '3\r\nabcd',
  'ffffffffffffffffff\r\n',
  '-1\r\n',
  '0\r\nX: y\r\n\r\n',
  '3;a="\r\nabc\r\n0\r\n\r\n',
]

function targetText(dice: Prng): string {
  let target = dice.pick(PATHS)
  for (let i = dice.below(4); i > 0; i--) target += dice.pick(PIECES)
  if (dice.chance(0.6)) return target
  target += '?'
  for (let i = dice.below(4); i > 0; i--) target += `${dice.pick(QUERIES)}&`
  return target
}

function requestText(dice: Prng): string {
  const method = dice.chance(0.7) ? dice.pick(['GET', 'PUT', 'POST', 'DELETE']) : dice.pick(METHODS)
  const version = dice.chance(0.9)
    ? 'HTTP/1.1'
    : dice.pick(['HTTP/1.0', 'HTTP/2.0', 'HTTP/9', 'x', ''])
  let text = `${method} ${targetText(dice)} ${version}\r\n`
  if (dice.chance(0.9)) text += 'Host: x\r\n'
  for (let i = dice.chance(0.5) ? dice.below(4) : 0; i > 0; i--) text += `${dice.pick(HEADERS)}\r\n`
  if (dice.chance(0.05)) text += `X: ${'y'.repeat(dice.below(20_000))}\r\n`
  return `${text}\r\n${dice.chance(0.5) ? '' : dice.pick(BODIES)}`
}

/** A request that is all right, so that the strange ones meet a connection in use. */
function soundText(dice: Prng): string {
  const key = `k${dice.below(50)}`
  return dice.chance(0.5)
    ? `GET /kv/${key} HTTP/1.1\r\nHost: x\r\n\r\n`
    : `PUT /kv/${key} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nvalue`
}

function connectionBytes(dice: Prng): Buffer {
  let text = ''
  for (let i = dice.below(4); i >= 0; i--)
    text += dice.chance(0.5) ? soundText(dice) : requestText(dice)
  const bytes = Buffer.from(text, 'latin1')
  for (let i = dice.chance(0.3) ? dice.below(8) : 0; i > 0 && bytes.length > 0; i--)
    bytes[dice.below(bytes.length)] = dice.below(256)
  return dice.chance(0.2) ? bytes.subarray(0, dice.below(bytes.length + 1)) : bytes
}

async function stranger(port: number, dice: Prng): Promise<void> {
  const socket = await openSocket(port)
  const closed = new Promise((resolve) => socket.once('close', resolve))
  // Resets are part of the game.
  socket.on('error', () => socket.destroy())
  if (dice.chance(0.9)) socket.resume()
  const bytes = connectionBytes(dice)
  for (let at = 0; at < bytes.length && !socket.destroyed;) {
    const length = dice.chance(0.5) ? bytes.length : 1 + dice.below(64)
    socket.write(bytes.subarray(at, at + length))
    at += length
    if (dice.chance(0.3)) await sleep(dice.below(3))
  }
  await leave(socket, dice)
  await closed
}

async function leave(socket: Socket, dice: Prng): Promise<void> {
  const way = dice.below(4)
  if (way === 0) socket.resetAndDestroy()
  else if (way === 1) socket.destroy()
  else {
    if (way === 2) socket.end()
    socket.once('end', () => socket.destroy())
    await sleep(dice.below(200))
    socket.destroy()
  }
}

/** What reaches the node is well formed, whoever sent it. */
function check(request: ClientRequest): void {
  if (request.type === 'leave' || request.type === 'cluster-keys') return
  if (request.type === 'access') return
  if (request.type === 'repair' || request.type === 'layout' || request.type === 'watch') return
  assert.equal(bucketNameProblem(request.bucket), undefined)
  if (request.type === 'put') {
    assert.equal(valueProblem(request.value), undefined)
    assert(request.value.bytes.length <= VALUE_BYTES_MAX)
  }
  if (request.type === 'list') assert(request.limit >= 1 && request.limit <= LIST_LIMIT_MAX)
  if (request.type === 'list' || request.type === 'configure-bucket') return
  const { key, sort } = request
  const length = key.length + (sort?.length ?? 0)
  assert(key.length > 0 && length <= KEY_BYTES_MAX)
  assert(isUtf8(key) && (sort === undefined || isUtf8(sort)))
  const probe = Buffer.from(key).toString().startsWith('\u0000probe')
  assert(probe || !key.includes(0))
  assert.equal(sort?.includes(0) ?? false, false)
}

function openSockets(): number {
  const kinds = process.getActiveResourcesInfo()
  return kinds.filter((kind) => kind === 'TCPSocketWrap' || kind === 'TCPServerWrap').length
}

test('whatever strangers send, the server goes on serving and keeps nothing of theirs', async (t) => {
  const before = openSockets()
  const { server, base, port, gateway, metrics } = await serve(t, LIMITS)
  const dice = new Prng(20_261_122)
  const strangers = Array.from({ length: CLIENTS }, () => dice.fork())
  while (strangers.length > 0)
    await Promise.all(strangers.splice(0, AT_ONCE).map((one) => stranger(port, one)))
  while (metrics.connections > 0) await sleep(5)
  for (const request of gateway.requests) check(request)
  assert(gateway.requests.length > 100, `${gateway.requests.length} requests came through`)
  for (const cause of ['bad-request', 'bad-encoding', 'bad-parameter', 'bad-header', 'not-found'])
    assert((metrics.faults.get(`http/${cause}`) ?? 0) > 0, cause)
  const put = await fetch(`${base}/kv/after`, { method: 'PUT', body: 'fine' })
  assert.equal(put.status, 200)
  assert.equal(await (await fetch(`${base}/kv/after`)).text(), 'fine')
  await server.close(0)
  // The sockets of fetch end when they notice.
  while (openSockets() > before) await sleep(5)
})
