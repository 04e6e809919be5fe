/**
 * What Node's HTTP parser and its clocks complain about, as codes of ours.
 */
import { DndError } from '../../core/errors.ts'
import type { ErrorCode } from '../../core/errors.ts'

export interface ParserError extends Error {
  readonly code?: string
  readonly reason?: string
}

const CODES: Readonly<Record<string, readonly [code: ErrorCode, message: string]>> = {
  HPE_HEADER_OVERFLOW: [
    'DND_ERR_HEADERS_TOO_LARGE',
    'the request line and headers are longer than allowed',
  ],
  ERR_HTTP_REQUEST_TIMEOUT: ['DND_ERR_SLOW_REQUEST', 'the request did not arrive in time'],
  HPE_INVALID_URL: ['DND_ERR_BAD_ENCODING', 'the request target is not percent-encoded'],
  HPE_INVALID_EOF_STATE: ['DND_ERR_ABORTED', 'the connection ended in the middle of the request'],
  HPE_INVALID_CHUNK_SIZE: ['DND_ERR_BAD_BODY', 'the size of a chunk is not a hexadecimal number'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['DND_ERR_BAD_BODY', 'the chunks carry too many extensions'],
}

/** The refusal that a parser error deserves; undefined when there is nobody left to tell. */
export function refusalOf(error: ParserError): DndError | undefined {
  const { code } = error
  if (code === 'ECONNRESET' || code === 'EPIPE' || code === 'HPE_CLOSED_CONNECTION')
    return undefined
  const known = code === undefined ? undefined : CODES[code]
  if (known !== undefined) return new DndError(known[0], known[1], { cause: error })
  const reason = error.reason === undefined ? '' : `: ${error.reason}`
  return new DndError('DND_ERR_BAD_REQUEST', `this is not HTTP/1.1${reason}`, { cause: error })
}
