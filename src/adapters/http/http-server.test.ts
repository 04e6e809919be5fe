import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import {
  CLUSTER,
  exchangeRaw,
  mac,
  openSocket,
  readToEnd,
  readUntil,
  serve,
} from './fixture.test.ts'
import { HttpServer } from './http-server.ts'

const GET = 'GET /kv/k HTTP/1.1\r\nHost: x\r\n\r\n'
const LAST_GET = 'GET /kv/k HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(1)
}

function statuses(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]))
}

function code(text: string): string | undefined {
  return /"code":"(\w+)"/.exec(text)?.[1]
}

test('a body that is declared too large is refused before it is sent, and the answer arrives', async (t) => {
  const { port, metrics } = await serve(t)
  const text = await exchangeRaw(
    port,
    'PUT /kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nbeginning',
  )
  assert.deepEqual(statuses(text), [413])
  assert.equal(code(text), 'DND_ERR_VALUE_TOO_LARGE')
  assert.match(text, /connection: close/i)
  assert.equal(metrics.faults.get('http/value-too-large'), 1)
})

test('a client that goes on sending a refused body gets the answer and is cut off', async (t) => {
  const { port, metrics } = await serve(t)
  const socket = await openSocket(port)
  const answer = readToEnd(socket)
  socket.write('PUT /kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n')
  let sent = 0
  const megabyte = Buffer.alloc(1024 * 1024)
  while (!socket.destroyed) {
    sent++
    if (!socket.write(megabyte)) await Promise.race([once(socket, 'drain'), once(socket, 'close')])
  }
  assert.equal(code(await answer), 'DND_ERR_VALUE_TOO_LARGE')
  assert(sent < 100, `${sent} MiB were taken`)
  await until(() => metrics.connections === 0)
})

