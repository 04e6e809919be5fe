/**
 * Whether a request is let in. Each operation of the table says what it needs; who asks for it, and
 * what is granted to that one, is looked at here, before anything of it is done.
 *
 * ```
 *   open          anybody: what tells nothing of the cluster
 *   known         any user or token
 *   read, write   on the key of the path
 *   list          to read all keys of the bucket that begin with the `prefix` of the query
 *   bucket        anything on the bucket of the path
 *   bucket-admin  to administer that bucket
 *   cluster       to read all keys of all buckets: what tells of the cluster as a whole
 *   admin         to administer all buckets
 *   self          to be the user of the path, or an admin
 *   each          what the body names is looked at one by one
 * ```
 * A cluster without users lets everybody do everything.
 */
import type { ErrorCode } from '../../core/errors.ts'
import { DndError } from '../../core/errors.ts'
import type { AccessRole } from '../../core/node/access.ts'
import { allows, allowsAll, touches } from '../../core/node/access.ts'
import type { Caller } from './doorman.ts'
import type { Asked, Exchange } from './exchange.ts'
import type { Operation } from './operation.ts'

export type AccessNeed =
  | 'open'
  | 'known'
  | 'read'
  | 'write'
  | 'list'
  | 'bucket'
  | 'bucket-admin'
  | 'cluster'
  | 'admin'
  | 'self'
  | 'each'

/** What any operation may meet that is not open. */
export const ACCESS_ERRORS: readonly ErrorCode[] = ['DND_ERR_UNAUTHENTICATED', 'DND_ERR_FORBIDDEN']

/**
 * Runs the operation for who may ask for it; throws, or answers, a refusal for anybody else. The
 * exchange knows all that the head of the request says.
 */
export function admit(exchange: Exchange, operation: Operation): void {
  const { doorman } = exchange.site
  if (isAudited(operation)) exchange.audited = { act: operation.id }
  if (operation.access === 'open' || !doorman.isLocked) return operation.handle(exchange)
  doorman.mustBeReady()
  const { authorization } = exchange.headers
  if (authorization === undefined) return refuse(exchange, 'the cluster is locked: say who asks')
  const found = doorman.identify(authorization)
  if (!(found instanceof Promise)) return enter(exchange, operation, found)
  found.then(
    (caller) => exchange.run(() => enter(exchange, operation, caller), NO_BODY),
    (error: unknown) => {
      exchange.site.log.error('a password could not be checked', { error })
      exchange.fail(new DndError('DND_ERR_INTERNAL', 'the password could not be checked'))
    },
  )
}

/** Whether the one who asks may do that with all keys that begin with `prefix`. */
export function mayDo(
  { caller }: Pick<Exchange, 'caller'>,
  role: AccessRole,
  bucket: string,
  prefix: Uint8Array,
): boolean {
  return caller === undefined || allows(caller.grants, role, bucket, prefix)
}

/** Throws where `mayDo` says no. */
export function mustBeAllowed(
  exchange: Exchange,
  role: AccessRole,
  bucket: string,
  prefix: Uint8Array,
): void {
  if (!mayDo(exchange, role, bucket, prefix)) throw forbidden(`${role} this of ${bucket}`)
}

/** Whether anything of the bucket may be seen. */
export function maySee({ caller }: Pick<Asked, 'caller'>, bucket: string): boolean {
  return caller === undefined || touches(caller.grants, bucket)
}

/** Whether the one who was let in would be let in now, to read the same. */
export function mayStillRead(exchange: Exchange): boolean {
  const { caller, site, bucket, query } = exchange
  if (caller === undefined) return !site.doorman.isLocked
  const now = site.doorman.again(caller)
  return now !== undefined && allows(now.grants, 'read', bucket, query.prefix)
}

function enter(exchange: Exchange, operation: Operation, caller: Caller | undefined): void {
  if (caller === undefined)
    return refuse(exchange, 'this token, or this user with this password, is not known')
  exchange.caller = caller
  if (!suffices(exchange, operation.access, caller)) throw forbidden(NEEDED[operation.access])
  operation.handle(exchange)
}

function suffices(exchange: Exchange, need: AccessNeed, { kind, name, grants }: Caller): boolean {
  const { bucket, key, query } = exchange
  switch (need) {
    case 'open':
    case 'known':
    case 'each':
      return true
    case 'read':
    case 'write':
      return allows(grants, need, bucket, key)
    case 'list':
      return allows(grants, 'read', bucket, query.prefix)
    case 'bucket':
      return touches(grants, bucket)
    case 'bucket-admin':
      return allows(grants, 'admin', bucket)
    case 'cluster':
      return allowsAll(grants, 'read')
    case 'admin':
      return allowsAll(grants, 'admin')
    case 'self': {
      const isSelf = kind === 'user' && name === Buffer.from(key).toString('utf8')
      return isSelf || allowsAll(grants, 'admin')
    }
  }
}

const NEEDED: Readonly<Record<AccessNeed, string>> = {
  open: '',
  known: '',
  each: '',
  read: 'read this key',
  write: 'write this key',
  list: 'read all that this would show; name a prefix that is granted',
  bucket: 'see this bucket',
  'bucket-admin': 'administer this bucket',
  cluster: 'read the cluster as a whole, which takes a grant of read on all buckets',
  admin: 'administer the cluster',
  self: 'change the password of another',
}

const NO_BODY = new Uint8Array(0)

function forbidden(what: string): DndError {
  return new DndError('DND_ERR_FORBIDDEN', `who asks may not ${what}`)
}

/**
 * Browsers answer a challenge that they know with a dialog of their own, in front of the console's:
 * their scripts are not told of passwords.
 */
function refuse(exchange: Exchange, detail: string): void {
  const isScript = exchange.request.headers['sec-fetch-site'] !== undefined
  const challenge = isScript ? BEARER : `${BEARER}, Basic realm="dnd", charset="UTF-8"`
  exchange.fail(new DndError('DND_ERR_UNAUTHENTICATED', detail), ['www-authenticate', challenge])
}

const BEARER = 'Bearer realm="dnd"'

/** Who changes anything but data leaves a line in the log. */
function isAudited({ access }: Operation): boolean {
  return access === 'admin' || access === 'bucket-admin' || access === 'self'
}
