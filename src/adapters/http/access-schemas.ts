/** JSON schemas of users and tokens, for the OpenAPI document. */
import { object } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'

export type AccessSchemaName =
  | 'Grant'
  | 'NewUser'
  | 'NewPassword'
  | 'NewTokenGrants'
  | 'Users'
  | 'Tokens'
  | 'AccessChange'
  | 'NewToken'
  | 'WhoAmI'

const STRING = { type: 'string' }
const NODE_IDS = { type: 'array', items: { type: 'string', pattern: '^[0-9a-f]{16}$' } }
const GRANT = { $ref: '#/components/schemas/Grant' }
const GRANTS = { type: 'array', items: GRANT }
const PENDING = { ...NODE_IDS, description: 'Members that have not confirmed yet.' }
const PRINCIPAL = object({ name: STRING, grants: GRANTS })
const PASSWORD = { ...STRING, description: '8 to 256 bytes of UTF-8.' }

export const ACCESS_SCHEMAS: Readonly<Record<AccessSchemaName, JsonSchema>> = {
  Grant: object(
    { role: { enum: ['read', 'write', 'admin'] } },
    {
      bucket: { ...STRING, description: 'All buckets when left out.' },
      prefix: { ...STRING, description: 'How keys begin; all keys when left out.' },
    },
  ),
  NewUser: object({ password: PASSWORD, grants: GRANTS }),
  NewPassword: object({ password: PASSWORD }),
  NewTokenGrants: object({ grants: GRANTS }),
  Users: object({ users: { type: 'array', items: PRINCIPAL } }),
  Tokens: object({ tokens: { type: 'array', items: PRINCIPAL } }),
  AccessChange: object({ name: STRING, grants: GRANTS, pending: PENDING }),
  NewToken: object({
    ...{ name: STRING, grants: GRANTS, pending: PENDING },
    token: { ...STRING, description: 'Told this once.' },
  }),
  WhoAmI: object(
    { locked: { type: 'boolean' } },
    { kind: { enum: ['user', 'token'] }, name: STRING, grants: GRANTS },
  ),
}
