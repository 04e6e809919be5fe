/**
 * Who this process is: the data directory's node, or a new one. A directory that knows its cluster
 * is started again, whatever the command; an empty one founds a cluster (`start`) or asks the seeds
 * for theirs (`join`).
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { openDataDirectory, peekDataDirectory } from '../adapters/data-directory/data-directory.ts'
import type { AskOptions } from '../adapters/tcp/ask-cluster.ts'
import { askCluster } from '../adapters/tcp/ask-cluster.ts'
import { DndError } from '../core/errors.ts'
import type { Address, ClusterId, NodeId } from '../core/std/ids.ts'
import type { Keyring } from '../runtime/ports.ts'
import type { NodeServerConfig } from './config.ts'
import type { TlsMaterial } from './key-material.ts'
import { storeFileOf } from './open-store.ts'

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
  /** Whether the store is certainly the one that the last clean stop of this node left. */
  readonly resumed: boolean
  /** The greatest version of a layout that the node has adopted in earlier lives; 0: none. */
  readonly knownVersion: number
  /** Whether the store was emptied just now, since the node had left and comes back. */
  readonly emptied: boolean
  readonly storePath: string
  /** The node has adopted a layout of that version: its later lives know that, whatever happens. */
  adopted(version: number): void
  /** The node has left its cluster: it is not to be started again but by joining. */
  leave(): void
  /** Another process has this identity, in this generation: the next life begins above it. */
  outlive(generation: number): void
  /** `resumable`: the next life may go on with the counters that are in the store. */
  close(resumable: boolean): Promise<void>
}

/** What seeds are asked with. */
export interface Credentials {
  readonly keyring: Keyring
  readonly tls: TlsMaterial | undefined
}

export async function openIdentity(
  config: NodeServerConfig,
  credentials: Credentials,
): Promise<Identity> {
  if (config.engine === 'memory') return passingIdentity(config, credentials)
  const { data, engine } = config
  const known = peekDataDirectory(data)
  const store = { engine, storeFile: storeFileOf(engine) }
  if (known === undefined && config.mode === 'start') {
    const directory = await openDataDirectory(data, { cluster: { mode: 'found' }, ...store })
    return { ...directory, founds: true }
  }
  // Who has left knows nobody any more: it needs a seed, as a new node does.
  const own = known?.hasLeft === true ? undefined : known?.cluster
  const cluster =
    config.mode === 'join' ? await clusterOfSeeds(config, credentials, own) : undefined
  const mode =
    cluster === undefined ? ({ mode: 'restart' } as const) : ({ mode: 'join', cluster } as const)
  const directory = await openDataDirectory(data, { cluster: mode, ...store })
  // Founded, and stopped before the first layout was stored: it founds again. Who has known a later
  // one and has none in its store has lost that: the others have the layout, and it must not begin
  // another.
  const founds = config.mode === 'start' && directory.knownVersion <= 1
  return { ...directory, founds }
}

/** An engine without a disk has nothing to remember: every start is a new node. */
async function passingIdentity(
  config: NodeServerConfig,
  credentials: Credentials,
): Promise<Identity> {
  const cluster =
    config.mode === 'join' ? await clusterOfSeeds(config, credentials, undefined) : undefined
  return {
    node: randomBytes(8).toString('hex') as NodeId,
    cluster: cluster ?? (randomBytes(16).toString('hex') as ClusterId),
    generation: Math.floor(Date.now() / 1000),
    fresh: true,
    founds: cluster === undefined,
    resumed: false,
    knownVersion: 0,
    emptied: false,
    storePath: '',
    adopted: () => undefined,
    leave: () => undefined,
    outlive: () => undefined,
    close: async () => undefined,
  }
}

/**
 * What the first seed that answers says; a node that knows its cluster may start without any. Seeds
 * that do not answer may be starting, too, and are asked again; those that refuse or are no nodes
 * will not change.
 */
async function clusterOfSeeds(
  config: NodeServerConfig,
  credentials: Credentials,
  known: ClusterId | undefined,
): Promise<ClusterId> {
  const node = randomBytes(8).toString('hex') as NodeId
  const until = Date.now() + ASK_FOR_MS
  const [timeoutMs, { protocolMax }] = [ASK_TIMEOUT_MS, config]
  for (;;) {
    const failures: DndError[] = []
    for (const seed of config.seeds) {
      const answer = await ask(seed, { node, timeoutMs, protocolMax, ...credentials })
      if (!(answer instanceof DndError)) return answer.cluster
      failures.push(answer)
    }
    if (known !== undefined) return known
    const mayCome = failures.some(({ code }) => code === 'DND_ERR_UNREACHABLE')
    if (!mayCome || Date.now() >= until) throw nobodyToJoin(failures)
    await sleep(ASK_PAUSE_MS)
  }
}

async function ask(seed: Address, options: AskOptions): Promise<{ cluster: ClusterId } | DndError> {
  try {
    return await askCluster(seed, options)
  } catch (error) {
    if (error instanceof DndError) return error
    throw error
  }
}

/** A refusal says most, then what is no node; each seed's reason begins with its address. */
function nobodyToJoin(failures: readonly DndError[]): DndError {
  const codes = ['DND_ERR_JOIN_REFUSED', 'DND_ERR_BAD_RESPONSE', 'DND_ERR_UNREACHABLE'] as const
  const code = codes.find((each) => failures.some((failure) => failure.code === each))
  const reasons = failures.map(({ message }) => message).join('; ')
  return new DndError(code ?? 'DND_ERR_UNREACHABLE', `no cluster to join: ${reasons}`)
}
