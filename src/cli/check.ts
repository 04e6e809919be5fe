import type { Command } from 'commander'
import type { ClusterJson } from '../../packages/client/src/api.ts'
import { withCredentials } from '../../packages/client/src/credentials.ts'
import { httpExchange } from '../../packages/client/src/node/http-exchange.ts'
import type { Level, NodeFacts } from './check-rules.ts'
import { judge, parseMetrics, worst } from './check-rules.ts'
import type { CliContext } from './context.ts'
import { credentialsOf } from './credentials.ts'
import { CliFailure, reportOf } from './failure.ts'
import type { ServerOptions } from './options.ts'
import { caOf, clientOf, examples, serversOf, withServer } from './options.ts'
import type { Style, Terminal } from './terminal.ts'
import { printable } from './terminal.ts'

const EXITS: Readonly<Record<Level, number>> = { ok: 0, warning: 1, critical: 2 }
const STYLES: Readonly<Record<Level, Style>> = { ok: 'green', warning: 'yellow', critical: 'red' }
/** A node that is asked through another is given up after two seconds there. */
const PATIENCE_MS = 5_000

export function addCheck(program: Command, context: CliContext): void {
  const command = program
    .command('check')
    .description(
      'say what needs attention, for monitoring: 0 fine, 1 warning, 2 critical, 3 unknown',
    )
    .action((options: ServerOptions) => check(options, context))
  withServer(command)
  examples(command, ['dnd check', 'dnd check --server http://10.0.0.5:6001 --json'])
}

async function check(options: ServerOptions, context: CliContext): Promise<void> {
  const { out } = context
  const findings = await gather(options, context)
  const level = worst(findings)
  context.exitCode = EXITS[level]
  if (options.json === true) return out.json({ level, findings })
  await out.line(out.paint(STYLES[level], level.toUpperCase()))
  for (const { what, level: one, text } of findings)
    await out.line(`${paddedLevel(one, out)} ${what.padEnd(12)} ${printable(text)}`)
}

/** Exit 3 is what monitoring takes for "unknown". */
async function gather(
  options: ServerOptions,
  context: CliContext,
): Promise<ReturnType<typeof judge>> {
  const client = clientOf(options, context)
  try {
    const [cluster, layout, health] = await Promise.all([
      client.cluster(),
      client.layout(),
      client.health(),
    ])
    const nodes = await nodesOf(cluster, options, context)
    return judge({ cluster, layout, health, nodes, nowMs: Date.now() })
  } catch (error) {
    const { code, message, advice, exit } = reportOf(error)
    if (exit === 2) throw error
    throw new CliFailure({ code, message, advice, exit: 3, cause: error })
  } finally {
    client.close()
  }
}

/** Every member that is up tells its metrics, through the first server that passes them on. */
async function nodesOf(
  { members }: ClusterJson,
  options: ServerOptions,
  context: CliContext,
): Promise<readonly NodeFacts[]> {
  const exchange = withCredentials(
    httpExchange({}, caOf(options, context)),
    credentialsOf(options, context),
  )
  const servers = serversOf(options, context).map((server) =>
    (server.includes('://') ? server : `http://${server}`).replace(/\/+$/, ''),
  )
  const ask = async (id: string): Promise<NodeFacts['metrics']> => {
    for (const server of servers) {
      const url = `${server}/nodes/${id}/metrics`
      const signal = AbortSignal.timeout(PATIENCE_MS)
      try {
        const answer = await exchange.send({
          ...{ url, method: 'GET', headers: undefined, body: undefined, signal },
        })
        if (answer.status === 200) return parseMetrics(new TextDecoder().decode(answer.bytes))
      } catch {
        // The next server may reach it; none: the report says that this node was not heard.
      }
    }
    return undefined
  }
  const up = members.filter(({ state }) => state === 'alive' || state === 'suspect')
  try {
    return await Promise.all(up.map(async ({ id, name }) => ({ name, metrics: await ask(id) })))
  } finally {
    exchange.close()
  }
}

function paddedLevel(level: Level, out: Terminal): string {
  return out.paint(STYLES[level], level.padEnd(8))
}
