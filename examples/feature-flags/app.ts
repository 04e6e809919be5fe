/**
 * One process of the app, with a member of the cluster within. It has no database beside it: three
 * of these are the database.
 *
 *   PORT=5001 HTTP_PORT=6001 node app.js              the first
 *   PORT=5002 SEEDS=127.0.0.1:5001 node app.js        one more
 *
 * Type `dark-mode on` to set a flag.
 */
import { createInterface } from 'node:readline'
import { startNode } from 'dnd'
import { Flags } from './flags.ts'

const { PORT = '0', HTTP_PORT, SEEDS = '', DATA = `dnd-data/flags-${PORT}` } = process.env

const node = await startNode({
  data: DATA,
  port: Number(PORT),
  // One with HTTP is enough for the dnd command and the console.
  ...(HTTP_PORT === undefined ? { http: false } : { httpPort: Number(HTTP_PORT) }),
  seeds: SEEDS.split(',').filter((seed) => seed !== ''),
})
await node.ready

const say = (text: string): void => {
  console.log(`process ${process.pid}: ${text}`)
}
const flags = await Flags.open(node, {
  onChange: (name, isOn) => {
    say(`${name} is ${isOn === undefined ? 'gone' : isOn ? 'on' : 'off'}`)
    process.send?.({ name, isOn: isOn ?? false })
  },
  onInvalid: (name, error) => say(`${name} stays as it was: ${error.message}`),
})

async function set(text: string): Promise<void> {
  const [name, value] = text.trim().split(/\s+/)
  if (name === undefined || (value !== 'on' && value !== 'off')) return say('write: NAME on|off')
  await flags.set(name, value === 'on')
}

const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  set(line).catch((error: unknown) => say(String(error)))
})

/** Clean: what is under way ends, and the next start has nothing to mend. */
async function stop(): Promise<void> {
  lines.close()
  await node.stop()
  if (process.connected) process.disconnect()
}
process.once('SIGTERM', () => void stop())
process.once('SIGINT', () => void stop())

const { host, port } = node.clusterAddress
const http = node.httpAddress
say(`a member at ${host}:${port}${http === undefined ? '' : `, HTTP at ${http.host}:${http.port}`}`)
process.send?.({ cluster: `${host}:${port}`, http: http && `http://${http.host}:${http.port}` })
