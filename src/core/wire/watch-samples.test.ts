/** Messages of watching, with their bytes, and arbitrary ones. */
import fc from 'fast-check'
import type { WatchMessage } from '../node/watch-messages.ts'
import type { PartitionId } from '../std/ids.ts'

const PARTITION = 0x0102 as PartitionId
const NOTHING = new Uint8Array(0)
const change = {
  ...{ partition: PARTITION, key: Uint8Array.of(0x4b, 0x31), record: Uint8Array.of(0x52, 0x52) },
  base: Uint8Array.of(0x42),
}

export const WATCH_SAMPLES: Readonly<Record<string, WatchMessage>> = {
  'watch-poll': {
    ...{ type: 'watch-poll', request: 300, bucket: 'flags', feed: 1_000, after: 7, waits: true },
  },
  'watch-page': {
    ...{
      type: 'watch-page',
      request: 300,
      outcome: 'ok',
      feed: 1_000,
      last: 8,
      top: 8,
      untilMs: 300,
      young: false,
    },
    ...{ holes: [1, 4] as PartitionId[], changes: [change] },
  },
  'watch-page, more': {
    ...{
      type: 'watch-page',
      request: 300,
      outcome: 'ok',
      feed: 1_000,
      last: 8,
      top: 300,
      untilMs: 7,
      young: true,
    },
    ...{ holes: [], changes: [change] },
  },
  'watch-page, refused': {
    ...{
      type: 'watch-page',
      request: 300,
      outcome: 'refused',
      feed: 0,
      last: 0,
      top: 0,
      untilMs: 0,
      young: false,
    },
    ...{ holes: [], changes: [] },
  },
}

export const WATCH_GOLDEN: Readonly<Record<string, string>> = {
  'watch-poll': '54 ac02 05666c616773 e807 07 01',
  'watch-page': '55 ac02 01 e807 08 08 ac02 00 02 01 02 01 0102 024b31 025252 0142',
  'watch-page, more': '55 ac02 01 e807 08 ac02 07 01 00 01 0102 024b31 025252 0142',
  'watch-page, refused': '55 ac02 02 00 00 00 00 00 00 00',
}

const counts = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
const bytes = (minLength: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength, maxLength: 40 })
const partitions = fc
  .uniqueArray(fc.integer({ min: 0, max: 4_095 }), { maxLength: 20 })
  .map((list) => list.sort((a, b) => a - b) as PartitionId[])

export const watchMessages: fc.Arbitrary<WatchMessage> = fc.oneof(
  fc.record({
    type: fc.constant('watch-poll' as const),
    request: counts,
    bucket: fc.constantFrom('default', 'flags', 'a.b-c_9'),
    feed: counts,
    after: counts,
    waits: fc.boolean(),
  }),
  fc.record({
    type: fc.constant('watch-page' as const),
    request: counts,
    outcome: fc.constantFrom('ok' as const, 'refused' as const),
    feed: counts,
    last: counts,
    top: counts,
    untilMs: counts,
    young: fc.boolean(),
    holes: partitions,
    changes: fc.array(
      fc.record({
        partition: fc.integer({ min: 0, max: 4_095 }).map((p) => p as PartitionId),
        key: bytes(1),
        record: fc.oneof(fc.constant(NOTHING), bytes(1)),
        base: bytes(0),
      }),
      { maxLength: 5 },
    ),
  }),
)
