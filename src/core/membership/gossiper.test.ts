import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { NodeId } from '../std/ids.ts'
import type { Instant } from '../std/instant.ts'
import { instant } from '../std/instant.ts'
import { Prng } from '../std/prng.ts'
import { Gossiper } from './gossiper.ts'
import { claim, digest, idOf, infoOf } from './harness.test.ts'
import type { MemberRecord } from './member.ts'
import { MemberClaims } from './member-claims.ts'
import { OwnRecord } from './own-record.ts'
import type { PacketEffect } from './packets.ts'
import { Packets } from './packets.ts'
import { noSwimCounts } from './swim-counts.ts'

/** Within the first seconds nothing is calm yet. */
const CALM = instant(100_000)

class Setting {
  readonly claims: MemberClaims
  readonly packets: Packets
  readonly gossiper: Gossiper

  constructor(seed: number, ...held: readonly MemberRecord[]) {
    const own = new OwnRecord(infoOf(1), 1)
    const rng = new Prng(seed)
    this.claims = new MemberClaims(own.record, {
      ...{ digest, rememberedMs: 1e9 },
      forgotten: () => {},
    })
    for (const record of held) this.claims.hear(record, true, instant(0))
    const parts = { own, claims: this.claims, health: () => 0, counts: noSwimCounts(), rng }
    this.packets = new Packets(parts)
    this.gossiper = new Gossiper(this.claims, this.packets, rng)
  }

  /** Whom a pulse now sends packets of news. */
  pulse(now: Instant): NodeId[] {
    const effects: PacketEffect[] = []
    this.gossiper.onPulse(now, effects)
    for (const { packet } of effects) assert.equal(packet.type, 'gossip')
    return effects.map(({ to }) => idOf(to.port - 5_000))
  }
}

const alive = (from: number, count: number): MemberRecord[] =>
  Array.from({ length: count }, (_, n) => claim(from + n))

suite('packets that carry news alone', () => {
  test('are not sent while there is none', () => {
    const { packets, ...setting } = new Setting(1, ...alive(2, 5))
    assert.equal(packets.news.size, 0)
    const effects: PacketEffect[] = []
    for (let ms = 0; ms < 10_000; ms += 100) setting.gossiper.onPulse(instant(ms), effects)
    assert.deepEqual(effects, [])
  })

  test('go to three members at random every 200 ms until all has been told often enough', () => {
    const setting = new Setting(1, ...alive(2, 8))
    setting.gossiper.tell(claim(1, 'alive', 1), CALM)
    const sizes: number[] = []
    for (let ms = 0; ms < 2_000; ms += 100) sizes.push(setting.pulse(instant(CALM + ms)).length)
    assert.deepEqual(sizes.slice(0, 4), [3, 0, 3, 0])
    assert.ok(sizes.slice(6).every((size) => size === 0))
    assert.equal(setting.packets.news.size, 0)
  })

  test('go to each of two others once, and never to this node', () => {
    const setting = new Setting(1, claim(2), claim(3, 'suspect'))
    setting.gossiper.tell(claim(1, 'alive', 1), CALM)
    assert.deepEqual(setting.pulse(CALM).sort(), [idOf(2), idOf(3)])
    const alone = new Setting(1)
    alone.gossiper.tell(claim(1), CALM)
    assert.deepEqual(alone.pulse(CALM), [])
  })

  test('are not sent to one who is alive and whom alone the news is about', () => {
    const setting = new Setting(1, claim(2), claim(3))
    setting.gossiper.tell(claim(3), CALM)
    assert.deepEqual(setting.pulse(CALM), [idOf(2)])
    const two = new Setting(1, claim(2))
    two.gossiper.tell(claim(2), CALM)
    for (let ms = 0; ms < 2_000; ms += 100) assert.deepEqual(two.pulse(instant(CALM + ms)), [])
  })

  test('reach in time one who died within the last 30 seconds, and nobody who died before', () => {
    const tried = (ms: number): boolean => {
      for (let seed = 0; seed < 100; seed++) {
        const setting = new Setting(seed, ...alive(2, 8), claim(20, 'dead'))
        setting.gossiper.tell(claim(20, 'dead'), instant(0))
        const targets = setting.pulse(instant(ms))
        assert.equal(targets.length, 3)
        assert.equal(new Set(targets).size, 3)
        if (targets.includes(idOf(20))) return true
      }
      return false
    }
    assert.ok(tried(30_000))
    assert.ok(!tried(30_001))
  })

  test('go to a dead member too when nobody else is left', () => {
    const setting = new Setting(1, claim(2, 'dead'))
    setting.gossiper.tell(claim(2, 'dead'), instant(0))
    assert.deepEqual(setting.pulse(instant(0)), [idOf(2)])
  })

  test('go to the dead no more often than to the living', () => {
    let dead = 0
    const rounds = 2_000
    for (let seed = 0; seed < rounds; seed++) {
      const setting = new Setting(seed, ...alive(2, 9), claim(20, 'dead'))
      setting.gossiper.tell(claim(20, 'dead'), instant(0))
      if (setting.pulse(instant(0)).includes(idOf(20))) dead++
    }
    assert.ok(Math.abs(dead / rounds - 3 / 10) < 0.05, `${dead} of ${rounds}`)
  })
})

suite('a full exchange for a digest', () => {
  const other = (setting: Setting): number => setting.claims.digest ^ 1
  const calm = (): Setting => new Setting(1, claim(2), claim(3, 'dead'))

  test('is worth it when a live member differs and nothing is under way', () => {
    const setting = calm()
    assert.ok(setting.gossiper.isWorthSync(idOf(2), other(setting), CALM))
  })

  test('is not when both stand for the same', () => {
    const setting = calm()
    assert.ok(!setting.gossiper.isWorthSync(idOf(2), setting.claims.digest, CALM))
  })

  test('is not while there is news, or was a moment ago', () => {
    const setting = calm()
    setting.gossiper.tell(claim(2, 'alive', 1), CALM)
    assert.ok(!setting.gossiper.isWorthSync(idOf(2), other(setting), instant(CALM + 9_000)))
    setting.packets.news.forget(idOf(2))
    assert.ok(!setting.gossiper.isWorthSync(idOf(2), other(setting), instant(CALM + 2_999)))
    assert.ok(setting.gossiper.isWorthSync(idOf(2), other(setting), instant(CALM + 3_000)))
  })

  test('happens at most every ten seconds, however many differ', () => {
    const setting = new Setting(1, ...alive(2, 8))
    let syncs = 0
    for (let ms = 0; ms < 60_000; ms += 50) {
      const from = idOf(2 + ((ms / 50) % 8))
      if (setting.gossiper.isWorthSync(from, other(setting), instant(CALM + ms))) syncs++
    }
    assert.equal(syncs, 6)
  })

  test('is made with nobody who is unknown or dead', () => {
    const setting = calm()
    for (const n of [3, 4]) {
      assert.ok(!setting.gossiper.isWorthSync(idOf(n), other(setting), CALM))
    }
    assert.ok(setting.gossiper.isWorthSync(idOf(2), other(setting), CALM))
  })
})
