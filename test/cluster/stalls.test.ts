/** A process that stands still for a while: paused, swapped out, or in a long collection. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { membersOf, RealCluster } from '../support/real-cluster.ts'
import type { RealNode, SeenMember } from '../support/real-cluster.ts'

const STALL_MS = 20_000
/** Bound of what is promised. Each of the steps behind it takes a round trip, and not a timer. */
const BACK_WITHIN_MS = 2_000
const WRITERS = 4

interface Load {
  acknowledged: number
  readonly failures: string[]
  stop(): Promise<void>
}

/** Writers that put one key after the other, through these nodes in turn. */
function startLoad(nodes: readonly RealNode[]): Load {
  let over = false
  const load: Load = { acknowledged: 0, failures: [], stop: async () => undefined }
  const writers = Array.from({ length: WRITERS }, async (_, writer) => {
    for (let turn = 0; !over; turn++) {
      const { url } = nodes[(writer + turn) % nodes.length]!
      const key = `w${writer}-${turn % 500}`
      const response = await fetch(`${url}/kv/${key}`, { method: 'PUT', body: `${turn}` })
      const text = await response.text()
      if (response.ok) load.acknowledged++
      else load.failures.push(text)
      await sleep(5)
    }
  })
  load.stop = async () => {
    over = true
    await Promise.all(writers)
  }
  return load
}

function notAlive(members: readonly SeenMember[]): string[] {
  return members.flatMap(({ name, state }) => (state === 'alive' ? [] : [`${name} ${state}`]))
}

test('a node stopped for 20 s and continued accuses nobody, is back within 2 s, and no write was refused', async (t) => {
  const cluster = await RealCluster.start(3)
  t.after(() => cluster.close())
  const [first, second, third] = cluster.nodes as [RealNode, RealNode, RealNode]
  const load = startLoad([first, second])
  await sleep(1_000)
  third.signal('SIGSTOP')
  await sleep(STALL_MS)
  const during = load.acknowledged
  for (const node of [first, second])
    assert.deepEqual(notAlive(await membersOf(node)).length, 1, 'the others have noticed')
  const logged = third.log.length
  third.signal('SIGCONT')
  const continued = Date.now()
  const accused: string[] = []
  for (let views: string[][] = [['unknown']]; views.some((view) => view.length > 0);) {
    views = await Promise.all(cluster.nodes.map(async (node) => notAlive(await membersOf(node))))
    accused.push(...views[2]!)
    const tookMs = Date.now() - continued
    assert.ok(tookMs < BACK_WITHIN_MS, `after ${tookMs} ms: ${JSON.stringify(views)}`)
    await sleep(20)
  }
  const backAfterMs = Date.now() - continued
  for (const until = Date.now() + 4_000; Date.now() < until; await sleep(50))
    for (const node of cluster.nodes) accused.push(...notAlive(await membersOf(node)))
  assert.deepEqual(accused, [], 'nobody is accused, neither by it nor of it')
  assert.doesNotMatch(third.log.slice(logged), / is (?:suspect|dead)/)
  await load.stop()
  assert.deepEqual(load.failures, [])
  assert.ok(during > 200, `${during} writes while it stood still`)
  const put = await fetch(`${third.url}/kv/back`, { method: 'PUT', body: 'again' })
  assert.equal(put.status, 200, await put.text())
  t.diagnostic(
    `all alive for all ${backAfterMs} ms later; ${load.acknowledged} writes, none refused`,
  )
})
