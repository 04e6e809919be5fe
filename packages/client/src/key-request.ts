/** How a request for one key is written, and how its answers are read. */
import type { ProblemJson } from './api.ts'
import { METADATA_HEADER_PREFIX } from './api.ts'
import type { Destination, TransportResponse } from './attempt.ts'
import { parseJson } from './attempt.ts'
import { encode, fromHeaderText, queryOf } from './encoding.ts'
import { DndClientError } from './error.ts'
import type { ResponseHeaders } from './exchange.ts'
import type { BatchResult, GetResult, KeyOptions, WriteResult } from './operations.ts'

export const DEFAULT_BUCKET = 'default'

/**
 * URLs drop the path segments `.` and `..`, percent-encoded or not: such keys go by way of a batch.
 */
export function isDotSegment(key: string): boolean {
  return key === '.' || key === '..'
}

export function only<T extends GetResult | WriteResult>(results: readonly BatchResult[]): T {
  const result = results[0]!
  if (result.status === 'failed') throw result.error
  return result as T
}

export function placeOf(key: string, { bucket = DEFAULT_BUCKET }: KeyOptions): Destination {
  return { bucket, key }
}

export function keyPath(
  key: string,
  options: KeyOptions,
  quorum: Readonly<Record<string, number | undefined>>,
): string {
  const bucket = options.bucket ?? DEFAULT_BUCKET
  const query = queryOf({ sort: options.sort, timeout: options.timeoutMs, ...quorum })
  return `/kv/${encode(bucket)}/${encode(key)}${query}`
}

/** A 404 that speaks of the key, and not of a path that some other program does not know. */
export function absent(response: TransportResponse, context: string | undefined): GetResult {
  const isProblem = response.headers.get('content-type')?.startsWith('application/problem+json')
  const problem = isProblem === true ? (parseJson(response) as Partial<ProblemJson>) : {}
  if (problem.code === 'DND_ERR_KEY_NOT_FOUND') return { status: 'absent', context }
  throw new DndClientError({
    code: 'DND_ERR_BAD_RESPONSE',
    message: `${response.server} answered 404, and not as a node of dnd does`,
    outcome: 'rejected',
    status: 404,
    server: response.server,
  })
}

export function metadataOf(headers: ResponseHeaders): Record<string, string> {
  const pairs: [string, string][] = []
  for (const [name, value] of headers)
    if (name.startsWith(METADATA_HEADER_PREFIX))
      pairs.push([name.slice(METADATA_HEADER_PREFIX.length), fromHeaderText(value)])
  return Object.fromEntries(pairs)
}
