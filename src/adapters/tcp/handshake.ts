/**
 * The first words of a connection, as a decision apart from sockets:
 *
 * ```
 *   dialler ──hello──▶ listener ──hello──▶ dialler   now messages follow, dialler → listener
 *   dialler ──hello──▶ listener ──refusal──▶ ∎       another cluster or protocol, itself, no hello
 *   dialler ──hello of no cluster──▶ listener ──hello──▶ ∎   "which cluster are you?", to join it
 * ```
 * A refusal gives the reason, so that the log of the one refused says what to do and not only that
 * a connection closed.
 */
import { NO_CLUSTER, PROTOCOL_VERSION } from '../../core/wire/codec.ts'
import type { Hello, LinkMessage, Refusal } from '../../core/wire/messages.ts'
import type { LinkSelf } from './link-options.ts'

export type Verdict =
  | { readonly type: 'accept'; readonly hello: Hello }
  /** Tell who we are, then close. */
  | { readonly type: 'introduce'; readonly hello: Hello }
  | { readonly type: 'refuse'; readonly refusal: Refusal }

/** What a listener makes of a caller's first frame; undefined: a frame that is no link message. */
export function judgeCaller(first: LinkMessage | undefined, self: LinkSelf): Verdict {
  if (first === undefined || first.type === 'refusal') {
    return refuse('malformed', 'the first frame is not a hello')
  }
  if (first.protocol !== PROTOCOL_VERSION) {
    return refuse(
      'unsupported-protocol',
      `this node speaks protocol ${PROTOCOL_VERSION}, the caller ${first.protocol}: ` +
        'run the same version of dnd on both',
    )
  }
  if (first.node === self.node) {
    return refuse(
      'self',
      `node ${self.node} was called by its own id: same node, or a copied data directory`,
    )
  }
  if (first.cluster === NO_CLUSTER) return { type: 'introduce', hello: first }
  if (first.cluster !== self.cluster) {
    return refuse(
      'wrong-cluster',
      `this node belongs to cluster ${self.cluster}, the caller to ${first.cluster}`,
    )
  }
  return { type: 'accept', hello: first }
}

function refuse(reason: Refusal['reason'], message: string): Verdict {
  return { type: 'refuse', refusal: { type: 'refusal', reason, message } }
}
