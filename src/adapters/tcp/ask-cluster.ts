/**
 * "Which cluster are you?": what a node asks the address that it was told to join before it belongs
 * to any cluster.
 */
import type { ErrorCode } from '../../core/errors.ts'
import { DndError } from '../../core/errors.ts'
import type { Address, ClusterId, NodeId } from '../../core/std/ids.ts'
import { formatAddress } from '../../core/std/ids.ts'
import { NO_CLUSTER, PROTOCOL_VERSION } from '../../core/wire/codec.ts'
import { dial } from './dial.ts'
import type { TcpFault } from './link-options.ts'

export interface AskOptions {
  /** Id of the node that asks. */
  readonly node: NodeId
  readonly timeoutMs: number
}

/**
 * Rejects with a `DndError` when nobody answers there, or not a node of dnd, or one that refuses.
 */
export function askCluster(
  address: Address,
  options: AskOptions,
): Promise<{ cluster: ClusterId; node: NodeId }> {
  const hello = {
    type: 'hello',
    protocol: PROTOCOL_VERSION,
    cluster: NO_CLUSTER,
    node: options.node,
    generation: 0,
  } as const
  return new Promise((resolve, reject) => {
    dial(
      { address, hello, timeoutMs: options.timeoutMs },
      () => {},
      (outcome) => {
        if (!outcome.ok) return reject(new DndError(codeOf(outcome.fault), outcome.reason))
        outcome.socket.destroy()
        const { cluster, node } = outcome.hello
        if (cluster !== NO_CLUSTER) return resolve({ cluster, node })
        const message = `${formatAddress(address)} belongs to no cluster itself`
        reject(new DndError('DND_ERR_UNREACHABLE', message))
      },
    )
  })
}

/** Whether asking again may help is for the caller to conclude: only of what is unreachable. */
function codeOf(fault: TcpFault | undefined): ErrorCode {
  if (fault?.startsWith('refused-') === true) return 'DND_ERR_JOIN_REFUSED'
  if (fault === 'oversize-frame' || fault === 'malformed-frame') return 'DND_ERR_BAD_RESPONSE'
  return 'DND_ERR_UNREACHABLE'
}
