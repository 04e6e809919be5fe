/**
 * UDP between nodes: one packet of SWIM a datagram. Nothing here is reliable and nothing is
 * retried; SWIM expects loss.
 *
 * A datagram is handed to the system some time after `send` returns (a host name is looked up
 * first), so the encoding buffer cannot be the one that is sent: each datagram goes out as a small
 * copy from Node's own pool. `packet-gate.ts` makes its bytes, and refuses those that are not for
 * us.
 */
import type { Socket } from 'node:dgram'
import { createSocket } from 'node:dgram'
import { isIPv4 } from 'node:net'
import type { SwimPacket } from '../../core/membership/messages.ts'
import type { Address } from '../../core/std/ids.ts'
import { formatAddress } from '../../core/std/ids.ts'
import { DATAGRAM_BYTES_MAX } from '../../core/std/limits.ts'
import { listenError } from '../../runtime/listen-error.ts'
import type { DatagramListener, Datagrams } from '../../runtime/ports.ts'
import type { GateFault, GateOptions } from './packet-gate.ts'
import { PacketGate, settingsAdvice } from './packet-gate.ts'

/** Causes of faults, a closed set, since each becomes a counter. */
export type UdpFault =
  /** `oversize` is also one of ours. */
  | GateFault
  /** The system or the lookup of a name refused a datagram of ours. */
  | 'send-failed'
  /** More datagrams wait for lookups than may; dropped. */
  | 'send-backlog'
  | 'socket-failed'

export interface UdpDatagramsOptions extends GateOptions {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  readonly listener: DatagramListener
}

/**
 * A burst of a whole cluster must not be lost while this process is busy (R10). The system may
 * grant less.
 */
const RECEIVE_BUFFER_BYTES = 2 * 1024 * 1024
const SENDS_PENDING_MAX = 1024
const MAPPED_PREFIX = '::ffff:'

export class UdpDatagrams implements Datagrams {
  /** Where it is bound. */
  readonly port: number
  readonly #socket: Socket
  readonly #gate: PacketGate
  readonly #listener: DatagramListener
  readonly #isV6: boolean
  /** Datagrams that the system has not taken yet. Bounded by: SENDS_PENDING_MAX. */
  #pending = 0
  #closing: Promise<void> | undefined

  /** Rejects with a `DndError` when it cannot bind there. */
  static async bind(options: UdpDatagramsOptions): Promise<UdpDatagrams> {
    const isV6 = options.host.includes(':')
    const socket = createSocket(isV6 ? 'udp6' : 'udp4')
    await bindSocket(socket, options.host, options.port)
    return new UdpDatagrams(socket, isV6, options)
  }

  private constructor(socket: Socket, isV6: boolean, options: UdpDatagramsOptions) {
    this.port = socket.address().port
    this.#socket = socket
    this.#isV6 = isV6
    this.#gate = new PacketGate(options)
    this.#listener = options.listener
    try {
      socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES)
    } catch {
      // Best effort: with the system's default bursts are lost sooner, and SWIM is made for loss.
    }
    socket.on('message', (bytes, from) => this.#onDatagram(bytes, from))
    socket.on('error', (error) => this.#fault('socket-failed', error.message))
  }

  send(to: Address, packet: SwimPacket): void {
    if (this.#closing !== undefined) return
    const datagram = this.#gate.write(packet)
    if (datagram.length > DATAGRAM_BYTES_MAX) {
      const size = `a ${packet.type} of ${datagram.length} bytes`
      return this.#faultLater('oversize', `${size} for ${formatAddress(to)}`)
    }
    if (this.#pending >= SENDS_PENDING_MAX) {
      return this.#faultLater('send-backlog', `${SENDS_PENDING_MAX} wait already`)
    }
    this.#sendBytes(to, datagram)
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#socket.close(() => resolve())
    })
    return this.#closing
  }

  #sendBytes(to: Address, bytes: Buffer): void {
    // A socket for both families knows an IPv4 address only in its mapped form.
    const host = this.#isV6 && isIPv4(to.host) ? MAPPED_PREFIX + to.host : to.host
    this.#pending++
    try {
      this.#socket.send(bytes, to.port, host, (error) => {
        this.#pending--
        if (error !== null) this.#fault('send-failed', `${formatAddress(to)}: ${error.message}`)
      })
    } catch (error) {
      // Addresses come from peers: one that the system does not even try is a fault like others.
      this.#pending--
      this.#faultLater('send-failed', `${formatAddress(to)}: ${String(error)}`)
    }
  }

  #onDatagram(buffer: Buffer, from: { address: string; port: number }): void {
    if (this.#closing !== undefined) return
    const address = { host: unmapped(from.address), port: from.port }
    const packet = this.#gate.read(buffer)
    if (typeof packet !== 'string') return this.#listener.packet(packet, address)
    const sender = formatAddress(address)
    const advice = settingsAdvice(packet, buffer)
    if (advice === undefined) return this.#fault(packet, `${buffer.length} bytes from ${sender}`)
    this.#listener.fault(packet, `from ${sender}: ${advice}`, sender)
  }

  #fault(cause: UdpFault, detail: string): void {
    if (this.#closing === undefined) this.#listener.fault(cause, detail)
  }

  /** The listener is never called from within `send`. */
  #faultLater(cause: UdpFault, detail: string): void {
    setImmediate(() => this.#fault(cause, detail))
  }
}

function unmapped(host: string): string {
  const mapped = host.startsWith(MAPPED_PREFIX) ? host.slice(MAPPED_PREFIX.length) : ''
  return isIPv4(mapped) ? mapped : host
}

function bindSocket(socket: Socket, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (cause: NodeJS.ErrnoException): void => {
      socket.close()
      reject(listenError('UDP', { host, port }, cause))
    }
    // Node would silently bind what remains of a number of more than 16 bits.
    if ((port & 0xffff) !== port) return onError(new Error('a port is a number from 0 to 65535'))
    socket.once('error', onError)
    socket.bind({ address: host, port, exclusive: true }, () => {
      socket.off('error', onError)
      resolve()
    })
  })
}
