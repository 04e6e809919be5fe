import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import type { BatchRequestJson } from '../../packages/client/src/api.ts'
import { FakeNode } from '../../test/support/fake-node.ts'
import type { CliOptions, CliResult } from '../../test/support/run-cli.ts'
import { runCli, scratch, startCli } from '../../test/support/run-cli.ts'

let node: FakeNode
let server: string
let directory: ReturnType<typeof scratch>

before(async () => {
  node = new FakeNode()
  server = await node.start()
})
after(() => node.stop())
beforeEach(async () => {
  await node.stop()
  node = new FakeNode()
  server = await node.start()
  directory = scratch()
})
afterEach(() => directory.remove())

const dnd = (args: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
  runCli(args, { server, cwd: directory.path, ...options })

function file(name: string, content: string | Uint8Array): string {
  writeFileSync(join(directory.path, name), content)
  return name
}

const at = (name: string): string => join(directory.path, name)

interface Summary {
  readonly complete: boolean
  readonly resumedAt: number
  readonly position: number
  readonly stored: number
  readonly refused: number
  readonly duplicates: number
  readonly reasons: readonly {
    readonly reason: string
    readonly count: number
    readonly examples: readonly {
      readonly record: number
      readonly line: number
      readonly detail: string
    }[]
  }[]
}

async function importJson(
  args: readonly string[],
  options: CliOptions = {},
): Promise<Summary & { code: number }> {
  const { code, out, err } = await dnd(['import', ...args, '--json'], options)
  assert.notEqual(out, '', err)
  return { ...(JSON.parse(out) as Summary), code }
}

/** `count` records of NDJSON with the keys k0, k1, … */
function records(count: number, from = 0): string {
  let text = ''
  for (let i = from; i < from + count; i++) text += `{"id":"k${i}","n":${i}}\n`
  return text
}

describe('formats', () => {
  test('NDJSON: every line is stored whole under its key', async () => {
    file('a.ndjson', '{"id":"a","n":1.0}\n\n{"id":"b", "t":"é"}')
    const summary = await importJson(['a.ndjson', '--key', 'id'])
    assert.deepEqual([summary.code, summary.stored, summary.refused], [0, 2, 0])
    assert.deepEqual(
      [...node.contents()],
      [
        ['default/a', '{"id":"a","n":1.0}'],
        ['default/b', '{"id":"b","t":"é"}'],
      ],
    )
    assert.equal(node.stored('default', 'a')[0]?.contentType, 'application/json')
  })

  test('NDJSON with bad lines: the good ones are stored, the bad ones are told by line', async () => {
    file('a.jsonl', '{"id":"a"}\nnonsense\n{"n":1}\n[1]\n{"id":"b"}\n{"id":""}\n')
    const summary = await importJson(['a.jsonl', '--key', 'id'])
    assert.deepEqual([summary.code, summary.stored, summary.refused], [1, 2, 4])
    const told = summary.reasons.map(({ reason, count, examples }) => [
      reason,
      count,
      examples.map((e) => e.line),
    ])
    assert.deepEqual(told, [
      ['not-a-record', 2, [2, 4]],
      ['no-key', 2, [3, 6]],
    ])
  })

  test('a JSON array: elements are records', async () => {
    file('a.json', '[\n {"country":"CH","name":"Bern"},\n {"country":"AT","name":"Wien"}\n]\n')
    const summary = await importJson([
      'a.json',
      '--bucket',
      'cities',
      '--key-template',
      '{country}/{name}',
    ])
    assert.equal(summary.stored, 2)
    assert.equal(node.contents().get('cities/CH/Bern'), '{"country":"CH","name":"Bern"}')
  })

  test('a JSON object: members are keys and values', async () => {
    file('a.json', '{"greeting":"hello","config":{ "a": 1 }}')
    await importJson(['a.json'])
    assert.equal(node.stored('default', 'greeting')[0]?.contentType, 'text/plain; charset=utf-8')
    assert.deepEqual([...node.contents().values()], ['{"a":1}', 'hello'])
  })

  test('CSV: quotes, line breaks, delimiters and quotes in fields', async () => {
    file('a.csv', 'id,text\r\n1,"a ""b"", c"\r\n2,"line\nbreak"\r\n3,5" pipe\r\n\r\n4,\r\n')
    const summary = await importJson(['a.csv', '--key', 'id', '--value', 'text'])
    assert.equal(summary.stored, 4)
    assert.deepEqual([...node.contents().values()], ['a "b", c', 'line\nbreak', '5" pipe', ''])
  })

  test('CSV: a row with too many or too few fields is refused alone', async () => {
    file('a.csv', 'id,n\n1,2\n3\n4,5,6\n7,8\n')
    const summary = await importJson(['a.csv', '--key', 'id'])
    assert.deepEqual([summary.stored, summary.refused, summary.code], [2, 2, 1])
    assert.deepEqual(
      summary.reasons[0]?.examples.map(({ line, detail }) => [line, detail]),
      [
        [3, '1 fields where the first row has 2'],
        [4, '3 fields where the first row has 2'],
      ],
    )
  })

  test('CSV with other delimiters', async () => {
    file('a.tsv', 'id\tv\n1\tx,y\n')
    file('b.csv', 'id;v\n2;x,y\n')
    await importJson(['a.tsv', '--key', 'id', '--value', 'v'])
    await importJson(['b.csv', '--key', 'id', '--value', 'v', '--delimiter', ';'])
    assert.deepEqual([...node.contents().values()], ['x,y', 'x,y'])
  })

  test('byte order marks are skipped', async () => {
    file('a.csv', '\uFEFFid\n1\n')
    file('b.json', '\uFEFF[{"id":"2"}]')
    file('c.ndjson', '\uFEFF{"id":"3"}')
    for (const name of ['a.csv', 'b.json', 'c.ndjson']) await importJson([name, '--key', 'id'])
    assert.deepEqual([...node.contents().keys()], ['default/1', 'default/2', 'default/3'])
  })

  test('standard input', async () => {
    const summary = await importJson(['-', '--format', 'ndjson', '--key', 'id'], {
      input: records(3),
    })
    assert.equal(summary.stored, 3)
  })

  test('an empty file stores nothing, an empty array too', async () => {
    file('a.ndjson', '')
    file('b.json', '[]')
    file('c.csv', '')
    for (const name of ['a.ndjson', 'b.json', 'c.csv'])
      assert.deepEqual((await importJson([name, '--key', 'id'])).stored, 0)
  })

  test('a big array comes through in pieces, every record once', async () => {
    const count = 20_000
    const array = Array.from({ length: count }, (_, i) => ({
      id: `k${i}`,
      text: 'x'.repeat(i % 300),
    }))
    file('big.json', JSON.stringify(array))
    const summary = await importJson(['big.json', '--key', 'id'])
    assert.deepEqual([summary.stored, summary.refused, summary.duplicates], [count, 0, 0])
    assert.equal(node.contents().size, count)
    assert.equal(node.contents().get('default/k19999'), JSON.stringify(array.at(-1)))
  })
})

describe('files that are not what they should be', () => {
  const cases: readonly (readonly [name: string, content: string | Uint8Array, message: RegExp])[] =
    [
      ['a.json', '[{"id":"a"},{"id":"b"', /a\.json, line 1: the file is not a complete JSON array/],
      ['a.json', '{"id":"a"}\n{"id":"b"}\n', /line 2: .*--format ndjson/],
      ['a.csv', 'id,id\n1,2\n', /line 1: two columns are called "id"/],
      ['a.csv', 'id,\n1,2\n', /line 1: column 2 has no name/],
      ['a.csv', 'id,t\n1,"open\n2,x\n', /Quote Not Closed/],
      ['a.csv', Buffer.from('id,t\n1,Z\xfcrich\n', 'latin1'), /not UTF-8.*iconv/],
      ['a.json', Buffer.from('\uFEFF[]', 'utf16le'), /UTF-16/],
      ['a.json', Uint8Array.of(0x1f, 0x8b, 8, 0), /compressed/],
    ]
  for (const [name, content, message] of cases)
    test(`${name}: ${message.source}`, async () => {
      file(name, content)
      const { code, err } = await dnd(['import', name, '--key', 'id'])
      assert.equal(code, 1)
      assert.match(err, message)
      assert.match(err, /Everything in front of that place is stored/)
      assert.equal(existsSync(at(`${name}.dnd-import.json`)), false, 'nothing to go on with')
    })

  test('what stands in front of the broken place is stored', async () => {
    file('a.json', `[${records(100).trimEnd().replaceAll('\n', ',')} {`)
    const { out } = await dnd(['import', 'a.json', '--key', 'id'])
    assert.match(out, /imported a part of a\.json.*\n {2}stored +100\n/)
    assert.equal(node.contents().size, 100)
  })

  test('no such file, and a directory', async () => {
    assert.match((await dnd(['import', 'nope.json'])).err, /there is no file .*nope\.json/)
    const { code, err } = await dnd(['import', '.', '--format', 'json'])
    assert.equal(code, 2)
    assert.match(err, /is a directory/)
  })
})

describe('keys', () => {
  test('of records with one key the last in the file wins, and the others are counted', async () => {
    const lines = Array.from({ length: 400 }, (_, i) => `{"id":"k${i % 7}","n":${i}}`)
    file('a.ndjson', lines.join('\n'))
    // Answers come in any order: later batches often overtake.
    node.intercept = () =>
      new Promise((resolve) => setTimeout(() => resolve(undefined), Math.random() * 3))
    const summary = await importJson(['a.ndjson', '--key', 'id', '--batch', '3'])
    assert.deepEqual([summary.stored, summary.duplicates], [400, 393])
    for (let i = 0; i < 7; i++) {
      const last = Math.floor((399 - i) / 7) * 7 + i
      assert.equal(node.contents().get(`default/k${i}`), `{"id":"k${i}","n":${last}}`)
    }
  })

  test('the same key with another sort key is another record', async () => {
    file('a.ndjson', '{"id":"a","d":"1"}\n{"id":"a","d":"2"}\n')
    const summary = await importJson(['a.ndjson', '--key', 'id', '--sort', 'd'])
    assert.equal(summary.duplicates, 0)
    assert.deepEqual([...node.contents().keys()], ['default/a/1', 'default/a/2'])
  })
})

describe('failures of the cluster', () => {
  test('what may succeed later is tried again, what was unknown too', async () => {
    let failures = 0
    node.intercept = ({ method }) => {
      if (method === 'GET' || failures++ % 2 === 1) return undefined
      return failures % 4 === 1
        ? { break: true, apply: true }
        : { status: 503, json: { code: 'DND_ERR_OVERLOADED', outcome: 'rejected' } }
    }
    file('a.ndjson', records(100))
    const summary = await importJson([
      'a.ndjson',
      '--key',
      'id',
      '--batch',
      '10',
      '--concurrency',
      '20',
    ])
    assert.deepEqual([summary.code, summary.stored, summary.refused], [0, 100, 0])
    assert.equal(node.contents().size, 100)
  })

  test('single operations of a batch are tried again while the others are done', async () => {
    const tries = new Map<string, number>()
    node.refuse = (key) => {
      const count = (tries.get(key) ?? 0) + 1
      tries.set(key, count)
      return key.endsWith('3') && count < 3
        ? { status: 503, code: 'DND_ERR_QUORUM_UNAVAILABLE', outcome: 'unknown' }
        : undefined
    }
    file('a.ndjson', records(20))
    assert.equal((await importJson(['a.ndjson', '--key', 'id'])).stored, 20)
    assert.deepEqual([tries.get('k3'), tries.get('k13'), tries.get('k4')], [3, 3, 1])
  })

  test('a dead server does not matter while another answers', async () => {
    file('a.ndjson', records(50))
    const servers = ['--server', `http://127.0.0.1:1,${server}`]
    const summary = await importJson(['a.ndjson', '--key', 'id', '--batch', '5', ...servers])
    assert.deepEqual([summary.stored, summary.code], [50, 0])
  })

  test('what is refused for good is counted by reason, with the places, and kept', async () => {
    node.refuse = (key) =>
      key.endsWith('7') ? { status: 413, code: 'DND_ERR_VALUE_TOO_LARGE' } : undefined
    file('a.ndjson', `${records(100)}{"n":1}\n`)
    const { code, out } = await dnd([
      'import',
      'a.ndjson',
      '--key',
      'id',
      '--refused',
      'refused.ndjson',
    ])
    assert.equal(code, 1)
    assert.match(
      out,
      /^imported a\.ndjson into bucket "default"\n {2}stored +90\n {2}refused +11, kept in refused\.ndjson\n/,
    )
    assert.match(
      out,
      /\n {4}DND_ERR_VALUE_TOO_LARGE: 10\n {6}record 8, line 8: refused with DND_ERR_VALUE_TOO_LARGE\n/,
    )
    assert.match(
      out,
      /\n {6}…\n {4}no-key: 1\n {6}record 101, line 101: there is no field "id"\n {2}elapsed/,
    )
    const lines = readFileSync(at('refused.ndjson'), 'utf8').trimEnd().split('\n')
    assert.equal(lines.length, 11)
    assert.deepEqual(JSON.parse(lines[0]!), {
      record: 8,
      line: 8,
      reason: 'DND_ERR_VALUE_TOO_LARGE',
      detail: 'refused with DND_ERR_VALUE_TOO_LARGE',
      source: '{"id":"k7","n":7}',
    })
  })

  test('a single record in a request is refused or tried again like one in a batch', async () => {
    node.refuse = (key) => (key === 'k1' ? { status: 400, code: 'DND_ERR_BAD_KEY' } : undefined)
    file('a.ndjson', records(3))
    const summary = await importJson(['a.ndjson', '--key', 'id', '--batch', '1'])
    assert.deepEqual([summary.stored, summary.refused], [2, 1])
    assert.ok(node.requests.every(({ path }) => path !== '/batch'))
  })

  test('a value that fills a request goes alone', async () => {
    const big = 'x'.repeat(1024 * 1024)
    file('a.ndjson', `{"id":"a"}\n{"id":"b","t":"${big}"}\n{"id":"c"}\n`)
    assert.equal((await importJson(['a.ndjson', '--key', 'id'])).stored, 3)
    const sizes = node.requests.map(({ body }) => body.length)
    assert.ok(Math.max(...sizes) < 3 * 1024 * 1024, String(sizes))
  })

  test('nobody there: told at once, before anything is read', async () => {
    file('a.ndjson', records(3))
    const { code, err } = await dnd(['import', 'a.ndjson', '--key', 'id'], {
      server: 'http://127.0.0.1:1',
    })
    assert.equal(code, 1)
    assert.match(err, /no connection/)
    assert.equal(existsSync(at('a.ndjson.dnd-import.json')), false)
  })

  test('when nothing succeeds any more the import stops, and the next run goes on', async () => {
    node.intercept = ({ method }) =>
      method !== 'GET' && node.puts >= 40
        ? {
            status: 503,
            json: { code: 'DND_ERR_QUORUM_UNAVAILABLE', detail: 'no quorum', outcome: 'rejected' },
          }
        : undefined
    file('a.ndjson', records(100))
    const args = [
      'a.ndjson',
      '--key',
      'id',
      '--batch',
      '10',
      '--concurrency',
      '10',
      '--give-up-after',
      '1',
    ]
    const { code, err } = await dnd(['import', ...args])
    assert.equal(code, 1)
    assert.match(
      err,
      /the import stopped behind 40 records: no quorum\n.*Run the same command again/,
    )
    node.intercept = undefined
    const summary = await importJson(args)
    assert.deepEqual([summary.resumedAt, summary.stored, summary.code], [40, 100, 0])
    assert.equal(node.puts, 100, 'nothing was stored twice')
    assert.equal(
      existsSync(at('a.ndjson.dnd-import.json')),
      false,
      'a complete import leaves nothing behind',
    )
  })
})

describe('interruption', () => {
  /** Interrupts the import when the cluster has taken `puts` records. */
  async function interrupted(args: readonly string[], puts: number): Promise<CliResult> {
    const running = startCli(['import', ...args], { server, cwd: directory.path })
    node.intercept = () => {
      if (node.puts >= puts) running.interrupt()
      return undefined
    }
    const result = await running.done
    node.intercept = undefined
    return result
  }

  const ARGS = ['a.ndjson', '--key', 'id', '--batch', '10', '--concurrency', '40']

  test('Ctrl-C ends in order, says where, and the next run goes on from there', async () => {
    node.refuse = (key) => (key === 'k5' ? { status: 400, code: 'DND_ERR_BAD_KEY' } : undefined)
    file('a.ndjson', `${records(500)}${records(10)}`)
    const args = [...ARGS, '--refused', 'refused.ndjson']
    const { code, out, err } = await interrupted(args, 200)
    assert.equal(code, 1)
    assert.match(out, /^imported a part of a\.ndjson/)
    const place = Number(
      /interrupted behind (\d+) records\n.*Run the same command again/.exec(err)?.[1],
    )
    assert.ok(place >= 160 && place < 500, err)
    const before = node.puts
    const { code: next, out: summary, err: said } = await dnd(['import', ...args])
    assert.equal(next, 1)
    assert.match(said, new RegExp(`^going on behind record ${place} of an interrupted import\n`))
    assert.match(summary, /stored +508\n {2}refused +2, kept.*\n(.*\n)+ {2}duplicates +10:/)
    assert.equal(node.puts - before, 508 - place + 1, 'only what was left was sent')
    assert.equal(node.contents().size, 499)
    assert.equal(readFileSync(at('refused.ndjson'), 'utf8').trimEnd().split('\n').length, 2)
  })

  test('a run that was killed goes on from what it kept; repeated puts change nothing', async () => {
    file('a.ndjson', records(300))
    await interrupted(ARGS, 100)
    // As if the last part of the progress had not reached the file.
    const path = at('a.ndjson.dnd-import.json')
    const kept = JSON.parse(readFileSync(path, 'utf8')) as {
      state: { position: number; stored: number }
    }
    kept.state.position = 20
    kept.state.stored = 20
    writeFileSync(path, JSON.stringify(kept))
    const summary = await importJson(ARGS)
    assert.deepEqual([summary.resumedAt, summary.stored], [20, 300])
    assert.equal(node.contents().size, 300)
  })

  test('every format goes on in the same way', async () => {
    const rows = Array.from({ length: 200 }, (_, i) => ({ id: `k${i}` }))
    file('b.json', JSON.stringify(rows))
    file('c.csv', `id\n${rows.map(({ id }) => id).join('\n')}\n`)
    for (const name of ['b.json', 'c.csv']) {
      node.puts = 0
      const args = [
        name,
        '--bucket',
        name[0]!,
        '--key',
        'id',
        '--batch',
        '10',
        '--concurrency',
        '10',
      ]
      assert.equal((await interrupted(args, 70)).code, 1)
      const summary = await importJson(args)
      assert.ok(summary.resumedAt >= 50, String(summary.resumedAt))
      assert.equal(summary.stored, 200)
    }
    assert.equal(node.contents().size, 400)
  })

  test('another file, or another use of it, does not go on where that one stopped', async () => {
    file('a.ndjson', records(300))
    await interrupted(ARGS, 100)
    const other = await dnd(['import', ...ARGS, '--bucket', 'other'])
    assert.equal(other.code, 2)
    assert.match(
      other.err,
      /there from an interrupted import, but this is another job: bucket is not the same\n.*--restart/,
    )
    const { mtime } = statSync(at('a.ndjson'))
    utimesSync(at('a.ndjson'), mtime, new Date(mtime.getTime() + 5000))
    assert.match((await dnd(['import', ...ARGS])).err, /file is not the same/)
    node.clusterJson = { ...node.clusterJson, cluster: 'f'.repeat(32) }
    assert.match(
      (await dnd(['import', ...ARGS])).err,
      /cluster is not the same, file is not the same/,
    )
    const summary = await importJson([...ARGS, '--restart'])
    assert.deepEqual([summary.resumedAt, summary.stored], [0, 300])
  })

  test('progress that cannot be read is not guessed at', async () => {
    file('a.ndjson', records(3))
    for (const text of ['{', '[]', '{"dnd":"import","job":{},"state":{"position":-1}}']) {
      file('a.ndjson.dnd-import.json', text)
      const { code, err } = await dnd(['import', 'a.ndjson', '--key', 'id'])
      assert.equal(code, 2)
      assert.match(err, /not the progress of an import\n.*--restart/)
    }
    assert.equal(node.puts, 0)
  })

  test('progress that cannot be kept is told before anything is stored', async () => {
    file('a.ndjson', records(3))
    const { code, err } = await dnd([
      'import',
      'a.ndjson',
      '--key',
      'id',
      '--resume-file',
      'no/such/place',
    ])
    assert.equal(code, 2)
    assert.match(err, /cannot be kept in .*ENOENT.*\n.*--resume-file/)
    assert.equal(node.puts, 0)
  })
})

test('a batch has as many records as was said', async () => {
  file('a.ndjson', records(25))
  await importJson(['a.ndjson', '--key', 'id', '--batch', '10', '--w', '3'])
  const batches = node.requests.filter(({ path }) => path === '/batch')
  const operations = batches.map(
    ({ body }) => (JSON.parse(body.toString()) as BatchRequestJson).operations,
  )
  assert.deepEqual(operations.map((each) => each.length).sort(), [10, 10, 5])
  assert.ok(operations.flat().every((each) => each.type === 'put' && each.w === 3))
})
