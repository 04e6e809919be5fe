/**
 * What the HTTP front alone costs: CPU microseconds per request of a server over a gateway that is
 * a map, next to a bare `node:http` server that answers the same bytes. The difference is ours.
 *
 *   node dist/bench/http.js [seconds per measurement]
 *
 * Server and load generator are two processes; only the server's CPU is counted. 50 connections,
 * 100-byte values.
 */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { HttpServer } from '../src/adapters/http/http-server.ts'
import { Metrics } from '../src/adapters/metrics/metrics.ts'
import { AccessRegistry } from '../src/core/node/access-registry.ts'
import type { ClientReply, ClientRequest } from '../src/core/node/events.ts'
import type { NodeView } from '../src/core/node/view.ts'
import { bytesToBinary } from '../src/core/std/bytes.ts'
import type { ClusterId, VnodeId } from '../src/core/std/ids.ts'
import { contextOf, EMPTY_CONTAINER, write } from '../src/core/versions/container.ts'
import type { Container } from '../src/core/versions/version.ts'
import type { Gateway } from '../src/runtime/ports.ts'

type ServerKind = 'bare' | 'dnd'
type Method = 'GET' | 'PUT'

const CONNECTIONS = 50
const KEYS = 1000
const VALUE = 'v'.repeat(100)
const WARM_UP_MS = 2_000

/** Answers once a turn, as a node does whose store has made a group durable. */
class MapGateway implements Gateway {
  // Bounded by: KEYS.
  readonly #containers = new Map<string, Container>()
  // Bounded by: CONNECTIONS.
  #waiting: (() => void)[] = []
  #counter = 0

  submit(request: ClientRequest, done: (reply: ClientReply) => void): void {
    if (this.#waiting.length === 0) setImmediate(() => this.#answer())
    this.#waiting.push(() => done(this.#reply(request)))
  }

  readonly access = new AccessRegistry()

  view(): NodeView {
    throw new Error('not part of this measurement')
  }

  #answer(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const answer of waiting) answer()
  }

  #reply(request: ClientRequest): ClientReply {
    if (request.type !== 'put' && request.type !== 'get') throw new Error(request.type)
    const name = bytesToBinary(request.key)
    const local = this.#containers.get(name) ?? EMPTY_CONTAINER
    if (request.type === 'get') {
      const { versions } = local
      const result = { ok: true, container: local, live: versions, answers: 2 } as const
      return { type: 'get', result: { ...result, context: contextOf(local) } }
    }
    const dot = { vnode: 4_503_599_627_370_495 as VnodeId, counter: ++this.#counter }
    const stamp = { ms: 1_795_000_000_000 + this.#counter, counter: 0 }
    const { value } = request
    const container = write(local, { dot, stamp, value, context: local.vector, tombstone: true })
    this.#containers.set(name, container)
    return { type: 'write', result: { ok: true, context: contextOf(container), acks: 2 } }
  }
}

async function serveDnd(): Promise<number> {
  const server = await HttpServer.listen({
    host: '127.0.0.1',
    port: 0,
    gateway: new MapGateway(),
    cluster: '00112233445566778899aabbccddeeff' as ClusterId,
    mac: (bytes) => createHmac('sha256', 'the key of a cluster').update(bytes).digest(),
    log: { error: console.error, info: () => {}, debug: () => {} },
    metrics: new Metrics({ version: '0.0.0', process: false }),
    version: '0.0.0',
  })
  return server.port
}

async function serveBare(): Promise<number> {
  const value = Buffer.from(VALUE)
  const server = createServer((request, response) => {
    if (request.method === 'GET') {
      response.writeHead(200, ['content-type', 'text/plain', 'content-length', '100'])
      response.end(value)
      return
    }
    request.on('data', () => {})
    request.on('end', () => {
      response.writeHead(200, ['content-length', '0'])
      response.end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** In the child: says its port, then its CPU time in microseconds whenever asked. */
async function serve(kind: ServerKind): Promise<void> {
  const port = kind === 'dnd' ? await serveDnd() : await serveBare()
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    process.send?.(user + system)
  })
  process.on('disconnect', () => process.exit())
  process.send?.(port)
}

async function ask(child: ChildProcess): Promise<number> {
  child.send('cpu')
  const [cpu] = (await once(child, 'message')) as [number]
  return cpu
}

class Load {
  done = 0
  stopped = false
  readonly #method: Method
  readonly #sockets: Socket[] = []

  constructor(method: Method, port: number) {
    this.#method = method
    for (let i = 0; i < CONNECTIONS; i++) this.#open(i, port)
  }

  stop(): void {
    this.stopped = true
    for (const socket of this.#sockets) socket.destroy()
  }

  #open(index: number, port: number): void {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    this.#sockets.push(socket)
    let key = index
    let received = ''
    const next = (): void => {
      key = (key + 7) % KEYS
      socket.write(requestText(this.#method, key))
    }
    socket.on('connect', next)
    socket.on('error', (error) => {
      if (!this.stopped) throw error
    })
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      const length = responseLength(received)
      if (received.length < length) return
      if (!received.startsWith('HTTP/1.1 200')) throw new Error(received)
      received = received.slice(length)
      this.done++
      next()
    })
  }
}

function requestText(method: Method, key: number): string {
  const head = `${method} /kv/user${key} HTTP/1.1\r\nHost: 127.0.0.1\r\n`
  if (method === 'GET') return `${head}\r\n`
  return `${head}Content-Type: text/plain\r\nContent-Length: ${VALUE.length}\r\n\r\n${VALUE}`
}

/** Infinite while the head is not complete. */
function responseLength(received: string): number {
  const end = received.indexOf('\r\n\r\n')
  if (end < 0) return Number.POSITIVE_INFINITY
  const length = /content-length: (\d+)/i.exec(received.slice(0, end))
  return end + 4 + Number(length?.[1] ?? 0)
}

interface Measurement {
  readonly perSecond: number
  readonly cpuMicros: number
}

async function measure(
  child: ChildProcess,
  port: number,
  method: Method,
  ms: number,
): Promise<Measurement> {
  const load = new Load(method, port)
  await sleep(WARM_UP_MS)
  const [cpu, done, at] = [await ask(child), load.done, performance.now()]
  await sleep(ms)
  const requests = load.done - done
  const seconds = (performance.now() - at) / 1000
  const spent = (await ask(child)) - cpu
  load.stop()
  return { perSecond: requests / seconds, cpuMicros: spent / requests }
}

async function compare(ms: number): Promise<void> {
  console.log('server  method  requests/s  CPU µs/request')
  for (const kind of ['bare', 'dnd', 'bare', 'dnd'] as const) {
    const child = fork(fileURLToPath(import.meta.url), [kind])
    const [port] = (await once(child, 'message')) as [number]
    for (const method of ['PUT', 'GET'] as const) {
      const { perSecond, cpuMicros } = await measure(child, port, method, ms)
      console.log(
        `${kind.padEnd(8)}${method.padEnd(8)}${perSecond.toFixed(0).padStart(10)}${cpuMicros.toFixed(1).padStart(16)}`,
      )
    }
    child.disconnect()
    await once(child, 'exit')
  }
}

const [argument] = process.argv.slice(2)
if (argument === 'bare' || argument === 'dnd') await serve(argument)
else await compare(1000 * Number(argument ?? 5))
