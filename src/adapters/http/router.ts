/**
 * From a request target to a route, without a URL object: a table by first segment and number of
 * segments, then a comparison of the literal ones.
 */
import type { Operation, Route } from './operation.ts'

/** Where a target's segments lie. Filled by {@link Router.find}; good until the next call. */
export interface PathMatch {
  route: CompiledRoute | undefined
  target: string
  /** Where the path ends and the query begins, past the "?" if there is one. */
  queryStart: number
  /** Start and end of each segment in turns. Bounded by: SEGMENTS_MAX. */
  readonly bounds: number[]
}

export interface CompiledRoute {
  readonly path: string
  readonly segments: readonly string[]
  /** Segment that holds the bucket, the key; −1 for none. */
  readonly bucket: number
  readonly key: number
  /** Bounded by: the methods. */
  readonly operations: ReadonlyMap<string, Operation>
  /** For the Allow header. */
  readonly allow: string
}

const SEGMENTS_MAX = 4
const SLASH = 0x2f
const QUESTION = 0x3f

export class Router {
  /** By first segment, then number of segments. Bounded by: the route table. */
  readonly #byFirst = new Map<string, CompiledRoute[][]>()
  readonly #match: PathMatch = { route: undefined, target: '', queryStart: 0, bounds: [] }

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const compiled = compile(route)
      const first = compiled.segments[0] ?? ''
      const byCount = this.#byFirst.get(first) ?? []
      ;(byCount[compiled.segments.length] ??= []).push(compiled)
      this.#byFirst.set(first, byCount)
    }
  }

  /** The result is reused: take from it what is needed before the next call. */
  find(requestTarget: string): Readonly<PathMatch> {
    const match = this.#match
    match.target = requestTarget.charCodeAt(0) === SLASH ? requestTarget : originForm(requestTarget)
    const count = split(match)
    match.route = undefined
    if (count === 0 || count > SEGMENTS_MAX) return match
    const candidates = this.#byFirst.get(segment(match, 0))?.[count]
    if (candidates === undefined) return match
    for (const route of candidates) if (fits(route, match)) match.route = route
    return match
  }
}

/** The text of a segment as it stands, still encoded. */
export function segment(match: Readonly<PathMatch>, index: number): string {
  return match.target.slice(match.bounds[2 * index], match.bounds[2 * index + 1])
}

function compile(route: Route): CompiledRoute {
  const segments = route.path.slice(1).split('/')
  const operations = new Map<string, Operation>(Object.entries(route.methods))
  const get = operations.get('GET')
  if (get !== undefined) operations.set('HEAD', get)
  return {
    path: route.path,
    segments,
    bucket: segments.indexOf('{bucket}'),
    key: segments.findIndex((name) => name === '{key}' || name === '{id}'),
    operations,
    allow: [...operations.keys()].sort().join(', '),
  }
}

/** Finds the segments; their number, at most one more than SEGMENTS_MAX. */
function split(match: PathMatch): number {
  const { target, bounds } = match
  let count = 0
  let start = 1
  let at = 1
  for (; at < target.length; at++) {
    const code = target.charCodeAt(at)
    if (code === QUESTION) break
    if (code !== SLASH) continue
    if (count === SEGMENTS_MAX) break
    bounds[2 * count] = start
    bounds[2 * count + 1] = at
    count++
    start = at + 1
  }
  bounds[2 * count] = start
  bounds[2 * count + 1] = at
  match.queryStart = at + 1
  return target.length === 0 ? 0 : count + 1
}

function fits(route: CompiledRoute, match: Readonly<PathMatch>): boolean {
  const { segments } = route
  for (let i = 1; i < segments.length; i++)
    if (i !== route.bucket && i !== route.key && segments[i] !== segment(match, i)) return false
  return true
}

/** `http://host/path` as proxies send it: the path and query. Anything else fits no route. */
function originForm(requestTarget: string): string {
  const authority = /^https?:\/\/[^/?]*/i.exec(requestTarget)
  if (authority === null) return ''
  const rest = requestTarget.slice(authority[0].length)
  return rest.startsWith('/') ? rest : `/${rest}`
}
