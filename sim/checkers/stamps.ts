/**
 * Stamps follow causality and go on over restarts, whatever the clocks say (V10).
 *
 * - A successor's stamp is above those of all that its writer had seen.
 * - Of two writes under one vnode id the one with the greater counter has the greater stamp: one
 *   node drew both from one clock, which keeps a lease so that a restart does not set it back.
 *   Asked only of stamps that the clock took from the wall (counter 0): one that had to be above a
 *   stamp from a far future is drawn for itself and moves the clock nowhere. And only where no disk
 *   was rolled back, with its lease.
 */
import type { Version } from '../../src/core/versions/version.ts'
import { valueName } from '../history.ts'
import type { Violation } from '../violation.ts'
import { violation } from '../violation.ts'
import { compareStamps } from './causality.ts'
import type { Checker, Evidence } from './evidence.ts'
import { byKey } from './evidence.ts'

const NAME = 'stamps'

export const stamps: Checker = {
  name: NAME,
  check(evidence) {
    return notAboveSeen(evidence) ?? setBack(evidence)
  },
}

function notAboveSeen(evidence: Evidence): Violation | undefined {
  for (const operation of evidence.operations) {
    if (operation.kind === 'get' || operation.outcome !== 'ok') continue
    const { id, kind, bucket, key, context, supersedes, mode } = operation
    if (context === undefined || supersedes === undefined) continue
    // A siblings delete leaves no version, and so nothing with a stamp to compare.
    if (kind === 'delete' && mode === 'siblings') continue
    if (compareStamps(context.stamp, supersedes.context.stamp) > 0) continue
    const name = `${bucket}/${key}`
    const what = `${kind} ${valueName(id)}`
    const message = `${name}: ${what} has a stamp that is not above what it supersedes`
    return violation(NAME, message, [name])
  }
  return undefined
}

/** A version that was read, and of which key. */
interface Read {
  readonly name: string
  readonly version: Version
}

function setBack(evidence: Evidence): Violation | undefined {
  if (evidence.damages?.some(({ kind }) => kind === 'backup') === true) return undefined
  for (const reads of readByVnode(evidence).values()) {
    const inOrder = [...reads.values()].sort(
      (a, b) => a.version.dot.counter - b.version.dot.counter,
    )
    for (const [place, later] of inOrder.entries()) {
      const earlier = inOrder[place - 1]
      if (earlier === undefined || later.version.stamp.ms > earlier.version.stamp.ms) continue
      const texts = [later, earlier].map(readText)
      const message = `a clock went back: ${texts[0]} was written after ${texts[1]}`
      return violation(NAME, message, [later.name, earlier.name])
    }
  }
  return undefined
}

/** By vnode id and counter, the versions with stamps from the wall clock. */
function readByVnode(evidence: Evidence): ReadonlyMap<number, ReadonlyMap<number, Read>> {
  const vnodes = new Map<number, Map<number, Read>>()
  for (const { name, gets, finals } of byKey(evidence)) {
    for (const { result } of [...gets, ...finals]) {
      for (const version of result.container.versions) {
        if (version.stamp.counter !== 0) continue
        const { vnode, counter } = version.dot
        const reads = vnodes.get(vnode) ?? new Map<number, Read>()
        vnodes.set(vnode, reads.set(counter, { name, version }))
      }
    }
  }
  return vnodes
}

function readText({ name, version }: Read): string {
  const { dot, stamp } = version
  return `dot ${dot.vnode}.${dot.counter} of ${name} at ${stamp.ms}`
}
