/**
 * Makes the nodes compare what they hold with each other now, and looks on until they have. Each
 * node repairs what it holds, so every member is asked, unless one is named.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import type { ClusterJson, RepairRunJson } from '../../packages/client/src/api.ts'
import { DndClientError } from '../../packages/client/src/client.ts'
import type { DndClient } from '../../packages/client/src/client.ts'
import type { CliContext } from './context.ts'
import { CliFailure, usage } from './failure.ts'
import { namesOf } from './member-table.ts'
import type { ServerOptions } from './options.ts'
import { clientOf, clientWith, examples, withServer } from './options.ts'
import { table } from './table.ts'
import { count, printable } from './terminal.ts'
import type { ServingMember } from './serving.ts'
import { servesHttp, urlOf } from './serving.ts'

const LOOK_EVERY_MS = 250
/** A line of figures at most so often. */
const TELL_EVERY_MS = 2_000

interface RepairOptions extends ServerOptions {
  readonly bucket?: string
  readonly prefix?: string
  readonly node?: string
  readonly wait: boolean
}

/** What one node was asked to do. */
interface Task {
  readonly id: string
  readonly name: string
  readonly client: DndClient
  run: RepairRunJson
}

export function addRepair(program: Command, context: CliContext): void {
  const command = program
    .command('repair')
    .description('compare all replicas now, and bring them together where they differ')
    .option('--bucket <name>', 'only keys of this bucket')
    .option('--prefix <text>', 'only keys that begin with this (default bucket: default)')
    .option('--node <name>', 'only what this node holds (default: every node)')
    .option('--wait', 'look on until it is done (default)', true)
    .option('--no-wait', 'only begin it')
    .action((options: RepairOptions) => repair(options, context))
  withServer(command)
  examples(command, [
    'dnd repair',
    'dnd repair --bucket carts --prefix user:42',
    'dnd repair --node node2 --json',
  ])
}

async function repair(options: RepairOptions, context: CliContext): Promise<void> {
  const cluster = await clientOf(options, context).cluster()
  const asked = membersAsked(cluster, options.node)
  const tasks = await Promise.all(asked.map((member) => begin(member, options, context)))
  const absent = options.node === undefined ? absentIn(cluster) : []
  if (!options.wait) return tell(tasks, absent, options, context, cluster)
  const watch = new Watch(tasks, options.json === true ? undefined : context.err)
  const unsubscribe = context.onInterrupt(() => watch.interrupt())
  try {
    await watch.untilDone()
  } finally {
    unsubscribe()
  }
  await tell(tasks, absent, options, context, cluster)
  if (absent.length > 0 || tasks.some(({ run }) => run.failed > 0)) context.exitCode = 1
}

/** Those that answer for data now, or the one that is named, by name or id. */
function membersAsked(
  { members }: ClusterJson,
  node: string | undefined,
): readonly ServingMember[] {
  const up = members
    .filter(servesHttp)
    .filter(({ state }) => state === 'alive' || state === 'suspect')
  if (node === undefined) return up
  const named = up.filter(({ id, name }) => id === node || name === node)
  if (named.length > 0) return named
  const known = members.find(({ id, name }) => id === node || name === node)
  throw usage(
    known === undefined
      ? `there is no node ${printable(node)}`
      : `${printable(node)} is ${servesHttp(known) ? known.state : 'within an application and serves no HTTP'}`,
    'See dnd status for the nodes of the cluster.',
  )
}

function absentIn({ members }: ClusterJson): readonly string[] {
  return members.filter(({ state }) => state === 'dead').map(({ name }) => name)
}

async function begin(
  member: ServingMember,
  options: RepairOptions,
  context: CliContext,
): Promise<Task> {
  const patience = options.timeout === undefined ? {} : { timeoutMs: options.timeout }
  const client = clientWith({ server: urlOf(member), ...patience }, options, context)
  const run = await client.repairs.begin({ bucket: options.bucket, prefix: options.prefix })
  return { id: member.id, name: member.name, client, run }
}

class Watch {
  readonly #tasks: readonly Task[]
  readonly #err: CliContext['err'] | undefined
  readonly #abort = new AbortController()
  #told = ''
  #toldAtMs = Date.now()

  /** `err`: where progress is told, if anywhere. */
  constructor(tasks: readonly Task[], err: CliContext['err'] | undefined) {
    this.#tasks = tasks
    this.#err = err
  }

  interrupt(): void {
    this.#abort.abort()
  }

