/**
 * Is a concurrent history linearizable? That is: can each operation be given one instant between
 * its invocation and its return, so that an object that does one thing at a time, in the order of
 * those instants, gives the same answers (Herlihy, Wing, "Linearizability", TOPLAS 1990)?
 *
 * Trying all orders takes n! steps. The search of Wing and Gong ("Testing and verifying concurrent
 * objects", JPDC 1993) goes forward in time instead: whatever was invoked before the first pending
 * return may come next; take one that the object can answer, go on from there, and step back where
 * nothing fits. It still meets the same situation along many ways. Lowe ("Testing for
 * linearizability", CCPE 2017, §4) remembers the situations that it has been in, each a set of
 * operations done and the object's state, and never enters one twice.
 *
 * ```
 *   search: pending = all operations, state = init
 *     bound      = the earliest return among the pending
 *     candidates = those pending that were invoked before it, the earliest return first
 *     a candidate that the state can answer, leading to a new (done, state): do it, go on
 *     none left: undo the last operation, try its next sibling; nothing to undo: not linearizable
 *     no pending operation has a return: linearizable
 * ```
 *
 * An operation of unknown outcome has no return, so it bounds nobody and need not be done at all:
 * it may take effect at any time after its invocation, or never.
 *
 * Three observations keep the search short, and lose nothing:
 *
 * - What can be answered now and changes nothing, such as a read, may as well be done now: in any
 *   order that goes on from here it can be moved to the front. So nothing is tried in its place.
 * - A write of unknown outcome that is overwritten before anybody looked need not have happened. So
 *   it is tried only where it lets an operation follow that looks. Without this rule each of k such
 *   writes could be done or not wherever the search is stuck, in 2^k ways.
 * - A state that a pending operation needs, and that no pending operation makes again, must not be
 *   left. Without this rule a wrong turn shows only when the reader's time has come, and everything
 *   that overlaps it is tried in all orders before.
 *
 * The question is NP-complete (Gibbons, Korach, "Testing shared memories", SICOMP 1997), so the
 * search has a budget; when that is spent the verdict is `undecided`, never a guess.
 */
import type { Call, Model } from './model.ts'

export type Verdict<S, I, O> =
  /** `order`: one way in which it can have happened. */
  | { readonly type: 'linearizable'; readonly order: readonly Call<I, O>[] }
  | Refusal<S, I, O>
  /** The budget was spent. */
  | { readonly type: 'undecided'; readonly visited: number }

/**
 * Every beginning of a linearizable history is linearizable. So there is a first return with which
 * it ends, and what happened until then can be put in order.
 */
export interface Refusal<S, I, O> {
  readonly type: 'not-linearizable'
  /** The operation whose answer fits nowhere. */
  readonly stuck: Call<I, O>
  /** An order of what was done before that answer, the longest that the search found. */
  readonly prefix: readonly Call<I, O>[]
  /** The object after it. */
  readonly state: S
}

/**
 * Situations that a search may visit. A history of some hundred operations of a dozen clients
 * visits a few thousand; each costs some hundred bytes while the search goes on.
 */
export const VISITED_MAX = 100_000

/** Judges the operations on one object. */
export function checkLinearizable<S, I, O>(
  model: Model<S, I, O>,
  operations: readonly Call<I, O>[],
  visitedMax: number = VISITED_MAX,
): Verdict<S, I, O> {
  const outcome = search(model, operations, visitedMax)
  if (outcome.type !== 'refused') return outcome
  return refusal(model, operations, visitedMax)
}

type Outcome<S, I, O> = Exclude<Verdict<S, I, O>, Refusal<S, I, O>> | { readonly type: 'refused' }

function search<S, I, O>(
  model: Model<S, I, O>,
  operations: readonly Call<I, O>[],
  visitedMax: number,
): Outcome<S, I, O> {
  return new Search(model, operations, visitedMax).run()
}

/** Finds the return with which a history that is not linearizable ceases to be, by halving. */
function refusal<S, I, O>(
  model: Model<S, I, O>,
  operations: readonly Call<I, O>[],
  visitedMax: number,
): Refusal<S, I, O> {
  const byReturn = operations.filter(hasReturned).sort((a, b) => a.returned - b.returned)
  let good = 0
  let bad = byReturn.length
  let prefix: readonly Call<I, O>[] = []
  while (bad - good > 1) {
    const middle = (good + bad) >> 1
    const outcome = search(model, until(byReturn[middle - 1]!.returned, operations), visitedMax)
    if (outcome.type === 'refused') bad = middle
    else good = middle
    if (outcome.type === 'linearizable') prefix = outcome.order
  }
  let state = model.init
  for (const { input, output } of prefix) {
    const step = model.step(state, input, output)
    if (step.ok) ({ state } = step)
  }
  return { type: 'not-linearizable', stuck: byReturn[bad - 1]!, prefix, state }
}

