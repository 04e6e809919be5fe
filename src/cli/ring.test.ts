import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { suite, test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import type { ClusterJson, LayoutJson, MemberJson } from '../../packages/client/src/api.ts'
import { ringText, sharesOf } from './ring.ts'
import { Terminal } from './terminal.ts'

const ZONES = ['north', 'east', 'west']

function screen(columns: number | undefined, isTTY = true): Terminal {
  const stream = new Writable()
  return new Terminal(Object.assign(stream, { isTTY, columns }), {})
}

const idOf = (number: number): string => number.toString(16).padStart(16, '0')

function member(number: number): MemberJson {
  return {
    ...{ id: idOf(number), name: `node${number}`, state: 'alive', since: '2026-01-01T00:00:00Z' },
    ...{ zone: ZONES[(number - 1) % 3]!, weight: 100, generation: 1, incarnation: 0, version: '1' },
    addresses: { cluster: `h:${5000 + number}`, http: `h:${6000 + number}` },
  }
}

function roleOf(number: number): LayoutJson['roles'][number] {
  return { node: idOf(number), zone: ZONES[(number - 1) % 3]!, weight: 100 }
}

/** Nodes 1 to `nodes`, in three zones in turn, that each hold their share of `partitions`. */
function layoutOf(nodes: number, partitions = 256): LayoutJson {
  const numbers = Array.from({ length: nodes }, (_, i) => i + 1)
  const table = Array.from({ length: partitions }, (_, p) =>
    [0, 1, 2].map((place) => idOf(((p + place) % nodes) + 1)),
  )
  const balance = numbers.map((number) => ({ node: idOf(number), replicas: 0, share: 0 }))
  return { version: 7, partitions, replicas: 3, roles: numbers.map(roleOf), table, balance }
}

function clusterOf(nodes: number): ClusterJson {
  const members = Array.from({ length: nodes }, (_, i) => member(i + 1))
  return { cluster: 'c'.repeat(32), self: idOf(1), encryption: { mode: 'off' }, members }
}

/** From three nodes to four: whoever is in node 4's places now. */
function growing(phase: 'filling' | 'settling' = 'filling'): LayoutJson {
  const [before, after] = [layoutOf(3), layoutOf(4)]
  const changing = after.table.flatMap((set, p) => (set.includes(idOf(4)) ? [p] : []))
  const { roles, table } = before
  return {
    ...after,
    moving: {
      ...{ from: 6, phase, synced: [], acked: [], waiting: [idOf(4)] },
      ...{ partitions: changing.length, changing, previous: { roles, table } },
    },
  }
}

const linesOf = (text: string): string[] => stripVTControlCharacters(text).split('\n')

suite('the ring', () => {
  test('fits terminals of 60 to 200 columns, painted or not, at rest and moving', () => {
    for (const columns of [60, 80, 120, 200])
      for (const layout of [layoutOf(6), layoutOf(50, 4096), growing()]) {
        const lines = linesOf(ringText(layout, clusterOf(50), screen(columns)))
        const longest = Math.max(...lines.map((line) => line.length))
        assert.ok(longest <= columns, `${longest} of ${columns} columns:\n${lines.join('\n')}`)
      }
  })

  test('uses the room of a wide terminal for the map and the bars', () => {
    const rows = (columns: number): number =>
      linesOf(ringText(layoutOf(6), clusterOf(6), screen(columns))).length
    assert.ok(rows(200) < rows(80))
    const wide = linesOf(ringText(layoutOf(6), clusterOf(6), screen(200)))
    assert.ok(
      wide.some((line) => line.endsWith('·'.repeat(32))),
      'a bar of 64, half of it empty',
    )
  })

  test('in a pipe is as on a terminal of 80 columns, without paint', () => {
    const text = ringText(layoutOf(6), clusterOf(6), screen(undefined, false))
    assert.equal(text, stripVTControlCharacters(text))
    assert.equal(text, linesOf(ringText(layoutOf(6), clusterOf(6), screen(80))).join('\n'))
  })

  test('says in which zone each node is, and whether all partitions are in as many as can be', () => {
    const lines = linesOf(ringText(layoutOf(6), clusterOf(6), screen(80)))
    assert.equal(lines[0], 'layout 7: 256 partitions, 3 replicas of each, 3 zones')
    assert.match(lines.join('\n'), /\nzones {5}256 of 256 partitions in 3 of them\n/)
    assert.match(lines.join('\n'), /\na {2}node1 {2}north {2}alive /)
    const two = layoutOf(6)
    const table = [[idOf(1), idOf(4), idOf(2)], ...two.table.slice(1)]
    const text = linesOf(ringText({ ...two, table }, clusterOf(6), screen(80))).join('\n')
    assert.match(text, /\nzones {5}255 of 256 partitions in 3 of them\n/)
  })

  test('says nothing of zones where there is one', () => {
    const layout = layoutOf(3)
    const roles = layout.roles.map((role) => ({ ...role, zone: 'default' }))
    const text = ringText({ ...layout, roles }, clusterOf(3), screen(80))
    assert.doesNotMatch(text, /zone/i)
  })

  test('compares what nodes hold with what their weights stand for', () => {
    const layout = layoutOf(4)
    const even = ringText(layout, clusterOf(4), screen(80))
    assert.match(even, /balance {3}the nodes hold 1\.000 to 1\.000 times what their weight stands/)
    const roles = layout.roles.map((role, i) => ({ ...role, weight: i === 0 ? 200 : 100 }))
    const uneven = ringText({ ...layout, roles }, clusterOf(4), screen(80))
    assert.match(uneven, /hold 0\.625 to 1\.250 times/)
  })

  test('while data moves tells how much, whom it waits for, and which partitions', () => {
    const text = linesOf(ringText(growing(), clusterOf(4), screen(80))).join('\n')
    assert.match(text, /^layout 7, data is moving to it: /)
    assert.match(
      text,
      /\nmoving {4}from layout 6: 192 partitions filled on new owners, reads ask the old\nones; waits for node4\n/,
    )
    assert.match(text, /\nd {2}node4 {2}north {2}alive .* \+192 /)
    assert.match(text, /\na {2}node1 {2}north {2}alive .* −64 /)
    const map = text.slice(text.indexOf('new owner, one letter'))
    assert.match(map, /· keeps all it has:\n {4}0 ·ddd·ddd/)
    const settling = ringText(growing('settling'), clusterOf(4), screen(200))
    assert.match(settling, /the new owners have everything, and all confirm to know it; waits for/)
  })

  test('says how far the node is that answers, while it pulls', () => {
    const progress = {
      ...{ partitions: 192, done: 9, read: { records: 9, bytes: 2_048 } },
      ...{ expected: { records: 20, bytes: 4_096 }, secondsLeft: 70 },
    }
    const cluster = { ...clusterOf(4), self: idOf(4) }
    const text = linesOf(ringText(growing(), cluster, screen(200), progress)).join('\n')
    assert.match(
      text,
      /\npulling {3}node4, which answers: 2\.0 KiB of about 4\.0 KiB read from the old owners, about 1 m 10 s left\n/,
    )
    assert.doesNotMatch(ringText(growing(), cluster, screen(200)), /pulling/)
  })

  test('weighs those who stay against each other while others go', () => {
    const [before, after] = [layoutOf(4), layoutOf(3)]
    const { roles, table } = before
    const moving = { ...growing().moving!, previous: { roles, table } }
    const text = ringText({ ...after, moving }, clusterOf(4), screen(80))
    assert.match(text, /the nodes hold 1\.000 to 1\.000 times/)
  })

  test('where nothing is copied says what a new layout still waits for', () => {
    const moving = { ...growing().moving!, partitions: 0, changing: [] }
    const text = linesOf(ringText({ ...growing(), moving }, clusterOf(4), screen(80))).join('\n')
    assert.match(text, /nothing is copied, and all confirm to know it;\s+waits\s+for\s+node4\n/)
  })

  test('lists nodes that leave until what they had has moved', () => {
    const [before, after] = [layoutOf(4), layoutOf(3)]
    const { roles, table } = before
    const moving = { ...growing().moving!, previous: { roles, table } }
    const shares = sharesOf({ ...after, moving }, clusterOf(4))
    const last = shares.at(-1)!
    assert.deepEqual([last.name, last.any, last.gains, last.loses], ['node4', 0, 0, 192])
  })
})
