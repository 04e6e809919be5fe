import assert from 'node:assert/strict'
import { test } from 'node:test'
import { figuresFrom } from './figures-options.ts'

test('without options all tables are asked for, in the sizes of the page', () => {
  assert.deepEqual(figuresFrom([]), {
    parts: ['detection', 'accuracy', 'load'],
    nodes: [3, 10, 50, 100, 500, 1_000],
    seeds: 20,
    hours: 100,
  })
})

test('a part, sizes, seeds and hours can be chosen', () => {
  const args = ['--part', 'load', '--nodes', '3,10', '--seeds', '2', '--hours', '5']
  assert.deepEqual(figuresFrom(args), { parts: ['load'], nodes: [3, 10], seeds: 2, hours: 5 })
})

for (const [args, wrong] of [
  [['--speed', '3'], /Unknown option '--speed'/],
  [['fast'], /Unexpected argument 'fast'/],
  [['--part', 'beauty'], /no part beauty; there are detection, accuracy, load/],
  [['--nodes', '1'], /--nodes must be a whole number from 2 to 1024, not '1'/],
  [['--nodes', '3,'], /--nodes must be a whole number from 2 to 1024, not ''/],
  [['--seeds', 'many'], /--seeds must be a whole number/],
] as const)
  test(`refused: ${args.join(' ')}`, () => {
    const settings = figuresFrom(args)
    assert(settings !== 'help' && 'wrong' in settings)
    assert.match(settings.wrong, wrong)
  })
