import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldOf, fieldTemplate, parseTemplate, renderTemplate } from './template.ts'

const render = (template: string, record: unknown): string => {
  const rendered = renderTemplate(parseTemplate(template), record)
  return rendered.ok ? rendered.text : `! ${rendered.detail}`
}

test('fields stand in braces, everything else as it is', () => {
  const record = { country: 'CH', name: 'Bern', n: 7, yes: true }
  assert.equal(render('{country}/{name}', record), 'CH/Bern')
  assert.equal(render('city-{n}-{yes}.', record), 'city-7-true.')
  assert.equal(render('{{{name}}}', record), '{Bern}')
})

test('a template that cannot be meant is refused', () => {
  assert.throws(() => parseTemplate('{a'), /a lone "{"/)
  assert.throws(() => parseTemplate('a}'), /a lone "}"/)
  assert.throws(() => parseTemplate('{}'), /braces without a field name/)
  assert.throws(() => parseTemplate('plain'), /names no field/)
  assert.throws(() => parseTemplate(''), /names no field/)
})

test('a path goes into nested records unless a field has the whole name', () => {
  assert.equal(render('{a.b}', { a: { b: 'deep' } }), 'deep')
  assert.equal(render('{a.b}', { 'a.b': 'flat', a: { b: 'deep' } }), 'flat')
  assert.equal(fieldOf({ a: [10, 20] }, 'a.1'), 20)
  assert.equal(fieldOf({ a: null }, 'a.b'), undefined)
  assert.equal(fieldOf('text', 'length'), undefined)
  assert.equal(fieldOf({}, '__proto__'), undefined)
  assert.equal(fieldOf({}, 'toString'), undefined)
})

test('what is no text for a key is refused with the field', () => {
  assert.equal(render('{a}', {}), '! there is no field "a"')
  assert.equal(render('{a}', { a: '' }), '! the field "a" is empty')
  assert.equal(render('{a}', { a: null }), '! the field "a" is neither text nor a number')
  assert.equal(render('{a}', { a: {} }), '! the field "a" is neither text nor a number')
})

test('a number that JSON.parse has rounded is no key', () => {
  const record = JSON.parse('{"a":12345678901234567890}') as unknown
  assert.equal(render('{a}', record), '! the field "a" is a number too large to be exact')
  assert.equal(render('{a}', { a: 0.25 }), '0.25')
})

test('one field alone needs no braces, whatever its name', () => {
  const rendered = renderTemplate(fieldTemplate('a{b'), { 'a{b': 'x' })
  assert.deepEqual(rendered, { ok: true, text: 'x' })
})
