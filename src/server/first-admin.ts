/**
 * The first admin of a cluster, made by its nodes themselves: with `--admin-password-file` a
 * cluster can be locked from its first moment on, and one whose last admin was lost can be entered
 * again.
 * As many nodes as have the file may try at once: whichever word wins says the same.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { secretOfPassword } from '../adapters/http/secrets.ts'
import { allowsAll, FULL_GRANT } from '../core/node/access.ts'
import type { AccessAsk, AccessResult } from '../core/node/access-asks.ts'
import { assert } from '../core/std/assert.ts'
import type { Gateway, Log } from '../runtime/ports.ts'

const ADMIN = { kind: 'user', name: 'admin' } as const
const TRIES_MAX = 60
const PAUSE_MS = 500

/** For a node that is ready; does nothing where somebody may administer the cluster. */
export async function ensureAdmin(gateway: Gateway, password: string, log: Log): Promise<void> {
  const secret = await secretOfPassword(password)
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const wish = nextWish(gateway, secret)
    if (wish === undefined) return
    const result = await submit(gateway, wish)
    const outcome = result.ok ? 'done' : 'refused'
    const code = result.ok ? {} : { code: result.code }
    log.info('audit', {
      ...{ act: 'createUser', who: '--admin-password-file', from: 'this node' },
      ...{ outcome, subject: ADMIN.name, ...code },
    })
    if (!result.ok) await sleep(PAUSE_MS, undefined, { ref: false })
  }
  log.error('the user admin could not be made; is a member that is up of an older version?')
}

/** undefined: there is nothing left to do. */
function nextWish({ access }: Gateway, secret: Uint8Array): AccessAsk | undefined {
  const hasAdmin = access.principals().some(({ principal }) => allowsAll(principal.grants, 'admin'))
  if (hasAdmin) return undefined
  return access.find(ADMIN.kind, ADMIN.name) === undefined
    ? { what: 'create', ...ADMIN, secret, grants: [FULL_GRANT] }
    : { what: 'grant', ...ADMIN, grant: FULL_GRANT }
}

function submit(gateway: Gateway, ask: AccessAsk): Promise<AccessResult> {
  return new Promise((resolve) => {
    gateway.submit({ type: 'access', ask }, (reply) => {
      assert(reply.type === 'access', `a question about users was answered by ${reply.type}`)
      resolve(reply.result)
    })
  })
}
