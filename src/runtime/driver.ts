/**
 * Runs a node in the real world: feeds it events, executes its effects, keeps its one timer. No
 * protocol is decided here.
 *
 * Events are taken one at a time: whatever arrives while a step's effects are being executed waits
 * its turn, so that a node never sees an event in the middle of another. Effects are executed in
 * the order asked for. Nothing is awaited and nothing is promised per request: a client's callback
 * waits in a table, as the node's machines keep theirs.
 *
 * Backpressure is the node's and the adapters': the node refuses requests beyond its bound, links
 * and store bound what they queue. The queue of events here holds only what callbacks submit during
 * one turn.
 */
import { DndError } from '../core/errors.ts'
import type { SwimPacket } from '../core/membership/messages.ts'
import type {
  ClientReply,
  ClientRequest,
  NodeEffect,
  NodeEvent,
  Note,
} from '../core/node/events.ts'
import type { KeyringState } from '../core/node/cluster-key.ts'
import type { Node } from '../core/node/node.ts'
import type { AccessView } from '../core/node/access.ts'
import type { NodeView } from '../core/node/view.ts'
import type { StoreEntry } from '../core/ports.ts'
import { must, unreachable } from '../core/std/assert.ts'
import type { Address, NodeId } from '../core/std/ids.ts'
import type { Instant, Now } from '../core/std/instant.ts'
import { instant, NEVER } from '../core/std/instant.ts'
import type { PeerMessage } from '../core/wire/messages.ts'
import { logNote } from './log-note.ts'
import { OnceAMinute } from './once-a-minute.ts'
import type {
  DatagramListener,
  Datagrams,
  Gateway,
  KeyringStore,
  LinkListener,
  Links,
  Log,
  Store,
  StoreListener,
} from './ports.ts'

/** What the node is wired to. */
export interface DriverParts {
  readonly node: Node
  readonly links: Links
  readonly datagrams: Datagrams
  readonly store: Store
  /** undefined: the node has nothing to do with keys. */
  readonly keyring?: KeyringStore | undefined
}

/** Who counts what happens. */
export interface Observer {
  note(note: Note): void
  fault(transport: 'tcp' | 'udp', cause: string): void
}

/** The clocks of the machine: monotonic milliseconds, and milliseconds since 1970. */
export interface Clocks {
  monotonic(): number
  wall(): number
}

type Done = (reply: ClientReply) => void

