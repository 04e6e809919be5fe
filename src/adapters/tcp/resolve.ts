/**
 * Addresses behind a name. A name may have many, as that of a headless service in Kubernetes has
 * one for each pod, and they change while the cluster runs: so a name is resolved anew whenever it
 * is dialled, and nothing is kept.
 */
import { lookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { isIP } from 'node:net'

/** Addresses of `host`, at least one; rejects with the reason. */
export type Resolve = (host: string) => Promise<readonly string[]>

/** As the system does it: its hosts file counts, too. */
export const resolveBySystem: Resolve = (host) =>
  new Promise((resolve, reject) => {
    lookup(host, { all: true }, (error, found) => {
      if (error !== null) reject(error)
      else resolve(found.map(({ address }) => address))
    })
  })

/** For `net.connect`, which looks a name up whenever it connects. */
export function lookupBy(resolve: Resolve): LookupFunction {
  return (host, options, done) => {
    const onFound = (hosts: readonly string[]): void => {
      const found = hosts.map((address) => ({ address, family: isIP(address) }))
      const [first] = found
      if (first === undefined) done(new Error(`${host} has no address`), '', 0)
      else if (options.all === true) done(null, found)
      else done(null, first.address, first.family)
    }
    resolve(host).then(onFound, (error: unknown) => {
      done(error instanceof Error ? error : new Error(String(error)), '', 0)
    })
  }
}
