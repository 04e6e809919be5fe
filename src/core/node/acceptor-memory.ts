/**
 * What becomes of an acceptor that has lost its memory.
 *
 * What a majority has chosen is safe because each acceptor remembers what it has promised and
 * accepted. One that comes back under its id with an empty store, or an older one, would answer as
 * if it had never been asked: with its help a second layout of one version could be chosen. A store
 * cannot tell that it was emptied; and the first layout that such a node hears of says little, for
 * it may come from one who is behind. So how far the node has come is kept outside the store, with
 * its identity (`dnd.json`), where a hand that empties the store does not reach.
 *
 * ```
 *   known      the greatest version of a layout that this identity has adopted: its acceptor has
 *              answered about known + 1 at most, for it serves what follows its own layout
 *   stored     the version in the store when it starts
 *   lost       stored + 1 < known: one version may have been on its way to the disk when the
 *              process was killed, and nothing was answered under it
 *   barred     registers up to known + 1 are refused, in all later lives; those that come after
 *              them it has never been asked about
 * ```
 * The bar is stored with the layout, which ends the evidence, in one batch.
 *
 * Invariant: an acceptor that has answered about a register and forgotten it, by the loss of its
 * whole store, does not answer about it again.
 */
import type { StoreOperation, StoreReader } from '../ports.ts'
import { ByteReader, ByteWriter } from '../std/bytes.ts'
import { stateKey } from './storage-keys.ts'

/** Whether a store whose layout is of version `stored` is not the one that knew version `known`. */
export function isStoreLost(stored: number, known: number): boolean {
  return stored + 1 < known
}

export class AcceptorMemory {
  /** Registers of versions up to it are not served; 0: none is barred. */
  #barredThrough = 0

  /** `stored`: the version of the layout in `store`, 0 without one. */
  constructor(store: StoreReader, stored: number, known: number) {
    const bar = store.get(stateKey('register-bar'))
    if (bar instanceof Uint8Array) this.#barredThrough = decode(bar)
    if (isStoreLost(stored, known)) this.#barredThrough = Math.max(this.#barredThrough, known + 1)
  }

  /** Whether the acceptor here may have answered about that version, and does not know what. */
  bars(version: number): boolean {
    return version <= this.#barredThrough
  }

  /** What is to be stored with a layout of that version. */
  operations(version: number): readonly StoreOperation[] {
    if (this.#barredThrough === 0) return []
    const key = stateKey('register-bar')
    if (version >= this.#barredThrough) {
      this.#barredThrough = 0
      return [{ type: 'delete', key }]
    }
    const writer = new ByteWriter(16)
    writer.varint(this.#barredThrough)
    return [{ type: 'put', key, value: writer.take() }]
  }
}

/** 0: not what was written. */
function decode(bytes: Uint8Array): number {
  const reader = new ByteReader(bytes)
  const version = reader.varint()
  return reader.finished ? version : 0
}
