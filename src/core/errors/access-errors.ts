/** Who asks, and what that one may do. */
import { row } from './error-info.ts'
import type { ErrorInfo } from './error-info.ts'

export type AccessErrorCode =
  | 'DND_ERR_UNAUTHENTICATED'
  | 'DND_ERR_FORBIDDEN'
  | 'DND_ERR_BAD_PRINCIPAL'
  | 'DND_ERR_PRINCIPAL_EXISTS'
  | 'DND_ERR_PRINCIPAL_UNKNOWN'
  | 'DND_ERR_TOO_MANY_PRINCIPALS'
  | 'DND_ERR_LAST_ADMIN'

/** Bounded by: the codes above. */
export const ACCESS_ERRORS: Readonly<Record<AccessErrorCode, ErrorInfo>> = {
  DND_ERR_UNAUTHENTICATED: row(
    401,
    2,
    'The cluster is locked, and the request does not prove who asks',
    'Send a token ("Authorization: Bearer …", --token-file or DND_TOKEN) or a user and password (Basic, --user with --password-file or DND_PASSWORD) of this cluster.',
  ),
  DND_ERR_FORBIDDEN: row(
    403,
    2,
    'Who asks may not do this',
    'Let an admin look at "dnd users list" and "dnd tokens list", and grant what is missing; list, watch and explain only below a prefix that is granted.',
  ),
  DND_ERR_BAD_PRINCIPAL: row(
    400,
    2,
    'The name, password or grants of a user or token cannot be used',
    'Names have 1 to 64 of a-z, 0-9, ".", "_" and "-", a letter or digit first; passwords 8 to 256 bytes; a grant is ROLE, ROLE:BUCKET or ROLE:BUCKET/PREFIX, admin without a prefix.',
  ),
  DND_ERR_PRINCIPAL_EXISTS: row(
    409,
    1,
    'There is a user or token of this name already',
    'Choose another name, or delete that one first; grants and passwords are changed with "dnd users grant", "revoke" and "passwd".',
  ),
  DND_ERR_PRINCIPAL_UNKNOWN: row(
    404,
    2,
    'There is no user or token of this name',
    'Look at "dnd users list" and "dnd tokens list" for the names.',
  ),
  DND_ERR_TOO_MANY_PRINCIPALS: row(
    409,
    1,
    'The cluster has as many users and tokens as it may have',
    'Names count after they were deleted, too: give a new token the name of a deleted one.',
  ),
  DND_ERR_LAST_ADMIN: row(
    409,
    1,
    'Nobody would be left who may administer the cluster',
    'Create another admin of all buckets first: "dnd users create NAME --grant admin".',
  ),
}
