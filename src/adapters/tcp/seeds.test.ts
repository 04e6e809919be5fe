import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Address } from '../../core/std/ids.ts'
import { CLUSTER } from '../../core/wire/samples.test.ts'
import { askCluster } from './ask-cluster.ts'
import type { Station } from './links-fixture.test.ts'
import { HOST, node, read, station } from './links-fixture.test.ts'
import type { Resolve } from './resolve.ts'
import { lookupBy, resolveBySystem } from './resolve.ts'
import { Ring } from './security-fixture.test.ts'

const NAME = 'dnd.test'

/** A name whose records a test changes as it likes; undefined: it has none. */
class Records {
  hosts: readonly string[] | undefined
  asked = 0

  constructor(...hosts: string[]) {
    this.hosts = hosts
  }

  readonly resolve: Resolve = async (host) => {
    this.asked++
    if (host === NAME && this.hosts !== undefined) return this.hosts
    throw new Error(`getaddrinfo ENOTFOUND ${host}`)
  }
}

/** Node `number` at 127.0.0.number, on the port of `beside`. */
function neighbour(beside: Station, number: number): Promise<Station> {
  return station(number, { host: `127.0.0.${number}`, port: beside.links.port })
}

suite('dialling a name', () => {
  test('reaches every node behind it, and ourselves among them without a word', async () => {
    const records = new Records(HOST, '127.0.0.2', '127.0.0.3')
    const a = await station(1, { resolve: records.resolve })
    await neighbour(a, 2)
    await neighbour(a, 3)
    const seed: Address = { host: NAME, port: a.links.port }
    a.links.dial(seed)
    const peers = [await a.ear.next('dialed'), await a.ear.next('dialed')]
    assert.deepEqual(peers.map(({ peer }) => peer).toSorted(), [node(2), node(3)])
    for (const { address } of peers) assert.deepEqual(address, seed)
    // Another dial, begun when all is over, tells that nothing else comes.
    records.hosts = undefined
    a.links.dial(seed)
    await a.ear.next('dialFailed')
    assert.deepEqual(a.ear.heard.map(({ type }) => type).toSorted(), [
      ...['dialFailed', 'dialed', 'dialed', 'linkUp', 'linkUp'],
    ])
  })

  test('makes links to the addresses and not to the name', async () => {
    const records = new Records('127.0.0.2')
    const a = await station(1, { resolve: records.resolve, backoffMinMs: 1, backoffMaxMs: 2 })
    const b = await neighbour(a, 2)
    a.links.dial({ host: NAME, port: a.links.port })
    await a.ear.next('dialed')
    records.hosts = ['127.0.0.3']
    await b.links.close()
    await a.ear.next('linkDown')
    const back = await neighbour(a, 2)
    a.ear.onHeard = (heard) => {
      if (heard.type === 'linkDown') a.links.send(node(2), read(1))
    }
    a.links.send(node(2), read(1))
    assert.deepEqual(await back.ear.requests(1), [1])
  })

  test('asks for its records each time, also after it had none', async () => {
    const records = new Records()
    records.hosts = undefined
    const a = await station(1, { resolve: records.resolve })
    await neighbour(a, 2)
    await neighbour(a, 3)
    const seed = { host: NAME, port: a.links.port }
    const failed = async (): Promise<string> => (await a.ear.next('dialFailed')).reason
    a.links.dial(seed)
    assert.equal(await failed(), `${NAME}:${seed.port}: getaddrinfo ENOTFOUND ${NAME}`)
    records.hosts = []
    a.links.dial(seed)
    assert.equal(await failed(), `${NAME}:${seed.port}: the name has no address`)
    records.hosts = ['127.0.0.2']
    a.links.dial(seed)
    assert.equal((await a.ear.next('dialed')).peer, node(2))
    records.hosts = ['127.0.0.3']
    a.links.dial(seed)
    assert.equal((await a.ear.next('dialed')).peer, node(3))
    assert.equal(records.asked, 4)
  })

  test('fails once when nobody answers, with the reason of each address', async () => {
    const records = new Records('127.0.0.4', '127.0.0.5', '127.0.0.4')
    const a = await station(1, { resolve: records.resolve })
    a.links.dial({ host: NAME, port: a.links.port })
    const { address, reason } = await a.ear.next('dialFailed')
    assert.equal(address.host, NAME)
    assert.match(reason, /127\.0\.0\.4:\d+: connect ECONNREFUSED/)
    assert.match(reason, /127\.0\.0\.5:\d+: connect ECONNREFUSED/)
    assert.equal(reason.split('; ').length, 2)
    assert.equal(a.ear.heard.length, 1)
  })

  test('that leads to nobody but ourselves fails without a fault', async () => {
    const a = await station(1, { resolve: new Records(HOST).resolve })
    a.links.dial({ host: NAME, port: a.links.port })
    assert.match((await a.ear.next('dialFailed')).reason, /same node, its own seed/)
    assert.equal(a.ear.heard.length, 1)
  })

  test('with very many records tries sixteen of them, each time others', async () => {
    const records = new Records(...Array.from({ length: 60 }, (_, i) => `127.0.1.${i + 1}`))
    const a = await station(1, { resolve: records.resolve })
    const seen = new Set<string>()
    for (let i = 0; i < 4; i++) {
      a.links.dial({ host: NAME, port: a.links.port })
      const reasons = (await a.ear.next('dialFailed')).reason.split('; ')
      assert.equal(reasons.length, 16)
      for (const reason of reasons) seen.add(reason)
    }
    assert.ok(seen.size > 16)
  })

  test('that is not resolved in time fails, and a late answer is nothing', async () => {
    let answer: (hosts: readonly string[]) => void = () => {}
    const resolve: Resolve = () => new Promise((done) => (answer = done))
    const a = await station(1, { resolve, handshakeTimeoutMs: 30 })
    const b = await neighbour(a, 2)
    a.links.dial({ host: NAME, port: a.links.port })
    assert.match((await a.ear.next('dialFailed')).reason, /not resolved within 30 ms/)
    answer(['127.0.0.2'])
    a.links.dial(b.address)
    await a.ear.next('dialed')
    assert.equal(a.ear.heard.filter(({ type }) => type === 'dialed').length, 1)
  })

  test('tells nobody when the links are closed before it is resolved', async () => {
    let answer: (hosts: readonly string[]) => void = () => {}
    const resolve: Resolve = () => new Promise((done) => (answer = done))
    const a = await station(1, { resolve })
    a.links.dial({ host: NAME, port: a.links.port })
    await a.links.close()
    answer([HOST])
    await new Promise((done) => setImmediate(done))
    assert.deepEqual(a.ear.heard, [])
  })
})

