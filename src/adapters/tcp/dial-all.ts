/**
 * Dials an address of which it is not known who is there: a literal one, or all that stand behind a
 * name, each of which may be another node.
 */
import { isIP } from 'node:net'
import type { Address } from '../../core/std/ids.ts'
import { formatAddress } from '../../core/std/ids.ts'
import type { AbortDial, DialOptions, DialOutcome } from './dial.ts'

/** More records of one name than that are not dialled at once; each time others, since shuffled. */
const ADDRESSES_MAX = 16

export interface DialAllListener {
  /** Of each address. The receiver must set a socket's handler before it returns. */
  outcome(address: Address, outcome: DialOutcome): void
  /** Once and last. */
  done(): void
}

/** One attempt, as `dial` makes it. */
export type DialOne = (options: DialOptions, done: (outcome: DialOutcome) => void) => AbortDial

/** Calls back never before it returns, and not after it is aborted. */
export function dialAll(
  options: DialOptions,
  dialOne: DialOne,
  listener: DialAllListener,
): AbortDial {
  const { address } = options
  if (address.host === '' || isIP(address.host) !== 0) {
    return dialEach([address.host], options, dialOne, listener)
  }
  let abort = resolveInTime(options, (found) => {
    if (typeof found !== 'string') {
      abort = dialEach(some(found), options, dialOne, listener)
      return
    }
    const reason = `${formatAddress(address)}: ${found}`
    listener.outcome(address, { ok: false, reason, fault: undefined })
    listener.done()
  })
  return () => abort()
}

/** `found` is told the addresses, at least one, or what is in the way. */
function resolveInTime(
  { address, resolve, timeoutMs }: DialOptions,
  found: (result: readonly string[] | string) => void,
): AbortDial {
  let over = false
  const finish = (result: readonly string[] | string): void => {
    clearTimeout(timer)
    if (over) return
    over = true
    found(result)
  }
  const late = `the name was not resolved within ${timeoutMs} ms`
  const timer = setTimeout(() => finish(late), timeoutMs)
  resolve(address.host).then(
    (hosts) => finish(hosts.length === 0 ? 'the name has no address' : hosts),
    (error: unknown) => finish(error instanceof Error ? error.message : String(error)),
  )
  return () => {
    over = true
    clearTimeout(timer)
  }
}

function dialEach(
  hosts: readonly string[],
  options: DialOptions,
  dialOne: DialOne,
  listener: DialAllListener,
): AbortDial {
  let open = hosts.length
  // Bounded by: ADDRESSES_MAX.
  const aborts = hosts.map((host) => {
    const address = { host, port: options.address.port }
    return dialOne({ ...options, address }, (outcome) => {
      open--
      listener.outcome(address, outcome)
      if (open === 0) listener.done()
    })
  })
  return () => {
    for (const abort of aborts) abort()
  }
}

function some(hosts: readonly string[]): readonly string[] {
  const shuffled = [...new Set(hosts)]
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1))
    const host = shuffled[i]!
    shuffled[i] = shuffled[j]!
    shuffled[j] = host
  }
  return shuffled.slice(0, ADDRESSES_MAX)
}
