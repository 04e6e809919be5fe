/** Members that serve HTTP, and so can be asked: those within an application may not. */
import type { MemberJson } from '../../packages/client/src/api.ts'

export interface ServingMember extends MemberJson {
  readonly addresses: { readonly cluster: string; readonly http: string; readonly url?: string }
}

export function servesHttp(member: MemberJson): member is ServingMember {
  return member.addresses.http !== undefined
}

/** Where its HTTP is, as it tells of itself. */
export function urlOf({ addresses: { http, url } }: ServingMember): string {
  return url ?? `http://${http}`
}
