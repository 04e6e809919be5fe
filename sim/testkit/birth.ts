/** How an app's world begins: what its seed decides, a cluster that has formed, its buckets. */
import type { BucketProperties } from '../../src/core/node/messages.ts'
import { createWorld as createSimWorld } from '../scenarios/setting.ts'
import { STANDARD } from '../scenarios/standard.ts'
import type { Range } from '../seed.ts'
import type { Trace } from '../trace.ts'
import type { World } from '../world.ts'

/** Of the world's time, milliseconds. */
const FORM_LIMIT_MS = 120_000
const CONFIGURE_LIMIT_MS = 10_000
const LOOK_EVERY_MS = 50

export interface Setting {
  readonly seed: number
  readonly nodes: number
  readonly replicas: number
  readonly latencyMs: Range
  readonly datagramLoss: number
  readonly syncMs: Range
  readonly clockOffsetMs: number
}

/** A world in which nothing has happened yet. */
export function emptyWorld(setting: Setting, trace: Trace): World {
  const { seed, nodes, replicas, latencyMs, datagramLoss, syncMs, clockOffsetMs } = setting
  const scenario = {
    ...STANDARD,
    name: 'testkit',
    about: 'The code of an app.',
    nodes,
    born: nodes,
    replicas,
    network: {
      latencyMs,
      datagramLoss: [0, datagramLoss] as const,
      datagramDuplication: [0, datagramLoss] as const,
    },
    syncMs,
    diskFailure: [0, 0] as const,
    clockOffsetMs,
    faults: [],
  }
  return createSimWorld(scenario, seed, trace, { mutant: undefined, create: undefined })
}

/** All nodes start and become one cluster that serves. */
export function form(world: World): void {
  for (const node of world.nodes) node.start()
  const formed = (): boolean => world.whatIsMissing() === undefined
  if (world.run(FORM_LIMIT_MS, formed, LOOK_EVERY_MS)) return
  throw new Error(world.violation?.message ?? `no cluster: ${world.whatIsMissing()}`)
}

/** Every node knows the bucket when this returns. */
export function configure(world: World, bucket: string, properties: BucketProperties): void {
  const request = { type: 'configure-bucket', bucket, properties } as const
  const reply = world.ask(world.nodes[0]!, request, CONFIGURE_LIMIT_MS)
  if (reply === 'lost') throw new Error(`no answer when bucket ${bucket} was configured`)
  if (!reply.result.ok) throw new RangeError(`bucket ${bucket}: ${reply.result.message}`)
  const known = (): boolean =>
    world.views().every(({ buckets }) => buckets.some(({ name }) => name === bucket))
  if (!world.run(CONFIGURE_LIMIT_MS, known, LOOK_EVERY_MS))
    throw new Error(`a node has not heard of bucket ${bucket}`)
}
