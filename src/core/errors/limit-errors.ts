/** Limits: something is too large, too much, too slow or too many. */
import { row } from './error-info.ts'
import type { ErrorInfo } from './error-info.ts'

export type LimitErrorCode =
  | 'DND_ERR_VALUE_TOO_LARGE'
  | 'DND_ERR_RECORD_TOO_LARGE'
  | 'DND_ERR_BODY_TOO_LARGE'
  | 'DND_ERR_BATCH_TOO_LARGE'
  | 'DND_ERR_HEADERS_TOO_LARGE'
  | 'DND_ERR_TOO_MANY_SIBLINGS'
  | 'DND_ERR_SLOW_REQUEST'
  | 'DND_ERR_ABORTED'
  | 'DND_ERR_OVERLOADED'

/** Bounded by: the codes above. */
export const LIMIT_ERRORS: Readonly<Record<LimitErrorCode, ErrorInfo>> = {
  DND_ERR_VALUE_TOO_LARGE: row(
    413,
    2,
    'The value is larger than its bucket allows',
    'Split the value, or raise valueBytesMax of the bucket (1 MiB at most).',
  ),
  DND_ERR_RECORD_TOO_LARGE: row(
    413,
    1,
    'All concurrent values of the key together would be too large to store',
    'Read the key, merge its siblings, and write the result with the context of that read.',
  ),
  DND_ERR_BODY_TOO_LARGE: row(
    413,
    2,
    'The body is larger than this route takes',
    'Send fewer operations at once.',
  ),
  DND_ERR_BATCH_TOO_LARGE: row(
    413,
    2,
    'The batch has too many operations, or its results are too large',
    'Ask again in smaller batches for what is missing.',
  ),
  DND_ERR_HEADERS_TOO_LARGE: row(
    431,
    2,
    'The request line and headers together are too large',
    'Shorten metadata or cookies; a key is at most 1024 bytes.',
  ),
  DND_ERR_TOO_MANY_SIBLINGS: row(
    429,
    1,
    'The key has as many concurrent values as it may have',
    'Read the key, merge its values, and write the result with the context of that read: then it supersedes what it saw.',
  ),
  DND_ERR_SLOW_REQUEST: row(
    408,
    1,
    'The request did not arrive in time',
    'Send the request without pauses; the limits are in the configuration reference.',
  ),
  DND_ERR_ABORTED: row(
    400,
    1,
    'The connection ended in the middle of the request',
    'Send the request again; nothing was stored.',
  ),
  DND_ERR_OVERLOADED: row(
    503,
    1,
    'The node has as much work in flight as it may have',
    'Wait as long as Retry-After says, then try again; spread the requests over the nodes.',
  ),
}
