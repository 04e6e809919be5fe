/**
 * What the tests of links share: a listener that remembers, nodes on free ports, and strangers with
 * bare sockets.
 */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import { afterEach, before, suite } from 'node:test'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import { ByteWriter } from '../../core/std/bytes.ts'
import type { Address, ClusterId, NodeId } from '../../core/std/ids.ts'
import { FRAME_BYTES_MAX } from '../../core/std/limits.ts'
import { decodeLink, encodeMessage } from '../../core/wire/codec.ts'
import { PROTOCOL_MAX, PROTOCOL_MIN } from '../../core/wire/protocol.ts'
import type { Hello, LinkMessage, PeerMessage } from '../../core/wire/messages.ts'
import { CLUSTER, SAMPLES } from '../../core/wire/samples.test.ts'
import type { LinkListener } from '../../runtime/ports.ts'
import { FrameParser } from './frame-parser.ts'
import { linkFrame } from './frame-socket.ts'
import { LinkTls } from './link-security.ts'
import type { Kind } from './security-fixture.test.ts'
import { KINDS, securityOf } from './security-fixture.test.ts'
import type { TcpLinksOptions } from './tcp-links.ts'
import { TcpLinks } from './tcp-links.ts'

export const HOST = '127.0.0.1'
export const OTHER_CLUSTER = 'f'.repeat(32) as ClusterId

/** `node(1)`: 0000000000000001. */
export function node(number: number): NodeId {
  return number.toString(16).padStart(16, '0') as NodeId
}

export function read(request: number): PeerMessage {
  return { ...SAMPLES['read']!, request } as PeerMessage
}

export type Heard =
  | { readonly type: 'message'; readonly from: NodeId; readonly message: PeerMessage }
  | { readonly type: 'linkUp'; readonly peer: NodeId }
  | { readonly type: 'linkDown'; readonly peer: NodeId; readonly reason: string }
  | { readonly type: 'dialed'; readonly address: Address; readonly peer: NodeId }
  | { readonly type: 'dialFailed'; readonly address: Address; readonly reason: string }
  | { readonly type: 'fault'; readonly cause: string; readonly detail: string }

type HeardOf<T extends Heard['type']> = Extract<Heard, { type: T }>

/** Keeps all it hears; a test takes it kind by kind, waiting if need be. */
export class Ear implements LinkListener {
  readonly heard: Heard[] = []
  /** Of the faults that people are to see. */
  readonly sources: string[] = []
  readonly #taken = new Set<Heard>()
  readonly #waiting = new Set<() => void>()
  /** Called with everything heard, at once. */
  onHeard: (heard: Heard) => void = () => {}

  /** The first of this kind that no test has taken yet. */
  async next<T extends Heard['type']>(type: T): Promise<HeardOf<T>> {
    for (;;) {
      const found = this.heard.find((each) => each.type === type && !this.#taken.has(each))
      if (found !== undefined) {
        this.#taken.add(found)
        return found as HeardOf<T>
      }
      await new Promise<void>((wake) => this.#waiting.add(wake))
    }
  }

  /** The requests of the next `count` messages. */
  async requests(count: number): Promise<number[]> {
    const requests: number[] = []
    while (requests.length < count) {
      const { message } = await this.next('message')
      requests.push('request' in message ? message.request : -1)
    }
    return requests
  }

  message(from: NodeId, message: PeerMessage): void {
    this.#note({ type: 'message', from, message })
  }
  linkUp(peer: NodeId): void {
    this.#note({ type: 'linkUp', peer })
  }
  linkDown(peer: NodeId, reason: string): void {
    this.#note({ type: 'linkDown', peer, reason })
  }
  dialed(address: Address, peer: NodeId): void {
    this.#note({ type: 'dialed', address, peer })
  }
  dialFailed(address: Address, reason: string): void {
    this.#note({ type: 'dialFailed', address, reason })
  }
  fault(cause: string, detail: string, source?: string): void {
    if (source !== undefined) this.sources.push(source)
    this.#note({ type: 'fault', cause, detail })
  }

  #note(heard: Heard): void {
    this.heard.push(heard)
    this.onHeard(heard)
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }
}

const cleanups: (() => unknown)[] = []

/** Runs after the current test, the last first. */
export function cleanup(action: () => unknown): void {
  cleanups.push(action)
}

afterEach(async () => {
  while (cleanups.length > 0) await cleanups.pop()!()
})

/** How nodes and strangers talk unless a test says otherwise. */
let kind: Kind = 'plain'

/** The same tests for links of every kind. */
export function overEveryKind(tests: (kind: Kind) => void): void {
  for (const each of KINDS) {
    suite(`over links of kind ${each}:`, () => {
      before(() => {
        kind = each
      })
      tests(each)
    })
  }
}

export interface Station {
  readonly id: NodeId
  readonly ear: Ear
  readonly links: TcpLinks
  readonly address: Address
}

type StationOptions = {
  readonly [Name in keyof TcpLinksOptions]?: NonNullable<TcpLinksOptions[Name]>
} & { readonly cluster?: ClusterId }

/** Links of node `number` on a free port, or on the one asked for. */
export async function station(number: number, options: StationOptions = {}): Promise<Station> {
  const { cluster = CLUSTER, ...rest } = options
  const ear = new Ear()
  const self = { node: node(number), generation: 1, cluster }
  const links = await TcpLinks.listen({
    ...{ host: HOST, port: 0, self, listener: ear },
    ...securityOf(kind),
    ...rest,
  })
  cleanup(() => links.close())
  const { host = HOST } = options
  return { id: node(number), ear, links, address: { host, port: links.port } }
}

/** Two nodes that know where the other is. */
export async function pair(): Promise<[Station, Station]> {
  const a = await station(1)
  const b = await station(2)
  a.links.setAddress(b.id, b.address)
  b.links.setAddress(a.id, a.address)
  return [a, b]
}

/** A connection that speaks for itself, and what it got back until it was closed. */
export class Stranger {
  readonly socket: Socket
  readonly answers: (LinkMessage | undefined)[] = []
  readonly closed: Promise<void>
  readonly #parser = new FrameParser(FRAME_BYTES_MAX)
  #wake: (() => void) | undefined

