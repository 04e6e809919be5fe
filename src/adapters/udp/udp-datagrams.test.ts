import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { afterEach, suite, test } from 'node:test'
import type { Ack, Ping, SwimPacket } from '../../core/membership/messages.ts'
import { ByteWriter } from '../../core/std/bytes.ts'
import type { Address, ClusterId } from '../../core/std/ids.ts'
import { Prng } from '../../core/std/prng.ts'
import { encodePacket } from '../../core/wire/packet-codec.ts'
import { CLUSTER, MEMBER, NODE_A, NODE_B } from '../../core/wire/samples.test.ts'
import { keyOf, TestKeyring } from './keyring-fixture.test.ts'
import { UdpDatagrams } from './udp-datagrams.ts'

const HOST = '127.0.0.1'
const SENDER = { from: NODE_A, fromGeneration: 7, health: 0 }
const PING: Ping = {
  type: 'ping',
  ...SENDER,
  to: NODE_B,
  sequence: 300,
  digest: 5,
  gossip: [MEMBER],
}
const ABOUT_B = { about: NODE_B, aboutGeneration: 8 }
const ACK: Ack = { type: 'ack', ...SENDER, ...ABOUT_B, sequence: 1, digest: 6, gossip: [] }

/** Keeps what it hears, and lets a test wait for the next of it. */
class Ear {
  readonly heard: string[] = []
  readonly packets: [SwimPacket, Address][] = []
  #wake: (() => void) | undefined

  packet(packet: SwimPacket, from: Address): void {
    this.packets.push([packet, from])
    this.#note(`packet ${packet.type}`)
  }

  readonly toldOf = new Map<string, string>()

  fault(cause: string, detail: string, source?: string): void {
    this.#note(`fault ${cause}`)
    assert.ok(detail.length > 0)
    if (source !== undefined) this.toldOf.set(`${cause} ${source}`, detail)
  }

  async hears(count: number): Promise<string[]> {
    while (this.heard.length < count) await new Promise<void>((wake) => (this.#wake = wake))
    return this.heard
  }

  #note(what: string): void {
    this.heard.push(what)
    this.#wake?.()
  }
}

const open: { close(): Promise<void> }[] = []

const PLAIN = {
  cluster: CLUSTER,
  self: { node: NODE_A, generation: 7 },
  keyring: new TestKeyring('off'),
}

async function bind(
  host = HOST,
  keyring = PLAIN.keyring,
): Promise<{ ear: Ear; udp: UdpDatagrams; address: Address }> {
  const ear = new Ear()
  const udp = await UdpDatagrams.bind({ ...PLAIN, host, port: 0, keyring, listener: ear })
  open.push(udp)
  return { ear, udp, address: { host, port: udp.port } }
}

/** A caller that may send anything. */
function stranger(): { send(to: Address, bytes: Uint8Array): void } {
  const socket = createSocket('udp4')
  open.push({ close: () => new Promise((resolve) => socket.close(() => resolve())) })
  return { send: (to, bytes) => socket.send(bytes, to.port, to.host) }
}

function encoded(packet: SwimPacket, cluster: ClusterId): Uint8Array {
  const writer = new ByteWriter()
  encodePacket(writer, packet, cluster)
  return writer.take()
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()))
})

