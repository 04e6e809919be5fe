/**
 * What becomes of a node that has met another process with its identity (rule R1).
 *
 * Somebody has copied a data directory and started both. The two draw dots from one counter under
 * one vnode id: of two writes with the same dot a replica keeps one and believes that it knows the
 * other, so an acknowledged write is gone. And whoever asks "this node" asks now one, now the
 * other, so a promise of the one is not kept by the other.
 *
 * No vote decides which of them is the real one: it would shut down half of the cluster when it
 * errs. Both stop, loudly, and the operator decides. Until it is restarted, a node that knows of
 * the other
 *
 * - coordinates no write, forwards none and changes no bucket;
 * - stores nothing that others send, be it a write, a repair or a partition: what it acknowledged
 *   would be looked for at the other one;
 * - hands no partition over, for what the other one has acknowledged would be missing;
 * - plans no layout.
 *
 * It still reads: a stale copy is outvoted as that of any replica that was away. (Answers of others
 * go to whichever of the two these know, so the other one may wait for them in vain.)
 */
import type { Failure } from '../coordinator/messages.ts'
import type { Address } from '../std/ids.ts'
import { formatAddress } from '../std/ids.ts'

/** Why a write is refused while `other` listens under the same identity. */
export function clonedFailure(other: Address): Failure {
  const message =
    `another process with the identity of this node listens on ${formatAddress(other)}; ` +
    'nothing was stored. Stop one of the two and restart the other; if the data directory was ' +
    'copied, delete the copy and join as a new node'
  return {
    ...{ ok: false, code: 'DND_ERR_CLONED_IDENTITY', outcome: 'rejected', needed: 0, got: 0 },
    message,
  }
}
