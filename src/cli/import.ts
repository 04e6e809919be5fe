import { createReadStream, statSync } from 'node:fs'
import { extname, resolve } from 'node:path'
import type { Command } from 'commander'
import { Option } from 'commander'
import type { CliContext } from './context.ts'
import { badFile, usage } from './failure.ts'
import { examples, whole, withBucket, withServer } from './options.ts'
import type { ImportJob, ImportOptions } from './records/import-job.ts'
import { runImport } from './records/import-job.ts'
import type { Mapping } from './records/mapping.ts'
import type { SourceFormat } from './records/source.ts'
import type { Template } from './records/template.ts'
import { fieldTemplate, parseTemplate } from './records/template.ts'

const FORMATS: Readonly<Record<string, SourceFormat>> = {
  '.json': 'json',
  '.ndjson': 'ndjson',
  '.jsonl': 'ndjson',
  '.csv': 'csv',
  '.tsv': 'csv',
}

export function addImport(program: Command, context: CliContext): void {
  const command = program
    .command('import')
    .description(
      'store the records of a JSON, NDJSON or CSV file; goes on where it was interrupted',
    )
    .argument('<file>', 'path, or - for standard input')
    .addOption(
      new Option('--format <format>', 'of the file (default: by its name)').choices([
        'json',
        'ndjson',
        'csv',
      ]),
    )
    .option('--key <field>', 'field whose text is the key')
    .option('--key-template <text>', "key made of several fields: '{country}/{name}'")
    .option('--sort <field>', 'field or template that is the sort key')
    .option('--value <field>', 'field that is the value (default: the whole record, as JSON)')
    .option(
      '--delimiter <text>',
      'between the fields of a CSV file (default: a comma; a tab for .tsv)',
    )
    .option(
      '--w <n>',
      'replicas that must have stored each (default: as the bucket says)',
      whole(1, 7),
    )
    .option('--concurrency <n>', 'records under way together', whole(1, 10_000), 512)
    .option('--batch <n>', 'records in one request', whole(1, 1000), 64)
    .option('--give-up-after <seconds>', 'without any success', whole(1, 86_400), 60)
    .option('--refused <file>', 'write the refused records there, as NDJSON with the reasons')
    .option('--resume-file <file>', 'keep the progress there (default: FILE.dnd-import.json)')
    .option('--restart', 'begin anew, forgetting an earlier interrupted run')
    .action((file: string, options: ImportOptions) =>
      runImport(jobOf(file, options, context), options, context),
    )
  withServer(withBucket(command))
  examples(command, [
    'dnd import people.ndjson --key id',
    "dnd import cities.json --bucket cities --key-template '{country}/{name}'",
    'dnd import orders.csv --key customer --sort date --refused refused.ndjson',
    'dnd import backup.ndjson                   what "dnd export" wrote needs no --key',
    'zcat big.ndjson.gz | dnd import - --format ndjson --key id',
  ])
  command.addHelpText(
    'after',
    `
Without --key a file holds either one JSON object of keys and values, or records
with the fields key and value (or valueBase64), and perhaps sort, contentType,
metadata and expiresAt, as "dnd export" writes them.`,
  )
}

function jobOf(file: string, options: ImportOptions, context: CliContext): ImportJob {
  const isInput = file === '-'
  const extension = isInput ? '' : extname(file).toLowerCase()
  const format = options.format ?? FORMATS[extension]
  if (format === undefined)
    throw usage(
      isInput
        ? 'standard input has no name to tell its format'
        : `"${file}" does not end in .json, .ndjson, .jsonl, .csv or .tsv`,
      'Say --format json, --format ndjson or --format csv.',
    )
  const path = isInput ? undefined : existing(resolve(context.cwd, file))
  return {
    path,
    name: isInput ? 'standard input' : file,
    open: () =>
      path === undefined ? context.input : createReadStream(path, { highWaterMark: 256 * 1024 }),
    size: path === undefined ? undefined : statSync(path).size,
    format,
    delimiter: delimiterOf(options.delimiter, extension),
    mapping: mappingOf(options),
  }
}

function existing(path: string): string {
  try {
    if (statSync(path).isDirectory()) throw badFile(`${path} is a directory`, 'Name a file in it.')
    return path
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw badFile(`there is no file ${path}`, 'Check the path.', error)
    if (code?.startsWith('DND_') === true) throw error
    throw badFile(`${path} cannot be read (${code})`, 'Check its permissions.', error)
  }
}

function delimiterOf(given: string | undefined, extension: string): string {
  if (given === undefined) return extension === '.tsv' ? '\t' : ','
  const text = given === '\\t' || given === 'tab' ? '\t' : given
  if (text === '' || text === '"' || /[\r\n]/.test(text))
    throw usage(`"${given}" cannot stand between fields`, "Say --delimiter ';' or --delimiter tab.")
  return text
}

function mappingOf(options: ImportOptions): Mapping {
  const { key, keyTemplate, sort, value } = options
  if (key !== undefined && keyTemplate !== undefined)
    throw usage('--key and --key-template exclude each other', 'A template can name one field too.')
  const named = key !== undefined || keyTemplate !== undefined
  if (!named && (sort !== undefined || value !== undefined))
    throw usage('--sort and --value need --key or --key-template', 'Say which field is the key.')
  return {
    key: key === undefined ? template('--key-template', keyTemplate) : fieldTemplate(key),
    sort:
      sort?.includes('{') === true
        ? template('--sort', sort)
        : sort === undefined
          ? undefined
          : fieldTemplate(sort),
    value,
  }
}

function template(option: string, text: string | undefined): Template | undefined {
  if (text === undefined) return undefined
  try {
    return parseTemplate(text)
  } catch (error) {
    throw usage(`${option}: ${(error as Error).message}`)
  }
}
