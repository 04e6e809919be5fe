/**
 * `/users` and `/tokens`: who may do what. A password comes in a body and goes nowhere else; the
 * text of a token is in the answer that makes it, and in no other.
 */
import { array, optional, picklist, strictObject, string } from 'valibot'
import { DndError } from '../../core/errors.ts'
import type { AccessAsk } from '../../core/node/access-asks.ts'
import type { AccessRole, Grant, PrincipalKind } from '../../core/node/access.ts'
import { ACCESS_ROLES, ALL_BUCKETS, principalNameProblem } from '../../core/node/access.ts'
import { assert } from '../../core/std/assert.ts'
import { utf8Length } from '../../core/std/bytes.ts'
import { note } from './audit.ts'
import type { Exchange } from './exchange.ts'
import { badJson, parseJson, shaped } from './json-body.ts'
import { mustBeLocal } from './local-only.ts'
import { checkPassword, newToken, secretOfPassword } from './secrets.ts'

const BODY_BYTES_MAX = 128 * 1024

export interface GrantJson {
  readonly role: AccessRole
  /** Absent: all buckets. */
  readonly bucket?: string
  /** How keys begin; absent: all keys. */
  readonly prefix?: string
}

export interface PrincipalJson {
  readonly name: string
  readonly grants: readonly GrantJson[]
}

export interface UsersJson {
  readonly users: readonly PrincipalJson[]
}

export interface TokensJson {
  readonly tokens: readonly PrincipalJson[]
}

export interface AccessChangeJson extends PrincipalJson {
  /** Node ids of members that are up and have not confirmed it yet. */
  readonly pending: readonly string[]
}

export interface NewTokenJson extends AccessChangeJson {
  /** Told this once. */
  readonly token: string
}

export interface WhoAmIJson {
  /** Whether the cluster asks who somebody is. */
  readonly locked: boolean
  /** Absent in an open cluster. */
  readonly kind?: PrincipalKind
  readonly name?: string
  readonly grants?: readonly GrantJson[]
}

const ROLE = picklist(ACCESS_ROLES, `it must be one of ${ACCESS_ROLES.join(', ')}`)
const TEXT = string('a text is wanted')
const GRANT = strictObject({ role: ROLE, bucket: optional(TEXT), prefix: optional(TEXT) })
const GRANTS = array(GRANT, 'a list is wanted')
const USER = strictObject({ password: TEXT, grants: GRANTS })
const TOKEN = strictObject({ grants: GRANTS })
const PASSWORD = strictObject({ password: TEXT })

export function onWhoAmI(exchange: Exchange): void {
  const { caller } = exchange
  const { isLocked: locked } = exchange.site.doorman
  const said = caller && { ...caller, grants: caller.grants.map(grantJson) }
  const who: WhoAmIJson =
    said === undefined
      ? { locked }
      : { locked, kind: said.kind, name: said.name, grants: said.grants }
  exchange.json(200, who)
}

export function onUsers(exchange: Exchange): void {
  const all: UsersJson = { users: listed(exchange, 'user') }
  exchange.json(200, all)
}

export function onTokens(exchange: Exchange): void {
  const all: TokensJson = { tokens: listed(exchange, 'token') }
  exchange.json(200, all)
}

export function onCreateUser(exchange: Exchange): void {
  const name = nameOf(exchange)
  mayLock(exchange)
  exchange.readBody(BODY_BYTES_MAX, 'DND_ERR_BODY_TOO_LARGE', (_, body) => {
    const { password, grants } = secretly(USER, body)
    const granted = grants.map(parseGrant)
    note(exchange, { grants })
    hashed(exchange, password, (secret) =>
      ask(exchange, { what: 'create', kind: 'user', name, secret, grants: granted }),
    )
  })
}

export function onSetPassword(exchange: Exchange): void {
  const name = nameOf(exchange)
  exchange.readBody(BODY_BYTES_MAX, 'DND_ERR_BODY_TOO_LARGE', (_, body) => {
    const { password } = secretly(PASSWORD, body)
    hashed(exchange, password, (secret) =>
      ask(exchange, { what: 'secret', kind: 'user', name, secret }),
    )
  })
}

