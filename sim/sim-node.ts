/**
 * What outlives a process: a node's identity, its disk, its generation, and the machine whose clock
 * goes wrong in its own way.
 */
import { assert } from '../src/core/std/assert.ts'
import { crc32 } from '../src/core/std/crc32.ts'
import type { Address, ClusterId, NodeId } from '../src/core/std/ids.ts'
import type { KeyringState } from '../src/core/node/cluster-key.ts'
import type { NodeConfig } from '../src/core/node/config.ts'
import type { ClientReply, ClientRequest } from '../src/core/node/events.ts'
import type { NodeOptions } from '../src/core/node/node.ts'
import type { Layout } from '../src/core/placement/layout.ts'
import { ProcessClock } from './clock.ts'
import { simDigest } from './digest.ts'
import type { DiskOptions } from './disk.ts'
import { Disk, Table } from './disk.ts'
import type { NodeMachine, Surroundings } from './process.ts'
import { Process } from './process.ts'
import type { Range } from './seed.ts'
import { stream, wholeWithin, within } from './seed.ts'

export type NodeFactory = (options: NodeOptions) => NodeMachine

/** Rules broken on purpose, to show that the checkers notice. */
export const MUTANTS = ['answer-before-sync', 'no-read-repair', 'forgotten-disk'] as const
/** One of these; or one that patches modules (`mutants/`), of which nothing is known here. */
export type Mutant = string

export interface SimNodeOptions {
  readonly seed: number
  readonly index: number
  readonly cluster: ClusterId
  readonly config: NodeConfig
  readonly zone: string
  readonly birth: NodeOptions['birth']
  /** Addresses that the node was told to join by, at its first start. */
  readonly seeds: readonly Address[]
  readonly disk: DiskOptions
  /** Wrongness of the wall clock, drawn anew at each start. */
  readonly clockOffsetMs: Range
  readonly clockDrift: Range
  readonly mutant: Mutant | undefined
  readonly create: NodeFactory
}

/** What a node is told to be when it is started. */
export interface NodeRole {
  readonly zone: string
  readonly weight: number
}

/** A data directory as it was. */
export interface Backup {
  readonly id: NodeId
  readonly generation: number
  readonly table: Table
}

/** The cluster port of every node; each has a host of its own. */
const PORT = 5001

export function addressOf(index: number): Address {
  return { host: `10.0.0.${index + 1}`, port: PORT }
}

export class SimNode {
  readonly index: number
  readonly disk: Disk
  // Ids of the disks that were lost, oldest first. Bounded by: the disks that faults wipe.
  readonly #formerIds: NodeId[] = []
  #role: NodeRole
  #id: NodeId
  #address: Address
  readonly #world: Surroundings
  readonly #options: SimNodeOptions
  #generation = 0
  #starts = 0
  #process: Process | undefined
  #clock: ProcessClock | undefined
  /** What it was last asked to keep of the cluster's keys. */
  #keyring: KeyringState | undefined
  #resumedAtMs = -Infinity
  #hasLeft = false
  /** Whether the last process ended when all was durable, as one does that is asked to. */
  #endedInOrder = false

