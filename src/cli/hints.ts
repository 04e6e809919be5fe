/**
 * Which writes the nodes keep for those that were away, and, with `--wait`, looks on until all that
 * were kept before now are delivered: then whoever was away has every write that it missed.
 *
 * A write that was acknowledged a moment ago may not be a hint yet: its coordinator still waits for
 * the last replica's answer. So first all writes of before now must be over, on all nodes, and only
 * then is it noted which hints there are.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import type { ClusterJson, HintsJson } from '../../packages/client/src/api.ts'
import { DndClientError } from '../../packages/client/src/client.ts'
import type { DndClient } from '../../packages/client/src/client.ts'
import type { CliContext } from './context.ts'
import { CliFailure } from './failure.ts'
import type { ServerOptions } from './options.ts'
import { clientOf, clientWith, examples, withServer } from './options.ts'
import { table } from './table.ts'
import { count, printable } from './terminal.ts'
import { agoText, bytesText } from './units.ts'
import type { ServingMember } from './serving.ts'
import { servesHttp, urlOf } from './serving.ts'

const LOOK_EVERY_MS = 200
/** A line of what is left at most so often. */
const TELL_EVERY_MS = 2_000

interface HintsOptions extends ServerOptions {
  readonly wait?: boolean
}

interface Keeper {
  readonly name: string
  readonly client: DndClient
  /** As it was when the command began, and as it is. */
  before: HintsJson
  now: HintsJson
}

export function addHints(program: Command, context: CliContext): void {
  const command = program
    .command('hints')
    .description('the writes that nodes keep for others that are away')
    .option('--wait', 'look on until all that were kept before now are delivered')
    .action((options: HintsOptions) => hints(options, context))
  withServer(command)
  examples(command, ['dnd hints', 'dnd hints --wait'])
}

async function hints(options: HintsOptions, context: CliContext): Promise<void> {
  const client = clientOf(options, context)
  const keepers = new Map<string, Keeper>()
  for (;;) {
    const cluster = await client.cluster()
    const news = cluster.members
      .filter(servesHttp)
      .filter(({ id, state }) => (state === 'alive' || state === 'suspect') && !keepers.has(id))
    // Whoever comes back meanwhile keeps hints as well, and is waited for like all others.
    if (news.length === 0) return tell([...keepers.values()], cluster, options, context)
    await Promise.all(
      news.map(async (member) => keepers.set(member.id, await ask(member, options, context))),
    )
    if (options.wait === true)
      await new Watch([...keepers.values()], client, options, context).untilDelivered()
  }
}

async function ask(
  member: ServingMember,
  options: HintsOptions,
  context: CliContext,
): Promise<Keeper> {
  const patience = options.timeout === undefined ? {} : { timeoutMs: options.timeout }
  const client = clientWith({ server: urlOf(member), ...patience }, options, context)
  const before = await client.hints()
  return { name: member.name, client, before, now: before }
}

class Watch {
  readonly #keepers: readonly Keeper[]
  readonly #client: DndClient
  readonly #context: CliContext
  readonly #isQuiet: boolean
  readonly #abort = new AbortController()
  #toldAtMs = Date.now()

  constructor(
    keepers: readonly Keeper[],
    client: DndClient,
    options: HintsOptions,
    context: CliContext,
  ) {
    this.#keepers = keepers
    this.#client = client
    this.#context = context
    this.#isQuiet = options.json === true
  }

