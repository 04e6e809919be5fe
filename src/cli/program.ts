/** The command line as a whole: which commands there are, and how any of them ends. */
import { Command, CommanderError } from 'commander'
import { nearest } from '../server/suggest.ts'
import { addBucket } from './bucket.ts'
import type { CliContext } from './context.ts'
import { addDelete } from './delete.ts'
import { addDemo } from './demo.ts'
import { addExplain } from './explain.ts'
import { addExport } from './export.ts'
import { reportOf, usage } from './failure.ts'
import { addGet } from './get.ts'
import { addCheck } from './check.ts'
import { addHealth } from './health.ts'
import { addHints } from './hints.ts'
import { addImport } from './import.ts'
import { addJoin } from './join.ts'
import { addKeys } from './keys.ts'
import { addLayout } from './layout.ts'
import { addLeave } from './leave.ts'
import { addList } from './list.ts'
import { addPut } from './put.ts'
import { addRepair } from './repair.ts'
import { addRemove } from './remove.ts'
import { addRing } from './ring.ts'
import { addStart } from './start.ts'
import { addStatus } from './status.ts'
import { addAccess } from './users.ts'
import { addVersion } from './version.ts'
import { addWatch } from './watch.ts'

type Add = (program: Command, context: CliContext) => void

/** In the order in which help names them. */
const OF_A_CLUSTER: readonly Add[] = [
  addDemo,
  addStart,
  addJoin,
  addLeave,
  addStatus,
  addRing,
  addLayout,
  addRemove,
  addHealth,
  addCheck,
  addRepair,
  addHints,
  addKeys,
  addAccess,
]
const OF_DATA: readonly Add[] = [
  addGet,
  addPut,
  addDelete,
  addList,
  addWatch,
  addExplain,
  addBucket,
  addImport,
  addExport,
]

export function createProgram(context: CliContext): Command {
  const program = new Command('dnd')
  program
    .description('definitely not Dynamo: a leaderless, always-writable, replicated key-value store')
    .exitOverride()
    .configureOutput({
      // Synchronous on purpose: help is small, and commander does not wait.
      writeOut: (text) => void context.out.stream.write(text),
      writeErr: (text) => void context.err.stream.write(text),
      // Told by `run`, in our words.
      outputError: () => undefined,
      getOutHelpWidth: () => Math.min(context.out.columns, 100),
      getErrHelpWidth: () => Math.min(context.err.columns, 100),
      getOutHasColors: () => context.out.colour,
      getErrHasColors: () => context.err.colour,
    })
    .helpOption('-h, --help', 'show this help')
    .showSuggestionAfterError(true)
    .addHelpCommand(
      new Command('help')
        .argument('[command]')
        .description('show the help of a command')
        .helpOption(false)
        .helpGroup('Other:'),
    )
  program.commandsGroup('A cluster:')
  for (const add of OF_A_CLUSTER) add(program, context)
  program.commandsGroup('Data:')
  for (const add of OF_DATA) add(program, context)
  program.commandsGroup('Other:')
  addVersion(program, context)
  program.addHelpText(
    'after',
    `
Start here:
  dnd demo                       three nodes on this machine
  dnd put greeting hello         store a value
  dnd get greeting               read it back

Exit codes: 0 done, 1 failed, 2 wrong use, 3 outcome unknown
(a write that may be stored).`,
  )
  return program
}

/** Runs one command line, tells what went wrong, and returns the exit code. */
export async function run(args: readonly string[], context: CliContext): Promise<number> {
  const program = createProgram(context)
  if (args.length === 0) {
    program.outputHelp()
    return 0
  }
  try {
    checkHelpTopic(program, args)
    await program.parseAsync(args, { from: 'user' })
    return context.exitCode
  } catch (error) {
    // Help that was asked for ends in an "error" without a fault.
    if (error instanceof CommanderError && error.exitCode === 0) return 0
    // A command of commands without one of them: its help is told already.
    if (error instanceof CommanderError && error.code === 'commander.help') return 2
    return tell(error, { program, args, context })
  }
}

/** Help on a command that does not exist: commander would show the overview as if that were it. */
function checkHelpTopic(program: Command, [first, topic]: readonly string[]): void {
  if (first !== 'help' || topic === undefined || topic.startsWith('-')) return
  if (commandNamed(program, topic) !== undefined) return
  const names = program.commands.map((command) => command.name())
  const near = nearest(topic, names)
  throw usage(
    `unknown command '${topic}'`,
    near === undefined ? 'See dnd --help.' : `Did you mean ${near}?`,
  )
}

interface Told {
  readonly program: Command
  readonly args: readonly string[]
  readonly context: CliContext
}

async function tell(error: unknown, { program, args, context }: Told): Promise<number> {
  const report = reportOf(error)
  const { err } = context
  if (args.includes('--json')) {
    await err.json({ error: report })
  } else {
    const [first, ...more] = report.message.split('\n')
    await err.line(`${err.paint('red', 'dnd:')} ${first}`)
    for (const line of more) await err.line(`     ${line}`)
    const advice = report.advice ?? helpHint(program, args)
    if (advice !== undefined) await err.line(`     ${advice}`)
  }
  if ((context.env['DND_DEBUG'] ?? '') !== '' && error instanceof Error)
    await err.line(stackOf(error))
  return report.exit
}

/** Of the command that was meant, as far as there is such a one. */
function helpHint(program: Command, args: readonly string[]): string {
  const path = [program.name()]
  let command = program
  for (const word of args) {
    const next = commandNamed(command, word)
    if (next === undefined) break
    path.push(next.name())
    command = next
  }
  return `See ${path.join(' ')} --help.`
}

function commandNamed(command: Command, word: string): Command | undefined {
  return command.commands.find((each) => each.name() === word || each.aliases().includes(word))
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : ''
  return (error.stack ?? error.message) + cause
}
