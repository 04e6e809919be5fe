/**
 * Scenarios as JSON. A scenario is data but for its checkers, which are functions: they are written
 * by name and found again by name. What is read is held against a scenario that is known to be
 * good, field by field, so that a file with a slip says so instead of running as something else.
 */
import { ALL_CHECKERS } from '../checkers/all.ts'
import type { Scenario } from '../scenarios/scenario.ts'
import { STANDARD } from '../scenarios/standard.ts'

export type ScenarioData = Omit<Scenario, 'checkers'> & { readonly checkers: readonly string[] }

export function scenarioToData(scenario: Scenario): ScenarioData {
  return { ...scenario, checkers: scenario.checkers.map(({ name }) => name) }
}

/** The scenario that `data` is, or what is wrong with it. */
export function scenarioFromData(data: unknown): Scenario | string {
  if (!isObject(data)) return 'a scenario is an object'
  const model: Fields = { name: '', about: '', ...STANDARD, faults: [], checkers: [] }
  const wrong = differenceFrom(model, data, '')
  if (wrong !== undefined) return wrong
  const { checkers: names, ...rest } = data as unknown as ScenarioData
  const checkers = []
  for (const name of names) {
    const checker = ALL_CHECKERS.find((known) => known.name === name)
    if (checker === undefined) return `no checker ${name}`
    checkers.push(checker)
  }
  return { ...rest, checkers }
}

type Fields = Readonly<Record<string, unknown>>

/**
 * The first field of `model` that `data` lacks or that is of another kind. Elements of arrays are
 * not compared: a range is as long as the model's, and what a fault needs the fault's code knows.
 */
function differenceFrom(model: Fields, data: Fields, path: string): string | undefined {
  for (const [name, expected] of Object.entries(model)) {
    const found = data[name]
    const place = path + name
    if (kindOf(found) !== kindOf(expected))
      return `${place} must be ${kindOf(expected)}, and is ${kindOf(found)}`
    if (!isObject(expected) || !isObject(found)) continue
    const deeper = differenceFrom(expected, found, `${place}.`)
    if (deeper !== undefined) return deeper
  }
  return undefined
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'missing'
  if (Array.isArray(value)) return isRange(value) ? 'a range of two numbers' : 'a list'
  return value === null ? 'null' : `of type ${typeof value}`
}

function isRange(value: readonly unknown[]): boolean {
  return value.length === 2 && value.every((bound) => typeof bound === 'number')
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A failing run as a file: its scenario and its seed, and what it is about. */
export interface ScenarioFile {
  readonly checker: string
  readonly seed: number
  readonly scenario: ScenarioData
}

/** The contents of such a file, or what is wrong with them. */
export function parseScenarioFile(text: string): ScenarioFile | string {
  let file: unknown
  try {
    file = JSON.parse(text)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  if (!isObject(file)) return 'not an object'
  const { checker, seed, scenario } = file
  if (typeof seed !== 'number' || !Number.isInteger(seed)) return 'seed must be a whole number'
  if (typeof checker !== 'string') return 'checker must be a string'
  const found = scenarioFromData(scenario)
  return typeof found === 'string' ? found : { checker, seed, scenario: scenarioToData(found) }
}
