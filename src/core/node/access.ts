/**
 * Who may do what: users and tokens, and what is granted to them. A cluster without any is open to
 * everybody who reaches it; from the first on it is locked.
 *
 * A grant names a role, a bucket or all of them, and how keys must begin. Roles contain each other:
 * who may write may read, who may administer may write. To administer is for whole buckets: there
 * are no properties of a part of one.
 */
import { equalBytes, startsWith } from '../std/bytes.ts'
import { GRANTS_MAX, KEY_BYTES_MAX } from '../std/limits.ts'
import type { Stamp } from '../versions/version.ts'
import { bucketNameProblem } from './buckets.ts'

export type AccessRole = 'read' | 'write' | 'admin'

/** In the order in which they contain each other. */
export const ACCESS_ROLES: readonly AccessRole[] = ['read', 'write', 'admin']

export interface Grant {
  readonly role: AccessRole
  /** Empty: all buckets. */
  readonly bucket: string
  /** How keys begin; empty: all keys. */
  readonly prefix: Uint8Array
}

export type PrincipalKind = 'user' | 'token'

/** A user or a token. */
export interface Principal {
  /**
   * What proves that somebody is this one, hashed; what the hash is, is for the edge that checks
   * it. 1 to SECRET_BYTES_MAX bytes.
   */
  readonly secret: Uint8Array
  /** Bounded by: GRANTS_MAX. */
  readonly grants: readonly Grant[]
}

/** The newest word on a user or token: by stamp, then by the encoding. */
export interface AccessRecord {
  readonly kind: PrincipalKind
  /** `[a-z0-9][a-z0-9._-]*`, at most NAME_BYTES_MAX; of each kind once. */
  readonly name: string
  readonly stamp: Stamp
  /** undefined: removed. */
  readonly principal: Principal | undefined
}

export const NAME_BYTES_MAX = 64
export const SECRET_BYTES_MAX = 128

export const ALL_BUCKETS = ''
const ALL_KEYS = new Uint8Array(0)

/** What is granted to who may do everything. */
export const FULL_GRANT: Grant = { role: 'admin', bucket: ALL_BUCKETS, prefix: ALL_KEYS }

/** What an edge needs to know who somebody is, and may do; asked anew for each request. */
export interface AccessView {
  /** Rises with every change. */
  readonly revision: number
  /** Whether there is, or ever was, anybody. */
  readonly isLocked: boolean
  find(kind: PrincipalKind, name: string): Principal | undefined
  /** Those there are, in order of kind and name. */
  principals(): readonly (AccessRecord & { readonly principal: Principal })[]
}

/** Whether the grants allow `role` on all keys of the bucket that begin with `prefix`. */
export function allows(
  grants: readonly Grant[],
  role: AccessRole,
  bucket: string,
  prefix: Uint8Array = ALL_KEYS,
): boolean {
  return grants.some(
    (grant) =>
      contains(grant.role, role) &&
      (grant.bucket === ALL_BUCKETS || grant.bucket === bucket) &&
      startsWith(prefix, grant.prefix),
  )
}

/** Whether they allow it on all keys of all buckets, and so on the cluster as a whole. */
export function allowsAll(grants: readonly Grant[], role: AccessRole): boolean {
  return grants.some(
    (grant) =>
      contains(grant.role, role) && grant.bucket === ALL_BUCKETS && grant.prefix.length === 0,
  )
}

/** Whether they allow anything on the bucket at all. */
export function touches(grants: readonly Grant[], bucket: string): boolean {
  return grants.some((grant) => grant.bucket === ALL_BUCKETS || grant.bucket === bucket)
}

export function sameGrant(a: Grant, b: Grant): boolean {
  return a.role === b.role && a.bucket === b.bucket && equalBytes(a.prefix, b.prefix)
}

/** What is wrong with a name; undefined when nothing is. */
export function principalNameProblem(name: string): string | undefined {
  if (name.length === 0 || name.length > NAME_BYTES_MAX)
    return `the name of a user or token has 1 to ${NAME_BYTES_MAX} characters`
  if (!/^[a-z0-9][a-z0-9._-]*$/.test(name))
    return 'the name of a user or token begins with a letter or digit and has only a-z, 0-9, ".", "_" and "-"'
  return undefined
}

/** What is wrong with a grant; undefined when nothing is. */
export function grantProblem({ role, bucket, prefix }: Grant): string | undefined {
  if (!ACCESS_ROLES.includes(role)) return `a role is one of ${ACCESS_ROLES.join(', ')}`
  const problem = bucket === ALL_BUCKETS ? undefined : bucketNameProblem(bucket)
  if (problem !== undefined) return problem
  if (prefix.length > KEY_BYTES_MAX) return `a prefix has at most ${KEY_BYTES_MAX} bytes`
  if (role === 'admin' && prefix.length > 0)
    return 'whole buckets are administered: a grant of admin has no prefix'
  return undefined
}

/** What is wrong with a user or token; undefined when nothing is. */
export function principalProblem({ secret, grants }: Principal): string | undefined {
  if (secret.length === 0 || secret.length > SECRET_BYTES_MAX)
    return `a hash has 1 to ${SECRET_BYTES_MAX} bytes`
  if (grants.length > GRANTS_MAX) return `there are at most ${GRANTS_MAX} grants for one name`
  for (const grant of grants) {
    const problem = grantProblem(grant)
    if (problem !== undefined) return problem
  }
  return undefined
}

function contains(granted: AccessRole, role: AccessRole): boolean {
  return ACCESS_ROLES.indexOf(granted) >= ACCESS_ROLES.indexOf(role)
}
