/**
 * The composition root: from a configuration to a running node, and back to nothing.
 *
 * Order of opening: the data directory (who am I? nobody else may be me), the store, the doors
 * (TCP, UDP on the same port, HTTP), then the node. What comes through a door before the node is
 * there waits in the driver. Closing goes the other way: no new requests, those in flight end, the
 * links go, and the store syncs what it has before the directory is let go.
 */
import { createHash, randomBytes, randomInt } from 'node:crypto'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { diskUsage } from '../adapters/data-directory/disk-usage.ts'
import type { Certificate } from '../adapters/http/certificate.ts'
import { HttpServer } from '../adapters/http/http-server.ts'
import type { HttpServerOptions } from '../adapters/http/http-server.ts'
import { KeyringFile } from '../adapters/keyring/keyring-file.ts'
import { NodeLog } from '../adapters/log/log.ts'
import { Metrics } from '../adapters/metrics/metrics.ts'
import { TcpLinks } from '../adapters/tcp/tcp-links.ts'
import { UdpDatagrams } from '../adapters/udp/udp-datagrams.ts'
import { DndError } from '../core/errors.ts'
import { LEAVE_PROOF_BYTES } from '../core/membership/leave-proof.ts'
import { isStoreLost } from '../core/node/acceptor-memory.ts'
import type { ClusterKey } from '../core/node/cluster-key.ts'
import type { NodeOptions } from '../core/node/node.ts'
import { Node } from '../core/node/node.ts'
import { httpUrl, servesHttp } from '../core/membership/member.ts'
import type { Address } from '../core/std/ids.ts'
import { Prng } from '../core/std/prng.ts'
import { Driver } from '../runtime/driver.ts'
import type { Observer } from '../runtime/driver.ts'
import type { Log, Store } from '../runtime/ports.ts'
import type { NodeServerConfig } from './config.ts'
import { clusterMac } from './cluster-mac.ts'
import { isLoopback, keyringPath } from './encryption-config.ts'
import { ensureAdmin } from './first-admin.ts'
import { nodeClient } from './embedded/node-client.ts'
import type { NodeClient } from './embedded/node-client.ts'
import { openIdentity } from './identity.ts'
import type { Identity } from './identity.ts'
import {
  configuredKey,
  configuredPassword,
  configuredTls,
  httpCa,
  httpCertificate,
} from './key-material.ts'
import { openStore } from './open-store.ts'
import { VERSION } from './version.ts'

/** What clients have begun gets so long to end when the node stops, milliseconds. */
const CLOSE_GRACE_MS = 10_000
/** The same for what this process has begun by itself. */
const DESK_GRACE_MS = 3_000
/** The same for what other nodes have had this one begin, when the clients are done. */
const IDLE_GRACE_MS = 2_000

export interface NodeServer {
  readonly node: string
  readonly cluster: string
  readonly name: string
  /** undefined: it serves no HTTP. */
  readonly httpAddress: Address | undefined
  /** Of `httpAddress`, with its scheme. */
  readonly url: string | undefined
  readonly clusterAddress: Address
  /** All that `dnd-client` can do, done in this process. */
  readonly client: NodeClient
  /** As `client.bucket`: a node is taken wherever only buckets are wanted of a client. */
  readonly bucket: NodeClient['bucket']
  /** Ends everything in order, within 20 s; a second call waits for the first. */
  stop(): Promise<void>
  /**
   * Stops so that nobody notices: says that it is not ready, and to the other members that it
   * stops for a moment; goes on serving for `drainMs` of the configuration, so that balancers,
   * clients and members turn to others; then `stop`. A second call waits for the first.
   */
  drain(): Promise<void>
  /**
   * Reads the certificate for HTTP again, at once. False: it cannot be used, and the one before
   * stays; the log says why.
   */
  reload(): boolean
  /**
   * Settles when the node serves: it knows its cluster and may coordinate. Never, if it is stopped
   * before.
   */
  readonly ready: Promise<void>
  /** Why the cluster does not take the node, which leaves and stops then; undefined: it does. */
  readonly refusal: string | undefined
  /** Settles when the node has left its cluster; it stops by itself then. Never, if it stays. */
  readonly left: Promise<void>
  /** Settles when the node has stopped. */
  readonly stopped: Promise<void>
}

export interface ServerOptions {
  /** Default: lines on standard error. */
  readonly log?: Log | undefined
  /** Whether to serve HTTP. Default: true. */
  readonly http?: boolean | undefined
}

/** What was opened so far, to be closed in the opposite order. */
type Closing = (() => Promise<void>)[]

/**
 * Rejects with an error that has a code of the table; everything opened until then is closed again.
 */
export async function startNodeServer(
  config: NodeServerConfig,
  options: ServerOptions = {},
): Promise<NodeServer> {
  const closing: Closing = []
  try {
    return await open(config, options, closing)
  } catch (error) {
    await closeAll(closing)
    throw error
  }
}

/**
 * What listens everywhere is nowhere in particular: other nodes and clients are told this address.
 */
const WILDCARDS = ['0.0.0.0', '::', '0:0:0:0:0:0:0:0']

