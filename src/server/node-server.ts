/**
 * The composition root: from a configuration to a running node, and back to nothing.
 *
 * Order of opening: the data directory (who am I? nobody else may be me), the store, the doors
 * (HTTP, TCP, UDP on the port of TCP), then the node. What comes through a door before the node is
 * there waits in the driver. Closing goes the other way: no new requests, those in flight end, the
 * links go, and the store syncs what it has before the directory is let go.
 */
import { randomBytes, randomInt } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { HttpServer } from '../adapters/http/http-server.ts'
import { NodeLog } from '../adapters/log/log.ts'
import { Metrics } from '../adapters/metrics/metrics.ts'
import { TcpLinks } from '../adapters/tcp/tcp-links.ts'
import { UdpDatagrams } from '../adapters/udp/udp-datagrams.ts'
import { DndError } from '../core/errors.ts'
import type { MemberInfo } from '../core/membership/member.ts'
import { Node } from '../core/node/node.ts'
import type { Address } from '../core/std/ids.ts'
import { Prng } from '../core/std/prng.ts'
import { Driver } from '../runtime/driver.ts'
import type { Log, Store } from '../runtime/ports.ts'
import type { NodeServerConfig } from './config.ts'
import { clusterMac } from './cluster-mac.ts'
import { openIdentity } from './identity.ts'
import type { Identity } from './identity.ts'
import { openStore } from './open-store.ts'
import { VERSION } from './version.ts'

/** Clients get so long to finish what they have begun when the node stops, milliseconds. */
const CLOSE_GRACE_MS = 5_000

export interface NodeServer {
  readonly node: string
  readonly cluster: string
  readonly name: string
  readonly httpAddress: Address
  readonly clusterAddress: Address
  /** Ends everything in order; a second call waits for the first. */
  stop(): Promise<void>
  /**
   * Settles when the node serves: it knows its cluster and may coordinate. Never, if it is stopped
   * before.
   */
  readonly ready: Promise<void>
  /** Settles when the node has stopped. */
  readonly stopped: Promise<void>
}

/** What was opened so far, to be closed in the opposite order. */
type Closing = (() => Promise<void>)[]

/**
 * Rejects with an error that has a code of the table; everything opened until then is closed again.
 */
export async function startNodeServer(config: NodeServerConfig): Promise<NodeServer> {
  const closing: Closing = []
  try {
    return await open(config, closing)
  } catch (error) {
    await closeAll(closing)
    throw error
  }
}

/**
 * What listens everywhere is nowhere in particular: other nodes and clients are told this address.
 */
const WILDCARDS = ['0.0.0.0', '::', '0:0:0:0:0:0:0:0']

async function open(config: NodeServerConfig, closing: Closing): Promise<NodeServer> {
  if (WILDCARDS.includes(config.host))
    throw new DndError(
      'DND_ERR_BAD_CONFIG',
      `--address ${config.host} cannot be told to other nodes: give the address of this machine at which they reach it`,
    )
  const identity = await openIdentity(config)
  closing.push(() => identity.close())
  const { node, cluster, generation } = identity
  const log = NodeLog.open({ level: config.logLevel, node: config.name, cluster })
  const metrics = new Metrics({ version: VERSION, process: true })
  const clocks = { monotonic: () => performance.now(), wall: () => Date.now() }
  const driver = new Driver({ log, observer: metrics, clocks })
  metrics.attach({ view: () => driver.view(), commits: () => driver.commits })
  const store = await openStore(config.engine, identity.storePath, driver.storeListener)
  closing.push(() => store.close())
  const { host } = config
  const http = await HttpServer.listen({
    ...{ host, port: config.httpPort, gateway: driver, cluster, mac: clusterMac(cluster) },
    ...{ log, metrics, version: VERSION },
  })
  closing.push(() => http.close(CLOSE_GRACE_MS))
  const linkOptions = { host, port: config.port, self: { node, generation, cluster } }
  const links = await TcpLinks.listen({ ...linkOptions, listener: driver.linkListener })
  closing.push(() => links.close())
  const port = links.port
  const datagrams = await UdpDatagrams.bind({
    host,
    port,
    cluster,
    listener: driver.datagramListener,
  })
  closing.push(() => datagrams.close())
  const self: MemberInfo = {
    ...{ id: node, name: config.name, zone: config.zone, weight: config.weight },
    address: { host, port },
    httpAddress: { host, port: http.port },
  }
  const core = createNode(config, identity, self, store)
  driver.start({ node: core, links, datagrams, store }, config.seeds)
  logStart(log, self, identity)
  return running(identity, self, closing, driver)
}

function createNode(
  config: NodeServerConfig,
  identity: Identity,
  self: MemberInfo,
  store: Store,
): Node {
  const { cluster, generation, founds } = identity
  const birth = founds ? { partitions: config.partitions, replicas: config.replicas } : undefined
  // The dice need no secrecy, only independence from every other node's.
  const rng = new Prng(randomInt(2 ** 32) ^ randomBytes(4).readUInt32BE())
  return new Node({ self, cluster, generation, config, birth, store, checksum: crc32, rng })
}

function running(
  identity: Identity,
  self: MemberInfo,
  closing: Closing,
  driver: Driver,
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
  return {
    node: identity.node,
    cluster: identity.cluster,
    name: self.name,
    httpAddress: self.httpAddress,
    clusterAddress: self.address,
    ready: driver.ready,
    stopped,
    stop: () => (stopping ??= stop()),
  }
}

async function closeAll(closing: Closing): Promise<void> {
  for (let close = closing.pop(); close !== undefined; close = closing.pop()) await close()
}

function logStart(log: Log, self: MemberInfo, identity: Identity): void {
  log.info(identity.fresh ? 'a new node' : 'a known node, started again', {
    id: self.id,
    generation: identity.generation,
  })
}
