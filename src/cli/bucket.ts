import type { Command } from 'commander'
import { InvalidArgumentError, Option } from 'commander'
import type { BucketJson, BucketPropertiesJson } from '../../packages/client/src/api.ts'
import type { CliContext } from './context.ts'
import { usage } from './failure.ts'
import type { ServerOptions } from './options.ts'
import { clientOf, examples, whole, withServer } from './options.ts'
import { table } from './table.ts'
import { TTL_FORM, ttl, ttlText } from './ttl.ts'

type Properties = { -readonly [K in keyof BucketPropertiesJson]?: BucketPropertiesJson[K] }
type SetOptions = ServerOptions & Readonly<Properties> & { readonly ttl?: number }

export function addBucket(program: Command, context: CliContext): void {
  const bucket = program.command('bucket').description('show and set the properties of buckets')
  withServer(
    bucket
      .command('list')
      .description('the buckets that somebody configured; any other has the defaults')
      .action((options: ServerOptions) => list(options, context)),
  )
  withServer(
    bucket
      .command('show')
      .description('the properties of one bucket')
      .argument('<name>')
      .action((name: string, options: ServerOptions) => show(name, options, context)),
  )
  addSet(bucket, context)
  withServer(
    bucket
      .command('reset')
      .description('put the properties of an empty bucket back to the defaults')
      .argument('<name>')
      .action((name: string, options: ServerOptions) => reset(name, options, context)),
  )
  examples(bucket, [
    'dnd bucket set carts --conflicts siblings',
    'dnd bucket set cache --n 2 --r 1 --w 1',
    'dnd bucket list',
  ])
}

function addSet(bucket: Command, context: CliContext): void {
  const command = bucket
    .command('set')
    .description(
      'set some properties of a bucket, leaving the others; with another --n, reads and writes take majorities',
    )
    .argument('<name>')
    .option('--n <n>', 'replicas of each key', whole(1, 7))
    .option('--r <n>', 'replicas that must answer a read', whole(1, 7))
    .option('--w <n>', 'replicas that must have stored a write', whole(1, 7))
    .addOption(
      new Option('--conflicts <mode>', 'how concurrent writes end').choices(['lww', 'siblings']),
    )
    .option('--value-bytes-max <n>', 'largest value accepted, in bytes', whole(1, 1024 * 1024))
    .option(
      '--sloppy <bool>',
      'true: another node may stand in for a replica that is away, when W are counted',
      trueOrFalse,
    )
    .option('--ttl <time>', `how long values live whose writer did not say: ${TTL_FORM}`, ttl)
    .action((name: string, options: SetOptions) => set(name, options, context))
  withServer(command)
  examples(command, [
    'dnd bucket set carts --conflicts siblings',
    'dnd bucket set cache --r 1 --w 1',
    'dnd bucket set ledger --sloppy false',
  ])
}

function trueOrFalse(text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true'
  throw new InvalidArgumentError('It must be true or false.')
}

async function list(options: ServerOptions, context: CliContext): Promise<void> {
  const answer = await clientOf(options, context).buckets()
  if (options.json === true) return context.out.json(answer)
  const { buckets } = answer
  if (buckets.length === 0)
    return context.out.line('no bucket is configured; all have the defaults (dnd bucket show NAME)')
  await print(buckets, context)
}

async function show(name: string, options: ServerOptions, context: CliContext): Promise<void> {
  await tell(await clientOf(options, context).bucketProperties(name), options, context)
}

async function set(name: string, options: SetOptions, context: CliContext): Promise<void> {
  const { n, r, w, conflicts, valueBytesMax, sloppy, ttl: ttlMs } = options
  const wanted = Object.entries({ n, r, w, conflicts, valueBytesMax, sloppy, ttlMs }).filter(
    ([, value]) => value !== undefined,
  )
  if (wanted.length === 0)
    throw usage(
      'nothing to set',
      'Give at least one of --n, --r, --w, --conflicts, --value-bytes-max, --sloppy, --ttl.',
    )
  const client = clientOf(options, context)
  const { properties: before } = await client.bucketProperties(name)
  // The old quorums mean nothing to another number of replicas: the node takes majorities then.
  const { r: _r, w: _w, ...others } = before
  const kept = n === undefined || n === before.n ? before : others
  const properties = { ...kept, ...(Object.fromEntries(wanted) as Properties) }
  await tell(await client.configureBucket(name, properties), options, context)
}

async function reset(name: string, options: ServerOptions, context: CliContext): Promise<void> {
  await tell(await clientOf(options, context).configureBucket(name, undefined), options, context)
}

async function tell(
  bucket: BucketJson,
  options: ServerOptions,
  context: CliContext,
): Promise<void> {
  if (options.json === true) return context.out.json(bucket)
  await print([bucket], context)
  if (bucket.pending !== undefined && bucket.pending.length > 0)
    await context.err.line(
      `not confirmed yet by ${bucket.pending.join(', ')}: they learn of it when they are reached`,
    )
}

async function print(buckets: readonly BucketJson[], context: CliContext): Promise<void> {
  const rows = buckets.map(({ name, configured, properties }) => [
    name,
    String(properties.n),
    String(properties.r),
    String(properties.w),
    properties.conflicts,
    String(properties.valueBytesMax),
    properties.sloppy ? 'sloppy' : 'strict',
    ttlText(properties.ttlMs),
    configured ? 'configured' : 'defaults',
  ])
  await context.out.line(
    table(
      ['BUCKET', 'N', 'R', 'W', 'CONFLICTS', 'VALUE BYTES MAX', 'QUORUM', 'TTL', 'PROPERTIES'],
      rows,
    ),
  )
}
