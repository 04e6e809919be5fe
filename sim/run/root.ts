/** The folder of the project, wherever its compiled files are: `sim/seeds.json` is in it. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Relative to the project's folder. */
export const SEEDS_FILE: string = join('sim', 'seeds.json')

export function projectFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, SEEDS_FILE))) {
    const parent = dirname(folder)
    if (parent === folder) throw new Error(`no ${SEEDS_FILE} above ${import.meta.url}`)
    folder = parent
  }
  return folder
}
