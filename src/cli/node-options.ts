/** The flags of `start` and `join`, one for each field of the configuration. */
import type { Command } from 'commander'
import type { ConfigField, FieldDescription } from '../server/config-fields.ts'
import { CONFIG_FIELDS, environmentOf, flagOf } from '../server/config-fields.ts'
import type { ConfigSources, NodeServerConfig, StartMode } from '../server/config.ts'
import { loadConfig } from '../server/config.ts'
import type { CliContext } from './context.ts'
import { collect, withJson } from './options.ts'

/** Of a new cluster only: nothing to say when joining one. And the other way round. */
const BIRTH_FIELDS: readonly ConfigField[] = ['partitions', 'replicas']
const JOIN_FIELDS: readonly ConfigField[] = ['replace']

export type NodeOptions = Readonly<Record<string, string | boolean | readonly string[] | undefined>>

export function withNodeOptions(command: Command, mode: StartMode): Command {
  for (const description of fieldsOf(mode))
    if (description.kind === 'list') command.option(flag(description), help(description), collect)
    else command.option(flag(description), help(description))
  command.option(
    '--config <file>',
    'read settings from this JSON file (DND_CONFIG; default: ./dnd.config.json if there is one)',
  )
  return withJson(command)
}

export function nodeConfig(
  mode: StartMode,
  options: NodeOptions,
  seeds: readonly string[],
  context: CliContext,
): NodeServerConfig {
  const flags: Partial<Record<ConfigField | 'config', string | readonly string[]>> = { seeds }
  for (const name of [...fieldsOf(mode).map(({ field }) => field), 'config'] as const) {
    const value = options[name]
    if (value !== undefined) flags[name] = String(value)
  }
  const sources: ConfigSources = { mode, flags, env: context.env, cwd: context.cwd }
  return loadConfig(sources).config
}

function fieldsOf(mode: StartMode): readonly FieldDescription[] {
  const others = mode === 'start' ? JOIN_FIELDS : BIRTH_FIELDS
  return CONFIG_FIELDS.filter(({ field }) => field !== 'seeds' && !others.includes(field))
}

function flag({ field, kind, placeholder }: FieldDescription): string {
  return kind === 'boolean' ? flagOf(field) : `${flagOf(field)} <${placeholder.toLowerCase()}>`
}

function help({ field, about, fallback }: FieldDescription): string {
  return `${about.replaceAll('`', '')} (${environmentOf(field)}; default: ${fallback})`
}
