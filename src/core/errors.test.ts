import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FailureCode } from './coordinator/messages.ts'
import { DndError, ERRORS, exitCode, isErrorCode } from './errors.ts'
import type { ErrorCode } from './errors.ts'

const CODES = Object.keys(ERRORS) as ErrorCode[]

/** From the repository, wherever the compiled test lies within it. */
test('codes are words in capitals, and every row is complete', () => {
  for (const code of CODES) {
    const { status, title, help } = ERRORS[code]
    assert.match(code, /^DND_ERR(_[A-Z]+)+$/)
    assert(status === undefined || (status >= 400 && status <= 599), code)
    assert.match(title, /^[A-Za-z].*[^.]$/, code)
    assert.match(help, /^[A-Z].*[.?]$/, code)
    assert(!`${title}${help}`.includes('|'), code)
  }
})

test('titles tell the codes apart', () => {
  assert.equal(new Set(CODES.map((code) => ERRORS[code].title)).size, CODES.length)
})

test('every failure of a request has a code that is told over HTTP', () => {
  const failures = {
    DND_ERR_QUORUM_UNAVAILABLE: 503,
    DND_ERR_TIMEOUT: 504,
    DND_ERR_OVERLOADED: 503,
    DND_ERR_BAD_QUORUM: 400,
    DND_ERR_TOO_MANY_SIBLINGS: 429,
    DND_ERR_RECORD_TOO_LARGE: 413,
    DND_ERR_VALUE_TOO_LARGE: 413,
    DND_ERR_NOT_READY: 503,
    DND_ERR_STORE_FAILED: 500,
    DND_ERR_BAD_BUCKET: 400,
    DND_ERR_BUCKET_NOT_EMPTY: 409,
    DND_ERR_LAYOUT_CHANGING: 503,
    DND_ERR_CLONED_IDENTITY: 503,
    DND_ERR_LAST_NODE: 409,
    DND_ERR_BAD_CLUSTER_KEY: 400,
    DND_ERR_TOO_MANY_CLUSTER_KEYS: 409,
    DND_ERR_CLUSTER_KEY_UNKNOWN: 404,
    DND_ERR_CLUSTER_KEY_MISSING: 409,
    DND_ERR_CLUSTER_KEY_IN_USE: 409,
    DND_ERR_NOT_ENCRYPTED: 409,
    DND_ERR_BAD_LAYOUT: 400,
    DND_ERR_LAYOUT_MOVING: 409,
    DND_ERR_LAYOUT_CONFLICT: 409,
    DND_ERR_LAYOUT_UNAVAILABLE: 503,
    DND_ERR_NODE_UNKNOWN: 404,
    DND_ERR_NODE_UP: 409,
    DND_ERR_NODE_DOWN: 409,
    DND_ERR_BAD_TOKEN: 400,
    DND_ERR_WATCHER_GONE: 410,
    DND_ERR_WOULD_LOSE_DATA: 409,
    DND_ERR_BAD_PRINCIPAL: 400,
    DND_ERR_PRINCIPAL_EXISTS: 409,
    DND_ERR_PRINCIPAL_UNKNOWN: 404,
    DND_ERR_TOO_MANY_PRINCIPALS: 409,
    DND_ERR_LAST_ADMIN: 409,
  } as const satisfies Record<FailureCode, number> & Partial<Record<ErrorCode, number>>
  for (const [code, status] of Object.entries(failures))
    assert.equal(ERRORS[code as FailureCode].status, status, code)
})

test('the command line exits with 2 for what the caller must change, 1 for the rest, 3 for what nobody knows', () => {
  assert.equal(exitCode('DND_ERR_BAD_KEY', 'rejected'), 2)
  assert.equal(exitCode('DND_ERR_TIMEOUT', 'rejected'), 1)
  assert.equal(exitCode('DND_ERR_TIMEOUT', undefined), 1)
  for (const code of CODES) assert.equal(exitCode(code, 'unknown'), 3)
})

test('only codes of the table are codes', () => {
  for (const code of CODES) assert(isErrorCode(code))
  for (const text of ['', 'DND_ERR_', 'dnd_err_timeout', 'constructor', 'toString'])
    assert(!isErrorCode(text), text)
})

test('an error carries its code, what became of the write, and its cause', () => {
  const cause = new Error('deep')
  const error = new DndError('DND_ERR_TIMEOUT', 'too slow', {
    outcome: 'unknown',
    needed: 2,
    got: 1,
    cause,
  })
  assert(error instanceof Error)
  assert.deepEqual(
    [error.name, error.message, error.code, error.outcome, error.needed, error.got, error.cause],
    ['DndError', 'too slow', 'DND_ERR_TIMEOUT', 'unknown', 2, 1, cause],
  )
  const bare = new DndError('DND_ERR_USAGE', 'wrong')
  assert.equal(bare.outcome, undefined)
  assert(!Object.hasOwn(bare, 'cause'))
})
