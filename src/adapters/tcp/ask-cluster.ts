/**
 * "Which cluster are you?": what a node asks the address that it was told to join before it belongs
 * to any cluster. Behind a name all are asked at once, and the first who knows it has the word.
 */
import type { ErrorCode } from '../../core/errors.ts'
import { DndError } from '../../core/errors.ts'
import type { Address, ClusterId, NodeId } from '../../core/std/ids.ts'
import { formatAddress } from '../../core/std/ids.ts'
import { NO_CLUSTER } from '../../core/wire/codec.ts'
import type { DialOutcome } from './dial.ts'
import { dial } from './dial.ts'
import { dialAll } from './dial-all.ts'
import type { TcpFault } from './link-options.ts'
import { helloOf, isAboutSettings } from './link-options.ts'
import type { LinkSecurity } from './link-security.ts'
import { LinkTls } from './link-security.ts'
import type { Resolve } from './resolve.ts'
import { resolveBySystem } from './resolve.ts'

export interface AskOptions extends LinkSecurity {
  /** Id of the node that asks. */
  readonly node: NodeId
  readonly timeoutMs: number
  /** The greatest version of the protocol to speak; undefined: the greatest that we know. */
  readonly protocolMax?: number
  /** undefined: as the system does it. */
  readonly resolve?: Resolve
}

export interface ClusterAnswer {
  readonly cluster: ClusterId
  /** Who answered. */
  readonly node: NodeId
}

/**
 * Rejects with a `DndError` when nobody answers there, or not a node of dnd, or one that refuses.
 */
export function askCluster(address: Address, options: AskOptions): Promise<ClusterAnswer> {
  const { node, timeoutMs, protocolMax, keyring, tls, resolve = resolveBySystem } = options
  const limit = protocolMax === undefined ? {} : { protocolMax }
  const self = { node, generation: 0, cluster: NO_CLUSTER, ...limit }
  return new Promise((found, reject) => {
    const security = new LinkTls({ keyring, tls })
    const failures: DndError[] = []
    const abort = dialAll(
      { address, hello: helloOf(self), timeoutMs, security, resolve },
      (one, done) => dial(one, () => {}, done),
      {
        outcome: (at, outcome) => {
          const answer = answerOf(at, outcome)
          if (answer instanceof DndError) return failures.push(answer)
          abort()
          return found(answer)
        },
        done: () => reject(worst(failures)),
      },
    )
  })
}

function answerOf(at: Address, outcome: DialOutcome): ClusterAnswer | DndError {
  if (!outcome.ok) return new DndError(codeOf(outcome.fault), outcome.reason)
  outcome.socket.destroy()
  const { cluster, node } = outcome.hello
  if (cluster !== NO_CLUSTER) return { cluster, node }
  return new DndError('DND_ERR_UNREACHABLE', `${formatAddress(at)} belongs to no cluster itself`)
}

/** Whether asking again may help is for the caller to conclude: only of what is unreachable. */
function codeOf(fault: TcpFault | undefined): ErrorCode {
  if (fault?.startsWith('refused-') === true) return 'DND_ERR_JOIN_REFUSED'
  if (fault !== undefined && isAboutSettings(fault)) return 'DND_ERR_JOIN_REFUSED'
  const garbage: readonly (TcpFault | undefined)[] = [
    ...(['oversize-frame', 'malformed-frame', 'tls-failed'] as const),
  ]
  return garbage.includes(fault) ? 'DND_ERR_BAD_RESPONSE' : 'DND_ERR_UNREACHABLE'
}

/**
 * Of several addresses one that may yet answer is worth asking again, whatever the others are; and
 * each reason begins with its address.
 */
function worst(failures: readonly DndError[]): DndError {
  const codes = ['DND_ERR_UNREACHABLE', 'DND_ERR_JOIN_REFUSED', 'DND_ERR_BAD_RESPONSE'] as const
  const code = codes.find((each) => failures.some((failure) => failure.code === each))
  const reasons = failures.map(({ message }) => message).join('; ')
  return new DndError(code ?? 'DND_ERR_UNREACHABLE', reasons)
}
