/**
 * Read, change, write: what is safest where there is no compare-and-set.
 *
 * In a bucket that keeps siblings nothing needs to be locked: the write supersedes what was read
 * and nothing else, so two updates at once leave two values, and `resolve` makes one of them, here
 * at once or at the next read. Nobody's change is lost. In a last-write-wins bucket one of the two
 * is lost without a word, and no amount of trying again can notice; so `update` refuses such a
 * bucket unless told `allowLostUpdates`.
 *
 * The difficult case is a write whose outcome is unknown. To change and write again would apply the
 * change twice where the first write was stored after all. So every write of an update carries a
 * mark in its metadata, and after an unknown outcome the key is read again:
 *
 * - A value with the mark is there: the write was stored.
 * - Exactly what was there before: nothing can stand on ours, so change and write again; if ours
 *   surfaces after all, it is a sibling of its repetition.
 * - Anything else: it may stand on ours or not, so the error goes to the caller, unless the change
 *   is `idempotent`.
 *
 * Updates of one key through one handle wait for each other, so that an application does not make
 * its own conflicts.
 */
import type { BucketHost, OpenBucket } from './bucket-store.ts'
import type { FoundEntry, SettledEntry } from './entry.ts'
import { settled } from './entry.ts'
import { DndClientError } from './error.ts'
import type { GetResult, LifetimeOptions, PutOptions } from './operations.ts'
import { pauseMs } from './retry.ts'

export interface UpdateOptions extends LifetimeOptions {
  readonly sort?: string | undefined
  /** How long a node may take for each request, milliseconds. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly metadata?: Readonly<Record<string, string>> | undefined
  readonly r?: number | undefined
  readonly w?: number | undefined
  /** To apply the change twice does no harm: an unknown outcome is then never the caller's. */
  readonly idempotent?: boolean | undefined
  /** Whether to update a last-write-wins bucket, where one of two updates at once is lost. */
  readonly allowLostUpdates?: boolean | undefined
}

/** The name under which a write of an update is marked in the metadata of its value. */
export const UPDATE_MARK = 'dnd-update'
/** Reads of one update at the most. */
const ATTEMPTS = 6

type Change<T, In> = (
  value: T | undefined,
  entry: SettledEntry<T>,
) => In | undefined | Promise<In | undefined>

/** A write of which it is not known whether it was stored. */
interface Unsure {
  readonly mark: string
  /** Of the read before it. */
  readonly context: string | undefined
  readonly error: DndClientError
}

export async function update<T, In>(
  bucket: OpenBucket<T, In>,
  host: BucketHost,
  key: string,
  change: Change<T, In>,
  options: UpdateOptions,
): Promise<SettledEntry<T>> {
  if (options.allowLostUpdates !== true) await mustKeepSiblings(bucket)
  const { sort, timeoutMs, signal, r } = options
  let unsure: Unsure | undefined
  for (let attempt = 0; ; attempt++) {
    const read = await bucket.read(key, { sort, timeoutMs, signal, r })
    const entry = settled(await bucket.entryOf(key, sort, read))
    if (unsure !== undefined && wasStored(unsure, read)) return entry
    if (unsure !== undefined && read.context !== unsure.context && options.idempotent !== true)
      throw unsure.error
    const next = await change(entry.value, entry)
    if (next === undefined && entry.status === 'absent') return entry
    const mark = host.mark()
    try {
      return await write(bucket, host, entry, next, mark, options)
    } catch (error) {
      if (!isUnknown(error) || attempt + 1 >= ATTEMPTS) throw error
      unsure = { mark, context: entry.context, error }
    }
    await host.pause(pauseMs(attempt, unsure.error.retryAfterMs, host.dice()), signal)
  }
}

async function write<T, In>(
  bucket: OpenBucket<T, In>,
  host: BucketHost,
  entry: SettledEntry<T>,
  next: In | undefined,
  mark: string,
  options: UpdateOptions,
): Promise<SettledEntry<T>> {
  const { allowLostUpdates: _, r: __, idempotent: ___, ...rest } = options
  if (next === undefined) return bucket.delete(entry, rest)
  const marked = { ...rest, metadata: { ...options.metadata, [UPDATE_MARK]: mark } }
  const written = await bucket.put(entry, next, marked)
  // No context: somebody wrote at the same time, and his value lies beside ours.
  if (written.context !== undefined || !bucket.resolves) return written
  return settle(bucket, host, written, options)
}

/**
 * Ours is stored. What others have stored beside it is merged, and whoever fails has lost nothing.
 */
async function settle<T, In>(
  bucket: OpenBucket<T, In>,
  host: BucketHost,
  written: FoundEntry<T>,
  options: UpdateOptions,
): Promise<SettledEntry<T>> {
  const { sort, timeoutMs, signal, r, w } = options
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const read = await bucket.read(written.key, { sort, timeoutMs, signal, r })
      if (read.status !== 'siblings') return settled(await bucket.entryOf(written.key, sort, read))
      const merged = await bucket.merge(written.key, sort, read)
      const put: PutOptions = { sort, timeoutMs, signal, w, context: read.context }
      const after = await bucket.put(written.key, merged, put)
      if (after.context !== undefined) return after
      await host.pause(pauseMs(attempt, undefined, host.dice()), signal)
    }
  } catch (error) {
    if (!(error instanceof DndClientError)) throw error
  }
  return written
}

function wasStored({ mark }: Unsure, read: GetResult): boolean {
  if (read.status === 'absent') return false
  const values = read.status === 'found' ? [read] : read.siblings
  return values.some(({ metadata }) => metadata[UPDATE_MARK] === mark)
}

function isUnknown(error: unknown): error is DndClientError {
  return (
    error instanceof DndClientError &&
    error.outcome === 'unknown' &&
    error.code !== 'DND_ERR_ABORTED'
  )
}

async function mustKeepSiblings<T, In>(bucket: OpenBucket<T, In>): Promise<void> {
  if ((await bucket.conflicts()) === 'siblings') return
  throw new TypeError(
    `bucket ${bucket.name} keeps the last write and drops the others, so that one of two updates at ` +
      'once would be lost. Configure it with { conflicts: "siblings" }, or pass allowLostUpdates: true.',
  )
}

/** Work on the same name runs one after the other, in the order in which it came. */
export class Turns {
  // Bounded by: the names that somebody works on or waits for.
  readonly #last = new Map<string, Promise<unknown>>()

  async take<R>(name: string, work: () => Promise<R>): Promise<R> {
    const before = this.#last.get(name)
    const run = before === undefined ? work() : before.then(work)
    const over = run.then(
      () => undefined,
      () => undefined,
    )
    this.#last.set(name, over)
    try {
      return await run
    } finally {
      if (this.#last.get(name) === over) this.#last.delete(name)
    }
  }
}
