/** Three processes of the app; what is typed goes to the first; Ctrl-C ends them. */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const app = fileURLToPath(new URL('app.js', import.meta.url))
const first = await start({ PORT: '5001', HTTP_PORT: '6001' }, 'inherit')
for (const PORT of ['5002', '5003']) await start({ PORT, SEEDS: '127.0.0.1:5001' }, 'ignore')
console.log(`write "dark-mode on", or: npx dnd put dark-mode on --bucket flags`)
// They get Ctrl-C as well, and end by themselves.
process.on('SIGINT', () => undefined)
await once(first, 'exit')

async function start(
  settings: Readonly<Record<string, string>>,
  input: 'inherit' | 'ignore',
): Promise<ChildProcess> {
  const env = { ...process.env, ...settings }
  const child = fork(app, [], { env, stdio: [input, 'inherit', 'inherit', 'ipc'] })
  child.on('exit', (code, signal) => {
    console.log(`process ${child.pid} ended: ${signal ?? code}`)
  })
  await once(child, 'message')
  return child
}
