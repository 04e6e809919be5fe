/**
 * What the tests of this folder generate: dots, containers in any relation to each other, values,
 * contexts.
 */
import fc from 'fast-check'
import { utf8Encode } from '../std/bytes.ts'
import type { VnodeId } from '../std/ids.ts'
import { METADATA_PAIRS_MAX } from '../std/limits.ts'
import { STAMP_MS_MAX } from './stamp.ts'
import type { Container, Context, Dot, Stamp, Value, Version, VersionVector } from './version.ts'

/** Every run of the suite tries the same cases. */
export const SEED = 679

/** Objects like those that the code makes, so that deep equality holds. */
const PLAIN = { noNullPrototype: true } as const

export function dot(vnode: number, counter: number): Dot {
  return { vnode: vnode as VnodeId, counter }
}

/** `vector(1, 5, 2, 7)`: five writes of vnode 1 and seven of vnode 2. */
export function vector(...entries: readonly number[]): VersionVector {
  const dots: Dot[] = []
  for (let i = 0; i < entries.length; i += 2) dots.push(dot(entries[i]!, entries[i + 1]!))
  return dots
}

export function stamp(ms: number, counter = 0): Stamp {
  return { ms, counter }
}

export function text(content: string): Value {
  return {
    bytes: utf8Encode(content),
    contentType: 'text/plain',
    metadata: [],
    expiresAtMs: 0,
  }
}

export function dotText(of: Dot): string {
  return `${of.vnode}:${of.counter}`
}

export function dotTexts(container: Container): string[] {
  return container.versions.map((version) => dotText(version.dot))
}

/** The version that a dot names in these tests: one dot, one write, wherever it is met. */
export function versionOf(of: Dot): Version {
  return {
    dot: of,
    stamp: stamp((of.counter * 7919) % 13, of.vnode % 5),
    value: (of.counter + of.vnode) % 4 === 0 ? undefined : text(dotText(of)),
  }
}

const VNODES = [1, 2, 3, 0x1_0000_0000, Number.MAX_SAFE_INTEGER]

export const dots: fc.Arbitrary<Dot> = fc
  .tuple(fc.constantFrom(...VNODES), fc.integer({ min: 1, max: 5 }))
  .map(([vnode, counter]) => dot(vnode, counter))

/** Of few vnodes with low counters, so that two of them are often related. */
export const vectors: fc.Arbitrary<VersionVector> = fc
  .tuple(...VNODES.map(() => fc.integer({ min: 0, max: 5 })))
  .map((counters) =>
    counters.flatMap((counter, i) => (counter > 0 ? [dot(VNODES[i]!, counter)] : [])),
  )

/** Any vector, and any of the dots that it covers as versions. */
export const containers: fc.Arbitrary<Container> = vectors.chain((covering) => {
  const covered = covering.flatMap((entry) =>
    Array.from({ length: entry.counter }, (_, i) => dot(entry.vnode, i + 1)),
  )
  return fc.subarray(covered).map((live) => ({ versions: live.map(versionOf), vector: covering }))
})

export const stamps: fc.Arbitrary<Stamp> = fc.record(
  {
    ms: fc.integer({ min: 0, max: 0xffff_ffff_ffff }),
    counter: fc.integer({ min: 0, max: 0xffff }),
  },
  PLAIN,
)

export const contexts: fc.Arbitrary<Context> = fc.record({ vector: vectors, stamp: stamps }, PLAIN)

const metadata: fc.Arbitrary<Value['metadata']> = fc
  .dictionary(
    fc.stringMatching(/^[a-z0-9-]{0,12}$/),
    fc.string({ unit: 'grapheme', maxLength: 20 }),
    {
      maxKeys: Math.min(6, METADATA_PAIRS_MAX),
    },
  )
  .map((pairs) => Object.entries(pairs).toSorted(([a], [b]) => (a < b ? -1 : 1)))

export const values: fc.Arbitrary<Value> = fc.record(
  {
    bytes: fc.uint8Array({ maxLength: 200 }),
    contentType: fc.constantFrom('', 'text/plain', 'application/json; charset=utf-8', 'čeština'),
    metadata,
    expiresAtMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: STAMP_MS_MAX })),
  },
  PLAIN,
)

/** Containers with values and stamps of every kind. */
export const richContainers: fc.Arbitrary<Container> = containers.chain((container) =>
  fc
    .array(fc.tuple(stamps, fc.option(values, { nil: undefined })), {
      minLength: container.versions.length,
      maxLength: container.versions.length,
    })
    .map((said) => ({
      vector: container.vector,
      versions: container.versions.map((version, i) => ({
        dot: version.dot,
        stamp: said[i]![0],
        value: said[i]![1],
      })),
    })),
)
