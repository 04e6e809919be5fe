/**
 * Replicas converge: once everything has come to rest and every key has been read with r = n, all
 * replicas of a key hold equal containers on their disks, and it makes no difference through which
 * node one reads.
 */
import { crc32 } from '../../src/core/std/crc32.ts'
import { toHex } from '../../src/core/std/bytes.ts'
import type { Container } from '../../src/core/versions/version.ts'
import { containerText } from '../describe.ts'
import type { Violation } from '../violation.ts'
import { violation } from '../violation.ts'
import type { Checker, Evidence } from './evidence.ts'
import { byKey } from './evidence.ts'

const NAME = 'convergence'

export const convergence: Checker = {
  name: NAME,
  check(evidence) {
    return differingReads(evidence) ?? differingCopies(evidence)
  },
}

function differingReads(evidence: Evidence): Violation | undefined {
  for (const { name, finals } of byKey(evidence)) {
    const [first, ...others] = finals
    if (first === undefined) continue
    const expected = fingerprint(first.result.container)
    const other = others.find(({ result }) => fingerprint(result.container) !== expected)
    if (other === undefined) continue
    const texts = [first, other].map(
      ({ node, result }) => `n${node + 1} ${containerText(result.container)}`,
    )
    return violation(NAME, `${name}: final reads differ: ${texts.join(', ')}`, [name])
  }
  return undefined
}

function differingCopies(evidence: Evidence): Violation | undefined {
  for (const { name, copies } of evidence.copies) {
    const distinct = new Set(copies.map(({ container }) => fingerprint(container)))
    if (distinct.size <= 1) continue
    const texts = copies.map(({ node, container }) => `n${node + 1} ${textOf(container)}`)
    return violation(NAME, `${name}: replicas differ: ${texts.join(', ')}`, [name])
  }
  return undefined
}

function textOf(container: Container | 'absent' | 'corrupt'): string {
  return typeof container === 'string' ? container : containerText(container)
}

/** Equal for equal containers: dots, stamps, values by length and checksum, vector. */
function fingerprint(container: Container | 'absent' | 'corrupt'): string {
  if (typeof container === 'string') return container
  const versions = container.versions.map(({ dot, stamp, value }) => {
    const bytes = value === undefined ? 'deleted' : toHex(value.bytes.subarray(0, 32))
    const sum = value === undefined ? 0 : crc32(value.bytes)
    return `${dot.vnode}.${dot.counter}@${stamp.ms}.${stamp.counter}=${bytes}:${sum}`
  })
  const vector = container.vector.map(({ vnode, counter }) => `${vnode}.${counter}`)
  return `${versions.sort().join(' ')}|${vector.sort().join(' ')}`
}
