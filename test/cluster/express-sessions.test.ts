/**
 * The example `express-sessions`: three processes of an app with their sessions in dnd. Who has
 * logged in at one stays so when it is killed, and when a node is killed as well.
 */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { skipUnlessInstalled } from '../support/ecosystem.ts'
import { RealCluster } from '../support/real-cluster.ts'

const FOLDER = resolve('examples', 'express-sessions')
const skip = skipUnlessInstalled(FOLDER)

interface App {
  readonly child: ChildProcess
  readonly url: string
}

let cluster: RealCluster | undefined
const apps: App[] = []

before(async () => {
  if (skip !== false) return
  cluster = await RealCluster.start(3)
  for (let i = 0; i < 3; i++) {
    // Each asks another node first.
    const servers = [...cluster.urls.slice(i), ...cluster.urls.slice(0, i)]
    apps.push(await startApp(servers))
  }
})
after(async () => {
  await Promise.all(apps.map(({ child }) => end(child)))
  await cluster?.close()
})

test(
  'who logged in at a process that dies is known to the others, and out when logged out',
  { skip },
  async () => {
    const [first, second, third] = apps as [App, App, App]
    const login = await browse(first, '/login', undefined, 'user=Ada+%3CL%3E')
    const { cookie } = login
    assert.deepEqual([login.status, typeof cookie], [302, 'string'])
    assert.match((await browse(first, '/', cookie)).text, /Hello Ada &#60;L&#62;, view 1,/)
    assert.match((await browse(second, '/', cookie)).text, /Hello Ada .*, view 2,/)

    await end(first.child)
    assert.match((await browse(second, '/', cookie)).text, /Hello Ada .*, view 3,/)
    assert.match((await browse(third, '/', cookie)).text, /Hello Ada .*, view 4,/)

    await cluster!.nodes[0]!.end('SIGKILL')
    for (let view = 5; view < 15; view++) {
      const { status, text } = await browse(view % 2 === 0 ? second : third, '/', cookie)
      assert.equal(status, 200)
      assert.match(text, new RegExp(`Hello Ada .*, view ${view},`))
    }

    assert.equal((await browse(third, '/logout', cookie, '')).status, 302)
    assert.match((await browse(second, '/', cookie)).text, /Log in/)
    assert.match((await browse(third, '/', cookie)).text, /Log in/)
  },
)

async function startApp(servers: readonly string[]): Promise<App> {
  const env = { ...process.env, PORT: '0', SESSION_SECRET: 'test', DND_SERVERS: servers.join() }
  const stdio = ['ignore', 'ignore', 'inherit', 'ipc'] as const
  const child = fork(resolve(FOLDER, 'app.js'), [], { env, stdio: [...stdio] })
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the app ended with ${String(code)}`)
  })
  const [message] = (await Promise.race([once(child, 'message'), ended])) as [{ port: number }]
  // From now on it may end.
  ended.catch(() => undefined)
  return { child, url: `http://127.0.0.1:${message.port}` }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

interface Page {
  readonly status: number
  readonly text: string
  readonly cookie: string | undefined
}

/** As a browser would: a POST where there is a form. */
async function browse(app: App, path: string, cookie?: string, form?: string): Promise<Page> {
  const response = await fetch(app.url + path, {
    redirect: 'manual',
    ...(form === undefined ? {} : { method: 'POST', body: form }),
    headers: {
      ...(cookie === undefined ? {} : { cookie }),
      ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
    },
  })
  const set = response.headers.get('set-cookie')?.split(';')[0]
  return { status: response.status, text: await response.text(), cookie: set }
}
