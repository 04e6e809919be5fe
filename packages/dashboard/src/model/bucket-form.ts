/** A bucket's properties as a form: what was typed, what is wrong with it, and what it promises. */
import type { BucketPropertiesJson, ConflictMode } from '../../../client/src/api.ts'
import { formatTtl, parseTtl } from './format.ts'

/** As typed. */
export interface BucketForm {
  readonly name: string
  readonly n: string
  readonly r: string
  readonly w: string
  readonly conflicts: ConflictMode
  readonly valueBytesMax: string
  readonly sloppy: boolean
  readonly ttl: string
}

export type BucketField = keyof BucketForm

export interface CheckedForm {
  readonly problems: ReadonlyMap<BucketField, string>
  /** undefined while there are problems. */
  readonly properties: BucketPropertiesJson | undefined
}

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/
const VALUE_BYTES_MAX = 1_048_576
const TTL_MS_MIN = 1_000

export function formOf(name: string, properties: BucketPropertiesJson): BucketForm {
  const { n, r, w, conflicts, valueBytesMax, sloppy, ttlMs } = properties
  return {
    ...{ name, n: String(n), r: String(r), w: String(w), conflicts, sloppy },
    valueBytesMax: String(valueBytesMax),
    ttl: ttlMs === 0 ? '' : formatTtl(ttlMs),
  }
}

/** What the node would refuse, said before it is asked. `replicas`: those of the cluster. */
export function checkForm(form: BucketForm, replicas: number): CheckedForm {
  const problems = new Map<BucketField, string>()
  if (!NAME.test(form.name))
    problems.set('name', 'a-z, 0-9, “.”, “_” and “-”, a letter or digit first, at most 64')
  const within = (field: 'n' | 'r' | 'w' | 'valueBytesMax', max: number): number => {
    const value = /^\d{1,9}$/.test(form[field].trim()) ? Number(form[field]) : 0
    if (value < 1 || value > max) problems.set(field, `1 to ${max}`)
    return value
  }
  const n = within('n', replicas)
  const most = problems.has('n') ? replicas : n
  const r = within('r', most)
  const w = within('w', most)
  const valueBytesMax = within('valueBytesMax', VALUE_BYTES_MAX)
  const ttlMs = parseTtl(form.ttl)
  if (ttlMs === undefined || (ttlMs !== 0 && ttlMs < TTL_MS_MIN))
    problems.set('ttl', 'such as 30s, 12h or 7d; empty for ever')
  const { conflicts, sloppy } = form
  const properties =
    problems.size > 0 || ttlMs === undefined
      ? undefined
      : { n, r, w, conflicts, valueBytesMax, sloppy, ttlMs }
  return { problems, properties }
}

/** What the three numbers come to, in words. */
export function quorumText({ n, r, w }: { n: number; r: number; w: number }): string {
  const reads =
    r + w > n
      ? 'A read sees every write that was acknowledged before it.'
      : 'A read may miss the latest writes.'
  const lost = (quorum: number): string =>
    n - quorum === 0 ? 'none of them' : `${n - quorum} of them`
  return `${reads} Of ${n} replicas, ${lost(w)} may be away when writing and ${lost(r)} when reading.`
}
