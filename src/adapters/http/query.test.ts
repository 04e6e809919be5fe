import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NO_QUERY, PARAMETERS, parseQuery } from './query.ts'
import type { ParameterName } from './query.ts'

const ALL = Object.keys(PARAMETERS) as ParameterName[]

function parse(
  query: string,
  known: readonly ParameterName[] = ALL,
): ReturnType<typeof parseQuery> {
  return parseQuery(`/x?${query}`, 3, known)
}

function refusal(query: string, known: readonly ParameterName[] = ALL): string {
  try {
    parse(query, known)
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'DND_ERR_BAD_PARAMETER')
    return (error as Error).message
  }
  return assert.fail(`${query} was taken`)
}

test('a target without a query asks for nothing', () => {
  assert.equal(parseQuery('/x', 3, ALL), NO_QUERY)
  assert.equal(parseQuery('/x?', 3, ALL), NO_QUERY)
  assert(Object.isFrozen(NO_QUERY))
})

test('every kind of value is read', () => {
  const query = parse('sort=a%20b&r=1&w=7&timeout=60000&limit=10000&reverse=true&prefix=')
  assert.equal(Buffer.from(query.sort!).toString(), 'a b')
  assert.deepEqual(
    [query.r, query.w, query.timeout, query.limit, query.reverse, query.prefix?.length],
    [1, 7, 60_000, 10_000, true, 0],
  )
  assert.equal(query.start, undefined)
})

test('true and false may be written in either of two ways, and a bare name is true', () => {
  for (const text of ['reverse', 'reverse=', 'reverse=1', 'reverse=true'])
    assert.equal(parse(text).reverse, true, text)
  for (const text of ['reverse=0', 'reverse=false']) assert.equal(parse(text).reverse, false, text)
  assert.match(refusal('reverse=yes'), /"reverse" must be true or false/)
})

test('numbers outside their range, and what is no number, are refused with the range', () => {
  for (const text of ['r=0', 'r=8', 'r=-1', 'r=1.5', 'r=', 'r', 'r=1e1', 'r=9999999999', 'r=%31'])
    assert.equal(refusal(text), 'the parameter "r" must be a whole number from 1 to 7', text)
  assert.match(refusal('timeout=60001'), /from 1 to 60000/)
  assert.match(refusal('limit=10001'), /from 1 to 10000/)
})

test('an unknown parameter is refused by name, with those that are known', () => {
  assert.equal(refusal('q=1', ['r', 'sort']), 'unknown parameter "q"; this route knows r, sort')
  assert.equal(refusal('r=1', []), 'unknown parameter "r"; this route knows none')
  assert.match(refusal('R=1'), /unknown parameter "R"/)
  assert.match(refusal('%72=1'), /unknown parameter "%72"/)
  assert.match(refusal('=1'), /unknown parameter ""/)
  assert(refusal('x'.repeat(10_000)).length < 250)
})

test('a parameter given twice is refused, also when it says the same', () => {
  assert.equal(refusal('r=1&r=1'), 'the parameter "r" is given twice')
  assert.equal(refusal('sort=&sort=a'), 'the parameter "sort" is given twice')
})

test('empty pairs are nothing, and an equals sign may stand in a value', () => {
  assert.equal(Buffer.from(parse('&&sort=a=b&').sort!).toString(), 'a=b')
})
