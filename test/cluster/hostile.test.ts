/**
 * A hundred thousand hostile requests over raw sockets against one real node, from a seed: while
 * they come, and after, it serves whoever speaks HTTP; what they cost comes back; each that was
 * refused is counted by its cause.
 */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Prng } from '../../src/core/std/prng.ts'
import { eventually, RealCluster } from '../support/real-cluster.ts'

const SEED = Number(process.env['DND_HOSTILE_SEED'] ?? '20261')
const REQUESTS = 100_000
/**
 * Requests on one connection, pipelined: all but the last are framed as they should be, so that the
 * node reads every one of them, and the last is anything.
 */
const PER_CONNECTION = 20
const AT_ONCE = 24
/** A connection that the node neither answers nor cuts is given up, milliseconds. */
const PATIENCE_MS = 1_000
/** What the heap may have grown by, after all is over: caches, counters, code. */
const HEAP_GROWTH_MAX = 48 * 1024 * 1024

let cluster: RealCluster

before(async () => {
  cluster = await RealCluster.start(1, ['--engine', 'memory'])
})
after(() => cluster.close())

type Make = (rng: Prng) => string

const pick = <T>(rng: Prng, of: readonly T[]): T => of[rng.below(of.length)]!
const HOST = 'Host: 127.0.0.1\r\n'

function noise(rng: Prng, most: number): string {
  let text = ''
  for (let left = rng.below(most) + 1; left > 0; left--) text += String.fromCharCode(rng.below(256))
  return text
}

