/** Small things that more than one view is made of. */
import { h } from './vdom.ts'
import type { Child, VNode } from './vdom.ts'

export type Level = 'good' | 'busy' | 'warn' | 'bad' | 'quiet'

/** A node's colour beside its name. */
export function swatch(hue: number): VNode {
  return h('span', { class: 'swatch', style: { '--hue': String(hue) }, 'aria-hidden': 'true' })
}

export function pill(level: Level, text: string): VNode {
  return h('span', { class: `pill ${level}` }, text)
}

/** How far something has come; `share` of 1. */
export function bar(share: number, label: string, level: Level = 'busy'): VNode {
  const percent = Math.round(Math.min(1, Math.max(0, share)) * 100)
  return h(
    'span',
    {
      ...{ class: `bar ${level}`, role: 'progressbar', 'aria-label': label },
      ...{ 'aria-valuemin': '0', 'aria-valuemax': '100', 'aria-valuenow': String(percent) },
    },
    h('span', { class: 'bar-fill', style: { '--share': `${percent}%` } }),
  )
}

export function section(
  title: string,
  attributes: { class?: string },
  ...children: Child[]
): VNode {
  const id = `h-${title.toLowerCase().replaceAll(/[^a-z]+/g, '-')}`
  return h(
    'section',
    { class: attributes.class, 'aria-labelledby': id },
    h('h2', { id }, title),
    children,
  )
}

export function empty(title: string, ...children: Child[]): VNode {
  return h('div', { class: 'empty' }, h('p', { class: 'empty-title' }, title), children)
}

export function notice(level: Level, text: string, ...children: Child[]): VNode {
  return h(
    'div',
    { class: `notice ${level}`, role: level === 'bad' ? 'alert' : 'status' },
    h('p', {}, text),
    children,
  )
}

/** A command to copy. */
export function command(text: string): VNode {
  return h(
    'pre',
    { class: 'command', tabindex: '0', role: 'region', 'aria-label': 'Command' },
    text,
  )
}

export function button(
  text: string,
  onclick: () => void,
  attributes: { class?: string; disabled?: boolean; label?: string } = {},
): VNode {
  const { class: name = '', disabled = false, label } = attributes
  return h(
    'button',
    { type: 'button', class: `button ${name}`.trim(), disabled, onclick, 'aria-label': label },
    text,
  )
}
