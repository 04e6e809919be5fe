/**
 * Pages of which parts are written by a program and the rest by people. A part stands between
 *
 *     <!-- generated: NAME -->
 *     <!-- end of generated -->
 *
 * and whatever is outside of such a pair stays as it is.
 */

export interface Block {
  readonly name: string
  readonly content: string
}

const BLOCK = /^<!-- generated: (.+?) -->\n([\s\S]*?)^<!-- end of generated -->$/gm

export function blocksOf(page: string): readonly Block[] {
  return [...page.matchAll(BLOCK)].map(([, name, content]) => ({ name: name!, content: content! }))
}

export function blockText(name: string, content: string): string {
  return `<!-- generated: ${name} -->\n\n${content.trim()}\n\n<!-- end of generated -->`
}

/**
 * The page with every block filled anew.
 * @throws Error when a block is there twice, when `contents` has no such name, and when the page
 *   lacks one that it should have.
 */
export function fill(page: string, contents: ReadonlyMap<string, string>): string {
  const names = blocksOf(page).map(({ name }) => name)
  const twice = names.find((name, i) => names.indexOf(name) < i)
  if (twice !== undefined) throw new Error(`two blocks are called "${twice}"`)
  for (const name of contents.keys())
    if (!names.includes(name)) throw new Error(`the page lacks a block "${name}"`)
  return page.replace(BLOCK, (_, name: string) => {
    const content = contents.get(name)
    if (content === undefined)
      throw new Error(`nothing is generated for "${name}" any more: take the block out by hand`)
    return blockText(name, content)
  })
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.join(' | ')} |`.replace(/ {2,}/g, ' ')
  const cell = (text: string): string => text.replace(/\s*\n\s*/g, ' ').replaceAll('|', '\\|')
  return [
    line(head),
    `|${'---|'.repeat(head.length)}`,
    ...rows.map((row) => line(row.map(cell))),
  ].join('\n')
}

/** Texts that may hold `<name>`, which Markdown would take for a tag. */
export function prose(text: string): string {
  return text
    .split(/(`[^`]*`)/)
    .map((part) => (part.startsWith('`') ? part : part.replaceAll('<', '&lt;')))
    .join('')
}

/** The anchor that a heading has where Markdown is shown on the web. */
export function anchorOf(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[^\p{L}\p{N}\p{M} _-]/gu, '')
    .replaceAll(' ', '-')
}

/**
 * Which block each name stands in, and where. A name stays where the page has it; one that the page
 * does not have goes behind the one that is most like it, and with nothing like it to the end of the
 * last block. So a page can be put in order by hand, and what is new finds a place by itself.
 * Order within the result is the order on the page.
 */
export function arrange(
  page: ReadonlyMap<string, readonly string[]>,
  names: readonly string[],
  wordsOf: (name: string) => readonly string[],
): Map<string, string[]> {
  const known = new Set(names)
  const seen = new Set<string>()
  const arranged = new Map<string, string[]>()
  for (const [block, had] of page) {
    const here = had.filter((name) => known.has(name) && !seen.has(name))
    for (const name of here) seen.add(name)
    arranged.set(block, here)
  }
  const last = [...arranged.values()].at(-1)
  if (last === undefined) throw new Error('the page has no block to put names in')
  for (const name of names) {
    if (seen.has(name)) continue
    let best = { likeness: 1, list: last, at: last.length }
    for (const list of arranged.values())
      for (const [at, other] of list.entries()) {
        const likeness = commonWords(wordsOf(name), wordsOf(other))
        if (likeness > best.likeness) best = { likeness, list, at: at + 1 }
      }
    best.list.splice(best.at, 0, name)
  }
  return arranged
}

function commonWords(a: readonly string[], b: readonly string[]): number {
  const end = a.findIndex((word, i) => word !== b[i])
  return end < 0 ? a.length : end
}

/** First cells of the rows of tables, where they are code. */
export function rowNames(content: string): readonly string[] {
  return [...content.matchAll(/^\| `([^`]+)`/gm)].map((match) => match[1]!)
}
