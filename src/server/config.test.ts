import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { PROTOCOL_MAX } from '../core/wire/protocol.ts'
import { DEFAULT_NODE_CONFIG } from '../core/node/config.ts'
import type { FieldDescription } from './config-fields.ts'
import { CONFIG_FIELDS, environmentOf, flagOf } from './config-fields.ts'
import type { ConfigSources, LoadedConfig } from './config.ts'
import { ConfigError, loadConfig } from './config.ts'

/** What a node off loopback needs to start without encryption. */
const PLAIN = { allowPlaintextClusterTraffic: 'true', allowOpenHttp: 'true' }

let cwd: string
before(() => {
  cwd = mkdtempSync(join(tmpdir(), 'dnd-config-'))
})
after(() => rmSync(cwd, { recursive: true }))
beforeEach(() => rmSync(join(cwd, 'dnd.config.json'), { force: true }))

function load(
  flags: ConfigSources['flags'] = {},
  env: ConfigSources['env'] = {},
  mode: ConfigSources['mode'] = 'start',
): LoadedConfig {
  return loadConfig({ mode, flags, env, cwd, hostname: 'berry' })
}

function problemsOf(
  flags: ConfigSources['flags'],
  env: ConfigSources['env'] = {},
  mode: ConfigSources['mode'] = 'start',
): string[] {
  try {
    load(flags, env, mode)
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    assert.equal(error.code, 'DND_ERR_BAD_CONFIG')
    return error.problems.map((problem) => problem.message)
  }
  return assert.fail('it was accepted')
}

