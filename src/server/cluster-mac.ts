/**
 * The seal on contexts: HMAC-SHA-256, cut to 8 bytes, under a key made of the cluster's id. It
 * keeps contexts of other clusters, of other keys and of chance apart from ours. It is no lock yet:
 * who knows the cluster's id can make the key; that changes when clusters have secrets.
 */
import { createHmac } from 'node:crypto'
import type { ClusterId } from '../core/std/ids.ts'
import type { Mac } from '../core/versions/context-token.ts'

const MAC_BYTES = 8

export function clusterMac(cluster: ClusterId): Mac {
  const key = Buffer.from(`dnd context ${cluster}`)
  return (bytes) => createHmac('sha256', key).update(bytes).digest().subarray(0, MAC_BYTES)
}
