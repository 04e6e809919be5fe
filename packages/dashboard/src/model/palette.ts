/**
 * A colour for each node, as a hue: lightness and saturation are the style's, so that all are told
 * apart in the light and in the dark. Names stand beside colours wherever they are used.
 */

/** Far from each other as the eye sees them, and away from the red of what is wrong. */
const HUES: readonly number[] = [255, 70, 165, 320, 215, 105, 290, 190]
/** Beyond those: each as far from all before it as it can be. */
const GOLDEN_ANGLE = 137.508

export class Palette {
  // Bounded by: the members that were seen while the page is open.
  readonly #hues = new Map<string, number>()

  /** Gives new members the next hues, in order of name, and nobody another one. */
  meet(members: readonly { readonly id: string; readonly name: string }[]): void {
    const fresh = members.filter(({ id }) => !this.#hues.has(id))
    for (const { id } of fresh.toSorted((a, b) => compareNames(a.name, b.name)))
      this.#hues.set(id, hueAt(this.#hues.size))
  }

  hueOf(id: string): number {
    return this.#hues.get(id) ?? 0
  }
}

function hueAt(index: number): number {
  return HUES[index] ?? Math.round((35 + index * GOLDEN_ANGLE) % 360)
}

/** node2 before node10. */
export function compareNames(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}
