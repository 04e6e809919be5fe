import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { suite, test } from 'node:test'
import { RECORD_BYTES_MAX } from '../../core/std/limits.ts'
import type { PeerMessage } from '../../core/wire/messages.ts'
import { REPLICATE } from '../../core/wire/samples.test.ts'
import type { LinkSecurity } from './link-security.ts'
import type { Stranger } from './links-fixture.test.ts'
import {
  helloOf,
  HOST,
  impostor,
  node,
  overEveryKind,
  pair,
  read,
  station,
} from './links-fixture.test.ts'
import { securityOf } from './security-fixture.test.ts'

const MODULE = new URL(`./tcp-links${import.meta.url.slice(-3)}`, import.meta.url).href

/** Links in every state, which are then closed; the program says so and has nothing more to do. */
const closingProgram = ({ keyring, tls }: LinkSecurity): string => `
  import { once } from 'node:events'
  import { connect } from 'node:net'
  import { TcpLinks } from ${JSON.stringify(MODULE)}
  const nothing = () => {}
  const key = { id: '00000000', secret: new Uint8Array(32) }
  const tls = ${JSON.stringify(tls)}
  const open = (node, heard) => TcpLinks.listen({
    host: '127.0.0.1', port: 0,
    self: { node: node.repeat(16), generation: 1, cluster: 'c'.repeat(32) },
    keyring: { mode: '${keyring.mode}', primary: key, find: () => key },
    tls: tls && { cert: Buffer.from(tls.cert), key: Buffer.from(tls.key), ca: Buffer.from(tls.ca) },
    listener: {
      message: heard, linkUp: nothing, linkDown: nothing,
      dialed: nothing, dialFailed: nothing, fault: nothing,
    },
  })
  const b = await open('b', async () => {
    a.dial({ host: '127.0.0.1', port: b.port })
    a.dial({ host: '127.0.0.1', port: a.port })
    await Promise.all([a.close(), b.close()])
    console.log('closed')
  })
  const a = await open('a', nothing)
  const hasty = connect(a.port, '127.0.0.1')
  hasty.end()
  hasty.resume()
  await once(hasty, 'close')
  const silent = connect(a.port, '127.0.0.1')
  await once(silent, 'connect')
  a.setAddress('b'.repeat(16), { host: '127.0.0.1', port: b.port })
  a.setAddress('d'.repeat(16), { host: '127.0.0.1', port: 1 })
  const read = { type: 'read', request: 1, readVersion: 1, partition: 1, key: new Uint8Array(1) }
  a.send('d'.repeat(16), read)
  a.send('b'.repeat(16), read)
`

overEveryKind((kind) => {
  suite('closing', () => {
    test('sends what is queued and frees the port', async () => {
      const [a, b] = await pair()
      a.links.send(b.id, read(1))
      b.links.send(a.id, read(1))
      await a.ear.next('message')
      await b.ear.next('message')
      a.links.send(b.id, read(2))
      await a.links.close()
      assert.deepEqual(await b.ear.requests(1), [2])
      await b.links.close()
      const server = createServer()
      server.listen(a.links.port, HOST)
      await once(server, 'listening')
      server.close()
      await once(server, 'close')
    })

    test('in the middle of dials tells nobody', async () => {
      const a = await station(1)
      const b = await station(2)
      a.links.setAddress(b.id, b.address)
      a.links.send(b.id, read(1))
      a.links.send(node(9), read(1))
      a.links.dial(b.address)
      a.links.dial({ host: '', port: 1 })
      await Promise.all([a.links.close(), a.links.close(), b.links.close()])
      assert.deepEqual(a.ear.heard, [])
    })

    test('leaves nothing that would keep the process from ending', async () => {
      const child = spawn(
        process.execPath,
        ['--input-type=module', '-e', closingProgram(securityOf(kind))],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
          timeout: 4000,
        },
      )
      let said = ''
      child.stdout.on('data', (chunk) => (said += String(chunk)))
      const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
      assert.deepEqual([said, code, signal], ['closed\n', 0, null])
    })

    test('does not wait for ever for a peer that takes nothing', { timeout: 4000 }, async () => {
      const a = await station(1, { closeTimeoutMs: 50 })
      let mute: Stranger | undefined
      const address = await impostor((caller) => {
        mute = caller
        caller.say(helloOf(2))
        caller.socket.pause()
      })
      a.links.dial(address)
      await a.ear.next('dialed')
      const record = new Uint8Array(RECORD_BYTES_MAX)
      for (let i = 0; i < 3; i++) a.links.send(node(2), { ...REPLICATE, record } as PeerMessage)
      await a.links.close()
      mute!.socket.resume()
      await mute!.closed
      assert.ok(mute!.socket.bytesRead < 3 * RECORD_BYTES_MAX)
    })

    test('makes everything after it a no-operation', async () => {
      const [a, b] = await pair()
      await a.links.close()
      a.links.send(b.id, read(1))
      a.links.dial(b.address)
      a.links.setAddress(b.id, b.address)
      await a.links.close()
      assert.deepEqual(a.ear.heard, [])
    })

    test('by a listener that was just told something is safe', async () => {
      for (const kind of ['linkUp', 'message', 'dialed', 'fault', 'linkDown'] as const) {
        const [a, b] = await pair()
        const closed = new Promise<void>((resolve) => {
          a.ear.onHeard = (heard) => {
            if (heard.type === kind) void a.links.close().then(resolve)
          }
        })
        a.links.send(b.id, read(1))
        b.links.send(a.id, read(1))
        a.links.send(node(9), read(1))
        a.links.dial(b.address)
        a.links.dial(a.address)
        await closed
        assert.equal(a.ear.heard.at(-1)!.type, kind)
      }
    })
  })
})
