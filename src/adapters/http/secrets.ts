/**
 * Passwords and tokens, and what is kept of them: never themselves.
 *
 * A token is 32 bytes that we drew; nobody guesses those, so one SHA-256 hides it as well as
 * anything would, and checking it costs next to nothing. A password is what a person could remember
 * or had made: it is hashed by scrypt with a salt of its own, which makes each guess as dear to who
 * has stolen the hashes as it is to us.
 *
 * ```
 * of a token      01 · sha-256 of its text 32 bytes
 * of a password   02 · log2 N u8 · r u8 · p u8 · salt 16 bytes · hash 32 bytes
 * ```
 */
import { hash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import type { ScryptOptions } from 'node:crypto'
import { DndError } from '../../core/errors.ts'

const OF_TOKEN = 1
const OF_PASSWORD = 2
const TOKEN_PREFIX = 'dnd_'
const TOKEN_BYTES = 32
const TOKEN_FORM = /^dnd_[A-Za-z0-9_-]{43}$/
const SALT_BYTES = 16
const HASH_BYTES = 32
const HEAD_BYTES = 4
const PASSWORD_BYTES_MIN = 8
const PASSWORD_BYTES_MAX = 256

/** 16 MiB and a quarter of a second or so for each guess. */
const COST = { logN: 14, r: 8, p: 5 }
/** What another node may ask of us, at most: a hash comes from the cluster, and is not trusted. */
const COST_MAX = { logN: 17, r: 16, p: 16 }

/** A new token: its text is shown once, and only the hash is kept. */
export function newToken(): { readonly text: string; readonly secret: Uint8Array } {
  const text = TOKEN_PREFIX + randomBytes(TOKEN_BYTES).toString('base64url')
  return { text, secret: secretOfToken(text) }
}

export function secretOfToken(text: string): Uint8Array {
  const secret = new Uint8Array(1 + HASH_BYTES)
  secret[0] = OF_TOKEN
  secret.set(hash('sha256', text, 'buffer'), 1)
  return secret
}

export function isToken(text: string): boolean {
  return TOKEN_FORM.test(text)
}

/** By which a token is found among all; undefined for what is not kept of a token. */
export function tokenHash(secret: Uint8Array): string | undefined {
  if (secret[0] !== OF_TOKEN || secret.length !== 1 + HASH_BYTES) return undefined
  return Buffer.from(secret.buffer, secret.byteOffset + 1, HASH_BYTES).toString('base64')
}

export function hashOfToken(text: string): string {
  return hash('sha256', text, 'base64')
}

/** Throws for one that cannot be used. */
export function checkPassword(password: string): void {
  const bytes = Buffer.byteLength(password)
  if (bytes < PASSWORD_BYTES_MIN || bytes > PASSWORD_BYTES_MAX)
    throw new DndError(
      'DND_ERR_BAD_PRINCIPAL',
      `a password has ${PASSWORD_BYTES_MIN} to ${PASSWORD_BYTES_MAX} bytes`,
    )
}

/** What is kept of a password. */
export async function secretOfPassword(password: string): Promise<Uint8Array> {
  const salt = randomBytes(SALT_BYTES)
  const { logN, r, p } = COST
  const key = await derive(password, salt, COST)
  return new Uint8Array(Buffer.concat([Buffer.of(OF_PASSWORD, logN, r, p), salt, key]))
}

/**
 * Whether this is the password. Without a hash to compare it takes as long and says no, so that the
 * time does not tell whether there is such a user.
 */
export async function isPassword(
  password: string,
  secret: Uint8Array | undefined,
): Promise<boolean> {
  const kept = secret === undefined ? undefined : parse(secret)
  const { cost, salt, key } = kept ?? NOBODY
  const derived = await derive(password, salt, cost)
  return timingSafeEqual(derived, key) && kept !== undefined
}

interface Kept {
  readonly cost: typeof COST
  readonly salt: Uint8Array
  readonly key: Uint8Array
}

const NOBODY: Kept = {
  cost: COST,
  salt: new Uint8Array(SALT_BYTES),
  key: new Uint8Array(HASH_BYTES),
}

function parse(secret: Uint8Array): Kept | undefined {
  const [kind, logN = 0, r = 0, p = 0] = secret
  const length = HEAD_BYTES + SALT_BYTES + HASH_BYTES
  if (kind !== OF_PASSWORD || secret.length !== length) return undefined
  if (logN < 1 || r < 1 || p < 1) return undefined
  if (logN > COST_MAX.logN || r > COST_MAX.r || p > COST_MAX.p) return undefined
  const salt = secret.subarray(HEAD_BYTES, HEAD_BYTES + SALT_BYTES)
  return { cost: { logN, r, p }, salt, key: secret.subarray(HEAD_BYTES + SALT_BYTES) }
}

function derive(password: string, salt: Uint8Array, { logN, r, p }: typeof COST): Promise<Buffer> {
  const options: ScryptOptions = { N: 2 ** logN, r, p, maxmem: 256 * 2 ** logN * r }
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFC'), salt, HASH_BYTES, options, (error, key) => {
      if (error === null) resolve(key)
      else reject(error)
    })
  })
}
