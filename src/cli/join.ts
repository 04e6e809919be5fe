import type { Command } from 'commander'
import type { CliContext } from './context.ts'
import type { NodeOptions } from './node-options.ts'
import { nodeConfig, withNodeOptions } from './node-options.ts'
import { examples } from './options.ts'
import { runNode } from './run-node.ts'

export function addJoin(program: Command, context: CliContext): void {
  const command = program
    .command('join')
    .description('start a node that joins a cluster, or rejoins it from its data directory')
    .argument(
      '[seed...]',
      'HOST:PORT of nodes of the cluster, their port for cluster traffic (DND_SEEDS)',
    )
    .action((seeds: readonly string[], options: NodeOptions) =>
      runNode(nodeConfig('join', options, seeds, context), options['json'] === true, context),
    )
  withNodeOptions(command, 'join')
  examples(command, [
    'dnd join 127.0.0.1:5001 --port 5002 --server-port 6002',
    'dnd join 10.0.0.5:5001 --replace node3 --data /mnt/new-disk/dnd',
    'dnd join 10.0.0.5:5001 10.0.0.6:5001 --config /etc/dnd/dnd.json',
  ])
}