function writeFile(content: unknown, name = 'dnd.config.json'): string {
  const path = join(cwd, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

function jsonValue(kind: FieldDescription['kind'], text: string): unknown {
  if (kind === 'number') return Number(text)
  if (kind === 'boolean') return text === 'true'
  return kind === 'list' ? text.split(',') : text
}

describe('values', () => {
  test('without a word from anybody everything has its default', () => {
    const { config, origins } = load()
    assert.deepEqual(config, {
      ...DEFAULT_NODE_CONFIG,
      mode: 'start',
      seeds: [],
      replaces: undefined,
      name: 'node1',
      host: '127.0.0.1',
      port: 5001,
      httpPort: 6001,
      data: join(cwd, 'dnd-data/node1'),
      zone: 'default',
      weight: 100,
      engine: 'lmdb',
      key: undefined,
      keyFile: undefined,
      encryption: 'off',
      allowPlaintextClusterTraffic: false,
      tlsCert: undefined,
      tlsKey: undefined,
      tlsCa: undefined,
      httpCert: undefined,
      httpKey: undefined,
      httpCa: undefined,
      allowOrigin: [],
      allowHost: [],
      allowOpenHttp: false,
      requireAuth: false,
      adminPasswordFile: undefined,
      partitions: 256,
      replicas: 3,
      protocolMax: PROTOCOL_MAX,
      drainMs: 1000,
      logLevel: 'info',
    })
    assert.deepEqual(new Set(Object.values(origins)), new Set(['default']))
  })

  test('flags win over environment over file over defaults, each told by its origin', () => {
    const path = writeFile({ port: 1, serverPort: 2, weight: 3 })
    const { config, origins } = load(
      { port: '7001' },
      { DND_PORT: '7002', DND_SERVER_PORT: '7003' },
    )
    assert.deepEqual([config.port, config.httpPort, config.weight], [7001, 7003, 3])
    assert.equal(origins.port, '--port')
    assert.equal(origins.serverPort, 'DND_SERVER_PORT')
    assert.equal(origins.weight, path)
    assert.equal(origins.zone, 'default')
  })

  test('every field can be said in all three ways', () => {
    const texts: Record<string, string> = {
      seeds: '10.0.0.1:5001,[::1]:5002,host',
      replace: 'node3',
      name: 'a',
      address: '10.0.0.9',
      port: '7001',
      serverPort: '0',
      data: '/tmp/x',
      zone: 'z',
      weight: '7',
      engine: 'memory',
      keyFile: '/tmp/key',
      encryption: 'prefer',
      allowPlaintextClusterTraffic: 'true',
      tlsCert: '/tmp/cert',
      tlsKey: '/tmp/cert-key',
      tlsCa: '/tmp/ca',
      httpCert: '/tmp/http-cert',
      httpKey: '/tmp/http-key',
      httpCa: '/tmp/http-ca',
      allowOrigin: 'https://a.example,https://b.example:8443',
      allowHost: 'dnd.example',
      allowOpenHttp: 'true',
      requireAuth: 'true',
      adminPasswordFile: '/tmp/password',
      partitions: '512',
      replicas: '5',
      manualLayout: 'true',
      protocolMax: '5',
      logLevel: 'debug',
      requestTimeoutMs: '100',
      hedgeAfterMs: '5',
      requestsInFlightMax: '10',
      probeIntervalMs: '100',
      probeTimeoutMs: '30',
      stateSyncIntervalMs: '1000',
      clockSkewMaxMs: '50',
      antiEntropyIntervalMs: '60000',
      scrubIntervalMs: '3600000',
      drainMs: '2000',
      hintAfterMs: '700',
      hintBytesMax: '1000000',
      hintAgeMaxMs: '60000',
      backgroundLatencyMs: '9',
      backgroundSlowdownPercent: '10',
      backgroundUnitsMax: '100',
    }
    // `key` goes with no `keyFile`; it has tests of its own.
    const fields = CONFIG_FIELDS.filter(({ field }) => field !== 'key')
    assert.deepEqual(Object.keys(texts).sort(), fields.map(({ field }) => field).sort())
    const byFlag = load(texts, {}, 'join').config
    const env = Object.fromEntries(fields.map(({ field }) => [environmentOf(field), texts[field]]))
    const byEnvironment = load({}, env, 'join').config
    writeFile(
      Object.fromEntries(fields.map(({ field, kind }) => [field, jsonValue(kind, texts[field]!)])),
    )
    const byFile = load({}, {}, 'join').config
    assert.deepEqual(byEnvironment, byFlag)
    assert.deepEqual(byFile, byFlag)
    assert.deepEqual(byFlag.seeds, [
      { host: '10.0.0.1', port: 5001 },
      { host: '::1', port: 5002 },
      { host: 'host', port: 5001 },
    ])
    rmSync(join(cwd, 'dnd.config.json'))
    const unchanged = Object.entries(load().config).filter(
      ([name, value]) => name !== 'key' && byFlag[name as keyof typeof byFlag] === value,
    )
    assert.deepEqual(unchanged, [], 'a field that stayed at its default was not read')
  })

  test('on loopback the name comes from the port, elsewhere from the host', () => {
    assert.equal(load({ port: '5003' }).config.name, 'node3')
    assert.equal(load({ port: '5003' }).config.data, join(cwd, 'dnd-data/node3'))
    assert.equal(load({ port: '15001' }).config.name, 'node-15001')
    assert.equal(load({ port: '0' }).config.name, 'node')
    assert.equal(load({ address: '10.0.0.4', ...PLAIN }).config.name, 'berry')
    assert.equal(load({ name: 'a/b' }).config.data, join(cwd, 'dnd-data/a_b'))
  })

  test('a directory in a file is relative to the file, one in a flag to the working directory', () => {
    mkdirSync(join(cwd, 'etc'), { recursive: true })
    const path = writeFile({ data: '../var' }, 'etc/my.json')
    assert.equal(load({ config: path }).config.data, join(cwd, 'var'))
    assert.equal(load({}, { DND_CONFIG: 'etc/my.json' }).config.data, join(cwd, 'var'))
    assert.equal(load({ data: 'var2' }).config.data, join(cwd, 'var2'))
  })

  test('an empty environment variable says nothing', () => {
    assert.equal(load({}, { DND_PORT: '', DND_CONFIG: '' }).config.port, 5001)
  })

  test('a file may begin with a byte order mark', () => {
    writeFile('\uFEFF{"port": 7009}')
    assert.equal(load().config.port, 7009)
  })
})

describe('mistakes', () => {
  test('each names the field, where the value came from and what it may be', () => {
    const path = writeFile({ weight: 0 })
    const problems = problemsOf({ port: '70000' }, { DND_ENGINE: 'rocks' })
    assert.deepEqual(problems, [
      'port (from --port): 70000 is not a whole number from 0 to 65535',
      `weight (from ${path}): 0 is not a whole number from 1 to 1000`,
      'engine (from DND_ENGINE): "rocks" is not one of lmdb, memory',
    ])
  })

  test('what is nearly a number is none', () => {
    for (const text of ['5001x', '0x10', '1e3', ' 5001', '1.5', '-1', ''])
      assert.match(
        problemsOf({ port: text })[0]!,
        /^port \(from --port\): .* is not a whole number/,
      )
    writeFile({ port: '5001' })
    assert.match(problemsOf({})[0]!, /"5001" is not a whole number/)
    writeFile({ port: null })
    assert.match(problemsOf({})[0]!, /null is not a whole number/)
  })

  test('bounds hold for every number, from both sides', () => {
    for (const { field, kind, allowed } of CONFIG_FIELDS) {
      if (kind !== 'number') continue
      const [min, max] = /(\d+) to (\d+)/.exec(allowed)!.slice(1).map(Number)
      const flags = (value: number) => ({ [field]: String(value) })
      assert.match(problemsOf(flags(min! - 1))[0]!, new RegExp(`^${field} `))
      assert.match(problemsOf(flags(max! + 1))[0]!, new RegExp(`^${field} `))
    }
  })

  test('partitions are a power of two', () => {
    assert.match(problemsOf({ partitions: '100' })[0]!, /100 is not a power of two/)
    assert.equal(load({ partitions: '1' }).config.partitions, 1)
    assert.equal(load({ partitions: '4096' }).config.partitions, 4096)
  })

  test('an address that others cannot reach is refused with the reason', () => {
    for (const address of ['0.0.0.0', '::', '0:0:0:0:0:0:0:0'])
      assert.match(problemsOf({ address })[0]!, /the others are told this address/)
    for (const address of ['a b', 'host:5001', '', '-x'])
      assert.match(problemsOf({ address })[0]!, /^address /)
    for (const address of ['10.1.2.3', '::1', 'node-1.example', 'localhost'])
      assert.equal(load({ address, ...PLAIN }).config.host, address)
  })

  test('names and zones are short and printable', () => {
    assert.match(problemsOf({ name: 'a\u001b[2J' })[0]!, /^name .* printable text/)
    assert.match(problemsOf({ zone: 'é'.repeat(33) })[0]!, /^zone .* 1 to 64 bytes/)
    assert.equal(load({ zone: 'é'.repeat(32) }).config.zone.length, 32)
  })

  test('an unknown field of the file is refused, with what was probably meant', () => {
    const path = writeFile({ prot: 1, colour: 2 })
    const [first, second] = problemsOf({})
    assert.equal(first, `"prot" in ${path} is not known; did you mean "port"?`)
    assert.match(second!, /"colour" in .* is not known; known are seeds, replace, name/)
    writeFile('{"__proto__": 1}')
    assert.match(problemsOf({})[0]!, /"__proto__" in .* is not known/)
  })

  test('a flag that is no field is refused and not passed over', () => {
    const flags = { hots: 'x' } as ConfigSources['flags']
    assert.match(problemsOf(flags)[0]!, /^"hots" is not known; known are seeds, replace, name/)
    const near = { prot: '1' } as ConfigSources['flags']
    assert.deepEqual(problemsOf(near), ['"prot" is not known; did you mean "port"?'])
  })

  test('an environment variable that looks like a slip is refused, one of somebody else is not', () => {
    assert.deepEqual(problemsOf({}, { DND_PROT: '1' }), [
      'environment variable DND_PROT is not known; did you mean DND_PORT?',
    ])
    load(
      {},
      {
        DND_SERVICE_HOST: '10.0.0.1',
        DND_SERVICE_PORT: '1',
        DND_SERVER: 'http://x',
        DND_DEBUG: '1',
      },
    )
  })

  test('the address of a service that Kubernetes puts into DND_PORT is told as what it is', () => {
    assert.deepEqual(problemsOf({}, { DND_PORT: 'tcp://10.0.0.1:5001' }), [
      'port (from DND_PORT): "tcp://10.0.0.1:5001" is not a whole number from 0 to 65535',
    ])
  })

  test('a file that was named must be there; the usual one need not', () => {
    assert.match(problemsOf({ config: 'nope.json' })[0]!, /nope\.json does not exist/)
    load()
  })

  test('a file that is no configuration is told with its path', () => {
    const path = writeFile('{ "port": 5001, }')
    assert.match(problemsOf({})[0]!, new RegExp(`^config file ${path} is not JSON: `))
    for (const content of ['[]', '5', 'null'])
      assert.match((writeFile(content), problemsOf({}))[0]!, /must hold one object/)
    writeFile(`"${'x'.repeat(1024 * 1024)}"`)
    assert.match(problemsOf({})[0]!, /is larger than 1 MiB/)
    assert.match(problemsOf({ config: cwd })[0]!, /cannot be read \(EISDIR\)/)
  })

  test('fields that contradict each other are told together', () => {
    assert.match(
      problemsOf({ probeTimeoutMs: '1000' })[0]!,
      /^probeTimeoutMs \(from --probe-timeout-ms\): 1000 is not below probeIntervalMs, 1000 \(from default\)/,
    )
    assert.match(
      problemsOf({ port: '6001' })[0]!,
      /serverPort \(from default\): 6001 is also the port/,
    )
    load({ port: '0', serverPort: '0' })
  })

  test('joining takes a seed, starting takes none', () => {
    assert.match(problemsOf({}, {}, 'join')[0]!, /dnd join HOST:PORT/)
    assert.match(problemsOf({ seeds: [] }, {}, 'join')[0]!, /dnd join HOST:PORT/)
    assert.match(
      problemsOf({ replace: 'node3' })[0]!,
      /^replace \(from --replace\): .*dnd join SEED/,
    )
    assert.match(problemsOf({ seeds: ['a:b'] }, {}, 'join')[0]!, /^seeds \(from the command line\)/)
    assert.match(problemsOf({}, { DND_SEEDS: 'a:1' })[0]!, /use "dnd join"/)
  })
})

test('flags and variables follow from the field by one rule', () => {
  assert.equal(flagOf('requestTimeoutMs'), '--request-timeout-ms')
  assert.equal(environmentOf('requestTimeoutMs'), 'DND_REQUEST_TIMEOUT_MS')
})