suite('datagrams', () => {
  test('carry packets both ways and tell where they came from', async () => {
    const a = await bind()
    const b = await bind()
    a.udp.send(b.address, PING)
    await b.ear.hears(1)
    assert.deepEqual(b.ear.packets, [[PING, a.address]])
    b.udp.send(a.address, ACK)
    await a.ear.hears(1)
    assert.deepEqual(a.ear.packets, [[ACK, b.address]])
  })

  test('sent one right behind the other do not overwrite each other', async () => {
    const a = await bind()
    const b = await bind()
    for (let sequence = 0; sequence < 50; sequence++) a.udp.send(b.address, { ...PING, sequence })
    await b.ear.hears(50)
    const sequences = b.ear.packets
      .map(([packet]) => (packet as Ping).sequence)
      .toSorted((x, y) => x - y)
    assert.deepEqual(sequences, [...Array(50).keys()])
  })

  test('are addressed by name as well', async () => {
    const a = await bind()
    const b = await bind()
    a.udp.send({ host: 'localhost', port: b.address.port }, PING)
    assert.deepEqual(await b.ear.hears(1), ['packet ping'])
  })

  test('pass between a socket of both families and one of IPv4', async (t) => {
    const any = await bind('::').catch(() => undefined)
    if (any === undefined) return t.skip('no IPv6 here')
    const v4 = await bind()
    any.udp.send(v4.address, PING)
    await v4.ear.hears(1)
    assert.equal(v4.ear.packets[0]![1].port, any.udp.port)
    v4.udp.send({ host: HOST, port: any.udp.port }, PING)
    await any.ear.hears(1)
    assert.deepEqual(any.ear.packets[0]![1], v4.address)
  })

  test('of another cluster or protocol or of garbage are faults and nothing else', async () => {
    const { ear, address } = await bind()
    const caller = stranger()
    const sound = encoded(PING, CLUSTER)
    caller.send(address, encoded(PING, 'f'.repeat(32) as ClusterId))
    assert.equal((await ear.hears(1))[0], 'fault wrong-cluster')
    caller.send(address, Uint8Array.of(sound[0]!, 0xff, ...sound.subarray(2)))
    assert.equal((await ear.hears(2))[1], 'fault unsupported-protocol')
    caller.send(address, sound.subarray(0, 40))
    assert.equal((await ear.hears(3))[2], 'fault malformed')
    caller.send(address, new Uint8Array(0))
    assert.equal((await ear.hears(4))[3], 'fault malformed')
    caller.send(address, new Uint8Array(1201))
    assert.equal((await ear.hears(5))[4], 'fault oversize')
    caller.send(address, sound)
    assert.equal((await ear.hears(6))[5], 'packet ping')
  })

  test('of random bytes never end the socket', async () => {
    const { ear, address } = await bind()
    const caller = stranger()
    const dice = new Prng(7)
    for (let i = 1; i <= 200; i++) {
      caller.send(
        address,
        Uint8Array.from({ length: dice.below(1400) }, () => dice.u32() & 0xff),
      )
      if (i % 20 === 0) await ear.hears(i)
    }
    assert.equal(ear.packets.length, 0)
    caller.send(address, encoded(PING, CLUSTER))
    assert.equal((await ear.hears(201))[200], 'packet ping')
  })

  test('of ours that are too large are dropped as a fault, and not from within send', async () => {
    const a = await bind()
    const b = await bind()
    const gossip = new Array<typeof MEMBER>(40).fill(MEMBER)
    a.udp.send(b.address, { ...PING, gossip })
    assert.deepEqual(a.ear.heard, [])
    assert.deepEqual(await a.ear.hears(1), ['fault oversize'])
    a.udp.send(b.address, PING)
    assert.deepEqual(await b.ear.hears(1), ['packet ping'])
  })

  test('to where nothing can be sent are faults, and not from within send', async () => {
    const a = await bind()
    const nowhere: Address[] = [
      { host: HOST, port: 0 },
      { host: HOST, port: 70_000 },
      { host: 'name.invalid', port: 1 },
      { host: 'a name\0that is none', port: 1 },
    ]
    for (const [i, address] of nowhere.entries()) {
      a.udp.send(address, PING)
      assert.equal(a.ear.heard.length, i)
      assert.equal((await a.ear.hears(i + 1))[i], 'fault send-failed')
    }
  })

  test('to a port where nobody listens are lost in silence', async () => {
    const a = await bind()
    const b = await bind()
    await b.udp.close()
    a.udp.send(b.address, PING)
    a.udp.send(a.address, PING)
    assert.deepEqual(await a.ear.hears(1), ['packet ping'])
  })

  test('waiting for lookups are bounded', async () => {
    const a = await bind()
    const b = await bind()
    for (let i = 0; i < 1025; i++) a.udp.send({ host: 'localhost', port: b.udp.port }, PING)
    assert.deepEqual(a.ear.heard, [])
    assert.deepEqual(await a.ear.hears(1), ['fault send-backlog'])
    await b.ear.hears(1)
  })
})

/** The four stages of a roll-out, as one packet each way shows them. */
async function exchange(a: TestKeyring, b: TestKeyring): Promise<[string, string]> {
  const left = await bind(HOST, a)
  const right = await bind(HOST, b)
  left.udp.send(right.address, PING)
  right.udp.send(left.address, PING)
  return [(await right.ear.hears(1))[0]!, (await left.ear.hears(1))[0]!]
}

