/**
 * Loaded with `--import` before anything else of a thread or process that is to run a mutant: see
 * `launch.ts`.
 */
import { register } from 'node:module'
import { mustFind } from './catalogue.ts'
import { MUTANT_VARIABLE, ROOT } from './launch.ts'
import type { HookData } from './module-hooks.ts'

const name = process.env[MUTANT_VARIABLE]
if (name === undefined) throw new Error(`${MUTANT_VARIABLE} names no mutant`)
const data: HookData = { root: ROOT, patches: mustFind(name).patches }
register('./module-hooks.js', import.meta.url, { data })