test('a chunked body is counted, and refused when it grows too large', async (t) => {
  const { port, gateway } = await serve(t)
  const socket = await openSocket(port)
  const answer = readToEnd(socket)
  socket.write('PUT /kv/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
  const chunk = `40000\r\n${'v'.repeat(0x40000)}\r\n`
  for (let i = 0; i < 5; i++) socket.write(chunk)
  assert.equal(code(await answer), 'DND_ERR_VALUE_TOO_LARGE')
  assert.equal(gateway.requests.length, 0)
})

test('a client that asks first is told to go on, or is refused before it sends', async (t) => {
  const { port } = await serve(t)
  const head = (length: number): string =>
    `PUT /kv/k HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`
  const socket = await openSocket(port)
  socket.write(head(5))
  assert.deepEqual(statuses(await readUntil(socket, /\r\n\r\n/)), [100])
  socket.write('value')
  assert.deepEqual(statuses(await readUntil(socket, /\r\n\r\n/)), [200])
  socket.destroy()
  const refused = await exchangeRaw(port, head(2_000_000))
  assert.deepEqual(statuses(refused), [413])
  const badKey = await exchangeRaw(port, head(5).replace('/kv/k', '/kv/%00'))
  assert.deepEqual(statuses(badKey), [400])
  const tea = await exchangeRaw(port, head(5).replace('100-continue', 'tea'))
  assert.equal(code(tea), 'DND_ERR_BAD_HEADER')
})

test('a small body of a refused request is taken in, and the connection goes on', async (t) => {
  const { port } = await serve(t)
  const refused = 'PUT /kv/%00 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nvalue'
  const text = await exchangeRaw(port, refused + LAST_GET)
  assert.deepEqual(statuses(text), [400, 404])
})

test('headers beyond the limit are refused', async (t) => {
  const { port, metrics } = await serve(t, { headerBytesMax: 4096 })
  const long = await exchangeRaw(
    port,
    `GET /kv/k HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(5000)}\r\n\r\n`,
  )
  assert.deepEqual([statuses(long), code(long)], [[431], 'DND_ERR_HEADERS_TOO_LARGE'])
  const target = await exchangeRaw(port, `GET /kv/${'k'.repeat(5000)} HTTP/1.1\r\nHost: x\r\n\r\n`)
  assert.deepEqual(statuses(target), [431])
  assert.equal(metrics.faults.get('http/headers-too-large'), 2)
})

test('a full context and full metadata fit the headers', async (t) => {
  const { base } = await serve(t)
  const headers: Record<string, string> = { 'x-dnd-context': 'A'.repeat(22_000) }
  for (let i = 0; i < 8; i++) headers[`x-dnd-meta-${i}`] = '%C3%BC'.repeat(500)
  const response = await fetch(`${base}/kv/k`, { method: 'PUT', headers })
  assert.equal(((await response.json()) as { code: string }).code, 'DND_ERR_BAD_CONTEXT')
})

test('more than two thousand headers are not quietly cut', async (t) => {
  const { port, gateway } = await serve(t)
  const many = 'a:b\r\n'.repeat(3000)
  const late = `PUT /kv/k HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${many}X-Dnd-Meta-Late: yes\r\n\r\n`
  assert.deepEqual(statuses(await exchangeRaw(port, late)), [200])
  const [request] = gateway.requests
  assert(request?.type === 'put')
  assert.deepEqual(request.value.metadata, [['late', 'yes']])
})

test('what is not HTTP gets an answer that says so', async (t) => {
  const { port, metrics } = await serve(t)
  for (const garbage of [
    'hello\r\n\r\n',
    '\u0016\u0003\u0001\u0002\u0000',
    '*1\r\n$4\r\nPING\r\n',
  ]) {
    const text = await exchangeRaw(port, Buffer.from(garbage, 'latin1'))
    assert.deepEqual(statuses(text), [400], garbage)
    assert.equal(code(text), 'DND_ERR_BAD_REQUEST')
  }
  assert.equal(metrics.faults.get('http/bad-request'), 3)
  await until(() => metrics.connections === 0)
})

test('a target that is not percent-encoded is refused as that', async (t) => {
  const { port } = await serve(t)
  const text = await exchangeRaw(port, 'GET /kv/ключ HTTP/1.1\r\nHost: x\r\n\r\n')
  assert.equal(code(text), 'DND_ERR_BAD_ENCODING')
})

test('HTTP/1.1 needs a host and HTTP/1.0 does not', async (t) => {
  const { port } = await serve(t)
  const without = await exchangeRaw(port, 'GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n')
  assert.equal(code(without), 'DND_ERR_BAD_HEADER')
  assert.deepEqual(statuses(await exchangeRaw(port, 'GET /livez HTTP/1.0\r\n\r\n')), [200])
})

test('requests for something else than a resource are refused', async (t) => {
  const { port, metrics } = await serve(t)
  const connect = await exchangeRaw(port, 'CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n')
  assert.deepEqual(statuses(connect), [405])
  assert.equal(metrics.faults.get('http/connect'), 1)
  const asterisk = await exchangeRaw(
    port,
    'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  )
  assert.deepEqual(statuses(asterisk), [404])
  const upgrade = `GET /livez HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n`
  assert.deepEqual(statuses(await exchangeRaw(port, upgrade)), [200])
})

test('pipelined requests run one after the other, are answered in order, and garbage behind them last', async (t) => {
  const { port, gateway } = await serve(t)
  gateway.held = []
  const put = 'PUT /kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nv'
  const live = 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n'
  const answer = exchangeRaw(port, `${put}${GET}${live}${put}garbage\r\n\r\n`)
  const asked = ['put', 'get', 'put']
  for (const [i, type] of asked.entries()) {
    await until(() => gateway.requests.length > i)
    await sleep(5)
    assert.deepEqual(
      gateway.requests.map((request) => request.type),
      asked.slice(0, i + 1),
    )
    assert.equal(gateway.requests[i]?.type, type)
    gateway.held.shift()!()
  }
  assert.deepEqual(statuses(await answer), [200, 200, 200, 200, 400])
})

test('a client that pipelines without end is cut off', async (t) => {
  const { port, base, gateway, metrics } = await serve(t)
  gateway.held = []
  assert.equal(await exchangeRaw(port, GET.repeat(1000)), '')
  assert.equal(gateway.requests.length, 1)
  assert.equal(metrics.faults.get('http/pipeline-limit'), 1)
  gateway.held[0]!()
  gateway.held = undefined
  assert.equal((await fetch(`${base}/livez`)).status, 200)
  assert.equal(statuses(await exchangeRaw(port, GET.repeat(200) + LAST_GET)).length, 201)
})

test('a broken chunk is refused, and nothing is stored', async (t) => {
  const { port, gateway, metrics } = await serve(t)
  const head = 'PUT /kv/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'
  const text = await exchangeRaw(port, `${head}3\r\nabc\r\nxyz\r\n`)
  assert.deepEqual([statuses(text), code(text)], [[400], 'DND_ERR_BAD_BODY'])
  const both = head.replace('\r\n\r\n', '\r\nContent-Length: 3\r\n\r\n')
  assert.deepEqual(statuses(await exchangeRaw(port, both)), [400])
  assert.equal(gateway.requests.length, 0)
  assert.equal(metrics.faults.get('http/bad-body'), 1)
})

test('a client that leaves in the middle of its body leaves nothing behind', async (t) => {
  const { port, base, gateway, metrics } = await serve(t, { bodyBytesInFlightMax: 1000 })
  for (let i = 0; i < 10; i++) {
    const socket = await openSocket(port)
    socket.write(`PUT /kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n${'v'.repeat(900)}`)
    await until(() => metrics.connections === 1)
    await sleep(2)
    socket.resetAndDestroy()
    await until(() => metrics.connections === 0)
  }
  assert.equal(metrics.faults.get('http/aborted'), 10)
  assert.equal(gateway.requests.length, 0)
  assert.equal((await fetch(`${base}/kv/k`, { method: 'PUT', body: 'v'.repeat(1000) })).status, 200)
})

test('a client that leaves while the node works leaves nothing behind', async (t) => {
  const { port, base, gateway, metrics } = await serve(t)
  gateway.held = []
  const socket = await openSocket(port)
  socket.write(GET)
  await until(() => gateway.held!.length === 1)
  socket.resetAndDestroy()
  await until(() => metrics.connections === 0)
  gateway.held[0]!()
  gateway.held = undefined
  assert.equal((await fetch(`${base}/livez`)).status, 200)
})

test('bodies beyond what memory may hold are refused for now, and taken later', async (t) => {
  const { port, base, gateway, metrics } = await serve(t, { bodyBytesInFlightMax: 1000 })
  gateway.held = []
  const first = fetch(`${base}/kv/k`, { method: 'PUT', body: 'v'.repeat(800) })
  await until(() => gateway.held!.length === 1)
  const second = await fetch(`${base}/kv/k`, { method: 'PUT', body: 'v'.repeat(300) })
  assert.equal(second.status, 503)
  assert.equal(second.headers.get('retry-after'), '1')
  assert.equal(((await second.json()) as { code: string }).code, 'DND_ERR_OVERLOADED')
  gateway.held[0]!()
  gateway.held = undefined
  assert.equal((await first).status, 200)
  assert.equal((await fetch(`${base}/kv/k`, { method: 'PUT', body: 'v'.repeat(300) })).status, 200)
  assert.equal(metrics.faults.get('http/overloaded'), 1)
  assert(port > 0)
})

test('a request that arrives too slowly is ended', async (t) => {
  const limits = { headersTimeoutMs: 40, requestTimeoutMs: 80, checkIntervalMs: 10 }
  const { port, metrics } = await serve(t, limits)
  const headers = await exchangeRaw(port, 'GET /kv/k HTTP/1.1\r\nHost:')
  assert.deepEqual([statuses(headers), code(headers)], [[408], 'DND_ERR_SLOW_REQUEST'])
  const body = await exchangeRaw(
    port,
    'PUT /kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nv',
  )
  assert.deepEqual([statuses(body), code(body)], [[408], 'DND_ERR_SLOW_REQUEST'])
  assert.equal(metrics.faults.get('http/slow-request'), 2)
})

test('a client that does not read its answers is cut off, one that waits for the node is not', async (t) => {
  const { port, base, gateway, metrics } = await serve(t, { stallTimeoutMs: 60 })
  await fetch(`${base}/kv/k`, { method: 'PUT', body: Buffer.alloc(1024 * 1024) })
  const deaf = await openSocket(port)
  deaf.pause()
  deaf.write(GET.repeat(40))
  await until(() => metrics.faults.get('http/stalled') === 1)
  deaf.destroy()
  gateway.held = []
  const patient = exchangeRaw(port, LAST_GET)
  await until(() => gateway.held!.length === 1)
  await sleep(200)
  gateway.held[0]!()
  assert.deepEqual(statuses(await patient), [200])
})

test('an idle connection is closed after its time', async (t) => {
  const { port } = await serve(t, { keepAliveTimeoutMs: 20 })
  assert.deepEqual(statuses(await exchangeRaw(port, GET)), [404])
})

test('connections beyond the limit are closed and counted, and room is made by those that end', async (t) => {
  const { port, metrics } = await serve(t, { connections: 2 })
  const sockets: Socket[] = [await openSocket(port), await openSocket(port)]
  await until(() => metrics.connections === 2)
  assert.equal(await readToEnd(await openSocket(port)), '')
  assert.equal(metrics.faults.get('http/connection-limit'), 1)
  sockets[0]!.destroy()
  await until(() => metrics.connections === 1)
  assert.deepEqual(statuses(await exchangeRaw(port, LAST_GET)), [404])
  sockets[1]!.destroy()
})

test('a server that drains answers what is in flight, closes behind it, and takes no more', async (t) => {
  const { server, port, gateway } = await serve(t)
  gateway.held = []
  const idle = await openSocket(port)
  const inFlight = exchangeRaw(port, GET)
  await until(() => gateway.held!.length === 1)
  const closed = server.close(10_000)
  await readToEnd(idle)
  await assert.rejects(openSocket(port), { code: 'ECONNREFUSED' })
  gateway.held[0]!()
  const text = await inFlight
  assert.deepEqual(statuses(text), [404])
  assert.match(text, /connection: close/)
  await closed
})

test('a server that has waited long enough cuts what is left', async (t) => {
  const { server, port, gateway } = await serve(t)
  gateway.held = []
  const inFlight = exchangeRaw(port, GET)
  await until(() => gateway.held!.length === 1)
  await server.close(20)
  assert.equal(await inFlight, '')
  gateway.held[0]!()
})

test('a port that is taken, and an address that is none of ours, are told apart', async (t) => {
  const { port, gateway, metrics } = await serve(t)
  const log = { error: () => {}, info: () => {}, debug: () => {} }
  const options = { gateway, metrics, log, mac, cluster: CLUSTER, version: '1.2.3' }
  await assert.rejects(HttpServer.listen({ ...options, host: '127.0.0.1', port }), {
    name: 'DndError',
    code: 'DND_ERR_PORT_IN_USE',
    message:
      `cannot listen on 127.0.0.1:${port} (HTTP): the port is in use; ` +
      'stop the process that has it, or choose another with --server-port',
  })
  await assert.rejects(HttpServer.listen({ ...options, host: '192.0.2.1', port: 0 }), {
    code: 'DND_ERR_ADDRESS_UNAVAILABLE',
  })
})
