import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { keyOf } from './security-fixture.test.ts'
import { callerFailure, listenerFailure } from './tls-fault.ts'

const { id } = keyOf(1)

function failed(code: string): Error {
  return Object.assign(new Error('0A000410:SSL routines:failure'), { code })
}

suite('a handshake that failed', () => {
  test('is told the same whatever the version of OpenSSL calls it', () => {
    for (const prefix of ['ERR_SSL_SSLV3_', 'ERR_SSL_TLSV1_', 'ERR_SSL_SSL/TLS_']) {
      const faultOf = (code: string) => callerFailure(failed(`${prefix}${code}`), id).fault
      assert.equal(faultOf('ALERT_HANDSHAKE_FAILURE'), 'no-common-encryption')
      assert.equal(faultOf('ALERT_UNKNOWN_PSK_IDENTITY'), 'unknown-key')
      assert.equal(faultOf('ALERT_BAD_RECORD_MAC'), 'wrong-key')
      assert.equal(faultOf('ALERT_ACCESS_DENIED'), 'not-encrypted')
      assert.equal(faultOf('ALERT_INTERNAL_ERROR'), 'tls-failed')
    }
  })

  test('without an error of TLS is a lost connection to the caller', () => {
    const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
    assert.deepEqual(callerFailure(reset, id), { fault: undefined, reason: 'read ECONNRESET' })
    assert.equal(listenerFailure(reset, id).fault, 'tls-failed')
    assert.equal(listenerFailure(undefined, undefined).fault, 'tls-failed')
  })

  test('never blames a key where there was none', () => {
    const error = failed('ERR_SSL_SSLV3_ALERT_BAD_RECORD_MAC')
    assert.equal(callerFailure(error, undefined).fault, 'tls-failed')
    assert.equal(listenerFailure(error, undefined).fault, 'tls-failed')
    const unnamed = listenerFailure(failed('ERR_SSL_PSK_IDENTITY_NOT_FOUND'), undefined)
    assert.match(unnamed.reason, /^the caller's key is not one that this node knows/)
  })
})
