/** Who a command comes as: what flags say, or else what the environment says. */
import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Credentials } from '../../packages/client/src/credentials.ts'
import type { CliContext } from './context.ts'
import { badFile, usage } from './failure.ts'

export interface CredentialOptions {
  readonly token?: string
  readonly tokenFile?: string
  readonly user?: string
  readonly passwordFile?: string
}

/** More is neither a token nor a password. */
const FILE_BYTES_MAX = 4096

/** Empty: it says nothing of who asks. */
export function credentialsOf(options: CredentialOptions, context: CliContext): Credentials {
  const { token, tokenFile, user, passwordFile } = options
  if ([token, tokenFile, user].filter((given) => given !== undefined).length > 1)
    throw usage('--token, --token-file and --user exclude each other')
  if (passwordFile !== undefined && (token ?? tokenFile) !== undefined)
    throw usage('--password-file goes with --user')
  const env = (name: string): string | undefined => context.env[name] || undefined
  if (token !== undefined) return { token }
  if (tokenFile !== undefined) return { token: firstLine(tokenFile, context) }
  const named = user ?? env('DND_USER')
  if (user === undefined && passwordFile === undefined) {
    const given = env('DND_TOKEN')
    if (given !== undefined) return { token: given }
    const file = env('DND_TOKEN_FILE')
    if (file !== undefined) return { token: firstLine(file, context) }
  }
  if (named === undefined) {
    if (passwordFile !== undefined) throw usage('--password-file goes with --user')
    return {}
  }
  const file = passwordFile ?? env('DND_PASSWORD_FILE')
  const isTold = passwordFile === undefined && env('DND_PASSWORD') !== undefined
  const password = isTold || file === undefined ? env('DND_PASSWORD') : firstLine(file, context)
  if (password === undefined)
    throw usage(
      `the password of ${named} is missing`,
      'Give --password-file FILE, or DND_PASSWORD in the environment.',
    )
  return { user: named, password }
}

/** Of a file that holds a secret. */
export function firstLine(path: string, context: CliContext): string {
  const full = resolve(context.cwd, path)
  try {
    if (statSync(full).size <= FILE_BYTES_MAX)
      return readFileSync(full, 'utf8').split(/\r?\n/)[0] ?? ''
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw badFile(`${full} cannot be read (${code})`, 'Check its path and permissions.', error)
  }
  throw badFile(`${full} is much larger than a token or password`)
}
