/**
 * Whether a request may come from where a browser says that it comes from.
 *
 * A node on loopback has no users, and every page that its user opens in a browser can send
 * requests to loopback. So a request that names another origin than the node's own is refused,
 * whatever its method, unless the origin is allowed: not just left without the headers that let the
 * page read the answer, for a put takes effect unread. A page may also load an answer as an image
 * or a script, which names no origin; browsers then say what it is for (Sec-Fetch-*).
 *
 * A stranger's name may be made to lead to loopback (DNS rebinding), and then his page is of the
 * node's own origin. What gives it away is the name: on loopback a node serves names of loopback
 * and its own only.
 */
import { isIP } from 'node:net'
import { DndError } from '../../core/errors.ts'
import type { Exchange } from './exchange.ts'
import type { RequestHeaders } from './request-headers.ts'

/** A browser may remember for so long what it was allowed, seconds. */
const PREFLIGHT_SECONDS = '600'
const READABLE = ['etag', 'location', 'retry-after', 'www-authenticate']

export class Origins {
  /** Bounded by: the configuration. */
  readonly #allowed: ReadonlySet<string>
  /** Names by which the node may be called besides those of loopback; undefined: all. */
  readonly #names: ReadonlySet<string> | undefined

  constructor(allowed: readonly string[], names?: readonly string[]) {
    this.#allowed = new Set(allowed)
    this.#names = names === undefined ? undefined : new Set(names.map((name) => nameOf(name)))
  }

  /** Whether answers depend on who asks. */
  get varies(): boolean {
    return this.#allowed.size > 0
  }

  /** The foreign origin that may ask; undefined: none is named. Throws for all others. */
  check(headers: RequestHeaders): string | undefined {
    this.#checkHost(headers.host)
    const { origin } = headers
    if (origin === undefined) return checkUse(headers)
    if (this.#allowed.has(origin)) return origin
    const authority = origin.slice(origin.indexOf('://') + 3)
    if (headers.host !== undefined && authority === headers.host.toLowerCase()) return undefined
    throw new DndError(
      'DND_ERR_ORIGIN_REFUSED',
      `${JSON.stringify(origin.slice(0, 256))} is not an allowed origin`,
    )
  }

  #checkHost(host: string | undefined): void {
    if (this.#names === undefined || host === undefined) return
    const name = nameOf(host)
    if (isLoopbackName(name) || this.#names.has(name)) return
    throw new DndError(
      'DND_ERR_HOST_REFUSED',
      `this node is not called ${JSON.stringify(name.slice(0, 256))}`,
    )
  }
}

/** What a page of another site loads without naming its origin is an image, a script or a style. */
function checkUse({ fetchSite, fetchMode }: RequestHeaders): undefined {
  const isForeign = fetchSite === 'cross-site' || fetchSite === 'same-site'
  if (isForeign && fetchMode !== 'navigate')
    throw new DndError('DND_ERR_ORIGIN_REFUSED', 'a page of another origin asks, and names none')
}

/** The name in a Host header, without port and brackets. */
function nameOf(host: string): string {
  return host
    .toLowerCase()
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
}

function isLoopbackName(name: string): boolean {
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'))
}

/** What lets the page of an allowed origin read the answer. */
export function addOriginHeaders({ site, origin }: Exchange, headers: string[]): void {
  if (site.origins.varies) headers.push('vary', 'origin')
  if (origin === undefined) return
  const names = headers.filter((name, i) => i % 2 === 0 && isReadable(name))
  headers.push('access-control-allow-origin', origin)
  headers.push('access-control-expose-headers', [...new Set(names)].join(', '))
}

function isReadable(name: string): boolean {
  const lower = name.toLowerCase()
  return lower.startsWith('x-dnd-') || READABLE.includes(lower)
}

/** Answers the question that a browser asks before a request; false: it is none. */
export function answerPreflight(exchange: Exchange, allow: string): boolean {
  const { headers, origin, request } = exchange
  if (request.method !== 'OPTIONS' || origin === undefined || headers.wantedMethod === undefined)
    return false
  const answer = [
    ...['access-control-allow-methods', allow],
    ...['access-control-max-age', PREFLIGHT_SECONDS],
  ]
  // The names of metadata are the caller's choice: what is asked for is allowed.
  const { wantedHeaders: wanted } = headers
  if (wanted !== undefined && /^[\w!#$%&'*+.^`|~, -]{1,4096}$/.test(wanted))
    answer.push('access-control-allow-headers', wanted)
  if (headers.wantsPrivate) answer.push('access-control-allow-private-network', 'true')
  exchange.respond(204, answer, new Uint8Array(0))
  return true
}
