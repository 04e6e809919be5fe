/**
 * How the values of a bucket become bytes and back. The content type is stored with them, so that
 * others who read the key know what it is.
 */
import { mustBeWellFormed } from './encoding.ts'

export interface Codec<T> {
  /** Throws where the value cannot be stored. */
  readonly encode: (value: T) => {
    readonly data: string | Uint8Array
    readonly contentType: string
  }
  /** Throws where the bytes are no such value. */
  readonly decode: (bytes: Uint8Array, contentType: string) => T
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const TEXT = 'text/plain; charset=utf-8'
const BYTES = 'application/octet-stream'

/** JSON, as `JSON.stringify` writes it: a `Date` is read back as text, unless a schema turns it. */
export function jsonCodec<T>(): Codec<T> {
  return {
    encode: (value) => {
      const data: unknown = JSON.stringify(value)
      if (typeof data !== 'string') throw new TypeError(`JSON has no ${typeof value}`)
      return { data, contentType: 'application/json' }
    },
    decode: (bytes) => JSON.parse(strictUtf8.decode(bytes)) as T,
  }
}

export const textCodec: Codec<string> = {
  encode: (data) => {
    mustBeWellFormed(data)
    return { data, contentType: TEXT }
  },
  decode: (bytes) => strictUtf8.decode(bytes),
}

export const bytesCodec: Codec<Uint8Array> = {
  encode: (data) => ({ data, contentType: BYTES }),
  decode: (bytes) => bytes,
}

/** Of a bucket without a type: strings as text, bytes as bytes, and back by the content type. */
export const anyCodec: Codec<string | Uint8Array> = {
  encode: (data) => (typeof data === 'string' ? textCodec : bytesCodec).encode(data as never),
  decode: (bytes, contentType) =>
    contentType.startsWith('text/') ? strictUtf8.decode(bytes) : bytes,
}
