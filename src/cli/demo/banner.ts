/** What a demo says when it is up: everything can be pasted. */
import { basename, dirname, relative, sep } from 'node:path'
import { table } from '../table.ts'
import type { Terminal } from '../terminal.ts'
import { count } from '../terminal.ts'
import { restartArguments } from './child-node.ts'
import type { PlannedNode } from './plan.ts'
import { HOST } from './plan.ts'

export interface RunningNode {
  readonly plan: PlannedNode
  readonly pid: number
}

/** How to call this program from here, as it was called. */
export interface Caller {
  readonly command: string
  readonly cwd: string
}

export function callerOf(script: string, cwd: string): Caller {
  if (basename(script) !== 'dnd') return { command: `node ${shown(script, cwd)}`, cwd }
  const isLocal = dirname(script).endsWith(`node_modules${sep}.bin`)
  return { command: isLocal ? 'npx dnd' : 'dnd', cwd }
}

/**
 * The command that brings a node back. Its path is whole: pasted in another folder, a relative one
 * would begin a cluster of its own there.
 */
export function restartCommand(plan: PlannedNode, caller: Caller): string {
  return [caller.command, ...restartArguments(plan).map(quoted)].join(' ')
}

export function bannerText(nodes: readonly RunningNode[], caller: Caller, out: Terminal): string {
  const urls = nodes.map(({ plan }) => `http://${HOST}:${plan.serverPort}`)
  const url = (i: number) => urls[i % urls.length]!
  const title = (text: string) => out.paint('bold', text)
  const victim = nodes[1 % nodes.length]!
  const rows = nodes.map(({ plan, pid }, i) => [
    `  ${plan.name}`,
    url(i),
    `${HOST}:${plan.port}`,
    String(pid),
    shown(plan.data, caller.cwd),
  ])
  const server = url(0) === 'http://127.0.0.1:6001' ? '' : ` --server ${url(0)}`
  return [
    title(`dnd: a cluster of ${count(nodes.length, 'node')} is up`),
    '',
    table(['  NODE', 'HTTP', 'CLUSTER', 'PID', 'DATA'], rows),
    '',
    `${title('The console')}, on every node: ${url(0)}/`,
    '',
    title('Store, read, list, delete: any node serves any key'),
    `  curl -X PUT -d 'hello, world' ${url(0)}/kv/greeting`,
    `  curl ${url(1)}/kv/greeting`,
    `  curl '${url(2)}/buckets/default/keys?limit=10'`,
    `  curl -X DELETE ${url(1)}/kv/greeting`,
    `  curl ${url(0)}/cluster`,
    `  ${caller.command} status${server}`,
    '',
    title('Kill a node; the others go on without it'),
    `  kill -9 ${victim.pid}`,
    title('Bring it back, in another terminal'),
    `  ${restartCommand(victim.plan, caller)}`,
    '',
    `Logs are in ${shown(dirname(nodes[0]!.plan.log), caller.cwd)}/*.log. Ctrl-C stops all nodes; the data is kept for the next run.`,
  ].join('\n')
}

function shown(path: string, cwd: string): string {
  const from = relative(cwd, path)
  if (from === '') return '.'
  return from.startsWith('..') ? path : `.${sep}${from}`
}

/** For a shell. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
