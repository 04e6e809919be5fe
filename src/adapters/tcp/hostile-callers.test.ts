import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { concatBytes } from '../../core/std/bytes.ts'
import { FRAME_BYTES_MAX } from '../../core/std/limits.ts'
import { Prng } from '../../core/std/prng.ts'
import type { PeerMessage } from '../../core/wire/messages.ts'
import { REPLICATE } from '../../core/wire/samples.test.ts'
import { linkFrame } from './frame-socket.ts'
import type { Station, Stranger } from './links-fixture.test.ts'
import {
  acquaintance,
  bareStranger,
  helloOf,
  impostor,
  messageFrame,
  node,
  OTHER_CLUSTER,
  overEveryKind,
  read,
  station,
  stranger,
} from './links-fixture.test.ts'

function lengthOf(length: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, length)
  return bytes
}

function frame(...body: number[]): Uint8Array {
  return Uint8Array.of(...lengthOf(body.length), ...body)
}

/** That nothing but faults was heard, and that the node still serves a sound caller. */
async function isUnharmed(a: Station): Promise<void> {
  assert.deepEqual(
    a.ear.heard.filter((heard) => heard.type !== 'fault'),
    [],
  )
  const caller = await acquaintance(a, 7)
  caller.write(messageFrame(read(1)))
  assert.equal((await a.ear.next('message')).from, node(7))
}