/** What was known at that moment: what had not returned by then is of unknown outcome. */
function until<I, O>(moment: number, operations: readonly Call<I, O>[]): readonly Call<I, O>[] {
  return operations
    .filter(({ invoked }) => invoked <= moment)
    .map((call) =>
      call.returned <= moment ? call : { ...call, output: 'unknown', returned: Infinity },
    )
}

/** One operation done, and what else could have been done in its place. */
interface Frame<S> {
  readonly before: S
  /** Places of operations, in the order in which they are tried. */
  readonly candidates: readonly number[]
  /** Place among the candidates of the one that is done. */
  readonly next: number
  /** Nothing else needs to be tried in its place. */
  readonly forced: boolean
}

class Search<S, I, O> {
  readonly #model: Model<S, I, O>
  /** In order of invocation, without those that changed nothing and told nobody anything. */
  readonly #operations: readonly Call<I, O>[]
  readonly #visitedMax: number
  readonly #done: DoneSet
  readonly #demand: Demand<I, O>
  // Bounded by: #visitedMax.
  readonly #visited = new Set<string>()
  // Bounded by: the operations.
  readonly #stack: Frame<S>[] = []
  #state: S
  /** Operations that returned and are not done. */
  #pending: number

  constructor(model: Model<S, I, O>, operations: readonly Call<I, O>[], visitedMax: number) {
    this.#model = model
    this.#operations = operations
      .filter((call) => hasReturned(call) || model.effect(call.input, call.output) !== 'none')
      .sort((a, b) => a.invoked - b.invoked)
    this.#visitedMax = visitedMax
    this.#done = new DoneSet(operations.length)
    this.#demand = new Demand(model, operations)
    this.#state = model.init
    this.#pending = operations.filter(hasReturned).length
  }

