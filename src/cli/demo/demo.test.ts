import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { scratch } from '../../../test/support/run-cli.ts'
import { Terminal } from '../terminal.ts'
import { bannerText, callerOf, restartCommand } from './banner.ts'
import { checkPorts } from './free-ports.ts'
import type { DemoOptions, PlannedNode } from './plan.ts'
import { planDemo } from './plan.ts'

let directory: ReturnType<typeof scratch>
beforeEach(() => {
  directory = scratch()
})
afterEach(() => directory.remove())

const plan = (options: Partial<DemoOptions> = {}): readonly PlannedNode[] =>
  planDemo({
    nodes: undefined,
    data: directory.path,
    fresh: false,
    port: 5001,
    serverPort: 6001,
    ...options,
  })

function withData(name: string): void {
  mkdirSync(join(directory.path, name))
  writeFileSync(join(directory.path, name, 'dnd.json'), '{}')
}

describe('plan', () => {
  test('three nodes count up from the first ports; the others join the first', () => {
    const nodes = plan()
    assert.deepEqual(
      nodes.map(({ name, port, serverPort, seed }) => [name, port, serverPort, seed]),
      [
        ['node1', 5001, 6001, undefined],
        ['node2', 5002, 6002, '127.0.0.1:5001'],
        ['node3', 5003, 6003, '127.0.0.1:5001'],
      ],
    )
    assert.equal(nodes[1]?.data, join(directory.path, 'node2'))
  })

  test('as many as the data is of, and never fewer', () => {
    for (const name of ['node1', 'node2', 'node3', 'node4', 'node5']) withData(name)
    assert.equal(plan().length, 5)
    assert.equal(plan({ nodes: 6 }).length, 6)
    assert.throws(() => plan({ nodes: 3 }), /holds a cluster of 5 nodes, and 3 would be too few/)
  })

  test('a node that has left the cluster joins it again, and begins no other', () => {
    for (const name of ['node1', 'node2', 'node3']) withData(name)
    const left = { left: '2026-01-01T00:00:00.000Z' }
    writeFileSync(join(directory.path, 'node1', 'dnd.json'), JSON.stringify(left))
    assert.deepEqual(
      plan().map(({ seed }) => seed),
      ['127.0.0.1:5002', undefined, '127.0.0.1:5002'],
    )
  })

  test('when the first has lost its data it joins one that has not', () => {
    withData('node2')
    withData('node3')
    const nodes = plan({ port: 7001, serverPort: 8001 })
    assert.deepEqual(
      nodes.map(({ seed }) => seed),
      ['127.0.0.1:7002', undefined, '127.0.0.1:7002'],
    )
  })

  test('--fresh removes nodes and their logs, and nothing else', () => {
    withData('node1')
    mkdirSync(join(directory.path, 'node2'))
    writeFileSync(join(directory.path, 'node1.log'), '')
    writeFileSync(join(directory.path, 'notes.txt'), '')
    assert.equal(plan({ fresh: true }).length, 3)
    const left = ['node1', 'node1.log', 'node2', 'notes.txt'].filter((name) =>
      existsSync(join(directory.path, name)),
    )
    assert.deepEqual(left, ['node2', 'notes.txt'])
  })
})

describe('ports', () => {
  test('a port that is taken is named, with its use and a way out', async () => {
    const tcp = createServer().listen(0, '127.0.0.1')
    await once(tcp, 'listening')
    const { port } = tcp.address() as AddressInfo
    await assert.rejects(checkPorts(plan({ nodes: 1, port, serverPort: 1 + (port % 60_000) })), {
      code: 'DND_ERR_PORT_IN_USE',
      message: `port ${port}, for the cluster traffic of node1, is taken by another process (another demo?)`,
      advice: `Stop the other process, or begin with another port: --port ${port + 10_000}`,
    })
    tcp.close()
    const udp = createSocket('udp4').bind(0, '127.0.0.1')
    await once(udp, 'listening')
    const taken = udp.address().port
    await assert.rejects(
      checkPorts(plan({ nodes: 1, port: taken, serverPort: 1 + (taken % 60_000) })),
      {
        code: 'DND_ERR_PORT_IN_USE',
      },
    )
    udp.close()
  })
})

describe('what is said', () => {
  const cwd = '/home/me'
  const local = (nodes: readonly PlannedNode[]): PlannedNode[] =>
    nodes.map((node) => ({
      ...node,
      data: node.data.replace(directory.path, `${cwd}/dnd data`),
      log: node.log.replace(directory.path, `${cwd}/dnd data`),
    }))

  test('commands are called as this one was', () => {
    assert.equal(callerOf('/usr/local/bin/dnd', cwd).command, 'dnd')
    assert.equal(callerOf('/home/me/node_modules/.bin/dnd', cwd).command, 'npx dnd')
    assert.equal(
      callerOf('/home/me/dist/src/cli/main.js', cwd).command,
      'node ./dist/src/cli/main.js',
    )
  })

  test('the way back is a command that can be pasted', () => {
    const caller = callerOf('/usr/bin/dnd', cwd)
    assert.equal(
      restartCommand(local(plan())[1]!, caller),
      "dnd start --name node2 --port 5002 --server-port 6002 --data '/home/me/dnd data/node2'",
    )
  })

  test('the banner has addresses, pids, curl lines and the way to kill a node', () => {
    const nodes = local(plan()).map((each, i) => ({ plan: each, pid: 100 + i }))
    const out = new Terminal(process.stdout, { NO_COLOR: '1' })
    const text = bannerText(nodes, callerOf('/usr/bin/dnd', cwd), out)
    assert.match(
      text,
      /\n {2}node2 +http:\/\/127\.0\.0\.1:6002 +127\.0\.0\.1:5002 +101 +\.\/dnd data\/node2\n/,
    )
    assert.match(
      text,
      /\n {2}curl -X PUT -d 'hello, world' http:\/\/127\.0\.0\.1:6001\/kv\/greeting\n/,
    )
    assert.match(text, /\n {2}kill -9 101\n/)
    assert.match(text, /\n {2}dnd status\n/)
  })

  test('of one node alone everything is still there', () => {
    const nodes = local(plan({ nodes: 1, port: 15_001, serverPort: 16_001 })).map((each) => ({
      plan: each,
      pid: 1,
    }))
    const text = bannerText(nodes, callerOf('/usr/bin/dnd', cwd), new Terminal(process.stdout, {}))
    assert.match(text, /a cluster of 1 node is up/)
    assert.match(text, /dnd status --server http:\/\/127\.0\.0\.1:16001\n/)
    assert.doesNotMatch(text, /undefined/)
  })
})
