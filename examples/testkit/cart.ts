/**
 * A shopping cart, twice. Both add an item by reading the cart and writing it back; they differ in
 * what becomes of two such additions at the same time.
 *
 * They ask for a `DndClientApi`: in production a `DndClient` of `dnd-client`, in tests a client of
 * the simulated cluster.
 */
import type { DndClientApi } from 'dnd/testkit'

export interface Carts {
  add(user: string, item: string): Promise<void>
  items(user: string): Promise<readonly string[]>
}

/** The last write wins: of two carts that were written at once, one is gone. */
export class NaiveCarts implements Carts {
  readonly #client: DndClientApi

  constructor(client: DndClientApi) {
    this.#client = client
  }

  async add(user: string, item: string): Promise<void> {
    const items = await this.items(user)
    await this.#client.put(user, JSON.stringify([...items, item]))
  }

  async items(user: string): Promise<readonly string[]> {
    const read = await this.#client.get(user)
    return read.status === 'found' ? itemsIn(read.bytes) : []
  }
}

/** The bucket that the carts below are in; it must be configured with `conflicts: 'siblings'`. */
export const CARTS = 'carts'

/**
 * Concurrent carts are kept as siblings until somebody reads them; who does merges them, and writes
 * the union with the context of the read, which says that it supersedes just those.
 */
export class MergingCarts implements Carts {
  readonly #client: DndClientApi

  constructor(client: DndClientApi) {
    this.#client = client
  }

  async add(user: string, item: string): Promise<void> {
    const { items, context } = await this.#read(user)
    const union = [...new Set([...items, item])]
    await this.#client.put(user, JSON.stringify(union), { bucket: CARTS, context })
  }

  async items(user: string): Promise<readonly string[]> {
    return (await this.#read(user)).items
  }

  async #read(user: string): Promise<{ items: readonly string[]; context: string | undefined }> {
    const read = await this.#client.get(user, { bucket: CARTS })
    if (read.status === 'absent') return { items: [], context: read.context }
    const values = read.status === 'siblings' ? read.siblings : [read]
    const items = new Set(values.flatMap(({ bytes }) => itemsIn(bytes)))
    return { items: [...items], context: read.context }
  }
}

function itemsIn(bytes: Uint8Array): readonly string[] {
  return JSON.parse(new TextDecoder().decode(bytes)) as readonly string[]
}
