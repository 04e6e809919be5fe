/**
 * The cluster's keys, changed while nodes go and come. What the links do with keys is played here
 * by a rule: a message arrives where the two nodes have a key in common.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { suite, test } from 'node:test'
import type { KeyId, KeyringState } from '../../src/core/node/cluster-key.ts'
import { KEY_BYTES, keyIdOf } from '../../src/core/node/cluster-key.ts'
import type { KeysAsk, KeysResult } from '../../src/core/node/key-asks.ts'
import { installedKeys, primaryOf } from '../../src/core/node/key-ring.ts'
import { ZERO_STAMP } from '../../src/core/versions/stamp.ts'
import type { MiniCluster, MiniNode } from '../support/mini-cluster.ts'
import { clusterOf, put } from '../support/mini-client.ts'

const secretOf = (byte: number): Uint8Array => new Uint8Array(KEY_BYTES).fill(byte)
const idOf = (byte: number): KeyId =>
  keyIdOf(secretOf(byte), (bytes) => createHash('sha256').update(bytes).digest())

const OLD = idOf(1)
const NEW = idOf(2)
const BOTH = [OLD, NEW].toSorted()

/** As a node begins that is given the key in its configuration. */
function configured(byte: number): KeyringState {
  const id = idOf(byte)
  const entry = { id, stamp: ZERO_STAMP, secret: secretOf(byte) }
  return { entries: [entry], primary: { id, stamp: ZERO_STAMP } }
}

function encryptedCluster(size: number): MiniCluster {
  const cluster = clusterOf(size, { keyring: configured(1) })
  cluster.hinder = (from, to) => (canTalk(from, to) ? undefined : 'refused')
  return cluster
}

function canTalk(from: MiniNode, to: MiniNode): boolean {
  return keysOf(from).some((id) => keysOf(to).includes(id))
}

/** What the node would find when it is started again, or does. */
const keysOf = ({ keyring }: MiniNode): readonly KeyId[] => installedKeys(keyring!)
const sealsWith = ({ keyring }: MiniNode): KeyId | undefined => primaryOf(keyring!)

function ask(cluster: MiniCluster, node: MiniNode, wish: KeysAsk): KeysResult {
  const reply = cluster.ask(node, { type: 'cluster-keys', ask: wish })
  assert.ok(reply.type === 'cluster-keys')
  return reply.result
}

/** Asks for a change that all who are up must confirm. */
function change(cluster: MiniCluster, node: MiniNode, wish: KeysAsk): void {
  const result = ask(cluster, node, wish)
  assert.ok(result.ok && result.what === 'changed', JSON.stringify(result))
  assert.deepEqual(result.pending, [])
}

function refusal(cluster: MiniCluster, node: MiniNode, wish: KeysAsk): string {
  const result = ask(cluster, node, wish)
  assert.ok(!result.ok, JSON.stringify(result))
  return `${result.code}: ${result.message}`
}

const install = (byte: number): KeysAsk => ({ what: 'install', secret: secretOf(byte) })
const use = (id: KeyId): KeysAsk => ({ what: 'use', id })
const remove = (id: KeyId, force = false): KeysAsk => ({ what: 'remove', id, force })

function isDead(node: MiniNode, other: MiniNode): boolean {
  return node.node
    .view()
    .members.some(({ info, state }) => info.id === other.id && state === 'dead')
}

