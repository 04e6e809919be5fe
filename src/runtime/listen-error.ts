/**
 * Why a port could not be opened, for whoever starts a node: TCP, UDP and HTTP say it alike, with a
 * code of the table and the way out.
 */
import { DndError } from '../core/errors.ts'
import type { Address } from '../core/std/ids.ts'
import { formatAddress } from '../core/std/ids.ts'

export type Transport = 'TCP' | 'UDP' | 'HTTP'

const NO_SUCH_ADDRESS = 'this machine has no such address; choose another with --address'

/** `cause` is the system's own error. */
export function listenError(
  transport: Transport,
  address: Address,
  cause: NodeJS.ErrnoException,
): DndError {
  const flag = transport === 'HTTP' ? '--server-port' : '--port'
  const failed = `cannot listen on ${formatAddress(address)} (${transport})`
  switch (cause.code) {
    case 'EADDRINUSE': {
      const fix = `stop the process that has it, or choose another with ${flag}`
      return new DndError('DND_ERR_PORT_IN_USE', `${failed}: the port is in use; ${fix}`, { cause })
    }
    case 'EACCES':
      return unavailable(
        `${failed}: this user may not; choose a port above 1023 with ${flag}`,
        cause,
      )
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return unavailable(`${failed}: ${NO_SUCH_ADDRESS}`, cause)
    default:
      return unavailable(`${failed}: ${cause.message}; see --address and ${flag}`, cause)
  }
}

function unavailable(message: string, cause: Error): DndError {
  return new DndError('DND_ERR_ADDRESS_UNAVAILABLE', message, { cause })
}
