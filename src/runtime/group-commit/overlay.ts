/**
 * What has been handed to the store and is not yet in its engine, so that whoever builds on it sees
 * a write at once while its fsync is under way or still to come.
 *
 * The obvious way, one map from key to latest value, cannot take a failed write back: what it
 * replaced is gone. So each key has a chain of its pending writes, newest first, and a write leaves
 * the overlay by being cut out of its chain: durable (the engine has it now) or failed (nobody has
 * it) makes no difference here. Writes and clears are numbered in the order handed over; a clear of
 * a range hides what is numbered below it, in the overlay and in the engine.
 *
 * Invariants: every chain is in falling order of its numbers; `newest` has a chain for each key
 * with a pending write and for no other.
 */
import { assert } from '../../core/std/assert.ts'
import type { EngineWrite } from './engine.ts'
import { nameOf } from './ordered-map.ts'
import type { StandingClear } from './standing-clear.ts'

export interface PendingWrite extends EngineWrite {
  readonly name: string
  readonly at: number
  older: PendingWrite | undefined
  newer: PendingWrite | undefined
}

export interface PendingClear {
  readonly from: Uint8Array
  readonly to: Uint8Array
  readonly fromName: string
  readonly toName: string
  readonly at: number
}

/** What leaves the overlay together. */
export interface PendingGroup {
  readonly writes: readonly PendingWrite[]
  readonly clears: readonly PendingClear[]
}

export class Overlay {
  // Both bounded by: the queue of the group commit, which counts what is here until it is
  // forgotten.
  readonly #newest = new Map<string, PendingWrite>()
  #clears: PendingClear[] = []
  #at = 0
  #standing: StandingClear | undefined

  /** The number of the last write or clear. */
  get at(): number {
    return this.#at
  }

  /** Whether the engine alone knows everything. */
  get isEmpty(): boolean {
    return this.#newest.size === 0 && this.#clears.length === 0 && this.#standing === undefined
  }

  put(key: Uint8Array, value: Uint8Array | undefined): PendingWrite {
    const name = nameOf(key)
    const older = this.#newest.get(name)
    const write = { key, value, name, at: ++this.#at, older, newer: undefined }
    if (older !== undefined) older.newer = write
    this.#newest.set(name, write)
    return write
  }

  clear(from: Uint8Array, to: Uint8Array): PendingClear {
    const clear = { from, to, fromName: nameOf(from), toName: nameOf(to), at: ++this.#at }
    this.#clears.push(clear)
    return clear
  }

  /**
   * The value that a key has by what is pending; `absent` when it has none; undefined when only the
   * engine can say.
   */
  get(name: string): Uint8Array | 'absent' | undefined {
    const newest = this.#newest.get(name)
    const cleared = this.#clears.length === 0 ? 0 : this.#clearedAt(name)
    if (newest !== undefined && newest.at > cleared) return newest.value ?? 'absent'
    if (cleared > 0 || this.#standing?.hides(name) === true) return 'absent'
    return undefined
  }

  /** The group leaves: the engine has it now, or nobody. */
  forget(group: PendingGroup): void {
    for (const write of group.writes) this.#unlink(write)
    if (group.clears.length === 0) return
    const gone = new Set(group.clears)
    this.#clears = this.#clears.filter((clear) => !gone.has(clear))
  }

  /** A clear that is durable while the engine still holds some of what it cleared. */
  stand(standing: StandingClear): void {
    assert(this.#standing === undefined, 'one clear stands at a time')
    this.#standing = standing
  }

  get standing(): StandingClear | undefined {
    return this.#standing
  }

  /** The engine holds no more of it. */
  lift(): void {
    this.#standing = undefined
  }

  #unlink(write: PendingWrite): void {
    const { name, older, newer } = write
    if (older !== undefined) older.newer = newer
    if (newer !== undefined) newer.older = older
    else if (older !== undefined) this.#newest.set(name, older)
    else this.#newest.delete(name)
  }

  #clearedAt(name: string): number {
    for (let i = this.#clears.length - 1; i >= 0; i--) {
      const clear = this.#clears[i]!
      if (name >= clear.fromName && name < clear.toName) return clear.at
    }
    return 0
  }
}
