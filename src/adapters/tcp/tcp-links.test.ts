import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { RECORD_BYTES_MAX } from '../../core/std/limits.ts'
import type { PeerMessage } from '../../core/wire/messages.ts'
import { REPLICATE, SAMPLES } from '../../core/wire/samples.test.ts'
import type { Station } from './links-fixture.test.ts'
import {
  HOST,
  impostor,
  node,
  OTHER_CLUSTER,
  overEveryKind,
  pair,
  read,
  station,
} from './links-fixture.test.ts'

/** Sends the same message again whenever it was lost, until one arrives. */
function insist(from: Station, to: Station, message: PeerMessage): void {
  from.ear.onHeard = (heard) => {
    if (heard.type === 'linkDown') from.links.send(to.id, message)
  }
  from.links.send(to.id, message)
}

overEveryKind(() => {
  suite('links', () => {
    test('carry messages both ways, each over its own connection', async () => {
      const [a, b] = await pair()
      a.links.send(b.id, REPLICATE)
      assert.deepEqual(await b.ear.next('message'), {
        type: 'message',
        from: a.id,
        message: REPLICATE,
      })
      const reply = SAMPLES['replicate-reply']!
      b.links.send(a.id, reply)
      assert.deepEqual(await a.ear.next('message'), { type: 'message', from: b.id, message: reply })
      assert.equal((await a.ear.next('linkUp')).peer, b.id)
      assert.equal((await b.ear.next('linkUp')).peer, a.id)
    })

    test('keep the order of what is sent before, while and after they come up', async () => {
      const [a, b] = await pair()
      let sent = 0
      a.ear.onHeard = (heard) => {
        if (heard.type === 'linkUp') while (sent < 200) a.links.send(b.id, read(sent++))
      }
      while (sent < 100) a.links.send(b.id, read(sent++))
      assert.deepEqual(await b.ear.requests(200), [...Array(200).keys()])
      while (sent < 300) a.links.send(b.id, read(sent++))
      assert.deepEqual(
        await b.ear.requests(100),
        [...Array(100).keys()].map((i) => i + 200),
      )
    })

    test('carry every kind of message', async () => {
      const [a, b] = await pair()
      const kinds = Object.values(SAMPLES)
      for (const message of kinds) a.links.send(b.id, message)
      for (const message of kinds) assert.deepEqual((await b.ear.next('message')).message, message)
    })

    test('carry records of the greatest size among small messages', async () => {
      const [a, b] = await pair()
      const record = new Uint8Array(RECORD_BYTES_MAX).fill(7)
      a.links.send(b.id, read(1))
      a.links.send(b.id, { ...REPLICATE, record } as PeerMessage)
      a.links.send(b.id, read(2))
      assert.deepEqual(await b.ear.requests(1), [1])
      const large = await b.ear.next('message')
      assert.ok(large.message.type === 'replicate')
      assert.deepEqual(large.message.record, record)
      assert.deepEqual(await b.ear.requests(1), [2])
    })

    test('drop a message that no frame can hold as a fault, and nothing else', async () => {
      const [a, b] = await pair()
      const entry = { key: new Uint8Array(0), record: new Uint8Array(RECORD_BYTES_MAX) }
      a.links.send(b.id, { ...SAMPLES['transfer-chunk'], entries: [entry, entry] } as PeerMessage)
      assert.deepEqual(a.ear.heard, [])
      a.links.send(b.id, read(1))
      assert.equal((await a.ear.next('fault')).cause, 'oversize-message')
      assert.deepEqual(await b.ear.requests(1), [1])
    })

    test('never call back from within send or dial', async () => {
      const [a, b] = await pair()
      a.links.send(node(9), read(1))
      a.links.dial({ host: '', port: 1 })
      a.links.dial({ host: HOST, port: 70_000 })
      a.links.send(b.id, read(1))
      assert.deepEqual(a.ear.heard, [])
      await b.ear.next('message')
    })

    test('to a node without an address are told as down', async () => {
      const a = await station(1)
      a.links.send(node(9), read(1))
      const down = await a.ear.next('linkDown')
      assert.deepEqual([down.peer, down.reason], [node(9), 'its address is not known'])
    })

    test('say once a tick that a peer is down, however much was sent to it', async () => {
      const a = await station(1)
      for (let i = 0; i < 10; i++) a.links.send(node(9), read(i))
      a.links.send(node(8), read(0))
      await a.ear.next('linkDown')
      await a.ear.next('linkDown')
      assert.equal(a.ear.heard.length, 2)
      a.links.send(node(7), read(0))
      assert.equal((await a.ear.next('linkDown')).peer, node(7))
      assert.equal(a.ear.heard.length, 3)
    })
  })

  suite('a peer that is away', () => {
    test('is told as down with the reason, and not dialled again at once', async () => {
      const a = await station(1)
      const b = await station(2)
      await b.links.close()
      a.links.setAddress(b.id, b.address)
      a.links.send(b.id, read(1))
      assert.match((await a.ear.next('linkDown')).reason, /ECONNREFUSED/)
      a.links.send(b.id, read(2))
      assert.match((await a.ear.next('linkDown')).reason, /not dialled again for \d+ ms/)
    })

    test('soon after its link stood is not dialled again at once either', async () => {
      const [a, b] = await pair()
      a.links.send(b.id, read(1))
      await b.ear.next('message')
      await b.links.close()
      await a.ear.next('linkDown')
      a.links.send(b.id, read(2))
      assert.match((await a.ear.next('linkDown')).reason, /not dialled again/)
    })

    test('is reached again on the same port when it is back', async () => {
      const quick = { backoffMinMs: 5, backoffMaxMs: 20 }
      const a = await station(1, quick)
      const b = await station(2)
      a.links.setAddress(b.id, b.address)
      a.links.send(b.id, read(1))
      await b.ear.next('message')
      await b.links.close()
      await a.ear.next('linkDown')
      const again = await station(2, { port: b.links.port })
      insist(a, again, read(2))
      assert.deepEqual(await again.ear.requests(1), [2])
    })

    test('is dialled at once when it has another address', async () => {
      const a = await station(1, { backoffMinMs: 60_000, backoffMaxMs: 60_000 })
      const gone = await station(2)
      await gone.links.close()
      a.links.setAddress(node(2), gone.address)
      a.links.send(node(2), read(1))
      await a.ear.next('linkDown')
      const moved = await station(2)
      a.links.setAddress(node(2), gone.address)
      a.links.send(node(2), read(2))
      assert.match((await a.ear.next('linkDown')).reason, /not dialled again/)
      a.links.setAddress(node(2), moved.address)
      a.links.send(node(2), read(3))
      assert.deepEqual(await moved.ear.requests(1), [3])
    })

    test('and whose address has another node now is a fault, and nothing reaches it', async () => {
      const a = await station(1)
      const b = await station(2)
      a.links.setAddress(node(3), b.address)
      a.links.send(node(3), read(1))
      const fault = await a.ear.next('fault')
      assert.equal(fault.cause, 'wrong-peer')
      assert.match(fault.detail, new RegExp(`is node ${node(2)}, not ${node(3)}`))
      assert.equal((await a.ear.next('linkDown')).peer, node(3))
      a.links.dial(b.address)
      await a.ear.next('dialed')
      a.links.send(node(2), read(2))
      assert.deepEqual(await b.ear.requests(1), [2])
    })
  })

  suite('a node of another kind', () => {
    test('of another cluster is refused by name, and both sides say so', async () => {
      const a = await station(1, { cluster: OTHER_CLUSTER })
      const b = await station(2)
      a.links.setAddress(b.id, b.address)
      a.links.send(b.id, read(1))
      const mine = await a.ear.next('fault')
      const theirs = await b.ear.next('fault')
      assert.equal(mine.cause, 'refused-by-peer-wrong-cluster')
      assert.match(mine.detail, /belongs to cluster 0001.*the caller to ffff/)
      assert.equal(theirs.cause, 'refused-wrong-cluster')
      assert.match((await a.ear.next('linkDown')).reason, /wrong-cluster/)
      assert.deepEqual(b.ear.heard.length, 1)
    })

    test('that is ourselves is refused, which only the one who dialled says', async () => {
      const a = await station(1)
      a.links.dial(a.address)
      assert.equal((await a.ear.next('fault')).cause, 'refused-by-peer-self')
      assert.match((await a.ear.next('dialFailed')).reason, /called by its own id/)
      assert.equal(a.ear.heard.length, 2)
    })

    test('that has our id and is not ourselves is refused, and both sides say so', async () => {
      const a = await station(1)
      const copy = await station(1)
      copy.links.dial(a.address)
      const theirs = await a.ear.next('fault')
      assert.equal(theirs.cause, 'refused-self')
      assert.match(theirs.detail, /a copied data directory/)
      assert.equal((await copy.ear.next('fault')).cause, 'refused-by-peer-self')
      const { reason } = await copy.ear.next('dialFailed')
      assert.ok(reason.includes(`at ${HOST}:${a.links.port} was called`))
    })
  })

  suite('dialling an address', () => {
    test('tells which node is there, and its connection becomes the link to that node', async () => {
      const a = await station(1)
      const b = await station(2)
      a.links.dial(b.address)
      assert.deepEqual(await a.ear.next('dialed'), {
        type: 'dialed',
        address: b.address,
        peer: b.id,
      })
      assert.equal((await a.ear.next('linkUp')).peer, b.id)
      a.links.send(b.id, read(1))
      assert.deepEqual(await b.ear.requests(1), [1])
      assert.equal(a.ear.heard.filter((heard) => heard.type === 'linkUp').length, 1)
    })

    test('is enough to know where its node is, also when the link has ended', async () => {
      const a = await station(1, { backoffMinMs: 5, backoffMaxMs: 20 })
      const b = await station(2)
      a.links.dial(b.address)
      await a.ear.next('dialed')
      await b.links.close()
      await a.ear.next('linkDown')
      const again = await station(2, { port: b.links.port })
      insist(a, again, read(1))
      assert.deepEqual(await again.ear.requests(1), [1])
    })

    test('of a node to which a link stands keeps that link', async () => {
      const [a, b] = await pair()
      a.links.send(b.id, read(1))
      await a.ear.next('linkUp')
      a.links.dial(b.address)
      await a.ear.next('dialed')
      a.links.send(b.id, read(2))
      assert.deepEqual(await b.ear.requests(2), [1, 2])
      const kinds = a.ear.heard.map((heard) => heard.type)
      assert.deepEqual(kinds, ['linkUp', 'dialed'])
    })

    test('of a node that is being dialled makes one link of the two', async () => {
      const [a, b] = await pair()
      a.links.send(b.id, read(1))
      a.links.dial(b.address)
      await a.ear.next('dialed')
      a.links.send(b.id, read(2))
      assert.deepEqual(await b.ear.requests(2), [1, 2])
      assert.equal(a.ear.heard.filter((heard) => heard.type === 'linkUp').length, 1)
      assert.equal(a.ear.heard.filter((heard) => heard.type === 'linkDown').length, 0)
    })

    test('where nobody listens fails with the reason', async () => {
      const a = await station(1)
      const b = await station(2)
      await b.links.close()
      a.links.dial(b.address)
      const failed = await a.ear.next('dialFailed')
      assert.deepEqual(failed.address, b.address)
      assert.match(failed.reason, /ECONNREFUSED/)
    })

    test('that is none fails with the reason', async () => {
      const a = await station(1)
      const wrong = ['', 'a name\0that is none', 'name.invalid']
      for (const host of wrong) {
        a.links.dial({ host, port: 1 })
        assert.equal((await a.ear.next('dialFailed')).address.host, host)
      }
      a.links.dial({ host: HOST, port: 70_000 })
      assert.match((await a.ear.next('dialFailed')).reason, /70000/)
    })

    test('too often at once fails early', async () => {
      const a = await station(1)
      const b = await station(2)
      for (let i = 0; i < 257; i++) a.links.dial(b.address)
      assert.match((await a.ear.next('dialFailed')).reason, /256 addresses are being dialled/)
      for (let i = 0; i < 256; i++) await a.ear.next('dialed')
      a.links.dial(a.address)
      assert.match((await a.ear.next('dialFailed')).reason, /called by its own id/)
      assert.equal(a.ear.heard.filter((heard) => heard.type === 'dialed').length, 256)
    })
  })

  suite('listening', () => {
    test('on a port in use is an error that says so', async () => {
      const a = await station(1)
      await assert.rejects(station(2, { port: a.links.port }), {
        code: 'DND_ERR_PORT_IN_USE',
        message: /^cannot listen on 127\.0\.0\.1:\d+ \(TCP\): the port is in use; .*--port$/,
      })
    })

    test('on an address or port that this machine cannot have is an error that says so', async () => {
      await assert.rejects(station(2, { host: '192.0.2.1' }), {
        code: 'DND_ERR_ADDRESS_UNAVAILABLE',
        message: /this machine has no such address; .*--address$/,
      })
      await assert.rejects(station(2, { port: 70_000 }), {
        code: 'DND_ERR_ADDRESS_UNAVAILABLE',
        message: /cannot listen on 127\.0\.0\.1:70000/,
      })
    })
  })

  suite('peers beyond the bound', () => {
    test('push out the oldest idle one, and those with a link stay', async () => {
      const a = await station(1, { peersMax: 3 })
      const b = await station(2)
      a.links.setAddress(b.id, b.address)
      a.links.send(b.id, read(1))
      assert.deepEqual(await b.ear.requests(1), [1])
      for (const number of [3, 4, 5]) a.links.setAddress(node(number), b.address)
      a.links.send(node(3), read(2))
      assert.equal((await a.ear.next('linkDown')).reason, 'its address is not known')
      a.links.send(b.id, read(3))
      assert.deepEqual(await b.ear.requests(1), [3])
    })

    test('push out the oldest link when none is idle, and it is told as down', async () => {
      const a = await station(1, { peersMax: 2 })
      const others = [await station(2), await station(3), await station(4)]
      for (const other of others) {
        a.links.setAddress(other.id, other.address)
        a.links.send(other.id, read(1))
        assert.deepEqual(await other.ear.requests(1), [1])
      }
      const down = await a.ear.next('linkDown')
      assert.deepEqual([down.peer, down.reason], [node(2), 'forgotten: too many peers'])
      a.links.send(node(4), read(2))
      assert.deepEqual(await others[2]!.ear.requests(1), [2])
    })
  })

  test('the time for the handshake ends with the handshake, on both sides', async () => {
    const short = { handshakeTimeoutMs: 60 }
    const a = await station(1, short)
    const b = await station(2, short)
    a.links.dial(b.address)
    await a.ear.next('dialed')
    // Another dial, begun later and never answered, tells that the time is over.
    a.links.dial(await impostor(() => {}))
    assert.match((await a.ear.next('dialFailed')).reason, /no hello within 60 ms/)
    a.links.send(b.id, read(1))
    assert.deepEqual(await b.ear.requests(1), [1])
    assert.equal(a.ear.heard.filter((heard) => heard.type === 'linkDown').length, 0)
  })
})