  constructor(socket: Socket) {
    this.socket = socket
    // Being cut off is what these callers expect.
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      this.#parser.push(chunk, (body) => this.answers.push(decodeLink(body)) > 0)
      this.#wake?.()
    })
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
    cleanup(() => socket.destroy())
  }

  async answer(count: number): Promise<LinkMessage | undefined> {
    while (this.answers.length < count) await new Promise<void>((wake) => (this.#wake = wake))
    return this.answers[count - 1]
  }

  write(bytes: Uint8Array): void {
    this.socket.write(bytes)
  }

  say(message: LinkMessage): void {
    this.write(linkFrame(message))
  }
}

/** A caller that has connected and nothing more, whatever the kind of the links. */
export async function bareStranger(to: Station): Promise<Stranger> {
  const socket = connect({ host: HOST, port: to.links.port })
  const caller = new Stranger(socket)
  await once(socket, 'connect')
  return caller
}

export async function stranger(to: Station): Promise<Stranger> {
  const security = new LinkTls(securityOf(kind))
  const at = { host: HOST, port: to.links.port }
  const isTls = security.dialsEncrypted
  const socket = isTls ? connectTls({ ...security.forCaller().options, ...at }) : connect(at)
  const caller = new Stranger(socket)
  await once(socket, isTls ? 'secureConnect' : 'connect')
  return caller
}

/** A caller that has introduced itself as node `number`. */
export async function acquaintance(to: Station, number: number, generation = 1): Promise<Stranger> {
  const caller = await stranger(to)
  caller.say(helloOf(number, generation))
  await caller.answer(1)
  return caller
}

export function helloOf(number: number, generation = 1, cluster: ClusterId = CLUSTER): Hello {
  const protocols = { protocol: PROTOCOL_MAX, protocolMin: PROTOCOL_MIN }
  return { type: 'hello', ...protocols, cluster, node: node(number), generation }
}

export function messageFrame(message: PeerMessage): Uint8Array {
  const writer = new ByteWriter()
  writer.u32(0)
  encodeMessage(writer, message)
  writer.patchU32(0, writer.length - 4)
  return writer.take()
}

/** A listener that is no node; `onCaller` says what it does with each connection. */
export async function impostor(onCaller: (caller: Stranger) => void): Promise<Address> {
  const security = new LinkTls(securityOf(kind))
  const onSocket = (socket: Socket): void => onCaller(new Stranger(socket))
  const server = security.dialsEncrypted
    ? createTlsServer(
        security.forListener(() => {}),
        onSocket,
      )
    : createServer(onSocket)
  server.listen(0, HOST)
  await once(server, 'listening')
  cleanup(() => server.close())
  const address = server.address()
  return { host: HOST, port: typeof address === 'object' ? address!.port : 0 }
}
