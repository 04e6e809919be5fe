/** Makes the cluster's keys, and changes them while it runs: install, use, remove. */
import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type {
  ClusterKeysJson,
  KeyChangeJson,
  MemberKeysJson,
} from '../../packages/client/src/api.ts'
import type { DndClient } from '../../packages/client/src/client.ts'
import { DndClientError } from '../../packages/client/src/client.ts'
import { checkKey, newKey } from '../server/cluster-keys.ts'
import type { CliContext } from './context.ts'
import { badFile, CliFailure, usage } from './failure.ts'
import type { ServerOptions } from './options.ts'
import { clientOf, examples, withJson, withServer } from './options.ts'
import { table } from './table.ts'
import { count, printable } from './terminal.ts'

/** More is no key. */
const INPUT_BYTES_MAX = 4096
/** Members named in one cell; of more it is said how many. */
const NAMED_MAX = 4

interface RemoveOptions extends ServerOptions {
  readonly force?: boolean
}

export function addKeys(program: Command, context: CliContext): void {
  const keys = program
    .command('keys')
    .description('make and change the keys that encrypt the traffic between nodes')
  withJson(
    keys
      .command('generate')
      .description('print a new key; no node is asked')
      .action((options: ServerOptions) => generate(options, context)),
  )
  addInstall(keys, context)
  withServer(
    keys
      .command('use')
      .description('make all members encrypt with an installed key')
      .argument('<id>')
      .action((id: string, options: ServerOptions) => use(id, options, context)),
  )
  addRemove(keys, context)
  withServer(
    keys
      .command('list')
      .description('the keys by id, which of them is used, and who has which')
      .action((options: ServerOptions) => list(options, context)),
  )
  examples(keys, [
    'dnd keys generate > next.key',
    'dnd keys install @next.key      all get it, none uses it yet',
    'dnd keys use 0badcafe           all use it',
    'dnd keys remove 1f2e3d4c        all forget the old one',
  ])
}

function addInstall(keys: Command, context: CliContext): void {
  const command = keys
    .command('install')
    .description('give all members a key, which none uses yet')
    .argument('<key>', 'the key; @FILE for what is in a file, - for standard input')
    .action((key: string, options: ServerOptions) => install(key, options, context))
  withServer(command)
  examples(command, ['dnd keys install @next.key', 'dnd keys generate | dnd keys install -'])
}

function addRemove(keys: Command, context: CliContext): void {
  const command = keys
    .command('remove')
    .description('make all members forget a key that none of them needs any more')
    .argument('<id>')
    .option(
      '--force',
      'also while a member may need it: that member must then be started with the new key to come back',
    )
    .action((id: string, options: RemoveOptions) => remove(id, options, context))
  withServer(command)
  examples(command, ['dnd keys remove 1f2e3d4c', 'dnd keys remove 1f2e3d4c --force'])
}

async function generate(options: ServerOptions, context: CliContext): Promise<void> {
  const made = newKey()
  if (options.json === true) return context.out.json(made)
  await context.out.line(made.key)
}

async function install(
  argument: string,
  options: ServerOptions,
  context: CliContext,
): Promise<void> {
  const text = await keyText(argument, context)
  const check = checkKey(text)
  if (!check.ok)
    throw usage(
      `what was given is no key: ${check.problem}`,
      'Give the key itself, @FILE or - for standard input; make one with "dnd keys generate".',
    )
  const change = await ask(options, context, ({ keys }) => keys.install(text.trim()))
  await tell(change, options, context, {
    done: `all members that are up have the key ${change.id}`,
    next: change.primary === change.id ? undefined : `use it with "dnd keys use ${change.id}"`,
  })
}

async function use(id: string, options: ServerOptions, context: CliContext): Promise<void> {
  const change = await ask(options, context, ({ keys }) => keys.use(id))
  const others = change.keys.filter((key) => key !== change.id)
  await tell(change, options, context, {
    done: `all members that are up use the key ${change.id}`,
    next:
      others.length === 0
        ? undefined
        : `when nobody needs the old one, "dnd keys remove ${others[0]}"`,
  })
}

