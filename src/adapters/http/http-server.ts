/**
 * The HTTP front: node:http, a router, and the patience and limits that keep one client from
 * harming the others.
 *
 * Limits stand where they are cheapest: connections at accept, headers and their pace in Node's
 * parser, bodies by their declared length before the first byte is read and by counting otherwise,
 * everything in memory by one sum. Whatever a client sends, it gets an answer with a code or is cut
 * off, and it is counted; nothing that it sends is thrown further than its own exchange.
 */
import { createServer } from 'node:http'
import type { Server, ServerOptions, ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { DndError } from '../../core/errors.ts'
import { bucketNameProblem } from '../../core/node/buckets.ts'
import type { ClusterId } from '../../core/std/ids.ts'
import type { Mac } from '../../core/versions/context-token.ts'
import { listenError } from '../../runtime/listen-error.ts'
import type { Gateway, Keyring, Log } from '../../runtime/ports.ts'
import { admit } from './admission.ts'
import { TLS_MIN_VERSION } from './certificate.ts'
import type { Certificate, CertificatePair } from './certificate.ts'
import { refusalOf } from './client-error.ts'
import type { ParserError } from './client-error.ts'
import { ConsoleFiles } from './console-files.ts'
import { Doorman } from './doorman.ts'
import { Exchange, Incoming } from './exchange.ts'
import { LayoutTag } from './layout-tag.ts'
import { endAnswered } from './linger.ts'
import { openapiDocument } from './openapi.ts'
import type { Operation } from './operation.ts'
import { answerPreflight, Origins } from './origins.ts'
import { Peers } from './peers.ts'
import { percentDecode } from './percent.ts'
import { causeOf, PROBLEM_TYPE, problemOf, problemOfError } from './problem.ts'
import { parseQuery } from './query.ts'
import { Router } from './router.ts'
import type { PathMatch } from './router.ts'
import { ROUTES } from './routes.ts'
import { DEFAULT_HTTP_LIMITS } from './site.ts'
import type { HttpLimits, HttpMetrics, Site } from './site.ts'

export interface HttpServerOptions {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly gateway: Gateway
  readonly cluster: ClusterId
  readonly mac: Mac
  readonly log: Log
  readonly metrics: HttpMetrics
  /** Of the package. */
  readonly version: string
  /** Told to who asks the node to leave; without it the node keeps nothing on disk. */
  readonly dataDirectory?: string | undefined
  /** Shown: its mode, and the name of the primary key. Without it nothing is encrypted. */
  readonly keyring?: Pick<Keyring, 'mode' | 'primary'>
  readonly limits?: Partial<HttpLimits>
  /** Whose pages in browsers may ask besides the node's own; as browsers write them. */
  readonly allowOrigins?: readonly string[]
  /** Names by which it may be called besides those of loopback. Default: all. */
  readonly hostNames?: readonly string[] | undefined
  /** With it, HTTPS is spoken and nothing else. */
  readonly certificate?: Certificate | undefined
  /** Who signs the certificates of the other nodes' HTTPS, PEM. Default: who the system trusts. */
  readonly ca?: Buffer | undefined
  /** Whether nobody is served unknown, even while the cluster has no users. */
  readonly requireAuth?: boolean
}

/** What is remembered of a connection, on its socket. */
interface Connection extends Socket {
  /** Of the request that arrived last on it. */
  latestExchange?: Exchange
  /** Requests that wait for the one before them. Bounded by: PIPELINED_MAX. */
  waiting?: number
  /** What it sends is not HTTP any more. */
  unparsable?: boolean
}

/** Requests that may wait on one connection for those before them. */
const PIPELINED_MAX = 256
/** Between the last connection taken and the end of those on which nothing is asked. */
const LAST_READ_MS = 50

export class HttpServer {
  readonly #server: Server<typeof Incoming>
  readonly #site: Site
  readonly #router = new Router(ROUTES)
  // Bounded by: `connections` of the limits.
  readonly #connections = new Set<Connection>()
  readonly #certificate: Certificate | undefined
  /** As they were accepted, before TLS. Bounded by: `connections` of the limits. */
  readonly #sockets = new Set<Socket>()
  /** How many of them each address has. Bounded by: `connections` of the limits. */
  readonly #addresses = new Map<string, number>()

  private constructor(options: HttpServerOptions) {
    this.#site = siteOf(options)
    this.#certificate = options.certificate
    this.#server = this.#create()
  }

  /** Rejects with a `DndError` when it cannot listen there. */
  static async listen(options: HttpServerOptions): Promise<HttpServer> {
    const server = new HttpServer(options)
    await server.#listen(options.host, options.port)
    return server
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /**
   * Says with every answer that it is the last here, and ends the streams; goes on taking
   * connections and requests, for those who have not noticed yet.
   */
  drain(): void {
    this.#site.closing = true
    for (const end of [...this.#site.streams]) end()
  }

  /**
   * Takes no more connections, lets what is in flight end, and cuts what has not ended after
   * `graceMs`.
   */
  async close(graceMs: number): Promise<void> {
    this.drain()
    const server = this.#server
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve())
    })
    // What had arrived when the door was closed is read first: it is answered, and not cut off.
    await new Promise((resolve) => setTimeout(resolve, LAST_READ_MS))
    this.#certificate?.close()
    for (const socket of this.#connections) if (isIdle(socket)) socket.destroy()
    const speaking = new Set([...this.#connections].map(peerOf))
    for (const socket of this.#sockets) if (!speaking.has(peerOf(socket))) socket.destroy()
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy()
    }, graceMs)
    await closed
    clearTimeout(timer)
    this.#site.peers.close()
  }

  #create(): Server<typeof Incoming> {
    const { limits } = this.#site
    const options = {
      IncomingMessage: Incoming,
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: limits.checkIntervalMs,
      // Checked here, so that the refusal has a code and a count.
      requireHostHeader: false,
      noDelay: true,
    }
    const onRequest = (request: Incoming, response: ServerResponse): void =>
      this.#onRequest(request, response)
    const server =
      this.#certificate === undefined
        ? createServer(options, onRequest)
        : this.#createSecure(options, this.#certificate, onRequest)
    server.maxConnections = limits.connections
    // Node drops headers beyond a count without a word; maxHeaderSize bounds them already.
    server.maxHeadersCount = 0
    server.timeout = limits.stallTimeoutMs
    server.on('checkContinue', (request, response) => this.#onRequest(request, response))
    server.on('checkExpectation', (request, response) => this.#onRequest(request, response))
    server.on('clientError', (error, socket) => this.#onClientError(error, socket))
    server.on('connect', (_request, socket) => this.#onConnect(socket))
    server.on('connection', (socket) => this.#onSocket(socket))
    server.on(this.#certificate === undefined ? 'connection' : 'secureConnection', (socket) =>
      this.#onConnection(socket),
    )
    server.on('drop', () => this.#site.metrics.fault('http', 'connection-limit'))
    server.on('timeout', (socket) => this.#onStalled(socket))
    return server
  }

  #createSecure(
    options: ServerOptions<typeof Incoming>,
    certificate: Certificate,
    onRequest: (request: Incoming, response: ServerResponse) => void,
  ): Server<typeof Incoming> {
    const tls = (pair: CertificatePair) => ({ ...pair, minVersion: TLS_MIN_VERSION }) as const
    const handshakeTimeout = this.#site.limits.headersTimeoutMs
    const all = { ...options, ...tls(certificate.pair), handshakeTimeout }
    const server = createSecureServer(all, onRequest)
    certificate.watch((pair) => server.setSecureContext(tls(pair)))
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      this.#site.metrics.fault('http', handshakeCause(error))
      socket.destroy()
    })
    return server
  }

  #listen(host: string, port: number): Promise<void> {
    const server = this.#server
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        reject(listenError('HTTP', { host, port }, error))
      })
      server.listen({ host, port, backlog: 1024 }, () => {
        server.removeAllListeners('error')
        server.on('error', (error) => this.#site.log.error('the HTTP port failed', { error }))
        resolve()
      })
    })
  }

  /**
   * Requests on one connection run one after the other: a get that was sent behind a put must see
   * it. Only clients that do not wait for answers ever wait here.
   */
  #onRequest(request: Incoming, response: ServerResponse): void {
    const connection = request.socket as Connection
    // What the parser had read before the connection was cut is still told.
    if (connection.destroyed) return
    const exchange = new Exchange(this.#site, request, response)
    const before = connection.latestExchange
    connection.latestExchange = exchange
    if (before === undefined || before.answered) return this.#begin(exchange)
    const waiting = (connection.waiting ?? 0) + 1
    connection.waiting = waiting
    if (waiting > PIPELINED_MAX) {
      this.#site.metrics.fault('http', 'pipeline-limit')
      connection.destroy()
      return
    }
    before.next = () => {
      connection.waiting = (connection.waiting ?? 1) - 1
      this.#begin(exchange)
    }
  }

  #begin(exchange: Exchange): void {
    try {
      this.#dispatch(exchange, exchange.request)
    } catch (error) {
      if (!(error instanceof DndError)) throw error
      exchange.fail(error)
    }
  }

  #dispatch(exchange: Exchange, request: Incoming): void {
    exchange.headers.read(request.rawHeaders)
    exchange.origin = this.#site.origins.check(exchange.headers)
    const match = this.#router.find(request.url ?? '')
    const { route } = match
    if (route === undefined) throw noRoute(match)
    if (answerPreflight(exchange, route.allow)) return
    const operation = route.operations.get(request.method ?? '')
    if (operation === undefined) return refuseMethod(exchange, route.allow)
    exchange.op = operation.op
    exchange.hasBucket = route.bucket >= 0
    if (exchange.hasBucket) exchange.bucket = bucketOf(match, route.bucket)
    if (route.key >= 0) exchange.key = decoded(match, route.key, 'the key')
    exchange.query = parseQuery(match.target, match.queryStart, operation.query)
    checkForm(exchange, operation)
    admit(exchange, operation)
  }

  #onSocket(socket: Socket): void {
    const { limits, metrics } = this.#site
    const { remoteAddress = '' } = socket
    const open = (this.#addresses.get(remoteAddress) ?? 0) + 1
    if (open > limits.connectionsPerAddress) {
      metrics.fault('http', 'address-limit')
      socket.destroy()
      return
    }
    this.#addresses.set(remoteAddress, open)
    metrics.connection('http', 1)
    this.#sockets.add(socket)
    socket.once('close', () => {
      metrics.connection('http', -1)
      this.#sockets.delete(socket)
      this.#leave(remoteAddress)
    })
  }

  #leave(address: string): void {
    const left = (this.#addresses.get(address) ?? 1) - 1
    if (left > 0) this.#addresses.set(address, left)
    else this.#addresses.delete(address)
  }

  /** HTTP may be spoken. */
  #onConnection(socket: Socket): void {
    this.#connections.add(socket)
    socket.once('close', () => this.#connections.delete(socket))
  }

  /** A proxy is not what this is. */
  #onConnect(socket: Duplex): void {
    this.#site.metrics.fault('http', 'connect')
    const problem = problemOf('DND_ERR_METHOD_NOT_ALLOWED', 'CONNECT is not served', 'rejected')
    socket.on('error', () => socket.destroy())
    endWithProblem(socket as Socket, problem)
  }

  /**
   * Nothing has moved for long: an idle connection, a client that does not read its answer, or a
   * node that thinks.
   */
  #onStalled(socket: Connection): void {
    const exchange = socket.latestExchange
    const waits = exchange !== undefined && !exchange.answered && exchange.request.complete
    if (waits) return void socket.setTimeout(this.#site.limits.stallTimeoutMs)
    if (exchange !== undefined && !exchange.response.writableFinished)
      this.#site.metrics.fault('http', 'stalled')
    socket.destroy()
  }

  /** Bytes that are no request, a request that takes too long, or a connection that broke. */
  #onClientError(error: ParserError, duplex: Duplex): void {
    const socket = duplex as Connection
    // The parser complains again of every further byte.
    if (socket.unparsable === true) return
    socket.unparsable = true
    const refusal = refusalOf(error)
    const exchange = socket.latestExchange
    if (exchange !== undefined && !exchange.answered && !exchange.request.complete && refusal)
      return exchange.broken(refusal)
    if (refusal !== undefined) this.#site.metrics.fault('http', causeOf(refusal.code))
    if (refusal === undefined || !socket.writable) return void socket.destroy()
    const answer = (): void => endWithProblem(socket, problemOfError(refusal))
    // An answer to an earlier request on this connection goes first.
    if (exchange === undefined || exchange.response.writableFinished) answer()
    else exchange.response.once('close', answer)
  }
}

