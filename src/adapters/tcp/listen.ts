/**
 * Binding the port, with an error that tells the operator what to do.
 */
import type { AddressInfo, Server } from 'node:net'

/** What to do about the errors that an operator causes, by the system's code. */
const EXPLANATIONS: ReadonlyMap<string, string> = new Map([
  ['EADDRINUSE', 'the port is in use; stop whoever has it or choose another with --port'],
  ['EACCES', 'this user may not use that port; choose one above 1023'],
  ['EADDRNOTAVAIL', 'this machine has no such address; choose another with --address'],
  ['ENOTFOUND', 'this machine has no such address; choose another with --address'],
])

/** The bound port. Rejects with a sentence; the system's own error is its `cause`. */
export function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const onError = (cause: NodeJS.ErrnoException): void => {
      reject(
        new Error(
          `cannot listen on ${host}:${port}: ${EXPLANATIONS.get(cause.code ?? '') ?? cause.message}`,
          { cause },
        ),
      )
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
