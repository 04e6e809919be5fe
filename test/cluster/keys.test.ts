/** The keys of a cluster of real processes, changed while it runs. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { newKey } from '../../src/server/cluster-keys.ts'
import { eventually, getJson, membersOf, RealCluster, RealNode } from '../support/real-cluster.ts'
import { runCli } from '../support/run-cli.ts'

const OLD = newKey()
const NEW = newKey()

interface Listed {
  readonly primary: string
  readonly members: readonly { readonly name: string; readonly keys?: string[]; primary?: string }[]
}

async function encryptedCluster(size: number): Promise<RealCluster> {
  const cluster = await RealCluster.start(0)
  try {
    writeFileSync(join(cluster.folder, 'old.key'), `${OLD.key}\n`)
    writeFileSync(join(cluster.folder, 'new.key'), `${NEW.key}\n`)
    cluster.flags = ['--key-file', join(cluster.folder, 'old.key')]
    for (let i = 0; i < size; i++) await cluster.add()
    await cluster.settled()
    return cluster
  } catch (error) {
    await cluster.close()
    throw error
  }
}

/**
 * Runs `dnd keys` against a node; fails unless it ends with 0 and all who are up have confirmed.
 */
async function keys(node: RealNode, ...args: readonly string[]): Promise<void> {
  const { code, err } = await runCli(['keys', ...args], { server: node.url })
  assert.equal(code, 0, err)
  assert.doesNotMatch(err, /not confirmed/)
}

async function rotate(cluster: RealCluster, node: RealNode): Promise<void> {
  await keys(node, 'install', `@${join(cluster.folder, 'new.key')}`)
  await keys(node, 'use', NEW.id)
}

/** The ids of the installed keys in the node's data directory, and the primary. */
function kept(node: RealNode): { installed: string[]; primary: string } {
  const ring = JSON.parse(readFileSync(join(node.data, 'keyring.json'), 'utf8')) as {
    primary: { id: string }
    keys: { id: string; secret: string | null }[]
  }
  const installed = ring.keys.filter(({ secret }) => secret !== null).map(({ id }) => id)
  return { installed, primary: ring.primary.id }
}

const both = [OLD.id, NEW.id].toSorted()

function noSecrets(cluster: RealCluster): void {
  for (const { log, name } of cluster.nodes)
    for (const { key } of [OLD, NEW]) assert.ok(!log.includes(key.slice(0, 12)), name)
}

async function stateOf(node: RealNode, name: string): Promise<string | undefined> {
  return (await membersOf(node)).find((member) => member.name === name)?.state
}

async function untilState(node: RealNode, name: string, state: string): Promise<void> {
  await eventually(`${node.name} sees ${name} ${state}`, async () =>
    (await stateOf(node, name)) === state ? true : undefined,
  )
}

/** Writes to all nodes in turn, one write after the other, until it is stopped. */
function startLoad(cluster: RealCluster): () => Promise<{ written: number; failures: string[] }> {
  const failures: string[] = []
  let written = 0
  let over = false
  const writers = [0, 1, 2].map(async (writer) => {
    for (let turn = 0; !over; turn++) {
      const url = cluster.urls[(writer + turn) % cluster.urls.length]!
      const response = await fetch(`${url}/kv/w${writer}-${turn % 50}`, {
        method: 'PUT',
        body: `${turn}`,
      })
      const text = await response.text()
      if (response.ok) written++
      else failures.push(text)
    }
  })
  return async () => {
    over = true
    await Promise.all(writers)
    return { written, failures }
  }
}

suite('the keys of a running cluster', () => {
  test('are changed under load without a failed write', async (t) => {
    const cluster = await encryptedCluster(3)
    t.after(() => cluster.close())
    const [first, second, third] = cluster.nodes as [RealNode, RealNode, RealNode]
    const stop = startLoad(cluster)
    await rotate(cluster, first)
    for (const node of cluster.nodes)
      assert.deepEqual(kept(node), { installed: both, primary: NEW.id })
    await keys(second, 'remove', OLD.id)
    for (const node of cluster.nodes)
      assert.deepEqual(kept(node), { installed: [NEW.id], primary: NEW.id })
    const listed = (await getJson(`${third.url}/keys`)) as Listed
    assert.deepEqual(
      listed.members.map(({ name, keys: own, primary }) => [name, own, primary]).toSorted(),
      ['node1', 'node2', 'node3'].map((name) => [name, [NEW.id], NEW.id]),
    )
    const { written, failures } = await stop()
    assert.deepEqual(failures, [])
    assert.ok(written > 0)
    for (const node of cluster.nodes)
      for (const { name } of cluster.nodes) assert.equal(await stateOf(node, name), 'alive')
    noSecrets(cluster)
  })

  test('are learned by a node that was down while its own is still installed', async (t) => {
    const cluster = await encryptedCluster(3)
    t.after(() => cluster.close())
    const [first, , third] = cluster.nodes as [RealNode, RealNode, RealNode]
    await third.end('SIGKILL')
    await untilState(first, third.name, 'dead')
    await rotate(cluster, first)
    const refused = await runCli(['keys', 'remove', OLD.id], { server: first.url })
    assert.equal(refused.code, 1)
    assert.match(refused.err, /node3 \([0-9a-f]{16}\) did not report/)
    await cluster.restart(third)
    await eventually('it has the ring', async () =>
      kept(third).primary === NEW.id ? true : undefined,
    )
    await untilState(first, third.name, 'alive')
    await keys(third, 'remove', OLD.id)
    for (const node of cluster.nodes) assert.deepEqual(kept(node).installed, [NEW.id])
  })

  test('shut out a node that was down too long, until it is given the new one', async (t) => {
    const cluster = await encryptedCluster(3)
    t.after(() => cluster.close())
    const [first, second, third] = cluster.nodes as [RealNode, RealNode, RealNode]
    await third.end('SIGKILL')
    await untilState(first, third.name, 'dead')
    await rotate(cluster, first)
    await keys(first, 'remove', OLD.id, '--force')
    await cluster.restart(third)
    await eventually('both sides say so', async () =>
      /unknown-key/.test(third.log) && /unknown-key/.test(first.log + second.log)
        ? true
        : undefined,
    )
    assert.equal(await stateOf(first, third.name), 'dead')
    await third.end()
    cluster.flags = ['--key-file', join(cluster.folder, 'new.key')]
    await cluster.restart(third)
    await untilState(first, third.name, 'alive')
    await eventually('it has the ring', async () =>
      kept(third).installed.includes(OLD.id) ? undefined : true,
    )
    noSecrets(cluster)
  })
})

test('a node that joins with a wrong key is told why, and so is the other side', async (t) => {
  const cluster = await encryptedCluster(1)
  t.after(() => cluster.close())
  const [first] = cluster.nodes as [RealNode]
  const joiner = new RealNode('joiner', join(cluster.folder, 'joiner'))
  t.after(() => joiner.end('SIGKILL'))
  const flags = ['--key-file', join(cluster.folder, 'new.key')]
  await assert.rejects(
    joiner.start(['join', first.ready!.clusterAddress, ...flags]),
    /ended with 1/,
  )
  assert.match(joiner.log, new RegExp(`key ${NEW.id}`))
  assert.match(joiner.log, /--key-file/)
  assert.match(first.log, new RegExp(`unknown-key.*${NEW.id}`))
  assert.ok(!joiner.log.includes(NEW.key.slice(0, 12)))
})
