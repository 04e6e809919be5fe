import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatAddress } from '../src/core/std/ids.ts'
import type { Address, NodeId } from '../src/core/std/ids.ts'
import { EventQueue } from './clock.ts'
import type { Links } from './links.ts'
import type { Endpoint, NetworkOptions } from './network.ts'
import { Network } from './network.ts'
import { stream } from './seed.ts'

const OPTIONS: NetworkOptions = {
  latencyMs: [1, 9],
  datagramLoss: 0,
  datagramDuplication: 0,
  datagramStraggle: 0,
  connectTimeoutMs: 1_000,
  breakAfterMs: [400, 600],
}

/** A process that writes down what reaches it. */
class Ear implements Endpoint {
  readonly index: number
  readonly id: NodeId
  readonly address: Address
  readonly heard: string[] = []
  readonly links: Links
  /** What waits while it is stopped. */
  held: (() => void)[] | undefined

  constructor(network: Network, index: number) {
    this.index = index
    this.id = `n${index}` as NodeId
    this.address = { host: 'h', port: 1 + index }
    network.place(this.address, index)
    this.links = network.attach(this)
  }

  whenRunning(happen: () => void): void {
    if (this.held === undefined) happen()
    else this.held.push(happen)
  }

  pause(): void {
    this.held = []
  }

  resume(): void {
    const held = this.held ?? []
    this.held = undefined
    for (const happen of held) happen()
  }

  message(from: NodeId, frame: Uint8Array): void {
    this.heard.push(`${from}: ${frame[0]}`)
  }

  packet(from: Address, datagram: Uint8Array): void {
    this.heard.push(`packet ${formatAddress(from)}: ${datagram[0]}`)
  }

  linkUp(peer: NodeId): void {
    this.heard.push(`up ${peer}`)
  }

  linkDown(peer: NodeId, reason: string): void {
    this.heard.push(`down ${peer}: ${reason}`)
  }

  dialed(address: Address, peer: NodeId): void {
    this.heard.push(`dialed ${formatAddress(address)}: ${peer}`)
  }

  dialFailed(address: Address, reason: string): void {
    this.heard.push(`dial failed ${formatAddress(address)}: ${reason}`)
  }
}

class Bench {
  readonly queue: EventQueue
  readonly network: Network
  readonly ears: Ear[]

  constructor(options: Partial<NetworkOptions> = {}, seed = 1, count = 3) {
    this.queue = new EventQueue(stream(seed, 'ties'))
    const all = { ...OPTIONS, ...options }
    this.network = new Network(this.queue, all, stream(seed, 'network'), () => undefined)
    this.ears = Array.from({ length: count }, (_, index) => new Ear(this.network, index))
    for (const ear of this.ears)
      for (const other of this.ears) ear.links.setAddress(other.id, other.address)
  }

  run(ms: number): void {
    const until = this.queue.nowMs + ms
    while (this.queue.runNext(until)) continue
  }

  /** Frames `first` … `last` from one process to another. */
  send(from: number, to: number, first: number, last: number = first): void {
    for (let i = first; i <= last; i++)
      this.ears[from]!.links.send(this.ears[to]!.id, Uint8Array.of(i))
  }

  heard(index: number): readonly string[] {
    return this.ears[index]!.heard
  }

  numbers(index: number): readonly number[] {
    return this.heard(index)
      .flatMap((line) => /: (\d+)$/.exec(line)?.[1] ?? [])
      .map(Number)
  }
}

test('frames to a running process arrive in order over a link that comes up by itself', () => {
  fc.assert(
    fc.property(fc.nat(), fc.array(fc.nat(30), { maxLength: 20 }), (seed, gaps) => {
      const bench = new Bench({}, seed)
      gaps.forEach((gap, index) => {
        bench.send(0, 1, index)
        bench.run(gap)
      })
      bench.run(1_000)
      assert.deepEqual(bench.numbers(1), [...gaps.keys()])
      assert.deepEqual(bench.heard(0), gaps.length > 0 ? ['up n1'] : [])
    }),
    { seed: 3 },
  )
})

test('a link goes one way: the answer needs one of its own', () => {
  const bench = new Bench()
  bench.send(0, 1, 7)
  bench.run(100)
  bench.send(1, 0, 8)
  bench.run(100)
  assert.deepEqual(bench.heard(1), ['n0: 7', 'up n0'])
  assert.deepEqual(bench.heard(0), ['up n1', 'n1: 8'])
})

test('a process that does not run refuses, and one without address cannot be found', () => {
  const bench = new Bench()
  bench.network.detach(bench.ears[1]!)
  bench.send(0, 1, 1)
  bench.ears[0]!.links.send('n9' as NodeId, Uint8Array.of(1))
  bench.run(100)
  assert.deepEqual(bench.heard(0).toSorted(), [
    'down n1: connection refused',
    'down n9: no address known',
  ])
})

