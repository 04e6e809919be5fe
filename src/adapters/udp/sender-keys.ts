/**
 * The keys that packets are sealed with: one for each life of each node, made of the cluster's key
 * (HKDF, RFC 5869). Under one key for all, the counters of two nodes would meet in one nonce, which
 * is the end of AES-GCM; and random nonces of 96 bits may be drawn 2^32 times only (NIST SP
 * 800-38D, 8.3), which a busy cluster does within weeks.
 */
import { hkdfSync } from 'node:crypto'
import type { ClusterKey } from '../../core/node/cluster-key.ts'
import { NODES_MAX } from '../../core/std/limits.ts'
import { RecentMap } from './recent-map.ts'

/** Two keys for each node while keys rotate. */
const KEYS_CACHED_MAX = 2 * NODES_MAX
const LABEL = Buffer.from('dnd gossip')
const NO_SALT = Buffer.alloc(0)
const BYTES = 32

interface Cached {
  readonly of: ClusterKey
  readonly key: Buffer
}

export class SenderKeys {
  readonly #cache = new RecentMap<Cached>(KEYS_CACHED_MAX)

  get size(): number {
    return this.#cache.size
  }

  /** `sender` is the node's id and its generation as they stand in the header: 16 bytes. */
  of(key: ClusterKey, sender: Buffer): Buffer {
    const cached = this.#cache.get(nameOf(key, sender))
    // The same id with another secret is another key: ids are only four bytes long.
    if (cached?.of === key) return cached.key
    return Buffer.from(
      hkdfSync('sha256', key.secret, NO_SALT, Buffer.concat([LABEL, sender]), BYTES),
    )
  }

  /** To be called for what was authentic only: forgers must not push out the keys in use. */
  keep(of: ClusterKey, sender: Buffer, key: Buffer): void {
    const name = nameOf(of, sender)
    if (this.#cache.get(name)?.of !== of) this.#cache.set(name, { of, key })
  }
}

const nameOf = (key: ClusterKey, sender: Buffer): string => key.id + sender.toString('latin1')
