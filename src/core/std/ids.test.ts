import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { clusterId, formatAddress, nodeId, parseAddress } from './ids.ts'

test('a node id is sixteen lower-case hexadecimal digits', () => {
  assert.equal(nodeId('0123456789abcdef'), '0123456789abcdef')
  for (const bad of [
    '',
    '0123456789abcde',
    '0123456789abcdef0',
    '0123456789ABCDEF',
    '0123456789abcdeg',
  ])
    assert.equal(nodeId(bad), undefined, bad)
  assert.equal(nodeId('0123456789abcdef\n'), undefined)
  assert.equal(nodeId(' 0123456789abcdef'), undefined)
})

test('a cluster id is thirty-two lower-case hexadecimal digits', () => {
  const id = '0123456789abcdef0123456789abcdef'
  assert.equal(clusterId(id), id)
  for (const bad of ['', id.slice(1), `${id}0`, id.toUpperCase(), `${id}\n`, `x${id.slice(1)}`])
    assert.equal(clusterId(bad), undefined, bad)
})

test('an address is a host and a port', () => {
  assert.deepEqual(parseAddress('node1.example:5001'), { host: 'node1.example', port: 5001 })
  assert.deepEqual(parseAddress('127.0.0.1:1'), { host: '127.0.0.1', port: 1 })
  assert.deepEqual(parseAddress('h:65535'), { host: 'h', port: 65_535 })
})

test('an address of version six stands in brackets', () => {
  assert.deepEqual(parseAddress('[::1]:5001'), { host: '::1', port: 5001 })
  assert.deepEqual(parseAddress('[2001:DB8::7]', 5001), { host: '2001:DB8::7', port: 5001 })
  assert.deepEqual(parseAddress('[::ffff:10.0.0.1]:80'), { host: '::ffff:10.0.0.1', port: 80 })
  assert.deepEqual(parseAddress('[fe80::1%eth0]:80'), { host: 'fe80::1%eth0', port: 80 })
  assert.equal(parseAddress('::1', 5001), undefined)
  assert.equal(parseAddress('::1:5001'), undefined)
})

test('the port may be left out where there is a default', () => {
  assert.deepEqual(parseAddress('node1', 5001), { host: 'node1', port: 5001 })
  assert.deepEqual(parseAddress('node1:7', 5001), { host: 'node1', port: 7 })
  assert.equal(parseAddress('node1'), undefined)
  assert.equal(parseAddress('[::1]'), undefined)
})

test('what is no address is refused', () => {
  for (const bad of [
    '',
    ':5001',
    'host:',
    'host:0',
    'host:65536',
    'host:123456',
    'host:-1',
    'host:1.5',
    'host:5001x',
    'host:5001 ',
    ' host:5001',
    'ho st:5001',
    'a:b:5001',
    'http://host:5001',
    '[]:5001',
    '[::1:5001',
    '::1]:5001',
    '[::1]5001',
    '[host]:5001',
    '[::1%]:5001',
    'host:5001\n',
  ])
    assert.equal(parseAddress(bad), undefined, JSON.stringify(bad))
  assert.equal(parseAddress(`${'a'.repeat(254)}:5001`), undefined)
  assert.ok(parseAddress(`${'a'.repeat(253)}:5001`) !== undefined)
})

test('every address reads back as it was written', () => {
  const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain(), fc.constant('fe80::1%eth0.7'))
  const port = fc.integer({ min: 1, max: 65_535 })
  const property = fc.property(host, port, (h, p) => {
    const address = { host: h, port: p }
    assert.deepEqual(parseAddress(formatAddress(address)), address)
  })
  fc.assert(property, { seed: 5 })
})
