/** What may be asked about users and tokens, as it is documented. */
import type { ErrorCode } from '../../core/errors.ts'
import type { PrincipalKind } from '../../core/node/access.ts'
import {
  onCreateToken,
  onCreateUser,
  onGrant,
  onRemove,
  onSetPassword,
  onTokens,
  onUsers,
  onWhoAmI,
} from './access-routes.ts'
import type { Operation, Route } from './operation.ts'
import { reading } from './operation.ts'

const CHANGE_ERRORS: readonly ErrorCode[] = [
  'DND_ERR_BAD_PRINCIPAL',
  'DND_ERR_CLONED_IDENTITY',
  'DND_ERR_NOT_READY',
  'DND_ERR_TIMEOUT',
]
const BODY_ERRORS: readonly ErrorCode[] = [
  ...CHANGE_ERRORS,
  'DND_ERR_BAD_JSON',
  'DND_ERR_BODY_TOO_LARGE',
]
const CREATE_ERRORS: readonly ErrorCode[] = [
  ...BODY_ERRORS,
  'DND_ERR_PRINCIPAL_EXISTS',
  'DND_ERR_TOO_MANY_PRINCIPALS',
  'DND_ERR_LAST_ADMIN',
  'DND_ERR_LOCAL_ONLY',
]
const CHANGED: Operation['responses'] = {
  200: {
    description: 'In force on all members but those that are named.',
    content: 'AccessChange',
  },
}

function changing(
  id: string,
  summary: string,
  more: Pick<Operation, 'handle' | 'errors'> & Partial<Operation>,
): Operation {
  return { id, op: 'access', access: 'admin', summary, query: [], responses: CHANGED, ...more }
}

function removing(kind: PrincipalKind, id: string): Operation {
  return changing(id, `Remove a ${kind}: whoever comes with it is refused from now on`, {
    errors: [...CHANGE_ERRORS, 'DND_ERR_PRINCIPAL_UNKNOWN', 'DND_ERR_LAST_ADMIN'],
    handle: onRemove(kind),
  })
}

function granting(kind: PrincipalKind, what: 'grant' | 'revoke', id: string): Route {
  const summary =
    what === 'grant' ? `Grant something more to a ${kind}` : `Take a grant from a ${kind}`
  const errors: readonly ErrorCode[] = [
    ...BODY_ERRORS,
    'DND_ERR_PRINCIPAL_UNKNOWN',
    'DND_ERR_LAST_ADMIN',
  ]
  return {
    path: `/${kind}s/{id}/${what}`,
    methods: {
      POST: changing(id, summary, { body: 'Grant', errors, handle: onGrant(kind, what) }),
    },
  }
}

export const ACCESS_ROUTES: readonly Route[] = [
  {
    path: '/whoami',
    methods: reading(
      'getWhoAmI',
      'Whether the cluster is locked, and as whom it knows the one who asks',
      { 200: { description: 'Name and grants.', content: 'WhoAmI' } },
      onWhoAmI,
      { access: 'known' },
    ),
  },
  {
    path: '/users',
    methods: reading(
      'listUsers',
      'The users of the cluster, and what is granted to them',
      { 200: { description: 'In order of name.', content: 'Users' } },
      onUsers,
      { op: 'access', access: 'admin' },
    ),
  },
  {
    path: '/users/{id}',
    methods: {
      PUT: changing('createUser', 'Make a user; the first one locks the cluster', {
        body: 'NewUser',
        errors: CREATE_ERRORS,
        handle: onCreateUser,
      }),
      DELETE: removing('user', 'removeUser'),
    },
  },
  {
    path: '/users/{id}/password',
    methods: {
      PUT: changing('setPassword', 'Give a user another password; each may change his own', {
        access: 'self',
        body: 'NewPassword',
        errors: [...BODY_ERRORS, 'DND_ERR_PRINCIPAL_UNKNOWN'],
        handle: onSetPassword,
      }),
    },
  },
  granting('user', 'grant', 'grantToUser'),
  granting('user', 'revoke', 'revokeFromUser'),
  {
    path: '/tokens',
    methods: reading(
      'listTokens',
      'The tokens of the cluster by name, and what is granted to them',
      { 200: { description: 'In order of name; their texts are not known.', content: 'Tokens' } },
      onTokens,
      { op: 'access', access: 'admin' },
    ),
  },
  {
    path: '/tokens/{id}',
    methods: {
      PUT: changing('createToken', 'Make a token', {
        description: 'Its text is in this answer and is never told again.',
        body: 'NewTokenGrants',
        responses: { 200: { description: 'The token.', content: 'NewToken' } },
        errors: CREATE_ERRORS,
        handle: onCreateToken,
      }),
      DELETE: removing('token', 'removeToken'),
    },
  },
  granting('token', 'grant', 'grantToToken'),
  granting('token', 'revoke', 'revokeFromToken'),
]
