import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, describe, test } from 'node:test'
import { generateKey } from '../adapters/keyring/key-text.ts'
import { KEYRING_FILE } from '../adapters/keyring/keyring-file.ts'
import { DndError } from '../core/errors.ts'
import type { ConfigSources, LoadedConfig } from './config.ts'
import { ConfigError, loadConfig } from './config.ts'
import { isLoopback, keyringPath } from './encryption-config.ts'
import { configuredKey, configuredTls } from './key-material.ts'

const cwd = mkdtempSync(join(tmpdir(), 'dnd-encryption-'))
const data = join(cwd, 'data')
const KEY = generateKey()
const AWAY = { address: '10.0.0.5', allowOpenHttp: 'true' }
const TLS = { tlsCert: 'node.pem', tlsKey: 'node-key.pem', tlsCa: 'ca.pem' }
const RISK = { allowPlaintextClusterTraffic: 'true' }

after(() => rmSync(cwd, { recursive: true }))
beforeEach(() => {
  rmSync(data, { recursive: true, force: true })
  rmSync(join(cwd, 'dnd.config.json'), { force: true })
})

function load(flags: ConfigSources['flags'], env: ConfigSources['env'] = {}): LoadedConfig {
  return loadConfig({ mode: 'start', flags: { data, ...flags }, env, cwd })
}

function refusal(action: () => unknown): DndError {
  try {
    action()
  } catch (error) {
    assert.ok(error instanceof DndError, String(error))
    assert.equal(error.code, 'DND_ERR_BAD_CONFIG')
    return error
  }
  return assert.fail('it was accepted')
}

const problem = (flags: ConfigSources['flags'], env: ConfigSources['env'] = {}): string => {
  const error = refusal(() => load(flags, env))
  assert.ok(error instanceof ConfigError)
  assert.equal(error.problems.length, 1)
  return error.message
}

describe('the mode', () => {
  test('is required with a key or a ring in the data directory, else off', () => {
    const mode = (flags: ConfigSources['flags']) => load(flags).config.encryption
    assert.equal(mode({}), 'off')
    assert.equal(mode({ key: KEY }), 'required')
    assert.equal(mode({ keyFile: 'key' }), 'required')
    mkdirSync(data)
    writeFileSync(join(data, KEYRING_FILE), '{}')
    assert.equal(mode({}), 'required')
    assert.equal(mode({ encryption: 'prefer' }), 'prefer')
    assert.equal(mode({ encryption: 'off' }), 'off')
    assert.equal(mode({ engine: 'memory' }), 'off', 'memory has no ring on the disk')
    assert.equal(keyringPath('memory', data), undefined)
  })

  test('takes a key unless it is off', () => {
    for (const encryption of ['accept', 'prefer', 'required']) {
      const message = problem({ encryption })
      assert.match(
        message,
        new RegExp(`^encryption \\(from --encryption\\): "${encryption}" takes`),
      )
      assert.match(message, /dnd keys generate.*--key-file/)
      assert.equal(load({ encryption, key: KEY }).config.encryption, encryption)
    }
    assert.match(problem({ encryption: 'on' }), /"on" is not one of off, accept, prefer, required/)
  })
})

describe('an address off loopback', () => {
  test('takes encryption, or the flag that names the risk', () => {
    const message = problem(AWAY)
    assert.match(message, /^address \(from --address\): traffic between nodes at 10\.0\.0\.5 would/)
    assert.match(message, /dnd keys generate.*--key-file.*--allow-plaintext-cluster-traffic$/)
    assert.match(
      problem({}, { DND_ADDRESS: 'berry', DND_ALLOW_OPEN_HTTP: 'true' }),
      /^address \(from DND_ADDRESS\)/,
    )
    assert.match(problem({ ...AWAY, key: KEY, encryption: 'off' }), /would be plain/)
    assert.match(problem({ ...AWAY, allowPlaintextClusterTraffic: 'false' }), /would be plain/)
    assert.equal(load({ ...AWAY, ...RISK }).config.encryption, 'off')
    for (const encryption of ['accept', 'prefer', 'required'])
      assert.equal(load({ ...AWAY, key: KEY, encryption }).config.host, '10.0.0.5')
  })

  test('is told from loopback by its number, not by how it begins', () => {
    for (const host of ['127.0.0.1', '127.9.9.9', '::1', '0:0:0:0:0:0:0:1', 'localhost'])
      assert.ok(isLoopback(host), host)
    for (const host of ['128.0.0.1', '10.0.0.1', '127.example', '127.0.0.1.example', 'fe80::1'])
      assert.ok(!isLoopback(host), host)
  })

  test('has a flag that is true or false and nothing else', () => {
    const field = 'allowPlaintextClusterTraffic'
    const env = { DND_ALLOW_PLAINTEXT_CLUSTER_TRAFFIC: 'yes' }
    assert.match(problem({}, env), new RegExp(`^${field} .*"yes" is not true or false$`))
    writeFileSync(join(cwd, 'dnd.config.json'), JSON.stringify({ [field]: 'true' }))
    assert.match(problem({}), /"true" is not true or false/)
    writeFileSync(join(cwd, 'dnd.config.json'), JSON.stringify({ [field]: true }))
    assert.equal(load(AWAY).config.allowPlaintextClusterTraffic, true)
  })
})

