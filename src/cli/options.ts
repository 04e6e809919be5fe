/** Options that many commands share, and how their texts become values. */
import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'
import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { DndClient } from '../../packages/client/src/client.ts'
import type { DndClientOptions } from '../../packages/client/src/client.ts'
import { httpExchange } from '../../packages/client/src/node/http-exchange.ts'
import type { CliContext } from './context.ts'
import { credentialsOf } from './credentials.ts'
import type { CredentialOptions } from './credentials.ts'
import { usage } from './failure.ts'

const SERVER_DEFAULT = 'http://127.0.0.1:6001'
/** More is a mistaken path. */
const CA_BYTES_MAX = 1024 * 1024

export interface ServerOptions extends CredentialOptions {
  readonly server?: readonly string[]
  readonly timeout?: number
  readonly ca?: string
  readonly json?: boolean
}

export function withJson(command: Command): Command {
  return command.option('--json', 'print JSON, for programs')
}

/** `--server`, `--timeout` and `--json`, for commands that talk to a running node. */
export function withServer(command: Command): Command {
  return withJson(
    command
      .option(
        '--server <url>',
        `node to talk to; repeat or separate by commas to name more (default: DND_SERVER or ${SERVER_DEFAULT})`,
        collect,
      )
      .option(
        '--ca <file>',
        'who signs the certificates of https nodes, PEM (DND_CA; default: whom Node trusts)',
      )
      .option('--timeout <ms>', 'how long the node may take', whole(1, 60_000))
      .option('--token <token>', 'come with this token; everybody on the machine sees it in ps')
      .option('--token-file <file>', 'come with the token in this file (DND_TOKEN_FILE, DND_TOKEN)')
      .option('--user <name>', 'come as this user (DND_USER)')
      .option(
        '--password-file <file>',
        'the first line is the password of --user (DND_PASSWORD_FILE, DND_PASSWORD)',
      ),
  )
}

export function withBucket(command: Command): Command {
  return command.option('--bucket <name>', 'namespace of the key', 'default')
}

/** Base URLs, never empty. */
export function serversOf(options: ServerOptions, context: CliContext): readonly string[] {
  const given = options.server ?? split(context.env['DND_SERVER'] ?? '')
  return given.length === 0 ? [SERVER_DEFAULT] : given
}

export function clientOf(
  options: ServerOptions,
  context: CliContext,
  servers: readonly string[] = serversOf(options, context),
): DndClient {
  const { timeout } = options
  // A command ends: what it learned of the ring would serve nobody, and its user waits.
  const patience = timeout === undefined ? {} : { timeoutMs: timeout }
  return clientWith({ server: servers, retries: 0, routing: false, ...patience }, options, context)
}

/** Of other settings than most commands have, with what it takes to be let in. */
export function clientWith(
  settings: DndClientOptions,
  options: ServerOptions,
  context: CliContext,
): DndClient {
  const ca = caOf(options, context)
  const trust = ca === undefined ? {} : { exchange: httpExchange({}, ca) }
  const credentials = credentialsOf(options, context)
  try {
    return new DndClient({ ...settings, ...trust, ...credentials })
  } catch (error) {
    throw usage((error as Error).message, 'Give --server or DND_SERVER a URL.')
  }
}

/** Who signs the certificates of the nodes; undefined: whom Node trusts. */
export function caOf(options: ServerOptions, context: CliContext): string | undefined {
  const path = options.ca ?? context.env['DND_CA'] ?? ''
  return path === '' ? undefined : readCa(resolve(context.cwd, path))
}

function readCa(path: string): string {
  let problem = 'holds no certificate ("-----BEGIN CERTIFICATE-----")'
  try {
    if (statSync(path).size <= CA_BYTES_MAX) {
      const text = readFileSync(path, 'utf8')
      if (text.includes('-----BEGIN CERTIFICATE-----')) return text
    } else problem = 'is larger than 1 MiB'
  } catch (error) {
    problem = `cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`
  }
  throw usage(`${path} ${problem}`, 'Give --ca or DND_CA a file of certificates in PEM.')
}

/** A parser for commander: whole numbers within bounds. */
export function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (value >= min && value <= max) return value
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`)
  }
}

/**
 * A parser for commander: an option that may be repeated, and may hold several separated by commas.
 */
export function collect(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), ...split(text)]
}

function split(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

/** Examples under the options, indented as the rest of the help. */
export function examples(command: Command, lines: readonly string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`)
}
