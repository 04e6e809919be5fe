/**
 * The proof that a member said itself that it leaves.
 *
 * "It has left" is final for a generation: nobody suspects, probes or waits for who left. So it
 * must not be enough to say it of another. Every generation of a node begins with a secret; its
 * lock, a digest of the secret, stands in all that is told of the member. Who leaves gives the
 * secret away, and whoever holds the lock can tell a true leave from a false one, however many
 * nodes have passed it on (rule R5; the one-time signature of Lamport with one possible message).
 *
 * A leave of a member whose lock is not known is not believed: who did not know the member does not
 * miss it.
 */
import { fromHex, toHex } from '../std/bytes.ts'

/** SHA-256, whole. */
export type Digest = (bytes: Uint8Array) => Uint8Array

/** Of a secret, and of its lock: 32 hexadecimal digits. */
export const LEAVE_PROOF_BYTES = 16

/** The lock that `secret` opens. */
export function leaveLockOf(secret: string, digest: Digest): string {
  return toHex(digest(fromHex(secret) ?? new Uint8Array(0)).subarray(0, LEAVE_PROOF_BYTES))
}

export function provesLeave(
  proof: string | undefined,
  lock: string,
  digest: Digest,
): proof is string {
  return proof !== undefined && leaveLockOf(proof, digest) === lock
}
