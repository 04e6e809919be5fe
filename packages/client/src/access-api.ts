/** What the HTTP API says about users and tokens. */

/** What one may do, and with which keys. */
export interface GrantJson {
  /** `write` contains `read`, `admin` contains both. */
  readonly role: 'read' | 'write' | 'admin'
  /** Absent: all buckets. */
  readonly bucket?: string
  /** How keys begin; absent: all keys. Not with `admin`. */
  readonly prefix?: string
}

export interface PrincipalJson {
  readonly name: string
  readonly grants: readonly GrantJson[]
}

/** `GET /users`, in order of name. */
export interface UsersJson {
  readonly users: readonly PrincipalJson[]
}

/** `GET /tokens`, in order of name. */
export interface TokensJson {
  readonly tokens: readonly PrincipalJson[]
}

/** What a user or token has after a change. */
export interface AccessChangeJson extends PrincipalJson {
  /** Node ids of members that are up and have not confirmed it yet. */
  readonly pending: readonly string[]
}

/** `PUT /tokens/{id}`: the text is told this once. */
export interface NewTokenJson extends AccessChangeJson {
  readonly token: string
}

/** `GET /whoami`. */
export interface WhoAmIJson {
  /** Whether the cluster asks who somebody is. */
  readonly locked: boolean
  /** Absent in an open cluster, as the rest. */
  readonly kind?: 'user' | 'token'
  readonly name?: string
  readonly grants?: readonly GrantJson[]
}
