import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { RoleJson } from '../../packages/client/src/api.ts'
import type { LayoutHistoryJson, LayoutPlanJson } from '../../packages/client/src/layout-api.ts'
import type { FakeAnswer } from '../../test/support/fake-node.ts'
import { FakeNode } from '../../test/support/fake-node.ts'
import type { CliResult } from '../../test/support/run-cli.ts'
import { runCli } from '../../test/support/run-cli.ts'

const [A1, A2, A3] = ['00000000000000a1', '00000000000000a2', '00000000000000a3'] as const
const FROM = { version: 3, hash: '9be1c2d0' }
const HASH = '5f0c11ab'

const roleOf = (node: string, weight = 100, zone = 'default'): RoleJson => ({ node, zone, weight })

let node: FakeNode
let server: string
/** The roles that the members want. */
let wanted: readonly RoleJson[]
/** What the node says to a layout that is to be chosen. */
let verdict: FakeAnswer
let history: LayoutHistoryJson['layouts']
/** Bodies of what was to be chosen. */
let applied: unknown[]
/** Of what was to be planned. */
let planned: readonly (readonly RoleJson[])[]

before(async () => {
  node = new FakeNode()
  server = await node.start()
})
after(() => node.stop())
beforeEach(() => {
  wanted = [A1, A2, A3].map((id) => roleOf(id))
  verdict = { status: 200, json: { version: 4 } }
  applied = []
  planned = []
  history = [2, 3].map((version) => ({
    ...{ version, hash: version === 3 ? FROM.hash : '00000002', at: '2026-01-01T00:00:00.000Z' },
    ...{ moves: version, roles: wanted.slice(0, version) },
  }))
  node.intercept = ({ method, path, body }) => {
    if (path === '/layout/plan') {
      const roles = method === 'POST' ? rolesIn(body) : wanted
      if (method === 'POST') planned = [...planned, roles]
      return { status: 200, json: planOf(roles) }
    }
    if (path === '/layout/history') return { status: 200, json: { layouts: history } }
    if (path !== '/layout/apply') return undefined
    applied.push(JSON.parse(body.toString()))
    return verdict
  }
})

function rolesIn(body: Buffer): readonly RoleJson[] {
  return (JSON.parse(body.toString()) as { readonly roles: readonly RoleJson[] }).roles
}

/** Layout 4 for all roles but those in force. */
function planOf(roles: readonly RoleJson[]): LayoutPlanJson {
  if (JSON.stringify(roles) === JSON.stringify(node.layoutJson.roles)) return { from: FROM }
  return {
    from: FROM,
    plan: { version: 4, hash: HASH, roles },
    ...{ moves: 2, leastMoves: 2, links: [{ from: A1, to: A2, partitions: 2 }] },
    nodes: roles.map((role) => ({ node: role.node, before: 5, after: 5, share: 5 })),
  }
}

function refused(status: number, code: string, detail: string, outcome = 'rejected'): FakeAnswer {
  return { status, json: { type: 'about:blank', title: code, status, code, detail, outcome } }
}

const layout = (...args: readonly string[]): Promise<CliResult> =>
  runCli(['layout', ...args], { server })

describe('layout', () => {
  test('alone says what it can do, and nothing else', async () => {
    const { code, out, err } = await layout()
    assert.deepEqual([code, out], [2, ''])
    assert.match(err, /^Usage: dnd layout /)
    assert.doesNotMatch(err, /dnd:/)
  })

  test('show lists the roles in force with what each node holds', async () => {
    const { code, out } = await layout('show')
    assert.equal(code, 0)
    assert.match(out, /^NODE +ID +ZONE +WEIGHT +REPLICAS +SHARE\nnode1 +00000000000000a1 +default/)
    assert.match(out, /node2 .* 6 +33\.0 %\n/)
    assert.match(out, /\nlayout 3: 8 partitions, 2 replicas of each\n$/)
    assert.deepEqual(JSON.parse((await layout('show', '--json')).out), node.layoutJson)
  })

  test('history says what each layout changed, and when', async () => {
    const { code, out } = await layout('history')
    assert.equal(code, 0)
    assert.match(out, /\n2 +00000002 +2026-01-01T00:00:00\.000Z +2 +2 +\+node1, \+node2\n/)
    assert.match(out, /\n3 +9be1c2d0 .* 3 +3 +\+node3\n$/)
    const { layouts } = JSON.parse((await layout('history', '--json')).out) as LayoutHistoryJson
    assert.deepEqual(layouts, history)
  })
})

