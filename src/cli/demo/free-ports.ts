/**
 * Tells which port is taken before anything is started: better than three nodes of which one fails.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { CliFailure } from '../failure.ts'
import type { PlannedNode } from './plan.ts'
import { HOST } from './plan.ts'

export async function checkPorts(nodes: readonly PlannedNode[]): Promise<void> {
  for (const { name, port, serverPort } of nodes) {
    const cluster = (await tcpProblem(port)) ?? (await udpProblem(port))
    if (cluster !== undefined)
      throw taken(port, `the cluster traffic of ${name}`, '--port', cluster)
    const http = await tcpProblem(serverPort)
    if (http !== undefined) throw taken(serverPort, `the HTTP of ${name}`, '--server-port', http)
  }
}

function taken(port: number, use: string, flag: string, code: string): CliFailure {
  const inUse = code === 'EADDRINUSE'
  return new CliFailure({
    code: inUse ? 'DND_ERR_PORT_IN_USE' : 'DND_ERR_ADDRESS_UNAVAILABLE',
    message: inUse
      ? `port ${port}, for ${use}, is taken by another process (another demo?)`
      : `port ${port}, for ${use}, cannot be opened (${code})`,
    advice: `Stop the other process, or begin with another port: ${flag} ${port + 10_000}`,
  })
}

/** undefined when the port is free. */
async function tcpProblem(port: number): Promise<string | undefined> {
  const server = createServer()
  try {
    server.listen(port, HOST)
    await once(server, 'listening')
    server.close()
    await once(server, 'close')
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  }
}

async function udpProblem(port: number): Promise<string | undefined> {
  const socket = createSocket('udp4')
  try {
    socket.bind(port, HOST)
    await once(socket, 'listening')
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  } finally {
    socket.close()
  }
}
