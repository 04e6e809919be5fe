import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TraceLine } from './trace.ts'
import { formatLine, Trace } from './trace.ts'

function hashOf(fill: (trace: Trace) => void): string {
  const trace = new Trace()
  fill(trace)
  return trace.hash()
}

test('equal stories have equal hashes of 16 digits', () => {
  const fill = (trace: Trace): void => trace.add(1.5, 'n1', 'send', { text: 'hello' })
  assert.equal(hashOf(fill), hashOf(fill))
  assert.match(hashOf(fill), /^[0-9a-f]{16}$/)
})

test('a change in any column, in the order, or in where a column ends changes the hash', () => {
  const stories: ((trace: Trace) => void)[] = [
    (trace) => trace.add(1, 'n1', 'send', { text: 'x' }),
    (trace) => trace.add(2, 'n1', 'send', { text: 'x' }),
    (trace) => trace.add(1, 'n2', 'send', { text: 'x' }),
    (trace) => trace.add(1, 'n1', 'sent', { text: 'x' }),
    (trace) => trace.add(1, 'n1', 'send', { text: 'y' }),
    (trace) => trace.add(1, 'n1', 'sendx', { text: '' }),
    (trace) => {
      trace.add(1, 'n1', 'send', { text: 'x' })
      trace.add(1, 'n1', 'send', { text: 'y' })
    },
    (trace) => {
      trace.add(1, 'n1', 'send', { text: 'y' })
      trace.add(1, 'n1', 'send', { text: 'x' })
    },
  ]
  assert.equal(new Set(stories.map(hashOf)).size, stories.length)
})

test('details are worked out for readers only and are no part of the hash', () => {
  let asked = 0
  const detail = (): string => {
    asked++
    return 'more'
  }
  const plain = hashOf((trace) => trace.add(1, 'n1', 'send', { text: 'x' }))
  const detailed = hashOf((trace) => trace.add(1, 'n1', 'send', { text: 'x', detail }))
  assert.equal(plain, detailed)
  assert.equal(asked, 0)
})

test('a listener hears every line, and a line reads as time, who, what, about', () => {
  const heard: TraceLine[] = []
  const trace = new Trace((line) => heard.push(line))
  trace.add(1204.1134, 'n2', 'message ← n1', { text: 'read', detail: () => 'k3' })
  assert.equal(trace.lines, 1)
  assert.equal(formatLine(heard[0]!), '   1204.113  n2    message ← n1     read k3')
})

test('the last lines of a key are kept, and merged in order of time', () => {
  const trace = new Trace()
  for (let i = 0; i < 100; i++) {
    trace.add(i, 'n1', 'put', { text: `${i}`, key: i % 2 === 0 ? 'even' : 'odd' })
  }
  const even = trace.lastOf(['even'])
  assert.equal(even.at(-1)?.about, '98')
  assert.ok(even.length <= 60)
  const both = trace.lastOf(['even', 'odd']).map((line) => line.atMs)
  assert.deepEqual(
    both,
    [...both].sort((a, b) => a - b),
  )
  assert.equal(trace.lastOf([]).at(-1)?.about, '99')
  assert.deepEqual(trace.lastOf(['never']), [])
})
