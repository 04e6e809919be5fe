/**
 * Replicas converge: once everything has come to rest and every key has been read with r = n, all
 * replicas of a key hold the same on their disks, byte for byte, and it makes no difference through
 * which node one reads.
 *
 * Bytes may be demanded because the form of a record is canonical (`src/core/versions/record.ts`):
 * equal containers have equal bytes. It will cease to hold when there is a second record format and
 * a cluster that is being upgraded writes both.
 */
import { crc32 } from '../../src/core/std/crc32.ts'
import { equalBytes, toHex } from '../../src/core/std/bytes.ts'
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
    const texts = copies.map(({ node, container }) => `n${node + 1} ${textOf(container)}`)
    if (distinct.size > 1)
      return violation(NAME, `${name}: replicas differ: ${texts.join(', ')}`, [name])
    const odd = copies.find(({ record }) => !sameRecord(record, copies[0]?.record))
    if (odd === undefined) continue
    const message = `${name}: n${odd.node + 1} holds the same in other bytes: ${texts.join(', ')}`
    return violation(NAME, message, [name])
  }
  return undefined
}

type StoredRecord = Evidence['copies'][number]['copies'][number]['record']

function sameRecord(a: StoredRecord, b: StoredRecord): boolean {
  return a instanceof Uint8Array && b instanceof Uint8Array ? equalBytes(a, b) : a === b
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
