/** The embedded member: the same node as `dnd start` and `dnd join`, configured by an object. */
import type { Log } from '../runtime/ports.ts'
import { loadConfig } from './config.ts'
import type { LoadedConfig, NodeServerConfig } from './config.ts'
import { AppLog, SILENT } from './embedded/app-log.ts'
import type { NodeLogger } from './embedded/app-log.ts'
import type { NodeServer } from './node-server.ts'
import { startNodeServer } from './node-server.ts'

export type { NodeServerConfig } from './config.ts'
export type { NodeLogger } from './embedded/app-log.ts'
export type { NodeClient } from './embedded/node-client.ts'
export type { NodeServer } from './node-server.ts'

/**
 * Fields of the configuration; `seeds` as `host:port`. What is left out has the default of
 * `dnd start`.
 */
export type NodeFields = Partial<Omit<NodeServerConfig, 'mode' | 'seeds'>> & {
  readonly seeds?: readonly string[]
  /**
   * Whether to serve the HTTP API and the console, at `httpPort`. Default: true. Without them the
   * node is reached by its own app and by the other nodes, and by no `dnd` command or client.
   */
  readonly http?: boolean
  /**
   * Where it logs, such as a pino logger. Without one it logs nothing, unless `logLevel` is set:
   * then lines of JSON go to standard error. Nothing ever goes to standard output.
   */
  readonly logger?: NodeLogger
}

/**
 * Starts a node in this process, configured by `fields` and, where there is one, by
 * ./dnd.config.json. With seeds it joins their cluster, without it founds one; a data directory
 * that has a node already starts that node again.
 *
 * @throws DndError with a code of the table: a bad field, a port in use, a locked directory, seeds
 * that do not answer.
 */
export async function startNode(fields: NodeFields = {}): Promise<NodeServer> {
  const { host, httpPort, http = true, logger, seeds = [], ...rest } = fields
  const flags: Record<string, string | readonly string[]> = { seeds }
  const given = { ...rest, address: host, serverPort: http ? httpPort : 0 }
  // There is no door to lock.
  if (!http) flags['allowOpenHttp'] = 'true'
  for (const [field, value] of Object.entries(given))
    if (value !== undefined) flags[field] = String(value)
  const mode = seeds.length > 0 ? 'join' : 'start'
  const loaded = loadConfig({ mode, flags, env: {}, cwd: process.cwd() })
  return startNodeServer(loaded.config, { http, log: logOf(loaded, logger) })
}

/** undefined: the log of `dnd start`. */
function logOf({ config, origins }: LoadedConfig, logger: NodeLogger | undefined): Log | undefined {
  if (logger !== undefined) return new AppLog(logger, config.name)
  return origins.logLevel === 'default' ? SILENT : undefined
}