overEveryKind(() => {
  suite('a stranger', () => {
    test('with random bytes is cut off and counted', async () => {
      const a = await station(1)
      const dice = new Prng(11)
      for (let i = 0; i < 50; i++) {
        const caller = await stranger(a)
        // A high first byte: a length that no frame has. Below, the other cases have a test each.
        caller.write(Uint8Array.from({ length: 1 + dice.below(400) + 3 }, () => dice.u32() | 0x80))
        await caller.closed
        assert.equal((await a.ear.next('fault')).cause, 'oversize-frame')
        assert.deepEqual(caller.answers, [])
      }
      await isUnharmed(a)
    })

    test('that speaks HTTP is cut off and counted', async () => {
      const a = await station(1)
      const caller = await stranger(a)
      caller.write(Buffer.from('GET / HTTP/1.1\r\nHost: here\r\n\r\n'))
      await caller.closed
      assert.equal((await a.ear.next('fault')).cause, 'oversize-frame')
    })

    test('may not announce a frame longer than a hello', async () => {
      const a = await station(1)
      for (const length of [513, FRAME_BYTES_MAX, 0xffff_ffff]) {
        const caller = await stranger(a)
        caller.write(lengthOf(length))
        await caller.closed
        assert.equal((await a.ear.next('fault')).cause, 'oversize-frame')
      }
    })

    test('with an empty frame is cut off and counted', async () => {
      const a = await station(1)
      const caller = await stranger(a)
      caller.write(lengthOf(0))
      await caller.closed
      assert.equal((await a.ear.next('fault')).cause, 'malformed-frame')
    })

    test('whose first frame is no hello is refused with the reason', async () => {
      const a = await station(1)
      for (const first of [frame(1, 2, 3), messageFrame(read(1)), frame(0xff)]) {
        const caller = await stranger(a)
        caller.write(first)
        await caller.closed
        const answer = await caller.answer(1)
        assert.ok(answer?.type === 'refusal')
        assert.equal(answer.reason, 'malformed')
        assert.equal((await a.ear.next('fault')).cause, 'refused-malformed')
      }
      await isUnharmed(a)
    })

    test('of another protocol is told so, also when its hello is longer', async () => {
      const a = await station(1)
      const hello = linkFrame({ ...helloOf(2), protocol: 99, protocolMin: 98 })
      const longer = concatBytes(
        lengthOf(hello.length - 4 + 5),
        hello.subarray(4),
        new Uint8Array(5),
      )
      for (const first of [hello, longer]) {
        const caller = await stranger(a)
        caller.write(first)
        await caller.closed
        const answer = await caller.answer(1)
        assert.ok(answer?.type === 'refusal')
        assert.equal(answer.reason, 'unsupported-protocol')
        assert.equal((await a.ear.next('fault')).cause, 'refused-unsupported-protocol')
      }
    })

    test('that was refused is not listened to any more', async () => {
      const a = await station(1)
      const caller = await stranger(a)
      const refused = linkFrame(helloOf(2, 1, OTHER_CLUSTER))
      caller.write(concatBytes(refused, linkFrame(helloOf(2)), messageFrame(read(1))))
      await caller.closed
      assert.equal(a.ear.heard.length, 1)
      await isUnharmed(a)
    })

    test('that says nothing is cut off when its time is over', async () => {
      const a = await station(1, { handshakeTimeoutMs: 50 })
      const caller = await stranger(a)
      await caller.closed
      assert.equal((await a.ear.next('fault')).cause, 'handshake-timeout')
    })

    test('that says its hello byte by byte is cut off when its time is over', async () => {
      const a = await station(1, { handshakeTimeoutMs: 100 })
      const caller = await stranger(a)
      const hello = linkFrame(helloOf(2))
      let sent = 0
      const drip = setInterval(() => caller.write(hello.subarray(sent, ++sent)), 10)
      await caller.closed
      clearInterval(drip)
      assert.equal((await a.ear.next('fault')).cause, 'handshake-timeout')
      assert.ok(sent < hello.length)
    })

    test('that hangs up in its hello is counted, one that says nothing is not', async () => {
      const a = await station(1)
      const silent = await stranger(a)
      silent.socket.end()
      await silent.closed
      const cut = await stranger(a)
      cut.socket.end(linkFrame(helloOf(2)).subarray(0, 20))
      await cut.closed
      assert.equal((await a.ear.next('fault')).cause, 'truncated-frame')
      assert.equal(a.ear.heard.length, 1)
    })

    test('beyond the number of connections is turned away', async () => {
      const a = await station(1, { incomingMax: 3 })
      const callers = [await stranger(a), await stranger(a), await acquaintance(a, 2)]
      const late = await bareStranger(a)
      await late.closed
      assert.equal((await a.ear.next('fault')).cause, 'too-many-connections')
      callers[0]!.socket.destroy()
      await callers[0]!.closed
      callers[2]!.write(messageFrame(read(1)))
      await a.ear.next('message')
      await acquaintance(a, 3)
    })
  })

  suite('a peer that has said hello', () => {
    test('and then a frame that is no message is cut off and counted', async () => {
      const a = await station(1)
      for (const bad of [frame(0xff, 1), frame(0x10), linkFrame(helloOf(3)), frame(0)]) {
        const caller = await acquaintance(a, 2)
        caller.write(concatBytes(bad, messageFrame(read(1))))
        await caller.closed
        assert.equal((await a.ear.next('fault')).cause, 'malformed-frame')
      }
      await isUnharmed(a)
    })

    test('and then a length over the limit is cut off and counted', async () => {
      const a = await station(1)
      const caller = await acquaintance(a, 2)
      caller.write(concatBytes(messageFrame(read(5)), lengthOf(FRAME_BYTES_MAX + 1)))
      await caller.closed
      assert.equal((await a.ear.next('fault')).cause, 'oversize-frame')
      assert.deepEqual(await a.ear.requests(1), [5])
    })

    test('and hangs up in the middle of a message loses only that one', async () => {
      const a = await station(1)
      const caller = await acquaintance(a, 2)
      caller.socket.end(concatBytes(messageFrame(read(5)), messageFrame(read(6)).subarray(0, 9)))
      await caller.closed
      assert.equal((await a.ear.next('fault')).cause, 'truncated-frame')
      assert.deepEqual(await a.ear.requests(1), [5])
      assert.equal(a.ear.heard.length, 2)
    })

    test('and sends its messages byte by byte is understood', async () => {
      const a = await station(1)
      const caller = await acquaintance(a, 2)
      for (const byte of messageFrame(read(5))) caller.write(Uint8Array.of(byte))
      assert.deepEqual(await a.ear.requests(1), [5])
    })

    test('is understood when its first message comes with the hello', async () => {
      const a = await station(1)
      const caller = await stranger(a)
      caller.write(concatBytes(linkFrame(helloOf(2)), messageFrame(read(5))))
      assert.deepEqual(await a.ear.requests(1), [5])
    })

    test('gets its hello answered as often as it repeats it', async () => {
      const a = await station(1)
      const caller = await acquaintance(a, 2)
      caller.write(concatBytes(linkFrame(helloOf(2)), linkFrame(helloOf(2))))
      assert.deepEqual(await caller.answer(3), helloOf(1))
      assert.deepEqual(a.ear.heard, [])
    })

    test('and floods us with hellos whose answers it does not read is cut off', async () => {
      const a = await station(1)
      const caller = await acquaintance(a, 2)
      caller.socket.pause()
      const flood = concatBytes(...Array.from({ length: 2000 }, () => linkFrame(helloOf(2))))
      const timer = setInterval(() => caller.write(flood), 1)
      assert.equal((await a.ear.next('fault')).cause, 'slow-reader')
      clearInterval(timer)
    })

    test('and restarts closes the connections of its earlier generation only', async () => {
      const a = await station(1)
      const first = await acquaintance(a, 2, 1)
      const second = await acquaintance(a, 2, 1)
      const other = await acquaintance(a, 3, 1)
      const restarted = await acquaintance(a, 2, 2)
      await Promise.all([first.closed, second.closed])
      for (const caller of [other, restarted]) caller.write(messageFrame(read(1)))
      assert.deepEqual(await a.ear.requests(2), [1, 1])
    })

    test('and is silent for several beats is cut off', async () => {
      const a = await station(1, { beatMs: 10 })
      const caller = await acquaintance(a, 2)
      await caller.closed
      assert.equal((await a.ear.next('fault')).cause, 'silent')
    })
  })

  suite('an address where no node of ours answers', () => {
    const quick = { handshakeTimeoutMs: 60, beatMs: 10 }

    test('but something silent is given up when its time is over', async () => {
      const a = await station(1, quick)
      a.links.setAddress(node(2), await impostor(() => {}))
      a.links.send(node(2), read(1))
      assert.equal((await a.ear.next('fault')).cause, 'handshake-timeout')
      assert.match((await a.ear.next('linkDown')).reason, /no hello within 60 ms/)
    })

    test('but something that hangs up is told as down', async () => {
      const a = await station(1, quick)
      a.links.setAddress(node(2), await impostor((caller) => caller.socket.end()))
      a.links.send(node(2), read(1))
      assert.match((await a.ear.next('linkDown')).reason, /connection closed by the peer/)
    })

    test('but garbage is a fault', async () => {
      const garbage = [frame(9, 9, 9), lengthOf(0xffff_ffff), lengthOf(0), messageFrame(read(1))]
      for (const bytes of garbage) {
        const a = await station(1, quick)
        a.links.dial(await impostor((caller) => caller.write(bytes)))
        assert.match((await a.ear.next('fault')).cause, /^(malformed|oversize)-frame$/)
        await a.ear.next('dialFailed')
      }
    })

    test('but one that accepts us into another cluster or protocol is a fault', async () => {
      const answers = [
        helloOf(2, 1, OTHER_CLUSTER),
        { ...helloOf(2), protocol: 98, protocolMin: 98 },
      ]
      const causes: string[] = []
      for (const answer of answers) {
        const a = await station(1, quick)
        a.links.dial(await impostor((caller) => caller.say(answer)))
        causes.push((await a.ear.next('fault')).cause)
        await a.ear.next('dialFailed')
      }
      assert.deepEqual(causes, ['refused-wrong-cluster', 'refused-unsupported-protocol'])
    })

    test('but one that sends messages where only beats belong is dropped', async () => {
      const a = await station(1)
      const address = await impostor((caller) => {
        caller.say(helloOf(2))
        caller.write(messageFrame(read(1)))
      })
      a.links.dial(address)
      assert.equal((await a.ear.next('fault')).cause, 'malformed-frame')
      await a.ear.next('linkUp')
      assert.equal((await a.ear.next('linkDown')).peer, node(2))
    })
  })

  suite('a link', () => {
    const fast = { beatMs: 10 }

    test('on which no beat is answered is dropped', async () => {
      const a = await station(1, fast)
      let mute: Stranger | undefined
      const address = await impostor((caller) => {
        mute = caller
        caller.say(helloOf(2))
      })
      a.links.dial(address)
      await a.ear.next('linkUp')
      assert.equal((await a.ear.next('fault')).cause, 'silent')
      assert.match((await a.ear.next('linkDown')).reason, /no sign of life for 3 beats/)
      await mute!.closed
    })

    test('on which beats are answered stands', async () => {
      const a = await station(1, fast)
      let beats = 0
      const enough = new Promise<void>((resolve) => {
        const answering = impostor((caller) => {
          caller.socket.on('data', () => {
            caller.say(helloOf(2))
            if (++beats === 10) resolve()
          })
        })
        void answering.then((address) => a.links.dial(address))
      })
      await enough
      assert.deepEqual(
        a.ear.heard.map((heard) => heard.type),
        ['linkUp', 'dialed'],
      )
    })

    test('between two nodes stands over many beats without a message', async () => {
      const a = await station(1, fast)
      const b = await station(2, fast)
      a.links.dial(b.address)
      await a.ear.next('dialed')
      const caller = await acquaintance(a, 3)
      // A silent connection is cut off after five beats: by then the link has had as many.
      await caller.closed
      a.links.send(b.id, read(1))
      assert.deepEqual(await b.ear.requests(1), [1])
      assert.equal(a.ear.heard.filter((heard) => heard.type === 'linkDown').length, 0)
    })

    test('whose peer takes nothing is dropped when its backlog is full', async () => {
      const a = await station(1, { backlogBytesMax: 1024 * 1024 })
      const address = await impostor((caller) => {
        caller.say(helloOf(2))
        caller.socket.pause()
      })
      a.links.dial(address)
      await a.ear.next('dialed')
      const down = a.ear.next('linkDown')
      const large = { ...REPLICATE, record: new Uint8Array(1000) } as PeerMessage
      const flood = setInterval(() => {
        for (let i = 0; i < 1000; i++) a.links.send(node(2), large)
      }, 1)
      const { reason } = await down
      clearInterval(flood)
      assert.equal(reason, 'more is queued for it than may be')
    })

    test('that is still being dialled is given up when its backlog is full', async () => {
      const a = await station(1, { backlogBytesMax: 10_000 })
      a.links.setAddress(node(2), await impostor(() => {}))
      const large = { ...REPLICATE, record: new Uint8Array(1000) } as PeerMessage
      for (let i = 0; i < 20; i++) a.links.send(node(2), large)
      assert.deepEqual(a.ear.heard, [])
      const { reason } = await a.ear.next('linkDown')
      assert.equal(reason, 'more is queued for it than may be')
    })
  })
})
