/**
 * HTTPS for clients, on real processes: the ring tells of it, nodes ask each other over it, and a
 * certificate is renewed without a restart.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { connect } from 'node:tls'
import type { SecureVersion } from 'node:tls'
import { DndClient, httpExchange } from '../../packages/client/src/node/client.ts'
import type { HttpExchange } from '../../packages/client/src/node/client.ts'
import { AUTHORITY, FIRST, SECOND } from '../support/certificates.ts'
import { CLI, eventually, getJson, RealCluster } from '../support/real-cluster.ts'
import type { RealNode } from '../support/real-cluster.ts'

let cluster: RealCluster
let folder: string
const file = (name: string): string => join(folder, name)

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dnd-https-'))
  writeFileSync(file('ca.pem'), AUTHORITY)
  write(FIRST)
  cluster = await RealCluster.start(
    3,
    ['--http-cert', file('cert.pem'), '--http-key', file('key.pem'), '--http-ca', file('ca.pem')],
    AUTHORITY,
  )
})
after(async () => {
  await cluster.close()
  rmSync(folder, { recursive: true })
})

function write({ cert, key }: { readonly cert: string; readonly key: string }): void {
  writeFileSync(file('cert.pem'), cert)
  writeFileSync(file('key.pem'), key)
}

/** The name in the certificate that a node shows; undefined: no handshake. */
function shown(node: RealNode, maxVersion: SecureVersion = 'TLSv1.3'): Promise<string | undefined> {
  return new Promise((resolve) => {
    const options = { host: '127.0.0.1', port: node.httpPort, ca: AUTHORITY, maxVersion }
    const socket = connect({ ...options, minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' }, () => {
      const { CN } = socket.getPeerCertificate().subject
      resolve(typeof CN === 'string' ? CN : CN?.[0])
      socket.destroy()
    })
    socket.on('error', () => resolve(undefined))
  })
}

function run(...args: readonly string[]): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], {
    encoding: 'utf8',
    cwd: folder,
  })
  return { status, text: stdout + stderr }
}

test('the client learns https addresses from the ring, and goes nowhere else', async () => {
  const asked = new Set<string>()
  const inner = httpExchange({}, AUTHORITY)
  const noted: HttpExchange = {
    ...inner,
    send: (request) => {
      asked.add(new URL(request.url).origin)
      return inner.send(request)
    },
  }
  const client = new DndClient({ server: cluster.urls[0]!, exchange: noted })
  await eventually('all three nodes are asked', async () => {
    for (let i = 0; i < 20; i++) await client.put(`k${i}`, `v${i}`)
    return asked.size === 3 ? true : undefined
  })
  assert.deepEqual([...asked].toSorted(), cluster.urls.toSorted())
  assert(cluster.urls.every((url) => url.startsWith('https://')))
  client.close()
})

test('who does not trust the authority gets no connection; who does, with ca, works', async () => {
  const stranger = new DndClient({ server: cluster.urls, retries: 0 })
  await assert.rejects(stranger.get('k0'), { name: 'DndClientError' })
  stranger.close()
  const client = new DndClient({ server: cluster.urls, ca: AUTHORITY })
  await client.put('mine', 'yes')
  assert.equal((await client.get('mine')).status, 'found')
  client.close()
})

test('the command line takes --ca, and a node is asked through another over https', async () => {
  const server = cluster.urls[1]!
  const status = run('status', '--server', server, '--ca', 'ca.pem')
  assert.equal(status.status, 0, status.text)
  assert.notEqual(run('status', '--server', server).status, 0)
  const bad = run('status', '--server', server, '--ca', 'nothing.pem')
  assert.match(bad.text, /nothing\.pem cannot be read \(ENOENT\)/)
  const repair = run('repair', '--server', server, '--ca', 'ca.pem', '--wait')
  assert.equal(repair.status, 0, repair.text)
  const other = cluster.nodes[2]!.ready!.node
  const hints = await getJson(`${server}/nodes/${other}/hints`, AUTHORITY)
  assert.equal(typeof hints, 'object')
})

test('TLS before 1.2 is refused, and so is plain HTTP', async () => {
  const node = cluster.nodes[0]!
  assert.equal(await shown(node, 'TLSv1.1'), undefined)
  assert.notEqual(await shown(node, 'TLSv1.2'), undefined)
  await assert.rejects(fetch(`http://127.0.0.1:${node.httpPort}/livez`))
})

test('a renewed certificate is shown without a restart; a broken one is not', async () => {
  const [first, second] = cluster.nodes as [RealNode, RealNode]
  assert.equal(await shown(first), 'dnd test node')
  writeFileSync(file('key.pem'), SECOND.key)
  // What does not fit is told, and nothing changes.
  await eventually('the log says that the pair does not fit', async () =>
    first.log.includes('is not the key of') ? true : undefined,
  )
  assert.equal(await shown(first), 'dnd test node')
  write(SECOND)
  await eventually('the renewed one is shown', async () =>
    (await shown(first)) === 'dnd test node, renewed' ? true : undefined,
  )
  // By a signal at once, for those who would not wait.
  write(FIRST)
  process.kill(second.pid, 'SIGHUP')
  await eventually('the first is shown again', async () =>
    (await shown(second)) === 'dnd test node' ? true : undefined,
  )
  const exchange = httpExchange({}, AUTHORITY)
  const { signal } = new AbortController()
  const scrape = await exchange.send({
    ...{ url: `${second.url}/metrics`, method: 'GET', headers: undefined, body: undefined, signal },
  })
  exchange.close()
  const text = Buffer.from(scrape.bytes).toString()
  const [, seconds] = /^dnd_http_certificate_expiry_timestamp_seconds (\S+)$/m.exec(text) ?? []
  assert.equal(new Date(Number(seconds) * 1000).getUTCFullYear(), 2054)
})
