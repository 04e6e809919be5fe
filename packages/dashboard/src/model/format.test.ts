import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  formatAgo,
  formatBytes,
  formatCount,
  formatPercent,
  formatRate,
  formatSeconds,
  formatSpan,
  formatTtl,
  listed,
  parseTtl,
  plural,
} from './format.ts'

test('bytes have their largest binary unit, and three digits at most', () => {
  const shown = [0, 1, 1023, 1024, 1536, 120 * 1024, 1024 ** 3 * 2.25].map(formatBytes)
  assert.deepEqual(shown, ['0 B', '1 B', '1023 B', '1 KiB', '1.5 KiB', '120 KiB', '2.3 GiB'])
})

test('counts are grouped', () => {
  const shown = [0, 999, 1000, 16_384, 1_234_567].map(formatCount)
  assert.deepEqual(shown, ['0', '999', '1,000', '16,384', '1,234,567'])
})

test('rates keep what can be read at a glance', () => {
  const shown = [0, 0.04, 0.5, 9.94, 37.4, 1234, 45_678].map(formatRate)
  assert.deepEqual(shown, ['0', '<0.1', '0.5', '9.9', '37', '1,234', '45.7k'])
})

test('seconds and shares have the unit that fits', () => {
  const seconds = [0, 0.00025, 0.0042, 0.0965, 1.5].map(formatSeconds)
  assert.deepEqual(seconds, ['0', '250 µs', '4.2 ms', '96.5 ms', '1.5 s'])
  assert.deepEqual([0, 0.004, 0.042, 0.333, 1].map(formatPercent), [
    '0%',
    '<1%',
    '4.2%',
    '33%',
    '100%',
  ])
})

test('spans are told in their largest unit', () => {
  const spans = [0, 999, 12_000, 300_000, 7_200_000, 3 * 86_400_000].map(formatSpan)
  assert.deepEqual(spans, ['0 s', '0 s', '12 s', '5 min', '2 h', '3 d'])
  assert.deepEqual([500, 12_000].map(formatAgo), ['just now', '12 s ago'])
})

test('a lifetime reads back as it was shown', () => {
  for (const ms of [0, 1000, 90_000, 3_600_000, 7 * 86_400_000])
    assert.equal(parseTtl(formatTtl(ms)), ms)
  assert.deepEqual(
    ['', '30s', '12 h', '7d', '5m'].map(parseTtl),
    [0, 30_000, 43_200_000, 604_800_000, 300_000],
  )
  assert.deepEqual(['soon', '-1s', '5', '1w'].map(parseTtl), [
    undefined,
    undefined,
    undefined,
    undefined,
  ])
})

test('names are joined as in a sentence, and many are counted', () => {
  assert.deepEqual(
    [[], ['a'], ['a', 'b'], ['a', 'b', 'c'], ['a', 'b', 'c', 'd', 'e']].map((names) =>
      listed(names),
    ),
    ['', 'a', 'a and b', 'a, b and c', 'a, b, c and 2 more'],
  )
  assert.deepEqual(
    [plural(1, 'key'), plural(2, 'key'), plural(0, 'key')],
    ['1 key', '2 keys', '0 keys'],
  )
})
