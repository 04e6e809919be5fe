import type { Command } from 'commander'
import type { HealthJson } from '../../packages/client/src/api.ts'
import type { CliContext } from './context.ts'
import type { ServerOptions } from './options.ts'
import { clientOf, examples, withServer } from './options.ts'
import type { Style } from './terminal.ts'
import { count, printable } from './terminal.ts'

export const HEALTH_STYLE: Readonly<Record<HealthJson['status'], Style>> = {
  healthy: 'green',
  degraded: 'yellow',
  unavailable: 'red',
}

export function addHealth(program: Command, context: CliContext): void {
  const command = program
    .command('health')
    .description('say whether every key can be read; exits with 1 when not')
    .action((options: ServerOptions) => health(options, context))
  withServer(command)
  examples(command, ['dnd health && echo fine', 'dnd health --server http://10.0.0.5:6001 --json'])
}

async function health(options: ServerOptions, context: CliContext): Promise<void> {
  const { out } = context
  const answer = await clientOf(options, context).health()
  if (answer.status === 'unavailable') context.exitCode = 1
  if (options.json === true) return out.json(answer)
  const { withQuorum, total, allUp } = answer.partitions
  await out.line(
    `${out.paint(HEALTH_STYLE[answer.status], answer.status)}: ` +
      `${withQuorum} of ${count(total, 'partition')} have a quorum, ${allUp} all replicas`,
  )
  if (answer.degraded === true) await out.line('this node is slow or badly connected')
  if (answer.clonedBy !== undefined)
    await out.line(
      `another process has the identity of this node and listens on ${printable(answer.clonedBy)}: ` +
        'both refuse all writes; stop one of the two and restart the other',
    )
  if (!answer.read.ok) await out.line(`a read failed: ${answer.read.detail}`)
}
