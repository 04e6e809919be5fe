/**
 * `dnd-client` as npm would deliver it, in a folder where nothing else is installed: Node gets the
 * pool of `node:http`, a browser something that names no module of Node, and both their types.
 */
import assert from 'node:assert/strict'
import { execFile, execFileSync, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { FakeNode } from './support/fake-node.ts'

const ROOT = process.cwd()
const TSC = join(ROOT, 'node_modules', '.bin', 'tsc')

const APP = `
import { DndClient, httpExchange, jsonCodec } from 'dnd-client'
const client = new DndClient({ server: process.argv[2] })
const counts = client.bucket('counts', { codec: jsonCodec() })
await counts.put('visits', 7)
const entry = await counts.get('visits')
console.log(entry.status, entry.value, typeof httpExchange)
client.close()
`

const TYPED = `
import { DndClient, type StandardSchemaV1 } from 'dnd-client'
import type { ClusterJson } from 'dnd-client/api'
import { sessionStore } from 'dnd-client/express-session'
import { KeyvDnd } from 'dnd-client/keyv'
import { dndDriver } from 'dnd-client/unstorage'
interface User { readonly name: string }
declare const schema: StandardSchemaV1<unknown, User>
const client = new DndClient({ server: 'http://127.0.0.1:6001' })
const users = client.bucket<User>('users', { schema })
const entry = await users.get('ada')
export const name: string | undefined = entry.status === 'found' ? entry.value.name : undefined
export const cluster: ClusterJson = await client.cluster()
export const stores: readonly object[] = [
  new KeyvDnd({ client }),
  dndDriver({ client, base: 'app' }),
  sessionStore(class Store {}, { client }),
]
// @ts-expect-error a type needs a schema or a codec
client.bucket<User>('users')
`

let folder: string
let installed: string

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'dnd-client-packed-'))
  const source = join(folder, 'source')
  mkdirSync(source)
  for (const file of ['package.json', 'README.md', 'LICENSE'])
    writeFileSync(join(source, file), readFileSync(join(ROOT, 'packages', 'client', file)))
  const build = ['-p', join(ROOT, 'packages', 'client', 'tsconfig.pack.json')]
  execFileSync(TSC, [...build, '--outDir', join(source, 'dist')])
  const pack = ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder]
  execFileSync('npm', pack, { cwd: source, encoding: 'utf8' })
  const archive = readdirSync(folder).find((file) => file.endsWith('.tgz'))
  installed = join(folder, 'node_modules', 'dnd-client')
  mkdirSync(installed, { recursive: true })
  execFileSync('tar', ['xzf', join(folder, archive!), '--strip-components=1', '-C', installed])
})
after(() => rmSync(folder, { recursive: true }))

test('it runs in Node where no other package is', async () => {
  const node = new FakeNode()
  await node.start()
  writeFileSync(join(folder, 'app.mjs'), APP)
  const output = await run(process.execPath, ['app.mjs', node.url])
  assert.equal(output, 'found 7 function\n')
  await node.stop()
})

test('what a browser loads names no module of Node, and nothing outside of the package', () => {
  const seen = new Set<string>()
  const visit = (file: string): void => {
    if (seen.has(file)) return
    seen.add(file)
    for (const [, from] of readFileSync(file, 'utf8').matchAll(/^(?! \*).*\bfrom '([^']+)'/gm)) {
      assert.match(from!, /^\.\.?\//, file)
      visit(join(dirname(file), from!))
    }
  }
  visit(join(installed, 'dist', 'client.js'))
  for (const name of ['express-session', 'keyv', 'unstorage'])
    visit(join(installed, 'dist', 'adapters', `${name}.js`))
  assert.ok(seen.size > 14)
  for (const file of seen) assert.ok(file.startsWith(installed), file)
})

test('no test is delivered, and every file that its package names is', () => {
  const files = readdirSync(join(installed, 'dist'), { recursive: true, encoding: 'utf8' })
  assert.deepEqual(
    files.filter((file) => file.includes('.test.')),
    [],
  )
  const text = readFileSync(join(installed, 'package.json'), 'utf8')
  const named = [...text.matchAll(/"(\.\/dist\/[^"]+)"/g)].map(([, file]) => file!)
  for (const file of named) assert.ok(existsSync(join(installed, file)), file)
  assert.ok(named.length >= 8)
})

test('its types are those of the sources, under the strictest compiler', () => {
  writeFileSync(join(folder, 'typed.mts'), TYPED)
  const flags = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', 'false']
  const how = ['--module', 'nodenext', '--target', 'es2023', '--types', '', '--lib', 'ES2023,DOM']
  const compiled = spawnSync(TSC, [...flags, ...how, 'typed.mts'], {
    cwd: folder,
    encoding: 'utf8',
  })
  assert.equal(compiled.stdout, '')
  assert.equal(compiled.status, 0)
})

async function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { cwd: folder, encoding: 'utf8' }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new Error(stderr))
    })
  })
}
