/**
 * One register: what a key with conditional writes must look like to its clients. A write sets it,
 * a read shows it, and a compare-and-set sets it if it holds what was expected.
 */
import type { Call, Model, Step } from './model.ts'

/** undefined: nothing was ever written, or it was deleted. */
export type RegisterValue = string | undefined

export type RegisterInput =
  | { readonly type: 'read' }
  | { readonly type: 'write'; readonly value: RegisterValue }
  | { readonly type: 'cas'; readonly expected: RegisterValue; readonly value: RegisterValue }

export type RegisterOutput =
  | { readonly type: 'read'; readonly value: RegisterValue }
  | { readonly type: 'written' }
  /** `swapped: false`: the register held something else. */
  | { readonly type: 'compared'; readonly swapped: boolean }

export type RegisterCall = Call<RegisterInput, RegisterOutput>
export type RegisterModel = Model<RegisterValue, RegisterInput, RegisterOutput>

const REFUSED: Step<RegisterValue> = { ok: false }

export const REGISTER: RegisterModel = {
  init: undefined,
  step(state, input, output) {
    switch (input.type) {
      case 'read':
        return answers(state, output === 'unknown' || valueRead(output) === state)
      case 'write':
        return { ok: true, state: input.value }
      case 'cas': {
        const fits = state === input.expected
        const wanted = output === 'unknown' || (output.type === 'compared' && output.swapped)
        if (output !== 'unknown' && wanted !== fits) return REFUSED
        return { ok: true, state: fits ? input.value : state }
      }
    }
  },
  key: keyOf,
  effect(input, output) {
    if (input.type === 'write') return 'overwrites'
    return input.type === 'read' || hasFailed(output) ? 'none' : 'depends'
  },
  needs(input, output) {
    if (output === 'unknown' || input.type === 'write') return undefined
    if (input.type === 'cas') return hasFailed(output) ? undefined : keyOf(input.expected)
    return output.type === 'read' ? keyOf(output.value) : undefined
  },
  makes(input, output) {
    return input.type === 'read' || hasFailed(output) ? undefined : keyOf(input.value)
  },
}

function keyOf(state: RegisterValue): string {
  return state === undefined ? '' : `=${state}`
}

function hasFailed(output: RegisterOutput | 'unknown'): boolean {
  return output !== 'unknown' && output.type === 'compared' && !output.swapped
}

function answers(state: RegisterValue, fits: boolean): Step<RegisterValue> {
  return fits ? { ok: true, state } : REFUSED
}

function valueRead(output: RegisterOutput): RegisterValue | false {
  return output.type === 'read' && output.value
}
