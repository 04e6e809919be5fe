/** `dnd watch`: changes of a bucket as they come, one line each. */
import type { Command } from 'commander'
import type { WatchEvent } from '../../packages/client/src/client.ts'
import { textOf } from '../../packages/client/src/encoding.ts'
import type { CliContext } from './context.ts'
import type { ServerOptions } from './options.ts'
import { clientOf, examples, withServer } from './options.ts'
import { printable } from './terminal.ts'
import { bytesText } from './units.ts'

interface WatchCommandOptions extends ServerOptions {
  readonly prefix?: string
  readonly since?: string
}

/** Longer values are shown by their first characters. */
const VALUE_CHARS_MAX = 120

export function addWatch(program: Command, context: CliContext): void {
  const command = program
    .command('watch')
    .description('print the changes of a bucket as they come, until Ctrl-C')
    .argument('[bucket]', 'the bucket', 'default')
    .option('--prefix <text>', 'only keys that begin with this')
    .option('--since <id>', 'go on behind the event with this id')
    .action((bucket: string, options: WatchCommandOptions) => watch(bucket, options, context))
  withServer(command)
  examples(command, [
    'dnd watch flags',
    'dnd watch sessions --prefix user7: --json     one JSON object a line, with ids to go on from',
  ])
}

async function watch(
  bucket: string,
  options: WatchCommandOptions,
  context: CliContext,
): Promise<void> {
  const { prefix, since, json } = options
  const stop = new AbortController()
  const unsubscribe = context.onInterrupt(() => stop.abort())
  const client = clientOf(options, context)
  try {
    for await (const event of client.watch(bucket, { prefix, since, signal: stop.signal })) {
      if (json === true) await context.out.json(jsonOf(event))
      else for (const line of linesOf(event, bucket)) await context.out.line(line)
    }
  } finally {
    unsubscribe()
    client.close()
  }
}

function jsonOf(event: WatchEvent): object {
  if (event.type !== 'change') return event
  const values = event.values.map(({ bytes, ...rest }) => {
    const text = textOf(bytes)
    const value =
      text === undefined ? { valueBase64: Buffer.from(bytes).toString('base64') } : { value: text }
    return { ...value, ...rest }
  })
  return { ...event, values }
}

function linesOf(event: WatchEvent, bucket: string): string[] {
  switch (event.type) {
    case 'ready':
      return [`watching ${bucket}; Ctrl-C ends it`]
    case 'snapshot':
      return ['-- read anew: what is not named now is gone']
    case 'snapshot-end':
      return ['-- up to date']
    case 'change': {
      const name = printable(event.sort === undefined ? event.key : `${event.key} ${event.sort}`)
      if (event.values.length === 0) return [`${name}  deleted`]
      return event.values.map(({ bytes }) => `${name}  ${valueText(bytes)}`)
    }
  }
}

function valueText(bytes: Uint8Array): string {
  const text = textOf(bytes)
  if (text === undefined) return bytesText(bytes.length)
  const shown = printable(text)
  return shown.length > VALUE_CHARS_MAX ? `${shown.slice(0, VALUE_CHARS_MAX)}…` : shown
}
