import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { FakeNode } from '../../test/support/fake-node.ts'
import { startCli } from '../../test/support/run-cli.ts'
import type { CliResult } from '../../test/support/run-cli.ts'

let node: FakeNode
let server: string

beforeEach(async () => {
  node = new FakeNode()
  server = await node.start()
})
afterEach(() => node.stop())

const EVENTS = [
  'event: ready\nid: one\ndata: {}',
  changed({ key: 'dark-mode', values: [value('on')] }),
  changed({ key: 'cart', sort: '7', values: [value('milk'), value('eggs\u001b[31m')] }),
  changed({ key: 'gone', values: [] }),
  changed({
    key: 'image',
    values: [{ dot: '1:4', valueBase64: '/w==', contentType: 'image/png' }],
  }),
  changed({ key: 'long', values: [value('x'.repeat(200))] }),
  ': nothing',
  'event: snapshot\ndata: {}',
  'event: snapshot-end\nid: two\ndata: {}',
]

function value(text: string): object {
  return { dot: '1:1', value: text, contentType: 'text/plain' }
}

function changed(change: object): string {
  return `event: change\ndata: ${JSON.stringify(change)}`
}

/** Runs it until the node is asked to go on, and then presses Ctrl-C. */
async function watch(args: readonly string[]): Promise<CliResult> {
  let isThrough = false
  node.intercept = ({ query }) => {
    if (query.get('since') === 'two') isThrough = true
    if (isThrough) return { hang: true }
    const headers = { 'content-type': 'text/event-stream' }
    return { status: 200, text: EVENTS.map((event) => `${event}\n\n`).join(''), headers }
  }
  const running = startCli(['watch', ...args], { server })
  while (!isThrough) await turn()
  running.interrupt()
  return running.done
}

test('changes are printed as they come, a line each, until Ctrl-C', async () => {
  const { out, err, code } = await watch(['flags'])
  assert.equal(
    out,
    `watching flags; Ctrl-C ends it
dark-mode  on
cart 7  milk
cart 7  eggs\\x1b[31m
gone  deleted
image  1 B
long  ${'x'.repeat(120)}…
-- read anew: what is not named now is gone
-- up to date
`,
  )
  assert.deepEqual([err, code], ['', 0])
})

test('as JSON each line is an event, with ids to go on from', async () => {
  const { out, code } = await watch(['flags', '--json', '--prefix', 'a b', '--since', 'before'])
  const events = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.deepEqual(events[0], { type: 'ready', id: 'one' })
  assert.deepEqual(events[2], {
    ...{ type: 'change', key: 'cart', sort: '7' },
    values: [
      { value: 'milk', contentType: 'text/plain', metadata: {} },
      { value: 'eggs\u001b[31m', contentType: 'text/plain', metadata: {} },
    ],
  })
  assert.deepEqual(events[4]!['values'], [
    { valueBase64: '/w==', contentType: 'image/png', metadata: {} },
  ])
  assert.deepEqual(events.at(-1), { type: 'snapshot-end', id: 'two' })
  assert.equal(code, 0)
  const { path, query } = node.requests[0]!
  assert.deepEqual(
    [path, query.get('prefix'), query.get('since')],
    ['/watch/flags', 'a b', 'before'],
  )
})

test('what the node refuses is said, and is no reason to try again', async () => {
  const detail = 'the token is none that a node has given'
  const problem = { title: 'no token', detail, code: 'DND_ERR_BAD_TOKEN', outcome: 'rejected' }
  node.intercept = () => ({ status: 400, json: problem })
  const { err, code } = await startCli(['watch', '--since', 'x'], { server }).done
  assert.match(err, /the token is none that a node has given/)
  assert.equal(code, 2)
  assert.equal(node.requests.length, 1)
})
