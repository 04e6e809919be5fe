/** Keyv's own suite, as it is published, and what of the contract it leaves out. */
import { Keyv, type KeyvStoreAdapter } from 'keyv'
import keyvTestSuite, { keyvIteratorTests } from '@keyv/test-suite'
import * as vitest from 'vitest'
import { KeyvDnd } from 'dnd-client/keyv'
import { bucketName, openClient } from './cluster.ts'

const { afterAll, describe, expect, test } = vitest
const client = openClient()
const bucket = bucketName('keyv')
/** That it is what Keyv calls a store, its types say. */
const store = (): KeyvStoreAdapter => new KeyvDnd({ client, bucket })

afterAll(() => client.close())

describe('the suite', () => {
  keyvTestSuite(vitest, Keyv, store)
})
describe('the suite of iterators', () => {
  keyvIteratorTests(vitest, Keyv, store)
})

describe('beyond the suite', () => {
  const other = (name: string): Keyv =>
    new Keyv({ store: new KeyvDnd({ client, bucket: bucketName(name) }), throwOnErrors: true })

  test('lifetimes are exact, also those that are shorter than a node takes', async () => {
    const keyv = other('short')
    await keyv.set('blink', 1, 150)
    await keyv.set('long', 2, 60_000)
    expect(await keyv.has('blink')).toBe(true)
    expect(await keyv.get('blink')).toBe(1)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(await keyv.has('blink')).toBe(false)
    expect(await keyv.hasMany(['blink', 'long'])).toEqual([false, true])
    expect(await keyv.getMany(['blink', 'long'])).toEqual([undefined, 2])
  })

  test('many keys at once, in several requests', async () => {
    const keyv = other('many')
    const keys = Array.from({ length: 1200 }, (_, i) => `key-${i}`)
    await keyv.setMany(keys.map((key, value) => ({ key, value })))
    expect(await keyv.getMany(keys)).toEqual(keys.map((_, i) => i))
    const seen = new Set<string>()
    for await (const [key] of keyv.iterator!(undefined)) seen.add(key as string)
    expect(seen.size).toBe(1200)
    await keyv.clear()
    expect(await keyv.hasMany(keys.slice(0, 50))).toEqual(Array(50).fill(false))
  })

  test('a key that cannot be stored is refused with a reason, reads included', async () => {
    const keyv = other('keys')
    const errors: unknown[] = []
    keyv.on('error', (error) => errors.push(error))
    await expect(keyv.set('k'.repeat(2000), 1)).rejects.toThrow(/2005 bytes with its prefix/)
    await expect(keyv.get('k'.repeat(2000))).rejects.toThrow(/1,024/)
    expect(errors.length).toBe(2)
  })
})
