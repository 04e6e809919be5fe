import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, suite, test } from 'node:test'
import type { ClusterKey, KeyEntry, KeyringState } from '../../core/node/cluster-key.ts'
import { KEY_BYTES } from '../../core/node/cluster-key.ts'
import { DndError } from '../../core/errors.ts'
import { ZERO_STAMP } from '../../core/versions/stamp.ts'
import { formatSecret } from '../../core/node/cluster-key-text.ts'
import { keyIdOf } from './key-text.ts'
import { KEYRING_FILE, KeyringFile } from './keyring-file.ts'
import { keyringText, parseKeyring } from './keyring-json.ts'

const folder = mkdtempSync(join(tmpdir(), 'dnd-keyring-'))
after(() => rmSync(folder, { recursive: true }))
let path: string
let runs = 0
beforeEach(() => {
  const own = join(folder, String(++runs))
  mkdirSync(own)
  path = join(own, KEYRING_FILE)
})

function keyOf(number: number): ClusterKey {
  const secret = new Uint8Array(KEY_BYTES).fill(number)
  return { id: keyIdOf(secret), secret }
}

const [A, B, C] = [keyOf(1), keyOf(2), keyOf(3)]
const stamp = (ms: number) => ({ ms, counter: 1 })
const installed = ({ id, secret }: ClusterKey, ms = 5): KeyEntry => ({
  id,
  stamp: stamp(ms),
  secret,
})
const removed = ({ id }: ClusterKey, ms = 9): KeyEntry => ({
  id,
  stamp: stamp(ms),
  secret: undefined,
})

function state(primary: ClusterKey | undefined, ...entries: KeyEntry[]): KeyringState {
  return {
    entries: entries.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    primary: primary && { id: primary.id, stamp: stamp(7) },
  }
}

function open(configured?: ClusterKey, mode: KeyringFile['mode'] = 'required'): KeyringFile {
  return KeyringFile.open({ path, mode, configured })
}

function kept(): KeyringState {
  const parsed = parseKeyring(readFileSync(path, 'utf8'))
  assert.ok(parsed.ok)
  return parsed.state
}

function refusal(action: () => unknown): DndError {
  try {
    action()
  } catch (error) {
    assert.ok(error instanceof DndError, String(error))
    return error
  }
  return assert.fail('it was accepted')
}

suite('a configured key', () => {
  test('without a file begins the ring, and is durable', () => {
    const ring = open(A)
    assert.deepEqual(ring.primary, A)
    assert.deepEqual(ring.find(A.id), A)
    assert.equal(ring.find(B.id), undefined)
    const expected: KeyringState = {
      entries: [{ ...A, stamp: ZERO_STAMP }],
      primary: { id: A.id, stamp: ZERO_STAMP },
    }
    assert.deepEqual(ring.state, expected)
    assert.deepEqual(kept(), expected)
    assert.equal(statSync(path).mode & 0o777, 0o600)
    assert.deepEqual(open().state, expected)
  })

  test('that the file lacks lets a node in that missed a rotation, below any word of the cluster', () => {
    writeFileSync(path, keyringText(state(A, installed(A))))
    const ring = open(B)
    assert.equal(ring.primary?.id, B.id)
    assert.deepEqual(ring.find(A.id), A)
    assert.deepEqual(ring.state.primary, { id: B.id, stamp: ZERO_STAMP })
    assert.deepEqual(kept(), ring.state)
    assert.equal(open(B).primary?.id, B.id)
  })

  test('that the file has, as installed or removed, changes nothing: an old one blocks no node', () => {
    const rotated = state(B, installed(B), removed(A))
    writeFileSync(path, keyringText(rotated))
    const before = statSync(path).mtimeMs
    for (const configured of [A, B, undefined]) {
      const ring = open(configured)
      assert.equal(ring.primary?.id, B.id)
      assert.equal(ring.find(A.id), undefined)
      assert.deepEqual(ring.state, rotated)
    }
    assert.equal(statSync(path).mtimeMs, before)
    writeFileSync(path, keyringText(state(A, installed(A), installed(B))))
    assert.equal(open(B).primary?.id, A.id)
  })

  test('is looked at without writing by who only peeks', () => {
    const ring = KeyringFile.peek({ path, mode: 'required', configured: A })
    assert.equal(ring.primary?.id, A.id)
    assert.deepEqual(readdirSync(join(path, '..')), [])
    const nowhere = join(folder, 'none', KEYRING_FILE)
    const early = KeyringFile.peek({ path: nowhere, mode: 'prefer', configured: B })
    assert.equal(early.primary?.id, B.id)
  })

  test('is kept nowhere where nothing is kept, or where encryption is off', () => {
    const ring = KeyringFile.open({ path: undefined, mode: 'required', configured: A })
    assert.equal(ring.install(state(B, installed(B))), undefined)
    assert.equal(ring.primary?.id, B.id)
    const off = open(A, 'off')
    assert.equal(off.primary, undefined)
    assert.deepEqual(off.find(A.id), A)
    assert.ok(!existsSync(path))
  })

  test('is missed where the mode needs one', () => {
    for (const mode of ['accept', 'prefer', 'required'] as const) {
      const error = refusal(() => open(undefined, mode))
      assert.equal(error.code, 'DND_ERR_BAD_CONFIG')
      assert.match(error.message, /--key-file.*dnd keys generate/)
    }
    assert.equal(open(undefined, 'off').primary, undefined)
  })
})

