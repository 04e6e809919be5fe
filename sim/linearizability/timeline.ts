/**
 * Histories drawn by hand, for tests: a row for each process, time from left to right.
 *
 * ```
 *   [w1    ]        writes 1                        [w_]  writes nothing: a delete
 *      [r_ ] [r1]   reads nothing, later reads 1
 *   [c1>2+ ]        sets 2 if it is 1, and did      [c1>2-]  did not
 *        [w3        of unknown outcome: a bracket that is not closed
 * ```
 */
import { assert } from '../../src/core/std/assert.ts'
import type { RegisterCall, RegisterInput, RegisterOutput, RegisterValue } from './register.ts'

/** What a drawing may show: w, r or c, the values, and for c whether it was done. */
const OPERATION = /\[([wrc])(\w)(?:>(\w)([+-]?))?[^\]]*(\]|$)/g

export function timeline(...rows: readonly string[]): readonly RegisterCall[] {
  const calls: RegisterCall[] = []
  for (const [process, row] of rows.entries()) {
    for (const match of row.matchAll(OPERATION)) {
      const [text, kind = '', first = '', second = '', sign = '', end] = match
      const isOpen = end !== ']'
      const input = inputOf(kind, first, second)
      calls.push({
        id: calls.length,
        process,
        input,
        output: isOpen ? 'unknown' : outputOf(input, first, sign),
        invoked: match.index,
        returned: isOpen ? Infinity : match.index + text.length - 1,
      })
    }
  }
  assert(calls.length > 0, 'a drawing without operations')
  return calls
}

function inputOf(kind: string, first: string, second: string): RegisterInput {
  if (kind === 'r') return { type: 'read' }
  if (kind === 'w') return { type: 'write', value: valueOf(first) }
  return { type: 'cas', expected: valueOf(first), value: valueOf(second) }
}

function outputOf(input: RegisterInput, first: string, sign: string): RegisterOutput {
  if (input.type === 'read') return { type: 'read', value: valueOf(first) }
  if (input.type === 'write') return { type: 'written' }
  assert(sign !== '', 'a compare-and-set that returned needs + or -')
  return { type: 'compared', swapped: sign === '+' }
}

function valueOf(name: string): RegisterValue {
  return name === '_' ? undefined : name
}
