/**
 * The definition itself, for tests: tries every order of every set of operations that can have
 * happened. For a handful of operations; shares nothing with the search but the model.
 */
import type { Call, Model } from './model.ts'

export function isLinearizableByDefinition<S, I, O>(
  model: Model<S, I, O>,
  operations: readonly Call<I, O>[],
): boolean {
  const from = (state: S, left: readonly Call<I, O>[]): boolean => {
    if (left.every(({ returned }) => returned === Infinity)) return true
    return left.some((next, place) => {
      if (left.some((other) => other.returned < next.invoked)) return false
      const step = model.step(state, next.input, next.output)
      return step.ok && from(step.state, left.toSpliced(place, 1))
    })
  }
  return from(model.init, operations)
}