test('a peer that is known by a name is found again when its record has changed', async () => {
  const records = new Records('127.0.0.2')
  const a = await station(1, { resolve: records.resolve, backoffMinMs: 1, backoffMaxMs: 2 })
  const before = await neighbour(a, 2)
  a.links.setAddress(node(2), { host: NAME, port: a.links.port })
  a.links.send(node(2), read(1))
  assert.deepEqual(await before.ear.requests(1), [1])
  await before.links.close()
  await a.ear.next('linkDown')
  const self = { node: node(2), generation: 2, cluster: CLUSTER }
  const moved = await station(2, { host: '127.0.0.3', port: a.links.port, self })
  records.hosts = ['127.0.0.3']
  a.ear.onHeard = (heard) => {
    if (heard.type === 'linkDown') a.links.send(node(2), read(2))
  }
  a.links.send(node(2), read(2))
  assert.deepEqual(await moved.ear.requests(1), [2])
})

suite('asking a name for the cluster', () => {
  const asking = { node: node(9), timeoutMs: 1000, keyring: new Ring('off'), tls: undefined }

  test('is answered by whoever is there, however many are not', async () => {
    const records = new Records('127.0.0.4', '127.0.0.2', '127.0.0.5')
    const a = await station(1)
    const b = await neighbour(a, 2)
    const seed = { host: NAME, port: a.links.port }
    const answer = await askCluster(seed, { ...asking, resolve: records.resolve })
    assert.equal(answer.node, b.id)
  })

  test('that has no records yet is worth asking again', async () => {
    const records = new Records()
    const a = await station(1)
    const seed = { host: NAME, port: a.links.port }
    const ask = () => askCluster(seed, { ...asking, resolve: records.resolve })
    await assert.rejects(ask(), { code: 'DND_ERR_UNREACHABLE', message: /has no address/ })
    records.hosts = undefined
    await assert.rejects(ask(), { code: 'DND_ERR_UNREACHABLE', message: /ENOTFOUND/ })
    records.hosts = ['127.0.0.4', '127.0.0.5']
    await assert.rejects(ask(), {
      code: 'DND_ERR_UNREACHABLE',
      message: /\.4:.*; .*\.5:|\.5:.*; .*\.4:/,
    })
    records.hosts = [HOST]
    assert.equal((await ask()).node, a.id)
  })

  test('of which one refuses and one is away is worth asking again', async () => {
    const records = new Records('127.0.0.2', '127.0.0.4')
    const a = await station(1)
    await neighbour(a, 2)
    const seed = { host: NAME, port: a.links.port }
    const options = { ...asking, node: node(2), resolve: records.resolve }
    await assert.rejects(askCluster(seed, options), { code: 'DND_ERR_UNREACHABLE' })
    records.hosts = ['127.0.0.2']
    await assert.rejects(askCluster(seed, options), { code: 'DND_ERR_JOIN_REFUSED' })
  })
})

suite('the system', () => {
  test('resolves what its hosts file says, and refuses what is no name', async () => {
    const hosts = await resolveBySystem('localhost')
    assert.ok(hosts.some((host) => host === '127.0.0.1' || host === '::1'))
    await assert.rejects(resolveBySystem('a name\0that is none'))
  })

  test('is asked in the way of sockets, for one address or for all', async () => {
    const lookup = lookupBy(async () => ['127.0.0.2', '::1'])
    const answer = (all: boolean) =>
      new Promise((done) => lookup(NAME, { all }, (...found) => done(found)))
    assert.deepEqual(await answer(false), [null, '127.0.0.2', 4])
    assert.deepEqual(await answer(true), [
      null,
      [
        { address: '127.0.0.2', family: 4 },
        { address: '::1', family: 6 },
      ],
    ])
  })
})
