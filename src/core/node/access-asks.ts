/** What may be asked about users and tokens, and what is answered. */
import type { Failure, FailureCode } from '../coordinator/messages.ts'
import type { NodeId } from '../std/ids.ts'
import type { Grant, Principal, PrincipalKind } from './access.ts'

interface Named {
  readonly kind: PrincipalKind
  readonly name: string
}

export type AccessAsk =
  | ({ readonly what: 'create' } & Principal & Named)
  | ({ readonly what: 'remove' } & Named)
  /** Another password. */
  | ({ readonly what: 'secret'; readonly secret: Uint8Array } & Named)
  | ({ readonly what: 'grant' | 'revoke'; readonly grant: Grant } & Named)

export type AccessResult =
  | {
      readonly ok: true
      /** After the change. */
      readonly grants: readonly Grant[]
      /** Members that have not confirmed yet; they learn of it when they are reached. */
      readonly pending: readonly NodeId[]
    }
  | Failure

export function accessFailure(code: FailureCode, message: string): Failure {
  return { ok: false, code, outcome: 'rejected', needed: 0, got: 0, message }
}
