import { readFile, stat } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import type { Command } from 'commander'
import type { CliContext } from './context.ts'
import { badFile, usage } from './failure.ts'
import type { ServerOptions } from './options.ts'
import { clientOf, examples, whole, withBucket, withServer } from './options.ts'
import { count, printable } from './terminal.ts'
import { TTL_FORM, ttl } from './ttl.ts'

/** More than any value may have: what is larger is not even read. */
const INPUT_BYTES_MAX = 16 * 1024 * 1024

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.csv': 'text/csv; charset=utf-8',
  '.gif': 'image/gif',
  '.html': 'text/html; charset=utf-8',
  '.jpeg': 'image/jpeg',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.md': 'text/markdown; charset=utf-8',
  '.pdf': 'application/pdf',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.webp': 'image/webp',
  '.xml': 'application/xml',
}

interface PutCommandOptions extends ServerOptions {
  readonly bucket: string
  readonly sort?: string
  readonly contentType?: string
  readonly meta?: Readonly<Record<string, string>>
  readonly context?: string
  readonly w?: number
  readonly ttl?: number
}

export function addPut(program: Command, context: CliContext): void {
  const command = program
    .command('put')
    .description('store a value under a key')
    .argument('<key>')
    .argument(
      '<value>',
      'the text; @FILE for the bytes of a file, - for standard input, @@… for text that begins with @',
    )
    .option('--sort <sort>', 'store it as the item with this sort key')
    .option('--content-type <type>', 'media type (default: from the file name, or text)')
    .option('--meta <name=text>', 'metadata; may be repeated', addMetadata)
    .option('--context <context>', 'what this write supersedes: the context of a read')
    .option('--ttl <time>', `how long it lives: ${TTL_FORM} (default: as the bucket says)`, ttl)
    .option(
      '--w <n>',
      'replicas that must have stored it (default: as the bucket says)',
      whole(1, 7),
    )
    .action((key: string, value: string, options: PutCommandOptions) =>
      put(key, value, options, context),
    )
  withServer(withBucket(command))
  examples(command, [
    'dnd put greeting hello',
    'dnd put photo @photo.jpg --bucket albums --meta place=Bern',
    'dnd put session/ada token --ttl 30m',
    'jq -n \'{"a":1}\' | dnd put config - --content-type application/json',
    'dnd put temperature -- -5       values that begin with a dash go behind --',
  ])
}

async function put(
  key: string,
  argument: string,
  options: PutCommandOptions,
  context: CliContext,
): Promise<void> {
  const { value, contentType } = await valueOf(argument, context)
  const result = await clientOf(options, context).put(key, value, {
    bucket: options.bucket,
    sort: options.sort,
    contentType: options.contentType ?? contentType,
    metadata: options.meta,
    context: options.context,
    ttlMs: options.ttl,
    w: options.w,
    timeoutMs: options.timeout,
  })
  const bytes = typeof value === 'string' ? Buffer.byteLength(value) : value.length
  if (options.json === true) return context.out.json({ ...result, status: 'stored', key, bytes })
  await context.out.line(`stored "${printable(key)}", ${count(bytes, 'byte')}`)
  if (result.warning !== undefined) await context.err.line(`warning: ${printable(result.warning)}`)
}

interface Input {
  readonly value: string | Uint8Array
  /** undefined: the client's default for text or bytes. */
  readonly contentType: string | undefined
}

async function valueOf(argument: string, context: CliContext): Promise<Input> {
  if (argument === '-') return { value: await readInput(context), contentType: undefined }
  if (argument.startsWith('@@')) return { value: argument.slice(1), contentType: undefined }
  if (!argument.startsWith('@')) return { value: argument, contentType: undefined }
  const path = resolve(context.cwd, argument.slice(1))
  try {
    const { size } = await stat(path)
    if (size > INPUT_BYTES_MAX) throw tooLarge(path)
    return { value: await readFile(path), contentType: TYPES[extname(path).toLowerCase()] }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code?.startsWith('DND_') === true) throw error
    const advice =
      code === 'ENOENT'
        ? 'For a value that begins with "@", write "@@".'
        : 'Check its path and permissions.'
    throw badFile(`${path} cannot be read (${code})`, advice, error)
  }
}

async function readInput(context: CliContext): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of context.input) {
    chunks.push(Buffer.from(chunk as Uint8Array))
    bytes += (chunk as Uint8Array).length
    if (bytes > INPUT_BYTES_MAX) throw tooLarge('standard input')
  }
  return Buffer.concat(chunks)
}

function tooLarge(what: string): Error {
  return badFile(`${what} is larger than any value may be`, 'A bucket takes at most 1 MiB a value.')
}

function addMetadata(
  text: string,
  before: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, string>> {
  const at = text.indexOf('=')
  if (at < 1) throw usage(`--meta takes NAME=TEXT, not "${printable(text)}"`)
  return { ...before, [text.slice(0, at).toLowerCase()]: text.slice(at + 1) }
}
