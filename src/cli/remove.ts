/** Has done with a node that will not come back, and waits until the layout is without it. */
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import type { DndClient } from '../../packages/client/src/client.ts'
import { DndClientError } from '../../packages/client/src/client.ts'
import type { CliContext } from './context.ts'
import { CliFailure } from './failure.ts'
import type { ServerOptions } from './options.ts'
import { clientOf, examples, withServer } from './options.ts'
import { printable } from './terminal.ts'

interface RemoveOptions extends ServerOptions {
  readonly confirm?: string
  readonly wait?: boolean
}

const LOOK_EVERY_MS = 250
const TELL_EVERY_MS = 5_000

export function addRemove(program: Command, context: CliContext): void {
  const command = program
    .command('remove')
    .argument('<node>', 'id or name of a node that is gone for good')
    .description('go on without a dead node: its share is copied to others')
    .option('--confirm <words>', 'what it asks to be told when data would be lost for good')
    .option('--no-wait', 'do not wait until the layout is without it')
    .action((node: string, options: RemoveOptions) => remove(node, options, context))
  withServer(command)
  examples(command, ['dnd remove node3', 'dnd remove 8d5c0ca5572265c4 --json'])
}

async function remove(name: string, options: RemoveOptions, context: CliContext): Promise<void> {
  const client = clientOf(options, context)
  const { node } = await said(client, name, options, context)
  if (options.wait !== false) await untilGone(client, node, options, context)
  if (options.json === true) return context.out.json({ node })
  await context.out.line(
    options.wait === false
      ? `${printable(name)} will be removed; "dnd ring" shows what is copied.`
      : `${printable(name)} is out of the layout. "dnd status" says how far the copying is of what it held.`,
  )
}

async function said(
  client: DndClient,
  name: string,
  options: RemoveOptions,
  context: CliContext,
): Promise<{ readonly node: string }> {
  try {
    return await client.removeNode(name)
  } catch (error) {
    if (!(error instanceof DndClientError)) throw error
    if (error.outcome === 'unknown') throw unanswered(error)
    if (error.code !== 'DND_ERR_WOULD_LOSE_DATA') throw error
    const partitions = Number(
      /, (\d+) partitions? ha(?:s|ve) lost/.exec(error.message)?.[1] ?? Number.NaN,
    )
    if (!Number.isSafeInteger(partitions)) throw error
    const words = partitions === 1 ? 'lose 1 partition' : `lose ${partitions} partitions`
    const given = options.confirm ?? (await askedFor(words, error.message, context))
    if (given === words) return client.removeNode(name, partitions)
    throw new CliFailure({
      code: error.code,
      message: error.message,
      advice: `If you know that, say it: dnd remove ${name} --confirm "${words}".`,
    })
  }
}

function unanswered(error: DndClientError): CliFailure {
  return new CliFailure({
    ...{ code: error.code, message: error.message, cause: error, exit: 3 },
    advice: 'It may be removed: "dnd layout show" tells. To say it again does no harm.',
  })
}

/** Asks a person at a terminal; undefined when there is none. */
async function askedFor(
  words: string,
  reason: string,
  { input, err }: CliContext,
): Promise<string | undefined> {
  if ((input as { isTTY?: boolean }).isTTY !== true) return undefined
  await err.line(`${reason}\nType "${words}" to go on:`)
  const lines = createInterface({ input })
  try {
    for await (const line of lines) return line.trim()
    return undefined
  } finally {
    lines.close()
  }
}

async function untilGone(
  client: DndClient,
  node: string,
  options: RemoveOptions,
  context: CliContext,
): Promise<void> {
  const abort = new AbortController()
  const unsubscribe = context.onInterrupt(() => abort.abort())
  let toldAtMs = Date.now()
  try {
    for (;;) {
      const layout = await client.layout()
      if (!layout.roles.some((role) => role.node === node)) return
      if (options.json !== true && Date.now() - toldAtMs >= TELL_EVERY_MS) {
        toldAtMs = Date.now()
        const { moving } = layout
        const why =
          moving === undefined
            ? 'a layout without it to be chosen; most of the nodes must be up'
            : `the move from layout ${moving.from} to end`
        await context.err.line(`waiting for ${why}; Ctrl-C stops this display, and not the removal`)
      }
      await sleep(LOOK_EVERY_MS, undefined, { signal: abort.signal })
    }
  } catch (error) {
    if (!abort.signal.aborted) throw error
    throw new CliFailure({
      code: 'DND_ERR_INTERRUPTED',
      message: 'stopped looking on; the node is removed all the same',
      advice: 'See dnd ring.',
    })
  } finally {
    unsubscribe()
  }
}
