import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, test } from 'node:test'
import { generateKey } from '../adapters/keyring/key-text.ts'
import { KEYRING_FILE } from '../adapters/keyring/keyring-file.ts'
import { DndError } from '../core/errors.ts'
import type { NodeServer } from './node-server.ts'
import type { NodeFields } from './start-node.ts'
import { startNode } from './start-node.ts'

const folder = mkdtempSync(join(tmpdir(), 'dnd-encrypted-'))
after(() => rmSync(folder, { recursive: true }))

const KEY = generateKey()
const OTHER = generateKey()
const running: NodeServer[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((node) => node.stop()))
})

async function start(fields: NodeFields): Promise<NodeServer> {
  const quiet = { host: '127.0.0.1', port: 0, httpPort: 0, logLevel: 'error' } as const
  const node = await startNode({ ...quiet, ...fields })
  running.push(node)
  return node
}

async function refusal(fields: NodeFields): Promise<string> {
  try {
    await start(fields)
  } catch (error) {
    assert.ok(error instanceof DndError, String(error))
    assert.ok(!error.message.includes(KEY) && !error.message.includes(OTHER))
    return `${error.code}: ${error.message}`
  }
  return assert.fail('it started')
}

const seedsOf = (node: NodeServer): string[] => [`127.0.0.1:${node.clusterAddress.port}`]

test('a node joins with the key and with no other, and is told what it lacks', async () => {
  const seeds = seedsOf(await start({ engine: 'memory', key: KEY }))
  const keyFile = join(folder, 'key')
  writeFileSync(keyFile, `${KEY}\n`)
  const second = await start({ engine: 'memory', seeds, keyFile })
  await second.ready
  assert.match(await refusal({ engine: 'memory', seeds, key: OTHER }), /JOIN_REFUSED.*--key-file/)
  assert.match(await refusal({ engine: 'memory', seeds }), /JOIN_REFUSED.*encryption.*--key-file/)
})

test('an encrypted node at a plain seed is told that the seed does not encrypt', async () => {
  const seeds = seedsOf(await start({ engine: 'memory' }))
  assert.match(await refusal({ engine: 'memory', seeds, key: KEY }), /JOIN_REFUSED.*encrypt/)
  const accepting = await start({ engine: 'memory', seeds, key: KEY, encryption: 'accept' })
  await accepting.ready
})

test('the ring is in the data directory, and is enough to start again', async () => {
  const data = join(folder, 'node')
  await start({ data, key: KEY })
  await running.pop()!.stop()
  const ring = readFileSync(join(data, KEYRING_FILE), 'utf8')
  assert.ok(ring.includes(KEY))
  await start({ data })
  await running.pop()!.stop()
  assert.equal(readFileSync(join(data, KEYRING_FILE), 'utf8'), ring)
  assert.ok(!existsSync(join(data, `${KEYRING_FILE}.tmp`)))
})

test('a damaged ring, or a key file that is none, starts nothing and leaves nothing open', async () => {
  const data = join(folder, 'damaged')
  await start({ data, key: KEY })
  await running.pop()!.stop()
  writeFileSync(join(data, KEYRING_FILE), '{')
  for (let i = 0; i < 2; i++)
    assert.match(await refusal({ data, key: KEY }), /^DND_ERR_DATA_CORRUPT: .*keyring\.json/)
  const keyFile = join(folder, 'no-key')
  writeFileSync(keyFile, OTHER.slice(1))
  assert.match(await refusal({ engine: 'memory', keyFile }), /^DND_ERR_BAD_CONFIG: keyFile/)
})
