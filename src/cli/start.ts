import type { Command } from 'commander'
import type { CliContext } from './context.ts'
import type { NodeOptions } from './node-options.ts'
import { nodeConfig, withNodeOptions } from './node-options.ts'
import { examples } from './options.ts'
import { runNode } from './run-node.ts'

export function addStart(program: Command, context: CliContext): void {
  const command = program
    .command('start')
    .description('start the first node of a new cluster, or restart a node from its data directory')
    .action((options: NodeOptions) =>
      runNode(nodeConfig('start', options, [], context), options['json'] === true, context),
    )
  withNodeOptions(command, 'start')
  examples(command, [
    'dnd start',
    'dnd start --data /var/lib/dnd --key-file /etc/dnd/cluster.key',
    'dnd start --address 10.0.0.5 --key-file cluster.key --http-cert http.pem --http-key http-key.pem --require-auth',
    'DND_PORT=5101 DND_SERVER_PORT=6101 dnd start',
  ])
}
