/**
 * What an operator may ask about the cluster's keys, and what is answered. Secrets go in and never
 * come out.
 */
import type { Failure, FailureCode } from '../coordinator/messages.ts'
import type { NodeId } from '../std/ids.ts'
import type { KeyId } from './cluster-key.ts'

/** What an operator may ask. */
export type KeysAsk =
  | { readonly what: 'list' }
  | { readonly what: 'install'; readonly secret: Uint8Array }
  | { readonly what: 'use'; readonly id: KeyId }
  /** `force`: also while members need the key. */
  | { readonly what: 'remove'; readonly id: KeyId; readonly force: boolean }

/** Of one node: what it has installed durably, in order of id, and what it seals with. */
export interface KeysReport {
  readonly keys: readonly KeyId[]
  /** undefined iff it has no key. */
  readonly primary: KeyId | undefined
}

export interface MemberKeys {
  readonly node: NodeId
  /** undefined: it has not answered. */
  readonly report: KeysReport | undefined
}

export type KeysResult =
  /** Who has which: this node, all who are up, and all of the layout, in order of id. */
  | { readonly ok: true; readonly what: 'list'; readonly members: readonly MemberKeys[] }
  | {
      readonly ok: true
      readonly what: 'changed'
      readonly id: KeyId
      /** Of this node, after the change. */
      readonly report: KeysReport
      /** Members that are up and have not confirmed; they learn of it when they are reached. */
      readonly pending: readonly NodeId[]
    }
  | Failure

export function keysFailure(code: FailureCode, message: string): Failure {
  return { ok: false, code, outcome: 'rejected', needed: 0, got: 0, message }
}
