/**
 * The names of things, branded so that they cannot be mixed up. They are parsed at the edge
 * (decoders, command line) and trusted inside.
 */

declare const nodeIdTag: unique symbol
declare const clusterIdTag: unique symbol
declare const vnodeIdTag: unique symbol
declare const partitionTag: unique symbol
declare const slotTag: unique symbol

/**
 * A node's identity: 16 lower-case hexadecimal digits, born with its data directory; never an
 * address.
 */
export type NodeId = string & { readonly [nodeIdTag]: true }
/** A cluster's identity: 32 lower-case hexadecimal digits, born with its first node. */
export type ClusterId = string & { readonly [clusterIdTag]: true }
/**
 * A replica's actor in dots: a random positive safe integer, born with the partition's directory on
 * a node (V1).
 */
export type VnodeId = number & { readonly [vnodeIdTag]: true }
/** A partition of the ring: 0 … Q − 1. */
export type PartitionId = number & { readonly [partitionTag]: true }
/** A position of the ring: 0 … 16383. */
export type Slot = number & { readonly [slotTag]: true }

/** Where a node listens: cluster traffic, UDP and TCP on the same port. */
export interface Address {
  readonly host: string
  readonly port: number
}

export function nodeId(text: string): NodeId | undefined {
  return /^[0-9a-f]{16}$/.test(text) ? (text as NodeId) : undefined
}

export function clusterId(text: string): ClusterId | undefined {
  return /^[0-9a-f]{32}$/.test(text) ? (text as ClusterId) : undefined
}

export function formatAddress(address: Address): string {
  return address.host.includes(':')
    ? `[${address.host}]:${address.port}`
    : `${address.host}:${address.port}`
}

/** `host:port`, `[v6]:port` or `host` with a default port; undefined when it is none of these. */
export function parseAddress(text: string, defaultPort?: number): Address | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([^:\s[\]]+))(?::(\d{1,5}))?$/.exec(text)
  if (match === null) return undefined
  const host = match[1] ?? match[2]!
  const port = match[3] === undefined ? defaultPort : Number(match[3])
  if (port === undefined || port < 1 || port > 65_535 || host.length > 253) return undefined
  return { host, port }
}
