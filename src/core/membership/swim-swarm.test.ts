/**
 * Whatever goes wrong for a while, once it stops the cluster agrees again with nobody's help: those
 * who run are alive for each other, those who crashed are dead, those who left have left, and
 * nobody was called dead whom all could hear.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Prng } from '../std/prng.ts'
import { Network, upTo } from './network.test.ts'

const SEEDS = 30
const MEMBERS = 7

class Trouble {
  readonly network: Network
  readonly #rng: Prng
  readonly #crashed = new Set<number>()
  readonly #paused = new Set<number>()
  readonly #left = new Set<number>()

  constructor(seed: number) {
    this.#rng = new Prng(seed)
    const rememberedMs = this.#rng.pick([5_000, 20_000, 86_400_000])
    this.network = Network.joined(MEMBERS, seed, { rememberedMs })
    this.network.seeds = [1, 2]
    this.network.layout = upTo(MEMBERS)
  }

  get running(): number[] {
    return upTo(MEMBERS).filter((n) => !this.#crashed.has(n) && !this.#left.has(n))
  }

  get left(): ReadonlySet<number> {
    return this.#left
  }

  strike(): void {
    const rng = this.#rng
    const n = rng.pick(this.running)
    const { network } = this
    switch (rng.below(12)) {
      case 0:
        if (this.running.length <= 3) return
        this.#wake(n)
        network.crash(n)
        this.#crashed.add(n)
        return
      case 1:
        return this.#comeBack()
      case 2:
        this.#wake(n)
        return network.restart(n)
      case 3:
        if (this.#paused.has(n)) return
        network.pause(n)
        this.#paused.add(n)
        return
      case 4:
        for (const each of [...this.#paused]) this.#wake(each)
        return
      case 5:
        if (this.running.length <= 4 || n <= 2) return
        this.#wake(n)
        network.leave(n)
        network.run(rng.below(400))
        network.crash(n)
        this.#left.add(n)
        return
      case 6: {
        const side = new Set(upTo(MEMBERS).filter(() => rng.chance(0.5)))
        network.connected = (a, b) => side.has(a) === side.has(b)
        return
      }
      case 7: {
        const [from, to] = [rng.pick(this.running), rng.pick(this.running)]
        network.datagrams = (a, b) => !(a === from && (b === to || to === from))
        return
      }
      case 8:
        network.loss = rng.pick([0, 0.05, 0.3])
        return
      case 9:
        return this.#slander(n)
      default:
        network.connected = () => true
        network.datagrams = () => true
    }
  }

  /** Everything works again; the crashed stay away. */
  end(): void {
    for (const n of [...this.#paused]) this.#wake(n)
    this.network.connected = () => true
    this.network.datagrams = () => true
    this.network.loss = 0
  }

  /** Somebody is told that another one is suspect, dead or gone, and has no proof. */
  #slander(teller: number): void {
    const { swim } = this.network.node(teller)
    const victim = this.#rng.pick(swim.records())
    const state = this.#rng.pick(['suspect', 'dead', 'left'] as const)
    const { degraded: _degraded, ...rest } = victim
    const records = [{ ...rest, state, leaveProof: '00'.repeat(16) }]
    if (!this.#paused.has(teller)) this.network.tell(teller, { type: 'records', records })
  }

  #comeBack(): void {
    const [n] = this.#crashed
    if (n === undefined) return
    this.#crashed.delete(n)
    this.network.start(n)
  }

  #wake(n: number): void {
    if (this.#paused.delete(n)) this.network.resume(n)
  }
}

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`the cluster agrees again after the troubles of seed ${seed}`, () => {
    const trouble = new Trouble(seed)
    const { network } = trouble
    for (let i = 0; i < 40; i++) {
      trouble.strike()
      network.run(2_500)
    }
    trouble.end()
    network.runUntil(() => network.allSee(...trouble.running), 90_000)
    // What was in flight when all was well again comes to its end.
    network.run(5_000)
    const { length } = network.trace
    network.run(60_000)
    assert.ok(network.allSee(...trouble.running))
    const accused = trouble.running.map((n) => new RegExp(` ${n} .* (suspect|dead)$`))
    const accusations = network.trace
      .slice(length)
      .filter((line) => accused.some((accusation) => accusation.test(line)))
    assert.deepEqual(accusations, [])
    for (const gone of trouble.left)
      for (const n of trouble.running) assert.match(network.view(n, gone), /^(left|dead|unknown)/)
  })
}
