/**
 * A rule broken on purpose.
 *
 * A simulator that finds nothing proves nothing: it may be that there is nothing to find, or that
 * it is blind. So known-bad rules are switched on one at a time, and a checker must say so within a
 * bounded number of seeds. A switch for each in the product would be a way to turn its safety off.
 * A mutant is therefore a patch of the compiled modules, made while they are loaded
 * (`module-hooks.ts`) and nowhere else; the product does not know of it.
 *
 * A patch names a piece of text that must occur exactly once in its module. When the rule is
 * rewritten the text is gone, the mutant cannot be made, and that is an error: a mutant that
 * silently changes nothing would look like one that nobody notices, or worse, be forgotten.
 */

/** Replaces `find`, which occurs exactly once in `file`. */
export interface Patch {
  /** The compiled module, from the root of the build: `src/core/…js` or `sim/…js`. */
  readonly file: string
  readonly find: string
  readonly replace: string
}

export interface Mutant {
  readonly name: string
  /** The rule that is broken; with its number where `docs/internals` or the code give it one. */
  readonly rule: string
  /** What the mutant does instead. */
  readonly instead: string
  /** None for the few that are switches of the simulator's own driver (`sim-node.ts`). */
  readonly patches: readonly Patch[]
  /** The scenario in which it shows, or `swarm`. */
  readonly scenario: string
  /** Checkers that may notice; another one is a surprise, and the test fails. */
  readonly by: readonly string[]
  /** Within so many seeds, from the first on. */
  readonly seedsMax: number
}

/** `source` with the patches of one module made; throws when one of them does not fit. */
export function patched(source: string, patches: readonly Patch[]): string {
  let text = source
  for (const { file, find, replace } of patches) {
    const places = text.split(find).length - 1
    if (places !== 1) throw new Error(`${file} has ${places} times, and not once: ${find}`)
    // A function, because in a replacing string `$` would mean something.
    text = text.replace(find, () => replace)
  }
  return text
}
