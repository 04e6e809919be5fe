/**
 * `{country}/{name}`: a key made of a record's fields. `{{` and `}}` stand for the braces
 * themselves.
 */

export type Part =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'field'; readonly name: string }

export type Template = readonly Part[]

/** Throws a sentence for a template that is none. */
export function parseTemplate(text: string): Template {
  const parts: Part[] = []
  let plain = ''
  const pattern = /\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+/g
  for (const match of text.matchAll(pattern)) {
    const [token, name] = match
    if (token === '{' || token === '}')
      throw new Error(
        `"${text}" has a lone "${token}"; fields stand in braces, as in {country}/{name}`,
      )
    if (name === undefined) {
      plain += token === '{{' || token === '}}' ? token[0]! : token
      continue
    }
    if (name === '') throw new Error(`"${text}" has braces without a field name`)
    if (plain !== '') parts.push({ type: 'text', text: plain })
    plain = ''
    parts.push({ type: 'field', name })
  }
  if (plain !== '') parts.push({ type: 'text', text: plain })
  if (!parts.some((part) => part.type === 'field'))
    throw new Error(`"${text}" names no field: every record would have the same key`)
  return parts
}

/** One field alone. */
export function fieldTemplate(name: string): Template {
  return [{ type: 'field', name }]
}

export type Rendered =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly detail: string }

export function renderTemplate(template: Template, record: unknown): Rendered {
  let text = ''
  for (const part of template) {
    if (part.type === 'text') {
      text += part.text
      continue
    }
    const field = fieldText(fieldOf(record, part.name), part.name)
    if (!field.ok) return field
    text += field.text
  }
  return { ok: true, text }
}

/** A field by its name, or by a path with dots where no field has the whole name. */
export function fieldOf(record: unknown, name: string): unknown {
  if (typeof record !== 'object' || record === null) return undefined
  if (Object.hasOwn(record, name)) return (record as Record<string, unknown>)[name]
  const dot = name.indexOf('.')
  return dot < 0 ? undefined : fieldOf(fieldOf(record, name.slice(0, dot)), name.slice(dot + 1))
}

function fieldText(value: unknown, name: string): Rendered {
  if (typeof value === 'string')
    return value === ''
      ? { ok: false, detail: `the field "${name}" is empty` }
      : { ok: true, text: value }
  if (typeof value === 'boolean') return { ok: true, text: String(value) }
  if (typeof value === 'number') {
    // JSON.parse has rounded it already: two records would silently become one.
    if (Number.isInteger(value) && !Number.isSafeInteger(value))
      return { ok: false, detail: `the field "${name}" is a number too large to be exact` }
    return { ok: true, text: String(value) }
  }
  if (value === undefined) return { ok: false, detail: `there is no field "${name}"` }
  return { ok: false, detail: `the field "${name}" is neither text nor a number` }
}
