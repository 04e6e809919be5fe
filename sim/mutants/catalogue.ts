/** All mutants. A rule that is added to the product brings its mutant along. */
import { COORDINATION } from './coordination.ts'
import { DURABILITY } from './durability.ts'
import { MEMBERSHIP } from './membership.ts'
import { MOVES } from './moves.ts'
import type { Mutant } from './mutant.ts'
import { REPAIR } from './repair.ts'
import type { Unnoticed } from './unnoticed.ts'
import { UNNOTICED } from './unnoticed.ts'
import { VERSIONS } from './versions.ts'

/** Those that some checker notices. */
export const MUTANTS: readonly Mutant[] = [
  ...VERSIONS,
  ...COORDINATION,
  ...DURABILITY,
  ...MOVES,
  ...MEMBERSHIP,
  ...REPAIR,
]

/** Also one that nobody notices. */
export function mutantNamed(name: string): Mutant | Unnoticed | undefined {
  return [...MUTANTS, ...UNNOTICED].find((mutant) => mutant.name === name)
}

export function mustFind(name: string): Mutant | Unnoticed {
  const mutant = mutantNamed(name)
  if (mutant === undefined) throw new Error(`no mutant ${name}`)
  return mutant
}
