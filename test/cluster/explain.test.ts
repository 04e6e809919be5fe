/** One key, seen from all sides by people who have only the command line. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DndClient } from '../../packages/client/src/client.ts'
import { eventually, membersOf, RealCluster } from '../support/real-cluster.ts'
import { runCli } from '../support/run-cli.ts'

test('a key is explained while a replica is dead, with who wrote each sibling', async (t) => {
  const cluster = await RealCluster.start(3)
  t.after(() => cluster.close())
  const [one, two, three] = cluster.nodes
  const clients = [one!, two!, three!].map(({ url }) => new DndClient({ server: url }))
  await clients[0]!.configureBucket('carts', { conflicts: 'siblings' })
  await clients[0]!.put('ada', 'bread', { bucket: 'carts' })
  await clients[1]!.put('ada', 'milk', { bucket: 'carts' })
  const { members } = await clients[0]!.cluster()
  const idOf = (name: string): string => members.find((member) => member.name === name)!.id

  const all = await clients[2]!.explain('ada', { bucket: 'carts' })
  assert.deepEqual(
    all.replicas.map(({ name, answer }) => [name, answer]).sort(),
    [one!, two!, three!].map(({ name }) => [name, 'found']),
  )
  const writers = new Set(all.versions.map(({ writtenBy }) => writtenBy))
  assert.deepEqual(writers, new Set([idOf(one!.name), idOf(two!.name)]))

  await three!.end('SIGKILL')
  await eventually('the others know it', async () => {
    const seen = await membersOf(one!)
    return seen.find(({ name }) => name === three!.name)?.state === 'dead' ? true : undefined
  })
  const { out, code } = await runCli(['explain', 'ada', '--bucket', 'carts'], { server: one!.url })
  assert.equal(code, 0)
  assert.match(out, new RegExp(`${three!.name} +dead +reads +not asked`))
  assert.match(out, /2 concurrent values/)
})
