/**
 * Closing on a client that is still sending.
 *
 * The problem: a body that is refused unread stays in the socket's receive buffer, and closing a
 * socket with unread bytes resets the connection; the reset overtakes the answer, and the client
 * sees a broken pipe where it should see "too large". Reading the body to its end instead would be
 * doing what was refused. So, as in every grown HTTP server: answer, close our half, throw away
 * what still comes for a short while, then cut.
 */
import { STATUS_CODES } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

const LINGER_MS = 2_000
const LINGER_BYTES_MAX = 8 * 1024 * 1024

/**
 * Answers past Node's response, which would close at once. False, and nothing done, when it is not
 * this response's turn.
 */
export function lingerClose(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  headers: readonly string[],
  body: Uint8Array,
): boolean {
  const { socket } = request
  if (response.socket !== socket || response.headersSent) return false
  let left = LINGER_BYTES_MAX
  request.on('data', (chunk: Uint8Array) => {
    left -= chunk.length
    if (left < 0) socket.destroy()
  })
  request.resume()
  endAnswered(socket, status, headers, body)
  return true
}

/**
 * Writes a whole answer to the socket, closes our half, and cuts the connection when the client has
 * closed or tarries.
 */
export function endAnswered(
  socket: Socket,
  status: number,
  headers: readonly string[],
  body: Uint8Array,
): void {
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`
  for (let i = 0; i + 1 < headers.length; i += 2) head += `${headers[i]!}: ${headers[i + 1]!}\r\n`
  head += `content-length: ${body.length}\r\nconnection: close\r\n\r\n`
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once('end', () => socket.destroy())
  socket.once('close', () => clearTimeout(timer))
  socket.write(head, 'latin1')
  socket.end(body)
}
