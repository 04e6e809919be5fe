import type { Command } from 'commander'
import type { GetResult, StoredValue } from '../../packages/client/src/client.ts'
import { textOf, toBase64 } from '../../packages/client/src/encoding.ts'
import type { CliContext } from './context.ts'
import { CliFailure } from './failure.ts'
import type { ServerOptions } from './options.ts'
import { clientOf, examples, whole, withBucket, withServer } from './options.ts'
import { count, printable } from './terminal.ts'

interface GetCommandOptions extends ServerOptions {
  readonly bucket: string
  readonly sort?: string
  readonly r?: number
}

export function addGet(program: Command, context: CliContext): void {
  const command = program
    .command('get')
    .description('print the value of a key, byte for byte')
    .argument('<key>')
    .option('--sort <sort>', 'the item with this sort key')
    .option('--r <n>', 'replicas that must answer (default: as the bucket says)', whole(1, 7))
    .action((key: string, options: GetCommandOptions) => get(key, options, context))
  withServer(withBucket(command))
  examples(command, [
    'dnd get greeting',
    'dnd get photo --bucket albums > photo.jpg',
    'dnd get cart --r 3 --json       value, type, metadata and context',
  ])
}

async function get(key: string, options: GetCommandOptions, context: CliContext): Promise<void> {
  const result = await clientOf(options, context).get(key, {
    bucket: options.bucket,
    sort: options.sort,
    r: options.r,
    timeoutMs: options.timeout,
  })
  if (options.json === true) await context.out.json(resultJson(result))
  else if (result.status === 'found') await printValue(key, result, context)
  else if (result.status === 'siblings') await printSiblings(key, result.siblings, context)
  else
    throw new CliFailure({
      code: 'DND_ERR_KEY_NOT_FOUND',
      message: `no value under ${name(key, options)}`,
      advice: 'See what there is with "dnd list".',
    })
  if (result.status !== 'found') context.exitCode = 1
}

const name = (key: string, options: GetCommandOptions): string =>
  options.sort === undefined
    ? `"${printable(key)}"`
    : `"${printable(key)}", sort key "${printable(options.sort)}"`

async function printValue(key: string, value: StoredValue, context: CliContext): Promise<void> {
  const { out } = context
  if (!out.isTTY) return out.write(value.bytes)
  const text = textOf(value.bytes)
  if (text === undefined || /[^\P{Cc}\t\r\n]/u.test(text))
    throw new CliFailure({
      code: 'DND_ERR_USAGE',
      message: `the value is ${count(value.bytes.length, 'byte')} of ${value.contentType}, nothing for a terminal`,
      advice: `Send it to a file: dnd get ${printable(key)} > FILE`,
      exit: 1,
    })
  await out.write(text.endsWith('\n') ? text : `${text}\n`)
}

async function printSiblings(
  key: string,
  siblings: readonly StoredValue[],
  context: CliContext,
): Promise<void> {
  const { err } = context
  await err.line(`"${printable(key)}" has ${count(siblings.length, 'concurrent value')}:`)
  for (const [i, sibling] of siblings.entries()) {
    const text = textOf(sibling.bytes)
    const shown = text === undefined ? '(binary)' : printable(text).slice(0, 200)
    await err.line(
      `  ${i + 1}. ${count(sibling.bytes.length, 'byte')}, ${sibling.contentType}: ${shown}`,
    )
  }
  await err.line('Merge them and write the result with their context, which supersedes them all:')
  await err.line('  dnd get KEY --json                 shows the values and the context')
  await err.line('  dnd put KEY VALUE --context CONTEXT')
}

function resultJson(result: GetResult): unknown {
  if (result.status === 'absent') return result
  if (result.status === 'siblings')
    return {
      status: result.status,
      context: result.context,
      siblings: result.siblings.map(valueJson),
    }
  return { status: result.status, ...valueJson(result), context: result.context }
}

function valueJson(value: StoredValue): object {
  const text = textOf(value.bytes)
  return {
    ...(text === undefined ? { valueBase64: toBase64(value.bytes) } : { value: text }),
    contentType: value.contentType,
    metadata: value.metadata,
    ...(value.expiresAt === undefined ? {} : { expiresAt: value.expiresAt }),
  }
}
