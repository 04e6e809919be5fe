/** Columns without lines between them: for people, and for cut and awk. */
import { stripVTControlCharacters } from 'node:util'
import Table from 'cli-table3'

const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
}

/** Ends without a line break. Cells may be painted; widths count what is seen. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const drawn = new Table({
    head: [...head],
    chars: NO_LINES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  for (const row of rows) drawn.push([...row])
  return drawn
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

export interface Column {
  readonly head: string
  /** One for each row. */
  readonly cells: readonly string[]
  /** Who goes first when there is no room: the greatest. undefined: it stays, come what may. */
  readonly dispensable?: number
}

/**
 * A table in `width` columns of a terminal: lines that break are harder to read than columns that
 * are missing. `missing` names those.
 */
export function fittingTable(
  columns: readonly Column[],
  width: number,
): { readonly text: string; readonly missing: readonly string[] } {
  const missing: string[] = []
  let shown = columns
  for (;;) {
    const rows = (shown[0]?.cells ?? []).map((_, row) => shown.map(({ cells }) => cells[row] ?? ''))
    const heads = shown.map(({ head }) => head)
    const text = table(heads, rows)
    const next = mostDispensable(shown)
    if (widthOf(text) <= width || next === undefined) return { text, missing }
    missing.push(next.head)
    shown = shown.filter((column) => column !== next)
  }
}

function mostDispensable(columns: readonly Column[]): Column | undefined {
  let found: Column | undefined
  for (const column of columns)
    if ((column.dispensable ?? 0) > (found?.dispensable ?? 0)) found = column
  return found
}

/** Of the longest line, as it is seen. */
export function widthOf(text: string): number {
  const lines = stripVTControlCharacters(text).split('\n')
  return Math.max(...lines.map((line) => line.length))
}
