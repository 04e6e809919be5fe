/**
 * Judges a history key by key. Linearizability is local (Herlihy, Wing 1990, §3.3): a history of
 * many objects is linearizable iff that of each object is. So the search, which grows with the
 * number of operations that overlap, never sees more than one key at a time.
 */
import type { Refusal, Verdict } from './check.ts'
import { checkLinearizable } from './check.ts'
import type { Call, Model } from './model.ts'

/** An operation and the object that it was asked of. */
export interface KeyedCall<I, O> extends Call<I, O> {
  readonly key: string
}

export type KeyedVerdict<S, I, O> =
  | { readonly type: 'linearizable' }
  /** The first key, in order of first use, whose history is not. */
  | { readonly type: 'not-linearizable'; readonly key: string; readonly refusal: Refusal<S, I, O> }
  /** No key was refused, and for these the budget was not enough. */
  | { readonly type: 'undecided'; readonly keys: readonly string[] }

export function checkByKey<S, I, O>(
  model: Model<S, I, O>,
  operations: readonly KeyedCall<I, O>[],
  visitedMax?: number,
): KeyedVerdict<S, I, O> {
  const undecided: string[] = []
  for (const [key, ofKey] of partitionByKey(operations)) {
    const verdict: Verdict<S, I, O> = checkLinearizable(model, ofKey, visitedMax)
    if (verdict.type === 'not-linearizable')
      return { type: 'not-linearizable', key, refusal: verdict }
    if (verdict.type === 'undecided') undecided.push(key)
  }
  return undecided.length === 0 ? { type: 'linearizable' } : { type: 'undecided', keys: undecided }
}

export function partitionByKey<I, O>(
  operations: readonly KeyedCall<I, O>[],
): ReadonlyMap<string, readonly KeyedCall<I, O>[]> {
  const keys = new Map<string, KeyedCall<I, O>[]>()
  for (const operation of operations) {
    const ofKey = keys.get(operation.key)
    if (ofKey === undefined) keys.set(operation.key, [operation])
    else ofKey.push(operation)
  }
  return keys
}
