/** Requests that cannot be understood, and those that ask for what no node can give. */
import { row } from './error-info.ts'
import type { ErrorInfo } from './error-info.ts'

export type RequestErrorCode =
  | 'DND_ERR_BAD_REQUEST'
  | 'DND_ERR_NOT_FOUND'
  | 'DND_ERR_METHOD_NOT_ALLOWED'
  | 'DND_ERR_BAD_ENCODING'
  | 'DND_ERR_BAD_PARAMETER'
  | 'DND_ERR_BAD_HEADER'
  | 'DND_ERR_ORIGIN_REFUSED'
  | 'DND_ERR_HOST_REFUSED'
  | 'DND_ERR_BAD_KEY'
  | 'DND_ERR_BAD_BUCKET'
  | 'DND_ERR_BAD_METADATA'
  | 'DND_ERR_BAD_CONTEXT'
  | 'DND_ERR_BAD_JSON'
  | 'DND_ERR_BAD_BODY'
  | 'DND_ERR_BAD_QUORUM'
  | 'DND_ERR_UNSUPPORTED'

/** Bounded by: the codes above. */
export const REQUEST_ERRORS: Readonly<Record<RequestErrorCode, ErrorInfo>> = {
  DND_ERR_BAD_REQUEST: row(
    400,
    2,
    'The request is not well-formed HTTP/1.1',
    'Look at the detail for what could not be parsed. Is the client speaking HTTP, and plain HTTP rather than TLS?',
  ),
  DND_ERR_NOT_FOUND: row(
    404,
    2,
    'No such route',
    'Check the path against /openapi.json; a "/" inside a key is written %2F.',
  ),
  DND_ERR_METHOD_NOT_ALLOWED: row(
    405,
    2,
    'The path exists but does not take this method',
    'Use one of the methods that the Allow header names.',
  ),
  DND_ERR_BAD_ENCODING: row(
    400,
    2,
    'The path or query is not percent-encoded UTF-8',
    'Encode every byte outside A-Z a-z 0-9 - . _ ~ as %XX, a "%" itself as %25.',
  ),
  DND_ERR_BAD_PARAMETER: row(
    400,
    2,
    'A query parameter is unknown, repeated or invalid',
    'The detail names the parameter and lists those that this route knows.',
  ),
  DND_ERR_BAD_HEADER: row(
    400,
    2,
    'A request header is unknown, repeated or invalid',
    'The detail names the header and what it may hold.',
  ),
  DND_ERR_ORIGIN_REFUSED: row(
    403,
    2,
    'A page of another origin asks, which is not allowed',
    'Allow the origin of the page on all nodes with --allow-origin, exactly as the browser says it.',
  ),
  DND_ERR_HOST_REFUSED: row(
    421,
    2,
    'The node was called by a name that is not its own',
    'A node on loopback answers to names of loopback and to its --address; behind a proxy allow the name with --allow-host.',
  ),
  DND_ERR_BAD_KEY: row(
    400,
    2,
    'The key or sort key cannot be used',
    'Keys are 1 to 1024 bytes of UTF-8, sort key included, without U+0000.',
  ),
  DND_ERR_BAD_BUCKET: row(
    400,
    2,
    'The bucket name or its properties cannot be used',
    'Names have 1 to 64 of a-z, 0-9, ".", "_" and "-", a letter or digit first; r and w are at most n, n at most the replicas of the cluster.',
  ),
  DND_ERR_BAD_METADATA: row(
    400,
    2,
    'The user metadata cannot be used',
    'At most 64 names and 8 KiB together; in headers, percent-encode what is not printable ASCII, and "%" as %25.',
  ),
  DND_ERR_BAD_CONTEXT: row(
    400,
    2,
    'The causal context is not one that this cluster gave out for this key',
    'Send X-Dnd-Context exactly as the last read or write of the same key returned it; when in doubt, read again.',
  ),
  DND_ERR_BAD_JSON: row(
    400,
    2,
    'The body is not the JSON that this route takes',
    'The detail names the field; /openapi.json has the schema.',
  ),
  DND_ERR_BAD_BODY: row(
    400,
    2,
    'The body is broken, or this request takes none',
    'Check Content-Length and chunking; GET, HEAD and DELETE carry no body.',
  ),
  DND_ERR_BAD_QUORUM: row(
    400,
    2,
    'r or w is more than the replicas of the bucket',
    'Ask for at most n, configure the bucket with a larger n, or let more nodes join.',
  ),
  DND_ERR_UNSUPPORTED: row(
    501,
    2,
    'The request asks for a promise that this node cannot keep',
    'Leave out the header that the detail names.',
  ),
}
