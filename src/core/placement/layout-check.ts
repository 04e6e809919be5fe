/**
 * The checks that every node makes of a layout that it is told of, before it believes a word of it.
 * Nobody recomputes a layout (two versions of the planner would disagree); everybody validates it.
 */
import type { Layout } from './layout.ts'
import { hashLayout } from './layout-codec.ts'
import { checkStructure, checkSuccession } from './layout-structure.ts'

/** The first thing wrong with a layout, as a sentence; undefined when it is sound. */
export function checkLayout(layout: Layout): string | undefined {
  const problem = checkStructure(layout)
  if (problem !== undefined) return problem
  const hash = hashLayout(layout)
  return hash === layout.hash
    ? undefined
    : `The layout's hash is ${layout.hash}; its content has ${hash}.`
}

/**
 * The first reason why `next` cannot be adopted after `previous`, as a sentence; undefined when it
 * can.
 */
export function checkSuccessor(previous: Layout, next: Layout): string | undefined {
  return checkLayout(next) ?? checkSuccession(previous, next)
}
