import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { NO_CLUSTER } from '../../core/wire/codec.ts'
import { CLUSTER } from '../../core/wire/samples.test.ts'
import { askCluster } from './ask-cluster.ts'
import { Ring } from './security-fixture.test.ts'
import { helloOf, impostor, node, read, station } from './links-fixture.test.ts'

const options = { node: node(2), timeoutMs: 1000, keyring: new Ring('off'), tls: undefined }

suite('asking for the cluster', () => {
  test('tells its id and who answered, without any fault', async () => {
    const a = await station(1)
    assert.deepEqual(await askCluster(a.address, options), { cluster: CLUSTER, node: node(1) })
    await a.links.close()
    assert.deepEqual(a.ear.heard, [])
  })

  test('does not disturb a link of the same node', async () => {
    const a = await station(1)
    const b = await station(2)
    b.links.dial(a.address)
    await b.ear.next('dialed')
    await askCluster(a.address, options)
    b.links.send(a.id, read(1))
    assert.deepEqual(await a.ear.requests(1), [1])
  })

  test('by the id of the one asked is refused: a copied data directory', async () => {
    const a = await station(2)
    await assert.rejects(askCluster(a.address, options), {
      code: 'DND_ERR_JOIN_REFUSED',
      message: /refused \(self\).*copied data directory/,
    })
    assert.equal((await a.ear.next('fault')).cause, 'refused-self')
  })

  test('where nobody listens fails with the reason', async () => {
    const a = await station(1)
    await a.links.close()
    await assert.rejects(askCluster(a.address, options), {
      code: 'DND_ERR_UNREACHABLE',
      message: /^127\.0\.0\.1:\d+: .*ECONNREFUSED/,
    })
  })

  test('where something else listens fails with the reason', async () => {
    const mute = await impostor(() => {})
    await assert.rejects(askCluster(mute, { ...options, timeoutMs: 50 }), {
      code: 'DND_ERR_UNREACHABLE',
      message: /no hello within 50 ms/,
    })
    const web = await impostor((caller) => caller.write(Buffer.from('HTTP/1.1 400 Bad Request')))
    await assert.rejects(askCluster(web, options), {
      code: 'DND_ERR_BAD_RESPONSE',
      message: /a frame over the limit/,
    })
    const lost = await impostor((caller) => caller.say(helloOf(1, 1, NO_CLUSTER)))
    await assert.rejects(askCluster(lost, options), /belongs to no cluster itself/)
    const old = await impostor((caller) =>
      caller.say({ ...helloOf(1), protocol: 0, protocolMin: 0 }),
    )
    await assert.rejects(askCluster(old, options), {
      code: 'DND_ERR_JOIN_REFUSED',
      message: /it speaks protocol 0, this node 5 to 7/,
    })
  })
})
