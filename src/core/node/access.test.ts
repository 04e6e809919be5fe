import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8Encode } from '../std/bytes.ts'
import type { AccessRole, Grant } from './access.ts'
import {
  allows,
  allowsAll,
  FULL_GRANT,
  grantProblem,
  principalNameProblem,
  principalProblem,
  touches,
} from './access.ts'

function grant(role: AccessRole, bucket = '', prefix = ''): Grant {
  return { role, bucket, prefix: utf8Encode(prefix) }
}

test('a grant is for its bucket and for keys below its prefix', () => {
  const grants = [grant('read', 'carts', 'anna/')]
  assert.equal(allows(grants, 'read', 'carts', utf8Encode('anna/1')), true)
  assert.equal(allows(grants, 'read', 'carts', utf8Encode('anna')), false)
  assert.equal(allows(grants, 'read', 'carts', utf8Encode('annb/1')), false)
  assert.equal(allows(grants, 'read', 'carts'), false, 'the whole bucket')
  assert.equal(allows(grants, 'read', 'other', utf8Encode('anna/1')), false)
  assert.equal(allows(grants, 'write', 'carts', utf8Encode('anna/1')), false)
  assert.equal(touches(grants, 'carts'), true)
  assert.equal(touches(grants, 'other'), false)
})

test('roles contain each other', () => {
  const table: readonly (readonly [AccessRole, readonly AccessRole[]])[] = [
    ['read', ['read']],
    ['write', ['read', 'write']],
    ['admin', ['read', 'write', 'admin']],
  ]
  for (const [granted, contained] of table)
    for (const role of ['read', 'write', 'admin'] as const)
      assert.equal(allows([grant(granted)], role, 'b'), contained.includes(role))
})

test('the cluster is for who may do it on all keys of all buckets', () => {
  assert.equal(allowsAll([FULL_GRANT], 'admin'), true)
  assert.equal(allowsAll([grant('read')], 'read'), true)
  assert.equal(allowsAll([grant('read', '', 'a')], 'read'), false)
  assert.equal(allowsAll([grant('admin', 'carts')], 'read'), false)
  assert.equal(allowsAll([], 'read'), false)
})

test('what cannot be granted is told', () => {
  assert.equal(grantProblem(grant('write', 'carts', 'a')), undefined)
  assert.match(grantProblem(grant('admin', 'carts', 'a'))!, /no prefix/)
  assert.match(grantProblem(grant('read', 'Carts'))!, /bucket name/)
  assert.match(grantProblem(grant('read', '', 'x'.repeat(1025)))!, /1024/)
  assert.match(grantProblem(grant('owner' as AccessRole))!, /read, write, admin/)
  const many = Array.from({ length: 33 }, (_, i) => grant('read', `b${i}`))
  assert.match(principalProblem({ secret: Uint8Array.of(1), grants: many })!, /32/)
  assert.match(principalProblem({ secret: new Uint8Array(0), grants: [] })!, /hash/)
  for (const name of ['', '-a', 'A', 'a b', 'x'.repeat(65)])
    assert.notEqual(principalNameProblem(name), undefined, name)
  assert.equal(principalNameProblem('ci-2.of_me'), undefined)
})
