/** Many machines on one simulated network, in virtual time. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Address } from '../std/ids.ts'
import { formatAddress } from '../std/ids.ts'
import type { Instant } from '../std/instant.ts'
import { instant } from '../std/instant.ts'
import { Prng } from '../std/prng.ts'
import { TimerQueue } from '../std/timer-queue.ts'
import { claim, idOf, INTERVAL_MS, infoOf, TIMEOUT_MS, told } from './harness.test.ts'
import { memberBytes } from './member-codec.ts'
import type { SwimEffect, SwimEvent } from './swim.ts'
import { Swim } from './swim.ts'

interface Running {
  readonly number: number
  readonly swim: Swim
  paused: boolean
  waiting: SwimEvent[]
}

type Happening =
  | { readonly type: 'event'; readonly to: Running; readonly event: SwimEvent }
  | { readonly type: 'exchange'; readonly from: Running; readonly with: number }

class Network {
  now: Instant = instant(0)
  loss = 0
  /** Whether packets pass between two members. */
  connected: (a: number, b: number) => boolean = () => true
  readonly trace: string[] = []
  readonly #rng: Prng
  readonly #nodes = new Map<number, Running>()
  readonly #happenings = new TimerQueue<Happening>()
  #generation = 0

  constructor(seed: number) {
    this.#rng = new Prng(seed)
  }

  /** A cluster whose members know of each other from one exchange with the first. */
  static joined(count: number, seed: number): Network {
    const network = new Network(seed)
    for (let n = 1; n <= count; n++) {
      network.start(n)
      if (n > 1) network.exchange(n, 1)
    }
    network.run(5_000)
    return network
  }

  get numbers(): number[] {
    return [...this.#nodes.keys()]
  }

  start(number: number): void {
    this.#generation++
    const known = this.#nodes.get(number)?.swim.records() ?? []
    const swim = new Swim({
      self: infoOf(number),
      generation: this.#generation,
      probeIntervalMs: INTERVAL_MS,
      probeTimeoutMs: TIMEOUT_MS,
      rng: this.#rng.fork(),
      known,
    })
    const node: Running = { number, swim, paused: false, waiting: [] }
    this.#nodes.set(number, node)
    this.#step(node, { type: 'start' })
  }

  crash(number: number): void {
    this.#nodes.delete(number)
  }

  /** Kills and starts again, with what it knew. */
  restart(number: number): void {
    this.start(number)
  }

  /** Events wait, as timers and sockets do under SIGSTOP. */
  pause(number: number): void {
    this.node(number).paused = true
  }

  resume(number: number): void {
    const node = this.node(number)
    node.paused = false
    // Timers fire before sockets are read.
    const timers = node.waiting.filter((event) => event.type === 'timer')
    const others = node.waiting.filter((event) => event.type !== 'timer')
    node.waiting = []
    for (const event of [...timers, ...others]) this.#step(node, event)
  }

  leave(number: number): void {
    this.#step(this.node(number), { type: 'leave' })
  }

  /** Both tell each other over TCP all they know. */
  exchange(from: number, to: number): void {
    this.#happenings.arm({ type: 'exchange', from: this.node(from), with: to }, this.now)
  }

  run(ms: number): void {
    const end = instant(this.now + ms)
    while (this.#happenings.nextDeadline() <= end) {
      this.now = instant(Math.max(this.now, this.#happenings.nextDeadline()))
      const happening = this.#happenings.due(this.now)!
      if (happening.type === 'event') this.#deliver(happening.to, happening.event)
      else this.#exchange(happening.from, happening.with)
    }
    this.now = end
  }

  /** Runs until `isSo`; the time it took. */
  runUntil(isSo: () => boolean, boundMs: number): number {
    const start = this.now
    while (!isSo()) {
      assert.ok(this.now - start < boundMs, `not so after ${boundMs} ms`)
      this.run(50)
    }
    return this.now - start
  }

  node(number: number): Running {
    const node = this.#nodes.get(number)
    assert.ok(node, `member ${number} runs`)
    return node
  }

  view(of: number, about: number): string {
    return told(this.node(of).swim.record(idOf(about)))
  }

  /** Whether all that run agree that exactly these are alive. */
  allSee(...alive: readonly number[]): boolean {
    const wanted = alive.map(idOf).sort().join()
    return this.numbers.every((number) => {
      const { swim } = this.node(number)
      const seen = swim.records().filter(({ info }) => swim.isAlive(info.id))
      return seen.map(({ info }) => info.id).join() === wanted
    })
  }

  /** Lines of the trace that tell of a death of one of these. */
  deathsOf(...numbers: readonly number[]): string[] {
    return this.trace.filter((line) =>
      numbers.some((n) => line.includes(` ${n} `) && line.endsWith('dead')),
    )
  }

  #exchange(from: Running, withNumber: number): void {
    const other = this.#nodes.get(withNumber)
    if (this.#nodes.get(from.number) !== from || other === undefined) return
    if (other.paused || !this.connected(from.number, withNumber)) return
    for (const [a, b] of [
      [from, other],
      [other, from],
    ] as const) {
      const { info, generation } = b.swim.self
      const records = [...b.swim.records()]
      this.#after(1, a, { type: 'contact', id: info.id, generation })
      this.#after(1, a, { type: 'records', records })
    }
  }

  #deliver(node: Running, event: SwimEvent): void {
    if (this.#nodes.get(node.number) !== node) return
    if (node.paused) node.waiting.push(event)
    else this.#step(node, event)
  }

  #step(node: Running, event: SwimEvent): void {
    const effects: SwimEffect[] = []
    node.swim.step(event, this.now, effects)
    node.swim.check()
    for (const effect of effects) this.#execute(node, effect)
  }

  #execute(node: Running, effect: SwimEffect): void {
    switch (effect.type) {
      case 'packet':
        return this.#send(node, effect)
      case 'arm':
        this.#happenings.arm(
          { type: 'event', to: node, event: { type: 'timer', timer: effect.timer } },
          effect.at,
        )
        return
      case 'reconnect':
        return this.exchange(node.number, Number.parseInt(effect.id, 16))
      case 'changed':
        return this.#write(
          `${node.number}: ${Number.parseInt(effect.record.info.id, 16)} ${effect.from} → ${effect.record.state}`,
        )
      case 'refuted':
        return this.#write(`${node.number}: refuted ${effect.incarnation}`)
      case 'cloned-identity':
        return this.#write(`${node.number}: cloned ${formatAddress(effect.address)}`)
    }
  }

  #send(from: Running, effect: Extract<SwimEffect, { type: 'packet' }>): void {
    const { packet } = effect
    const bytes = packet.gossip.reduce((sum, record) => sum + memberBytes(record), 96)
    assert.ok(bytes <= 1200, `a packet of ${bytes} bytes`)
    const to = [...this.#nodes.values()].find((node) => isAt(node, effect.to))
    const isLost = this.#rng.chance(this.loss)
    if (to === undefined || isLost || !this.connected(from.number, to.number)) return
    const { address } = from.swim.self.info
    this.#after(1 + this.#rng.fraction() * 4, to, { type: 'packet', packet, address })
  }

  #after(ms: number, to: Running, event: SwimEvent): void {
    this.#happenings.arm({ type: 'event', to, event }, instant(this.now + ms))
  }

  #write(line: string): void {
    this.trace.push(`${this.now.toFixed(1)} ${line}`)
  }
}

