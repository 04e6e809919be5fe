/**
 * Binding the port, with an error that tells the operator what to do.
 */
import type { AddressInfo, Server } from 'node:net'
import { listenError } from '../../runtime/listen-error.ts'

/** The bound port. Rejects with a `DndError`; the system's own error is its `cause`. */
export function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const onError = (cause: NodeJS.ErrnoException): void => {
      reject(listenError('TCP', { host, port }, cause))
    }
    server.once('error', onError)
    try {
      server.listen({ host, port }, () => {
        server.off('error', onError)
        resolve((server.address() as AddressInfo).port)
      })
    } catch (error) {
      onError(error as NodeJS.ErrnoException)
    }
  })
}
