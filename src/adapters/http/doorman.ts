/**
 * Says who asks: from what a request says in `Authorization` to the user or token of the cluster.
 *
 * A token costs one SHA-256 and a look-up. A password costs a quarter of a second of scrypt, far
 * too much for each request; so whether it was right is remembered, under an HMAC of the header
 * with a secret of this process: neither the password nor anything that could be guessed by is
 * kept. Wrong ones are remembered as well, for a client with an old password asks again and
 * again. A change of the user makes all that is remembered of him worthless, for it names the
 * hash that it was checked with.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { DndError } from '../../core/errors.ts'
import type { AccessView, Grant, PrincipalKind } from '../../core/node/access.ts'
import { equalBytes } from '../../core/std/bytes.ts'
import type { Gateway } from '../../runtime/ports.ts'
import { hashOfToken, isPassword, isToken, tokenHash } from './secrets.ts'

/** Headers remembered: right and wrong ones, the eldest go first. */
const REMEMBERED_MAX = 1024
/** Passwords that are checked at once; each takes a thread of the pool and 16 MiB. */
const CHECKS_MAX = 2
/** Passwords that wait for that; more are refused. */
const WAITING_MAX = 64
const HEADER_CHARACTERS_MAX = 1024

/** Who asks. */
export interface Caller {
  readonly kind: PrincipalKind
  readonly name: string
  readonly secret: Uint8Array
  readonly grants: readonly Grant[]
}

interface Remembered {
  readonly name: string
  /** With which it was checked; undefined: there was no such user. */
  readonly secret: Uint8Array | undefined
  readonly isRight: boolean
}

export class Doorman {
  readonly #gateway: Pick<Gateway, 'access' | 'view'>
  readonly #isAuthRequired: boolean
  readonly #key = randomBytes(32)
  // By the hash of the token, of the registry's `#revision`. Bounded by: ACCESS_RECORDS_MAX.
  #tokens: ReadonlyMap<string, string> = new Map()
  #revision = -1
  // Bounded by: REMEMBERED_MAX.
  readonly #remembered = new Map<string, Remembered>()
  // Bounded by: CHECKS_MAX and WAITING_MAX.
  readonly #checking = new Map<string, Promise<Caller | undefined>>()
  readonly #waiting: (() => void)[] = []
  #checks = 0
  #isReady = false

  constructor(gateway: Pick<Gateway, 'access' | 'view'>, isAuthRequired: boolean) {
    this.#gateway = gateway
    this.#isAuthRequired = isAuthRequired
  }

  /** Whether nobody is served who does not say who he is. */
  get isLocked(): boolean {
    if (this.#isAuthRequired) return true
    try {
      return this.#gateway.access.isLocked
    } catch (error) {
      // Being started: nobody knows yet.
      if (error instanceof DndError) return true
      throw error
    }
  }

  /** Throws while the node of a locked cluster may not know yet who was thrown out meanwhile. */
  mustBeReady(): void {
    if (this.#isReady) return
    this.#isReady = this.#gateway.view().ready
    if (!this.#isReady)
      throw new DndError('DND_ERR_NOT_READY', 'this node has not heard yet who may do what')
  }

  /** undefined: nobody that the cluster knows. A promise where a password must be checked. */
  identify(header: string): Caller | undefined | Promise<Caller | undefined> {
    if (header.length > HEADER_CHARACTERS_MAX) return undefined
    const space = header.indexOf(' ')
    const scheme = header.slice(0, space).toLowerCase()
    const rest = header.slice(space + 1).trim()
    if (scheme === 'bearer') return isToken(rest) ? this.#token(rest) : undefined
    return scheme === 'basic' ? this.#basic(rest) : undefined
  }

  /** The same one as he is now; undefined: he is not let in any more. */
  again({ kind, name, secret }: Caller): Caller | undefined {
    const held = this.#gateway.access.find(kind, name)
    if (held === undefined || !equalBytes(held.secret, secret)) return undefined
    return { kind, name, secret, grants: held.grants }
  }

  #token(text: string): Caller | undefined {
    const { access } = this.#gateway
    if (access.revision !== this.#revision) {
      this.#tokens = tokensOf(access)
      this.#revision = access.revision
    }
    const name = this.#tokens.get(hashOfToken(text))
    return name === undefined ? undefined : callerOf(access, 'token', name)
  }

  #basic(encoded: string): Caller | undefined | Promise<Caller | undefined> {
    const text = Buffer.from(encoded, 'base64').toString('utf8')
    const colon = text.indexOf(':')
    if (colon < 0) return undefined
    const name = text.slice(0, colon)
    const key = createHmac('sha256', this.#key).update(text).digest('base64')
    const { access } = this.#gateway
    const known = this.#remembered.get(key)
    if (known !== undefined && sameSecret(known.secret, access.find('user', known.name)?.secret))
      return known.isRight ? callerOf(access, 'user', known.name) : undefined
    return this.#checking.get(key) ?? this.#begin(key, name, text.slice(colon + 1))
  }

  #begin(key: string, name: string, password: string): Promise<Caller | undefined> {
    if (this.#waiting.length >= WAITING_MAX)
      throw new DndError('DND_ERR_OVERLOADED', 'too many passwords are being checked; use a token')
    const checking = this.#check(key, name, password).finally(() => this.#checking.delete(key))
    this.#checking.set(key, checking)
    return checking
  }

  async #check(key: string, name: string, password: string): Promise<Caller | undefined> {
    if (this.#checks >= CHECKS_MAX)
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve)
      })
    this.#checks++
    try {
      const secret = this.#gateway.access.find('user', name)?.secret
      const isRight = await isPassword(password, secret)
      this.#remember(key, { name, secret, isRight })
      // He may have been thrown out meanwhile.
      return isRight && secret !== undefined
        ? this.again({ kind: 'user', name, secret, grants: [] })
        : undefined
    } finally {
      this.#checks--
      this.#waiting.shift()?.()
    }
  }

  #remember(key: string, what: Remembered): void {
    const eldest = this.#remembered.keys().next()
    if (this.#remembered.size >= REMEMBERED_MAX && eldest.done !== true)
      this.#remembered.delete(eldest.value)
    this.#remembered.set(key, what)
  }
}

function callerOf(access: AccessView, kind: PrincipalKind, name: string): Caller | undefined {
  const held = access.find(kind, name)
  return held === undefined ? undefined : { kind, name, ...held }
}

function tokensOf(access: AccessView): ReadonlyMap<string, string> {
  const tokens = new Map<string, string>()
  for (const { kind, name, principal } of access.principals()) {
    const text = kind === 'token' ? tokenHash(principal.secret) : undefined
    if (text !== undefined) tokens.set(text, name)
  }
  return tokens
}

function sameSecret(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equalBytes(a, b)
}
