/**
 * Between SWIM's packets and the bytes of datagrams: what leaves is encoded, and sealed when the
 * mode says so; what arrives is opened and decoded, or refused with a cause. The mode and the keys
 * are asked for each packet, so that a change of keys takes effect at once.
 */
import type { SwimPacket } from '../../core/membership/messages.ts'
import { must } from '../../core/std/assert.ts'
import { ByteWriter } from '../../core/std/bytes.ts'
import type { ClusterId } from '../../core/std/ids.ts'
import { DATAGRAM_BYTES_MAX } from '../../core/std/limits.ts'
import type { PacketFault } from '../../core/wire/packet-codec.ts'
import { decodePacket, encodePacket } from '../../core/wire/packet-codec.ts'
import type { Keyring } from '../../runtime/ports.ts'
import type { EnvelopeFault, Sender } from './envelope.ts'
import { Envelope, isSealed, keyIdIn } from './envelope.ts'

/** Why a datagram was refused. */
export type GateFault =
  | PacketFault
  | EnvelopeFault
  /** A plain packet where encryption is required. */
  | 'plain-refused'
  /** An encrypted one where encryption is off. */
  | 'sealed-refused'
  /** A packet in the name of another node than the one that sealed it. */
  | 'sender-mismatch'
  /** Over DATAGRAM_BYTES_MAX. */
  | 'oversize'

export interface GateOptions {
  readonly self: Sender
  readonly cluster: ClusterId
  readonly keyring: Keyring
}

const PLAIN = 0xdd

export class PacketGate {
  readonly #cluster: ClusterId
  readonly #keyring: Keyring
  readonly #envelope: Envelope
  readonly #writer = new ByteWriter(DATAGRAM_BYTES_MAX)

  constructor(options: GateOptions) {
    this.#cluster = options.cluster
    this.#keyring = options.keyring
    this.#envelope = new Envelope(options)
  }

  /** How much is remembered of others. */
  get sizes(): { readonly keys: number; readonly windows: number } {
    return this.#envelope.sizes
  }

  /**
   * The datagram of a packet: bytes of their own, which the next call does not touch. Larger than a
   * datagram may be when the packet is.
   */
  write(packet: SwimPacket): Buffer {
    const writer = this.#writer
    writer.reset()
    encodePacket(writer, packet, this.#cluster)
    const { mode } = this.#keyring
    if (mode === 'off' || mode === 'accept') return Buffer.from(writer.view())
    return this.#envelope.seal(writer.view(), must(this.#keyring.primary, 'a key to seal with'))
  }

  read(datagram: Buffer): SwimPacket | GateFault {
    if (datagram.length > DATAGRAM_BYTES_MAX) return 'oversize'
    if (isSealed(datagram)) return this.#readSealed(datagram)
    // What is no packet at all is told as that whatever the mode.
    if (this.#keyring.mode === 'required')
      return datagram[0] === PLAIN ? 'plain-refused' : 'malformed'
    // Plain bytes: the `slice` of a Buffer shares memory where the core expects a copy.
    const bytes = new Uint8Array(datagram.buffer, datagram.byteOffset, datagram.length)
    return decodePacket(bytes, this.#cluster)
  }

  #readSealed(datagram: Buffer): SwimPacket | GateFault {
    if (this.#keyring.mode === 'off') return 'sealed-refused'
    const opened = this.#envelope.open(datagram)
    if (typeof opened === 'string') return opened
    const packet = decodePacket(opened.packet, this.#cluster)
    if (typeof packet === 'string') return packet
    const { node, generation } = opened
    return packet.from === node && packet.fromGeneration === generation ? packet : 'sender-mismatch'
  }
}

/**
 * Faults that two nodes of one operator have with each other when their settings do not fit: worth
 * telling people.
 */
const ABOUT_SETTINGS: Partial<Record<GateFault, string>> = {
  'unknown-key': 'sealed with a key that this node does not have: one of the two missed a rotation',
  'not-authentic':
    'not sealed with the key that it names for this cluster and protocol, or changed on the way',
  'plain-refused': 'a plain packet, and encryption is required here',
  'sealed-refused': 'an encrypted packet, and encryption is off here',
  'wrong-cluster': 'a packet of another cluster',
  'unsupported-protocol': 'a packet of another version of the protocol',
}

/** For people, if it is for people. */
export function settingsAdvice(fault: GateFault, datagram: Buffer): string | undefined {
  const advice = ABOUT_SETTINGS[fault]
  const isAboutKey = fault === 'unknown-key' || fault === 'not-authentic'
  return advice !== undefined && isAboutKey ? `${advice} (key ${keyIdIn(datagram)})` : advice
}
