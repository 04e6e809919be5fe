import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { CLUSTER } from '../../core/wire/samples.test.ts'
import {
  acquaintance,
  helloOf,
  impostor,
  node,
  overEveryKind,
  read,
  station,
} from './links-fixture.test.ts'

const PATIENT = { backoffMinMs: 60_000, backoffMaxMs: 60_000 }

overEveryKind(() => {
  suite('a peer that calls us', () => {
    test('is answered at once, whatever the back-off of our own link to it says', async () => {
      const a = await station(1, PATIENT)
      const gone = await station(2)
      await gone.links.close()
      a.links.setAddress(gone.id, gone.address)
      a.links.send(gone.id, read(1))
      await a.ear.next('linkDown')
      const self = { node: gone.id, generation: 2, cluster: CLUSTER }
      const back = await station(2, { self, port: gone.links.port })
      back.links.setAddress(a.id, a.address)
      back.links.send(a.id, read(2))
      assert.deepEqual(await a.ear.requests(1), [2])
      a.links.send(back.id, read(3))
      assert.deepEqual(await back.ear.requests(1), [3])
    })

    test('in a later generation ends our link to the process that it was', async () => {
      const a = await station(1, PATIENT)
      // The earlier process: it takes the call and is never heard of again, not even by a reset.
      const silent = await impostor((caller) => caller.say(helloOf(2, 1)))
      a.links.setAddress(node(2), silent)
      a.links.send(node(2), read(1))
      await a.ear.next('linkUp')
      await acquaintance(a, 2, 2)
      assert.match((await a.ear.next('linkDown')).reason, /has restarted/)
      const later = await impostor((caller) => caller.say(helloOf(2, 2)))
      a.links.setAddress(node(2), later)
      a.links.send(node(2), read(2))
      await a.ear.next('linkUp')
      await acquaintance(a, 2, 2)
      await acquaintance(a, 2, 1)
      a.links.send(node(2), read(3))
      await new Promise((resolve) => setImmediate(resolve))
      assert.equal(a.ear.heard.filter(({ type }) => type === 'linkDown').length, 1)
    })

    test('and of which we know no address makes no link by that', async () => {
      const a = await station(1, { peersMax: 1 })
      const b = await station(2)
      a.links.setAddress(b.id, b.address)
      await acquaintance(a, 3)
      a.links.send(b.id, read(1))
      assert.deepEqual(await b.ear.requests(1), [1])
    })
  })
})