async function open(
  config: NodeServerConfig,
  options: ServerOptions,
  closing: Closing,
): Promise<NodeServer> {
  if (WILDCARDS.includes(config.host))
    throw new DndError(
      'DND_ERR_BAD_CONFIG',
      `--address ${config.host} cannot be told to other nodes: give the address of this machine at which they reach it`,
    )
  const tls = configuredTls(config)
  const configured = configuredKey(config)
  const adminPassword = configuredPassword(config)
  const { engine, data, encryption: mode } = config
  const ring = { path: keyringPath(engine, data), mode, configured }
  const identity = await openIdentity(config, { keyring: KeyringFile.peek(ring), tls })
  const running: { core: Node | undefined } = { core: undefined }
  // A start that fails leaves no mark: the ids in the store may be those of a backup.
  closing.push(() => identity.close(running.core?.resumable === true))
  // Anew: until the directory was this process's own, another may have changed the ring.
  const keyring = KeyringFile.open(ring)
  const { node, cluster, generation } = identity
  const log = options.log ?? NodeLog.open({ level: config.logLevel, node: config.name, cluster })
  const metrics = new Metrics({ version: VERSION, process: true })
  const clocks = { monotonic: () => performance.now(), wall: () => Date.now() }
  const driver = new Driver({ log, observer: observerOf(metrics, identity, log), clocks })
  metrics.attach({ view: () => driver.view(), commits: () => driver.commits })
  const dataDirectory = engine === 'memory' ? undefined : resolve(data)
  if (dataDirectory !== undefined) metrics.attach({ disk: () => diskUsage(dataDirectory) })
  const store = await openStore(config.engine, identity.storePath, driver.storeListener)
  closing.push(() => store.close())
  const { host, protocolMax } = config
  const speaker = { node, generation, cluster, protocolMax }
  const linkOptions = { host, port: config.port, self: speaker, keyring, tls }
  const links = await TcpLinks.listen({ ...linkOptions, listener: driver.linkListener })
  closing.push(() => links.close())
  const port = links.port
  const datagramOptions = { host, port, self: { node, generation }, cluster, keyring }
  const datagrams = await UdpDatagrams.bind({
    ...datagramOptions,
    listener: driver.datagramListener,
  })
  closing.push(() => datagrams.close())
  closing.push(() => driver.idle(IDLE_GRACE_MS))
  const answers = { gateway: driver, cluster, mac: clusterMac(cluster), dataDirectory, keyring }
  // The last doors to open are the first to close: what was begun still needs the others.
  const { client, desk } = nodeClient({ ...answers, probes: 0 })
  closing.push(() => desk.close(DESK_GRACE_MS))
  const door = options.http === false ? undefined : await openDoor(config, answers, log, metrics)
  const { http, certificate } = door ?? {}
  closing.push(async () => http?.close(CLOSE_GRACE_MS))
  const self = {
    ...{ id: node, name: config.name, zone: config.zone, weight: config.weight },
    version: VERSION,
    protocol: protocolMax,
    address: { host, port },
    // One port serves one thing: the same address says that there is no HTTP.
    httpAddress: { host, port: http?.port ?? port },
    ...(certificate !== undefined && { httpEncrypted: true as const }),
  }
  running.core = createNode(config, identity, self, store, keyring)
  logLoss(log, identity, running.core)
  driver.start({ node: running.core, links, datagrams, store, keyring }, config.seeds)
  if (adminPassword !== undefined)
    void driver.ready.then(() => ensureAdmin(driver, adminPassword, log))
  logStart(log, self, identity)
  logEncryption(log, keyring, configured)
  const drain = drainOf(config, log, http, driver)
  return runningServer(identity, self, { closing, driver, log, client, drain, certificate })
}

/** The door for clients, as the configuration wants it. */
async function openDoor(
  config: NodeServerConfig,
  answers: Pick<HttpServerOptions, 'gateway' | 'cluster' | 'mac' | 'dataDirectory' | 'keyring'>,
  log: Log,
  metrics: Metrics,
): Promise<{ readonly http: HttpServer; readonly certificate: Certificate | undefined }> {
  const certificate = httpCertificate(config, log)
  metrics.attach({ certificateExpiry: () => certificate?.expiresMs })
  const { host, httpPort: port, requireAuth } = config
  const listening = { host, port, log, metrics, version: VERSION, requireAuth }
  const secrets = { certificate, ca: httpCa(config) }
  // Elsewhere nobody can list the names by which a machine may be called.
  const hostNames = isLoopback(host) ? [host, ...config.allowHost] : undefined
  const guests = { allowOrigins: config.allowOrigin, hostNames }
  return {
    http: await HttpServer.listen({ ...answers, ...listening, ...secrets, ...guests }),
    certificate,
  }
}

/** Tells everybody that this node is about to stop. */
function drainOf(
  { drainMs }: NodeServerConfig,
  log: Log,
  http: HttpServer | undefined,
  driver: Driver,
): Running['drain'] {
  const announce = (): void => {
    log.info('draining: told to stop, serves until the others have turned away')
    http?.drain()
    driver.drain()
  }
  return { announce, ms: drainMs }
}

