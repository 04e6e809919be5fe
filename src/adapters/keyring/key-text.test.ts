import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { suite, test } from 'node:test'
import { formatSecret } from '../../core/node/cluster-key-text.ts'
import { generateKey, keyIdOf, parseKey } from './key-text.ts'

suite('the text of a key', () => {
  test('comes back as the key that was generated, whatever blanks are around it', () => {
    const text = generateKey()
    assert.match(text, /^[A-Za-z0-9+/]{43}=$/)
    for (const around of [text, `${text}\n`, `  ${text}\r\n`]) {
      const parsed = parseKey(around)
      assert.ok(parsed.ok)
      assert.equal(formatSecret(parsed.key.secret), text)
      assert.equal(parsed.key.id, keyIdOf(parsed.key.secret))
    }
    assert.notEqual(generateKey(), text)
  })

  test('has an id that is the beginning of the digest of its bytes', () => {
    const secret = new Uint8Array(32).fill(7)
    const digest = createHash('sha256').update(secret).digest('hex')
    assert.equal(keyIdOf(secret), digest.slice(0, 8))
  })

  test('that is none is told without repeating it', () => {
    const text = generateKey()
    const wrong = [
      '',
      text.slice(1),
      text.slice(0, -1),
      `${text}A`,
      `${text.slice(0, 20)} ${text.slice(21)}`,
      `${text.slice(0, 20)}-${text.slice(21)}`,
      // The last four bits before the padding mean nothing; another text of the same bytes.
      `${text.slice(0, 42)}B=`,
      Buffer.alloc(16, 1).toString('base64'),
      'a'.repeat(64),
    ]
    for (const each of wrong) {
      const parsed = parseKey(each)
      assert.ok(!parsed.ok, each)
      assert.match(parsed.problem, /44 characters of base64/)
      for (let i = 0; i + 8 <= each.length; i++)
        assert.ok(!parsed.problem.includes(each.slice(i, i + 8)), parsed.problem)
    }
  })
})
