/** Lines over time as paths in a box of 100 by 100, and the few numbers beside them. */

export interface Series {
  readonly name: string
  /** undefined: nothing to show there. */
  readonly values: readonly (number | undefined)[]
}

/** The least round number that is not below what is shown: 1, 2 or 5 of some power of ten. */
export function niceMax(values: readonly (number | undefined)[], least: number): number {
  const most = values.reduce<number>((max, value) => Math.max(max, value ?? 0), least)
  const power = 10 ** Math.floor(Math.log10(most))
  for (const step of [1, 2, 5]) if (step * power >= most * (1 - 1e-9)) return step * power
  return 10 * power
}

/** Where a point stands from left to right: the latest is at the right end. */
export function xOf(index: number, count: number, most: number): number {
  return 100 - ((count - 1 - index) / Math.max(1, most - 1)) * 100
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}

/** `most`: points in the whole width. A gap in the values is one in the line. */
export function linePath(values: Series['values'], max: number, most: number): string {
  let path = ''
  let isDown = false
  for (const [i, value] of values.entries()) {
    if (value === undefined) {
      isDown = false
      continue
    }
    const x = round(xOf(i, values.length, most))
    const y = round(100 - (Math.min(value, max) / max) * 100)
    // A point alone between gaps is a line of no length, which round ends make a dot.
    path += isDown ? `L${x} ${y}` : `M${x} ${y}h0`
    isDown = true
  }
  return path
}

/** What is between the line and the floor. */
export function areaPath(values: Series['values'], max: number, most: number): string {
  if (values.length < 2 || values.some((value) => value === undefined)) return ''
  const first = round(xOf(0, values.length, most))
  return `${linePath(values, max, most)}L100 100L${first} 100Z`
}

/** The point nearest to a share of the width; undefined left of the first. */
export function indexAt(share: number, count: number, most: number): number | undefined {
  const index = Math.round(count - 1 - (1 - share) * (most - 1))
  return index < 0 || index >= count ? undefined : index
}
