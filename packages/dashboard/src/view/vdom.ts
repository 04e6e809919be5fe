/**
 * Pages are functions of the state: they give a tree of plain objects, and this makes the document
 * equal to it, changing only what differs.
 *
 * So what the reader does survives what the cluster does: the field that is typed in keeps its
 * caret, the row under the pointer its hover, the reader of a screen its place. Children are
 * matched by `key` where they have one, and otherwise by their place and tag.
 */

type Handler = (event: never) => void
type AttributeValue = string | number | boolean | undefined | Handler | StyleVariables

/** Custom properties only: the page's policy allows no style in attributes. */
type StyleVariables = Readonly<Record<`--${string}`, string>>

interface Attributes {
  /** Identity among siblings. */
  readonly key?: string
  /** Called once, when the element has come into the document. */
  readonly mounted?: (element: Element) => void
  readonly style?: StyleVariables
  readonly [name: string]: AttributeValue | ((element: Element) => void)
}

export interface VNode {
  readonly tag: string
  readonly attributes: Attributes
  readonly children: readonly (VNode | string)[]
}

export type Child = VNode | string | number | false | undefined | readonly Child[]

const SVG = 'http://www.w3.org/2000/svg'
const SVG_TAGS: ReadonlySet<string> = new Set(
  'svg g path circle rect line polyline text defs pattern title'.split(' '),
)
/** Set as properties, since their attributes are only how they began. */
const PROPERTIES: ReadonlySet<string> = new Set(['value', 'checked', 'disabled', 'selected'])

export function h(tag: string, attributes: Attributes = {}, ...children: Child[]): VNode {
  return { tag, attributes, children: flat(children) }
}

function flat(children: readonly Child[]): (VNode | string)[] {
  return children.flatMap((child) => {
    if (child === undefined || child === false || child === '') return []
    if (Array.isArray(child)) return flat(child as readonly Child[])
    return [typeof child === 'number' ? String(child) : (child as VNode | string)]
  })
}

/** What an element was made of last. */
const made = new WeakMap<Element, VNode>()

/** Makes the children of `parent` those of `children`. */
export function patch(parent: Element, children: readonly (VNode | string)[]): void {
  const old = [...parent.childNodes]
  const keyed = new Map<string, ChildNode>()
  for (const node of old) {
    const key = keyOf(node)
    if (key !== undefined) keyed.set(key, node)
  }
  const used = new Set<ChildNode>()
  const free = old.filter((node) => keyOf(node) === undefined)
  let next = 0
  let at: ChildNode | null = parent.firstChild
  for (const child of children) {
    const key = typeof child === 'string' ? undefined : child.attributes.key
    let candidate = key === undefined ? undefined : keyed.get(key)
    if (key === undefined) {
      while (next < free.length && !isLike(free[next]!, child)) next++
      candidate = free[next]
      if (candidate !== undefined) next++
    }
    const node =
      candidate !== undefined && isLike(candidate, child) ? candidate : create(child, parent)
    used.add(node)
    if (node === at) at = at.nextSibling
    else parent.insertBefore(node, at)
    update(node, child)
  }
  for (const node of old) if (!used.has(node)) node.remove()
}

function keyOf(node: ChildNode): string | undefined {
  return node instanceof Element ? made.get(node)?.attributes.key : undefined
}

function isLike(node: ChildNode, child: VNode | string): boolean {
  if (typeof child === 'string') return node.nodeType === Node.TEXT_NODE
  return node instanceof Element && made.get(node)?.tag === child.tag
}

function create(child: VNode | string, parent: Element): ChildNode {
  if (typeof child === 'string') return document.createTextNode(child)
  const isSvg = SVG_TAGS.has(child.tag) && (child.tag !== 'title' || parent.namespaceURI === SVG)
  const element = isSvg
    ? document.createElementNS(SVG, child.tag)
    : document.createElement(child.tag)
  made.set(element, { tag: child.tag, attributes: withKey(child.attributes.key), children: [] })
  const { mounted } = child.attributes
  if (mounted !== undefined) queueMicrotask(() => mounted(element))
  return element
}

function withKey(key: string | undefined): Attributes {
  return key === undefined ? {} : { key }
}

function update(node: ChildNode, child: VNode | string): void {
  if (typeof child === 'string') {
    if (node.nodeValue !== child) node.nodeValue = child
    return
  }
  const element = node as Element
  const before = made.get(element)?.attributes ?? {}
  made.set(element, child)
  for (const name of Object.keys(before))
    if (!(name in child.attributes)) setAttribute(element, name, undefined, before[name])
  // Options stand before the value that chooses among them.
  patch(element, child.children)
  for (const [name, value] of Object.entries(child.attributes))
    if (value !== before[name]) setAttribute(element, name, value, before[name])
}

function setAttribute(
  element: Element,
  name: string,
  value: Attributes[string],
  before: Attributes[string],
): void {
  if (name === 'key' || name === 'mounted') return
  if (name === 'style') return setStyle(element, value as StyleVariables | undefined)
  if (name.startsWith('on')) return void Reflect.set(element, name, value ?? null)
  if (PROPERTIES.has(name)) {
    // What was typed since is kept, unless the state has changed.
    if (value !== before) Reflect.set(element, name, value ?? (name === 'value' ? '' : false))
    return
  }
  if (value === undefined || value === false) element.removeAttribute(name)
  else element.setAttribute(name, value === true ? '' : String(value as string | number))
}

function setStyle(element: Element, variables: StyleVariables = {}): void {
  const { style } = element as HTMLElement | SVGElement
  for (const [name, value] of Object.entries(variables)) style.setProperty(name, value)
}
