import { resolve } from 'node:path'
import type { Command } from 'commander'
import { Option } from 'commander'
import { CLUSTER_PORT_DEFAULT, ENGINES, HTTP_PORT_DEFAULT } from '../server/config-fields.ts'
import type { CliContext } from './context.ts'
import { DemoRun } from './demo/demo-run.ts'
import { planDemo } from './demo/plan.ts'
import { examples, whole, withJson } from './options.ts'

interface DemoCommandOptions {
  readonly nodes?: number
  readonly data: string
  readonly fresh?: boolean
  readonly port: number
  readonly serverPort: number
  readonly engine?: string
  readonly json?: boolean
}

export function addDemo(program: Command, context: CliContext): void {
  const command = program
    .command('demo')
    .description('run a whole cluster on this machine, each node a process of its own')
    .option('--nodes <n>', 'how many (default: 3, or as many as the data is of)', whole(1, 16))
    .option(
      '--data <dir>',
      'where the nodes keep their data; it is kept between runs',
      './dnd-data',
    )
    .option('--fresh', 'delete the data of an earlier demo first')
    .option(
      '--port <port>',
      'cluster traffic of the first node; the others count up',
      whole(1, 65_000),
      CLUSTER_PORT_DEFAULT,
    )
    .option(
      '--server-port <port>',
      'HTTP of the first node; the others count up',
      whole(1, 65_000),
      HTTP_PORT_DEFAULT,
    )
    .addOption(new Option('--engine <name>', 'storage engine').choices(ENGINES))
    .action((options: DemoCommandOptions) => demo(options, context))
  withJson(command)
  examples(command, [
    'dnd demo',
    'dnd demo --nodes 5 --fresh',
    'dnd demo --port 15001 --server-port 16001',
  ])
}

async function demo(options: DemoCommandOptions, context: CliContext): Promise<void> {
  const plan = planDemo({
    nodes: options.nodes,
    data: resolve(context.cwd, options.data),
    fresh: options.fresh === true,
    port: options.port,
    serverPort: options.serverPort,
  })
  // All nodes stop together: there is nobody to turn to.
  const extra = ['--drain-ms', '0']
  if (options.engine !== undefined) extra.push('--engine', options.engine)
  await new DemoRun(plan, extra, options.json === true, context).run()
}
