/**
 * `npm run figures:membership`: how fast and how right the failure detector is, and what it costs,
 * as the tables of docs/internals/membership.md. `--help` says how.
 */
import { FIGURES_USAGE, figuresFrom } from './figures-options.ts'
import { printFigures } from './figures-tables.ts'

function main(): number {
  const settings = figuresFrom(process.argv.slice(2))
  if (settings === 'help') {
    process.stdout.write(FIGURES_USAGE)
    return 0
  }
  if ('wrong' in settings) {
    const how = 'how it is used: npm run figures:membership -- --help'
    process.stderr.write(`${settings.wrong}\n${how}\n`)
    return 2
  }
  printFigures(settings, (line) => {
    process.stdout.write(`${line}\n`)
  })
  return 0
}

// A reader that has seen enough (`| head`) closes the pipe.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1)
})
process.exitCode = main()