suite('a ring', () => {
  test('takes what is installed at once, durably, as the same key if it is the same', () => {
    const ring = open(A)
    const before = ring.find(A.id)
    const next = state(B, installed(A), installed(B), removed(C))
    assert.equal(ring.install(next), undefined)
    assert.deepEqual(ring.state, next)
    assert.equal(ring.primary?.id, B.id)
    assert.equal(ring.find(A.id), before)
    assert.equal(ring.find(C.id), undefined)
    assert.deepEqual(kept(), next)
    assert.deepEqual(open().state, next)
    assert.equal(ring.install(state(B, installed(B), removed(A), removed(C))), undefined)
    assert.equal(ring.find(A.id), undefined)
  })

  test('whose primary is not installed seals with the key last spoken of', () => {
    const ring = open(A)
    assert.equal(ring.install(state(C, installed(A, 4), installed(B, 5), removed(C))), undefined)
    assert.equal(ring.primary?.id, B.id)
    assert.equal(ring.install(state(undefined, installed(A, 6), installed(B, 5))), undefined)
    assert.equal(ring.primary?.id, A.id)
  })

  test('is never left without a key', () => {
    const ring = open(A)
    assert.match(ring.install(state(A, removed(A)))!, /without a key/)
    assert.equal(ring.primary?.id, A.id)
    assert.equal(kept().entries.length, 1)
  })

  test('that cannot be stored says why and stays as it was', () => {
    const ring = open(A)
    rmSync(join(path, '..'), { recursive: true })
    assert.match(ring.install(state(B, installed(B)))!, /keyring\.json: ENOENT/)
    assert.equal(ring.primary?.id, A.id)
    assert.equal(ring.find(B.id), undefined)
  })

  test('is of its owner alone even where a crash has left the temporary file open to all', () => {
    writeFileSync(`${path}.tmp`, 'left by a crash')
    chmodSync(`${path}.tmp`, 0o666)
    open(A)
    assert.equal(statSync(path).mode & 0o777, 0o600)
    assert.ok(!existsSync(`${path}.tmp`))
  })
})

suite('a damaged file', () => {
  const good = keyringText(state(A, installed(A), removed(B)))
  const changed = (change: (value: Record<string, unknown>) => void): string => {
    const value = JSON.parse(good) as Record<string, unknown>
    change(value)
    return JSON.stringify(value)
  }
  const keys = (value: Record<string, unknown>) => value['keys'] as Record<string, unknown>[]
  const cases: [string, string, RegExp][] = [
    ['cut short', good.slice(0, -20), /it is not JSON/],
    ['empty', '', /it is not JSON/],
    ['a list', '[]', /no JSON object/],
    ['of no format', changed((value) => delete value['format']), /"format"/],
    ['without keys', changed((value) => (value['keys'] = {})), /"keys" is no list/],
    ['without a primary', changed((value) => delete value['primary']), /"primary"/],
    [
      'with an id that is none',
      changed((value) => (keys(value)[0]!['id'] = 'xyz')),
      /key 1 has no id/,
    ],
    [
      'with a stamp that is none',
      changed((value) => (keys(value)[1]!['ms'] = -1)),
      /key 2 has no id/,
    ],
    ['out of order', changed((value) => keys(value).reverse()), /key 2 \(.{8}\) is not in order/],
    ['of one key twice', changed((value) => keys(value).push(keys(value)[1]!)), /not in order/],
    [
      'with a secret that is none',
      changed((value) => keys(value).forEach((key) => (key['secret'] = 'abc'))),
      /secret that is none/,
    ],
    [
      'with the secret of another key',
      changed((value) => keys(value).forEach((key) => (key['secret'] = formatSecret(C.secret)))),
      /secret of another key/,
    ],
    [
      'without a secret',
      changed((value) => keys(value).forEach((key) => delete key['secret'])),
      /no secret/,
    ],
  ]

  for (const [what, text, message] of cases)
    test(`${what} is told with the way out and without secrets`, () => {
      writeFileSync(path, text)
      const error = refusal(() => open(A))
      assert.equal(error.code, 'DND_ERR_DATA_CORRUPT')
      assert.match(error.message, message)
      assert.match(error.message, /restore it from a backup, or delete it.*--key-file/)
      assert.ok(error.message.includes(path))
      for (const { secret } of [A, B, C]) assert.ok(!error.message.includes(formatSecret(secret)))
      assert.equal(readFileSync(path, 'utf8'), text)
    })

  test('of a newer format is left to the version that wrote it', () => {
    writeFileSync(
      path,
      changed((value) => (value['format'] = 2)),
    )
    const error = refusal(() => open(A))
    assert.equal(error.code, 'DND_ERR_DATA_NEWER_FORMAT')
    assert.match(error.message, /format 2/)
  })

  test('that cannot be read or written is told as that', () => {
    mkdirSync(path)
    assert.equal(refusal(() => open(A)).code, 'DND_ERR_DATA_UNWRITABLE')
    const gone = join(folder, 'gone', KEYRING_FILE)
    const error = refusal(() => KeyringFile.open({ path: gone, mode: 'required', configured: A }))
    assert.equal(error.code, 'DND_ERR_DATA_UNWRITABLE')
    assert.match(error.message, /cannot write .*keyring\.json: ENOENT/)
  })
})