function isAt(node: Running, address: Address): boolean {
  return formatAddress(node.swim.self.info.address) === formatAddress(address)
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1)

for (const count of [3, 5, 16]) {
  suite(`${count} members without loss`, () => {
    test('all learn of each other from one exchange each with a seed', () => {
      const network = Network.joined(count, count)
      assert.ok(network.allSee(...upTo(count)))
    })

    test('declare nobody suspect or dead in two minutes', () => {
      const network = Network.joined(count, count)
      const { length } = network.trace
      network.run(120_000)
      assert.deepEqual(network.trace.slice(length), [])
    })

    test('see a crash everywhere within bounded time, and nobody else dead', () => {
      const network = Network.joined(count, count)
      network.crash(2)
      const others = upTo(count).filter((n) => n !== 2)
      // A round at the very worst, the end of the interval, the suspicion and its spread.
      const took = network.runUntil(
        () => others.every((n) => network.view(n, 2).startsWith('dead')),
        (2 * count + 8) * INTERVAL_MS,
      )
      assert.ok(took < 14_000, `${took} ms`)
      assert.ok(network.allSee(...others))
      assert.deepEqual(network.deathsOf(...others), [])
    })

    test('replace the record of a restarted member everywhere, without declaring it dead', () => {
      const network = Network.joined(count, count)
      network.restart(2)
      network.runUntil(
        () => upTo(count).every((n) => network.view(n, 2) === `alive ${count + 1}.0`),
        5_000,
      )
      network.runUntil(() => network.allSee(...upTo(count)), 5_000)
      network.run(30_000)
      assert.deepEqual(network.deathsOf(...upTo(count)), [])
    })

    test('see one that leaves as left, not as failed', () => {
      const network = Network.joined(count, count)
      network.leave(2)
      network.run(20)
      network.crash(2)
      network.runUntil(() => network.numbers.every((n) => network.view(n, 2) === 'left 2.0'), 5_000)
      network.run(30_000)
      assert.deepEqual(network.deathsOf(2), [])
    })

    test('are not accused by one that was stopped for a minute, which refutes its own death', () => {
      const network = Network.joined(count, count)
      network.pause(2)
      const others = upTo(count).filter((n) => n !== 2)
      network.run(60_000)
      assert.ok(others.every((n) => network.view(n, 2).startsWith('dead')))
      network.resume(2)
      network.runUntil(() => network.allSee(...upTo(count)), 5_000)
      assert.deepEqual(network.deathsOf(...others), [])
      assert.ok(!network.trace.some((line) => / 2: .*suspect/.test(line)))
    })

    test('find each other again after a partition, through one reconnect', () => {
      const network = Network.joined(count, count)
      const half = Math.ceil(count / 2)
      network.connected = (a, b) => a <= half === b <= half
      network.run(count === 3 ? 600_000 : 60_000)
      assert.ok(network.view(1, count).startsWith('dead'))
      assert.ok(network.view(count, 1).startsWith('dead'))
      const { length } = network.trace
      network.connected = () => true
      network.runUntil(() => network.allSee(...upTo(count)), 60_000)
      const afterwards = network.trace.slice(length)
      assert.deepEqual(
        afterwards.filter((line) => line.endsWith('dead')),
        [],
      )
    })
  })
}

