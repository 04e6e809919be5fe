/** Users and tokens: who may do what in a cluster. */
import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'
import type {
  AccessChangeJson,
  GrantJson,
  NewTokenJson,
} from '../../packages/client/src/access-api.ts'
import type { CliContext } from './context.ts'
import { firstLine } from './credentials.ts'
import { usage } from './failure.ts'
import type { ServerOptions } from './options.ts'
import { clientOf, examples, withServer } from './options.ts'
import { table } from './table.ts'
import { count, printable } from './terminal.ts'

type Kind = 'user' | 'token'

interface CreateOptions extends ServerOptions {
  readonly grant?: readonly GrantJson[]
  readonly newPasswordFile?: string
}

const GRANT = 'ROLE, ROLE:BUCKET or ROLE:BUCKET/PREFIX; ROLE is read, write or admin'

export function addAccess(program: Command, context: CliContext): void {
  addUsers(program, context)
  addTokens(program, context)
}

function addUsers(program: Command, context: CliContext): void {
  const users = program
    .command('users')
    .description('who may do what: users with passwords, and what is granted to them')
  addCreateUser(users, context)
  const passwd = users
    .command('passwd')
    .description('give a user another password')
    .argument('<name>')
    .option('--new-password-file <file>', 'its first line is the new password')
    .action((name: string, options: CreateOptions) => setPassword(name, options, context))
  withServer(passwd)
  addCommon(users, 'user', 'delete', context)
  examples(users, [
    'dnd users create anna --grant admin --new-password-file anna.password',
    'dnd users create ben --grant write:carts/ben. --new-password-file ben.password',
    'dnd users revoke ben write:carts/ben.',
  ])
}

function addTokens(program: Command, context: CliContext): void {
  const tokens = program
    .command('tokens')
    .description('who may do what: tokens for programs, and what is granted to them')
  const create = tokens
    .command('create')
    .description('make a token and print it: it is never shown again')
    .argument('<name>')
    .option('--grant <grant>', `${GRANT}; may be repeated`, grants)
    .action((name: string, options: CreateOptions) => createToken(name, options, context))
  withServer(create)
  addCommon(tokens, 'token', 'revoke', context)
  examples(tokens, [
    'dnd tokens create metrics --grant read > metrics.token',
    'dnd tokens create shop --grant write:carts --grant read:prices',
    'dnd tokens revoke shop',
  ])
}

function addCreateUser(users: Command, context: CliContext): void {
  const create = users
    .command('create')
    .description('make a user; the first one, an admin, locks the cluster')
    .argument('<name>')
    .option('--grant <grant>', `${GRANT}; may be repeated`, grants)
    .option('--new-password-file <file>', 'its first line is the password of the new user')
    .action((name: string, options: CreateOptions) => createUser(name, options, context))
  withServer(create)
  examples(create, ['dnd users create anna --grant admin --new-password-file anna.password'])
}

/** What users and tokens have in common. A token is revoked as a whole, so its grants are taken. */
function addCommon(
  parent: Command,
  kind: Kind,
  removal: 'delete' | 'revoke',
  context: CliContext,
): void {
  withServer(
    parent
      .command(removal)
      .description(`remove a ${kind}: all nodes refuse it from then on`)
      .argument('<name>')
      .action((name: string, options: ServerOptions) =>
        change(options, context, `the ${kind} ${name} is removed`, ({ users }) =>
          users.remove(kind, name),
        ),
      ),
  )
  const revoke = kind === 'user' ? 'revoke' : 'take'
  for (const [word, what] of [
    ['grant', 'grant'],
    [revoke, 'revoke'],
  ] as const)
    withServer(
      parent
        .command(word)
        .description(what === 'grant' ? `grant something more to a ${kind}` : `take a grant away`)
        .argument('<name>')
        .argument('<grant>', GRANT, parseGrant)
        .action((name: string, grant: GrantJson, options: ServerOptions) =>
          change(options, context, `${name}: ${what} ${grantText(grant)}`, ({ users }) =>
            users[what](kind, name, grant),
          ),
        ),
    )
  withServer(
    parent
      .command('list')
      .description(`the ${kind}s, and what is granted to them`)
      .action((options: ServerOptions) => list(kind, options, context)),
  )
}

async function createUser(
  name: string,
  options: CreateOptions,
  context: CliContext,
): Promise<void> {
  const password = newPassword(options, context)
  await change(options, context, `the user ${name} is made`, ({ users }) =>
    users.createUser(name, password, options.grant ?? []),
  )
}

async function setPassword(
  name: string,
  options: CreateOptions,
  context: CliContext,
): Promise<void> {
  const password = newPassword(options, context)
  await change(options, context, `the password of ${name} is changed`, ({ users }) =>
    users.setPassword(name, password),
  )
}

async function createToken(
  name: string,
  options: CreateOptions,
  context: CliContext,
): Promise<void> {
  const made: NewTokenJson = await clientOf(options, context).users.createToken(
    name,
    options.grant ?? [],
  )
  if (options.json === true) return context.out.json(made)
  await context.out.line(made.token)
  await context.err.line('this is the only time that it is shown')
  await tellPending(made, context)
}

async function list(kind: Kind, options: ServerOptions, context: CliContext): Promise<void> {
  const all = await clientOf(options, context).users.list(kind)
  if (options.json === true) return context.out.json({ [`${kind}s`]: all })
  if (all.length === 0) return context.err.line(`no ${kind}s`)
  const rows = all.map(({ name, grants: granted }) => [
    printable(name),
    printable(granted.map(grantText).join(', ') || 'nothing'),
  ])
  await context.out.line(table(['name', 'may'], rows))
}

async function change(
  options: ServerOptions,
  context: CliContext,
  done: string,
  wish: (client: ReturnType<typeof clientOf>) => Promise<AccessChangeJson>,
): Promise<void> {
  const changed = await wish(clientOf(options, context))
  if (options.json === true) return context.out.json(changed)
  await context.out.line(printable(done))
  await tellPending(changed, context)
}

async function tellPending({ pending }: AccessChangeJson, context: CliContext): Promise<void> {
  if (pending.length > 0)
    await context.err.line(
      `not confirmed yet by ${count(pending.length, 'member')}: ${pending.join(', ')}; told when they are reached`,
    )
}

function newPassword({ newPasswordFile }: CreateOptions, context: CliContext): string {
  const password =
    newPasswordFile === undefined
      ? context.env['DND_NEW_PASSWORD']
      : firstLine(newPasswordFile, context)
  if (password !== undefined && password !== '') return password
  throw usage(
    'the new password is missing',
    'Give --new-password-file FILE, or DND_NEW_PASSWORD in the environment.',
  )
}

function grants(text: string, before: readonly GrantJson[] | undefined): readonly GrantJson[] {
  return [...(before ?? []), parseGrant(text)]
}

/** `read`, `read:carts`, `read:carts/anna.`; the prefix may hold whatever keys may. */
function parseGrant(text: string): GrantJson {
  const [, role, bucket, prefix] = /^(read|write|admin)(?::([^/]+)(?:\/(.+))?)?$/s.exec(text) ?? []
  if (role === undefined) throw new InvalidArgumentError(`It must be ${GRANT}.`)
  return {
    role: role as GrantJson['role'],
    ...(bucket === undefined ? {} : { bucket }),
    ...(prefix === undefined ? {} : { prefix }),
  }
}

function grantText({ role, bucket, prefix }: GrantJson): string {
  if (bucket === undefined) return prefix === undefined ? role : `${role} of keys ${prefix}…`
  return prefix === undefined ? `${role}:${bucket}` : `${role}:${bucket}/${prefix}`
}
