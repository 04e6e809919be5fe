/**
 * Whether a stream has brought all that its source holds.
 *
 * That each record is what was written, its checksum says. That none is missing it cannot say: a
 * scan that loses a page, a cursor that skips, a chunk that is dropped whole would leave holes that
 * nobody sees, and the source's clock, taken over at the end, would make them last: what it claims
 * to be seen is refused when it comes later. To count what was sent and what was received proves
 * little, for both counts come of the same scan. But the source knows by another way what it
 * holds: its hash tree follows each change, and its root is all entries by exclusive or
 * (`hash-tree.ts`). So the receiver adds up the entries of what it was given, in the same way:
 *
 * ```
 *   first chunk    root   of a tree that tells of nothing but what is durable, or none
 *   each chunk     sum    ^= entries of its records
 *   last chunk     root   of that moment
 *   equal roots, sum is not the root: the stream has lost or invented something
 * ```
 * The partition is written to meanwhile, and what came below the cursor is not in the stream; it
 * came to the receiver as a write. Then the roots differ, and nothing is concluded: dots are drawn
 * once, so no change leads back to a root that was (but for a record that is reaped and comes back,
 * which costs a second reading). Nothing is concluded either when a change is under way to the disk
 * at the beginning, where the scan would not find it, or when the source has no tree yet. Of a
 * partition at rest, as most are at any moment, all is proven; of the others, anti-entropy proves
 * it soon after. A cursor keeps root and sum, so a stream that was resumed is proven whole.
 *
 * A stream that differs is read once more from its beginning. If it differs again it counts, since
 * a source whose tree is wrong must not hold up a move for ever, but its clock is not taken over,
 * and neither is that of a second reading which proves nothing:
 * so nothing is refused that comes later, from anti-entropy or another source, and the partition is
 * the first to be compared with its other replicas once this node is read from.
 */
import { equalBytes } from '../std/bytes.ts'
import { HASH_BYTES } from '../std/hash64.ts'
import type { Version } from '../versions/version.ts'
import { hashEntry, hashKey } from './hash-tree.ts'

/** What is known of a stream that has ended: that it is whole, nothing, or that it is not. */
export type Proof = 'proven' | 'unknown' | 'differs'

/** What a stream has come to so far; the two halves of the sum are 32 bits each. */
export interface TransferProof {
  /** As the source said at the beginning; empty: nothing can be proven. */
  root: Uint8Array
  high: number
  low: number
}

const NO_ROOT = new Uint8Array(0)

/** Of a stream that begins at a source that says so of its tree. */
export function beginProof(root: Uint8Array | undefined): TransferProof {
  const isRoot = root?.length === HASH_BYTES
  return { root: isRoot ? root.slice() : NO_ROOT, high: 0, low: 0 }
}

/** A record came; `versions` undefined: it cannot be read. */
export function addToProof(
  proof: TransferProof,
  key: Uint8Array,
  versions: readonly Version[] | undefined,
): void {
  if (versions === undefined) proof.root = NO_ROOT
  if (versions === undefined || proof.root.length === 0) return
  const { high, low } = hashEntry(hashKey(key), versions)
  proof.high ^= high
  proof.low ^= low
}

/** The stream has ended at a source that says so of its tree now. */
export function judge({ root, high, low }: TransferProof, now: Uint8Array | undefined): Proof {
  if (root.length === 0 || now === undefined || !equalBytes(root, now)) return 'unknown'
  const sum = new DataView(root.buffer, root.byteOffset, root.length)
  return sum.getInt32(0) === (high | 0) && sum.getInt32(4) === (low | 0) ? 'proven' : 'differs'
}
