/** Three processes of the app, on ports 3001 to 3003; Ctrl-C ends them. */
import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'

const { SESSION_SECRET = randomBytes(32).toString('hex') } = process.env
const { DND_SERVERS = 'http://127.0.0.1:6001,http://127.0.0.1:6002,http://127.0.0.1:6003' } =
  process.env
const app = fileURLToPath(new URL('app.js', import.meta.url))

for (const port of [3001, 3002, 3003]) {
  const env = { ...process.env, PORT: String(port), SESSION_SECRET, DND_SERVERS }
  const child = fork(app, [], { env })
  child.on('exit', (code, signal) => console.log(`process ${child.pid} ended: ${signal ?? code}`))
}