  async untilDelivered(): Promise<void> {
    const unsubscribe = this.#context.onInterrupt(() => this.#abort.abort())
    try {
      await this.#until(({ before, now }) => now.counted && now.writes.over >= before.writes.begun)
      // Noted on all nodes after the writes of all are over: any of them may keep a hint for any.
      const marks = new Map<Keeper, ReadonlyMap<string, number>>()
      for (const keeper of this.#keepers) {
        await look(keeper)
        marks.set(keeper, new Map(keeper.now.targets.map(({ node, last }) => [node, last])))
      }
      await this.#until((keeper) =>
        keeper.now.targets.every(({ node, first }) => first > (marks.get(keeper)!.get(node) ?? -1)),
      )
    } finally {
      unsubscribe()
    }
  }

  async #until(isDone: (keeper: Keeper) => boolean): Promise<void> {
    for (;;) {
      const open = this.#keepers.filter((keeper) => !isDone(keeper))
      if (open.length === 0) return
      await this.#tell()
      await this.#pause()
      await Promise.all(open.map((keeper) => look(keeper)))
    }
  }

  async #tell(): Promise<void> {
    if (this.#isQuiet || Date.now() - this.#toldAtMs < TELL_EVERY_MS) return
    this.#toldAtMs = Date.now()
    const left = new Map<string, number>()
    for (const { now } of this.#keepers)
      for (const { node, count: hints } of now.targets)
        left.set(node, (left.get(node) ?? 0) + hints)
    if (left.size === 0) return
    const cluster = await this.#client.cluster()
    const each = [...left].map(
      ([node, hints]) => `${count(hints, 'hint')} for ${described(node, cluster)}`,
    )
    await this.#context.err.line(`waiting: ${each.join(', ')}`)
  }

  async #pause(): Promise<void> {
    try {
      await sleep(LOOK_EVERY_MS, undefined, { signal: this.#abort.signal })
    } catch {
      throw new CliFailure({
        code: 'DND_ERR_INTERRUPTED',
        message: 'stopped looking on; what is left is delivered all the same',
        advice: 'See dnd hints for how much that is.',
      })
    }
  }
}

async function look(keeper: Keeper): Promise<void> {
  try {
    keeper.now = await keeper.client.hints()
  } catch (error) {
    if (!(error instanceof DndClientError) || error.status !== undefined) throw error
    throw new CliFailure({
      code: 'DND_ERR_CONNECTION_LOST',
      message: `${printable(keeper.name)} stopped before its hints were delivered`,
      advice: 'They are on its disk. Run the same command again when it is back.',
    })
  }
}

/** Name, and its state if it is not there. */
function described(node: string, { members }: ClusterJson): string {
  const member = members.find(({ id }) => id === node)
  if (member === undefined) return printable(node)
  return member.state === 'alive'
    ? printable(member.name)
    : `${printable(member.name)} (${member.state})`
}

async function tell(
  keepers: readonly Keeper[],
  cluster: ClusterJson,
  options: HintsOptions,
  context: CliContext,
): Promise<void> {
  const { out } = context
  const absent = cluster.members.filter(({ state }) => state === 'dead').map(({ name }) => name)
  const lost = sum(keepers, ({ before, now }) => missedBy(now) - missedBy(before))
  if (options.wait === true && (absent.length > 0 || lost > 0)) context.exitCode = 1
  if (options.json === true)
    return out.json({ nodes: keepers.map(({ now }) => now), absent, dropped: lost })
  const rows = keepers.flatMap(({ name, now }) =>
    now.targets.map((target) => [
      ...[printable(name), described(target.node, cluster), String(target.count)],
      ...[bytesText(target.bytes), agoText(target.oldest, Date.now())],
    ]),
  )
  if (rows.length > 0) await out.line(table(['KEPT BY', 'FOR', 'HINTS', 'BYTES', 'OLDEST'], rows))
  else await out.line('no hints are kept: nobody has missed a write')
  if (options.wait === true && rows.length > 0)
    await out.line('all that were kept when the command began are delivered')
  for (const text of warnings(keepers, absent, options.wait === true ? lost : 0))
    await out.line(out.paint('yellow', out.wrap(text)))
}

function warnings(
  keepers: readonly Keeper[],
  absent: readonly string[],
  lost: number,
): readonly string[] {
  const texts: string[] = []
  const uncounted = keepers.filter(({ now }) => !now.counted).map(({ name }) => printable(name))
  if (uncounted.length > 0)
    texts.push(`Not counted yet, after a start: what ${uncounted.join(', ')} kept before.`)
  if (absent.length > 0)
    texts.push(
      `What these nodes keep is not known, since they are down: ${absent.map(printable).join(', ')}.`,
    )
  if (lost > 0)
    texts.push(
      `${count(lost, 'hint')} meanwhile found no room, or ${lost === 1 ? 'was' : 'were'} too old: dnd repair brings what they would have brought.`,
    )
  return texts
}

function missedBy({ refused, dropped }: HintsJson): number {
  return refused + dropped
}

function sum(keepers: readonly Keeper[], of: (keeper: Keeper) => number): number {
  return keepers.reduce((total, keeper) => total + of(keeper), 0)
}
