import type { Command } from 'commander'
import type { CliContext } from './context.ts'
import type { ServerOptions } from './options.ts'
import { clientOf, examples, whole, withBucket, withServer } from './options.ts'
import { printable } from './terminal.ts'

interface DeleteCommandOptions extends ServerOptions {
  readonly bucket: string
  readonly sort?: string
  readonly context?: string
  readonly w?: number
}

export function addDelete(program: Command, context: CliContext): void {
  const command = program
    .command('delete')
    .alias('rm')
    .description('delete a key; no failure when there is none')
    .argument('<key>')
    .option('--sort <sort>', 'only the item with this sort key')
    .option('--context <context>', 'delete only what this context of a read has seen')
    .option(
      '--w <n>',
      'replicas that must have stored it (default: as the bucket says)',
      whole(1, 7),
    )
    .action((key: string, options: DeleteCommandOptions) => remove(key, options, context))
  withServer(withBucket(command))
  examples(command, ['dnd delete greeting', 'dnd delete order --bucket shop --sort 2026-11-22'])
}

async function remove(
  key: string,
  options: DeleteCommandOptions,
  context: CliContext,
): Promise<void> {
  const result = await clientOf(options, context).delete(key, {
    bucket: options.bucket,
    sort: options.sort,
    context: options.context,
    w: options.w,
    timeoutMs: options.timeout,
  })
  if (options.json === true)
    return context.out.json({ status: 'deleted', key, context: result.context })
  await context.out.line(`deleted "${printable(key)}"`)
}
