/**
 * What a page must keep to so that everybody can use it: what axe-core decides of WCAG 2.2 (A and
 * AA) and of its own best practices, and two rules that it leaves to the eye: nothing wider than
 * the screen, and no control smaller than 24 by 24 unless it stands in a line of text.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from './browser.ts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

/** What breaks the rules, in words. */
export async function accessibilityProblems(page: Page): Promise<readonly string[]> {
  // What fades in is looked at when it is there.
  await page.evaluate(
    'Promise.all(document.getAnimations().filter((a) => a.effect.getComputedTiming().iterations !== Infinity).map((a) => a.finished.catch(() => 0)))',
  )
  if (!(await page.evaluate<boolean>('"axe" in window'))) await page.evaluate(`${AXE};true`)
  const decided = await page.evaluate<string[]>(`(${decide.toString()})(${JSON.stringify(TAGS)})`)
  return [...decided, ...(await page.evaluate<string[]>(`(${measure.toString()})()`))]
}

interface Axe {
  run(
    context: Document,
    options: { readonly runOnly: readonly string[]; readonly resultTypes: readonly string[] },
  ): Promise<{ readonly violations: readonly Violation[] }>
}

interface Violation {
  readonly id: string
  readonly help: string
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[]
}

/** Runs in the page: it must not use anything from outside of itself. */
async function decide(runOnly: readonly string[]): Promise<string[]> {
  const { axe } = globalThis as unknown as { readonly axe: Axe }
  const { violations } = await axe.run(document, { runOnly, resultTypes: ['violations'] })
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(
      ({ html, failureSummary = '' }) => `${id}: ${help}: ${html.slice(0, 200)} ${failureSummary}`,
    ),
  )
}

/** Runs in the page: it must not use anything from outside of itself. */
function measure(): string[] {
  const problems: string[] = []
  for (const element of document.querySelectorAll('button,select,input,textarea,a[href].button')) {
    const isShown = element.checkVisibility({ opacityProperty: true, visibilityProperty: true })
    const isInText = element.closest('label,td,p') !== null
    const { width, height } = element.getBoundingClientRect()
    if (isShown && !isInText && (width < 24 || height < 24))
      problems.push(
        `small, ${Math.round(width)} by ${Math.round(height)}: ${element.outerHTML.slice(0, 200)}`,
      )
  }
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth
  if (wide > 0) problems.push(`${wide} px wider than the screen`)
  return problems
}
