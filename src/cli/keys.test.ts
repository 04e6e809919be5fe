import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { ClusterKeysJson, KeyChangeJson } from '../../packages/client/src/api.ts'
import { FakeNode } from '../../test/support/fake-node.ts'
import type { FakeAnswer } from '../../test/support/fake-node.ts'
import type { CliOptions, CliResult } from '../../test/support/run-cli.ts'
import { runCli, scratch } from '../../test/support/run-cli.ts'

const OLD = '0a0b0c0d'
const NEW = 'c0c1c2c3'
const KEY = Buffer.alloc(32, 7).toString('base64')
const [FIRST, SECOND, THIRD] = ['00000000000000a1', '00000000000000a2', '00000000000000a3']

const LIST: ClusterKeysJson = {
  primary: NEW,
  keys: [
    { id: OLD, primary: false, members: [FIRST!, SECOND!] },
    { id: NEW, primary: true, members: [FIRST!] },
  ],
  members: [
    { id: FIRST!, name: 'node1', keys: [OLD, NEW], primary: NEW },
    { id: SECOND!, name: 'node2', keys: [OLD], primary: OLD },
    { id: THIRD!, name: 'node3' },
  ],
}
const CHANGE: KeyChangeJson = { id: NEW, primary: OLD, keys: [OLD, NEW], pending: [] }

let node: FakeNode
let server: string
const folder = scratch()

before(async () => {
  node = new FakeNode()
  server = await node.start()
})
after(async () => {
  await node.stop()
  folder.remove()
})
beforeEach(() => {
  node.requests.length = 0
  answers({ status: 200, json: CHANGE })
})

function answers(answer: FakeAnswer): void {
  node.intercept = ({ path }) => (path.startsWith('/keys') ? answer : undefined)
}

