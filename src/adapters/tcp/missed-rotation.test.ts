/** Links between nodes of which one has not heard of the primary key of the other yet. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Station } from './links-fixture.test.ts'
import { node, read, station } from './links-fixture.test.ts'
import { keyOf, Ring } from './security-fixture.test.ts'

const [OLD, NEW, OTHER] = [keyOf(1), keyOf(2), keyOf(3)]

/** The first has gone on to another primary; the second was away. */
async function stations(ahead: Ring, behind: Ring): Promise<readonly [Station, Station]> {
  const a = await station(1, { keyring: ahead })
  const b = await station(2, { keyring: behind })
  a.links.setAddress(node(2), b.address)
  b.links.setAddress(node(1), a.address)
  return [a, b]
}

suite('a peer that missed a change of the primary key', () => {
  test('is answered with the key with which it calls, and nothing is lost', async () => {
    const [a, b] = await stations(new Ring('required', NEW, OLD), new Ring('required', OLD))
    b.links.send(node(1), read(1))
    assert.deepEqual((await a.ear.next('message')).message, read(1))
    a.links.send(node(2), read(2))
    assert.deepEqual((await b.ear.next('message')).message, read(2))
    assert.ok(a.ear.heard.every(({ type }) => type !== 'linkDown' && type !== 'fault'))
  })

  test('is called with the primary first: it may have heard meanwhile', async () => {
    const behind = new Ring('required', OLD)
    const [a, b] = await stations(new Ring('required', NEW, OLD), behind)
    b.links.send(node(1), read(1))
    await a.ear.next('message')
    behind.keys.set(NEW.id, NEW)
    a.links.send(node(2), read(2))
    await b.ear.next('message')
    assert.ok(b.ear.heard.every(({ type }) => type !== 'fault'))
  })

  test('that has not called is not tried with other keys', async () => {
    const [a] = await stations(new Ring('required', NEW, OLD), new Ring('required', OLD))
    a.links.send(node(2), read(1))
    assert.equal((await a.ear.next('fault')).cause, 'unknown-key')
    await a.ear.next('linkDown')
  })

  test('is not answered with a key that has been removed here', async () => {
    const ahead = new Ring('required', NEW, OLD)
    const [a, b] = await stations(ahead, new Ring('required', OLD, OTHER))
    b.links.send(node(1), read(1))
    await a.ear.next('message')
    ahead.keys.delete(OLD.id)
    a.links.send(node(2), read(2))
    assert.equal((await a.ear.next('fault')).cause, 'unknown-key')
    await a.ear.next('linkDown')
    assert.ok(b.ear.heard.every(({ type }) => type !== 'message'))
  })
})