async function remove(id: string, options: RemoveOptions, context: CliContext): Promise<void> {
  const force = options.force === true
  const change = await ask(options, context, ({ keys }) => keys.remove(id, { force }))
  await tell(change, options, context, {
    done: `all members that are up have forgotten the key ${change.id}`,
    next: undefined,
  })
}

async function list(options: ServerOptions, context: CliContext): Promise<void> {
  const answer = await clientOf(options, context).keys.list()
  if (options.json === true) return context.out.json(answer)
  await context.out.line(keysTable(answer))
  const silent = answer.members.filter(({ keys }) => keys === undefined)
  if (silent.length > 0)
    await context.err.line(`no answer from ${namesOf(silent)}: which keys they have is not known`)
}

function keysTable({ keys, members }: ClusterKeysJson): string {
  const rows = keys.map(({ id, primary, members: having }) => [
    id,
    primary ? 'yes' : '',
    cell(members, (member) => having.includes(member.id)),
    cell(members, (member) => member.primary === id),
  ])
  return table(['KEY', 'PRIMARY', 'INSTALLED ON', 'USED BY'], rows)
}

/** Those of the members that have answered of which it holds. */
function cell(
  members: readonly MemberKeysJson[],
  holds: (member: MemberKeysJson) => boolean,
): string {
  const answered = members.filter(({ keys }) => keys !== undefined)
  const chosen = answered.filter(holds)
  if (chosen.length === 0) return '-'
  if (chosen.length === members.length) return `all (${members.length})`
  return chosen.length <= NAMED_MAX ? namesOf(chosen) : `${chosen.length} of ${members.length}`
}

function namesOf(members: readonly MemberKeysJson[]): string {
  const named = members.slice(0, NAMED_MAX).map(({ name }) => printable(name))
  const more = members.length - named.length
  return named.join(', ') + (more > 0 ? ` and ${more} more` : '')
}

/** A change may be asked for again at any time; whether it was made can be looked at. */
async function ask(
  options: ServerOptions,
  context: CliContext,
  wish: (client: DndClient) => Promise<KeyChangeJson>,
): Promise<KeyChangeJson> {
  try {
    return await wish(clientOf(options, context))
  } catch (error) {
    if (!(error instanceof DndClientError) || error.outcome !== 'unknown') throw error
    const { code, message } = error
    const advice = 'It may have been done: look at "dnd keys list", or run the same command again.'
    throw new CliFailure({ code, message, advice, exit: 3, cause: error })
  }
}

async function tell(
  change: KeyChangeJson,
  options: ServerOptions,
  context: CliContext,
  { done, next }: { readonly done: string; readonly next: string | undefined },
): Promise<void> {
  if (options.json === true) return context.out.json(change)
  const { pending } = change
  if (pending.length === 0) await context.out.line(done)
  else {
    const members = count(pending.length, 'member')
    await context.out.line(`${done}, but for ${members}`)
    await context.err.line(
      `not confirmed yet by ${pending.join(', ')}: told when they are reached; "dnd keys list" shows when they have it`,
    )
  }
  if (next !== undefined) await context.err.line(`next: ${next}`)
}

async function keyText(argument: string, context: CliContext): Promise<string> {
  if (argument === '-') return readInput(context)
  if (!argument.startsWith('@')) return argument
  const path = resolve(context.cwd, argument.slice(1))
  try {
    if ((await stat(path)).size <= INPUT_BYTES_MAX) return await readFile(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw badFile(`${path} cannot be read (${code})`, 'Check its path and permissions.', error)
  }
  throw badFile(`${path} is much larger than a key`)
}

async function readInput(context: CliContext): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of context.input) {
    chunks.push(Buffer.from(chunk as Uint8Array))
    bytes += (chunk as Uint8Array).length
    if (bytes > INPUT_BYTES_MAX) throw badFile('standard input is much larger than a key')
  }
  return Buffer.concat(chunks).toString('utf8')
}