describe('layout plan', () => {
  test('says when the members want nothing else', async () => {
    const { code, out } = await layout('plan')
    assert.deepEqual([code, out], [0, 'Nothing to change: layout 3 is what the members want.\n'])
  })

  test('changes nothing, and says how to have it', async () => {
    wanted = [roleOf(A1), roleOf(A2)]
    const { code, out } = await layout('plan')
    assert.equal(code, 0)
    assert.match(out, /^Layout 4 \(5f0c11ab\), from layout 3:\n/)
    assert.match(out, /\nNothing is changed. To have it: dnd layout apply --expect 5f0c11ab\n$/)
    assert.deepEqual(applied, [])
  })

  test('takes other roles by name or id, on top of those that the members want', async () => {
    wanted = [roleOf(A1), roleOf(A2, 50), roleOf(A3)]
    const args = ['--weight', 'node1=200', '--zone', `${A2}=the west`, '--without', 'node3']
    const { code, out } = await layout('plan', ...args)
    assert.equal(code, 0)
    assert.deepEqual(planned, [[roleOf(A1, 200), roleOf(A2, 50, 'the west')]])
    assert.match(
      out,
      /dnd layout apply --weight node1=200 --zone '00000000000000a2=the west' --without node3 --expect 5f0c11ab\n$/,
    )
  })

  test('refuses what is no weight, no zone and no node, before anything is asked', async () => {
    const cases: readonly (readonly [string[], RegExp])[] = [
      [['--weight', 'node1=heavy'], /"heavy" is no weight\n {5}A weight is 0 to 1000/],
      [['--weight', 'node1=1001'], /"1001" is no weight/],
      [['--weight', 'node1=-1'], /"-1" is no weight/],
      [['--weight', 'node1=1.5'], /"1\.5" is no weight/],
      [['--weight', 'node1'], /--weight node1: a node and a value .*\n.*--weight node3=200/],
      [['--zone', 'node1='], /--zone node1=: a node and a value .*\n.*--zone node3=west/],
      [['--zone', '=west'], /--zone =west: a node and a value/],
      [['--without', 'node9'], /called node9\n {5}Give the id of the node/],
      [['--weight', 'node9=5'], /called node9/],
    ]
    for (const [args, problem] of cases) {
      const { code, out, err } = await layout('plan', ...args)
      assert.deepEqual([code, out], [2, ''], args.join(' '))
      assert.match(err, problem)
    }
    assert.deepEqual(planned, [])
  })

  test('of two nodes with one name wants the id', async () => {
    const { clusterJson } = node
    const members = clusterJson.members.map((member) => ({ ...member, name: 'twin' }))
    node.clusterJson = { ...clusterJson, members }
    const { code, err } = await layout('plan', '--weight', 'twin=5')
    node.clusterJson = clusterJson
    assert.equal(code, 2)
    assert.match(err, /3 nodes are called twin\n {5}Give the id/)
  })
})

