/** The machines of those who watch: what changes here, and the watchers that are served here. */
import { WATCHING_SINCE } from '../wire/protocol.ts'
import { Feeds } from './feeds.ts'
import { spokenByAll } from './layout-machines.ts'
import type { Base } from './machines.ts'
import type { NodeOptions } from './options.ts'
import { Watching } from './watching.ts'

export interface WatchMachines {
  readonly feeds: Feeds
  readonly watching: Watching
}

export function buildWatch(
  { checksum, generation, config }: NodeOptions,
  { outlet, swim, layout, buckets, holdings }: Base,
  facts: { readonly isReady: () => boolean; readonly latestMs: () => number },
): WatchMachines {
  const feeds: Feeds = new Feeds(outlet, {
    ...{ layout, checksum, generation },
    own: (page) => watching.answered(outlet.self, page),
  })
  const watching = new Watching(outlet, {
    ...{ layout, buckets, holdings, feeds, ...facts },
    skewMs: config.clockSkewMaxMs,
    isSpoken: () => spokenByAll(swim) >= WATCHING_SINCE,
  })
  outlet.isWatched = () => feeds.isWatched
  return { feeds, watching }
}
