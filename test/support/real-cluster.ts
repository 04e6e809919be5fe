/**
 * A cluster of real processes on 127.0.0.1, for tests: each node is the compiled command line,
 * started on free ports with a data directory of its own, killed by its pid when the test ends,
 * however it ends.
 */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { httpExchange } from '../../packages/client/src/node/client.ts'

export const CLI: string = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const READY_WITHIN_MS = 30_000

interface Ready {
  readonly node: string
  readonly cluster: string
  readonly http: string
  readonly url: string
  readonly clusterAddress: string
}

export class RealNode {
  readonly name: string
  readonly data: string
  /**
   * Everything that the process wrote to standard error. Bounded by: the last 200,000 characters.
   */
  log = ''
  ready: Ready | undefined
  #child: ChildProcess | undefined

  constructor(name: string, data: string) {
    this.name = name
    this.data = data
  }

  get url(): string {
    return this.ready!.url
  }

  get port(): number {
    return Number(this.ready!.clusterAddress.split(':')[1])
  }

  get httpPort(): number {
    return Number(this.ready!.http.split(':')[1])
  }

  get pid(): number {
    return this.#child!.pid!
  }

  get running(): boolean {
    return (
      this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
    )
  }

  /** Resolves when the node listens; rejects with its log when it ends first. */
  async start(
    args: readonly string[],
    where: 'same ports' | 'other ports' = 'same ports',
  ): Promise<void> {
    const keeps = this.ready !== undefined && where === 'same ports'
    const ports = keeps ? [this.port, this.httpPort] : [0, 0]
    const flags = [
      '--data',
      this.data,
      '--name',
      this.name,
      '--port',
      String(ports[0]),
      '--server-port',
      String(ports[1]),
    ]
    const child = fork(CLI, [...args, ...flags], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    this.#child = child
    child.stderr!.on('data', (chunk: Buffer) => {
      this.log = (this.log + chunk.toString()).slice(-200_000)
    })
    this.ready = await new Promise<Ready>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${this.name} is not ready:\n${this.log}`)),
        READY_WITHIN_MS,
      )
      const ended = (code: number | null): void => {
        clearTimeout(timer)
        reject(new Error(`${this.name} ended with ${code}:\n${this.log}`))
      }
      child.once('exit', ended)
      child.once('message', (message: Ready) => {
        clearTimeout(timer)
        child.off('exit', ended)
        resolve(message)
      })
    })
  }

  /** Ends the process with `signal` and waits for it; gives its exit code. */
  async end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<number | null> {
    const child = this.#child
    if (child === undefined || !this.running) return child?.exitCode ?? null
    const ended = new Promise<number | null>((resolve) => {
      child.once('exit', (code) => resolve(code))
    })
    child.kill(signal)
    return ended
  }

  /** Stops the process in its tracks (SIGSTOP), or lets it go on (SIGCONT). */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child!.kill(signal)
  }
}

export class RealCluster {
  readonly nodes: RealNode[] = []
  readonly folder: string
  /** What every node is started with besides. */
  flags: readonly string[]
  #added = 0

  /** Who signed the certificates of its nodes, if they have any. */
  readonly ca: string | undefined

  private constructor(flags: readonly string[], ca: string | undefined) {
    this.flags = flags
    this.ca = ca
    this.folder = mkdtempSync(join(tmpdir(), 'dnd-cluster-'))
  }

  /** Starts `count` nodes and waits until all of them hold their share. */
  static async start(
    count: number,
    flags: readonly string[] = [],
    ca?: string,
  ): Promise<RealCluster> {
    const cluster = new RealCluster(flags, ca)
    try {
      for (let i = 0; i < count; i++) await cluster.add()
      await cluster.settled()
    } catch (error) {
      await cluster.close()
      throw error
    }
    return cluster
  }

  get urls(): string[] {
    return this.nodes.map(({ url }) => url)
  }

  /** One more node: the first founds the cluster, the others join by the first that runs. */
  async add(): Promise<RealNode> {
    const [node] = await this.addAll(1)
    return node!
  }

  /** So many more nodes, at the same time. */
  async addAll(count: number): Promise<readonly RealNode[]> {
    const numbers = Array.from({ length: count }, (_, i) => this.#added + i + 1)
    this.#added += count
    return Promise.all(numbers.map((number) => this.#start(`node${number}`)))
  }

  async #start(name: string): Promise<RealNode> {
    const node = new RealNode(name, join(this.folder, name))
    const seed = this.nodes.find(({ running }) => running)
    const command = seed === undefined ? ['start'] : ['join', seed.ready!.clusterAddress]
    await node.start([...command, ...this.flags])
    this.nodes.push(node)
    return node
  }

  /** Starts a node again that was ended, with its data. */
  async restart(node: RealNode, where: 'same ports' | 'other ports' = 'same ports'): Promise<void> {
    await node.start(['start', ...this.flags], where)
  }

  /**
   * Waits until every running node knows a complete layout of all nodes and all of them as alive.
   */
  async settled(withinMs = 60_000): Promise<void> {
    const until = Date.now() + withinMs
    const running = this.nodes.filter((node) => node.running)
    for (;;) {
      const views = await Promise.all(running.map((node) => viewOf(node, this.ca)))
      const done = views.every(
        (view) =>
          view !== undefined &&
          view.alive === running.length &&
          view.roles === this.nodes.length &&
          !view.moving,
      )
      if (done) return
      if (Date.now() > until)
        throw new Error(`the cluster has not settled: ${JSON.stringify(views)}`)
      await sleep(100)
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.end('SIGKILL')))
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export interface SeenMember {
  readonly id: string
  readonly name: string
  readonly state: string
  readonly addresses: { readonly cluster: string; readonly http: string }
}

/** The members as `node` sees them. */
export async function membersOf(node: RealNode): Promise<readonly SeenMember[]> {
  const cluster = await getJson(`${node.url}/cluster`)
  return (cluster as { members: readonly SeenMember[] }).members
}

/** Asks again and again until `ask` gives something; fails with what it said last. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined>,
  withinMs = 30_000,
): Promise<T> {
  for (const until = Date.now() + withinMs; ;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (Date.now() > until) throw new Error(`not within ${withinMs} ms: ${what}`)
    await sleep(50)
  }
}

async function viewOf(
  node: RealNode,
  ca: string | undefined,
): Promise<{ alive: number; roles: number; moving: boolean } | undefined> {
  try {
    const members = (await getJson(`${node.url}/cluster`, ca)) as { members: { state: string }[] }
    const layout = (await getJson(`${node.url}/layout`, ca)) as {
      roles?: unknown[]
      moving?: unknown
    }
    const alive = members.members.filter(({ state }) => state === 'alive').length
    return { alive, roles: layout.roles?.length ?? 0, moving: layout.moving !== undefined }
  } catch {
    // Not there yet: the caller asks again.
    return undefined
  }
}

export async function getJson(url: string, ca?: string): Promise<unknown> {
  if (ca !== undefined) return getSecurely(url, ca)
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`)
  return response.json()
}

async function getSecurely(url: string, ca: string): Promise<unknown> {
  const exchange = httpExchange({}, ca)
  const { signal } = new AbortController()
  const answer = await exchange.send({
    ...{ url, method: 'GET', headers: undefined, body: undefined, signal },
  })
  exchange.close()
  const text = Buffer.from(answer.bytes).toString()
  if (answer.status !== 200) throw new Error(`${url}: ${answer.status} ${text}`)
  return JSON.parse(text) as unknown
}