/** Each is bytes, as latin1, of one request that no honest client sends. */
const KINDS: Readonly<Record<string, Make>> = {
  garbage: (rng) => `${noise(rng, 200)}\r\n\r\n`,
  method: (rng) => `${noise(rng, 12)} /kv/k HTTP/1.1\r\n${HOST}\r\n`,
  version: (rng) => `GET /kv/k HTTP/${rng.below(99)}.${rng.below(99)}\r\n${HOST}\r\n`,
  'bad header': (rng) => `GET /kv/k HTTP/1.1\r\n${HOST}${noise(rng, 40)}: x\r\n\r\n`,
  'no host': () => 'GET /kv/k HTTP/1.1\r\n\r\n',
  'foreign name': (rng) => `GET /kv/k HTTP/1.1\r\nHost: h${rng.below(1e6)}.example\r\n\r\n`,
  'foreign page': (rng) =>
    `PUT /kv/k HTTP/1.1\r\n${HOST}Origin: http://h${rng.below(1e6)}.example\r\nContent-Length: 0\r\n\r\n`,
  'giant header': (rng) =>
    `GET /kv/k HTTP/1.1\r\n${HOST}X-A: ${'a'.repeat(66_000 + rng.below(9_000))}\r\n\r\n`,
  'many headers': (rng) => {
    const lines = Array.from({ length: 2_000 + rng.below(2_000) }, (_, i) => `X-H${i}: ${i}`)
    return `GET /kv/k HTTP/1.1\r\n${HOST}${lines.join('\r\n')}\r\n\r\n`
  },
  'unknown header of ours': (rng) =>
    `PUT /kv/k HTTP/1.1\r\n${HOST}X-Dnd-Contxt: ${rng.below(1e9)}\r\nContent-Length: 0\r\n\r\n`,
  'forged context': (rng) =>
    `PUT /kv/k HTTP/1.1\r\n${HOST}X-Dnd-Context: ${rng.below(1e9).toString(36)}\r\nContent-Length: 0\r\n\r\n`,
  path: (rng) => {
    const path = pick(rng, [
      ...[
        '/kv/../../etc/passwd',
        '/console/../../package.json',
        '/console/%2e%2e/%2e%2e/x',
        '//',
        '/kv/',
      ],
      ...[
        '/kv/%00',
        '/kv/%zz',
        '/kv/%',
        '/buckets/%ff/keys',
        '/nodes/%2e%2e/metrics',
        '/kv/a/b/c/d/e',
      ],
    ])
    return `GET ${path}${rng.below(1e6)} HTTP/1.1\r\n${HOST}\r\n`
  },
  'bad UTF-8': (rng) => `GET /kv/k?sort=%c3%28${noise(rng, 20)} HTTP/1.1\r\n${HOST}\r\n`,
  'bad parameter': (rng) => `GET /kv/k?r=${rng.below(1e6) + 8} HTTP/1.1\r\n${HOST}\r\n`,
  'both lengths': (rng) =>
    `POST /kv/k HTTP/1.1\r\n${HOST}Content-Length: ${rng.below(90)}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /kv/smuggled HTTP/1.1\r\n${HOST}\r\n`,
  'two lengths': (rng) =>
    `POST /kv/k HTTP/1.1\r\n${HOST}Content-Length: 5\r\nContent-Length: ${rng.below(90) + 6}\r\n\r\nhello`,
  'odd coding': (rng) =>
    `POST /kv/k HTTP/1.1\r\n${HOST}Transfer-Encoding: ${pick(rng, ['xchunked', 'chunked, x', ' identity', 'gzip'])}\r\n\r\n0\r\n\r\n`,
  'bad chunk': (rng) =>
    `PUT /kv/k HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n${noise(rng, 9)}\r\nabc\r\n0\r\n\r\n`,
  'endless chunk': () =>
    `PUT /kv/k HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc`,
  'huge body': (rng) =>
    `PUT /kv/k HTTP/1.1\r\n${HOST}Content-Length: ${2 ** 31 + rng.below(1e9)}\r\n\r\nabc`,
  'half a body': () => `PUT /kv/k HTTP/1.1\r\n${HOST}Content-Length: 1000\r\n\r\nabc`,
  'bad JSON': (rng) => {
    const body = `{"operations":[${noise(rng, 60)}`
    return `POST /batch HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  },
  'no body wanted': () => `GET /kv/k HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\nabc`,
  tunnel: (rng) => `CONNECT h${rng.below(1e6)}.example:443 HTTP/1.1\r\n${HOST}\r\n`,
  'half a head': (rng) => `GET /kv/k HTTP/1.1\r\n${HOST}X-A: ${'a'.repeat(rng.below(200))}`,
}

/**
 * Those after which the node finds the next one, and which are refused before a body is read: those
 * behind one with a body wait for it, and are gone if the connection is cut meanwhile.
 */
const FRAMED = [
  ...['no host', 'foreign name', 'foreign page', 'unknown header of ours', 'forged context'],
  ...['bad parameter'],
]

/** Sends `bytes`, whole or in pieces, and waits until the node has cut or answered. */
function send(port: number, bytes: Buffer, pieces: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    const timer = setTimeout(() => socket.destroy(), PATIENCE_MS)
    socket.on('error', () => undefined)
    socket.on('close', () => {
      clearTimeout(timer)
      resolve()
    })
    socket.resume()
    socket.on('connect', () => void write())
    const write = async (): Promise<void> => {
      const size = Math.ceil(bytes.length / pieces)
      for (let at = 0; at < bytes.length && socket.writable; at += size) {
        socket.write(bytes.subarray(at, at + size))
        if (pieces > 1) await sleep(1)
      }
      if (socket.writable) socket.end()
    }
  })
}

async function attack(port: number, rng: Prng): Promise<number> {
  const names = Object.keys(KINDS)
  let left = REQUESTS
  const one = async (): Promise<void> => {
    while (left > 0) {
      const count = Math.min(PER_CONNECTION, left)
      left -= count
      const texts = Array.from({ length: count }, (_, i) =>
        KINDS[pick(rng, i < count - 1 ? FRAMED : names)]!(rng),
      )
      const pieces = rng.below(50) === 0 ? 2 + rng.below(20) : 1
      await send(port, Buffer.from(texts.join(''), 'latin1'), pieces)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, one))
  return REQUESTS - left
}

async function scrape(url: string): Promise<Map<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const found = new Map<string, number>()
  for (const [, name, value] of text.matchAll(/^([a-z_]+(?:\{[^\n]*\})?) (\S+)$/gm))
    found.set(name!, Number(value))
  return found
}

test('a hundred thousand hostile requests leave the node as it was', async () => {
  const node = cluster.nodes[0]!
  const { url } = node
  const rng = new Prng(SEED)
  // Everything that is made once is made before it is measured.
  for (let i = 0; i < 20; i++) await send(node.httpPort, Buffer.from('x\r\n\r\n'), 1)
  await scrape(url)
  const heapBefore = (await scrape(url)).get('nodejs_heap_size_used_bytes')!
  let served = 0
  let over = false
  const honest = (async () => {
    for (; !over; served++) {
      const put = await fetch(`${url}/kv/honest`, { method: 'PUT', body: `v${served}` })
      assert.equal(put.status, 200)
      assert.equal((await fetch(`${url}/kv/honest`)).status < 301, true)
      await sleep(5)
    }
  })()
  assert.equal(await attack(node.httpPort, rng), REQUESTS, `seed ${SEED}`)
  over = true
  await honest
  assert(served > 20, `${served} honest requests were served meanwhile`)
  assert.equal((await fetch(`${url}/kv/smuggled`)).status, 404)
  const counts = await eventually('connections and memory are back', async () => {
    const now = await scrape(url)
    const heap = now.get('nodejs_heap_size_used_bytes')!
    const isBack = heap - heapBefore < HEAP_GROWTH_MAX && now.get('dnd_http_connections')! < 8
    return isBack ? now : undefined
  })
  const refused = new Map<string, number>()
  for (const [name, value] of counts) {
    const cause = /^dnd_http_refused_total\{cause="([^"]+)"\}$/.exec(name)?.[1]
    if (cause !== undefined) refused.set(cause, value)
  }
  for (const cause of [
    ...['bad-request', 'bad-header', 'bad-encoding', 'bad-parameter', 'bad-context', 'bad-body'],
    ...['host-refused', 'origin-refused', 'headers-too-large', 'value-too-large', 'not-found'],
    ...['connect', 'aborted'],
  ])
    assert((refused.get(cause) ?? 0) > 0, `${cause} in ${JSON.stringify([...refused])}`)
  const all = [...refused.values()].reduce((sum, count) => sum + count, 0)
  // A few break off before they have said anything to refuse.
  assert(all >= REQUESTS * 0.9, `${all} refusals counted`)
})
