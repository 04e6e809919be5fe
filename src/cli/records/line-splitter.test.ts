import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LineSplitter } from './line-splitter.ts'
import type { SourceItem } from './source.ts'

function split(text: string | Uint8Array, size: number, bytesMax?: number): SourceItem[] {
  const bytes = Buffer.from(text as string)
  const splitter = new LineSplitter(bytesMax)
  const items: SourceItem[] = []
  for (let at = 0; at < bytes.length; at += size)
    items.push(...splitter.push(bytes.subarray(at, at + size)))
  return [...items, ...splitter.end()]
}

const brief = (items: readonly SourceItem[]): unknown[] =>
  items.map((item) => [
    item.line,
    item.type === 'json' ? item.text : item.type === 'broken' && item.reason,
  ])

test('lines come out whole however they were chopped up, the last with or without its line break', () => {
  for (const size of [1, 2, 5, 100])
    for (const end of ['', '\n'])
      assert.deepEqual(brief(split(`{"a":"é"}\n\n  \r\n{"b":2}\r\nx${end}`, size)), [
        [1, '{"a":"é"}'],
        [4, '{"b":2}\r'],
        [5, 'x'],
      ])
})

test('a line beyond the bound is told and skipped, and the next is read', () => {
  assert.deepEqual(brief(split(`1\n${'x'.repeat(50)}\n2\n${'y'.repeat(11)}`, 7, 10)), [
    [1, '1'],
    [2, 'longer than any record'],
    [3, '2'],
    [4, 'longer than any record'],
  ])
})

test('a line that is not UTF-8 is told and skipped', () => {
  assert.deepEqual(brief(split(Uint8Array.of(0x31, 10, 0xff, 10, 0x32), 100)), [
    [1, '1'],
    [2, 'not UTF-8'],
    [3, '2'],
  ])
})
