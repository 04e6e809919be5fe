/** A node that is killed while it pulls its share, and started again. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually, getJson, RealCluster, RealNode } from '../support/real-cluster.ts'

const KEYS = 4_000
const VALUE = 'x'.repeat(2_000)

/** Records that a node has sent to those who pull from it, since it was started. */
async function sentBy(node: RealNode): Promise<number> {
  const text = await (await fetch(`${node.url}/metrics`)).text()
  const found = /^dnd_transfer_records_sent_total (\d+)/m.exec(text)
  assert.ok(found !== null, 'no counter of records sent')
  return Number(found[1])
}

async function sentByAll(nodes: readonly RealNode[]): Promise<number> {
  const counts = await Promise.all(nodes.map(sentBy))
  return counts.reduce((sum, count) => sum + count, 0)
}

async function fill(nodes: readonly RealNode[]): Promise<void> {
  const writers = Array.from({ length: 16 }, async (_, writer) => {
    for (let n = writer; n < KEYS; n += 16) {
      const url = nodes[n % nodes.length]!.url
      const { ok } = await fetch(`${url}/kv/k${n}`, { method: 'PUT', body: VALUE })
      assert.ok(ok, `k${n}`)
    }
  })
  await Promise.all(writers)
}

async function untilHeldBy(count: number, nodes: readonly RealNode[]): Promise<void> {
  for (const node of nodes)
    await eventually(
      `${node.name} knows a complete layout of ${count}`,
      async () => {
        const layout = (await getJson(`${node.url}/layout`)) as {
          readonly roles?: readonly unknown[]
          readonly moving?: unknown
        }
        return layout.roles?.length === count && layout.moving === undefined ? true : undefined
      },
      120_000,
    )
}

test('a node killed half way through its share pulls at most 60 % of it again', async (t) => {
  const cluster = await RealCluster.start(3)
  t.after(() => cluster.close())
  const sources = [...cluster.nodes]
  await fill(sources)
  const before = await sentByAll(sources)

  // What a join without any trouble costs: two sources for each record of the newcomer's share.
  const seed = sources[0]!.ready!.clusterAddress
  const newcomer = new RealNode('node4', join(cluster.folder, 'node4'))
  t.after(() => newcomer.end('SIGKILL'))
  await newcomer.start(['join', seed])
  const { table, roles } = (await eventually('the share is known', async () => {
    const layout = (await getJson(`${newcomer.url}/layout`)) as Partial<Layout>
    return layout.roles?.length === 4 ? (layout as Layout) : undefined
  })) as Layout
  const self = newcomer.ready!.node
  assert.ok(roles.some(({ node }) => node === self))
  const share = table.filter((set) => set.includes(self)).length / table.length
  const whole = 2 * KEYS * share

  await eventually('half of it was sent', async () => {
    const sent = (await sentByAll(sources)) - before
    return sent >= whole / 2 ? true : undefined
  })
  await newcomer.end('SIGKILL')
  const atKill = await sentByAll(sources)
  await newcomer.start(['start'])
  await untilHeldBy(4, [...sources, newcomer])
  const again = (await sentByAll(sources)) - atKill
  t.diagnostic(`${whole} records in all, ${atKill - before} before the kill, ${again} after it`)
  assert.ok(atKill - before < whole * 0.9, 'it was killed too late to show anything')
  assert.ok(again > 0, 'something was left')
  assert.ok(again <= 0.6 * whole, `${again} of ${whole} records were sent again`)
  const url = newcomer.url
  for (let n = 0; n < KEYS; n += 7)
    assert.equal(await (await fetch(`${url}/kv/k${n}`)).text(), VALUE, `k${n}`)
})

interface Layout {
  readonly roles: readonly { readonly node: string }[]
  readonly table: readonly (readonly string[])[]
}
