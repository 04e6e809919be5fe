/**
 * One node of a demo: a process of this same command line. A channel stands between the two; when
 * it breaks, however that came about, the node stops by itself, so that no demo leaves nodes
 * behind.
 */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CliFailure } from '../failure.ts'
import type { LeftMessage, ReadyMessage } from '../run-node.ts'
import type { PlannedNode } from './plan.ts'

const LOG_TAIL_LINES = 5

export interface NodeExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export class ChildNode {
  readonly plan: PlannedNode
  readonly #child: ChildProcess
  /** Rejects when the process ends before it is ready. */
  readonly ready: Promise<ReadyMessage>
  readonly exited: Promise<NodeExit>
  #isRunning = true
  #hasLeft = false

  constructor(plan: PlannedNode, extra: readonly string[], env: NodeJS.ProcessEnv) {
    this.plan = plan
    mkdirSync(dirname(plan.log), { recursive: true })
    const log = openSync(plan.log, 'a')
    const main = fileURLToPath(new URL('../main.js', import.meta.url))
    this.#child = spawn(
      process.execPath,
      [...process.execArgv, main, ...nodeArguments(plan), ...extra],
      { stdio: ['ignore', 'ignore', log, 'ipc'], env },
    )
    closeSync(log)
    this.exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        this.#isRunning = false
        resolve({ code, signal })
      })
      // Could not even be started; `exit` does not come then.
      this.#child.once('error', () => {
        this.#isRunning = false
        resolve({ code: 1, signal: null })
      })
    })
    this.ready = Promise.race([
      this.#readyMessage(),
      this.exited.then((exit) => this.#failed(exit)),
    ])
    // Whoever waits sees it; nobody may be waiting yet.
    this.ready.catch(() => undefined)
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Whether it ended because it has left the cluster. */
  get hasLeft(): boolean {
    return this.#hasLeft
  }

  get isRunning(): boolean {
    return this.#isRunning
  }

  kill(signal: NodeJS.Signals): void {
    if (this.#isRunning) this.#child.kill(signal)
  }

  #readyMessage(): Promise<ReadyMessage> {
    return new Promise((resolve) => {
      this.#child.on('message', (message) => {
        const { type } = message as Partial<ReadyMessage | LeftMessage>
        if (type === 'dnd-ready') resolve(message as ReadyMessage)
        if (type === 'dnd-left') this.#hasLeft = true
      })
    })
  }

  #failed({ code, signal }: NodeExit): never {
    const { name, log } = this.plan
    throw new CliFailure({
      code: 'DND_ERR_INTERNAL',
      message: [
        `${name} did not start (${signal ?? `exit code ${code}`}); the end of its log, ${log}:`,
        ...logTail(log),
      ].join('\n'),
      advice: 'What its log says is the reason; "dnd demo --fresh" begins with empty data.',
      exit: 1,
    })
  }
}

/** The arguments of `dnd` that start this node, now and when it is brought back. */
export function nodeArguments(plan: PlannedNode): string[] {
  return [...(plan.seed === undefined ? ['start'] : ['join', plan.seed]), ...placeArguments(plan)]
}

/** A node with data needs no seed: it knows its cluster. */
export function restartArguments(plan: PlannedNode): string[] {
  return ['start', ...placeArguments(plan)]
}

function placeArguments({ name, port, serverPort, data }: PlannedNode): string[] {
  return [
    '--name',
    name,
    '--port',
    String(port),
    '--server-port',
    String(serverPort),
    '--data',
    data,
  ]
}

function logTail(log: string): string[] {
  try {
    return readFileSync(log, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES)
  } catch {
    // The log could not be read; that the node failed is told anyway.
    return []
  }
}
