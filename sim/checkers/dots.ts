/**
 * A dot names one write and a write has one dot (V1): never drawn twice, not after a crash, not by
 * two nodes; and the stamp that came with it is never another.
 */
import type { Version } from '../../src/core/versions/version.ts'
import { violation } from '../violation.ts'
import { writerOfVersion } from './causality.ts'
import type { Checker } from './evidence.ts'
import { byKey } from './evidence.ts'

const NAME = 'dots'

export const dots: Checker = {
  name: NAME,
  check(evidence) {
    const contents = new Map<string, string>()
    const dotOf = new Map<number, string>()
    for (const { name, gets, finals } of byKey(evidence)) {
      for (const { result } of [...gets, ...finals]) {
        for (const version of result.container.versions) {
          const wrong = clash(name, version, contents, dotOf)
          if (wrong !== undefined) return violation(NAME, `${name}: ${wrong}`, [name])
        }
      }
    }
    return undefined
  },
}

function clash(
  name: string,
  version: Version,
  contents: Map<string, string>,
  dotOf: Map<number, string>,
): string | undefined {
  const { dot, stamp } = version
  const writer = writerOfVersion(version)
  // A counter counts the writes of a partition, so the same dot under two keys is the same dot
  // twice.
  const key = `${dot.vnode}.${dot.counter}`
  const content = `${name} ${writer ?? 'delete'} at ${stamp.ms}.${stamp.counter}`
  const known = contents.get(key)
  if (known !== undefined && known !== content)
    return `dot ${key} names ${known} and also ${content}`
  contents.set(key, content)
  if (writer === undefined) return undefined
  const other = dotOf.get(writer)
  if (other !== undefined && other !== key) return `op${writer} has two dots, ${other} and ${key}`
  dotOf.set(writer, key)
  return undefined
}
