/**
 * The first words of a connection, as a decision apart from sockets:
 *
 * ```
 *   dialler ──hello──▶ listener ──hello──▶ dialler   now messages follow, dialler → listener
 *   dialler ──hello──▶ listener ──refusal──▶ ∎       another cluster, no protocol in common, …
 *   dialler ──hello of no cluster──▶ listener ──hello──▶ ∎   "which cluster are you?", to join it
 *   dialler ──refusal──▶ listener ∎                  does not trust its certificate
 * ```
 * A refusal gives the reason, so that the log of the one refused says what to do and not only that
 * a connection closed. Who is not admitted for want of encryption learns nothing of the cluster.
 */
import { NO_CLUSTER } from '../../core/wire/codec.ts'
import type { Hello, LinkMessage, Refusal } from '../../core/wire/messages.ts'
import { commonProtocol } from '../../core/wire/protocol.ts'
import type { LinkSelf } from './link-options.ts'
import { helloOf, protocolsOf, protocolsText } from './link-options.ts'

/** The connection over which the caller speaks. */
export interface Call {
  /** Addresses of the two ends, for people. */
  readonly caller: string
  readonly listener: string
  /** What its encryption, or the lack of it, has come to already. */
  readonly refusal: Refusal | undefined
}

export type Verdict =
  | { readonly type: 'accept'; readonly hello: Hello }
  /** Tell who we are, then close. */
  | { readonly type: 'introduce'; readonly hello: Hello }
  | { readonly type: 'refuse'; readonly refusal: Refusal }
  /** It is the caller who does not want to talk to us. */
  | { readonly type: 'refused'; readonly refusal: Refusal }

/** What a listener makes of a caller's first frame; undefined: a frame that is no link message. */
export function judgeCaller(first: LinkMessage | undefined, self: LinkSelf, call: Call): Verdict {
  if (first?.type === 'refusal' && first.reason === 'bad-certificate') {
    return { type: 'refused', refusal: first }
  }
  if (first === undefined || first.type === 'refusal') {
    return refuse('malformed', 'the first frame is not a hello')
  }
  const [ours, theirs] = [protocolsOf(helloOf(self)), protocolsOf(first)]
  if (commonProtocol(ours, theirs) === undefined) {
    return refuse(
      'unsupported-protocol',
      `this node speaks protocol ${protocolsText(ours)}, the caller ${protocolsText(theirs)}: ` +
        'run versions of dnd on both that are closer to each other',
    )
  }
  if (call.refusal !== undefined) return { type: 'refuse', refusal: call.refusal }
  if (first.node === self.node) {
    return refuse(
      'self',
      `node ${self.node} at ${call.listener} was called by its own id from ${call.caller}: ` +
        'same node, its own seed; or a copied data directory, then stop one and empty its directory',
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

export function encryptionRequired(withCertificates: boolean): Refusal {
  const certificates = withCertificates ? ', and --tls-cert, --tls-key and --tls-ca' : ''
  return {
    type: 'refusal',
    reason: 'encryption-required',
    message:
      'the node called demands encryption, and the call came without: ' +
      `give the calling node the cluster's key with --key-file${certificates}`,
  }
}

/** `problem` as OpenSSL calls it. */
export function badCertificate(problem: unknown): Refusal {
  return {
    type: 'refusal',
    reason: 'bad-certificate',
    message:
      `your certificate is not one of this cluster (${String(problem)}): ` +
      'give your node one that the authority in --tls-ca has signed',
  }
}

function refuse(reason: Refusal['reason'], message: string): Verdict {
  return { type: 'refuse', refusal: { type: 'refusal', reason, message } }
}
