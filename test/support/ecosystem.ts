/**
 * Folders with packages of their own: what dnd works together with and does not depend on. They are
 * installed where a test needs them, from their lock file and without scripts; nothing of it gets
 * into the project's own `node_modules`.
 */
import { execFile, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'

const INSTALL_WITHIN_MS = 5 * 60_000
const RUN_WITHIN_MS = 5 * 60_000
const NPM_CI = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
const TSC = resolve('node_modules', '.bin', 'tsc')

/**
 * Installs a folder's packages where they are not there yet, and builds `dnd-client`, which they
 * link to. False: it is done. Otherwise why it could not be: then the tests that need them are
 * skipped, and in CI a skipped test is a failed one.
 */
export function skipUnlessInstalled(folder: string): string | false {
  const lock = readFileSync(join(folder, 'package-lock.json'))
  const wanted = createHash('sha256').update(lock).digest('hex')
  const noted = join(folder, 'node_modules', '.installed-lock')
  if (read(noted) !== wanted) {
    const options = { cwd: folder, encoding: 'utf8', timeout: INSTALL_WITHIN_MS } as const
    const { status, stderr, error } = spawnSync('npm', NPM_CI, options)
    if (status !== 0) {
      const said = error?.message ?? stderr.trim()
      const name = relative('.', folder)
      console.warn(`✖ npm ci in ${name} failed, and its tests will be SKIPPED:\n${said}`)
      return `npm ci in ${name} failed: ${said.split('\n')[0]}`
    }
    writeFileSync(noted, wanted)
  }
  const built = spawnSync(TSC, ['-p', join('packages', 'client', 'tsconfig.pack.json')], {
    encoding: 'utf8',
  })
  if (built.status !== 0) throw new Error(`dnd-client cannot be built: ${built.stdout}`)
  return false
}

export interface Finished {
  readonly code: number
  readonly out: string
}

/** Runs a program to its end. Not with `spawnSync`: a cluster's output must be read meanwhile. */
export function finished(
  command: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<Finished> {
  // The runner around this process must not take another for a part of itself.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const all = {
    ...{ cwd: options.cwd, env: { ...env, ...options.env } },
    ...{ timeout: RUN_WITHIN_MS, maxBuffer: 64 * 1024 * 1024 },
  }
  return new Promise((done) => {
    execFile(command, args, all, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
      done({ code, out: code === 0 ? stdout : `${stdout}\n${stderr}` })
    })
  })
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // Not there: not installed.
    return undefined
  }
}
