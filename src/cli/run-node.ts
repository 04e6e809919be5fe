/** `start` and `join`: one node in this process, until it is told to stop. */
import { resolve } from 'node:path'
import type { NodeServer } from '../server/node-server.ts'
import type { NodeServerConfig } from '../server/config.ts'
import type { CliContext } from './context.ts'
import { CliFailure } from './failure.ts'

/** What a node tells the process that started it over the channel between them. */
export interface ReadyMessage {
  readonly type: 'dnd-ready'
  readonly node: string
  readonly cluster: string
  readonly name: string
  readonly http: string
  readonly url: string
  readonly clusterAddress: string
}

/** What it tells before it ends because it has left its cluster. */
export interface LeftMessage {
  readonly type: 'dnd-left'
}

export async function runNode(
  config: NodeServerConfig,
  json: boolean,
  context: CliContext,
): Promise<void> {
  // Only here: no other command needs the node's code, and loading it takes longer than most of
  // them.
  const { startNodeServer } = await import('../server/node-server.ts')
  const server = await startNodeServer(config)
  let hasLeft = false
  void server.left.then(() => {
    hasLeft = true
  })
  const unsubscribe = stopWhenTold(server, context)
  await Promise.race([server.ready, server.stopped])
  if (server.refusal !== undefined) {
    unsubscribe()
    if (process.connected) process.disconnect()
    throw refused(server.refusal, config)
  }
  await announce(server, json, context)
  try {
    await server.stopped
    if (hasLeft) process.send?.({ type: 'dnd-left' } satisfies LeftMessage)
    if (hasLeft && !json) await context.out.line(leftText(server.name, config))
  } finally {
    unsubscribe()
    if (process.connected) process.disconnect()
  }
}

function refused(reason: string, { replaces, engine, data }: NodeServerConfig): CliFailure {
  const again = engine === 'memory' ? '' : `; ${resolve(data)} was not filled and can be used again`
  return new CliFailure({
    code: 'DND_ERR_JOIN_REFUSED',
    message: `cannot take the place of ${replaces ?? 'another node'}: ${reason}`,
    advice: `See dnd status for the nodes that are dead; to join beside the others leave out --replace${again}.`,
  })
}

function leftText(name: string, { engine, data }: NodeServerConfig): string {
  const what = `${name} has left; its data is on the other nodes`
  return engine === 'memory' ? what : `${what}; its directory ${resolve(data)} can be deleted`
}

function stopWhenTold(server: NodeServer, context: CliContext): () => void {
  const stop = () => void server.stop()
  const unsubscribe = context.onInterrupt(() => void server.drain())
  const unsubscribeHangup = context.onHangup(() => void server.reload())
  // Whoever started us over a channel is gone when the channel is, however it ended.
  process.once('disconnect', stop)
  return () => {
    unsubscribe()
    unsubscribeHangup()
    process.off('disconnect', stop)
  }
}

async function announce(server: NodeServer, json: boolean, context: CliContext): Promise<void> {
  const http = addressText(server.httpAddress!)
  const clusterAddress = addressText(server.clusterAddress)
  const { node, cluster, name } = server
  const url = server.url!
  const ready: ReadyMessage = { type: 'dnd-ready', node, cluster, name, http, url, clusterAddress }
  process.send?.(ready)
  if (json) return context.out.json({ node, cluster, name, http, url, clusterAddress })
  await context.out.line(
    `${name} is up: HTTP on ${url}, cluster traffic on ${clusterAddress} (node ${node}, cluster ${cluster})`,
  )
}

function addressText({ host, port }: { readonly host: string; readonly port: number }): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