test('a crash resets the links to it, and the next frame dials again', () => {
  const bench = new Bench()
  bench.send(0, 1, 1)
  bench.run(100)
  bench.network.detach(bench.ears[1]!)
  bench.send(0, 1, 2)
  bench.run(100)
  assert.deepEqual(bench.heard(0), ['up n1', 'down n1: reset by peer'])
  const reborn = new Ear(bench.network, 1)
  bench.send(0, 1, 3)
  bench.run(100)
  assert.deepEqual(bench.heard(0).slice(2), ['up n1'])
  assert.deepEqual(reborn.heard, ['n0: 3'])
  assert.deepEqual(bench.numbers(1), [1])
})

test('of what a dying process had sent a prefix arrives, sometimes all, sometimes nothing', () => {
  const arrived = Array.from({ length: 60 }, (_, seed) => {
    const bench = new Bench({}, seed)
    bench.send(0, 1, 0)
    bench.run(100)
    bench.send(0, 1, 1, 3)
    bench.network.detach(bench.ears[0]!)
    bench.run(100)
    const numbers = bench.numbers(1)
    assert.deepEqual(numbers, [0, 1, 2, 3].slice(0, numbers.length))
    return numbers.length
  })
  assert.deepEqual(new Set(arrived), new Set([1, 2, 3, 4]))
})

test('frames stall in a blocked direction and arrive in order when it opens soon', () => {
  const bench = new Bench()
  bench.send(0, 1, 0)
  bench.run(100)
  bench.network.block(0, 1)
  bench.send(0, 1, 1, 5)
  bench.run(300)
  assert.deepEqual(bench.numbers(1), [0])
  bench.network.unblock(0, 1)
  bench.send(0, 1, 6)
  bench.run(100)
  assert.deepEqual(bench.numbers(1), [0, 1, 2, 3, 4, 5, 6])
  assert.deepEqual(bench.heard(0), ['up n1'])
})

test('a link that stays blocked breaks, and what it carried is lost', () => {
  const bench = new Bench()
  bench.send(0, 1, 0)
  bench.run(100)
  bench.network.block(0, 1)
  bench.send(0, 1, 1, 5)
  bench.run(700)
  assert.deepEqual(bench.heard(0), ['up n1', 'down n1: timed out'])
  bench.network.unblock(0, 1)
  bench.send(0, 1, 6)
  bench.run(100)
  assert.deepEqual(bench.numbers(1), [0, 6])
})

test('where only the way back is blocked, frames arrive and the link breaks', () => {
  const bench = new Bench()
  bench.send(0, 1, 0)
  bench.run(100)
  bench.network.block(1, 0)
  bench.send(0, 1, 1)
  bench.run(700)
  assert.deepEqual(bench.numbers(1), [0, 1])
  assert.deepEqual(bench.heard(0), ['up n1', 'down n1: timed out'])
})

test('a partition that healed does not break a link in a later one too soon', () => {
  const bench = new Bench({ breakAfterMs: [500, 500] })
  bench.send(0, 1, 0)
  bench.run(100)
  bench.network.block(0, 1)
  bench.run(400)
  bench.network.unblock(0, 1)
  bench.run(50)
  bench.network.block(0, 1)
  bench.run(300)
  assert.deepEqual(bench.heard(0), ['up n1'])
  bench.run(300)
  assert.deepEqual(bench.heard(0), ['up n1', 'down n1: timed out'])
})

test('a dial names who answers and leaves a link, or says why nobody did', () => {
  const bench = new Bench()
  const [caller, target] = bench.ears
  caller!.links.dial(target!.address)
  bench.run(100)
  assert.deepEqual(caller!.heard.splice(0), ['up n1', 'dialed h:2: n1'])
  caller!.links.dial(target!.address)
  bench.run(100)
  assert.deepEqual(caller!.heard.splice(0), ['dialed h:2: n1'])
  caller!.links.dial({ host: 'h', port: 99 })
  caller!.links.dial(caller!.address)
  bench.run(100)
  assert.deepEqual(caller!.heard.splice(0).toSorted(), [
    'dial failed h:1: that is myself',
    'dial failed h:99: connection refused',
  ])
  bench.network.block(2, 0)
  caller!.links.dial(bench.ears[2]!.address)
  bench.run(700)
  assert.deepEqual(caller!.heard, [])
  bench.run(400)
  assert.deepEqual(caller!.heard, ['dial failed h:3: timed out'])
})

test('a dial that meets a short partition knocks until it is let in', () => {
  const bench = new Bench()
  bench.network.block(0, 1)
  bench.send(0, 1, 4)
  bench.run(300)
  bench.network.unblock(0, 1)
  bench.run(400)
  assert.deepEqual(bench.numbers(1), [4])
})

