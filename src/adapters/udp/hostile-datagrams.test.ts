/**
 * What anybody who reaches the port may throw at a node: 100,000 datagrams that no node of the
 * cluster has sent, or not just now. Each is refused with a cause, and nothing remains of it.
 */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { suite, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Ping } from '../../core/membership/messages.ts'
import type { ClusterId, NodeId } from '../../core/std/ids.ts'
import { DATAGRAM_BYTES_MAX } from '../../core/std/limits.ts'
import { Prng } from '../../core/std/prng.ts'
import { CLUSTER, MEMBER, NODE_A, NODE_B } from '../../core/wire/samples.test.ts'
import { keyOf, TestKeyring } from './keyring-fixture.test.ts'
import type { GateFault } from './packet-gate.ts'
import { PacketGate } from './packet-gate.ts'
import { UdpDatagrams } from './udp-datagrams.ts'

const KEY = keyOf(1)
const RING = new TestKeyring('required', KEY)
const HOST = '127.0.0.1'
const RECORDED = 500
const HOSTILE = 100_000
/** Of them over a real socket. */
const OVER_SOCKET = 4_000
const HEAP_GROWTH_MAX = 8 * 1024 * 1024

const ping = (from: NodeId, sequence: number): Ping => ({
  ...{ type: 'ping', from, fromGeneration: 7, health: 0, to: NODE_B, sequence },
  ...{ digest: 5, gossip: [MEMBER] },
})

function gateOf(node: NodeId, keyring: TestKeyring, cluster: ClusterId = CLUSTER): PacketGate {
  return new PacketGate({ self: { node, generation: 7 }, cluster, keyring })
}

/** Makes hostile datagrams out of what was recorded on the wire. */
class Attacker {
  readonly recorded: Buffer[] = []
  readonly #dice: Prng
  readonly #stranger = gateOf(NODE_A, new TestKeyring('required', keyOf(9)))
  readonly #foreigner = gateOf(NODE_A, RING, 'f'.repeat(32) as ClusterId)
  readonly #plain = gateOf(NODE_A, new TestKeyring('off'))
  /** Seals in the name of one node what says that another has sent it. */
  readonly #impostor = gateOf(NODE_B, RING)
  /** Each with the causes under which it may be counted. */
  readonly kinds: readonly (readonly [make: () => Buffer, causes: readonly GateFault[]])[]

  constructor(dice: Prng) {
    this.#dice = dice
    const honest = gateOf(NODE_A, RING)
    for (let i = 0; i < RECORDED; i++) this.recorded.push(honest.write(ping(NODE_A, i)))
    const any = ['malformed', 'oversize', 'plain-refused', 'unknown-key'] as const
    const changed = ['malformed', 'plain-refused', 'unknown-key', 'not-authentic'] as const
    this.kinds = [
      [() => this.#random(dice.below(1400)), any],
      [() => this.#cut(), ['malformed', 'not-authentic']],
      [() => this.#flipped(), changed],
      [() => this.#pick(), ['replayed']],
      [() => this.#stranger.write(ping(NODE_A, 1)), ['unknown-key']],
      [() => this.#foreigner.write(ping(NODE_A, 1)), ['not-authentic']],
      [() => this.#plain.write(ping(NODE_A, 1)), ['plain-refused']],
      [() => this.#random(DATAGRAM_BYTES_MAX + 1 + dice.below(100)), ['oversize']],
      [() => this.#impostor.write(ping(NODE_A, 1)), ['sender-mismatch']],
      [() => this.#forged(), ['malformed', 'not-authentic']],
    ]
  }

  #pick(): Buffer {
    return this.recorded[this.#dice.below(this.recorded.length)]!
  }

  #random(length: number): Buffer {
    const bytes = Buffer.alloc(length)
    for (let i = 0; i < length; i++) bytes[i] = this.#dice.u32() & 0xff
    return bytes
  }

  #cut(): Buffer {
    const bytes = this.#pick()
    return bytes.subarray(0, this.#dice.below(bytes.length))
  }

  #flipped(): Buffer {
    const bytes = Buffer.from(this.#pick())
    const bit = this.#dice.below(bytes.length * 8)
    bytes[bit >> 3]! ^= 1 << (bit & 7)
    return bytes
  }

  /** The right key id, which everybody can see, and a life of a node that nobody has heard of. */
  #forged(): Buffer {
    const bytes = Buffer.from(this.#pick())
    this.#random(28).copy(bytes, 5)
    return bytes
  }
}

function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  collect()
  const { heapUsed: heap, arrayBuffers } = process.memoryUsage()
  return heap + arrayBuffers
}

suite('hostile datagrams', () => {
  test('at the gate are each refused with the cause they deserve, and leave nothing behind', () => {
    const attacker = new Attacker(new Prng(20_263))
    const gate = gateOf(NODE_B, RING)
    for (const datagram of attacker.recorded) assert.equal(typeof gate.read(datagram), 'object')
    const count = HOSTILE - OVER_SOCKET
    const seen = new Set<string>()
    const throwAt = (from: number, to: number): void => {
      for (let i = from; i < to; i++) {
        const [make, causes] = attacker.kinds[i % attacker.kinds.length]!
        const verdict = gate.read(make())
        assert.ok(typeof verdict === 'string' && causes.includes(verdict), String(verdict))
        seen.add(verdict)
      }
    }
    // What the compiler keeps is there after the first.
    throwAt(0, count / 4)
    const before = heapUsed()
    throwAt(count / 4, count)
    const grown = heapUsed() - before
    assert.ok(grown < HEAP_GROWTH_MAX, `${grown} bytes more`)
    // The sender of what was recorded, and the impostor, who has the key.
    assert.deepEqual(gate.sizes, { keys: 2, windows: 2 })
    assert.equal(seen.size, 7)
  })

  test('over a socket are counted one by one, and sound ones still come through', async () => {
    const attacker = new Attacker(new Prng(20_264))
    const faults: string[] = []
    const sequences: number[] = []
    let wake = (): void => undefined
    const listener = {
      packet: (packet: object) => void sequences.push((packet as Ping).sequence),
      fault: (cause: string) => {
        faults.push(cause)
        wake()
      },
    }
    const self = { node: NODE_B, generation: 7 }
    const options = { host: HOST, port: 0, cluster: CLUSTER, self, keyring: RING, listener }
    const udp = await UdpDatagrams.bind(options)
    const caller = createSocket('udp4').bind(0, HOST)
    await once(caller, 'listening')
    const send = (datagram: Buffer): void => caller.send(datagram, udp.port, HOST)
    try {
      for (const datagram of attacker.recorded) send(datagram)
      // No more on the way than the smallest buffer of a system holds.
      for (let i = 0; i < OVER_SOCKET;) {
        for (let k = 0; k < 40; k++, i++) send(attacker.kinds[i % attacker.kinds.length]![0]())
        while (faults.length < i) await new Promise<void>((resolve) => (wake = resolve))
      }
      assert.equal(faults.length, OVER_SOCKET)
      assert.deepEqual(sequences, [...Array(RECORDED).keys()])
      assert.ok(faults.filter((cause) => cause === 'replayed').length === OVER_SOCKET / 10)
    } finally {
      caller.close()
      await udp.close()
    }
  })
})
