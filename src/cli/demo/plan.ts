/** Which nodes a demo has: where they listen, where their data is, and who starts and who joins. */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { usage } from '../failure.ts'

export interface DemoOptions {
  /** undefined: as many as the directory has, or three. */
  readonly nodes: number | undefined
  /** Absolute. */
  readonly data: string
  readonly fresh: boolean
  /** Of the first node; the others count up. */
  readonly port: number
  readonly serverPort: number
}

export interface PlannedNode {
  readonly name: string
  readonly port: number
  readonly serverPort: number
  readonly data: string
  readonly log: string
  /** Where to find the cluster; undefined: this one begins it, or begins with its restart. */
  readonly seed: string | undefined
}

export const HOST = '127.0.0.1'
const NODES_DEFAULT = 3
/** What makes a directory that of a node. */
const IDENTITY_FILE = 'dnd.json'

/** Removes what an earlier demo left, and nothing else. */
export function clear(data: string): void {
  for (const name of nodesIn(data)) {
    rmSync(join(data, name), { recursive: true })
    rmSync(join(data, `${name}.log`), { force: true })
  }
}

export function planDemo(options: DemoOptions): readonly PlannedNode[] {
  const { data, port, serverPort } = options
  if (options.fresh) clear(data)
  const known = nodesIn(data)
  const nodes = options.nodes ?? (known.length > 0 ? highest(known) : NODES_DEFAULT)
  if (nodes < highest(known))
    throw usage(
      `${data} holds a cluster of ${highest(known)} nodes, and ${nodes} would be too few to serve all of it`,
      `Run it with --nodes ${highest(known)}, or begin anew with --fresh.`,
    )
  if (Math.abs(port - serverPort) < nodes)
    throw usage('the ports of both kinds overlap', 'Choose --port and --server-port further apart.')
  const names = Array.from({ length: nodes }, (_, i) => `node${i + 1}`)
  // Who has data knows the cluster; a node without must not begin another one beside it.
  // Who has left the cluster can only join it again.
  const members = known.filter((name) => !hasLeft(join(data, name)))
  const first = names.find((name) => members.includes(name)) ?? 'node1'
  const seed = `${HOST}:${port + names.indexOf(first)}`
  return names.map((name, i) => ({
    name,
    port: port + i,
    serverPort: serverPort + i,
    data: join(data, name),
    log: join(data, `${name}.log`),
    seed: name === first ? undefined : seed,
  }))
}

function nodesIn(data: string): string[] {
  if (!existsSync(data)) return []
  return readdirSync(data).filter(
    (name) => /^node[1-9]\d?$/.test(name) && existsSync(join(data, name, IDENTITY_FILE)),
  )
}

/** Whether the node of a directory has left its cluster. What is damaged is told at its start. */
function hasLeft(directory: string): boolean {
  try {
    const text = readFileSync(join(directory, IDENTITY_FILE), 'utf8')
    return (JSON.parse(text) as { left?: string }).left !== undefined
  } catch {
    return false
  }
}

function highest(names: readonly string[]): number {
  return Math.max(0, ...names.map((name) => Number(name.slice('node'.length))))
}