  run(): Outcome<S, I, O> {
    let candidates = this.#candidates()
    let next = 0
    while (this.#pending > 0) {
      const found = this.#advance(candidates, next)
      if (this.#visited.size > this.#visitedMax)
        return { type: 'undecided', visited: this.#visited.size }
      if (found) {
        candidates = this.#candidates()
        next = 0
        continue
      }
      const frame = this.#undo()
      if (frame === undefined) return { type: 'refused' }
      candidates = frame.candidates
      next = frame.forced ? candidates.length : frame.next + 1
    }
    return { type: 'linearizable', order: this.#order() }
  }

  /** Does the first of the candidates from `from` on that leads somewhere new. */
  #advance(candidates: readonly number[], from: number): boolean {
    for (let next = from; next < candidates.length; next++) {
      const place = candidates[next]!
      const state = this.#after(place, candidates)
      if (state === undefined) continue
      this.#take(place)
      if (this.#isNew(state.value)) {
        const frame = { before: this.#state, candidates, next, forced: this.#isForced(place) }
        this.#stack.push(frame)
        this.#state = state.value
        return true
      }
      this.#giveBack(place)
    }
    return false
  }

  /** Whether the situation in which `state` follows has not been seen and is not hopeless. */
  #isNew(state: S): boolean {
    const before = this.#model.key(this.#state)
    const after = this.#model.key(state)
    if (before !== after && this.#demand.isLost(before)) return false
    const situation = `${this.#done.key()}${after}`
    if (this.#visited.has(situation)) return false
    this.#visited.add(situation)
    return true
  }

  #take(place: number): void {
    const operation = this.#operations[place]!
    this.#done.flip(place)
    this.#demand.count(operation, -1)
    if (hasReturned(operation)) this.#pending--
  }

  #giveBack(place: number): void {
    const operation = this.#operations[place]!
    this.#done.flip(place)
    this.#demand.count(operation, 1)
    if (hasReturned(operation)) this.#pending++
  }

  /** The state after the operation at `place`; undefined when it cannot, or need not, come next. */
  #after(place: number, candidates: readonly number[]): { readonly value: S } | undefined {
    const operation = this.#operations[place]!
    const { input, output } = operation
    const step = this.#model.step(this.#state, input, output)
    if (!step.ok) return undefined
    const { state: value } = step
    if (hasReturned(operation)) return { value }
    if (this.#model.key(value) === this.#model.key(this.#state)) return undefined
    if (this.#model.effect(input, output) !== 'overwrites') return { value }
    const isLookedAt = candidates.some((other) => other !== place && this.#looks(other, value))
    return isLookedAt ? { value } : undefined
  }

  /** Whether the operation at `place` could come next in `state`, and would notice what it is. */
  #looks(place: number, state: S): boolean {
    const { input, output } = this.#operations[place]!
    if (this.#model.effect(input, output) === 'overwrites') return false
    return this.#model.step(state, input, output).ok
  }

  /** Whether nothing else needs to be tried in its place. */
  #isForced(place: number): boolean {
    const operation = this.#operations[place]!
    const { input, output } = operation
    return hasReturned(operation) && this.#model.effect(input, output) === 'none'
  }

  #undo(): Frame<S> | undefined {
    const frame = this.#stack.pop()
    if (frame === undefined) return undefined
    this.#giveBack(frame.candidates[frame.next]!)
    this.#state = frame.before
    return frame
  }

  /** What may come next, the earliest return first. */
  #candidates(): readonly number[] {
    const places: number[] = []
    let bound = Infinity
    for (let place = this.#done.firstMissing(); place < this.#operations.length; place++) {
      const { invoked, returned } = this.#operations[place]!
      // Later ones were invoked after that return, so they return after it too.
      if (invoked > bound) break
      if (this.#done.has(place)) continue
      places.push(place)
      bound = Math.min(bound, returned)
    }
    return places.sort((a, b) => compareReturns(this.#operations[a]!, this.#operations[b]!))
  }

  #order(): readonly Call<I, O>[] {
    return this.#stack.map(({ candidates, next }) => this.#operations[candidates[next]!]!)
  }
}

function hasReturned(operation: Call<unknown, unknown>): boolean {
  return operation.returned !== Infinity
}

/** Earliest return first; those without one last, in order of invocation. */
function compareReturns(a: Call<unknown, unknown>, b: Call<unknown, unknown>): number {
  return a.returned === b.returned ? a.invoked - b.invoked : a.returned - b.returned
}

/** Of each state, by key: how many pending operations need it, and how many may make it. */
class Demand<I, O> {
  readonly #model: Model<unknown, I, O>
  // Bounded by: the operations, two states each.
  readonly #states = new Map<string, { needs: number; makes: number }>()

  constructor(model: Model<unknown, I, O>, operations: readonly Call<I, O>[]) {
    this.#model = model
    for (const operation of operations) this.count(operation, 1)
  }

  count({ input, output }: Call<I, O>, by: 1 | -1): void {
    const needs = this.#model.needs(input, output)
    const makes = this.#model.makes(input, output)
    if (needs !== undefined) this.#of(needs).needs += by
    if (makes !== undefined) this.#of(makes).makes += by
  }

  /** Whether a pending operation could never be done once the state has been left. */
  isLost(state: string): boolean {
    const demand = this.#states.get(state)
    return demand !== undefined && demand.needs > 0 && demand.makes === 0
  }

  #of(state: string): { needs: number; makes: number } {
    const known = this.#states.get(state)
    if (known !== undefined) return known
    const fresh = { needs: 0, makes: 0 }
    this.#states.set(state, fresh)
    return fresh
  }
}

/** Which operations are done, as bits that can be a key. */
class DoneSet {
  readonly #words: Uint16Array

  constructor(size: number) {
    this.#words = new Uint16Array(Math.ceil(size / 16))
  }

  has(place: number): boolean {
    return (this.#words[place >> 4]! & (1 << (place & 15))) !== 0
  }

  flip(place: number): void {
    this.#words[place >> 4]! ^= 1 << (place & 15)
  }

  /** No place before it is missing; itself it may be there. */
  firstMissing(): number {
    let word = 0
    while (word < this.#words.length && this.#words[word] === 0xffff) word++
    return word * 16
  }

  /**
   * Of one length for all sets of this size, so that what follows it cannot be taken for a part of
   * it.
   */
  key(): string {
    let key = ''
    for (const word of this.#words) key += String.fromCharCode(word)
    return key
  }
}
