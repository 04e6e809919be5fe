/**
 * Node processes to measure: started from the compiled command line on free ports with data in a
 * folder of their own, measured by the CPU time that the kernel charges them, and ended by pid.
 */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Target } from './load.ts'

const CLI = fileURLToPath(new URL('../src/cli/main.js', import.meta.url))
/** The kernel counts CPU time in these, a second. */
const TICKS_PER_SECOND = 100

export interface Nodes {
  readonly targets: readonly Target[]
  readonly pids: readonly number[]
  /** Data directories. */
  readonly folders: readonly string[]
  /** Ends one node, as an operator would. */
  end(place: number): Promise<void>
  /** Starts one that was ended, with its data and ports. */
  again(place: number): Promise<void>
  stop(): Promise<void>
}

interface Started {
  readonly args: readonly string[]
  child: ChildProcess
  readonly http: Target
  readonly cluster: string
}

export interface NodesOptions {
  /** Loaded by each process before the node. */
  readonly preload?: URL
  /** Of the command line, besides. */
  readonly flags?: readonly string[]
}

/** Starts `count` nodes as one cluster; resolves when every partition has its replicas. */
export async function startNodes(
  count: number,
  engine: string,
  options: NodesOptions = {},
): Promise<Nodes> {
  const folder = mkdtempSync(join(tmpdir(), 'dnd-bench-'))
  const folderOf = (place: number): string => join(folder, `node${place + 1}`)
  const started: Started[] = []
  for (let i = 0; i < count; i++) {
    const role = i === 0 ? ['start'] : ['join', started[0]!.cluster]
    const name = ['--name', `node${i + 1}`, '--data', folderOf(i)]
    const args = [...role, ...name, '--engine', engine, '--log-level', 'error']
    started.push(await startNode(args, [0, 0], options))
  }
  const targets = started.map(({ http }) => http)
  await whenComplete(targets)
  return {
    targets,
    get pids() {
      return started.map(({ child }) => child.pid!)
    },
    folders: started.map((_, place) => folderOf(place)),
    end: (place) => endOf(started[place]!.child),
    again: async (place) => {
      const before = started[place]!
      const ports = [Number(before.cluster.split(':')[1]), before.http.port] as const
      started[place] = await startNode(before.args, ports, options)
      await whenComplete(targets)
    },
    stop: async () => {
      await Promise.all(started.map(({ child }) => endOf(child)))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** CPU seconds, user and system, that these processes have used so far. */
export function cpuSeconds(pids: readonly number[]): number {
  let ticks = 0
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    ticks += Number(fields[11]) + Number(fields[12])
  }
  return ticks / TICKS_PER_SECOND
}

function startNode(
  args: readonly string[],
  [port, httpPort]: readonly [number, number],
  { preload, flags = [] }: NodesOptions,
): Promise<Started> {
  const ports = ['--port', `${port}`, '--server-port', `${httpPort}`]
  const child = fork(CLI, [...args, ...ports, ...flags], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: preload === undefined ? [] : ['--import', preload.href],
  })
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`dnd ${args[0]} ended with ${code}`)))
    child.once('message', (message: { readonly http: string; readonly clusterAddress: string }) => {
      const [host, port] = message.http.split(':')
      const http = { host: host!, port: Number(port) }
      resolve({ args, child, http, cluster: message.clusterAddress })
    })
  })
}

async function whenComplete(targets: readonly Target[]): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const layouts = await Promise.all(
      targets.map(async ({ host, port }) => {
        const response = await fetch(`http://${host}:${port}/layout`)
        return (await response.json()) as {
          readonly roles?: readonly unknown[]
          readonly moving?: unknown
        }
      }),
    )
    if (
      layouts.every(({ roles, moving }) => roles?.length === targets.length && moving === undefined)
    )
      return
    await new Promise((resolve) => {
      setTimeout(resolve, 100)
    })
  }
  throw new Error('the cluster did not settle within 30 seconds')
}

function endOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
  })
}
