/** The reference is what the program says of itself. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { arrange, blockText, fill } from '../scripts/docs/page.ts'
import { PAGES } from '../scripts/docs/pages.ts'

for (const [path, generate] of Object.entries(PAGES))
  test(`${path} is what "npm run docs" writes`, () => {
    const page = readFileSync(path, 'utf8')
    assert.equal(generate(page), page, `${path} is behind the code: run "npm run docs"`)
  })

describe('a page with generated parts', () => {
  const page = `# Title\n\nBefore.\n\n${blockText('a', 'old')}\n\nAfter.\n`

  test('keeps what people wrote around them', () => {
    const filled = fill(page, new Map([['a', '| new |']]))
    assert.equal(filled, page.replace('old', '| new |'))
    assert.equal(fill(filled, new Map([['a', '| new |']])), filled)
  })

  test('is refused when a part is missing, is there twice, or is generated no more', () => {
    const a = ['a', 'x'] as const
    assert.throws(() => fill(page, new Map([a, ['b', 'y']])), /lacks a block "b"/)
    assert.throws(() => fill(page, new Map()), /nothing is generated for "a"/)
    assert.throws(() => fill(page + page, new Map([a])), /two blocks are called "a"/)
  })

  test('has names where they stood, new ones beside the most alike, and none that are gone', () => {
    const had = new Map([
      ['first', ['dnd_b', 'dnd_gone', 'dnd_a_x']],
      ['second', ['dnd_c']],
    ])
    const names = ['dnd_a_x', 'dnd_a_y', 'dnd_b', 'dnd_c', 'dnd_z']
    assert.deepEqual(
      [...arrange(had, names, (name) => name.split('_'))],
      [
        ['first', ['dnd_b', 'dnd_a_x', 'dnd_a_y']],
        ['second', ['dnd_c', 'dnd_z']],
      ],
    )
  })
})