export function onCreateToken(exchange: Exchange): void {
  const name = nameOf(exchange)
  mayLock(exchange)
  exchange.readBody(BODY_BYTES_MAX, 'DND_ERR_BODY_TOO_LARGE', (_, body) => {
    const { grants } = shaped(TOKEN, parseJson(body), 'the body')
    note(exchange, { grants })
    const { text, secret } = newToken()
    const granted = grants.map(parseGrant)
    ask(exchange, { what: 'create', kind: 'token', name, secret, grants: granted }, text)
  })
}

export function onRemove(kind: PrincipalKind): (exchange: Exchange) => void {
  return (exchange) => ask(exchange, { what: 'remove', kind, name: nameOf(exchange) })
}

export function onGrant(
  kind: PrincipalKind,
  what: 'grant' | 'revoke',
): (exchange: Exchange) => void {
  return (exchange) => {
    const name = nameOf(exchange)
    exchange.readBody(BODY_BYTES_MAX, 'DND_ERR_BODY_TOO_LARGE', (_, body) => {
      const grant = shaped(GRANT, parseJson(body), 'the body')
      note(exchange, { grants: [grant] })
      ask(exchange, { what, kind, name, grant: parseGrant(grant) })
    })
  }
}

function grantJson({ role, bucket, prefix }: Grant): GrantJson {
  return {
    role,
    ...(bucket === ALL_BUCKETS ? {} : { bucket }),
    ...(prefix.length === 0 ? {} : { prefix: Buffer.from(prefix).toString('utf8') }),
  }
}

function parseGrant({
  role,
  bucket = ALL_BUCKETS,
  prefix = '',
}: {
  readonly role: AccessRole
  readonly bucket?: string | undefined
  readonly prefix?: string | undefined
}): Grant {
  if (utf8Length(prefix) === undefined) throw badJson('a prefix is not well-formed text')
  return { role, bucket, prefix: new Uint8Array(Buffer.from(prefix)) }
}

function listed({ site }: Exchange, wanted: PrincipalKind): readonly PrincipalJson[] {
  return site.gateway.access
    .principals()
    .flatMap(({ kind, name, principal }) =>
      kind === wanted ? [{ name, grants: principal.grants.map(grantJson) }] : [],
    )
}

/** Nothing of the body is repeated: a password may be in there. */
function secretly<S extends typeof USER | typeof PASSWORD>(schema: S, body: Uint8Array) {
  let json: unknown
  try {
    json = parseJson(body)
  } catch (error) {
    if (!(error instanceof DndError)) throw error
    throw badJson('the body is not JSON')
  }
  return shaped(schema, json, 'the body')
}

/**
 * The first user or token locks the cluster. Before that it is not known who asks, so that this is
 * for programs on the machine of the node only: not for pages of the web, and not for the network.
 */
function mayLock(exchange: Exchange): void {
  if (!exchange.site.doorman.isLocked)
    mustBeLocal(exchange, 'the first user or token is made', 'a page cannot lock the cluster')
}

function hashed(exchange: Exchange, password: string, then: (secret: Uint8Array) => void): void {
  checkPassword(password)
  secretOfPassword(password).then(
    (secret) => then(secret),
    (error: unknown) => {
      exchange.site.log.error('a password could not be hashed', { error })
      exchange.fail(new DndError('DND_ERR_INTERNAL', 'the password could not be hashed'))
    },
  )
}

/** `token`: its text, to be told with the answer. */
function ask(exchange: Exchange, wish: AccessAsk, token?: string): void {
  exchange.site.gateway.submit({ type: 'access', ask: wish }, (reply) => {
    assert(reply.type === 'access', `a question about users was answered by ${reply.type}`)
    const { result } = reply
    if (!result.ok) return exchange.failure(result)
    const { pending } = result
    const change: AccessChangeJson = {
      ...{ name: wish.name, grants: result.grants.map(grantJson), pending },
    }
    exchange.json(200, token === undefined ? change : { ...change, token })
  })
}

function nameOf({ key }: Exchange): string {
  const name = Buffer.from(key).toString('latin1')
  const problem = principalNameProblem(name)
  if (problem !== undefined) throw new DndError('DND_ERR_BAD_PRINCIPAL', problem)
  return name
}
