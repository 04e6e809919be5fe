/**
 * News waiting to ride on the next packets (SWIM §4.1): dissemination without packets of its own.
 *
 * Each piece of news is sent a number of times that grows with log n, which infects everybody with
 * high probability and then stops, so that an idle cluster is quiet. Fewest-sent goes first: fresh
 * news, which the fewest have, must not wait behind news that is everywhere already. Among equally
 * sent ones the newest goes first; what does not fit is skipped and the next is tried. A newer
 * record about a member replaces the older one, so the queue never holds two words on one member.
 *
 * News also grows old. A node that was cut off has found no taker for the deaths of all whom it
 * could not reach; handed out when it is back, they would kill the living. After some seconds the
 * full state over TCP is the better teller.
 */
import { assert } from '../std/assert.ts'
import type { NodeId } from '../std/ids.ts'
import type { Instant } from '../std/instant.ts'
import { duration, since } from '../std/instant.ts'
import { DATAGRAM_BYTES_MAX, NODES_MAX } from '../std/limits.ts'
import type { MemberRecord } from './member.ts'
import { memberBytes } from './member-codec.ts'

/** What a packet needs besides its gossip: protocol, cluster, type, ids, sequence. */
export const PACKET_HEADER_BYTES_MAX: number = 96
export const GOSSIP_BYTES_MAX: number = DATAGRAM_BYTES_MAX - PACKET_HEADER_BYTES_MAX
/** λ of SWIM §4.1. Higher survives more loss and costs bytes. */
const TRANSMIT_FACTOR = 4
/**
 * Far beyond the time that a piece of news needs to be sent as often as it may in a busy cluster.
 */
const NEWS_MS = duration(30_000)

/** How often one piece of news is sent by each node of a cluster of `members`. */
export function transmitsMax(members: number): number {
  return TRANSMIT_FACTOR * Math.ceil(Math.log10(members + 1))
}

interface News {
  readonly record: MemberRecord
  readonly bytes: number
  readonly order: number
  readonly born: Instant
  sent: number
}

export class GossipQueue {
  // Bounded by: one for each member, NODES_MAX.
  readonly #news = new Map<NodeId, News>()
  #order = 0

  push(record: MemberRecord, now: Instant): void {
    const bytes = memberBytes(record)
    this.#news.set(record.info.id, { record, bytes, order: this.#order++, born: now, sent: 0 })
  }

  forget(id: NodeId): void {
    this.#news.delete(id)
  }

  expire(now: Instant): void {
    for (const [id, news] of this.#news) {
      if (since(news.born, now) >= NEWS_MS) this.#news.delete(id)
    }
  }

  /** Takes for a packet to `receiver`, who needs no news about itself, what fits into `bytes`. */
  take(receiver: NodeId, bytes: number, transmits: number): MemberRecord[] {
    const taken: MemberRecord[] = []
    if (this.#news.size === 0) return taken
    let left = bytes
    const order = [...this.#news].sort(([, a], [, b]) => a.sent - b.sent || b.order - a.order)
    for (const [id, news] of order) {
      if (news.sent >= transmits) this.#news.delete(id)
      else if (id !== receiver && news.bytes <= left) {
        taken.push(news.record)
        left -= news.bytes
        news.sent++
      }
    }
    return taken
  }

  /** The records waiting, in no order that matters. */
  records(): MemberRecord[] {
    return [...this.#news.values()].map((news) => news.record)
  }

  check(): void {
    assert(this.#news.size <= NODES_MAX, () => `${this.#news.size} pieces of news`)
  }
}
