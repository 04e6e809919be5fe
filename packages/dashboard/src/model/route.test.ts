import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { hashOf, parseRoute } from './route.ts'
import type { Route } from './route.ts'

const PLAIN = { noNullPrototype: true } as const
const text = fc.string({ minLength: 1, unit: 'grapheme' })
const maybe = fc.option(text, { nil: undefined })
const routes: fc.Arbitrary<Route> = fc.oneof(
  fc.record({ page: fc.constant('overview' as const), node: maybe }, PLAIN),
  fc.record({ page: fc.constant('buckets' as const), bucket: maybe }, PLAIN),
  fc.record(
    {
      ...{ page: fc.constant('keys' as const), bucket: text, key: maybe, sort: maybe },
      prefix: fc.oneof(fc.constant(''), text),
    },
    PLAIN,
  ),
)

test('every place in the console has an address that leads back to it, whatever keys are named', () => {
  fc.assert(
    fc.property(routes, (route) => assert.deepEqual(parseRoute(hashOf(route)), route)),
    { seed: 7 },
  )
})

test('what is no address of the console is its first page, and half a one is completed', () => {
  assert.deepEqual(parseRoute(''), { page: 'overview', node: undefined })
  assert.deepEqual(parseRoute('#/nowhere/at/all'), { page: 'overview', node: undefined })
  const keys = { page: 'keys', bucket: 'default', prefix: '', key: undefined, sort: undefined }
  assert.deepEqual(parseRoute('#/keys'), keys)
  assert.deepEqual(parseRoute('#/keys/default/%zz'), { ...keys, key: '%zz' })
})
