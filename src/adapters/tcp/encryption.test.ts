import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import { suite, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { concatBytes } from '../../core/std/bytes.ts'
import type { Address } from '../../core/std/ids.ts'
import { Prng } from '../../core/std/prng.ts'
import type { PeerMessage } from '../../core/wire/messages.ts'
import { REPLICATE } from '../../core/wire/samples.test.ts'
import type { EncryptionMode } from '../../runtime/ports.ts'
import { askCluster } from './ask-cluster.ts'
import type { LinkSecurity } from './link-security.ts'
import { LinkTls } from './link-security.ts'
import type { Station } from './links-fixture.test.ts'
import {
  acquaintance,
  bareStranger,
  cleanup,
  helloOf,
  HOST,
  impostor,
  node,
  read,
  station,
  Stranger,
} from './links-fixture.test.ts'
import { CERTIFICATES, FOREIGN_CERTIFICATES, keyOf, Ring } from './security-fixture.test.ts'
import { TcpLinks } from './tcp-links.ts'

const MODES: readonly EncryptionMode[] = ['off', 'accept', 'prefer', 'required']
const [OLD, NEW] = [keyOf(1), keyOf(2)]

const ring = (mode: EncryptionMode, ...keys: ReturnType<typeof keyOf>[]): LinkSecurity => ({
  keyring: new Ring(mode, ...keys),
  tls: undefined,
})
const KEYED = ring('required', OLD)
const CERTIFIED: LinkSecurity = { ...KEYED, tls: CERTIFICATES }

async function secured(number: number, { keyring, tls }: LinkSecurity, bounds = {}) {
  return station(number, { keyring, ...(tls === undefined ? {} : { tls }), ...bounds })
}

/** What both sides say when the first of them dials the second: faults, then the reason. */
async function failureOf(dialler: LinkSecurity, listener: LinkSecurity) {
  const a = await secured(1, dialler)
  const b = await secured(2, listener)
  a.links.dial(b.address)
  const mine = await a.ear.next('fault')
  const theirs = await b.ear.next('fault')
  const { reason } = await a.ear.next('dialFailed')
  assert.equal(mine.detail, reason)
  const kinds = [...a.ear.heard, ...b.ear.heard].map(({ type }) => type)
  assert.deepEqual(kinds.toSorted(), ['dialFailed', 'fault', 'fault'])
  for (const key of [OLD, NEW]) {
    const secret = Buffer.from(key.secret).toString('hex')
    assert.ok(!`${reason} ${theirs.detail}`.includes(secret.slice(0, 16)))
  }
  return { mine, theirs, reason }
}

/** Something between two nodes that sees what they send, and counts their connections. */
class Wire {
  readonly seen: Buffer[] = []
  readonly sockets: Socket[] = []
  readonly onward: Socket[] = []
  address: Address = { host: HOST, port: 0 }

  static async to(station: Station): Promise<Wire> {
    const wire = new Wire()
    const server = createServer((caller) => {
      const callee = connect(station.links.port, HOST)
      wire.sockets.push(caller)
      wire.onward.push(callee)
      for (const [from, to] of [
        [caller, callee],
        [callee, caller],
      ] as const) {
        from.on('data', (bytes) => wire.seen.push(bytes))
        from.on('error', () => to.destroy())
        from.pipe(to)
      }
    })
    server.listen(0, HOST)
    await once(server, 'listening')
    cleanup(() => {
      server.close()
      for (const socket of wire.sockets) socket.destroy()
    })
    const address = server.address()
    wire.address = { host: HOST, port: typeof address === 'object' ? address!.port : 0 }
    return wire
  }
}

/** The first bytes of somebody who has the key, as they are on the wire. */
async function clientHello(security: LinkSecurity): Promise<Buffer> {
  const server = createServer()
  server.listen(0, HOST)
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const caller = connectTls({ ...new LinkTls(security).forCaller().options, host: HOST, port })
  caller.on('error', () => {})
  const [socket] = (await once(server, 'connection')) as [Socket]
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  caller.destroy()
  socket.destroy()
  server.close()
  return bytes
}

suite('two nodes with one key', () => {
  for (const dialler of MODES) {
    for (const listener of MODES) {
      const encrypts = dialler === 'prefer' || dialler === 'required'
      const fits = encrypts ? listener !== 'off' : listener !== 'required'
      const how = encrypts ? 'encrypted' : 'plain'
      const name = `from ${dialler} to ${listener}: ${fits ? how : 'refused, and both say why'}`
      test(name, async () => {
        if (fits) return isDelivered(dialler, listener, encrypts)
        const { mine, theirs, reason } = await failureOf(ring(dialler, OLD), ring(listener, OLD))
        const causes = encrypts
          ? ['not-encrypted', 'not-encrypted']
          : ['refused-by-peer-encryption-required', 'refused-encryption-required']
        assert.deepEqual([mine.cause, theirs.cause], causes)
        assert.match(reason, encrypts ? /that node knows no encryption/ : /demands encryption/)
        assert.match(reason, /--key-file/)
        assert.match(theirs.detail, /--key-file/)
      })
    }
  }

  async function isDelivered(
    dialler: EncryptionMode,
    listener: EncryptionMode,
    encrypts: boolean,
  ): Promise<void> {
    const a = await secured(1, ring(dialler, OLD))
    const b = await secured(2, ring(listener, OLD))
    const wire = await Wire.to(b)
    a.links.setAddress(b.id, wire.address)
    const text = 'for the two of us only'
    const message = { ...REPLICATE, record: new Uint8Array(Buffer.from(text)) } as PeerMessage
    a.links.send(b.id, message)
    assert.deepEqual((await b.ear.next('message')).message, message)
    const seen = Buffer.concat(wire.seen)
    assert.equal(seen.includes(text), !encrypts)
    assert.equal(seen.includes(Buffer.from(a.id, 'hex')), !encrypts)
    assert.deepEqual(
      [...a.ear.heard, ...b.ear.heard].map(({ type }) => type),
      ['linkUp', 'message'],
    )
  }
})

suite('two nodes that do not fit', () => {
  test('with different keys: both name the key of the caller, and what to do', async () => {
    const { mine, theirs, reason } = await failureOf(ring('required', OLD), ring('required', NEW))
    assert.deepEqual([mine.cause, theirs.cause], ['unknown-key', 'unknown-key'])
    const advice = `this node's key ${OLD.id} is not one that node knows: give this node the`
    assert.ok(reason.includes(advice), reason)
    assert.match(theirs.detail, new RegExp(`caller's key ${OLD.id} is not one .* --key-file`))
  })

  test('with different keys of one id: both say so', async () => {
    const lookalike = { id: OLD.id, secret: NEW.secret }
    const { mine, theirs } = await failureOf(ring('prefer', OLD), ring('accept', lookalike))
    assert.deepEqual([mine.cause, theirs.cause], ['wrong-key', 'wrong-key'])
    assert.ok(mine.detail.includes(OLD.id) && theirs.detail.includes(OLD.id))
  })

  test('with certificates of authorities that do not trust each other: both say so', async () => {
    const foreign = { ...KEYED, tls: FOREIGN_CERTIFICATES }
    const { mine, theirs, reason } = await failureOf(foreign, CERTIFIED)
    assert.deepEqual(
      [mine.cause, theirs.cause],
      ['bad-certificate', 'refused-by-peer-bad-certificate'],
    )
    assert.match(reason, /SELF_SIGNED_CERT_IN_CHAIN/)
    assert.match(theirs.detail, /give your node one that the authority in --tls-ca has signed/)
  })

  test('with a certificate that only the listener does not trust: both say so', async () => {
    const { cert, key } = FOREIGN_CERTIFICATES
    const foreign = { ...KEYED, tls: { cert, key, ca: CERTIFICATES.ca } }
    const { mine, theirs } = await failureOf(foreign, CERTIFIED)
    assert.deepEqual(
      [mine.cause, theirs.cause],
      ['refused-by-peer-bad-certificate', 'refused-bad-certificate'],
    )
    assert.match(mine.detail, /UNABLE_TO_VERIFY_LEAF_SIGNATURE/)
  })

  test('one with certificates and one without: both say so', async () => {
    for (const [dialler, listener] of [
      [CERTIFIED, KEYED],
      [KEYED, CERTIFIED],
    ] as const) {
      const { mine, theirs } = await failureOf(dialler, listener)
      assert.deepEqual([mine.cause, theirs.cause], ['no-common-encryption', 'no-common-encryption'])
      assert.match(mine.detail, /--tls-cert/)
    }
  })

  test('without any certificate, a caller of those who have some is not let in', async () => {
    const b = await secured(2, CERTIFIED)
    const at = { host: HOST, port: b.links.port, rejectUnauthorized: false }
    const caller = new Stranger(connectTls({ ...at, ca: CERTIFICATES.ca }))
    await once(caller.socket, 'secureConnect')
    caller.say(helloOf(3))
    const answer = await caller.answer(1)
    assert.ok(answer?.type === 'refusal')
    assert.equal(answer.reason, 'bad-certificate')
    assert.equal((await b.ear.next('fault')).cause, 'refused-bad-certificate')
    await caller.closed
  })

  test('are told to people, by the address of the other', async () => {
    const b = await secured(2, KEYED)
    const a = await secured(1, ring('required', NEW))
    a.links.dial(b.address)
    await Promise.all([a.ear.next('fault'), b.ear.next('fault')])
    assert.deepEqual(a.ear.sources, [`${HOST}:${b.links.port}`])
    assert.deepEqual(b.ear.sources, [HOST])
  })
})

suite('joining', () => {
  const asking = { node: node(9), timeoutMs: 1000 }

  test('with a key that the cluster does not have is refused with the advice', async () => {
    const b = await secured(2, KEYED)
    await assert.rejects(askCluster(b.address, { ...asking, ...ring('required', NEW) }), {
      code: 'DND_ERR_JOIN_REFUSED',
      message: new RegExp(`key ${NEW.id} is not one that node knows: .*--key-file$`),
    })
  })

  test('without encryption where it is demanded, and with it where there is none, is refused', async () => {
    const b = await secured(2, KEYED)
    await assert.rejects(askCluster(b.address, { ...asking, ...ring('off') }), {
      code: 'DND_ERR_JOIN_REFUSED',
      message: /demands encryption.*--key-file$/,
    })
    const plain = await secured(3, ring('off'))
    await assert.rejects(askCluster(plain.address, { ...asking, ...KEYED }), {
      code: 'DND_ERR_JOIN_REFUSED',
      message: /that node knows no encryption/,
    })
  })

  test('over a link of either kind is answered', async () => {
    for (const security of [KEYED, CERTIFIED]) {
      const b = await secured(2, security)
      assert.equal((await askCluster(b.address, { ...asking, ...security })).node, b.id)
    }
  })

  test('where something else answers says what it met', async () => {
    const web = await impostor((caller) => caller.write(Buffer.from('HTTP/1.1 400 Bad Request')))
    await assert.rejects(askCluster(web, { ...asking, ...KEYED }), {
      code: 'DND_ERR_BAD_RESPONSE',
      message: /no TLS handshake with what answers there/,
    })
  })

  test('with a certificate that fits no key is an error of the configuration', async () => {
    const tls = { ...CERTIFICATES, key: FOREIGN_CERTIFICATES.key }
    const security = { ...KEYED, tls }
    const wrong = { code: 'DND_ERR_BAD_CONFIG', message: /^the certificate cannot be used/ }
    await assert.rejects(askCluster({ host: HOST, port: 1 }, { ...asking, ...security }), wrong)
    const self = { node: node(1), generation: 1, cluster: 'c'.repeat(32) as never }
    const options = { host: HOST, port: 0, self, listener: {} as never }
    await assert.rejects(TcpLinks.listen({ ...options, ...security }), wrong)
  })
})

suite('a change of keys', () => {
  test('in the middle of traffic loses no message, and the link goes over to the new key', async () => {
    const [mine, theirs] = [new Ring('required', OLD), new Ring('required', OLD)]
    const a = await station(1, { keyring: mine, beatMs: 50 })
    const b = await station(2, { keyring: theirs, beatMs: 200 })
    const wire = await Wire.to(b)
    a.links.setAddress(b.id, wire.address)
    let sent = 0
    const traffic = setInterval(() => {
      for (let i = 0; i < 20; i++) a.links.send(b.id, read(sent++))
    }, 1)
    cleanup(() => clearInterval(traffic))
    await b.ear.requests(100)
    for (const each of [mine, theirs]) each.keys.set(NEW.id, NEW)
    for (const each of [mine, theirs]) each.primary = NEW
    await b.ear.requests(100)
    assert.equal(wire.sockets.length, 1)
    const old = wire.sockets[0]!
    theirs.keys.delete(OLD.id)
    mine.keys.delete(OLD.id)
    await once(old, 'close')
    await b.ear.requests(100)
    clearInterval(traffic)
    a.links.send(b.id, read(sent++))
    const rest = await b.ear.requests(sent - 300)
    assert.equal(rest.length, sent - 300)
    const requests = b.ear.heard.map(
      (heard) => 'message' in heard && 'request' in heard.message && heard.message.request,
    )
    assert.deepEqual(
      requests.toSorted((x, y) => Number(x) - Number(y)),
      [...Array(sent).keys()],
    )
    assert.equal(wire.sockets.length, 2)
    assert.deepEqual(
      a.ear.heard.map(({ type }) => type),
      ['linkUp'],
    )
  })

  test('that a caller misses ends its link in a while, and it hears why when it calls again', async () => {
    const theirs = new Ring('required', OLD, NEW)
    const a = await station(1, { keyring: new Ring('required', OLD), backoffMinMs: 1, beatMs: 20 })
    const b = await station(2, { keyring: theirs, beatMs: 5 })
    a.links.setAddress(b.id, b.address)
    a.links.send(b.id, read(1))
    await b.ear.requests(1)
    theirs.keys.delete(OLD.id)
    const cut = await b.ear.next('fault')
    assert.equal(cut.cause, 'unknown-key')
    assert.match(cut.detail, new RegExp(`node ${a.id}: its key ${OLD.id} has been removed`))
    await a.ear.next('linkDown')
    a.links.setAddress(b.id, { ...b.address, host: 'localhost' })
    a.links.send(b.id, read(2))
    assert.equal((await a.ear.next('fault')).cause, 'unknown-key')
    assert.match((await a.ear.next('linkDown')).reason, /is not one that node knows/)
  })

  test('that ends in no connection with the new one is told as a link lost', async () => {
    const mine = new Ring('required', OLD, NEW)
    const a = await station(1, { keyring: mine, beatMs: 5 })
    const b = await station(2, { keyring: new Ring('required', OLD) })
    a.links.setAddress(b.id, b.address)
    a.links.send(b.id, read(1))
    await b.ear.requests(1)
    mine.primary = NEW
    mine.keys.delete(OLD.id)
    assert.match((await a.ear.next('linkDown')).reason, /is not one that node knows/)
    assert.equal((await a.ear.next('fault')).cause, 'unknown-key')
  })
})

suite('a caller that begins a TLS handshake', () => {
  const BOTH = [KEYED, CERTIFIED]

  test('and goes on with garbage is cut off and counted', async () => {
    const dice = new Prng(5)
    for (const security of BOTH) {
      const a = await secured(1, security)
      const hello = await clientHello(security)
      for (let i = 0; i < 20; i++) {
        const garbage = Uint8Array.from({ length: 5 + dice.below(300) }, () => dice.u32())
        const caller = await bareStranger(a)
        caller.write(
          i % 2 === 0 ? concatBytes(hello, garbage) : concatBytes(Uint8Array.of(22), garbage),
        )
        caller.socket.end()
        await caller.closed
        assert.equal((await a.ear.next('fault')).cause, 'tls-failed')
      }
      assert.equal(a.ear.heard.length, 20)
      await servesStill(a, security)
    }
  })

  test('and hangs up anywhere in it is counted', async () => {
    for (const security of BOTH) {
      const a = await secured(1, security)
      const hello = await clientHello(security)
      const lengths = [1, 2, 5, 6, 50, hello.length - 1, hello.length]
      for (const length of lengths) {
        const caller = await bareStranger(a)
        caller.socket.end(hello.subarray(0, length))
        await caller.closed
        const { cause, detail } = await a.ear.next('fault')
        assert.equal(cause, 'tls-failed')
        assert.match(detail, /the caller hung up in its TLS handshake/)
      }
      await servesStill(a, security)
    }
  })

  test('and never ends it is cut off when its time is over, and a thousand of them are', async () => {
    const security = KEYED
    const a = await secured(1, security, { handshakeTimeoutMs: 1000 })
    const hello = await clientHello(security)
    const callers = await Promise.all(Array.from({ length: 1000 }, () => bareStranger(a)))
    for (const [i, caller] of callers.entries())
      caller.write(hello.subarray(0, i % 2 === 0 ? 1 : undefined))
    await Promise.all(callers.map(({ closed }) => closed))
    for (let i = 0; i < 1000; i++) {
      assert.equal((await a.ear.next('fault')).cause, 'handshake-timeout')
    }
    await servesStill(a, security)
    assert.equal(a.ear.heard.filter(({ type }) => type === 'fault').length, 1000)
  })

  test('beyond the number of connections is turned away', async () => {
    const a = await secured(1, KEYED, { incomingMax: 10, handshakeTimeoutMs: 200 })
    const hello = await clientHello(KEYED)
    const callers = await Promise.all(Array.from({ length: 30 }, () => bareStranger(a)))
    for (const caller of callers) caller.write(hello)
    await Promise.all(callers.map(({ closed }) => closed))
    const causes = a.ear.heard.map((heard) => heard.type === 'fault' && heard.cause)
    assert.equal(causes.filter((cause) => cause === 'too-many-connections').length, 20)
    assert.equal(causes.filter((cause) => cause === 'handshake-timeout').length, 10)
    await servesStill(a, KEYED)
  })

  test('where encryption is off is told so by its own TLS', async () => {
    const a = await secured(1, ring('off'))
    const caller = await bareStranger(a)
    let answer = Buffer.alloc(0)
    caller.socket.removeAllListeners('data')
    caller.socket.on('data', (bytes) => (answer = Buffer.concat([answer, bytes])))
    caller.write(await clientHello(KEYED))
    await caller.closed
    assert.equal(answer.toString('hex'), '15030300020231')
  })

  async function servesStill(a: Station, security: LinkSecurity): Promise<void> {
    const b = await secured(2, security)
    b.links.setAddress(a.id, a.address)
    b.links.send(a.id, read(1))
    assert.deepEqual(await a.ear.requests(1), [1])
  }
})

test('a listener that accepts both hears a plain and an encrypted caller at once', async () => {
  const a = await secured(1, ring('accept', OLD))
  const b = await secured(2, ring('prefer', OLD))
  b.links.setAddress(a.id, a.address)
  b.links.send(a.id, read(1))
  await acquaintance(a, 3)
  assert.deepEqual(await a.ear.requests(1), [1])
  assert.deepEqual(a.ear.heard.length, 1)
})

test('what is put between the records of a link ends it and is counted', async () => {
  for (const security of [KEYED, CERTIFIED]) {
    const a = await secured(1, security)
    const b = await secured(2, security)
    const wire = await Wire.to(b)
    a.links.setAddress(b.id, wire.address)
    a.links.send(b.id, read(1))
    await b.ear.requests(1)
    wire.onward[0]!.write(Buffer.from('1703030020'.padEnd(74, '5a'), 'hex'))
    const { cause, detail } = await b.ear.next('fault')
    assert.equal(cause, 'tls-failed')
    assert.match(detail, new RegExp(`node ${a.id}: broken TLS`))
    await a.ear.next('linkDown')
  }
})
