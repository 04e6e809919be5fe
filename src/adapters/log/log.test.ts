import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NodeLog } from './log.ts'
import type { LogLevel } from './log.ts'

type Line = Record<string, unknown>

function recorded(level: LogLevel): { readonly log: NodeLog; readonly lines: Line[] } {
  const lines: Line[] = []
  const destination = { write: (text: string) => void lines.push(JSON.parse(text) as Line) }
  return { log: NodeLog.open({ level, node: 'node1', cluster: 'c0ffee', destination }), lines }
}

test('a line is JSON with time, level, message, node, cluster and its fields', () => {
  const { log, lines } = recorded('info')
  log.info('a member is dead', { member: 'abc', was: 'suspect' })
  const [line] = lines
  assert.match(String(line?.['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  const { time: _, ...rest } = line!
  assert.deepEqual(rest, {
    level: 'info',
    node: 'node1',
    cluster: 'c0ffee',
    member: 'abc',
    was: 'suspect',
    msg: 'a member is dead',
  })
})

test('only lines of the level and above are written, and the level changes at run time', () => {
  const { log, lines } = recorded('info')
  log.debug('not yet')
  log.setLevel('debug')
  assert.equal(log.level, 'debug')
  log.debug('now')
  log.setLevel('error')
  log.info('not any more')
  log.error('always')
  assert.deepEqual(
    lines.map((line) => [line['level'], line['msg']]),
    [
      ['debug', 'now'],
      ['error', 'always'],
    ],
  )
})

test('an error is written with its message, stack and cause', () => {
  const { log, lines } = recorded('info')
  log.error('it failed', { error: new Error('outer', { cause: new Error('inner') }) })
  const error = lines[0]?.['error'] as Line
  assert.equal(error['message'], 'outer: inner')
  assert.match(String(error['stack']), /Error: outer/)
})

test('a message is written as it is, whatever it holds', () => {
  const { log, lines } = recorded('info')
  log.info('100 %s %d %o\n"quoted"', { key: '\u0000\ud800' })
  assert.equal(lines[0]?.['msg'], '100 %s %d %o\n"quoted"')
})

test('a log with more fields keeps those that it has', () => {
  const { log, lines } = recorded('info')
  log.with({ part: 'http' }).info('listening')
  assert.deepEqual([lines[0]?.['node'], lines[0]?.['part']], ['node1', 'http'])
})

test('a log needs no cluster, as long as there is none', () => {
  const lines: string[] = []
  const destination = { write: (text: string) => void lines.push(text) }
  NodeLog.open({ level: 'info', node: 'n', destination }).info('starting')
  assert.equal('cluster' in (JSON.parse(lines[0]!) as Line), false)
})