suite('a rotation', () => {
  test('with all nodes up ends with the new key alone, and every write succeeds meanwhile', () => {
    const cluster = encryptedCluster(3)
    const [first, second, third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
    let written = 0
    const write = (): void => {
      for (const node of cluster.nodes)
        assert.ok(put(cluster, node, `key-${written}`, `value-${written++}`).ok)
    }
    write()
    change(cluster, first, install(2))
    for (const node of cluster.nodes) assert.deepEqual(keysOf(node), BOTH)
    for (const node of cluster.nodes) assert.equal(sealsWith(node), OLD)
    write()
    change(cluster, second, use(NEW))
    for (const node of cluster.nodes) assert.equal(sealsWith(node), NEW)
    write()
    change(cluster, third, remove(OLD))
    for (const node of cluster.nodes) assert.deepEqual(keysOf(node), [NEW])
    write()
  })

  test('is seen by whoever lists the keys, at any node', () => {
    const cluster = encryptedCluster(3)
    const [first, second, third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
    change(cluster, first, install(2))
    change(cluster, first, use(NEW))
    const report = { keys: BOTH, primary: NEW }
    assert.deepEqual(ask(cluster, third, { what: 'list' }), {
      ok: true,
      what: 'list',
      members: [first, second, third].map(({ id }) => ({ node: id, report })),
    })
  })

  test('outlives a restart of each node', () => {
    const cluster = encryptedCluster(3)
    const [first] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
    change(cluster, first, install(2))
    change(cluster, first, use(NEW))
    change(cluster, first, remove(OLD))
    for (const node of cluster.nodes) {
      cluster.kill(node)
      cluster.restart(node)
      cluster.until('it serves again', () => node.node.view().ready)
    }
    cluster.run(20_000)
    for (const node of cluster.nodes) assert.deepEqual(keysOf(node), [NEW])
  })
})

suite('a node that is down during a rotation', () => {
  test('and comes back while its key is still installed learns the ring', () => {
    const cluster = encryptedCluster(3)
    const [first, second, third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
    cluster.kill(third)
    cluster.until('the others see it dead', () => isDead(first, third) && isDead(second, third))
    change(cluster, first, install(2))
    change(cluster, first, use(NEW))
    assert.deepEqual(keysOf(third), [OLD])
    cluster.restart(third)
    cluster.until('it has the ring', () => sealsWith(third) === NEW)
    assert.deepEqual(keysOf(third), BOTH)
    cluster.until('it is up', () => !isDead(first, third))
    change(cluster, third, remove(OLD))
    for (const node of cluster.nodes) assert.deepEqual(keysOf(node), [NEW])
  })

  test('keeps its key from being removed, unless by force', () => {
    const cluster = encryptedCluster(3)
    const [first, second, third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
    cluster.kill(third)
    cluster.until('the others see it dead', () => isDead(first, third) && isDead(second, third))
    change(cluster, first, install(2))
    change(cluster, first, use(NEW))
    const refused = refusal(cluster, first, remove(OLD))
    assert.match(refused, /^DND_ERR_CLUSTER_KEY_IN_USE: node3 \(/)
    assert.deepEqual(keysOf(first), BOTH)
    change(cluster, first, remove(OLD, true))
    for (const node of [first, second]) assert.deepEqual(keysOf(node), [NEW])
  })

  test('and comes back after the removal is heard by nobody until it is given the new key', () => {
    const cluster = encryptedCluster(3)
    const [first, second, third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
    cluster.kill(third)
    cluster.until('the others see it dead', () => isDead(first, third) && isDead(second, third))
    change(cluster, first, install(2))
    change(cluster, first, use(NEW))
    change(cluster, first, remove(OLD, true))
    cluster.restart(third)
    cluster.run(20_000)
    assert.deepEqual(keysOf(third), [OLD])
    for (const node of [first, second]) assert.deepEqual(keysOf(node), [NEW])
    cluster.kill(third)
    // What `KeyringFile` makes of a ring that does not know the configured key.
    const { entries } = configured(1)
    const given = configured(2)
    third.keyring = {
      entries: [...entries, ...given.entries].toSorted((a, b) => (a.id < b.id ? -1 : 1)),
      primary: given.primary,
    }
    cluster.restart(third)
    cluster.until('it has the ring', () => !keysOf(third).includes(OLD))
    assert.equal(sealsWith(third), NEW)
    for (const node of [first, second]) assert.deepEqual(keysOf(node), [NEW])
  })

  test('does not keep its key when it had reported the new one before', () => {
    const cluster = encryptedCluster(3)
    const [first, second, third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
    change(cluster, first, install(2))
    change(cluster, first, use(NEW))
    cluster.kill(third)
    cluster.until('the others see it dead', () => isDead(first, third) && isDead(second, third))
    change(cluster, first, remove(OLD))
    cluster.restart(third)
    cluster.until('it has heard', () => !keysOf(third).includes(OLD))
  })
})

suite('while a member that is up lacks the key', () => {
  test('its use is refused, and names who lacks it', () => {
    const cluster = encryptedCluster(3)
    const [first, , third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
    third.keysFail = true
    const result = ask(cluster, first, install(2))
    assert.ok(result.ok && result.what === 'changed')
    assert.deepEqual(result.pending, [third.id])
    assert.match(
      refusal(cluster, first, use(NEW)),
      /^DND_ERR_CLUSTER_KEY_MISSING: .*node3 \(0+3\) without it/,
    )
    assert.equal(sealsWith(first), OLD)
    third.keysFail = false
    cluster.until('it is told again', () => keysOf(third).includes(NEW))
    change(cluster, first, use(NEW))
  })

  test('its use is refused when that member does not answer', () => {
    const cluster = encryptedCluster(3)
    const [first, , third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
    change(cluster, first, install(2))
    cluster.stall(third, first)
    assert.match(refusal(cluster, first, use(NEW)), /node3 \(0+3\) without an answer/)
    cluster.heal()
    cluster.run(1_000)
    change(cluster, first, use(NEW))
  })
})

suite('two changes at once', () => {
  test('of two nodes that install different keys end with both keys everywhere', () => {
    const cluster = encryptedCluster(3)
    const [first, second] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
    const asked = [
      cluster.submit(first, { type: 'cluster-keys', ask: install(2) }),
      cluster.submit(second, { type: 'cluster-keys', ask: install(3) }),
    ]
    cluster.until('both are answered', () => asked.every(({ reply }) => reply !== undefined))
    for (const { reply } of asked) {
      assert.ok(reply?.type === 'cluster-keys' && reply.result.ok)
      assert.ok(reply.result.what === 'changed')
      assert.deepEqual(reply.result.pending, [])
    }
    const all = [OLD, NEW, idOf(3)].toSorted()
    for (const node of cluster.nodes) assert.deepEqual(keysOf(node), all)
    for (const node of cluster.nodes) assert.equal(sealsWith(node), OLD)
  })

  test('of two nodes that use different keys end with one primary everywhere', () => {
    const cluster = encryptedCluster(3)
    const [first, second] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
    change(cluster, first, install(2))
    change(cluster, first, install(3))
    cluster.submit(first, { type: 'cluster-keys', ask: use(NEW) })
    cluster.submit(second, { type: 'cluster-keys', ask: use(idOf(3)) })
    cluster.run(5_000)
    assert.equal(new Set(cluster.nodes.map(sealsWith)).size, 1)
    assert.notEqual(sealsWith(first), OLD)
    for (const node of cluster.nodes) assert.deepEqual(node.keyring, first.keyring)
  })

  test('on two sides of a split become one ring when it heals', () => {
    const cluster = encryptedCluster(4)
    const [first, second, third, fourth] = cluster.nodes as [MiniNode, MiniNode, MiniNode, MiniNode]
    cluster.separate([first, second], [third, fourth])
    ask(cluster, first, install(2))
    ask(cluster, third, install(3))
    assert.ok(!keysOf(fourth).includes(NEW))
    cluster.heal()
    cluster.until('all have the same', () =>
      cluster.nodes.every((node) => keysOf(node).length === 3),
    )
    for (const node of cluster.nodes) assert.deepEqual(node.keyring, first.keyring)
  })
})

suite('a node that joins', () => {
  test('with the old key gets the ring and goes on with it', () => {
    const cluster = encryptedCluster(3)
    const [first] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
    change(cluster, first, install(2))
    change(cluster, first, use(NEW))
    const joiner = cluster.add({ keyring: configured(1) })
    cluster.until('it has the ring', () => sealsWith(joiner) === NEW)
    assert.deepEqual(keysOf(joiner), BOTH)
  })

  test('with a key that is installed and not used yet does not make it the primary', () => {
    // Of two primaries that nobody has chosen the greater id would win, were there no word on it.
    const [used, next] = OLD < NEW ? [1, 2] : [2, 1]
    const cluster = clusterOf(3, { keyring: configured(used) })
    const [first] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
    change(cluster, first, install(next))
    const joiner = cluster.add({ keyring: configured(next) })
    cluster.until('it has the ring', () => keysOf(joiner).length === 2)
    cluster.run(20_000)
    for (const node of cluster.nodes) assert.equal(sealsWith(node), idOf(used))
  })
})

test('nodes that do not encrypt share no keys, and refuse to change any', () => {
  const cluster = clusterOf(2)
  cluster.watch = (_from, _to, message) =>
    assert.ok(message.type !== 'state-sync' || message.keyring === undefined)
  const [first] = cluster.nodes as [MiniNode, MiniNode]
  assert.match(refusal(cluster, first, install(2)), /^DND_ERR_NOT_ENCRYPTED/)
  cluster.run(20_000)
})

test('nobody is told a key that is not durable where it was installed', () => {
  const cluster = encryptedCluster(3)
  const [first, second] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
  cluster.watch = (from, _to, message) => {
    if (message.type === 'keys-reply') assert.deepEqual(message.keys, keysOf(from))
    if (message.type !== 'state-sync') return
    for (const id of installedKeys(message.keyring!)) assert.ok(keysOf(from).includes(id))
  }
  first.keysFail = true
  assert.match(refusal(cluster, first, install(2)), /^DND_ERR_STORE_FAILED: .*no space left/)
  for (const node of cluster.nodes) assert.deepEqual(keysOf(node), [OLD])
  first.keysFail = false
  change(cluster, second, install(2))
})