/**
 * Nothing was asked on it, or all was answered: Node takes a connection that never asked anything
 * for a busy one.
 */
function isIdle(connection: Connection): boolean {
  const exchange = connection.latestExchange
  return exchange === undefined || exchange.response.writableFinished
}

/** No two open connections to one port have it in common. */
function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress}:${remotePort}`
}

/** Why a handshake failed, as far as it matters to who reads the counts. */
function handshakeCause({ code }: NodeJS.ErrnoException): string {
  if (code === 'ERR_SSL_HTTP_REQUEST') return 'not-encrypted'
  return code === 'ERR_TLS_HANDSHAKE_TIMEOUT' ? 'slow-handshake' : 'handshake'
}

function siteOf(options: HttpServerOptions): Site {
  const { gateway, cluster, mac, log, metrics, version } = options
  let openapi: Uint8Array | undefined
  return {
    gateway,
    cluster,
    mac,
    log,
    metrics,
    version,
    dataDirectory: options.dataDirectory,
    keyring: options.keyring ?? { mode: 'off', primary: undefined },
    limits: { ...DEFAULT_HTTP_LIMITS, ...options.limits },
    openapi: () => (openapi ??= Buffer.from(JSON.stringify(openapiDocument(ROUTES, version)))),
    console: new ConsoleFiles(import.meta.dirname),
    layoutTag: new LayoutTag(gateway),
    origins: new Origins(options.allowOrigins ?? [], options.hostNames),
    peers: new Peers(options.ca, options.certificate),
    doorman: new Doorman(gateway, options.requireAuth ?? false),
    bodyBytes: 0,
    closing: false,
    streams: new Set(),
    probes: 0,
  }
}

/** What every request must keep to, whatever it asks. */
function checkForm(exchange: Exchange, operation: Operation): void {
  const { headers, request } = exchange
  if (headers.host === undefined && request.httpVersion === '1.1')
    throw new DndError('DND_ERR_BAD_HEADER', 'the Host header is missing')
  if (headers.announcesBody && operation.body === undefined)
    throw new DndError('DND_ERR_BAD_BODY', `${request.method ?? ''} takes no body here`)
}

function bucketOf(match: Readonly<PathMatch>, index: number): string {
  const bucket = Buffer.from(decoded(match, index, 'the bucket')).toString('latin1')
  const problem = bucketNameProblem(bucket)
  if (problem !== undefined) throw new DndError('DND_ERR_BAD_BUCKET', problem)
  return bucket
}

function decoded(match: Readonly<PathMatch>, index: number, what: string): Uint8Array {
  const { target, bounds } = match
  return percentDecode(target, bounds[2 * index]!, bounds[2 * index + 1]!, false, what)
}

function noRoute(match: Readonly<PathMatch>): DndError {
  const hint = match.target.startsWith('/kv/') ? '; a "/" inside a key is written %2F' : ''
  return new DndError('DND_ERR_NOT_FOUND', `no route has this path${hint}`)
}

function refuseMethod(exchange: Exchange, allow: string): void {
  const message = `${exchange.request.method ?? ''} is not one of ${allow}`
  exchange.fail(new DndError('DND_ERR_METHOD_NOT_ALLOWED', message), ['allow', allow])
}

function endWithProblem(socket: Socket, problem: ReturnType<typeof problemOf>): void {
  if (!socket.writable) return void socket.destroy()
  const body = Buffer.from(JSON.stringify(problem))
  endAnswered(socket, problem.status, ['content-type', PROBLEM_TYPE], body)
}