test('datagrams are lost, doubled and overtake each other as often as asked for', () => {
  const bench = new Bench({ datagramLoss: 0.3, datagramDuplication: 0.3 })
  for (let i = 0; i < 200; i++)
    bench.network.datagram(bench.ears[0]!, bench.ears[1]!.address, Uint8Array.of(i))
  bench.run(1_000)
  const numbers = bench.numbers(1)
  const distinct = new Set(numbers).size
  assert.ok(distinct > 110 && distinct < 170, `${distinct} arrived`)
  assert.ok(numbers.length > distinct + 20, `${numbers.length - distinct} doubled`)
  assert.ok(numbers.some((n, i) => i > 0 && n < numbers[i - 1]!))
})

test('a datagram does not pass a blocked direction nor reach a process that is gone', () => {
  const bench = new Bench()
  bench.network.block(0, 1)
  for (const target of [1, 2])
    bench.network.datagram(bench.ears[0]!, bench.ears[target]!.address, Uint8Array.of(1))
  bench.network.datagram(bench.ears[1]!, bench.ears[0]!.address, Uint8Array.of(2))
  bench.network.detach(bench.ears[2]!)
  bench.run(100)
  assert.deepEqual([bench.heard(1), bench.heard(2)], [[], []])
  assert.deepEqual(bench.heard(0), ['packet h:2: 2'])
})

test('a calm network loses no datagram', () => {
  const bench = new Bench({ datagramLoss: 1, datagramDuplication: 1, datagramStraggle: 1 })
  bench.network.calm()
  bench.network.datagram(bench.ears[0]!, bench.ears[1]!.address, Uint8Array.of(1))
  bench.run(10)
  assert.deepEqual(bench.numbers(1), [1])
})

test('one address has one process', () => {
  const bench = new Bench()
  assert.throws(() => bench.network.attach(bench.ears[0]!), /two processes/)
})

test('a direction that two have blocked opens when both have opened it', () => {
  const bench = new Bench()
  bench.network.block(0, 1)
  bench.network.block(0, 1)
  bench.network.unblock(0, 1)
  assert.equal(bench.network.isBlocked(0, 1), true)
  bench.network.unblock(0, 1)
  assert.equal(bench.network.isBlocked(0, 1), false)
})

test('a clogged direction is late and slow, and the other is not', () => {
  const bench = new Bench({ latencyMs: [1, 1] })
  bench.send(0, 1, 1)
  bench.send(1, 0, 2)
  bench.run(50)
  const clog = { delayMs: 100, bytesPerMs: 0.01 }
  bench.network.clog(0, 1, clog)
  assert.equal(bench.network.isClogged(0, 1), true)
  bench.send(0, 1, 3, 4)
  bench.send(1, 0, 5)
  bench.run(50)
  assert.deepEqual([bench.numbers(0), bench.numbers(1)], [[2, 5], [1]])
  // One byte takes 100 ms, and every byte is 100 ms late.
  bench.run(152)
  assert.deepEqual(bench.numbers(1), [1, 3])
  bench.network.unclog(0, 1, clog)
  bench.run(100)
  assert.deepEqual(bench.numbers(1), [1, 3, 4])
  bench.send(0, 1, 6)
  bench.run(2)
  assert.deepEqual(bench.numbers(1), [1, 3, 4, 6])
})

test('a link passes as many bytes as it can, and no more', () => {
  const bench = new Bench({ latencyMs: [1, 1], bytesPerMs: 100 })
  bench.send(0, 1, 0)
  bench.run(50)
  for (const first of [1, 2]) {
    const frame = new Uint8Array(1_000)
    frame[0] = first
    bench.ears[0]!.links.send(bench.ears[1]!.id, frame)
  }
  bench.run(10.9)
  assert.deepEqual(bench.numbers(1), [0])
  bench.run(1)
  assert.deepEqual(bench.numbers(1), [0, 1])
  bench.run(10)
  assert.deepEqual(bench.numbers(1), [0, 1, 2])
})

test('a datagram above the MTU of the path is lost', () => {
  const bench = new Bench({ mtuBytes: 10 })
  const [from, to] = bench.ears
  bench.network.datagram(from!, to!.address, new Uint8Array(10))
  bench.network.datagram(from!, to!.address, new Uint8Array(11))
  bench.run(100)
  assert.equal(bench.heard(1).length, 1)
})

test('a stopped process hears of its links when it goes on, and then of the truth', () => {
  const bench = new Bench({ latencyMs: [1, 1] })
  const [first, second] = bench.ears
  first!.pause()
  bench.send(0, 1, 1)
  bench.run(50)
  assert.deepEqual(bench.heard(0), [])
  bench.network.detach(second!)
  bench.ears[1] = new Ear(bench.network, 1)
  first!.resume()
  bench.run(50)
  // Who answered is not there any more: no link stands that leads nowhere.
  assert.deepEqual(bench.heard(0), ['down n1: reset by peer'])
  bench.send(0, 1, 2)
  bench.run(50)
  assert.deepEqual(bench.numbers(1), [2])
})
