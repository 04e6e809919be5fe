/**
 * `dnd` as npm would deliver it, in an app of its own that is written in TypeScript: its types
 * compile under the strictest compiler, and a node runs within.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

const ROOT = process.cwd()
const TSC = join(ROOT, 'node_modules', '.bin', 'tsc')

const APP = `
import { DndClientError, jsonCodec, startNode } from 'dnd'
import type { BucketEvent, Entry, NodeLogger, NodeServer, StandardSchemaV1 } from 'dnd'

interface User { readonly name: string }

const schema: StandardSchemaV1<unknown, User> = {
  '~standard': {
    version: 1,
    vendor: 'app',
    validate: (value) => {
      const { name } = value as { name?: unknown }
      return typeof name === 'string' ? { value: { name } } : { issues: [{ message: 'no name' }] }
    },
  },
}
const lines: string[] = []
const logger: NodeLogger = {
  error: (_, message) => lines.push(message),
  info: (_, message) => lines.push(message),
  debug: () => undefined,
}
const node: NodeServer = await startNode({ engine: 'memory', port: 0, http: false, logger })
await node.ready

const users = node.bucket<User>('users', {
  schema,
  resolve: (siblings, key) => siblings[0]?.value ?? { name: key },
})
await users.put('ada', { name: 'Ada' }, { signal: AbortSignal.timeout(10_000) })
const entry: Entry<User> = await users.get('ada')
const found: string = entry.status === 'found' ? entry.value.name : entry.status
// @ts-expect-error a user has a name
await users.put('eve', { age: 3 }).catch((error: unknown) => lines.push(String(error)))

const counts = node.bucket<number>('counts', { codec: jsonCodec() })
const next = await counts.update('visits', (value) => (value ?? 0) + 1, { allowLostUpdates: true })
const events: BucketEvent<number>['type'][] = []
for await (const event of counts.watch()) {
  events.push(event.type)
  break
}
const failure: unknown = await node.client.get('').catch((error: unknown) => error)
const code = failure instanceof DndClientError ? failure.code : 'none'
const { status } = await node.client.health()
await node.stop()
console.log(JSON.stringify([found, next.value, events, code, status, lines.includes('a new node')]))

// @ts-expect-error a type needs a schema or a codec
node.bucket<User>('users')
`

const STRICT = ['--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', 'false']
const MODULES = ['--module', 'nodenext', '--target', 'es2023', '--types', 'node']

let folder: string

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'dnd-packed-'))
  const pack = ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder]
  execFileSync('npm', pack, { encoding: 'utf8' })
  const [archive] = readdirSync(folder).filter((file) => file.endsWith('.tgz'))
  const modules = join(folder, 'node_modules')
  mkdirSync(join(modules, 'dnd'), { recursive: true })
  const into = ['--strip-components=1', '-C', join(modules, 'dnd')]
  execFileSync('tar', ['xzf', join(folder, archive!), ...into])
  // What npm would install beside it, and what any app has that is written for Node.
  symlinkSync(join(ROOT, 'node_modules', '@types'), join(modules, '@types'))
  symlinkSync(join(ROOT, 'node_modules'), join(modules, 'dnd', 'node_modules'))
  writeFileSync(join(folder, 'app.mts'), APP)
})
after(() => rmSync(folder, { recursive: true }))

test('an app that embeds it compiles, and runs', () => {
  const compiled = spawnSync(TSC, [...STRICT, ...MODULES, 'app.mts'], {
    cwd: folder,
    encoding: 'utf8',
  })
  assert.equal(compiled.stdout, '')
  assert.equal(compiled.status, 0)
  const output = execFileSync(process.execPath, ['app.mjs'], { cwd: folder, encoding: 'utf8' })
  const told: unknown = JSON.parse(output)
  assert.deepEqual(told, ['Ada', 1, ['ready'], 'DND_ERR_BAD_KEY', 'healthy', true])
})
