/**
 * What is around an encrypted packet. Whoever is on the network may read, change, repeat and invent
 * datagrams; the envelope lets through only what a node with a key of this cluster has sent, once.
 *
 * ```
 * clear    D1 · key id 4 · sender 8 · its generation u64 · salt 4 · counter u64
 * sealed   the packet, AES-256-GCM · tag 16
 * ```
 * - Key: of this sender in this generation (`sender-keys.ts`). The id names the cluster's key that
 *   it is made of, so that nothing is tried, and who lacks that key can say so.
 * - Nonce: salt and counter. The counter begins at 0 with the process; the salt, drawn then, keeps
 *   two lives of one generation apart (a copied or restored directory).
 * - Authenticated besides the packet: the clear header, the cluster's id, the packets' form.
 *   A packet of another cluster that has the same key does not open.
 * - Replays are told by the counter (`replay-window.ts`), after the tag was found right.
 *
 * Invariant: no nonce is used twice under one key. The counter never goes back, and ends before it
 * is no safe integer any more (2^53 packets).
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { ClusterKey } from '../../core/node/cluster-key.ts'
import { keyId } from '../../core/node/cluster-key.ts'
import type { ClusterId, NodeId } from '../../core/std/ids.ts'
import { assert } from '../../core/std/assert.ts'
import { PACKET_FORM } from '../../core/wire/packet-codec.ts'
import type { Keyring } from '../../runtime/ports.ts'
import { ReplayWindows } from './replay-window.ts'
import { SenderKeys } from './sender-keys.ts'

/** A plain packet begins with DD. */
const VERSION = 0xd1
const KEY_ID_AT = 1
const SENDER_AT = 5
const GENERATION_AT = 13
const NONCE_AT = 21
const COUNTER_AT = 25
const HEADER_BYTES = 33
const TAG_BYTES = 16
/** What sealing adds to a packet. */
export const ENVELOPE_BYTES: number = HEADER_BYTES + TAG_BYTES
const SALT_BYTES = COUNTER_AT - NONCE_AT
const HIGH = 0x1_0000_0000
const HIGH_MAX = 0x1f_ffff
const CIPHER = 'aes-256-gcm'
const OPTIONS = { authTagLength: TAG_BYTES } as const

/** Whose packets these are: a node in one of its lives. */
export interface Sender {
  readonly node: NodeId
  readonly generation: number
}

/** A packet taken out of its envelope, and who sealed it. */
export interface Opened extends Sender {
  readonly packet: Uint8Array
}

export type EnvelopeFault =
  /** Too short to be one, or with numbers that cannot be. */
  | 'malformed'
  /** Sealed with a key that this node does not have. */
  | 'unknown-key'
  /** Not sealed with the key that it names, for this cluster and protocol, or changed since. */
  | 'not-authentic'
  /** It was here before, or is so late that this cannot be told. */
  | 'replayed'

export interface EnvelopeOptions {
  readonly self: Sender
  readonly cluster: ClusterId
  readonly keyring: Pick<Keyring, 'find'>
}

export function isSealed(bytes: Uint8Array): boolean {
  return bytes[0] === VERSION
}

/** The id of the key that a sealed packet says it is sealed with. */
export function keyIdIn(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(KEY_ID_AT, SENDER_AT)).toString('hex')
}

export class Envelope {
  readonly #keyring: Pick<Keyring, 'find'>
  readonly #keys = new SenderKeys()
  readonly #windows = new ReplayWindows()
  /** The header of the next packet of ours. */
  readonly #header = Buffer.alloc(HEADER_BYTES)
  /** The clear header, then what is the same for all packets of the cluster. */
  readonly #authenticated: Buffer
  #counter = 0

  constructor({ self, cluster, keyring }: EnvelopeOptions) {
    this.#keyring = keyring
    this.#header[0] = VERSION
    this.#header.write(self.node, SENDER_AT, 'hex')
    writeU64(this.#header, GENERATION_AT, self.generation)
    randomBytes(SALT_BYTES).copy(this.#header, NONCE_AT)
    const tail = Buffer.from(`${cluster}0000`, 'hex')
    tail.writeUInt16BE(PACKET_FORM, tail.length - 2)
    this.#authenticated = Buffer.concat([this.#header, tail])
  }

  /** How much is remembered of others. */
  get sizes(): { readonly keys: number; readonly windows: number } {
    return { keys: this.#keys.size, windows: this.#windows.size }
  }

  seal(packet: Uint8Array, key: ClusterKey): Buffer {
    const header = this.#header
    assert(Number.isSafeInteger(this.#counter), 'the counter of packets has ended')
    header.write(key.id, KEY_ID_AT, 'hex')
    writeU64(header, COUNTER_AT, this.#counter++)
    const sender = header.subarray(SENDER_AT, NONCE_AT)
    const ours = this.#keys.of(key, sender)
    this.#keys.keep(key, sender, ours)
    const cipher = createCipheriv(CIPHER, ours, header.subarray(NONCE_AT), OPTIONS)
    cipher.setAAD(this.#authenticate(header))
    const sealed = cipher.update(packet)
    cipher.final()
    return Buffer.concat([header, sealed, cipher.getAuthTag()])
  }

  open(bytes: Buffer): Opened | EnvelopeFault {
    const generation = readU64(bytes, GENERATION_AT)
    const counter = readU64(bytes, COUNTER_AT)
    if (bytes.length <= ENVELOPE_BYTES || !isSealed(bytes)) return 'malformed'
    if (generation === undefined || counter === undefined) return 'malformed'
    const id = keyId(keyIdIn(bytes))
    const found = id && this.#keyring.find(id)
    if (found === undefined) return 'unknown-key'
    const sender = bytes.subarray(SENDER_AT, NONCE_AT)
    const key = this.#keys.of(found, sender)
    const packet = this.#decrypt(bytes, key)
    if (packet === undefined) return 'not-authentic'
    this.#keys.keep(found, sender, key)
    if (!this.#windows.enter(bytes.toString('latin1', SENDER_AT, COUNTER_AT), counter))
      return 'replayed'
    return { node: sender.toString('hex', 0, 8) as NodeId, generation, packet }
  }

  /** undefined: the tag is not right. */
  #decrypt(bytes: Buffer, key: Buffer): Uint8Array | undefined {
    const end = bytes.length - TAG_BYTES
    const decipher = createDecipheriv(CIPHER, key, bytes.subarray(NONCE_AT, HEADER_BYTES), OPTIONS)
    decipher.setAAD(this.#authenticate(bytes))
    decipher.setAuthTag(bytes.subarray(end))
    const packet = decipher.update(bytes.subarray(HEADER_BYTES, end))
    try {
      decipher.final()
    } catch {
      // That is how the cipher says that the tag is another.
      return undefined
    }
    // Plain bytes: the `slice` of a Buffer shares memory where the core expects a copy.
    return new Uint8Array(packet.buffer, packet.byteOffset, packet.length)
  }

  #authenticate(header: Buffer): Buffer {
    header.copy(this.#authenticated, 0, 0, HEADER_BYTES)
    return this.#authenticated
  }
}

function writeU64(bytes: Buffer, at: number, value: number): void {
  bytes.writeUInt32BE(Math.floor(value / HIGH), at)
  bytes.writeUInt32BE(value % HIGH, at + 4)
}

/** undefined: not there, or beyond the safe integers. */
function readU64(bytes: Buffer, at: number): number | undefined {
  if (bytes.length < at + 8) return undefined
  const high = bytes.readUInt32BE(at)
  return high > HIGH_MAX ? undefined : high * HIGH + bytes.readUInt32BE(at + 4)
}
