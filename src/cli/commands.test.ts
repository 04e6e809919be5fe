import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { FakeNode } from '../../test/support/fake-node.ts'
import type { CliOptions, CliResult } from '../../test/support/run-cli.ts'
import { runCli, scratch } from '../../test/support/run-cli.ts'

let node: FakeNode
let server: string
const directory = scratch()

before(async () => {
  node = new FakeNode()
  server = await node.start()
})
after(async () => {
  await node.stop()
  directory.remove()
})
beforeEach(() => {
  node.intercept = undefined
  node.requests.length = 0
})

const dnd = (args: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
  runCli(args, { server, cwd: directory.path, ...options })

/** Of a command that must succeed. */
async function output(args: readonly string[], options: CliOptions = {}): Promise<string> {
  const { code, out, err } = await dnd(args, options)
  assert.deepEqual([code, err], [0, ''], args.join(' '))
  return out
}

describe('put and get', () => {
  test('a value comes back byte for byte, without a line break of ours', async () => {
    assert.equal(await output(['put', 'a', 'hello']), 'stored "a", 5 bytes\n')
    assert.equal(await output(['get', 'a']), 'hello')
    assert.equal(await output(['get', 'a'], { tty: true }), 'hello\n')
  })

  test('a value can be given a time to live, which goes to the node as it was said', async () => {
    await output(['put', 'a', 'hello', '--ttl', '30m'])
    assert.equal(node.requests.at(-1)?.headers['x-dnd-ttl'], '1800000ms')
    await output(['put', 'a', 'hello', '--ttl', '0'])
    assert.equal(node.requests.at(-1)?.headers['x-dnd-ttl'], '0ms')
    const { code, err } = await dnd(['put', 'a', 'hello', '--ttl', 'soon'])
    assert.equal(code, 2)
    assert.match(err, /It must be a time from 1s to 100 years/)
  })

  test('@FILE stores the bytes of a file with the type of its name', async () => {
    const bytes = Buffer.from([0x89, 0x50, 0xff, 0x00])
    writeFileSync(join(directory.path, 'p.png'), bytes)
    await output(['put', 'photo', '@p.png'])
    assert.equal(node.stored('default', 'photo')[0]?.contentType, 'image/png')
    assert.deepEqual((await dnd(['get', 'photo'])).bytes, bytes)
  })

  test('- stores standard input, @@ is one @, -- ends the options', async () => {
    await output(['put', 'in', '-', '--content-type', 'application/json'], { input: '{"a":1}' })
    assert.equal(node.stored('default', 'in')[0]?.contentType, 'application/json')
    assert.equal(await output(['get', 'in']), '{"a":1}')
    await output(['put', 'at', '@@home'])
    assert.equal(await output(['get', 'at']), '@home')
    await output(['put', 'minus', '--', '-5'])
    assert.equal(await output(['get', 'minus']), '-5')
  })

  test('bucket, sort key, metadata, context and quorum go along', async () => {
    const args = [
      '--bucket',
      'b',
      '--sort',
      's',
      '--meta',
      'Author=Zoë',
      '--meta',
      'x=a=b',
      '--w',
      '3',
    ]
    const stored = JSON.parse(await output(['put', 'k', 'v', ...args, '--json'])) as {
      context: string
    }
    const read = JSON.parse(
      await output(['get', 'k', '--bucket', 'b', '--sort', 's', '--json']),
    ) as object
    assert.deepEqual(read, {
      status: 'found',
      value: 'v',
      contentType: 'text/plain; charset=utf-8',
      metadata: { author: 'Zoë', x: 'a=b' },
      context: stored.context,
    })
    assert.equal(node.requests[0]?.query.get('w'), '3')
    await output(['put', 'k', 'v2', '--context', stored.context])
    assert.equal(node.requests.at(-1)?.headers['x-dnd-context'], stored.context)
  })

  test('bytes are not poured into a terminal', async () => {
    await dnd(['put', 'bin', '-'], { input: Uint8Array.of(0, 1, 0xff) })
    const { code, out, err } = await dnd(['get', 'bin'], { tty: true })
    assert.deepEqual([code, out], [1, ''])
    assert.match(
      err,
      /3 bytes of application\/octet-stream, nothing for a terminal\n.*dnd get bin > FILE/,
    )
    const json = JSON.parse(await output(['get', 'bin', '--json'])) as { valueBase64: string }
    assert.equal(json.valueBase64, 'AAH/')
  })

  test('an absent key fails, in words or in JSON', async () => {
    const { code, out, err } = await dnd(['get', 'nobody'])
    assert.deepEqual([code, out], [1, ''])
    assert.match(err, /^dnd: no value under "nobody"\n/)
    const json = await dnd(['get', 'nobody', '--json'])
    assert.deepEqual([json.code, json.out], [1, '{"status":"absent"}\n'])
  })

  test('siblings are listed with the way out of them, and nothing goes to standard output', async () => {
    node.setBucket('carts', { conflicts: 'siblings' })
    await output(['put', 'c', 'milk', '--bucket', 'carts'])
    await output(['put', 'c', 'bread', '--bucket', 'carts'])
    const { code, out, err } = await dnd(['get', 'c', '--bucket', 'carts'])
    assert.deepEqual([code, out], [1, ''])
    assert.match(
      err,
      /2 concurrent values:\n {2}1\. 4 bytes, .*: milk\n {2}2\. 5 bytes, .*: bread\n/,
    )
    assert.match(err, /dnd put KEY VALUE --context CONTEXT/)
    const json = await dnd(['get', 'c', '--bucket', 'carts', '--json'])
    const { context, siblings } = JSON.parse(json.out) as { context: string; siblings: unknown[] }
    assert.equal(siblings.length, 2)
    await output(['put', 'c', 'both', '--bucket', 'carts', '--context', context])
    assert.equal(await output(['get', 'c', '--bucket', 'carts']), 'both')
  })

  test('a file that is not there is told, with the way to write a value that begins with @', async () => {
    const { code, err } = await dnd(['put', 'k', '@nope'])
    assert.equal(code, 2)
    assert.match(err, /nope cannot be read \(ENOENT\)\n.*write "@@"/)
    assert.equal(node.requests.length, 0)
  })

  test('delete deletes, also what is not there', async () => {
    await output(['put', 'gone', 'x'])
    assert.equal(await output(['delete', 'gone']), 'deleted "gone"\n')
    assert.equal(await output(['rm', 'gone']), 'deleted "gone"\n')
    assert.equal((await dnd(['get', 'gone'])).code, 1)
  })
})

describe('list', () => {
  before(async () => {
    for (const key of ['a', 'b', 'c\u001b[31m', "d'"])
      await runCli(['put', key, 'x', '--bucket', 'l'], { server })
    await runCli(['put', 'b', 'x', '--bucket', 'l', '--sort', 's'], { server })
  })

  test('one key a line, the sort key behind a tab, as they are for programs', async () => {
    assert.equal(await output(['list', '--bucket', 'l']), "a\nb\nb\ts\nc\u001b[31m\nd'\n")
    assert.equal(await output(['ls', '--bucket', 'l', '--prefix', 'b']), 'b\nb\ts\n')
    assert.equal(
      await output(['list', '--bucket', 'l', '--reverse', '--limit', '5']),
      "d'\nc\u001b[31m\nb\ts\nb\na\n",
    )
  })

  test('control characters do not reach a terminal', async () => {
    assert.match((await dnd(['list', '--bucket', 'l'], { tty: true })).out, /\nc\\x1b\[31m\n/)
  })

  test('when there is more it is said how to go on, on standard error', async () => {
    const first = await dnd(['list', '--bucket', 'l', '--limit', '2'])
    assert.deepEqual([first.code, first.out], [0, 'a\nb\n'])
    // The next place has a control character in it: no shell would pass it on.
    assert.equal(first.err, '… and more: list them with --all\n')
    assert.equal(await output(['list', '--bucket', 'l', '--all']), "a\nb\nb\ts\nc\u001b[31m\nd'\n")
  })

  test('JSON has the keys and where to go on', async () => {
    const page = JSON.parse(
      await output(['list', '--bucket', 'l', '--limit', '2', '--json']),
    ) as object
    assert.deepEqual(page, { keys: [{ key: 'a' }, { key: 'b' }], next: 'b\u0001s' })
    const all = JSON.parse(await output(['list', '--bucket', 'l', '--all', '--json'])) as object
    assert.deepEqual(Object.keys(all), ['keys'])
    const none = JSON.parse(await output(['list', '--bucket', 'nothing', '--json'])) as object
    assert.deepEqual(none, { keys: [] })
  })

  test('all of many keys come in pages', async () => {
    node.intercept = ({ path, query }) => {
      if (!path.endsWith('/keys')) return undefined
      const start = Number(query.get('start') ?? 0)
      const limit = Number(query.get('limit'))
      const keys = Array.from({ length: Math.min(limit, 2500 - start) }, (_, i) => ({
        key: `${start + i}`,
      }))
      return {
        status: 200,
        json: start + limit < 2500 ? { keys, next: String(start + limit) } : { keys },
      }
    }
    const lines = (await output(['list', '--all'])).trimEnd().split('\n')
    assert.deepEqual([lines.length, lines.at(-1)], [2500, '2499'])
    const some = await dnd(['list', '--limit', '1200'])
    assert.equal(some.out.trimEnd().split('\n').length, 1200)
    assert.match(some.err, /go on with --start '1200', or/)
  })
})

describe('buckets', () => {
  test('a bucket is set in part, shown, listed and reset', async () => {
    const set = await output(['bucket', 'set', 'cache', '--r', '1', '--value-bytes-max', '1000'])
    assert.match(
      set,
      /^BUCKET +N +R +W +CONFLICTS +VALUE BYTES MAX +QUORUM +TTL +PROPERTIES\ncache +3 +1 +2 +lww +1000 +sloppy +for ever +configured\n$/,
    )
    assert.match(await output(['bucket', 'list']), /\ncache +3 +1 +2/)
    assert.match(await output(['bucket', 'show', 'other']), /\nother +3 +2 +2 .*defaults\n/)
    const body = JSON.parse(await output(['bucket', 'reset', 'cache', '--json'])) as {
      configured: boolean
    }
    assert.equal(body.configured, false)
  })

  test('with another number of replicas the quorums are left to the node', async () => {
    await output(['bucket', 'set', 'two', '--n', '2'])
    const put = node.requests.find((request) => request.method === 'PUT')
    assert.deepEqual(JSON.parse(put!.body.toString()), {
      n: 2,
      conflicts: 'lww',
      valueBytesMax: 1048576,
      sloppy: true,
      ttlMs: 0,
    })
  })

  test('a bucket can say how long its values live', async () => {
    assert.match(await output(['bucket', 'set', 'tmp', '--ttl', '90m']), / 90m +configured\n$/)
    assert.match(await output(['bucket', 'set', 'tmp', '--ttl', '0']), / for ever +configured\n$/)
    for (const time of ['500ms', '1', '-1s', '1 h', '101y', '40000d'])
      assert.match(
        (await dnd(['bucket', 'set', 'tmp', `--ttl=${time}`])).err,
        /from 1s to 100 year/,
      )
  })

  test('setting nothing, or what does not exist, is wrong use', async () => {
    const { code, err } = await dnd(['bucket', 'set', 'x'])
    assert.equal(code, 2)
    assert.match(err, /^dnd: nothing to set\n/)
    assert.match((await dnd(['bucket', 'set', 'x', '--conflicts', 'magic'])).err, /lww, siblings/)
    assert.equal((await dnd(['bucket', 'st', 'x'])).code, 2)
  })
})

describe('the cluster', () => {
  test('status shows the members and what can be served', async () => {
    const out = await output(['status'])
    assert.match(out, /^cluster +0123456789abcdef0123456789abcdef, degraded\n/)
    assert.match(
      out,
      /\nmembers +2 of 3 alive\nlayout +version 3\npartitions +8 of 8 have a quorum, 0 have all/,
    )
    assert.match(out, /\nnode1 \* +alive +\d+ d ago +default +- +- +0\.1\.0 +127\.0\.0\.1:6001\n/)
    assert.match(out, /\nnode3 +dead /)
    const json = JSON.parse(await output(['status', '--json'])) as {
      health: object
      layout: object
    }
    assert.deepEqual(json.health, node.healthJson)
    assert.deepEqual(json.layout, { version: 3, moving: null })
  })

  test('status of a node without a layout, and of one to which data moves', async () => {
    node.intercept = ({ path }) =>
      path === '/layout'
        ? { status: 503, json: { code: 'DND_ERR_NOT_READY', detail: 'no' } }
        : undefined
    assert.match(
      await output(['status']),
      /\nlayout +none: this node has not been given a share yet\n/,
    )
    const moving = { from: 2, synced: [], waiting: ['00000000000000a1'], partitions: 5 }
    node.intercept = ({ path }) =>
      path === '/layout' ? { status: 200, json: { ...node.layoutJson, moving } } : undefined
    assert.match(await output(['status']), /\nlayout +version 3; 5 partitions moving to 1 node\n/)
  })

  test('ring draws shares and owners, readable without colours', async () => {
    const out = await output(['ring'])
    assert.match(out, /^layout 3: 8 partitions, 2 replicas of each\n/)
    assert.match(out, /\na +node1 +alive +5 \(63 %\) +3 \(38 %\) +█+▒+·+\n/)
    assert.match(out, /\n +0 abcabcab\n$/)
    assert.ok(!out.includes('\u001b'))
    const json = JSON.parse(await output(['ring', '--json'])) as { shares: unknown[] }
    assert.deepEqual(json.shares[0], {
      node: '00000000000000a1',
      name: 'node1',
      state: 'alive',
      weight: 100,
      first: 3,
      any: 5,
      zone: 'default',
      gains: 0,
      loses: 0,
    })
  })

  test('colours are for terminals, unless NO_COLOR says otherwise', async () => {
    const painted = await dnd(['status'], { tty: true })
    assert.ok(painted.out.includes('\u001b[32malive\u001b[39m'))
    const plain = await dnd(['status'], { tty: true, env: { NO_COLOR: '1' } })
    assert.ok(!plain.out.includes('\u001b'))
  })

  test('health exits with what it says', async () => {
    assert.equal(
      await output(['health']),
      'degraded: 8 of 8 partitions have a quorum, 0 all replicas\n',
    )
    const before = node.healthJson
    node.healthJson = {
      ...before,
      status: 'unavailable',
      read: { ok: false, code: 'X', detail: 'too few', needed: 2, got: 1 },
    }
    const { code, out } = await dnd(['health'])
    node.healthJson = before
    assert.equal(code, 1)
    assert.match(out, /^unavailable: .*\na read failed: too few\n/)
  })

  test('health tells of a clone, and of a bad connection', async () => {
    const before = node.healthJson
    node.healthJson = {
      ...before,
      status: 'unavailable',
      degraded: true,
      clonedBy: '10.0.0.9:5001',
    }
    const { code, out } = await dnd(['health'])
    node.healthJson = before
    assert.equal(code, 1)
    assert.match(
      out,
      /\nthis node is slow or badly connected\nanother process .* 10\.0\.0\.9:5001: /,
    )
  })

  test('version tells ours and that of Node', async () => {
    assert.match(await output(['version']), /^dnd \d+\.\d+\.\d+ \(Node v\d+/)
    assert.match(await output(['--version']), /^\d+\.\d+\.\d+\n$/)
    const json = JSON.parse(await output(['version', '--json'])) as { node: string }
    assert.equal(json.node, process.version)
  })
})

describe('failures', () => {
  test('what is wrong and what to do, one line each, and no stack', async () => {
    const { code, out, err } = await dnd(['get', 'k', '--server', 'http://127.0.0.1:1'])
    assert.deepEqual([code, out], [1, ''])
    assert.equal(
      err,
      'dnd: no connection to http://127.0.0.1:1\n' +
        '     Start a cluster with "dnd demo", or say where one is: --server URL, or DND_SERVER.\n',
    )
    const debug = await dnd(['get', 'k', '--server', 'http://127.0.0.1:1'], {
      env: { DND_DEBUG: '1' },
    })
    assert.match(debug.err, /\n {4}at .*\ncaused by TypeError: fetch failed/s)
  })

  test('with --json the failure is JSON too', async () => {
    const { code, err } = await dnd(['get', 'k', '--json', '--server', 'http://127.0.0.1:1'])
    assert.equal(code, 1)
    const { error } = JSON.parse(err) as { error: Record<string, unknown> }
    assert.equal(error['code'], 'DND_ERR_UNREACHABLE')
    assert.equal(error['outcome'], 'rejected')
  })

  test('a write that may be stored exits with 3', async () => {
    node.intercept = () => ({ break: true })
    const lost = await dnd(['put', 'k', 'v'])
    assert.equal(lost.code, 3)
    assert.match(lost.err, /broke before it had answered\n.*Read the key before you write again/)
    node.intercept = () => ({
      status: 504,
      json: { code: 'DND_ERR_TIMEOUT', detail: 'too slow', outcome: 'unknown', needed: 2, got: 1 },
    })
    const slow = await dnd(['put', 'k', 'v'])
    assert.equal(slow.code, 3)
    assert.match(slow.err, /^dnd: too slow \(needed 2, got 1\)\n/)
    assert.equal((await dnd(['get', 'k'])).code, 1, 'a read changes nothing')
  })

  test('a refused write exits with what the table of errors says', async () => {
    node.intercept = () => ({
      status: 413,
      json: { code: 'DND_ERR_VALUE_TOO_LARGE', detail: 'too big' },
    })
    const { code, err } = await dnd(['put', 'k', 'v'])
    assert.equal(code, 2)
    assert.match(err, /^dnd: too big\n {5}Split the value/)
  })

  test('a code that this version does not know fails with 1', async () => {
    node.intercept = () => ({
      status: 400,
      json: { code: 'DND_ERR_FROM_THE_FUTURE', detail: 'new' },
    })
    assert.equal((await dnd(['get', 'k'])).code, 1)
  })

  test('several servers, in a list or repeated: the next one answers', async () => {
    await output(['put', 'k', 'v'], { server: `http://127.0.0.1:1,${server}` })
    assert.equal(
      await output(['get', 'k', '--server', 'http://127.0.0.1:1', '--server', server]),
      'v',
    )
  })

  test('a server that is no URL is wrong use', async () => {
    const { code, err } = await dnd(['get', 'k', '--server', 'ftp://x'])
    assert.equal(code, 2)
    assert.match(err, /neither http nor https/)
  })
})
