/** The requests of the benchmarks, as bytes: keys by number, values of 100 bytes. */

const VALUE_BYTES = 100
const VALUE = 'v'.repeat(VALUE_BYTES)

export function putRequest(key: number): Buffer {
  return Buffer.from(
    `PUT /kv/key-${key} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nContent-Length: ${VALUE_BYTES}\r\n\r\n${VALUE}`,
    'latin1',
  )
}

export function getRequest(key: number): Buffer {
  return Buffer.from(`GET /kv/key-${key} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`, 'latin1')
}

export function deleteRequest(key: number): Buffer {
  return Buffer.from(`DELETE /kv/key-${key} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`, 'latin1')
}

/** One request for each key, in order. */
export function* eachKey(keys: number, request: (key: number) => Buffer): Generator<Buffer> {
  for (let key = 0; key < keys; key++) yield request(key)
}
