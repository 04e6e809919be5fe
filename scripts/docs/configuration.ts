/** `configuration.md`: the settings of a node, as `config-fields.ts` and `config-notes.ts` have them. */
import { CONFIG_FIELDS, environmentOf, flagOf } from '../../src/server/config-fields.ts'
import type { FieldDescription } from '../../src/server/config-fields.ts'
import { CONFIG_NOTES } from '../../src/server/config-notes.ts'
import { fill, prose, table } from './page.ts'

const HEAD = ['setting, flag, variable', 'default', 'allowed', 'what it is for', 'what it costs']

export function configurationPage(page: string): string {
  return fill(page, new Map([['settings', table(HEAD, CONFIG_FIELDS.map(row))]]))
}

function row({ field, fallback, allowed, about }: FieldDescription): readonly string[] {
  const { unit, formula, tradeOff } = CONFIG_NOTES[field]
  const flag = field === 'seeds' ? 'arguments of `dnd join`' : `\`${flagOf(field)}\``
  return [
    `\`${field}\`<br>${flag}<br>\`${environmentOf(field)}\``,
    prose(fallbackText(fallback, unit)),
    prose(unit === undefined ? allowed : `${allowed}; ${unit}`),
    prose(formula === undefined ? `${about}.` : `${about}. *${formula}.*`),
    tradeOff === undefined ? '–' : prose(`${tradeOff}.`),
  ]
}

const UNITS: readonly (readonly [unit: string, size: number, name: string])[] = [
  ['milliseconds', 86_400_000, 'd'],
  ['milliseconds', 3_600_000, 'h'],
  ['milliseconds', 60_000, 'min'],
  ['milliseconds', 1000, 's'],
  ['milliseconds', 1, 'ms'],
  ['bytes', 1024 ** 3, 'GiB'],
  ['bytes', 1024 ** 2, 'MiB'],
]

/** `600000 (10 min)` */
function fallbackText(value: FieldDescription['fallback'], unit: string | undefined): string {
  if (typeof value !== 'number') return String(value)
  const fits = UNITS.find(([of, size]) => of === unit && value >= size && value % size === 0)
  return fits === undefined ? String(value) : `${value} (${value / fits[1]} ${fits[2]})`
}