suite('encrypted datagrams', () => {
  const first = keyOf(1)
  const second = keyOf(2)
  const MODES = ['off', 'accept', 'prefer', 'required'] as const

  test('neighbouring stages of a roll-out hear each other, and each stage itself', async () => {
    for (const [i, mode] of MODES.entries()) {
      const next = MODES[i + 1] ?? mode
      const heard = await exchange(new TestKeyring(mode, first), new TestKeyring(next, first))
      assert.deepEqual(heard, ['packet ping', 'packet ping'], `${mode} and ${next}`)
    }
  })

  test('stages that are not neighbours refuse each other with the cause', async () => {
    const cases = [
      ['off', 'prefer', 'packet ping', 'fault sealed-refused'],
      ['off', 'required', 'fault plain-refused', 'fault sealed-refused'],
      ['accept', 'required', 'fault plain-refused', 'packet ping'],
    ] as const
    for (const [a, b, atB, atA] of cases) {
      const heard = await exchange(new TestKeyring(a, first), new TestKeyring(b, first))
      assert.deepEqual(heard, [atB, atA], `${a} and ${b}`)
    }
  })

  test('go on through a whole roll-out with a rotation in the middle of it', async () => {
    const a = new TestKeyring('off', first)
    const b = new TestKeyring('off', first)
    const left = await bind(HOST, a)
    const right = await bind(HOST, b)
    let sent = 0
    const bothHear = async (): Promise<void> => {
      left.udp.send(right.address, PING)
      right.udp.send(left.address, PING)
      sent++
      assert.equal((await right.ear.hears(sent)).at(-1), 'packet ping')
      assert.equal((await left.ear.hears(sent)).at(-1), 'packet ping')
    }
    const steps = [
      () => a.use(first),
      () => b.use(first),
      () => (a.mode = 'accept'),
      () => (b.mode = 'accept'),
      () => (a.mode = 'prefer'),
      () => (b.mode = 'prefer'),
      () => a.install(second),
      () => b.install(second),
      () => a.use(second),
      () => b.use(second),
      () => (a.mode = 'required'),
      () => a.remove(first),
      () => b.remove(first),
      () => (b.mode = 'required'),
    ]
    await bothHear()
    for (const step of steps) {
      step()
      await bothHear()
    }
  })

  test('with a key that one lacks are refused, and people are told which and of whom', async () => {
    const left = await bind(HOST, new TestKeyring('required', first))
    const right = await bind(HOST, new TestKeyring('required', second))
    left.udp.send(right.address, PING)
    assert.deepEqual(await right.ear.hears(1), ['fault unknown-key'])
    const from = `${HOST}:${left.udp.port}`
    const told = right.ear.toldOf.get(`unknown-key ${from}`)!
    assert.ok(told.includes(first.id), told)
    assert.ok(told.includes(from), told)
  })

  test('show nothing of the packet', async () => {
    const { ear, udp } = await bind(HOST, new TestKeyring('required', first))
    const socket = createSocket('udp4').bind(0, HOST)
    await once(socket, 'listening')
    open.push({ close: () => new Promise((resolve) => socket.close(() => resolve())) })
    udp.send({ host: HOST, port: socket.address().port }, PING)
    const [bytes] = (await once(socket, 'message')) as [Buffer]
    assert.ok(!bytes.includes(CLUSTER.slice(0, 8), 0, 'hex'))
    assert.ok(!bytes.includes(MEMBER.info.name))
    assert.deepEqual(ear.heard, [])
  })
})

suite('binding', () => {
  test('a port in use is an error that says so', async () => {
    const a = await bind()
    const again = UdpDatagrams.bind({
      ...PLAIN,
      host: HOST,
      port: a.udp.port,
      listener: new Ear(),
    })
    await assert.rejects(again, {
      code: 'DND_ERR_PORT_IN_USE',
      message: /^cannot listen on 127\.0\.0\.1:\d+ \(UDP\): the port is in use; .*--port$/,
    })
  })

  test('an address or port that this machine cannot have is an error that says so', async () => {
    const at = (host: string, port: number): Promise<unknown> =>
      UdpDatagrams.bind({ ...PLAIN, host, port, listener: new Ear() })
    const code = 'DND_ERR_ADDRESS_UNAVAILABLE'
    await assert.rejects(at('192.0.2.1', 0), { code, message: /this machine has no such address/ })
    await assert.rejects(at(HOST, 70_000), { code, message: /a port is a number from 0 to 65535/ })
  })

  test('the port is free again after close, which may be called twice', async () => {
    const a = await bind()
    await Promise.all([a.udp.close(), a.udp.close()])
    a.udp.send(a.address, PING)
    const socket = createSocket('udp4')
    socket.bind({ address: HOST, port: a.udp.port })
    await once(socket, 'listening')
    socket.close()
    assert.deepEqual(a.ear.heard, [])
  })
})