describe('layout apply', () => {
  test('has the plan chosen that it shows, by its version and hash', async () => {
    wanted = [roleOf(A1), roleOf(A2)]
    const { code, out } = await layout('apply')
    assert.equal(code, 0)
    assert.match(out, /^Layout 4 \(5f0c11ab\), from layout 3:/)
    assert.match(out, /\nLayout 4 is chosen\. "dnd status" says how far the move is\.\n$/)
    assert.deepEqual(applied, [{ version: 4, hash: HASH }])
  })

  test('with --json prints one value', async () => {
    wanted = [roleOf(A1)]
    const { out } = await layout('apply', '--json')
    assert.deepEqual(JSON.parse(out), { ...planOf(wanted), chosen: 4 })
  })

  test('with nothing to change asks for nothing', async () => {
    const { code, out } = await layout('apply')
    assert.equal(code, 0)
    assert.match(out, /^Nothing to change/)
    assert.deepEqual(applied, [])
  })

  test('takes the plan that was looked at, or none', async () => {
    wanted = [roleOf(A1), roleOf(A2)]
    assert.equal((await layout('apply', '--expect', HASH)).code, 0)
    const { code, err } = await layout('apply', '--expect', '12345678')
    assert.equal(code, 1)
    assert.match(err, /the plan is 5f0c11ab, not 12345678\n {5}Look at the plan again/)
    wanted = node.layoutJson.roles
    assert.match(
      (await layout('apply', '--expect', HASH)).err,
      /is to change nothing, not 5f0c11ab/,
    )
    assert.equal(applied.length, 1)
  })

  test('asked twice for the same layout is content with the first time', async () => {
    const { code, out } = await layout('apply', '--expect', FROM.hash)
    assert.deepEqual([code, out], [0, 'Layout 3 (9be1c2d0) is in force already.\n'])
    const { out: json } = await layout('apply', '--expect', FROM.hash, '--json')
    assert.deepEqual(JSON.parse(json), { from: FROM, chosen: 3 })
  })

  test('sends the roles that were given along', async () => {
    await layout('apply', '--weight', 'node2=0')
    const roles = [roleOf(A1), roleOf(A2, 0), roleOf(A3)]
    assert.deepEqual(applied, [{ version: 4, hash: HASH, roles }])
  })

  test('tells why it was refused, and what to do', async () => {
    wanted = [roleOf(A1)]
    const cases = [
      [409, 'DND_ERR_LAYOUT_CONFLICT', /Look at the plan again/],
      [409, 'DND_ERR_LAYOUT_MOVING', /Wait until "dnd status" says that nothing moves/],
      [409, 'DND_ERR_NODE_DOWN', /Bring it back first/],
      [503, 'DND_ERR_LAYOUT_UNAVAILABLE', /members that are not alive/],
    ] as const
    for (const [status, name, advice] of cases) {
      verdict = refused(status, name, 'the reason')
      const { code, err } = await layout('apply')
      assert.equal(code, 1, name)
      assert.match(err, /^dnd: the reason/)
      assert.match(err, advice)
    }
  })

  test('of which nobody knows what became says to look, and nothing of keys', async () => {
    wanted = [roleOf(A1)]
    verdict = refused(503, 'DND_ERR_LAYOUT_UNAVAILABLE', 'it may be chosen yet', 'unknown')
    for (const given of [verdict, { hang: true } as const]) {
      verdict = given
      const { code, err } = await layout('apply', '--timeout', '50')
      assert.equal(code, 3)
      assert.match(err, /look at "dnd layout show" before trying again/)
      assert.doesNotMatch(err, /key/)
    }
  })
})

describe('layout revert', () => {
  test('gives the roles of the layout before, as a new one', async () => {
    const { code, out } = await layout('revert')
    assert.equal(code, 0)
    const roles = [roleOf(A1), roleOf(A2)]
    assert.deepEqual(applied, [{ version: 4, hash: HASH, roles }])
    assert.match(out, /\nLayout 4 is chosen/)
  })

  test('goes back to any layout that the node remembers, without who has left since', async () => {
    const { clusterJson } = node
    const members = clusterJson.members.map((member, i) =>
      i === 1 ? { ...member, state: 'left' as const } : member,
    )
    node.clusterJson = { ...clusterJson, members }
    const { err } = await layout('revert', '2')
    node.clusterJson = clusterJson
    assert.deepEqual(planned, [[roleOf(A1)]])
    assert.match(err, /^left out, since they are not up and have no role now: node2\n$/)
  })

  test('leaves out a dead node that was removed, and keeps one that has a role', async () => {
    history = history.map((entry) => ({ ...entry, roles: [roleOf(A1), roleOf(A2), roleOf(A3)] }))
    await layout('revert')
    const { layoutJson } = node
    node.layoutJson = { ...layoutJson, roles: layoutJson.roles.slice(0, 2) }
    const { err } = await layout('revert')
    node.layoutJson = layoutJson
    assert.deepEqual(
      planned.map((roles) => roles.length),
      [3, 2],
      'node3 is dead',
    )
    assert.match(err, /no role now: node3\n$/)
  })

  test('says what it does not remember', async () => {
    for (const version of ['1', '3', 'x']) {
      const { code, err } = await layout('revert', version)
      assert.equal(code, 2)
      assert.match(err, new RegExp(`remembers no layout ${version}\\n {5}See "dnd layout history"`))
    }
    history = history.slice(1)
    assert.match((await layout('revert')).err, /remembers no layout before the present one/)
    assert.deepEqual(applied, [])
  })
})
