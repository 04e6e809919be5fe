/**
 * Hooks into the loading of modules (`node:module`, `register`): the modules that a mutant patches
 * are given with their patches made. They run in a thread of their own, so what they need is handed
 * over by `preload.ts`.
 */
import type { LoadHookContext } from 'node:module'
import type { Patch } from './mutant.ts'
import { patched } from './mutant.ts'

export interface HookData {
  /** URL of the build's root. */
  readonly root: string
  readonly patches: readonly Patch[]
}

// Bounded by: the patches of one mutant. By URL of the module.
const patchesOf = new Map<string, Patch[]>()

export function initialize({ root, patches }: HookData): void {
  for (const patch of patches) {
    const url = new URL(patch.file, root).href
    const others = patchesOf.get(url)
    if (others === undefined) patchesOf.set(url, [patch])
    else others.push(patch)
  }
}

interface Loaded {
  readonly format: string
  readonly source?: string | ArrayBuffer | NodeJS.TypedArray | undefined
  readonly shortCircuit?: boolean | undefined
}

export async function load(
  url: string,
  context: LoadHookContext,
  nextLoad: (url: string, context?: LoadHookContext) => Loaded | Promise<Loaded>,
): Promise<Loaded> {
  const loaded = await nextLoad(url, context)
  const patches = patchesOf.get(url)
  if (patches === undefined) return loaded
  const { source } = loaded
  if (source === undefined) throw new Error(`${url} has no source to patch`)
  const text = typeof source === 'string' ? source : new TextDecoder().decode(source)
  return { ...loaded, source: patched(text, patches) }
}
