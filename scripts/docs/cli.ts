/** `cli.md`: what commander knows of every command, as its own help would tell it. */
import { Writable } from 'node:stream'
import type { Argument, Command, Option } from 'commander'
import type { CliContext } from '../../src/cli/context.ts'
import { createProgram } from '../../src/cli/program.ts'
import { Terminal } from '../../src/cli/terminal.ts'
import { anchorOf, blocksOf, blockText, fill, prose, table } from './page.ts'

export interface NamedCommand {
  /** As one types it: `dnd bucket set`. */
  readonly path: string
  readonly command: Command
}

/** Of a command that is only looked at: nothing is run. */
function program(): Command {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const terminal = new Terminal(nowhere, {})
  return createProgram({ out: terminal, err: terminal, env: {} } as unknown as CliContext)
}

/** Every command that does something, in the order of `dnd --help`. */
export function commandsOf(command: Command = program(), path = 'dnd'): readonly NamedCommand[] {
  return command.commands.flatMap((child) => {
    const name = `${path} ${child.name()}`
    return child.commands.length > 0 ? commandsOf(child, name) : [{ path: name, command: child }]
  })
}

/** Told once, above; those of a node are in configuration.md. */
const CREDENTIALS = ['--token', '--token-file', '--user', '--password-file']
const OF_CLIENTS: readonly string[] = ['--server', '--ca', '--timeout', ...CREDENTIALS]
const COMMON: readonly string[] = [...OF_CLIENTS, '--json', '--help']
const OF_NODES: readonly string[] = ['dnd start', 'dnd join']

export function cliPage(page: string): string {
  const commands = commandsOf()
  const contents = new Map(commands.map(({ path, command }) => [path, section(path, command)]))
  const client = commands.find(({ path }) => path === 'dnd get')!.command
  contents.set('commands', index(commands))
  contents.set(
    'options of commands that talk to a node',
    optionTable(client.options.filter(({ long }) => OF_CLIENTS.includes(long ?? ''))),
  )
  return fill(withSections(page, commands), contents)
}

/** A command that the page does not have gets a section behind the command before it. */
function withSections(page: string, commands: readonly NamedCommand[]): string {
  let text = page
  let before = 'options of commands that talk to a node'
  for (const { path } of commands) {
    if (!blocksOf(text).some(({ name }) => name === path)) {
      const from = text.indexOf(`<!-- generated: ${before} -->`)
      const next = text.indexOf('\n## ', from)
      const at = next < 0 ? text.length : next
      text = `${text.slice(0, at).trimEnd()}\n\n## ${path}\n\n${blockText(path, '')}\n${text.slice(at)}`
    }
    before = path
  }
  return text
}

function index(commands: readonly NamedCommand[]): string {
  return table(
    ['command', ''],
    commands.map(({ path, command }) => [
      `[\`${path}\`](#${anchorOf(path)})`,
      prose(command.description()),
    ]),
  )
}

function section(path: string, command: Command): string {
  const parts = [`\`${path} ${command.usage()}\`: ${prose(command.description())}.`]
  if (command.aliases().length > 0)
    parts.push(
      `Also called ${command
        .aliases()
        .map((alias) => `\`${alias}\``)
        .join(', ')}.`,
    )
  const options = command.options.filter(
    ({ flags, long }) =>
      !COMMON.includes(long ?? '') && (!OF_NODES.includes(path) || flags === '--config <file>'),
  )
  const rows = [...command.registeredArguments.flatMap(argumentRow), ...options.map(optionRow)]
  if (rows.length > 0) parts.push(table(['argument or option', ''], rows))
  const examples = examplesOf(command)
  if (examples !== '') parts.push(`\`\`\`sh\n${examples}\n\`\`\``)
  return parts.join('\n\n')
}

function argumentRow(argument: Argument): string[][] {
  const { description, required, variadic, argChoices, defaultValue } = argument
  if (description === '') return []
  const name = `${argument.name()}${variadic ? '...' : ''}`
  const shown = required ? `\`<${name}>\`` : `\`[${name}]\``
  return [
    [
      shown,
      prose(description) +
        choices(argChoices) +
        fallback(defaultValue as string | number | boolean | undefined),
    ],
  ]
}

const optionTable = (options: readonly Option[]): string =>
  table(['option', ''], options.map(optionRow))

function optionRow({ flags, description, argChoices, defaultValue }: Option): string[] {
  return [
    `\`${flags}\``,
    prose(description) +
      choices(argChoices) +
      fallback(defaultValue as string | number | boolean | undefined),
  ]
}

const choices = (names: readonly string[] | undefined): string =>
  names === undefined ? '' : `: ${names.join(', ')}`

// `--no-x` makes commander say that x is true by default, which says nothing.
const fallback = (value: string | number | boolean | undefined): string =>
  value === undefined || typeof value === 'boolean' ? '' : ` (default: ${String(value)})`

/** They are text behind the help, so the help is what has them. */
function examplesOf(command: Command): string {
  let help = ''
  command.configureOutput({ writeOut: (text) => void (help += text) })
  command.outputHelp()
  const text = help.split('\nExamples:\n')[1] ?? ''
  const lines = text.split(/\n\s*\n/)[0]!.split('\n')
  return lines
    .map((line) => line.replace(/^ {2}/, '').trimEnd())
    .filter((line) => line !== '')
    .map((line) => line.replace(/ {2,}(?=\S)/, (gap) => `${gap}# `))
    .join('\n')
}
