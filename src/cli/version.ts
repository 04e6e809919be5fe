import type { Command } from 'commander'
import { VERSION } from '../server/version.ts'
import type { CliContext } from './context.ts'
import { withJson } from './options.ts'

export function addVersion(program: Command, context: CliContext): void {
  program.version(VERSION, '-V, --version', 'show the version')
  const command = program
    .command('version')
    .description('show the versions of dnd and of Node')
    .action((options: { readonly json?: boolean }) => version(options, context))
  withJson(command)
}

async function version(options: { readonly json?: boolean }, context: CliContext): Promise<void> {
  const versions = {
    dnd: VERSION,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
  }
  if (options.json === true) return context.out.json(versions)
  await context.out.line(`dnd ${versions.dnd} (Node ${versions.node}, ${versions.platform})`)
}
