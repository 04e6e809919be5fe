/**
 * What a history is compared with: an object that does one thing at a time, and the operations that
 * clients asked of it.
 */

/** A sequential object. States are values: a step returns a new one and leaves the old as it is. */
export interface Model<S, I, O> {
  readonly init: S
  /**
   * Whether the object in `state` can answer `input` with `output`, and its state afterwards. Asked
   * with `unknown` it must always be able to.
   */
  step(state: S, input: I, output: O | 'unknown'): Step<S>
  /** Equal for equal states, and for no others. */
  key(state: S): string
  /** What an operation does to the state, whatever the state is. */
  effect(input: I, output: O | 'unknown'): Effect
  /** The key of the one state in which the operation is possible; undefined when there are more. */
  needs(input: I, output: O | 'unknown'): string | undefined
  /** The key of the one state that it can lead to from another; undefined when there is none. */
  makes(input: I, output: O | 'unknown'): string | undefined
}

export type Effect =
  /** It leaves every state as it is. */
  | 'none'
  /** It is possible in every state, and leads from all of them to the same. */
  | 'overwrites'
  | 'depends'

export type Step<S> = { readonly ok: true; readonly state: S } | { readonly ok: false }

/** One operation on one object, from its invocation to its return. */
export interface Call<I, O> {
  readonly id: number
  readonly process: number
  readonly input: I
  /** `unknown`: it may have happened at any time after its invocation, or never. */
  readonly output: O | 'unknown'
  /** Position, or time, of the invocation. */
  readonly invoked: number
  /** Of the return; Infinity when the outcome is unknown. */
  readonly returned: number
}
