/** Asks who the reader is: a user and password, or a token. */
import * as api from '../api.ts'
import { button, notice } from './parts.ts'
import type { Ui } from './ui.ts'
import { h } from './vdom.ts'
import type { VNode } from './vdom.ts'

export function loginView({ session }: Ui): VNode {
  return h(
    'form',
    {
      ...{ class: 'login value-box', key: 'login', 'aria-label': 'Log in' },
      onsubmit: (event: SubmitEvent) => {
        event.preventDefault()
        const data = new FormData(event.currentTarget as HTMLFormElement)
        const text = (name: string): string => {
          const value = data.get(name)
          return typeof value === 'string' ? value : ''
        }
        const given = {
          ...{ user: text('user').trim(), password: text('password') },
          token: text('token').trim(),
        }
        void session.logIn(given, api.knock)
      },
    },
    h('h1', {}, 'Log in'),
    h('p', {}, 'This cluster is locked. Say who you are.'),
    entry('User', 'user', 'text', 'username'),
    entry('Password', 'password', 'password', 'current-password'),
    entry('Or a token', 'token', 'password', 'off'),
    session.problem !== undefined && notice('bad', session.problem),
    h(
      'p',
      {},
      h(
        'button',
        { type: 'submit', class: 'button', disabled: session.isBusy },
        session.isBusy ? 'Asking…' : 'Log in',
      ),
    ),
  )
}

export function logoutButton({ session }: Ui): VNode | false {
  if (session.authorization === undefined || session.isAsked) return false
  return button('Log out', () => session.logOut(), { class: 'quiet' })
}

function entry(label: string, name: string, type: string, autocomplete: string): VNode {
  return h(
    'label',
    { class: 'field' },
    h('span', {}, label),
    h('input', { name, type, autocomplete, spellcheck: 'false' }),
  )
}
