/**
 * The README's first commands, run as they stand there, with the ports of a cluster of the test's.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { RealCluster } from '../support/real-cluster.ts'

/** The lines of the first block of shell commands. */
function curlLines(): string[] {
  const block = /^```sh\n([\s\S]*?)^```/m.exec(readFileSync('README.md', 'utf8'))
  return block![1]!.trim().split('\n')
}

test('the README’s curl lines do what they say', async (t) => {
  const cluster = await RealCluster.start(3)
  t.after(() => cluster.close())
  const run = (line: string): string => {
    const mine = line.replaceAll(
      /http:\/\/127\.0\.0\.1:600(\d)/g,
      (_, n: string) => cluster.urls[Number(n) - 1]!,
    )
    assert.notEqual(mine, line, 'it names a node')
    return execFileSync('sh', ['-c', mine.replace(/^curl /, 'curl -sS --fail-with-body ')], {
      encoding: 'utf8',
    })
  }
  const [put, get, list, ...more] = curlLines()
  assert.deepEqual(more, [])
  assert.equal(run(put!), '')
  assert.equal(run(get!), 'hello, ring')
  assert.deepEqual(JSON.parse(run(list!)), { keys: [{ key: 'greeting' }] })
})
