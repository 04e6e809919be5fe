/**
 * Who asks: said with each request, to the servers that the client was given and to the members
 * that it learned of from them, and to nobody else, for redirects are not followed.
 */
import type { HttpExchange, HttpRequest } from './exchange.ts'

/** Of a locked cluster: a token, or a user and password. */
export interface Credentials {
  /** As the cluster gave it: `dnd_…`. */
  readonly token?: string | undefined
  readonly user?: string | undefined
  readonly password?: string | undefined
}

/** The same exchange, whose requests say who asks; throws a `TypeError` for half of a pair. */
export function withCredentials(exchange: HttpExchange, credentials: Credentials): HttpExchange {
  const authorization = authorizationOf(credentials)
  if (authorization === undefined) return exchange
  const signed = (request: HttpRequest): HttpRequest => ({
    ...request,
    headers: { ...request.headers, authorization },
  })
  return {
    send: (request) => exchange.send(signed(request)),
    open: (request) => exchange.open(signed(request)),
    close: () => exchange.close(),
  }
}

/** What `Authorization` says; undefined: nobody is named. */
function authorizationOf({ token, user, password }: Credentials): string | undefined {
  if (token !== undefined) {
    if (user !== undefined || password !== undefined)
      throw new TypeError('a client has a token, or a user and password, but not both')
    if (!/^[\x21-\x7e]+$/.test(token)) throw new TypeError('the token has characters of no token')
    return `Bearer ${token}`
  }
  if (user === undefined && password === undefined) return undefined
  if (user === undefined || password === undefined)
    throw new TypeError('a user goes with a password, and a password with a user')
  if (user.includes(':')) throw new TypeError('the name of a user has no ":"')
  return `Basic ${base64(`${user}:${password}`)}`
}

function base64(text: string): string {
  let binary = ''
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte)
  return btoa(binary)
}