  async untilDone(): Promise<void> {
    for (;;) {
      const open = this.#tasks.filter(({ run }) => run.finishedAt === undefined)
      if (open.length === 0) return
      await this.#tell(open)
      await this.#pause()
      await Promise.all(open.map((task) => look(task)))
    }
  }

  async #tell(open: readonly Task[]): Promise<void> {
    if (Date.now() - this.#toldAtMs < TELL_EVERY_MS) return
    const { done, comparisons, found } = sumOf(this.#tasks)
    const names = open.map(({ name }) => printable(name)).join(', ')
    const text = `${done} of ${count(comparisons, 'comparison')} made, ${count(found, 'difference')} found; at work: ${names}`
    if (text === this.#told) return
    this.#told = text
    this.#toldAtMs = Date.now()
    await this.#err?.line(text)
  }

  async #pause(): Promise<void> {
    try {
      await sleep(LOOK_EVERY_MS, undefined, { signal: this.#abort.signal })
    } catch {
      throw new CliFailure({
        code: 'DND_ERR_INTERRUPTED',
        message: 'stopped looking on; the repair goes on',
        advice: 'To see how far it is: curl the path /repair of a node.',
      })
    }
  }
}

async function look(task: Task): Promise<void> {
  try {
    const { runs } = await task.client.repairs.progress()
    const run = runs.find((each) => each.run === task.run.run)
    // Another life of the node counts its runs anew.
    if (run === undefined || run.startedAt !== task.run.startedAt) throw ended(task)
    task.run = run
  } catch (error) {
    if (error instanceof DndClientError && error.status === undefined) throw ended(task)
    throw error
  }
}

function ended({ name }: Task): CliFailure {
  return new CliFailure({
    code: 'DND_ERR_CONNECTION_LOST',
    message: `${printable(name)} stopped before its repair was done`,
    advice: 'Run the same command again when it is back: dnd status shows who is up.',
  })
}

interface Sum {
  readonly done: number
  readonly comparisons: number
  readonly found: number
  readonly failed: number
}

/** Each exchange is counted by the node that began it; by the others only if it is not asked. */
function sumOf(tasks: readonly Task[]): Sum {
  const sum = { done: 0, comparisons: 0, found: 0, failed: 0 }
  for (const { run } of tasks) {
    sum.done += run.done
    sum.comparisons += run.comparisons
    sum.failed += run.failed
    sum.found += run.found + (tasks.length === 1 ? run.foundByOthers : 0)
  }
  return sum
}

async function tell(
  tasks: readonly Task[],
  absent: readonly string[],
  options: RepairOptions,
  { out }: CliContext,
  cluster: ClusterJson,
): Promise<void> {
  const sum = sumOf(tasks)
  if (options.json === true) {
    const nodes = tasks.map(({ id, name, run }) => ({ node: id, name, ...run }))
    return out.json({ nodes, differences: sum.found, failed: sum.failed, absent })
  }
  if (!options.wait) {
    const names = tasks.map(({ name }) => printable(name)).join(', ')
    return out.line(`repair begun on ${names}: ${count(sum.comparisons, 'comparison')} to make`)
  }
  const rows = tasks.map(({ name, run }) => [
    printable(name),
    `${run.done} of ${run.comparisons}`,
    String(run.found + (tasks.length === 1 ? run.foundByOthers : 0)),
    String(run.received),
    String(run.sent),
  ])
  await out.line(table(['NODE', 'COMPARED', 'DIFFERENCES', 'RECEIVED', 'SENT'], rows))
  await out.line('')
  const found =
    sum.found === 0
      ? 'no differences'
      : `${count(sum.found, 'key')} differed and ${sum.found === 1 ? 'is' : 'are'} repaired`
  await out.line(found)
  const missed = missedText(tasks, absent, sum, cluster)
  if (missed !== undefined) await out.line(out.paint('yellow', out.wrap(missed)))
}

function missedText(
  tasks: readonly Task[],
  absent: readonly string[],
  { failed }: Sum,
  { members }: ClusterJson,
): string | undefined {
  if (failed === 0 && absent.length === 0) return undefined
  const names = namesOf(members)
  const unreachable = new Set(tasks.flatMap(({ run }) => run.unreachable.map(names)))
  for (const name of absent) unreachable.add(printable(name))
  const who =
    unreachable.size === 0 ? 'a replica that did not take part' : [...unreachable].join(', ')
  return `Not compared: ${count(failed, 'comparison')} with ${who}. Repair again when all nodes are up.`
}
