import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DndError } from '../../core/errors.ts'
import { RequestHeaders } from './request-headers.ts'

function read(...raw: string[]): RequestHeaders {
  const headers = new RequestHeaders()
  headers.read(raw)
  return headers
}

function code(...raw: string[]): string {
  try {
    read(...raw)
  } catch (error) {
    if (error instanceof DndError) return error.code
    throw error
  }
  return assert.fail(`${raw.join()} was taken`)
}

test('names are read in any case', () => {
  const headers = read('HOST', 'h', 'content-TYPE', 'a/b', 'X-DND-CONTEXT', 'tok', 'Accept', '*/*')
  assert.equal(headers.host, 'h')
  assert.equal(headers.contentType, 'a/b')
  assert.equal(headers.context, 'tok')
  assert.equal(headers.accept, '*/*')
})

test('what is none of ours is passed over', () => {
  const headers = read('User-Agent', 'x', 'X-Forwarded-For', 'y', 'Cookie', 'z', 'X-Dn', 'w')
  assert.equal(headers.metadata, undefined)
  assert.equal(headers.announcesBody, false)
})

test('a body is announced by its length or by chunking', () => {
  assert.equal(read('Content-Length', '5').announcesBody, true)
  assert.equal(read('Content-Length', '0').announcesBody, false)
  assert.equal(read('Transfer-Encoding', 'chunked').announcesBody, true)
})

test('what may be said once is refused the second time', () => {
  assert.equal(code('Content-Type', 'a/b', 'content-type', 'a/b'), 'DND_ERR_BAD_HEADER')
  assert.equal(code('X-Dnd-Context', 'a', 'x-dnd-context', 'a'), 'DND_ERR_BAD_HEADER')
})

test('an X-Dnd header that nobody knows is refused', () => {
  assert.equal(code('X-Dnd-Contxt', 'a'), 'DND_ERR_BAD_HEADER')
  assert.equal(code('X-Dnd-', 'a'), 'DND_ERR_BAD_HEADER')
  assert.equal(code('X-Dnd-Meta', 'a'), 'DND_ERR_BAD_HEADER')
})

test('metadata is decoded, raw UTF-8 bytes included', () => {
  const raw = Buffer.from('Zürich').toString('latin1')
  const { metadata } = read('X-Dnd-Meta-City', raw, 'x-dnd-meta-b', 'a%C3%BC%25')
  assert.deepEqual(metadata, [
    ['city', 'Zürich'],
    ['b', 'aü%'],
  ])
  assert.equal(code('X-Dnd-Meta-A', 'Z\u00fcrich'), 'DND_ERR_BAD_METADATA')
})

test('a content type is printable ASCII of a bounded length, and an empty one is none', () => {
  assert.equal(read('Content-Type', '').contentType, undefined)
  assert.equal(read('Content-Type', 'x'.repeat(256)).contentType?.length, 256)
  assert.equal(code('Content-Type', 'x'.repeat(257)), 'DND_ERR_BAD_HEADER')
  assert.equal(code('Content-Type', 'a/\u00fc'), 'DND_ERR_BAD_HEADER')
})

test('what asks for more than can be promised is collected by name', () => {
  const { unsupported } = read('idempotency-key', 'a', 'content-encoding', 'br')
  assert.deepEqual(unsupported, ['Idempotency-Key', 'Content-Encoding'])
  assert.equal(read('Content-Encoding', 'identity').unsupported, undefined)
})

test('the only expectation that can be met is a continue', () => {
  assert.equal(read('Expect', '100-Continue').expectsContinue, true)
  assert.equal(code('Expect', 'tea'), 'DND_ERR_BAD_HEADER')
})
