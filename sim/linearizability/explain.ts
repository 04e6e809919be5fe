/**
 * A refusal for people: how far it went, what the register then held, and what cannot come next.
 */
import type { Refusal } from './check.ts'
import type { RegisterCall, RegisterInput, RegisterOutput, RegisterValue } from './register.ts'

/** Operations of the prefix that are shown; what came before them seldom matters. */
const SHOWN_MAX = 12

export function explain(refusal: Refusal<RegisterValue, RegisterInput, RegisterOutput>): string {
  const { prefix, state, stuck } = refusal
  const hidden = Math.max(0, prefix.length - SHOWN_MAX)
  const steps = prefix.slice(hidden).map((call) => `    ${callText(call)}`)
  return [
    `cannot be placed: ${callText(stuck)}`,
    `  the register then holds ${valueText(state)}, after ${prefix.length} operations:`,
    ...(hidden > 0 ? [`    … ${hidden} operations`] : []),
    ...steps,
  ].join('\n')
}

export function callText({ id, process, input, output, invoked, returned }: RegisterCall): string {
  const when = returned === Infinity ? `from ${invoked} on` : `${invoked} … ${returned}`
  return `#${id} ${inputText(input)} ${outputText(output)} (process ${process}, ${when})`
}

function inputText(input: RegisterInput): string {
  switch (input.type) {
    case 'read':
      return 'read'
    case 'write':
      return `write ${valueText(input.value)}`
    case 'cas':
      return `set ${valueText(input.value)} if ${valueText(input.expected)}`
  }
}

function outputText(output: RegisterOutput | 'unknown'): string {
  if (output === 'unknown') return '→ unknown'
  switch (output.type) {
    case 'read':
      return `→ ${valueText(output.value)}`
    case 'written':
      return '→ ok'
    case 'compared':
      return output.swapped ? '→ swapped' : '→ not swapped'
  }
}

function valueText(value: RegisterValue): string {
  return value ?? 'nothing'
}
