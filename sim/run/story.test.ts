import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TraceLine } from '../trace.ts'
import type { StoryDetail } from './story.ts'
import { storyHeader, storyTeller } from './story.ts'

function line(atMs: number, who: string, what: string, about: string, more?: string): TraceLine {
  return {
    atMs,
    who,
    what,
    about,
    key: undefined,
    detail: more === undefined ? undefined : () => more,
  }
}

/** The columns of a story, blanks aside. */
function told(detail: StoryDetail, lines: readonly TraceLine[]): readonly string[] {
  const story: string[] = []
  const tell = storyTeller(detail, (text) => story.push(text.trim().replaceAll(/ +/g, ' ')))
  for (const each of lines) tell(each)
  return story
}

const LINES: readonly TraceLine[] = [
  line(0, 'world', 'phase', 'the cluster forms'),
  line(1, 'n1', 'note', '{"type":"ready"}'),
  line(2, 'n1', 'note', '{"type":"forwarded"}'),
  line(3, 'n1', 'packet → n2', 'ping'),
  line(4, 'n1', 'request', 'c3 put lww/k1 op5 w=- with context', '{ab1.7}'),
  line(5, 'n1', 'send → n2', 'replicate'),
  line(6.5, 'n1', 'reply', 'c3 ok, 2 acks', '{ab1.7}'),
  line(7, 'n2', 'request', 'c9 get siblings/k2 r=3'),
  line(8, 'n2', 'reply', 'c9 ok, 2 live', '[op1@ab1.7(1.0) op2@ab2.7(1.1) | {ab1.7 ab2.7}]'),
  line(9, 'n2', 'request', 'c10 delete siblings/k2 w=-'),
  line(11, 'n2', 'crash', '0 batches not durable'),
]

test('a plain story has what happened to the world, and operations as one line each', () => {
  assert.deepEqual(told('plain', LINES), [
    '0.000 world phase the cluster forms',
    '1.000 n1 note ready',
    '6.500 n1 put lww/k1 op5 with context → ok, 2 acks (2.5 ms, c3)',
    '8.000 n2 get siblings/k2 r=3 → ok, 2 live [op1 op2] (1.0 ms, c9)',
    '11.000 n2 crash 0 batches not durable',
    '11.000 n2 delete siblings/k2 → lost (2.0 ms, c10)',
  ])
})

test('a verbose story has all lines but packets, which are there when asked for', () => {
  assert.equal(told('verbose', LINES).length, LINES.length - 1)
  assert.equal(told('packets', LINES).length, LINES.length)
})

test('the columns have names', () => {
  const [first] = told('verbose', LINES)
  assert.equal(first?.split(' ').length, 6)
  assert.match(storyHeader(), /^ +time ms {2}who +what +about$/)
})
