/**
 * What this API reads of a request's headers, found in one pass over them.
 *
 * Node's own `headers` object quietly keeps the first of two contradicting headers or joins them; a
 * context or a content type said twice is refused here instead. So is an `X-Dnd-` header that
 * nobody knows: a misspelt context would otherwise turn an update into a conflict.
 */
import { DndError } from '../../core/errors.ts'
import { CONTENT_TYPE_BYTES_MAX } from '../../core/std/limits.ts'
import { EXPIRES_HEADER } from './lifetime.ts'
import { METADATA_PREFIX, metadataText } from './metadata.ts'
import type { MetadataPair } from './metadata.ts'

export class RequestHeaders {
  contentType: string | undefined = undefined
  /** −1: not said. */
  contentLength = -1
  chunked = false
  host: string | undefined = undefined
  /** Where the page is from that a browser asks for. */
  origin: string | undefined = undefined
  fetchSite: string | undefined = undefined
  fetchMode: string | undefined = undefined
  /** What a browser asks before it asks. */
  wantedMethod: string | undefined = undefined
  wantedHeaders: string | undefined = undefined
  wantsPrivate = false
  /** The token of a causal context, as text. */
  context: string | undefined = undefined
  /** How long the value lives, and until when, as text. */
  ttl: string | undefined = undefined
  expiresAt: string | undefined = undefined
  ifMatch: string | undefined = undefined
  ifNoneMatch: string | undefined = undefined
  accept = ''
  lastEventId: string | undefined = undefined
  /** Who asks, as the request says. */
  authorization: string | undefined = undefined
  /** Whether the body is held back until it is asked for. */
  expectsContinue = false
  /**
   * Headers that ask for what this API does not do, by the name they were given. Bounded by: the
   * headers of one request.
   */
  unsupported: string[] | undefined = undefined
  // Bounded by: METADATA_PAIRS_MAX, when the value is made; before it by the bytes of all headers.
  metadata: MetadataPair[] | undefined = undefined

  /** Whether a body follows. */
  get announcesBody(): boolean {
    return this.chunked || this.contentLength > 0
  }

  /**
   * Reads names and values in turns; throws for what is repeated, unknown or malformed. It reads to
   * the end before: whoever refuses the request must know whether a body follows.
   */
  read(raw: readonly string[]): void {
    let problem: unknown
    for (let i = 0; i + 1 < raw.length; i += 2)
      try {
        this.#one(raw[i]!, raw[i + 1]!)
      } catch (error) {
        problem ??= error
      }
    if (problem !== undefined) throw problem
  }

  #one(written: string, value: string): void {
    const name = written.toLowerCase()
    switch (name) {
      case 'host':
        if (this.host !== undefined) throw bad('Host is given twice')
        this.host = value
        return
      case 'accept':
        this.accept = value
        return
      case 'content-type':
        return this.#onContentType(value)
      case 'content-length':
        this.contentLength = Number(value)
        return
      case 'transfer-encoding':
        this.chunked = true
        return
      case 'if-match':
        this.ifMatch = value
        return
      case 'if-none-match':
        this.ifNoneMatch = value
        return
      case 'last-event-id':
        this.lastEventId = value
        return
      case 'authorization':
        if (this.authorization !== undefined) throw bad('Authorization is given twice')
        this.authorization = value
        return
      case 'expect':
        return this.#onExpect(value)
      case 'idempotency-key':
        return this.#refuse('Idempotency-Key')
      case 'content-encoding':
        return value.toLowerCase() === 'identity' ? undefined : this.#refuse('Content-Encoding')
      case 'content-range':
        return this.#refuse('Content-Range')
      default:
        if (name.startsWith('x-dnd-')) this.#onOurs(name, value)
        else this.#onBrowser(name, value)
    }
  }

  #refuse(name: string): void {
    ;(this.unsupported ??= []).push(name)
  }

  #onExpect(value: string): void {
    this.expectsContinue = true
    if (value.toLowerCase() !== '100-continue')
      throw bad('the only Expect that can be met is 100-continue')
  }

  #onContentType(value: string): void {
    if (this.contentType !== undefined) throw bad('Content-Type is given twice')
    this.contentType = checkedContentType(value)
  }

  #onBrowser(name: string, value: string): void {
    if (name === 'origin') this.origin = this.origin === undefined ? value : 'several'
    else if (name === 'sec-fetch-site') this.fetchSite = value
    else if (name === 'sec-fetch-mode') this.fetchMode = value
    else if (name === 'access-control-request-method') this.wantedMethod = value
    else if (name === 'access-control-request-headers') this.wantedHeaders = value
    else if (name === 'access-control-request-private-network') this.wantsPrivate = true
  }

  #onOurs(name: string, value: string): void {
    if (name === 'x-dnd-context') {
      if (this.context !== undefined) throw bad('X-Dnd-Context is given twice')
      this.context = value
    } else if (name === 'x-dnd-ttl') {
      if (this.ttl !== undefined) throw bad('X-Dnd-TTL is given twice')
      this.ttl = value
    } else if (name === EXPIRES_HEADER) {
      if (this.expiresAt !== undefined) throw bad('X-Dnd-Expires-At is given twice')
      this.expiresAt = value
    } else if (name.startsWith(METADATA_PREFIX)) {
      const own = name.slice(METADATA_PREFIX.length)
      if (own === '') throw new DndError('DND_ERR_BAD_METADATA', 'a metadata header without a name')
      ;(this.metadata ??= []).push([own, metadataText(own, value)])
    } else
      throw bad(
        `unknown header ${JSON.stringify(name.slice(0, 64))}; known are X-Dnd-Context, X-Dnd-TTL, ` +
          'X-Dnd-Expires-At and X-Dnd-Meta-*',
      )
  }
}

/** A media type that may be kept and given back; empty: none. */
export function checkedContentType(text: string): string | undefined {
  if (text === '') return undefined
  if (text.length > CONTENT_TYPE_BYTES_MAX || !/^[\x20-\x7e]+$/.test(text))
    throw bad(`a content type has at most ${CONTENT_TYPE_BYTES_MAX} printable ASCII characters`)
  return text
}

function bad(message: string): DndError {
  return new DndError('DND_ERR_BAD_HEADER', message)
}
