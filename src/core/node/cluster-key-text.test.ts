import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AssertionError } from '../std/assert.ts'
import { KEY_BYTES } from './cluster-key.ts'
import { formatSecret, parseSecret } from './cluster-key-text.ts'

const secrets = fc.uint8Array({ minLength: KEY_BYTES, maxLength: KEY_BYTES })

test('the text of a secret is its base64, and is read back', () => {
  fc.assert(
    fc.property(secrets, (secret) => {
      const text = formatSecret(secret)
      assert.equal(text, Buffer.from(secret).toString('base64'))
      const parsed = parseSecret(text)
      assert.ok(parsed.ok)
      assert.deepEqual(parsed.secret, secret)
    }),
    { seed: 7001 },
  )
})

test('blanks and line ends around it do no harm', () => {
  const text = formatSecret(new Uint8Array(KEY_BYTES).fill(9))
  for (const around of [`${text}\n`, ` ${text}\r\n`, `\t${text}`])
    assert.ok(parseSecret(around).ok, JSON.stringify(around))
})

test('any other text is no key, and is not repeated in what is said about it', () => {
  const text = formatSecret(Uint8Array.from({ length: KEY_BYTES }, (_, i) => 5 * i))
  const wrong = [
    '',
    text.slice(1),
    text.slice(0, -1),
    `${text}A`,
    `${text.slice(0, 20)} ${text.slice(21)}`,
    `${text.slice(0, 20)}-${text.slice(21)}`,
    `${text.slice(0, 20)}=${text.slice(21)}`,
    `${text.slice(0, 43)}A`,
    // The last two bits before the padding mean nothing; another text of the same bytes.
    `${text.slice(0, 42)}B=`,
    'ä'.repeat(44),
  ]
  for (const each of wrong) {
    const parsed = parseSecret(each)
    assert.ok(!parsed.ok, each)
    assert.match(parsed.problem, /44 characters of base64/)
    for (let i = 0; i + 8 <= each.length; i++)
      assert.ok(!parsed.problem.includes(each.slice(i, i + 8)), parsed.problem)
  }
})

test('whatever the text, the answer is a key or a sentence', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
      const parsed = parseSecret(text)
      assert.ok(parsed.ok || parsed.problem.length > 0)
    }),
    { seed: 7002 },
  )
})

test('a secret of another length is our own bug', () => {
  assert.throws(() => formatSecret(new Uint8Array(KEY_BYTES - 1)), AssertionError)
})