/** Counts what happens, and keeps what the next life of the node must know. */
function observerOf(metrics: Metrics, identity: Identity, log: Log): Observer {
  return {
    note: (note) => {
      metrics.note(note)
      if (note.type === 'cloned-identity') outlive(identity, note.generation, log)
      if (note.type === 'layout') adopted(identity, note.version, log)
    },
    fault: (transport, cause) => metrics.fault(transport, cause),
  }
}

/** What cannot be kept costs another restart: the clone is met again. */
function outlive(identity: Identity, generation: number, log: Log): void {
  try {
    identity.outlive(generation)
  } catch (error) {
    log.error('the generation of the other process could not be stored', { error })
  }
}

/** What cannot be kept would be missed only if the store were emptied before the next layout. */
function adopted(identity: Identity, version: number, log: Log): void {
  try {
    identity.adopted(version)
  } catch (error) {
    log.error('how far this node has come could not be stored with its identity', { error })
  }
}

function createNode(
  config: NodeServerConfig,
  identity: Identity,
  self: NodeOptions['self'],
  store: Store,
  keyring: KeyringFile,
): Node {
  const { cluster, generation, founds, resumed, knownVersion } = identity
  const birth = founds ? { partitions: config.partitions, replicas: config.replicas } : undefined
  // The dice need no secrecy, only independence from every other node's.
  const rng = new Prng(randomInt(2 ** 32) ^ randomBytes(4).readUInt32BE())
  const leaveSecret = randomBytes(LEAVE_PROOF_BYTES).toString('hex')
  const digest = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest()
  // Keys are told over links that hide them from everybody, and taken from those that prove who
  // speaks; in the other modes some links are plain.
  const keys = keyring.mode === 'required' ? keyring.state : undefined
  return new Node({
    ...{ self, cluster, generation, config, birth, store, checksum: crc32, rng },
    ...{ resumed, knownVersion, replaces: config.replaces },
    ...{ leaveSecret, digest, keyring: keys },
  })
}

interface Running {
  readonly closing: Closing
  readonly driver: Driver
  readonly log: Log
  readonly client: NodeClient
  readonly drain: { readonly announce: () => void; readonly ms: number }
  readonly certificate: Certificate | undefined
}

function runningServer(
  identity: Identity,
  self: NodeOptions['self'],
  { closing, driver, log, client, drain, certificate }: Running,
): NodeServer {
  let settle = (): void => undefined
  const stopped = new Promise<void>((resolve) => {
    settle = resolve
  })
  let stopping: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    await closeAll(closing)
    driver.stop()
    settle()
  }
  const stopOnce = (): Promise<void> => (stopping ??= stop())
  let draining: Promise<void> | undefined
  const drainAndStop = async (): Promise<void> => {
    drain.announce()
    await Promise.race([stopped, sleep(drain.ms, undefined, { ref: false })])
    await stopOnce()
  }
  return {
    node: identity.node,
    cluster: identity.cluster,
    name: self.name,
    httpAddress: servesHttp(self) ? self.httpAddress : undefined,
    url: servesHttp(self) ? httpUrl(self) : undefined,
    clusterAddress: self.address,
    client,
    bucket: client.bucket.bind(client) as NodeClient['bucket'],
    ready: driver.ready,
    get refusal() {
      return driver.refusal
    },
    left: driver.left.then(() => {
      markLeft(identity, log)
      void stopOnce()
    }),
    stopped,
    stop: stopOnce,
    drain: () => (draining ??= stopping ?? drainAndStop()),
    reload: () => certificate?.reload() ?? true,
  }
}

/** What cannot be marked is still known to the store: the next start goes on with the leave. */
function markLeft(identity: Identity, log: Log): void {
  try {
    identity.leave()
  } catch (error) {
    log.error('the data directory could not be marked as that of a node that has left', { error })
  }
}

async function closeAll(closing: Closing): Promise<void> {
  for (let close = closing.pop(); close !== undefined; close = closing.pop()) await close()
}

function logStart(log: Log, self: NodeOptions['self'], identity: Identity): void {
  log.info(identity.fresh ? 'a new node' : 'a known node, started again', {
    id: self.id,
    generation: identity.generation,
  })
}

function logLoss(log: Log, { knownVersion, emptied }: Identity, node: Node): void {
  const stored = node.view().layout?.current.version ?? 0
  if (emptied || !isStoreLost(stored, knownVersion)) return
  log.error(
    'the store has less than this node has known: was it emptied, or restored from a backup? It waits for what the others know; docs/guides/disaster.md says what is better',
    { storedLayout: stored, knownLayout: knownVersion },
  )
}

function logEncryption(log: Log, keyring: KeyringFile, configured: ClusterKey | undefined): void {
  const { mode, primary } = keyring
  if (primary === undefined) return log.info('traffic between nodes is not encrypted')
  log.info('traffic between nodes', { encryption: mode, key: primary.id })
  if (configured !== undefined && keyring.find(configured.id) === undefined)
    log.info(
      'the configured key was removed from the cluster; the ring in the data directory is used',
      {
        configured: configured.id,
      },
    )
}
