import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { describe, test } from 'node:test'
import { generateKey } from '../adapters/keyring/key-text.ts'
import type { ConfigSources, NodeServerConfig } from './config.ts'
import { ConfigError, loadConfig } from './config.ts'

const AWAY = { address: '10.0.0.5', key: generateKey() }
const CERTIFICATE = { httpCert: 'cert.pem', httpKey: 'key.pem' }

function load(flags: ConfigSources['flags']): NodeServerConfig {
  return loadConfig({ mode: 'start', flags, env: {}, cwd: tmpdir() }).config
}

function problem(flags: ConfigSources['flags']): string {
  try {
    load(flags)
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    assert.equal(error.problems.length, 1, error.message)
    return error.message
  }
  return assert.fail('it was taken')
}

describe('HTTP off loopback', () => {
  test('takes a certificate and users; what lacks is told with the way out', () => {
    const message = problem(AWAY)
    assert.match(message, /^address \(from --address\): HTTP at 10\.0\.0\.5 would be open/)
    assert.match(message, /--http-cert and --http-key.*--require-auth.*--allow-open-http$/)
    const locked = problem({ ...AWAY, requireAuth: 'true' })
    assert.match(locked, /--http-cert/)
    assert.doesNotMatch(locked, /--require-auth/)
    const encrypted = problem({ ...AWAY, ...CERTIFICATE })
    assert.match(encrypted, /--require-auth/)
    assert.doesNotMatch(encrypted, /--http-cert/)
    assert.equal(load({ ...AWAY, ...CERTIFICATE, requireAuth: 'true' }).host, '10.0.0.5')
  })

  test('or the flag that names the risk', () => {
    assert.equal(load({ ...AWAY, allowOpenHttp: 'true' }).allowOpenHttp, true)
    assert.match(problem({ ...AWAY, allowOpenHttp: 'false' }), /would be open/)
  })

  test('is nothing to say of loopback', () => {
    for (const address of ['127.0.0.1', '::1', 'localhost']) assert.ok(load({ address }))
  })
})

describe('certificates', () => {
  test('come in pairs', () => {
    assert.match(problem({ httpCert: 'c' }), /^httpCert .* httpKey is missing/)
    assert.match(problem({ httpKey: 'k' }), /^httpKey .* httpCert is missing/)
    assert.match(problem({ httpCa: 'ca' }), /^httpCa .* httpCert and httpKey/)
  })
})

describe('origins', () => {
  test('are as browsers write them', () => {
    const origins = ['https://a.example', 'http://127.0.0.1:3000']
    assert.deepEqual(load({ allowOrigin: origins }).allowOrigin, origins)
    for (const bad of ['*', 'a.example', 'https://a.example/', 'null', 'https://a.example:443', ''])
      assert.match(problem({ allowOrigin: [bad] }), /^allowOrigin .* origins as browsers/, bad)
  })
})
