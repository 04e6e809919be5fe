/**
 * Who this process is: the data directory's node, or a new one. A directory that knows its cluster
 * is started again, whatever the command; an empty one founds a cluster (`start`) or asks the seeds
 * for theirs (`join`).
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { openDataDirectory, peekDataDirectory } from '../adapters/data-directory/data-directory.ts'
import { askCluster } from '../adapters/tcp/ask-cluster.ts'
import { DndError } from '../core/errors.ts'
import type { Address, ClusterId, NodeId } from '../core/std/ids.ts'
import { formatAddress } from '../core/std/ids.ts'
import type { NodeServerConfig } from './config.ts'

/** How long a joining node goes on asking its seeds, milliseconds: they may be starting, too. */
const ASK_FOR_MS = 15_000
const ASK_TIMEOUT_MS = 2_000
const ASK_PAUSE_MS = 250

export interface Identity {
  readonly node: NodeId
  readonly cluster: ClusterId
  readonly generation: number
  /** The directory was made just now. */
  readonly fresh: boolean
  /** This node begins a new cluster. */
  readonly founds: boolean
  readonly storePath: string
  close(): Promise<void>
}

export async function openIdentity(config: NodeServerConfig): Promise<Identity> {
  if (config.engine === 'memory') return passingIdentity(config)
  const { data, engine } = config
  const known = peekDataDirectory(data)
  if (known === undefined && config.mode === 'start') {
    const directory = await openDataDirectory(data, { cluster: { mode: 'found' }, engine })
    return { ...directory, founds: true, close: () => directory.close() }
  }
  const cluster = config.mode === 'join' ? await clusterOfSeeds(config, known?.cluster) : undefined
  const mode =
    cluster === undefined ? ({ mode: 'restart' } as const) : ({ mode: 'join', cluster } as const)
  const directory = await openDataDirectory(data, { cluster: mode, engine })
  // Founded, and stopped before the first layout was stored: it founds again.
  const founds = config.mode === 'start'
  return { ...directory, founds, close: () => directory.close() }
}

/** An engine without a disk has nothing to remember: every start is a new node. */
async function passingIdentity(config: NodeServerConfig): Promise<Identity> {
  const cluster = config.mode === 'join' ? await clusterOfSeeds(config, undefined) : undefined
  return {
    node: randomBytes(8).toString('hex') as NodeId,
    cluster: cluster ?? (randomBytes(16).toString('hex') as ClusterId),
    generation: Math.floor(Date.now() / 1000),
    fresh: true,
    founds: cluster === undefined,
    storePath: '',
    close: async () => undefined,
  }
}

/** What the first seed that answers says; a node that knows its cluster may start without any. */
async function clusterOfSeeds(
  config: NodeServerConfig,
  known: ClusterId | undefined,
): Promise<ClusterId> {
  const node = randomBytes(8).toString('hex') as NodeId
  const until = Date.now() + (known === undefined ? ASK_FOR_MS : 0)
  let reason = 'no seed was given'
  do {
    for (const seed of config.seeds) {
      const answer = await ask(seed, node)
      if (typeof answer !== 'string') return answer.cluster
      reason = answer
    }
    if (known === undefined) await sleep(ASK_PAUSE_MS)
  } while (Date.now() < until)
  if (known !== undefined) return known
  const seeds = config.seeds.map(formatAddress).join(', ')
  throw new DndError('DND_ERR_UNREACHABLE', `no node of a cluster answered at ${seeds}: ${reason}`)
}

async function ask(seed: Address, node: NodeId): Promise<{ cluster: ClusterId } | string> {
  try {
    return await askCluster(seed, { node, timeoutMs: ASK_TIMEOUT_MS })
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