/** Events kept until the node is started. */
const EARLY_MAX = 10_000
/** How often it is looked whether requests are still in flight. */
const IDLE_LOOK_MS = 20
/** The longest that `setTimeout` can wait; a later deadline is looked at again then. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1

export class Driver implements Gateway {
  readonly #log: Log
  readonly #observer: Observer
  readonly #clocks: Clocks
  readonly #now = { instant: instant(0), wallMs: 0 }
  readonly #effects: NodeEffect[] = []
  // Events that came during a step, or before the start. Bounded by: what the callbacks of one step
  // submit, and what arrives in the milliseconds in which the adapters are opened (EARLY_MAX).
  readonly #waiting: NodeEvent[] = []
  // Bounded by: the node's requestsInFlightMax; it answers each request exactly once.
  readonly #clients = new Map<number, Done>()
  // Replies to requests whose `submit` has not returned yet.
  #early: { readonly done: Done; readonly reply: ClientReply }[] = []
  readonly #told = new OnceAMinute()
  #parts: DriverParts | undefined
  #client = 0
  #commits = 0
  #running = false
  #submitting = false
  #stopped = false
  #timer: NodeJS.Timeout | undefined
  #timerAt: Instant = NEVER

  /** Settles when the node serves. */
  readonly ready: Promise<void>
  #settleReady: () => void = () => undefined
  /** Settles when the node has left its cluster, and waits to be stopped. */
  readonly left: Promise<void>
  #settleLeft: () => void = () => undefined
  #refusal: string | undefined

  constructor(options: { log: Log; observer: Observer; clocks: Clocks }) {
    this.ready = new Promise((resolve) => {
      this.#settleReady = resolve
    })
    this.left = new Promise((resolve) => {
      this.#settleLeft = resolve
    })
    this.#log = options.log
    this.#observer = options.observer
    this.#clocks = options.clocks
  }

  /** Why the cluster does not take the node, which leaves then; undefined: it does. */
  get refusal(): string | undefined {
    return this.#refusal
  }

  /** Wires the node up and starts it. The adapters were opened with the listeners below. */
  start(parts: DriverParts, seeds: readonly Address[]): void {
    this.#parts = parts
    this.#run({ type: 'start', seeds })
  }

  /** Tells the other members that this node stops for a moment; it goes on until it is stopped. */
  drain(): void {
    if (this.#parts !== undefined) this.#run({ type: 'drain' })
  }

  /** Resolves when no client request is in flight here, or after `withinMs`. */
  async idle(withinMs: number): Promise<void> {
    const until = this.#clocks.monotonic() + withinMs
    while (!this.#stopped && this.#parts !== undefined && this.view().inFlight > 0) {
      if (this.#clocks.monotonic() >= until) return
      await new Promise((resolve) => setTimeout(resolve, IDLE_LOOK_MS))
    }
  }

  /** The node takes no more events; its adapters are closed by whoever opened them. */
  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#clients.clear()
  }

  readonly linkListener: LinkListener = {
    message: (from: NodeId, message: PeerMessage) => this.#run({ type: 'message', from, message }),
    linkUp: (peer: NodeId) => this.#run({ type: 'link-up', peer }),
    linkDown: (peer: NodeId, reason: string) => this.#run({ type: 'link-down', peer, reason }),
    dialed: (address: Address, peer: NodeId) => this.#run({ type: 'dialed', address, peer }),
    dialFailed: (address: Address, reason: string) => {
      this.#log.info('no connection', { host: address.host, port: address.port, reason })
      this.#run({ type: 'dial-failed', address, reason })
    },
    fault: (cause: string, detail: string, source?: string) =>
      this.#onFault('tcp', cause, detail, source),
  }

  readonly datagramListener: DatagramListener = {
    packet: (packet: SwimPacket, address: Address) =>
      this.#run({ type: 'packet', packet, address }),
    fault: (cause: string, detail: string, source?: string) =>
      this.#onFault('udp', cause, detail, source),
  }

  readonly storeListener: StoreListener = {
    stored: (batch: number) => this.#run({ type: 'stored', batch }),
    storeFailed: (batch: number, reason: string) =>
      this.#run({ type: 'store-failed', batch, reason }),
    scanned: (scan: number, ranges: readonly (readonly StoreEntry[])[]) =>
      this.#run({ type: 'scanned', scan, ranges }),
    scanFailed: (scan: number, reason: string) => this.#run({ type: 'scan-failed', scan, reason }),
  }

  /** After `stop` nobody is answered any more. */
  submit(request: ClientRequest, done: (reply: ClientReply) => void): void {
    if (this.#stopped) return
    if (this.#parts === undefined && this.#waiting.length >= EARLY_MAX)
      throw new DndError('DND_ERR_NOT_READY', 'this node is being started')
    const client = ++this.#client
    this.#clients.set(client, done)
    const outer = this.#submitting
    this.#submitting = true
    this.#run({ type: 'request', client, request })
    this.#submitting = outer
    if (!outer && this.#early.length > 0) queueMicrotask(this.#deliverEarly)
  }

  /** Batches handed to the store so far. */
  get commits(): number {
    return this.#commits
  }

  get access(): AccessView {
    return this.#node().access
  }

  view(): NodeView {
    return this.#node().view()
  }

  #node(): DriverParts['node'] {
    if (this.#parts === undefined)
      throw new DndError('DND_ERR_NOT_READY', 'this node is being started')
    return this.#parts.node
  }

  #run(event: NodeEvent): void {
    if (this.#stopped) return
    if (this.#parts === undefined || this.#running) {
      if (this.#parts !== undefined || this.#waiting.length < EARLY_MAX) this.#waiting.push(event)
      return
    }
    this.#running = true
    this.#step(event)
    // An event taken while the queue is read may add another: the index walks until it meets the
    // end.
    for (let i = 0; i < this.#waiting.length && !this.#stopped; i++) this.#step(this.#waiting[i]!)
    this.#waiting.length = 0
    this.#running = false
    if (!this.#stopped) this.#armTimer()
  }

  #step(event: NodeEvent): void {
    const { node } = this.#parts!
    node.step(event, this.#readClocks(), this.#effects)
    for (let i = 0; i < this.#effects.length; i++) this.#execute(this.#effects[i]!)
    this.#effects.length = 0
  }

  #readClocks(): Now {
    this.#now.instant = instant(this.#clocks.monotonic())
    this.#now.wallMs = this.#clocks.wall()
    return this.#now
  }

  #execute(effect: NodeEffect): void {
    const { links, datagrams, store } = this.#parts!
    switch (effect.type) {
      case 'send':
        return links.send(effect.to, effect.message)
      case 'store':
        this.#commits++
        return store.commit(effect.batch, effect.operations)
      case 'reply':
        return this.#reply(effect.client, effect.reply)
      case 'packet':
        return datagrams.send(effect.to, effect.packet)
      case 'address':
        return links.setAddress(effect.peer, effect.address)
      case 'dial':
        return links.dial(effect.address)
      case 'scan':
        return store.scan(effect.scan, effect.ranges)
      case 'keyring':
        return this.#installKeys(effect.revision, effect.state)
      case 'note':
        return this.#onNote(effect.note)
      default:
        return unreachable(effect)
    }
  }

  #installKeys(revision: number, state: KeyringState): void {
    const { keyring } = must(this.#parts, 'the parts of a node that runs')
    const failure = must(keyring, 'where keys are kept').install(state)
    if (failure === undefined) this.#run({ type: 'keyring-stored', revision })
    else this.#run({ type: 'keyring-failed', revision, reason: failure })
  }

  #reply(client: number, reply: ClientReply): void {
    const done = this.#clients.get(client)
    if (done === undefined) return
    this.#clients.delete(client)
    if (this.#submitting) this.#early.push({ done, reply })
    else done(reply)
  }

  readonly #deliverEarly = (): void => {
    const early = this.#early
    this.#early = []
    for (const { done, reply } of early) done(reply)
  }

  /**
   * One timer for the node's next deadline; an earlier deadline moves it, a later one lets it fire
   * and look again.
   */
  #armTimer(): void {
    const at = this.#parts!.node.nextDeadline()
    if (at >= this.#timerAt) return
    clearTimeout(this.#timer)
    const wait = Math.ceil(at - this.#clocks.monotonic())
    this.#timerAt = at
    this.#timer = setTimeout(this.#onTimer, Math.min(Math.max(wait, 0), TIMEOUT_MS_MAX))
  }

  readonly #onTimer = (): void => {
    this.#timerAt = NEVER
    this.#run({ type: 'tick' })
  }

  #onFault(transport: 'tcp' | 'udp', cause: string, detail: string, source?: string): void {
    this.#observer.fault(transport, cause)
    const fields = { transport, cause, detail }
    const what = `${transport} ${cause} ${source}`
    if (source !== undefined && this.#told.isDue(what, this.#clocks.monotonic()))
      this.#log.info('refused', fields)
    else this.#log.debug('refused', fields)
  }

  /** Each read and write of such a key notes it; one line a minute is enough to wake somebody. */
  #onSiblings(bucket: string, siblings: number): void {
    if (!this.#told.isDue(`siblings ${bucket}`, this.#clocks.monotonic())) return
    this.#log.info('a key has many concurrent values: who writes it must read it first', {
      bucket,
      siblings,
    })
  }

  #onHintsFull(target: NodeId): void {
    if (this.#told.isDue('hints-full', this.#clocks.monotonic()))
      this.#log.info('no room for more hints: anti-entropy brings what is missing', { target })
  }

  #onNote(note: Note): void {
    this.#observer.note(note)
    if (note.type === 'hints-full') this.#onHintsFull(note.target)
    if (note.type === 'ready') this.#settleReady()
    if (note.type === 'left') this.#settleLeft()
    if (note.type === 'replace-refused') this.#refusal = note.reason
    if (note.type === 'many-siblings') this.#onSiblings(note.bucket, note.siblings)
    logNote(this.#log, note)
  }
}
