import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromBase64, hexDump, shownOf } from './value.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

test('a value is shown as what it is, whatever its type says', () => {
  assert.deepEqual(shownOf(bytes(''), 'text/plain'), { kind: 'empty' })
  assert.deepEqual(shownOf(bytes('{"a":[1]}'), 'text/plain'), {
    ...{ kind: 'json', cut: false },
    text: '{\n  "a": [\n    1\n  ]\n}',
  })
  assert.deepEqual(shownOf(bytes('{"a":'), 'application/json'), {
    ...{ kind: 'text', text: '{"a":', cut: false },
  })
  assert.deepEqual(shownOf(bytes('42'), 'application/json'), {
    kind: 'text',
    text: '42',
    cut: false,
  })
  assert.deepEqual(shownOf(bytes('x'), 'image/png'), { kind: 'image', type: 'image/png' })
  assert.equal(shownOf(bytes('<svg onload=alert()>'), 'image/svg+xml').kind, 'text')
  assert.equal(shownOf(Uint8Array.of(0xff, 0xfe), 'text/plain').kind, 'bytes')
  assert.equal(shownOf(bytes('a\0b'), 'text/plain').kind, 'bytes')
})

test('a long value is cut, and says so', () => {
  const shown = shownOf(bytes('x'.repeat(200_000)), 'text/plain')
  assert(shown.kind === 'text' && shown.cut && shown.text.length === 100_000)
  const dump = shownOf(new Uint8Array(10_000), 'application/octet-stream')
  assert(dump.kind === 'bytes' && dump.cut && dump.dump.split('\n').length === 256)
})

test('bytes are dumped sixteen in a line, with what can be read', () => {
  assert.equal(
    hexDump(Uint8Array.from({ length: 18 }, (_, i) => 0x3e + i)),
    '000000  3e 3f 40 41 42 43 44 45 46 47 48 49 4a 4b 4c 4d  >?@ABCDEFGHIJKLM\n' +
      `000010  4e 4f${' '.repeat(44)}NO`,
  )
  assert.deepEqual(fromBase64('/wA='), Uint8Array.of(255, 0))
})
