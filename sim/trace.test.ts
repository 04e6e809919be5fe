import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { About, TraceLine } from './trace.ts'
import { formatLine, Trace } from './trace.ts'

const about = (text: string) => (): About => ({ text })

function hashOf(fill: (trace: Trace) => void): string {
  const trace = new Trace()
  fill(trace)
  return trace.hash()
}

test('equal stories have equal hashes of 16 digits', () => {
  const fill = (trace: Trace): void => trace.add(1.5, 0, 'send', 7, about('hello'))
  assert.equal(hashOf(fill), hashOf(fill))
  assert.match(hashOf(fill), /^[0-9a-f]{16}$/)
})

test('a change of the time, of who, what or mark, or of the order changes the hash', () => {
  const line = about('x')
  const stories: ((trace: Trace) => void)[] = [
    () => {},
    (trace) => trace.add(1, 0, 'send', 1, line),
    (trace) => trace.add(1.000_000_000_000_1, 0, 'send', 1, line),
    (trace) => trace.add(2, 0, 'send', 1, line),
    (trace) => trace.add(1, 1, 'send', 1, line),
    (trace) => trace.add(1, 0, 'sent', 1, line),
    (trace) => trace.add(1, 0, 'send', 2, line),
    (trace) => trace.announce(1, 'send', 'x'),
    (trace) => trace.announce(1, 'send', 'y'),
    (trace) => {
      trace.add(1, 0, 'send', 1, line)
      trace.add(1, 0, 'send', 2, line)
    },
    (trace) => {
      trace.add(1, 0, 'send', 2, line)
      trace.add(1, 0, 'send', 1, line)
    },
  ]
  assert.equal(new Set(stories.map(hashOf)).size, stories.length)
})

test('nothing is put into words unless somebody wants it, and the hash is the same', () => {
  let asked = 0
  const fill = (trace: Trace): string => {
    trace.add(1, 0, 'send', 1, () => {
      asked++
      return { text: 'x' }
    })
    return trace.hash()
  }
  const plain = fill(new Trace())
  assert.equal(asked, 0)
  assert.equal(fill(new Trace({ listener: () => {} })), plain)
  assert.equal(asked, 1)
  assert.equal(fill(new Trace({ keeps: true })), plain)
  assert.equal(asked, 2)
})

test('a listener hears every line, and a line reads as time, who, what, about', () => {
  const heard: TraceLine[] = []
  const trace = new Trace({ listener: (line) => heard.push(line) })
  const what = 'message ← n1'
  trace.add(1204.1134, 1, 'message', 0, () => ({ what, text: 'read', detail: () => 'k3' }))
  trace.announce(1300, 'phase', 'the world heals')
  assert.equal(trace.events, 2)
  assert.equal(formatLine(heard[0]!), '   1204.113  n2    message ← n1     read k3')
  assert.equal(formatLine(heard[1]!), '   1300.000  world phase            the world heals')
})

test('the last lines of a key are kept when asked for, and merged in order of time', () => {
  const trace = new Trace({ keeps: true })
  for (let i = 0; i < 100; i++) {
    trace.add(i, 0, 'put', 0, () => ({ text: `${i}`, key: i % 2 === 0 ? 'even' : 'odd' }))
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
  assert.deepEqual(new Trace().lastOf([]), [])
})
