/**
 * Who the reader is, for a node that asks. What proves it is kept by the browser for this tab,
 * until it is closed or the reader logs out, and goes to the node that serves the page and
 * nobody else.
 */
const ENTRY = 'dnd-session'

/** What was given: a user and password, or a token. */
export interface Given {
  readonly user: string
  readonly password: string
  readonly token: string
}

export class Session {
  /** Whether the node wants to know. */
  isAsked = false
  isBusy = false
  /** Why the reader was not let in. */
  problem: string | undefined
  /** For the header of that name; undefined: the reader is nobody yet. */
  authorization: string | undefined = stored()
  #changed: () => void = () => undefined

  listen(changed: () => void): void {
    this.#changed = changed
  }

  /** The node has refused what was sent. */
  refused(): void {
    if (this.isAsked) return
    this.isAsked = true
    this.problem = this.authorization === undefined ? undefined : 'You are not let in any more.'
    this.#changed()
  }

  /** `check` asks the node with what was given, and rejects with why not. */
  async logIn(given: Given, check: () => Promise<void>): Promise<void> {
    this.authorization = authorizationOf(given)
    this.isBusy = true
    this.problem = undefined
    this.#changed()
    try {
      await check()
      this.isAsked = false
      keep(this.authorization)
    } catch (error) {
      this.authorization = undefined
      this.problem = error instanceof Error ? error.message : String(error)
    }
    this.isBusy = false
    this.#changed()
  }

  /** Nothing of what was seen stays in the page. */
  logOut(): void {
    keep(undefined)
    location.reload()
  }
}

/** Of the page. */
export const session: Session = new Session()

function authorizationOf({ user, password, token }: Given): string {
  if (token !== '') return `Bearer ${token}`
  const bytes = new TextEncoder().encode(`${user}:${password}`)
  return `Basic ${btoa(String.fromCharCode(...bytes))}`
}

function stored(): string | undefined {
  try {
    return sessionStorage.getItem(ENTRY) ?? undefined
  } catch {
    // A browser that keeps nothing: the reader logs in again after each load.
    return undefined
  }
}

function keep(authorization: string | undefined): void {
  try {
    if (authorization === undefined) sessionStorage.removeItem(ENTRY)
    else sessionStorage.setItem(ENTRY, authorization)
  } catch {
    // As above.
  }
}
