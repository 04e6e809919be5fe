/**
 * `npm run sim`: runs scenarios from seeds and tells what happened. `--help` says how.
 */
import { relaunch } from './mutants/launch.ts'
import { runBatch } from './run/batch.ts'
import { settingsFrom, USAGE } from './run/options.ts'
import { tellStory } from './run/tell-story.ts'

const print = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

async function main(): Promise<number> {
  const settings = settingsFrom(process.argv.slice(2))
  if (settings === 'help') {
    process.stdout.write(USAGE)
    return 0
  }
  if ('wrong' in settings) {
    process.stderr.write(`${settings.wrong}\nhow it is used: npm run sim -- --help\n`)
    return 2
  }
  const status = relaunch(settings.mutant)
  if (status !== undefined) return status
  const { story } = settings
  return story === undefined ? runBatch(settings, print) : tellStory(settings, story, print)
}

// A reader that has seen enough (`| head`) closes the pipe.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1)
})
process.exitCode = await main()
