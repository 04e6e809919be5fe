/** Who may do what in the cluster: for its admins. */
import type {
  AccessChangeJson,
  GrantJson,
  NewTokenJson,
  PrincipalJson,
  TokensJson,
  UsersJson,
  WhoAmIJson,
} from './access-api.ts'
import { encode } from './encoding.ts'
import type { TransportRequest, TransportResponse } from './transport.ts'
import { parseJson } from './transport.ts'

type Send = (request: Omit<TransportRequest, 'timeoutMs'>) => Promise<TransportResponse>
type Kind = 'user' | 'token'

export class Users {
  readonly #send: Send

  constructor(send: Send) {
    this.#send = send
  }

  /** As whom the cluster knows this client. */
  async whoAmI(): Promise<WhoAmIJson> {
    return (await this.#read('/whoami')) as WhoAmIJson
  }

  /** In order of name. */
  async list(kind: Kind): Promise<readonly PrincipalJson[]> {
    const all = (await this.#read(`/${kind}s`)) as UsersJson & TokensJson
    return all[`${kind}s`]
  }

  /** The first user locks the cluster, and must be an admin of all buckets. */
  createUser(
    name: string,
    password: string,
    grants: readonly GrantJson[],
  ): Promise<AccessChangeJson> {
    return this.#change('PUT', pathOf('user', name), { password, grants })
  }

  /** The text of the token is in this answer and in no other. */
  async createToken(name: string, grants: readonly GrantJson[]): Promise<NewTokenJson> {
    return (await this.#change('PUT', pathOf('token', name), { grants })) as NewTokenJson
  }

  setPassword(name: string, password: string): Promise<AccessChangeJson> {
    return this.#change('PUT', `${pathOf('user', name)}/password`, { password })
  }

  remove(kind: Kind, name: string): Promise<AccessChangeJson> {
    return this.#change('DELETE', pathOf(kind, name))
  }

  grant(kind: Kind, name: string, grant: GrantJson): Promise<AccessChangeJson> {
    return this.#change('POST', `${pathOf(kind, name)}/grant`, grant)
  }

  revoke(kind: Kind, name: string, grant: GrantJson): Promise<AccessChangeJson> {
    return this.#change('POST', `${pathOf(kind, name)}/revoke`, grant)
  }

  async #read(path: string): Promise<unknown> {
    return parseJson(
      await this.#send({ ...{ method: 'GET', path, write: false, expected: [200] } }),
    )
  }

  async #change(
    method: 'POST' | 'PUT' | 'DELETE',
    path: string,
    body?: object,
  ): Promise<AccessChangeJson> {
    const response = await this.#send({
      ...{ method, path, write: true, expected: [200] },
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    })
    return parseJson(response) as AccessChangeJson
  }
}

function pathOf(kind: Kind, name: string): string {
  return `/${kind}s/${encode(name)}`
}
