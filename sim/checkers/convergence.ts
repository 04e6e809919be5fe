/**
 * Replicas converge: once every node has repaired what it holds, without a single read, and again
 * when every key has been read with r = n, all replicas of a key hold the same on their disks, and
 * it makes no difference through which node one reads. The same is what is alive. Not the same
 * vectors: a base rises with the writes of other keys, and what it covers is stripped from a record
 * when that is written next. Nor the same tombstones: each replica reaps in its own time.
 */
import { crc32 } from '../../src/core/std/crc32.ts'
import { toHex } from '../../src/core/std/bytes.ts'
import type { ConflictMode } from '../../src/core/node/messages.ts'
import type { Container, Version } from '../../src/core/versions/version.ts'
import { containerText } from '../describe.ts'
import type { Violation } from '../violation.ts'
import { violation } from '../violation.ts'
import type { Checker, Copies, Evidence, FinalRead } from './evidence.ts'
import { winnerOf } from './causality.ts'
import { byKey } from './evidence.ts'

const NAME = 'convergence'

export const convergence: Checker = {
  name: NAME,
  check(evidence) {
    const { repaired, copies } = evidence
    return (
      differingCopies(evidence, repaired?.copies ?? [], 'after repair') ??
      differingReads(evidence) ??
      differingCopies(evidence, copies, 'in the end')
    )
  },
}

function differingReads(evidence: Evidence): Violation | undefined {
  for (const { name, finals } of byKey(evidence)) {
    const [first, ...others] = finals
    if (first === undefined) continue
    const of = ({ result }: FinalRead): string =>
      fingerprint(result.container, first.mode, evidence.nowMs)
    const expected = of(first)
    const other = others.find((final) => of(final) !== expected)
    if (other === undefined) continue
    const texts = [first, other].map(
      ({ node, result }) => `n${node + 1} ${containerText(result.container)}`,
    )
    return violation(NAME, `${name}: final reads differ: ${texts.join(', ')}`, [name])
  }
  return undefined
}

function differingCopies(
  evidence: Evidence,
  all: readonly Copies[],
  when: string,
): Violation | undefined {
  const modes = new Map(byKey(evidence).map(({ name, mode }) => [name, mode]))
  for (const { name, copies } of all) {
    const mode = modes.get(name) ?? 'lww'
    const { nowMs } = evidence
    const distinct = new Set(copies.map(({ container }) => fingerprint(container, mode, nowMs)))
    const texts = copies.map(({ node, container }) => `n${node + 1} ${textOf(container)}`)
    if (distinct.size > 1)
      return violation(NAME, `${name}: replicas differ ${when}: ${texts.join(', ')}`, [name])
  }
  return undefined
}

function textOf(container: Container | 'corrupt'): string {
  return typeof container === 'string' ? container : containerText(container)
}

/**
 * Equal for copies that hold the same living versions: dots, stamps, values by their first bytes
 * and checksum. `nowMs`: what has expired by then is dead.
 */
function fingerprint(
  container: Container | 'corrupt',
  mode: ConflictMode,
  nowMs: number = 0,
): string {
  if (typeof container === 'string') return container
  const isLiving = ({ value }: Version): boolean =>
    value !== undefined && (value.expiresAtMs === 0 || value.expiresAtMs > nowMs)
  const winner = winnerOf(container)
  // What is dead keeps down what it won against; both are reaped together.
  if (mode === 'lww' && (winner === undefined || !isLiving(winner))) return ''
  const versions = container.versions.filter(isLiving).flatMap(({ dot, stamp, value }) => {
    if (value === undefined) return []
    const bytes = `${toHex(value.bytes.subarray(0, 32))}:${crc32(value.bytes)}`
    return [`${dot.vnode}.${dot.counter}@${stamp.ms}.${stamp.counter}=${bytes}`]
  })
  return versions.sort().join(' ')
}
