/** Watching a bucket of typed values: each change as the entry that a read would have given. */
import { DndSchemaError } from './bucket-errors.ts'
import type { OpenBucket } from './bucket-store.ts'
import type { Entry } from './entry.ts'
import type { GetResult, StoredValue } from './operations.ts'
import type { WatchEvent } from './watch.ts'

export type BucketEvent<T> =
  /** It is listened to from here on. */
  | { readonly type: 'ready'; readonly id: string }
  /** One key as it is now; an entry that is absent says that it was deleted. */
  | {
      readonly type: 'change'
      readonly entry: Entry<T>
      /** To go on behind it; only some events have one. */
      readonly id: string | undefined
    }
  /** One key whose value is not what the schema or the codec wants; others follow. */
  | {
      readonly type: 'invalid'
      readonly key: string
      readonly sort: string | undefined
      readonly error: DndSchemaError
      readonly id: string | undefined
    }
  /** The changes up to `snapshot-end` name every key there is: what is not named is gone. */
  | { readonly type: 'snapshot' }
  | { readonly type: 'snapshot-end'; readonly id: string | undefined }

export async function* typedEvents<T, In>(
  bucket: OpenBucket<T, In>,
  events: AsyncIterable<WatchEvent>,
): AsyncGenerator<BucketEvent<T>, void, undefined> {
  for await (const event of events)
    yield event.type === 'change' ? await typedChange(bucket, event) : event
}

async function typedChange<T, In>(
  bucket: OpenBucket<T, In>,
  { key, sort, values, context, id }: WatchEvent & { readonly type: 'change' },
): Promise<BucketEvent<T>> {
  try {
    const entry = await bucket.entryOf(key, sort, readOf(values, context))
    return { type: 'change', entry, id }
  } catch (error) {
    if (!(error instanceof DndSchemaError)) throw error
    return { type: 'invalid', key, sort, error, id }
  }
}

function readOf(values: readonly StoredValue[], context: string | undefined): GetResult {
  const [only] = values
  if (only === undefined) return { status: 'absent', context }
  if (values.length === 1) return { status: 'found', ...only, context }
  return { status: 'siblings', siblings: values, context: context ?? '' }
}
