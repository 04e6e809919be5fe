/**
 * News waiting to ride on the next packets (SWIM §4.1): dissemination whose cost does not grow with
 * the cluster.
 *
 * Each piece of news is sent a number of times that grows with log n, which infects everybody with
 * high probability and then stops, so that an idle cluster is quiet. What a packet takes:
 *
 * 1. What was sent least: fresh news, which the fewest have, must not wait behind news that is
 *    everywhere already.
 * 2. Of that the good news first: that somebody lives overrules a wrong accusation, and must not
 *    wait behind a storm of accusations. Then suspicions, then deaths and leaves (rule R10). Were
 *    kind to come before number, a steady flow of refutations in a large cluster on a bad network
 *    would leave no room for any death.
 * 3. Of each kind what waits longest. (Last in, first out lets old news starve under a steady
 *    flow.)
 *
 * What does not fit is skipped and the next is tried. A newer record about a member replaces the
 * older one, so the queue never holds two words on one member.
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
import type { MemberRecord, MemberState } from './member.ts'
import { memberBytes } from './member-codec.ts'

/**
 * What a packet needs besides its gossip: protocol, cluster, type, ids, sequence; and its envelope
 * when it is encrypted.
 */
export const PACKET_HEADER_BYTES_MAX: number = 144
export const GOSSIP_BYTES_MAX: number = DATAGRAM_BYTES_MAX - PACKET_HEADER_BYTES_MAX
/** λ of SWIM §4.1. Higher survives more loss and costs bytes. */
const TRANSMIT_FACTOR = 4
/**
 * Far beyond the time that a piece of news needs to be sent as often as it may in a busy cluster.
 */
const NEWS_MS = duration(30_000)
/** Records that did not fit, after which a packet is full enough. */
const MISFITS_MAX = 8

/** How often one piece of news is sent by each node of a cluster of `members`. */
export function transmitsMax(members: number): number {
  return TRANSMIT_FACTOR * Math.ceil(Math.log10(members + 1))
}

interface News {
  readonly record: MemberRecord
  readonly born: Instant
  readonly kind: number
  sent: number
}

const KIND: Readonly<Record<MemberState, number>> = { alive: 0, suspect: 1, dead: 2, left: 2 }
const KINDS = 3

export class GossipQueue {
  // Bounded by: one for each member, NODES_MAX.
  readonly #news = new Map<NodeId, News>()
  /**
   * The same news in the order of taking: by how often it was sent and its kind, then by waiting.
   */
  readonly #ranks: Map<NodeId, News>[] = []

  get size(): number {
    return this.#news.size
  }

  push(record: MemberRecord, now: Instant): void {
    const { id } = record.info
    this.forget(id)
    const news = { record, born: now, kind: KIND[record.state], sent: 0 }
    this.#news.set(id, news)
    this.#file(id, news)
  }

  forget(id: NodeId): void {
    const news = this.#news.get(id)
    if (news === undefined) return
    this.#news.delete(id)
    this.#ranks[rankOf(news)]!.delete(id)
  }

  expire(now: Instant): void {
    for (const [id, news] of this.#news) {
      if (since(news.born, now) >= NEWS_MS) this.forget(id)
    }
  }

  /**
   * Takes for a packet what fits into `bytes`. Its receiver needs no news about itself; its
   * sender's own record is in the packet already and counts as sent.
   */
  take(receiver: NodeId, sender: NodeId, bytes: number, transmits: number): MemberRecord[] {
    if (this.#news.size === 0) return []
    const taken: News[] = []
    const records: MemberRecord[] = []
    let left = bytes
    let misfits = 0
    for (const news of this.#inOrder()) {
      const { id } = news.record.info
      if (id === receiver) continue
      const size = id === sender ? 0 : memberBytes(news.record)
      if (size > left) {
        if (++misfits >= MISFITS_MAX) break
        continue
      }
      taken.push(news)
      if (id !== sender) records.push(news.record)
      left -= size
    }
    for (const news of taken) this.#onSent(news, transmits)
    return records
  }

  /** False when all that waits is one word about `member`, who needs none about itself. */
  isForOthersThan(member: NodeId): boolean {
    return this.#news.size !== 1 || !this.#news.has(member)
  }

  /** The records waiting, in no order that matters. */
  records(): MemberRecord[] {
    return [...this.#news.values()].map((news) => news.record)
  }

  *#inOrder(): Generator<News> {
    for (const rank of this.#ranks) yield* rank.values()
  }

  #onSent(news: News, transmits: number): void {
    const { id } = news.record.info
    this.#ranks[rankOf(news)]!.delete(id)
    news.sent++
    if (news.sent >= transmits) this.#news.delete(id)
    else this.#file(id, news)
  }

  #file(id: NodeId, news: News): void {
    const rank = rankOf(news)
    while (this.#ranks.length <= rank) this.#ranks.push(new Map())
    this.#ranks[rank]!.set(id, news)
  }

  check(): void {
    assert(this.#news.size <= NODES_MAX, () => `${this.#news.size} pieces of news`)
    let filed = 0
    for (const rank of this.#ranks) filed += rank.size
    assert(filed === this.#news.size, () => `${filed} of ${this.#news.size} pieces of news filed`)
  }
}

function rankOf({ sent, kind }: News): number {
  return KINDS * sent + kind
}
