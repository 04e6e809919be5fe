/** What a bucket stands on, and what of it the files around it need. */
import type { BucketJson, BucketPropertiesJson, ConflictMode, KeyJson } from './api.ts'
import type { Entry, FoundEntry, KeyOrEntry, SettledEntry } from './entry.ts'
import type {
  BatchOperation,
  BatchOptions,
  BatchResult,
  GetOptions,
  GetResult,
  ListOptions,
  PutOptions,
  WriteOptions,
  WriteResult,
} from './operations.ts'
import type { WatchEvent, WatchOptions } from './watch.ts'

/** The plain operations that a bucket stands on. */
export interface BucketStore {
  get(key: string, options?: GetOptions): Promise<GetResult>
  put(key: string, value: string | Uint8Array, options?: PutOptions): Promise<WriteResult>
  delete(key: string, options?: WriteOptions): Promise<WriteResult>
  list(options?: ListOptions): AsyncGenerator<KeyJson, void, undefined>
  batch(
    operations: readonly BatchOperation[],
    options?: BatchOptions,
  ): Promise<readonly BatchResult[]>
  bucketProperties(name: string): Promise<BucketJson>
  configureBucket(
    name: string,
    properties: Partial<BucketPropertiesJson> | undefined,
  ): Promise<BucketJson>
  /** Absent where nothing can be watched: in the testkit. */
  watch?(bucket: string, options?: WatchOptions): AsyncGenerator<WatchEvent, void, undefined>
}

/** Time and chance, where they are not the host's. */
export interface BucketHost {
  pause(ms: number, signal?: AbortSignal): Promise<void>
  /** At least 64 bits, never twice the same, as hexadecimal digits. */
  mark(): string
  /** 0 to 1. */
  dice(): number
}

/** Without the bucket, which is known. */
export type Unnamed<T> = Omit<T, 'bucket'>

/** A bucket as an update and a batch use it. */
export interface OpenBucket<T, In> {
  readonly name: string
  /** Whether siblings are merged here. */
  readonly resolves: boolean
  conflicts(): Promise<ConflictMode>
  read(key: string, options: Unnamed<GetOptions>): Promise<GetResult>
  entryOf(key: string, sort: string | undefined, result: GetResult): Promise<Entry<T>>
  merge(
    key: string,
    sort: string | undefined,
    read: GetResult & { readonly status: 'siblings' },
  ): Promise<In>
  encode(
    key: string,
    value: In,
  ): Promise<{ data: string | Uint8Array; contentType: string; output: T }>
  put(key: KeyOrEntry, value: In, options?: Unnamed<PutOptions>): Promise<FoundEntry<T>>
  delete(key: KeyOrEntry, options?: Unnamed<WriteOptions>): Promise<SettledEntry<T>>
}