  constructor(world: Surroundings, options: SimNodeOptions) {
    const { seed, index } = options
    this.#world = world
    this.#options = options
    this.index = index
    this.#role = { zone: options.zone, weight: 1 }
    this.#id = idOf(seed, index, 0)
    this.#address = addressOf(index)
    const disk = { ...options.disk, answersBeforeSync: options.mutant === 'answer-before-sync' }
    this.disk = new Disk(world.queue, disk, stream(seed, 'disk', index))
    world.network.place(this.#address, index)
  }

  /** Who it is: what the disk remembers. */
  get id(): NodeId {
    return this.#id
  }

  /** Where it listens, or will when it is started. */
  get address(): Address {
    return this.#address
  }

  get zone(): string {
    return this.#role.zone
  }

  get weight(): number {
    return this.#role.weight
  }

  /** Whether `layout` has it as it was told to be. */
  hasRoleIn({ roles }: Layout): boolean {
    const role = roles.find(({ node }) => node === this.id)
    return role?.zone === this.zone && role.weight === this.weight
  }

  /** While it is down: from its next start on it is to be that. */
  reconfigure(role: NodeRole): void {
    assert(!this.isUp, `n${this.index + 1} is reconfigured while it runs`)
    this.#role = role
    this.#world.tell(this.index, 'role', role.weight, () => ({
      text: `weight ${role.weight}, zone ${role.zone}`,
    }))
  }

  /** While it is down: from its next start on it listens somewhere else. */
  move(): void {
    assert(!this.isUp, `n${this.index + 1} moves while it runs`)
    const { host, port } = this.#address
    this.#address = { host, port: port + 1 }
    this.#world.network.place(this.#address, this.index)
    this.#world.tell(this.index, 'moved', port + 1, () => ({ text: `to port ${port + 1}` }))
  }

  /** Who it was before it lost a disk. */
  get formerIds(): readonly NodeId[] {
    return this.#formerIds
  }

  /** Whether it has ever run. */
  get hasStarted(): boolean {
    return this.#starts > 0
  }

  /** Whether it has left the cluster for good. */
  get hasLeft(): boolean {
    return this.#hasLeft
  }

  /** How often it has been started. */
  get starts(): number {
    return this.#starts
  }

  get isUp(): boolean {
    return this.#process !== undefined
  }

  get machine(): NodeMachine | undefined {
    return this.#process?.machine
  }

  get isPaused(): boolean {
    return this.#process?.isPaused ?? false
  }

  /** Whether the process was stopped at any time since `sinceMs`. */
  pausedSince(sinceMs: number): boolean {
    return this.isPaused || this.#resumedAtMs >= sinceMs
  }

  /** Requests that the running process has not answered. */
  get outstanding(): number {
    return this.#process?.outstanding ?? 0
  }

  /**
   * Starts the process; `known` are the addresses of others that it is told besides those of its
   * first start.
   */
  start(known: readonly Address[] = []): void {
    assert(this.#process === undefined, `n${this.index + 1} runs already`)
    const options = this.#options
    const { seed, index } = options
    const dice = stream(seed, 'node', index, ++this.#starts)
    const clock = new ProcessClock(this.#world.queue, {
      originMs: wholeWithin([0, 1_000_000], dice),
      offsetMs: within(options.clockOffsetMs, dice),
      drift: within(options.clockDrift, dice),
    })
    this.#clock = clock
    this.#generation = Math.max(this.#generation + 1, Math.floor(clock.wallMs() / 1000))
    const generation = this.#generation
    this.#world.tell(index, 'start', generation, () => ({ text: `generation ${generation}` }))
    const machine = options.create({
      resumed: this.#endedInOrder,
      self: this.#info(),
      cluster: options.cluster,
      generation: this.#generation,
      config: options.config,
      birth: this.#formerIds.length === 0 ? options.birth : undefined,
      store: this.disk,
      checksum: crc32,
      digest: simDigest,
      leaveSecret: `${this.id}${generation.toString(16).padStart(16, '0')}`,
      rng: dice.fork(),
      keyring: this.#keyring,
    })
    this.#process = new Process(this.#world, this.#processOptions(clock), machine)
    this.#process.start([...options.seeds, ...known])
  }

  crash(): void {
    const process = this.#process
    if (process === undefined) return
    const { pending } = this.disk
    this.#world.tell(this.index, 'crash', pending, () => ({
      text: `${pending} batches not durable`,
    }))
    this.#endedInOrder = pending === 0 && process.machine.resumable === true
    this.#process = undefined
    process.kill()
    if (this.#options.mutant === 'forgotten-disk') this.#forget()
  }

  /** Stops the process for a while: SIGSTOP. */
  pause(): void {
    if (this.#process === undefined || this.isPaused) return
    this.#world.tell(this.index, 'pause', 0, () => ({ text: 'stopped' }))
    this.#process.pause()
  }

  /** SIGCONT; nothing, if the process was not stopped or is another by now. */
  resume(): void {
    const process = this.#process
    if (process === undefined || !process.isPaused) return
    this.#world.tell(this.index, 'resume', 0, () => ({ text: 'goes on' }))
    this.#resumedAtMs = this.#world.queue.nowMs
    process.resume()
  }

  /** Steps the wall clock of the running process; a restart sets it anew. */
  stepClock(byMs: number): void {
    this.#world.tell(this.index, 'clock', byMs, () => ({ text: `stepped by ${byMs} ms` }))
    this.#clock?.stepWall(byMs)
  }

  /**
   * Comes back with an empty disk: what knew the node's id is gone with it, so it is a new node
   * that happens to have the address of another.
   */
  wipe(): void {
    this.crash()
    this.#formerIds.push(this.#id)
    this.#id = idOf(this.#options.seed, this.index, this.#formerIds.length)
    this.#generation = 0
    this.#endedInOrder = false
    this.disk.restore(new Table())
    this.#world.renamed(this)
    this.#world.tell(this.index, 'wiped', this.#formerIds.length, () => ({ text: 'a new node' }))
  }

  /** All that a copy of the data directory taken now would have. */
  backup(): Backup {
    return { id: this.#id, generation: this.#generation, table: this.disk.snapshot() }
  }

  /** Crashes, and has the disk that it had when the backup was made. */
  rollBack(backup: Backup): void {
    assert(backup.id === this.#id, 'a backup of another node')
    this.crash()
    this.#generation = backup.generation
    this.#endedInOrder = false
    this.disk.restore(backup.table)
    this.#world.tell(this.index, 'rolled back', backup.generation, () => ({
      text: `to generation ${backup.generation}`,
    }))
  }

  /** Crashes in the middle of the next step that asks for anything. */
  crashMidStep(at: number): void {
    this.#process?.crashMidStep(at)
  }

  /** `done` is called once, later: `lost` when the process is gone before it answered. */
  request(request: ClientRequest, done: (reply: ClientReply | 'lost') => void): void {
    assert(this.#process !== undefined, `n${this.index + 1} is down`)
    this.#process.request(request, done)
  }

  #info(): NodeOptions['self'] {
    return {
      id: this.id,
      name: this.#world.nameOf(this.id),
      address: this.address,
      httpAddress: { host: this.address.host, port: PORT + 1000 },
      zone: this.zone,
      weight: this.weight,
      version: '0.0.0',
    }
  }

  #processOptions(clock: ProcessClock): ConstructorParameters<typeof Process>[1] {
    return {
      index: this.index,
      id: this.id,
      address: this.address,
      cluster: this.#options.cluster,
      disk: this.disk,
      clock,
      keys: {
        install: (state) => {
          this.#keyring = state
        },
      },
      skipsReadRepair: this.#options.mutant === 'no-read-repair',
      crashed: () => {
        this.crash()
        this.#endedInOrder = false
      },
      left: () => this.#leftSoon(),
    }
  }

  /** The process ends when its node has left, after the step in which it says so. */
  #leftSoon(): void {
    const process = this.#process
    this.#world.queue.after(0, () => {
      if (process === undefined || this.#process !== process) return
      this.#world.tell(this.index, 'gone', 0, () => ({ text: 'has left the cluster' }))
      this.#hasLeft = true
      this.#process = undefined
      process.kill()
    })
  }

  /**
   * Loses every record and keeps what the node knows of itself, its vnode ids among it: the family
   * of Riak's kv679.
   */
  #forget(): void {
    this.#endedInOrder = true
    const kept = new Table()
    const state = this.disk.entries().filter(({ key }) => key[0] !== RECORD)
    kept.apply(state.map(({ key, value }) => ({ type: 'put', key, value })))
    this.disk.restore(kept)
  }
}

/** First byte of a record's storage key (`storage-keys.ts`). */
const RECORD = 0x01

function idOf(seed: number, index: number, life: number): NodeId {
  const dice = life === 0 ? stream(seed, 'node id', index) : stream(seed, 'node id', index, life)
  return (hex32(dice.u32()) + hex32(dice.u32())) as NodeId
}

function hex32(value: number): string {
  return value.toString(16).padStart(8, '0')
}
