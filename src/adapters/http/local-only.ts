/**
 * What is done for nobody but programs on the node's own machine, where the cluster does not know
 * who asks: not for who comes over the network, and not for a page of the web that a browser on
 * that machine happens to show.
 */
import { DndError } from '../../core/errors.ts'
import type { Exchange } from './exchange.ts'

/** Throws for who comes from elsewhere. `done` and `page` begin and are a sentence for people. */
export function mustBeLocal({ request }: Exchange, done: string, page: string): void {
  const { remoteAddress } = request.socket
  if (!isOwnMachine(remoteAddress))
    throw new DndError(
      'DND_ERR_LOCAL_ONLY',
      `${done} only by requests from the machine of the node, over its loopback address, or by an admin over HTTPS`,
    )
  // A browser says where a page is from that changes anything; no other program does.
  const { headers } = request
  if (headers.origin !== undefined || headers['sec-fetch-site'] !== undefined)
    throw new DndError('DND_ERR_LOCAL_ONLY', page)
}

/** Of the other side of a connection: undefined when that is gone. */
export function isOwnMachine(address: string | undefined): boolean {
  return address === '::1' || /^(?:::ffff:)?127\.\d+\.\d+\.\d+$/i.test(address ?? '')
}
