/** Asks a node to leave its cluster, and looks on until it has, and its process has ended. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import type { ClusterJson, LeaveJson, MemberStateJson } from '../../packages/client/src/api.ts'
import { DndClientError } from '../../packages/client/src/client.ts'
import type { DndClient } from '../../packages/client/src/client.ts'
import type { CliContext } from './context.ts'
import { CliFailure, usage } from './failure.ts'
import type { ServerOptions } from './options.ts'
import { clientOf, clientWith, examples, serversOf, withServer } from './options.ts'
import { count, printable } from './terminal.ts'
import { servesHttp, urlOf } from './serving.ts'

const LOOK_EVERY_MS = 150
/** A line of figures at most so often, and one at once when something else is waited for. */
const TELL_EVERY_MS = 2_000
/** How long the others are asked about a node that is gone without having said goodbye to us. */
const ASK_FOR_MS = 10_000
const ASK_TIMEOUT_MS = 2_000

export function addLeave(program: Command, context: CliContext): void {
  const command = program
    .command('leave')
    .description('make a node leave its cluster, and wait until its data is safe elsewhere')
    .action((options: ServerOptions) => leave(options, context))
  withServer(command)
  examples(command, ['dnd leave --server http://127.0.0.1:6003', 'dnd leave --json'])
}

async function leave(options: ServerOptions, context: CliContext): Promise<void> {
  const client = clientOf(options, context, [onlyServer(options, context)])
  const cluster = await client.cluster()
  const asked = await client.leave()
  const { err, out } = context
  if (options.json !== true) {
    await err.line(
      `${printable(asked.name)} was asked to leave; Ctrl-C stops this display, and not the leave`,
    )
    if (asked.warning !== undefined) await err.line(`note: ${printable(asked.warning)}`)
  }
  const watch = new Watch(client, asked, options.json === true ? undefined : err)
  const unsubscribe = context.onInterrupt(() => watch.interrupt())
  try {
    const last = await watch.untilGone()
    const clientAt = (server: string): DndClient =>
      clientWith({ server, timeoutMs: ASK_TIMEOUT_MS }, options, context)
    if (last.phase !== 'left') await confirmed(last, cluster, clientAt)
    if (options.json === true) return await out.json({ ...last, phase: 'left' })
    await out.line(lastLine(last))
  } finally {
    unsubscribe()
  }
}

/** A node that cannot be reached must not make another one leave in its place. */
function onlyServer(options: ServerOptions, context: CliContext): string {
  const [server, ...more] = serversOf(options, context)
  if (server !== undefined && more.length === 0) return server
  throw usage('several nodes are named', 'Name the one that is to leave: --server URL.')
}

class Watch {
  readonly #client: DndClient
  readonly #err: CliContext['err'] | undefined
  readonly #abort = new AbortController()
  #last: LeaveJson
  #told = ''
  #toldAtMs = 0

  /** `err`: where progress is told, if anywhere. */
  constructor(client: DndClient, asked: LeaveJson, err: CliContext['err'] | undefined) {
    this.#client = client
    this.#last = asked
    this.#err = err
  }

  interrupt(): void {
    this.#abort.abort()
  }

  /** What the node said last, before it stopped answering. */
  async untilGone(): Promise<LeaveJson> {
    for (;;) {
      await this.#tell()
      await this.#pause()
      const next = await this.#look()
      // The process has ended, or is already another life of the node.
      if (next === undefined || next.phase === 'staying') return this.#last
      this.#last = next
    }
  }

  async #look(): Promise<LeaveJson | undefined> {
    try {
      return await this.#client.leaveProgress()
    } catch (error) {
      if (error instanceof DndClientError && error.status === undefined) return undefined
      // It answers, though not to this: it is being started or stopped.
      if (error instanceof DndClientError && error.code === 'DND_ERR_NOT_READY') return this.#last
      throw error
    }
  }

  async #tell(): Promise<void> {
    const { phase, waitsFor = '', partitions, records } = this.#last
    const isNew = `${phase} ${waitsFor}` !== this.#told
    if (!isNew && Date.now() - this.#toldAtMs < TELL_EVERY_MS) return
    this.#told = `${phase} ${waitsFor}`
    this.#toldAtMs = Date.now()
    const what = phase === 'left' ? 'says goodbye' : `waits for ${printable(waitsFor)}`
    await this.#err?.line(
      `${count(partitions, 'partition')} to hand over, ${count(records, 'record')} sent; ${what}`,
    )
  }

  async #pause(): Promise<void> {
    try {
      await sleep(LOOK_EVERY_MS, undefined, { signal: this.#abort.signal })
    } catch {
      throw new CliFailure({
        code: 'DND_ERR_INTERRUPTED',
        message: `stopped looking on; ${printable(this.#last.name)} goes on leaving, which cannot be taken back`,
        advice: 'To look on again, run the same command.',
      })
    }
  }
}

/** It is gone, and was not seen to say goodbye: the others know whether it had. */
async function confirmed(
  last: LeaveJson,
  { members }: ClusterJson,
  clientAt: (url: string) => DndClient,
): Promise<void> {
  const others = members
    .filter(({ id, state }) => id !== last.node && state === 'alive')
    .filter(servesHttp)
  for (const until = Date.now() + ASK_FOR_MS; Date.now() < until; await sleep(LOOK_EVERY_MS)) {
    const states = await Promise.all(
      others.map((each) => stateFor(clientAt(urlOf(each)), last.node)),
    )
    if (states.includes('left')) return
    if (states.includes('dead')) break
  }
  throw new CliFailure({
    code: 'DND_ERR_CONNECTION_LOST',
    message: `${printable(last.name)} stopped answering before it had left, with ${count(last.partitions, 'partition')} to hand over`,
    advice:
      'If its process has ended start it again with its data: it goes on leaving. Do not delete its directory.',
  })
}

/** What a node says of another. */
async function stateFor(client: DndClient, node: string): Promise<MemberStateJson | undefined> {
  try {
    const { members } = await client.cluster()
    return members.find(({ id }) => id === node)?.state
  } catch {
    // That one is gone as well: there are others.
    return undefined
  }
}

function lastLine({ name, directory }: LeaveJson): string {
  const what = `${printable(name)} has left; its data is on the other nodes`
  return directory === undefined
    ? what
    : `${what}; its directory ${printable(directory)} can be deleted`
}