suite('20 % of packets lost', () => {
  test('a suspicion of a healthy node is refuted', () => {
    const network = Network.joined(5, 20)
    network.loss = 0.2
    network.run(300_000)
    const suspicions = network.trace.filter((line) => line.endsWith('alive → suspect'))
    const refutations = network.trace.filter((line) => line.includes('refuted'))
    assert.ok(suspicions.length > 0)
    assert.ok(refutations.length > 0)
    network.loss = 0
    network.runUntil(() => network.allSee(1, 2, 3, 4, 5), 60_000)
  })

  test('healthy nodes are not declared dead, and a crash is seen all the same', () => {
    const network = Network.joined(8, 21)
    network.loss = 0.2
    network.run(600_000)
    assert.deepEqual(network.deathsOf(...upTo(8)), [])
    network.crash(3)
    const others = upTo(8).filter((n) => n !== 3)
    network.runUntil(() => others.every((n) => network.view(n, 3).startsWith('dead')), 30_000)
  })
})

test('all members restarted at once are alive for each other within two intervals', () => {
  const network = Network.joined(50, 50)
  for (const n of upTo(50)) network.restart(n)
  network.runUntil(() => network.allSee(...upTo(50)), 2 * INTERVAL_MS)
})

test('a dead member that a laggard still lists as alive stays dead', () => {
  const network = Network.joined(5, 5)
  network.pause(4)
  network.crash(2)
  network.run(60_000)
  network.resume(4)
  network.run(60_000)
  const others = [1, 3, 4, 5]
  assert.ok(others.every((n) => network.view(n, 2) === 'dead 2.0'))
  const deaths = network.deathsOf(2)
  assert.equal(deaths.length, others.length)
})

test('a member that one node alone cannot reach stays alive through helpers', () => {
  const network = Network.joined(5, 6)
  const { length } = network.trace
  network.connected = (a, b) => !(a + b === 3 && a * b === 2)
  network.run(200_000)
  assert.deepEqual(
    network.trace.slice(length).filter((line) => line.endsWith('dead')),
    [],
  )
})

test('a copy of a data directory is told to both copies', () => {
  const network = Network.joined(3, 9)
  const { swim } = network.node(2)
  const clone = new Swim({
    self: infoOf(2, { address: { host: 'clone', port: 1 } }),
    generation: swim.self.generation,
    probeIntervalMs: INTERVAL_MS,
    probeTimeoutMs: TIMEOUT_MS,
    rng: new Prng(3),
    known: [],
  })
  const effects: SwimEffect[] = []
  clone.step({ type: 'start' }, network.now, effects)
  clone.step({ type: 'records', records: network.node(1).swim.records() }, network.now, effects)
  assert.ok(effects.some((effect) => effect.type === 'cloned-identity'))
  const first = network.node(1).swim
  first.step({ type: 'records', records: [clone.self] }, network.now, [])
  network.run(5_000)
  assert.ok(network.trace.some((line) => line.endsWith('2: cloned clone:1')))
})

test('the same seed gives the same trace, another one another', () => {
  const run = (seed: number): string => {
    const network = Network.joined(6, seed)
    network.loss = 0.3
    network.run(60_000)
    network.crash(3)
    network.run(60_000)
    return network.trace.join('\n')
  }
  assert.equal(run(4), run(4))
  assert.notEqual(run(4), run(5))
})

test('an idle cluster sends one ping and one ack for each member and interval, and no news', () => {
  const network = Network.joined(5, 5)
  network.run(60_000)
  const { swim } = network.node(1)
  const effects: SwimEffect[] = []
  const packet = {
    type: 'ping',
    from: idOf(2),
    fromGeneration: 2,
    gossip: [],
    to: idOf(1),
    sequence: 1,
  } as const
  swim.step({ type: 'packet', packet, address: claim(2).info.address }, network.now, effects)
  assert.deepEqual(
    effects.map((effect) => effect.type === 'packet' && effect.packet.gossip),
    [[swim.self]],
  )
})
