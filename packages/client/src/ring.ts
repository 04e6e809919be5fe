/**
 * Who holds which key, as one node told it. Any node serves every request, by asking the replicas;
 * a replica that is asked directly saves that hop.
 *
 * A ring that is out of date costs the hop and nothing else, so nobody ever waits for a newer one.
 * Answers carry the version of the layout in `X-Dnd-Layout`; when one is newer than the ring, the
 * client learns anew in the background.
 */
import type { ClusterJson, LayoutJson, MemberJson } from './api.ts'
import { partitionOf, slotOf } from './slot.ts'

/** Which layout is in force, as `X-Dnd-Layout` says: `7`, or `7;moving` while data still moves. */
export interface LayoutTag {
  readonly version: number
  readonly moving: boolean
}

/** Undefined: no such header, or none that is understood. */
export function parseTag(text: string | null): LayoutTag | undefined {
  if (text === null) return undefined
  const match = /^(\d{1,15})(;moving)?$/.exec(text)
  return match === null ? undefined : { version: Number(match[1]), moving: match[2] !== undefined }
}

/** Within one version a move begins at once and ends once. */
export function isNewer(tag: LayoutTag, than: LayoutTag | undefined): boolean {
  if (than === undefined || tag.version > than.version) return true
  return tag.version === than.version && than.moving && !tag.moving
}

/** The base URL of a member, or undefined where it cannot be reached from here. */
export type AddressOf = (member: MemberJson) => string | undefined

export class Ring {
  readonly cluster: string
  readonly tag: LayoutTag
  /** Base URLs of the members that have not left, dead ones too, and whose node it is. */
  readonly nodes: ReadonlyMap<string, string>
  /** Whether all who hold data are up and well. */
  readonly isWhole: boolean
  readonly #partitions: number
  /** Base URLs of each partition's replicas, the best to ask first. */
  readonly #replicas: readonly (readonly string[])[]

  constructor(layout: LayoutJson, cluster: ClusterJson, addressOf: AddressOf) {
    this.cluster = cluster.cluster
    this.tag = { version: layout.version, moving: layout.moving !== undefined }
    const well = new Set(cluster.members.filter(isWellMember).map(({ id }) => id))
    const isWell = (node: string): boolean => well.has(node)
    this.isWhole = layout.roles.every(({ node }) => isWell(node))
    const urls = new Map<string, string>()
    for (const member of cluster.members) {
      if (member.state === 'left') continue
      const url = addressOf(member)
      if (url !== undefined) urls.set(member.id, url)
    }
    this.nodes = new Map([...urls].map(([node, url]) => [url, node]))
    this.#partitions = layout.partitions
    this.#replicas = layout.table.map((now, partition) => {
      const before = layout.moving?.previous.table[partition]
      return ordered(now, before, isWell).flatMap((node) => urls.get(node) ?? [])
    })
  }

  /** The best to ask first; empty when none of them can be reached. */
  replicasOf(bucket: string, key: string): readonly string[] {
    return this.#replicas[partitionOf(slotOf(bucket, key), this.#partitions)] ?? []
  }
}

function isWellMember({ state, degraded, draining, flapping }: MemberJson): boolean {
  return state === 'alive' && degraded !== true && draining !== true && flapping !== true
}

/**
 * In order of preference, so that the writes of a key have one coordinator while all is well. Who
 * gains the partition comes after who has it, and who may be down or is slow comes last.
 */
function ordered(
  now: readonly string[],
  before: readonly string[] | undefined,
  isWell: (node: string) => boolean,
): readonly string[] {
  const hasIt = before === undefined ? now : now.filter((node) => before.includes(node))
  const all = [...new Set([...hasIt, ...now, ...(before ?? [])])]
  return [...all.filter(isWell), ...all.filter((node) => !isWell(node))]
}
