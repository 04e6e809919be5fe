/** How a mutant is switched on: for a worker thread or a child process, as a whole. */
import { spawnSync } from 'node:child_process'
import { mustFind } from './catalogue.ts'

/** Names the mutant to the thread or process that runs it. */
export const MUTANT_VARIABLE: string = 'DND_SIM_MUTANT'

/** URL of the folder in which `src` and `sim` are compiled. */
export const ROOT: string = new URL('../../', import.meta.url).href

export interface Launch {
  /** To be given besides others. */
  readonly execArgv: readonly string[]
  /** To be added to the environment. */
  readonly env: Readonly<Record<string, string>>
}

/** Nothing, when nothing is to be patched; throws when there is no mutant of that name. */
export function mutantLaunch(name: string | undefined): Launch {
  if (name === undefined) return { execArgv: [], env: {} }
  const mutant = mustFind(name)
  if (mutant.patches.length === 0) return { execArgv: [], env: {} }
  const preload = new URL('./preload.js', import.meta.url).href
  return { execArgv: ['--import', preload], env: { [MUTANT_VARIABLE]: mutant.name } }
}

/**
 * Runs this program once more, with the mutant, and gives its exit code; undefined where that is
 * not needed: there is no mutant, or nothing to patch, or this is the program with the mutant
 * already.
 */
export function relaunch(name: string | undefined): number | undefined {
  const { execArgv, env } = mutantLaunch(name)
  if (execArgv.length === 0 || process.env[MUTANT_VARIABLE] === name) return undefined
  const again = [...process.execArgv, ...execArgv, ...process.argv.slice(1)]
  const options = { stdio: 'inherit', env: { ...process.env, ...env } } as const
  return spawnSync(process.execPath, again, options).status ?? 1
}
