/**
 * The ring as a picture: partitions around a circle, first at the top and clockwise, and a circle
 * for each place in their replica sets, the first in preference outermost.
 */
import type { LayoutJson } from '../../../client/src/api.ts'

/** Side of the square that it is drawn in; everything below is in its units. */
export const RING_SIZE = 440
const CENTRE = RING_SIZE / 2
const OUTER = 196
/** Space between circles, and between partitions along the outermost. */
const RADIAL_GAP = 3
const SIDE_GAP = 0.9
/** What all circles may take of the radius: the middle is for words. */
const DEPTH = 84
/** A move is a mark outside of all circles. */
const MARK_FROM = 203
const MARK_TO = 209
/** Beyond so many partitions those of the same owner beside each other are drawn as one. */
const DRAWN_APART_MAX = 512

export const SLOTS = 16_384

export interface Arc {
  /** The first partition of it, and how many there are. */
  readonly partition: number
  readonly count: number
  readonly place: number
  readonly node: string
  readonly path: string
}

export interface Mark {
  readonly partition: number
  readonly path: string
}

interface Circle {
  readonly inner: number
  readonly outer: number
}

/** The circle of each place; the first is the widest, since reads and writes begin there. */
export function circles(places: number): readonly Circle[] {
  const weights = Array.from({ length: places }, (_, place) => (place === 0 ? 1.35 : 1))
  const all = weights.reduce((sum, weight) => sum + weight, 0)
  const room = Math.min(DEPTH, 26 * all) - RADIAL_GAP * (places - 1)
  let outer = OUTER
  return weights.map((weight) => {
    const circle = { outer, inner: outer - (room * weight) / all }
    outer = circle.inner - RADIAL_GAP
    return circle
  })
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}

function at(radius: number, turn: number): string {
  const angle = turn * 2 * Math.PI
  return `${round(CENTRE + radius * Math.sin(angle))} ${round(CENTRE - radius * Math.cos(angle))}`
}

/** From `begin` to `end`, in turns, between two radii; a whole turn is drawn as two halves. */
export function arcPath(inner: number, outer: number, begin: number, end: number): string {
  if (end - begin >= 1)
    return (
      arcPath(inner, outer, begin, begin + 0.5) + arcPath(inner, outer, begin + 0.5, end - 1e-9)
    )
  const large = end - begin > 0.5 ? 1 : 0
  const [o, i] = [round(outer), round(inner)]
  return (
    `M${at(outer, begin)}A${o} ${o} 0 ${large} 1 ${at(outer, end)}` +
    `L${at(inner, end)}A${i} ${i} 0 ${large} 0 ${at(inner, begin)}Z`
  )
}

/** Where a partition begins and ends, in turns, with the gap to its neighbours taken off. */
function span(partition: number, count: number, all: number): readonly [number, number] {
  const gap = all > DRAWN_APART_MAX || all < 2 ? 0 : SIDE_GAP / (2 * Math.PI * OUTER)
  return [partition / all + gap / 2, (partition + count) / all - gap / 2]
}

export function arcsOf(table: LayoutJson['table']): readonly Arc[] {
  const places = table.reduce((most, set) => Math.max(most, set.length), 0)
  const rings = circles(places)
  const arcs: Arc[] = []
  for (const [place, { inner, outer }] of rings.entries())
    for (const { partition, count, node } of runs(table, place)) {
      const [begin, end] = span(partition, count, table.length)
      arcs.push({ partition, count, place, node, path: arcPath(inner, outer, begin, end) })
    }
  return arcs
}

function runs(
  table: LayoutJson['table'],
  place: number,
): { partition: number; count: number; node: string }[] {
  const found: { partition: number; count: number; node: string }[] = []
  for (const [partition, set] of table.entries()) {
    const node = set[place]
    if (node === undefined) continue
    const last = found.at(-1)
    const joins =
      table.length > DRAWN_APART_MAX &&
      last?.node === node &&
      last.partition + last.count === partition
    if (joins) last.count++
    else found.push({ partition, count: 1, node })
  }
  return found
}

/** Outside of the circles, for partitions that move. */
export function marksOf(partitions: readonly number[], all: number): readonly Mark[] {
  return partitions.map((partition) => {
    const [begin, end] = span(partition, 1, all)
    return { partition, path: arcPath(MARK_FROM, MARK_TO, begin, end) }
  })
}

/** The partition at a point of the square; undefined in the middle and outside. */
export function partitionAt(
  x: number,
  y: number,
  partitions: number,
  places: number,
): number | undefined {
  const radius = Math.hypot(x - CENTRE, y - CENTRE)
  const innermost = circles(places).at(-1)?.inner ?? OUTER
  if (partitions === 0 || radius < innermost || radius > MARK_TO) return undefined
  const turn = Math.atan2(x - CENTRE, CENTRE - y) / (2 * Math.PI)
  return Math.floor((turn < 0 ? turn + 1 : turn) * partitions) % partitions
}

/** First and last slot of a partition. */
export function slotsOf(partition: number, partitions: number): readonly [number, number] {
  const each = SLOTS / partitions
  return [partition * each, (partition + 1) * each - 1]
}
