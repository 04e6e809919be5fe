/**
 * A demo from its plan to its end: starts the nodes, waits until they are a cluster, says so, and
 * watches over them.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { DndClient } from '../../../packages/client/src/client.ts'
import type { CliContext } from '../context.ts'
import { CliFailure } from '../failure.ts'
import type { Caller } from './banner.ts'
import { bannerText, callerOf, restartCommand } from './banner.ts'
import type { NodeExit } from './child-node.ts'
import { ChildNode } from './child-node.ts'
import { checkPorts } from './free-ports.ts'
import type { PlannedNode } from './plan.ts'
import { HOST } from './plan.ts'

const POLL_MS = 150
/** A cluster on one machine is together within seconds; beyond this it is told as it is. */
const TOGETHER_WITHIN_MS = 60_000
/**
 * Nodes that are told to stop end what they have begun; a little more than they allow themselves.
 */
const STOP_WITHIN_MS = 8_000

export class DemoRun {
  readonly #plan: readonly PlannedNode[]
  readonly #extra: readonly string[]
  readonly #json: boolean
  readonly #context: CliContext
  readonly #caller: Caller
  readonly #nodes: ChildNode[] = []
  #isStopping = false
  #interrupted: () => void = () => undefined
  readonly #interrupt: Promise<void>

  constructor(
    plan: readonly PlannedNode[],
    extra: readonly string[],
    json: boolean,
    context: CliContext,
  ) {
    this.#plan = plan
    this.#extra = extra
    this.#json = json
    this.#context = context
    this.#caller = callerOf(process.argv[1] ?? 'dnd', context.cwd)
    this.#interrupt = new Promise((resolve) => {
      this.#interrupted = resolve
    })
  }

  /** Resolves when all nodes have stopped. */
  async run(): Promise<void> {
    await checkPorts(this.#plan)
    const unsubscribe = this.#context.onInterrupt(() => {
      this.#isStopping = true
      this.#interrupted()
    })
    // Whatever ends this process ends the nodes; those that cannot be told any more see the channel
    // break.
    const killAll = () => this.#kill('SIGKILL')
    process.once('exit', killAll)
    try {
      await Promise.race([this.#start(), this.#interrupt])
      await Promise.race([this.#allExited(), this.#interrupt])
    } finally {
      await this.#stop()
      process.off('exit', killAll)
      unsubscribe()
    }
  }

  async #start(): Promise<void> {
    const first = this.#plan.find((plan) => plan.seed === undefined)!
    // The others ask it for their cluster.
    await this.#spawn(first).ready
    const others = this.#plan.filter((plan) => plan !== first && !this.#isStopping)
    await Promise.all(others.map((plan) => this.#spawn(plan).ready))
    const together = await this.#untilTogether()
    if (this.#isStopping) return
    const running = this.#nodes.map((node) => ({ plan: node.plan, pid: node.pid ?? 0 }))
    running.sort((a, b) => a.plan.port - b.plan.port)
    const { out, err } = this.#context
    if (this.#json)
      await out.json({
        event: 'ready',
        together,
        nodes: running.map(({ plan, pid }) => ({
          name: plan.name,
          pid,
          http: `http://${HOST}:${plan.serverPort}`,
          cluster: `${HOST}:${plan.port}`,
          data: plan.data,
        })),
      })
    else await out.line(bannerText(running, this.#caller, out))
    if (!together)
      await err.line('Not all nodes have their share of the data yet; see "dnd status".')
  }

  #spawn(plan: PlannedNode): ChildNode {
    const { DND_SEEDS: _seeds, ...env } = this.#context.env
    const node = new ChildNode(plan, this.#extra, env)
    this.#nodes.push(node)
    void node.exited.then((exit) => this.#onExit(node, exit))
    return node
  }

  /** Whether all are alive for the first node, with all data where it belongs. */
  async #untilTogether(): Promise<boolean> {
    const client = new DndClient({ server: `http://${HOST}:${this.#plan[0]!.serverPort}` })
    const until = Date.now() + TOGETHER_WITHIN_MS
    while (Date.now() < until && !this.#isStopping && this.#nodes.every((node) => node.isRunning)) {
      if (await isTogether(client, this.#plan.length)) return true
      await sleep(POLL_MS)
    }
    return false
  }

  async #onExit(node: ChildNode, { code, signal }: NodeExit): Promise<void> {
    if (this.#isStopping) return
    const { out } = this.#context
    const { plan, pid } = node
    if (this.#json) return out.json({ event: 'exit', name: plan.name, pid, code, signal })
    const running = this.#nodes.filter((each) => each.isRunning).length
    const rest = `${running} of ${this.#plan.length} nodes go on`
    if (node.hasLeft) return out.line(`\n${plan.name} (pid ${pid}) has left the cluster; ${rest}.`)
    const how = signal === null ? `ended with exit code ${code}` : `was killed by ${signal}`
    await out.line(
      `\n${out.paint('red', plan.name)} (pid ${pid}) ${how}; ${rest}. Bring it back, in another terminal:\n` +
        `  ${restartCommand(plan, this.#caller)}`,
    )
  }

  async #allExited(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.exited))
    if (this.#isStopping) return
    throw new CliFailure({
      code: 'DND_ERR_INTERNAL',
      message: 'no node of the demo is running any more',
      advice: 'Their logs say why; "dnd demo" starts them again with their data.',
      exit: 1,
    })
  }

  async #stop(): Promise<void> {
    this.#isStopping = true
    const running = this.#nodes.filter((node) => node.isRunning)
    if (running.length === 0) return
    if (!this.#json) await this.#context.err.line('\nstopping …')
    this.#kill('SIGTERM')
    const late = setTimeout(() => this.#kill('SIGKILL'), STOP_WITHIN_MS)
    await Promise.all(running.map((node) => node.exited))
    clearTimeout(late)
  }

  #kill(signal: NodeJS.Signals): void {
    for (const node of this.#nodes) node.kill(signal)
  }
}

async function isTogether(client: DndClient, nodes: number): Promise<boolean> {
  try {
    const [cluster, layout, health] = await Promise.all([
      client.cluster(),
      client.layout(),
      client.health(),
    ])
    const alive = cluster.members.filter((member) => member.state === 'alive').length
    const settled = layout.moving === undefined && layout.roles.length >= nodes
    return alive >= nodes && settled && health.status === 'healthy'
  } catch {
    // Not listening yet, or no layout yet: asked again.
    return false
  }
}
