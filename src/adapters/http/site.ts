/**
 * What all requests of one HTTP server share: the node behind it, the limits, and the few counters
 * that keep them.
 */
import type { ClusterId } from '../../core/std/ids.ts'
import type { Mac } from '../../core/versions/context-token.ts'
import type { Gateway, Keyring, Log } from '../../runtime/ports.ts'
import type { ConsoleFiles } from './console-files.ts'
import type { Doorman } from './doorman.ts'
import type { LayoutTag } from './layout-tag.ts'
import type { Origins } from './origins.ts'
import type { Peers } from './peers.ts'

/** Where counts go; kept by the metrics adapter. */
export interface HttpMetrics {
  request(api: string, op: string, status: number, seconds: number): void
  /** A refusal, by its cause. */
  fault(transport: string, cause: string): void
  connection(api: string, change: 1 | -1): void
  /** Media type and text of a scrape. */
  readonly contentType: string
  render(): Promise<string>
}

/** What an operator may set of the HTTP front, with unit and trade-off. */
export interface HttpLimits {
  /** Open connections; more are closed as they come. Each costs about 20 KiB idle. */
  readonly connections: number
  /** Of them, those of one address; a proxy or a gateway is one address. */
  readonly connectionsPerAddress: number
  /** Request line and headers together, bytes: room for a full context and full metadata. */
  readonly headerBytesMax: number
  /** Bodies held in memory over all requests, bytes; beyond it requests are refused (503). */
  readonly bodyBytesInFlightMax: number
  /** For the headers to arrive, milliseconds. Shorter frees what a slow client holds sooner. */
  readonly headersTimeoutMs: number
  /**
   * For a whole request to arrive, milliseconds: at least a full value over the slowest link
   * served.
   */
  readonly requestTimeoutMs: number
  /**
   * An idle connection is kept for so long, milliseconds; longer than that of the load balancer in
   * front.
   */
  readonly keepAliveTimeoutMs: number
  /**
   * A connection on which nothing moves while an answer waits to be read is cut after so long,
   * milliseconds.
   */
  readonly stallTimeoutMs: number
  /** How often the first two are looked at, milliseconds. */
  readonly checkIntervalMs: number
}

export const DEFAULT_HTTP_LIMITS: HttpLimits = {
  connections: 10_000,
  connectionsPerAddress: 4_000,
  headerBytesMax: 64 * 1024,
  bodyBytesInFlightMax: 256 * 1024 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  keepAliveTimeoutMs: 65_000,
  stallTimeoutMs: 120_000,
  checkIntervalMs: 5_000,
}

/** What answering takes of the node, whoever asks: a client over HTTP, or the app it runs in. */
export type NodeSite = Pick<
  Site,
  'gateway' | 'cluster' | 'mac' | 'keyring' | 'dataDirectory' | 'probes'
> &
  Partial<Pick<Site, 'closing'>>

export interface Site {
  readonly gateway: Gateway
  readonly cluster: ClusterId
  readonly mac: Mac
  readonly log: Log
  readonly metrics: HttpMetrics
  readonly limits: HttpLimits
  /** Of the package. */
  readonly version: string
  /** Where the node keeps its data; undefined: nowhere. */
  readonly dataDirectory: string | undefined
  readonly keyring: Pick<Keyring, 'mode' | 'primary'>
  /** The OpenAPI document as bytes. */
  readonly openapi: () => Uint8Array
  readonly console: ConsoleFiles
  /** Bytes of bodies in memory now. Bounded by: `bodyBytesInFlightMax`. */
  bodyBytes: number
  /** Whether the server is draining: answers are the last on their connection. */
  closing: boolean
  /** Who asks. */
  readonly doorman: Doorman
  /** What answers say of the layout. */
  readonly layoutTag: LayoutTag
  /** Whose pages may ask. */
  readonly origins: Origins
  /** The other nodes' HTTP. */
  readonly peers: Peers
  /** How to end answers whose end is not known. Bounded by: `connections`. */
  readonly streams: Set<() => void>
  /** Health probes made, to spread them over the partitions. */
  probes: number
}