const keys = (args: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
  runCli(['keys', ...args], { server, cwd: folder.path, ...options })

function asked(): (readonly [method: string, target: string, body: string])[] {
  return node.requests.map(({ method, path, query, body }) => [
    method,
    query.size === 0 ? path : `${path}?${query.toString()}`,
    body.toString(),
  ])
}

describe('generate', () => {
  test('prints another key each time, and asks nobody', async () => {
    const [one, two] = [await keys(['generate']), await keys(['generate'])]
    assert.match(one.out, /^[A-Za-z0-9+/]{43}=\n$/)
    assert.notEqual(one.out, two.out)
    assert.equal(one.err, '')
    assert.deepEqual(node.requests, [])
  })

  test('with --json tells its id as well', async () => {
    const { out } = await keys(['generate', '--json'])
    const made = JSON.parse(out) as Record<string, string>
    assert.match(made['key']!, /^[A-Za-z0-9+/]{43}=$/)
    assert.match(made['id']!, /^[0-9a-f]{8}$/)
  })
})

describe('install', () => {
  test('takes the key from the command line, a file or standard input', async () => {
    writeFileSync(join(folder.path, 'next.key'), `${KEY}\n`)
    const given: readonly (readonly [string, CliOptions])[] = [
      [KEY, {}],
      ['@next.key', {}],
      ['-', { input: `${KEY}\n` }],
    ]
    for (const [argument, options] of given) {
      const { code, out, err } = await keys(['install', argument], options)
      assert.equal(code, 0, err)
      assert.equal(out, `all members that are up have the key ${NEW}\n`)
      assert.equal(err, `next: use it with "dnd keys use ${NEW}"\n`)
      assert.ok(!`${out}${err}`.includes(KEY))
    }
    const request = ['POST', '/keys', JSON.stringify({ key: KEY })]
    assert.deepEqual(asked(), [request, request, request])
  })

  test('of what is no key is refused before a node sees it, without a word of it', async () => {
    const half = KEY.slice(0, 20)
    writeFileSync(join(folder.path, 'half.key'), half)
    for (const argument of [half, '@half.key', `${KEY}${KEY}`]) {
      const { code, err } = await keys(['install', argument])
      assert.equal(code, 2)
      assert.match(err, /is no key: a key is 44 characters/)
      assert.ok(!err.includes(half), err)
    }
    assert.deepEqual(node.requests, [])
  })

  test('of a file that is not there, or that is none, says so', async () => {
    writeFileSync(join(folder.path, 'large'), 'x'.repeat(5000))
    const missing = await keys(['install', '@nothing'])
    assert.equal(missing.code, 2)
    assert.match(missing.err, /nothing cannot be read \(ENOENT\)/)
    assert.match((await keys(['install', '@large'])).err, /much larger than a key/)
    const input = { input: 'x'.repeat(5000) }
    assert.match((await keys(['install', '-'], input)).err, /much larger than a key/)
  })

  test('names who has not confirmed', async () => {
    answers({ status: 200, json: { ...CHANGE, pending: [THIRD] } })
    const { code, out, err } = await keys(['install', KEY])
    assert.equal(code, 0)
    assert.equal(out, `all members that are up have the key ${NEW}, but for 1 member\n`)
    assert.match(err, new RegExp(`^not confirmed yet by ${THIRD}`))
  })
})

describe('use', () => {
  test('names the key by its id, and says what comes next', async () => {
    answers({ status: 200, json: { ...CHANGE, primary: NEW } })
    const { code, out, err } = await keys(['use', NEW])
    assert.equal(code, 0)
    assert.equal(out, `all members that are up use the key ${NEW}\n`)
    assert.equal(err, `next: when nobody needs the old one, "dnd keys remove ${OLD}"\n`)
    assert.deepEqual(asked(), [['PUT', '/keys/primary', JSON.stringify({ id: NEW })]])
  })

  test('that is refused says by whom and what to do', async () => {
    const code = 'DND_ERR_CLUSTER_KEY_MISSING'
    const detail = 'not all who are up have it: node3 without it'
    answers({ status: 409, json: { type: 'x', title: 'x', status: 409, code, detail } })
    const refused = await keys(['use', NEW])
    assert.equal(refused.code, 1)
    assert.match(refused.err, /node3 without it\n +Try again shortly/)
  })
})

describe('remove', () => {
  test('asks for force only when it is given', async () => {
    answers({ status: 200, json: { ...CHANGE, id: OLD, primary: NEW, keys: [NEW] } })
    const { out } = await keys(['remove', OLD])
    assert.equal(out, `all members that are up have forgotten the key ${OLD}\n`)
    await keys(['remove', OLD, '--force'])
    assert.deepEqual(asked(), [
      ['DELETE', `/keys/${OLD}`, ''],
      ['DELETE', `/keys/${OLD}?force=true`, ''],
    ])
  })

  test('that is refused names the members and what force would mean', async () => {
    const code = 'DND_ERR_CLUSTER_KEY_IN_USE'
    answers({ status: 409, json: { type: 'x', title: 'x', status: 409, code, detail: 'node3' } })
    const { code: exit, err } = await keys(['remove', OLD])
    assert.equal(exit, 1)
    assert.match(err, /node3\n.*--force: that member must then be started with the new key/)
  })
})

describe('list', () => {
  test('shows each key, who has it and who uses it, and names the silent', async () => {
    answers({ status: 200, json: LIST })
    const { code, out, err } = await keys(['list'])
    assert.equal(code, 0)
    const lines = out.split('\n')
    assert.match(lines[0]!, /^KEY +PRIMARY +INSTALLED ON +USED BY$/)
    assert.match(lines[1]!, /^0a0b0c0d +node1, node2 +node2$/)
    assert.match(lines[2]!, /^c0c1c2c3 +yes +node1 +node1$/)
    assert.equal(err, 'no answer from node3: which keys they have is not known\n')
  })

  test('counts the members instead of naming many', async () => {
    const many = Array.from({ length: 40 }, (_, i) => ({ id: `n${i}`, name: `node${i}` }))
    const members = many.map((each, i) => ({
      ...each,
      keys: i > 4 ? [OLD, NEW] : [OLD],
      primary: OLD,
    }))
    const having = (key: string) => members.filter((each) => each.keys.includes(key))
    const json = {
      primary: OLD,
      keys: [OLD, NEW].map((id) => ({
        ...{ id, primary: id === OLD, members: having(id).map((each) => each.id) },
      })),
      members,
    }
    answers({ status: 200, json })
    const { out } = await keys(['list'])
    assert.match(out, /0a0b0c0d +yes +all \(40\) +all \(40\)\n/)
    assert.match(out, /c0c1c2c3 +35 of 40 +-\n/)
  })

  test('with --json prints what the node says', async () => {
    answers({ status: 200, json: LIST })
    assert.deepEqual(JSON.parse((await keys(['list', '--json'])).out), LIST)
  })
})

test('a change of which nobody knows the outcome ends with 3, and with where to look', async () => {
  answers({ break: true })
  const { code, err } = await keys(['use', NEW])
  assert.equal(code, 3)
  assert.match(err, /It may have been done: look at "dnd keys list"/)
})

test('each change prints JSON when asked', async () => {
  for (const args of [
    ['install', KEY],
    ['use', NEW],
    ['remove', OLD],
  ]) {
    const { out, err } = await keys([...args, '--json'])
    assert.deepEqual(JSON.parse(out), CHANGE)
    assert.equal(err, '')
  }
})
