import { extname, resolve } from 'node:path'
import type { Command } from 'commander'
import { Option } from 'commander'
import type { CliContext } from './context.ts'
import { examples, whole, withBucket, withServer } from './options.ts'
import type { ExportJob } from './records/export-job.ts'
import { runExport } from './records/export-job.ts'
import type { ExportFormat } from './records/export-format.ts'

/** As given; the job has them completed. */
type ExportOptions = Omit<ExportJob, 'format' | 'out'> & {
  readonly format?: ExportFormat
  readonly out?: string
}

const FORMATS: Readonly<Record<string, ExportFormat>> = {
  '.json': 'json',
  '.csv': 'csv',
}

export function addExport(program: Command, context: CliContext): void {
  const command = program
    .command('export')
    .description(
      'write all keys of a bucket with their values, so that "dnd import" brings them back',
    )
    .option('--prefix <text>', 'only keys that begin with this')
    .addOption(
      new Option(
        '--format <format>',
        'of the output (default: by the name of --out, or ndjson)',
      ).choices(['ndjson', 'json', 'csv']),
    )
    .option(
      '--out <file>',
      'write to this file and go on where an interrupted export stopped (default: standard output)',
    )
    .option('--r <n>', 'replicas that must answer (default: as the bucket says)', whole(1, 7))
    .option('--concurrency <n>', 'values read together', whole(1, 1000), 64)
    .option('--resume-file <file>', 'keep the progress there (default: OUT.dnd-export.json)')
    .option('--restart', 'begin anew, forgetting an earlier interrupted run')
    .action((options: ExportOptions) => {
      const out = options.out === undefined ? undefined : resolve(context.cwd, options.out)
      const byName = out === undefined ? undefined : FORMATS[extname(out).toLowerCase()]
      return runExport({ ...options, out, format: options.format ?? byName ?? 'ndjson' }, context)
    })
  withServer(withBucket(command))
  examples(command, [
    'dnd export --out backup.ndjson',
    'dnd export --bucket cities --prefix CH/ --format csv > cities.csv',
    'dnd export --server http://10.0.0.5:6001 | dnd import - --format ndjson',
  ])
  command.addHelpText(
    'after',
    `
The export is not a snapshot: of what is written meanwhile it may have some and
not other. Concurrent values of one key are written one after the other, and are
concurrent again when they are imported into a bucket that keeps siblings.`,
  )
}