describe('the key', () => {
  test('is taken from a variable, the file of settings or a file of its own', () => {
    const keyFile = join(cwd, 'secret')
    writeFileSync(keyFile, `${KEY}\n`)
    const byVariable = load({}, { DND_KEY: KEY }).config
    const byFile = load({ keyFile: 'secret' }).config
    assert.equal(byFile.keyFile, keyFile)
    writeFileSync(join(cwd, 'dnd.config.json'), JSON.stringify({ key: `${KEY}\n` }))
    const keys = [byVariable, byFile, load({}).config].map(configuredKey)
    for (const key of keys) assert.equal(Buffer.from(key!.secret).toString('base64'), KEY)
    assert.equal(configuredKey(load({ key: KEY }).config)?.id, keys[0]!.id)
  })

  test('given twice is refused: which one is meant cannot be known', () => {
    const message = problem({ keyFile: 'secret' }, { DND_KEY: KEY })
    assert.match(message, /^keyFile \(from --key-file\): there is also a key from DND_KEY/)
  })

  test('that is none is told without being shown', () => {
    const secret = `${KEY.slice(0, 40)}====`
    const keyFile = join(cwd, 'broken')
    writeFileSync(keyFile, secret)
    const messages = [
      problem({ key: secret }),
      problem({}, { DND_KEY: secret }),
      refusal(() => configuredKey(load({ keyFile }).config)).message,
    ]
    for (const message of messages) {
      assert.match(message, /44 characters of base64/)
      for (let i = 0; i + 6 < 40; i++) assert.ok(!message.includes(secret.slice(i, i + 6)), message)
    }
    assert.ok(messages[2]!.includes(keyFile))
  })

  test('file that cannot be read is told with its path', () => {
    const missing = refusal(() => configuredKey(load({ keyFile: 'missing' }).config))
    assert.match(missing.message, /^keyFile: .*missing cannot be read \(ENOENT\)/)
    writeFileSync(join(cwd, 'large'), Buffer.alloc(1024 * 1024 + 1))
    const large = refusal(() => configuredKey(load({ keyFile: 'large' }).config))
    assert.match(large.message, /large is larger than 1 MiB/)
  })
})

describe('certificates', () => {
  test('are three files, and take a key for gossip', () => {
    const { config } = load({ ...TLS, key: KEY })
    assert.equal(config.tlsCert, join(cwd, 'node.pem'))
    const { tlsCa: _, ...two } = TLS
    assert.match(problem({ ...two, key: KEY }), /^tlsCert .*; tlsCa is missing$/)
    assert.match(problem({ ...TLS, ...RISK }), /^tlsCert .* gossip takes a key, too/)
    assert.match(problem({ ...TLS, key: KEY, encryption: 'off' }), /^tlsCert .* is "off"/)
  })

  test('are read when the node starts; what is no PEM is told with its path', () => {
    for (const name of Object.values(TLS))
      writeFileSync(join(cwd, name), `-----BEGIN ${name}-----\n`)
    const { config } = load({ ...TLS, key: KEY })
    assert.equal(String(configuredTls(config)?.ca), '-----BEGIN ca.pem-----\n')
    assert.equal(configuredTls(load({}).config), undefined)
    writeFileSync(join(cwd, 'ca.pem'), 'der')
    assert.match(refusal(() => configuredTls(config)).message, /^tlsCa: .*ca\.pem is not PEM/)
  })
})
