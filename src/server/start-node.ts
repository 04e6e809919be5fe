/** The embedded member: the same node as `dnd start` and `dnd join`, configured by an object. */
import { loadConfig } from './config.ts'
import type { NodeServerConfig } from './config.ts'
import type { NodeServer } from './node-server.ts'
import { startNodeServer } from './node-server.ts'

export type { NodeServerConfig } from './config.ts'
export type { NodeServer } from './node-server.ts'

/**
 * Fields of the configuration; `seeds` as `host:port`. What is left out has the default of
 * `dnd start`.
 */
export type NodeFields = Partial<Omit<NodeServerConfig, 'mode' | 'seeds'>> & {
  readonly seeds?: readonly string[]
}

/**
 * Starts a node in this process, configured by `fields` and, where there is one, by
 * ./dnd.config.json. With seeds it joins their cluster, without it founds one; a data directory
 * that has a node already starts that node again.
 *
 * @throws DndError with a code of the table: a bad field, a port in use, a locked directory, seeds
 * that do not answer.
 */
export function startNode(fields: NodeFields = {}): Promise<NodeServer> {
  const { host, httpPort, seeds = [], ...rest } = fields
  const flags: Record<string, string | readonly string[]> = { seeds }
  const given = { ...rest, address: host, serverPort: httpPort }
  for (const [field, value] of Object.entries(given))
    if (value !== undefined) flags[field] = String(value)
  const mode = seeds.length > 0 ? 'join' : 'start'
  return startNodeServer(loadConfig({ mode, flags, env: {}, cwd: process.cwd() }).config)
}
