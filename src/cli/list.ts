import type { Command } from 'commander'
import type { KeyJson } from '../../packages/client/src/api.ts'
import type { DndClient } from '../../packages/client/src/client.ts'
import type { CliContext } from './context.ts'
import type { ServerOptions } from './options.ts'
import { clientOf, examples, whole, withBucket, withServer } from './options.ts'
import { printable } from './terminal.ts'

const LIMIT_DEFAULT = 100
const PAGE_KEYS = 1000

interface ListCommandOptions extends ServerOptions {
  readonly bucket: string
  readonly prefix?: string
  readonly start?: string
  readonly end?: string
  readonly limit?: number
  readonly reverse?: boolean
  readonly all?: boolean
}

export function addList(program: Command, context: CliContext): void {
  const command = program
    .command('list')
    .alias('ls')
    .description('list keys in order, one a line; a sort key follows behind a tab')
    .option('--prefix <text>', 'only keys that begin with this')
    .option('--start <key>', 'from this key on, or from where the last page said')
    .option('--end <key>', 'up to this key, without it')
    .option('--limit <n>', `at most so many (default: ${LIMIT_DEFAULT})`, whole(1, 1_000_000_000))
    .option('--all', 'all of them, however many')
    .option('--reverse', 'from the last to the first')
    .action((options: ListCommandOptions) => list(options, context))
  withServer(withBucket(command))
  examples(command, [
    'dnd list --prefix CH/ --limit 20',
    'dnd list --bucket shop --start b --end c',
    'dnd list --all | wc -l',
  ])
}

async function list(options: ListCommandOptions, context: CliContext): Promise<void> {
  const { out, err } = context
  const client = clientOf(options, context)
  const limit = options.all === true ? Number.POSITIVE_INFINITY : (options.limit ?? LIMIT_DEFAULT)
  const json = options.json === true
  let printed = 0
  let next: string | undefined
  if (json) await out.write('{"keys":[')
  for await (const page of pages(client, options, limit)) {
    const lines = page.keys.map((each) => (json ? JSON.stringify(each) : keyLine(each, out.isTTY)))
    if (lines.length > 0 && json) await out.write((printed > 0 ? ',' : '') + lines.join(','))
    else if (lines.length > 0) await out.write(`${lines.join('\n')}\n`)
    printed += lines.length
    next = page.next
  }
  if (json) return out.write(`]${next === undefined ? '' : `,"next":${JSON.stringify(next)}`}}\n`)
  if (next !== undefined) await err.line(`… and more: ${continuation(next)}list them with --all`)
}

/** What `next` says may have U+0000 in it, which no shell passes on. */
function continuation(next: string): string {
  return /\p{Cc}|'/u.test(next) ? '' : `go on with --start '${next}', or `
}

/** Pages up to `limit` keys together; the last one's `next` says whether there are more. */
async function* pages(client: DndClient, options: ListCommandOptions, limit: number) {
  let start = options.start
  for (let left = limit; left > 0;) {
    const page = await client.listPage({
      bucket: options.bucket,
      prefix: options.prefix,
      start,
      end: options.end,
      reverse: options.reverse,
      limit: Math.min(left, PAGE_KEYS),
      timeoutMs: options.timeout,
    })
    yield page
    if (page.next === undefined) return
    start = page.next
    left -= page.keys.length
  }
}

function keyLine({ key, sort }: KeyJson, forPeople: boolean): string {
  const line = sort === undefined ? key : `${key}\t${sort}`
  // The tab between key and sort key is ours; in a key it is shown like any control character.
  if (!forPeople) return line
  return sort === undefined ? printable(key) : `${printable(key)}\t${printable(sort)}`
}
