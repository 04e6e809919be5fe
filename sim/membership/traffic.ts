/**
 * What the members of a world have sent: packets, exactly; their bytes, by the codec itself, of a
 * sample of the packets when there are many. Counted is the UDP payload, with the envelope that
 * encryption puts around it, and without the 28 bytes of IPv4 and UDP.
 */
import type { SwimPacket } from '../../src/core/membership/messages.ts'
import { ByteWriter } from '../../src/core/std/bytes.ts'
import type { ClusterId } from '../../src/core/std/ids.ts'
import { encodePacket } from '../../src/core/wire/packet-codec.ts'

/** Key id, nonce and tag, and what else stands in front of an encrypted packet, at most. */
export const ENVELOPE_BYTES = 50

const CLUSTER = '0123456789abcdef0123456789abcdef' as ClusterId

export class Traffic {
  packets = 0
  /** Full states exchanged over TCP, each way counted once, and pings over TCP. */
  states = 0
  linkProbes = 0
  readonly byType: Map<SwimPacket['type'], number> = new Map()
  readonly #sampleEvery: number
  readonly #writer = new ByteWriter(2_048)
  #sampled = 0
  #sampledBytes = 0
  #untilSample = 1

  /** `sampleEvery`: of so many packets one is encoded. A prime keeps it out of every step. */
  constructor(sampleEvery: number) {
    this.#sampleEvery = sampleEvery
  }

  onPacket(packet: SwimPacket): void {
    this.packets++
    this.byType.set(packet.type, (this.byType.get(packet.type) ?? 0) + 1)
    if (--this.#untilSample > 0) return
    this.#untilSample = this.#sampleEvery
    this.#writer.reset()
    encodePacket(this.#writer, packet, CLUSTER)
    this.#sampled++
    this.#sampledBytes += this.#writer.length + ENVELOPE_BYTES
  }

  /** Of all packets, as the sample has it. */
  get bytes(): number {
    return this.#sampled === 0 ? 0 : (this.#sampledBytes / this.#sampled) * this.packets
  }

  reset(): void {
    this.packets = 0
    this.states = 0
    this.linkProbes = 0
    this.byType.clear()
    this.#sampled = 0
    this.#sampledBytes = 0
    this.#untilSample = 1
  }
}
