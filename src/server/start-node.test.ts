import assert from 'node:assert/strict'
import type { Socket } from 'node:dgram'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo, Server } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { DndError, ERRORS } from '../core/errors.ts'
import type { NodeFields } from './start-node.ts'
import { startNode } from './start-node.ts'

const HOST = '127.0.0.1'
const folder = mkdtempSync(join(tmpdir(), 'dnd-start-'))
after(() => rmSync(folder, { recursive: true }))

/** What a start that must fail says; it is a failure of the table, whatever went wrong. */
async function refusal(fields: NodeFields): Promise<DndError> {
  const quiet = { host: HOST, port: 0, httpPort: 0, logLevel: 'error' } as const
  try {
    const node = await startNode({ ...quiet, ...fields })
    await node.stop()
  } catch (error) {
    assert.ok(error instanceof DndError, String(error))
    assert.ok(Object.hasOwn(ERRORS, error.code), error.code)
    return error
  }
  return assert.fail('it started')
}

/** A TCP port that is taken, and a UDP one whose TCP number is free: nodes take both. */
async function taken(): Promise<{ tcp: Server; udp: Socket; ports: [tcp: number, udp: number] }> {
  const tcp = createServer().listen(0, HOST)
  await once(tcp, 'listening')
  const { port } = tcp.address() as AddressInfo
  for (let tries = 0; tries < 20; tries++) {
    const udp = createSocket('udp4').bind(0, HOST)
    await once(udp, 'listening')
    const probe = createServer().listen(udp.address().port, HOST)
    const isFree = await once(probe, 'listening').then(
      () => true,
      () => false,
    )
    if (isFree) await once(probe.close(), 'close')
    if (isFree && udp.address().port !== port) {
      return { tcp, udp, ports: [port, udp.address().port] }
    }
    udp.close()
  }
  tcp.close()
  return assert.fail('no number is free for TCP and taken for UDP')
}

test('a port in use is told by its number, its use and the setting for another', async (t) => {
  const { tcp, udp, ports } = await taken()
  t.after(() => {
    tcp.close()
    udp.close()
  })
  const [port, datagramPort] = ports
  const http = await refusal({ engine: 'memory', httpPort: port })
  assert.equal(http.code, 'DND_ERR_PORT_IN_USE')
  assert.match(http.message, new RegExp(`${HOST}:${port} \\(HTTP\\).*--server-port$`))
  const links = await refusal({ engine: 'memory', port })
  assert.equal(links.code, 'DND_ERR_PORT_IN_USE')
  assert.match(links.message, new RegExp(`${HOST}:${port} \\(TCP\\).*--port$`))
  const datagrams = await refusal({ engine: 'memory', port: datagramPort })
  assert.equal(datagrams.code, 'DND_ERR_PORT_IN_USE')
  assert.match(datagrams.message, new RegExp(`${HOST}:${datagramPort} \\(UDP\\).*--port$`))
  assert.equal((datagrams.cause as NodeJS.ErrnoException).code, 'EADDRINUSE')
})

test('an address that this machine does not have is told with the way out', async () => {
  const error = await refusal({
    engine: 'memory',
    host: '192.0.2.1',
    allowPlaintextClusterTraffic: true,
    allowOpenHttp: true,
  })
  assert.equal(error.code, 'DND_ERR_ADDRESS_UNAVAILABLE')
  assert.match(error.message, /192\.0\.2\.1.*--address$/)
})

test('a data directory that cannot be used is told with the way out', async () => {
  const file = join(folder, 'file')
  writeFileSync(file, '')
  const other = join(folder, 'other')
  mkdirSync(other)
  writeFileSync(join(other, 'thesis.tex'), '')
  const broken = join(folder, 'broken')
  mkdirSync(broken)
  writeFileSync(join(broken, 'dnd.json'), '{')
  const cases = [
    [join(file, 'below'), 'DND_ERR_DATA_UNWRITABLE', /--data$/],
    [file, 'DND_ERR_DATA_UNWRITABLE', /--data$/],
    [other, 'DND_ERR_DATA_NOT_EMPTY', /thesis\.tex.*--data$/],
    [broken, 'DND_ERR_DATA_CORRUPT', /backup.*join as a new node/],
  ] as const
  for (const [data, code, message] of cases) {
    const error = await refusal({ data })
    assert.equal(error.code, code)
    assert.match(error.message, message)
    assert.ok(error.message.includes(data), error.message)
  }
})

test('a store that is none is refused, and the directory is let go again', async () => {
  const data = join(folder, 'node')
  const node = await startNode({ host: HOST, port: 0, httpPort: 0, logLevel: 'error', data })
  await node.stop()
  writeFileSync(join(data, 'store', 'data.mdb'), 'garbage '.repeat(2000))
  for (let i = 0; i < 2; i++) assert.equal((await refusal({ data })).code, 'DND_ERR_DATA_CORRUPT')
})

test('a seed that is no node is refused at once', async () => {
  const web = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  web.listen(0, HOST)
  await once(web, 'listening')
  const { port } = web.address() as AddressInfo
  const error = await refusal({ engine: 'memory', seeds: [`${HOST}:${port}`] })
  assert.equal(error.code, 'DND_ERR_BAD_RESPONSE')
  assert.match(error.message, new RegExp(`${HOST}:${port}`))
  web.close()
})
