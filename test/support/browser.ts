/**
 * A real Chromium without a window, for tests of what people see, driven over the DevTools protocol
 * on two pipes: no port, no WebSocket, no package.
 *
 * It is Debian's `chromium` or whatever `DND_CHROMIUM` names. Where there is none the tests that
 * need it are skipped, and in CI a skipped test is a failed one.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome']
const CALL_WITHIN_MS = 30_000
const CLOSE_WITHIN_MS = 5_000
const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--no-default-browser-check',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--hide-scrollbars',
  '--force-color-profile=srgb',
  '--remote-debugging-pipe',
]

/** Where it is; undefined: this machine has none. */
export function chromiumPath(): string | undefined {
  const named = process.env['DND_CHROMIUM']
  if (named !== undefined) return named
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return folders
    .flatMap((folder) => NAMES.map((name) => join(folder, name)))
    .find((path) => existsSync(path))
}

interface Message {
  readonly id?: number
  readonly sessionId?: string
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly result?: Readonly<Record<string, unknown>>
  readonly error?: { readonly message: string }
}

type Parameters = Readonly<Record<string, unknown>>

export class Browser {
  readonly #child: ChildProcess
  readonly #folder: string
  // Bounded by: the calls of a test, which waits for each.
  readonly #waiting = new Map<number, (message: Message) => void>()
  // Bounded by: the pages of a test.
  readonly #pages = new Map<string, Page>()
  #calls = 0
  #rest = ''

  private constructor(path: string) {
    this.#folder = mkdtempSync(join(tmpdir(), 'dnd-browser-'))
    this.#child = spawn(path, [...FLAGS, `--user-data-dir=${this.#folder}`, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    })
    const from = this.#child.stdio[4] as Readable
    from.setEncoding('utf8')
    from.on('data', (text: string) => this.#read(text))
  }

  static async launch(path: string): Promise<Browser> {
    const browser = new Browser(path)
    await browser.call('Browser.getVersion')
    return browser
  }

  /** A page of its own: nothing is remembered from another. */
  async page(width = 1280, height = 900): Promise<Page> {
    const { browserContextId } = await this.call('Target.createBrowserContext')
    const target = { url: 'about:blank', browserContextId }
    const { targetId } = await this.call('Target.createTarget', target)
    const attached = await this.call('Target.attachToTarget', { targetId, flatten: true })
    const session = attached['sessionId'] as string
    const page = new Page((method, parameters) => this.call(method, parameters, session))
    this.#pages.set(session, page)
    await page.begin(width, height)
    return page
  }

  async call(method: string, params: Parameters = {}, sessionId?: string): Promise<Parameters> {
    const id = ++this.#calls
    const session = sessionId === undefined ? {} : { sessionId }
    const answer = new Promise<Message>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${method}: no answer from the browser`)),
        CALL_WITHIN_MS,
      )
      this.#waiting.set(id, (message) => {
        clearTimeout(timer)
        resolve(message)
      })
    })
    const to = this.#child.stdio[3] as Writable
    to.write(`${JSON.stringify({ id, method, params, ...session })}\0`)
    const { result, error } = await answer
    if (error !== undefined) throw new Error(`${method}: ${error.message}`)
    return result ?? {}
  }

  #read(text: string): void {
    const parts = (this.#rest + text).split('\0')
    this.#rest = parts.pop() ?? ''
    for (const part of parts) {
      const message = JSON.parse(part) as Message
      if (message.id !== undefined) {
        this.#waiting.get(message.id)?.(message)
        this.#waiting.delete(message.id)
      } else if (message.sessionId !== undefined)
        this.#pages.get(message.sessionId)?.heard(message.method ?? '', message.params ?? {})
    }
  }

  /** Ends the process with its children; one that does not end is killed. */
  async close(): Promise<void> {
    const child = this.#child
    if (child.exitCode === null && child.signalCode === null) {
      const ended = new Promise<void>((resolve) => {
        child.once('exit', () => resolve())
      })
      const late = setTimeout(() => child.kill('SIGKILL'), CLOSE_WITHIN_MS)
      this.call('Browser.close').catch(() => child.kill('SIGKILL'))
      await ended
      clearTimeout(late)
    }
    // Its children may still write for a moment.
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
}

export class Page {
  /** Every address that was asked for. */
  readonly requests: string[] = []
  /** Bytes that came over the wire, by address. */
  readonly received: Map<string, number> = new Map()
  /** What the page complained of: uncaught errors, and what its policy refused. */
  readonly problems: string[] = []
  readonly #names = new Map<string, string>()
  readonly #call: (method: string, parameters?: Parameters) => Promise<Parameters>

  constructor(call: (method: string, parameters?: Parameters) => Promise<Parameters>) {
    this.#call = call
  }

  async begin(width: number, height: number): Promise<void> {
    for (const domain of ['Page', 'Runtime', 'Network', 'Log']) await this.#call(`${domain}.enable`)
    await this.resize(width, height)
  }

  heard(method: string, params: Parameters): void {
    const id = params['requestId'] as string
    if (method === 'Network.requestWillBeSent') {
      const { url } = params['request'] as { url: string }
      this.#names.set(id, url)
      this.requests.push(url)
    } else if (method === 'Network.loadingFinished') {
      const url = this.#names.get(id) ?? ''
      this.received.set(url, params['encodedDataLength'] as number)
    } else if (method === 'Runtime.exceptionThrown') {
      const { exceptionDetails: details } = params as {
        exceptionDetails: { text: string; exception?: { description?: string } }
      }
      this.problems.push(details.exception?.description ?? details.text)
    } else if (method === 'Log.entryAdded') {
      const { entry } = params as { entry: { source: string; level: string; text: string } }
      if (entry.level === 'error' && entry.source !== 'network') this.problems.push(entry.text)
    }
  }

  async resize(width: number, height: number): Promise<void> {
    await this.#call('Emulation.setDeviceMetricsOverride', {
      ...{ width, height, deviceScaleFactor: 1, mobile: width < 500 },
    })
  }

  async prefer(scheme: 'light' | 'dark'): Promise<void> {
    await this.#call('Emulation.setEmulatedMedia', {
      features: [{ name: 'prefers-color-scheme', value: scheme }],
    })
  }

  async open(url: string): Promise<void> {
    await this.#call('Page.navigate', { url })
  }

  /** The value of an expression, awaited when it is a promise. */
  async evaluate<T>(expression: string): Promise<T> {
    const answer = await this.#call('Runtime.evaluate', {
      ...{ expression, awaitPromise: true, returnByValue: true },
    })
    const details = answer['exceptionDetails'] as
      | { text: string; exception?: { description?: string } }
      | undefined
    if (details !== undefined)
      throw new Error(`${expression}: ${details.exception?.description ?? details.text}`)
    return (answer['result'] as { value: T }).value
  }

  /** Waits until an expression is true; fails with what the page shows then. */
  async until(what: string, expression: string, withinMs = 20_000): Promise<void> {
    for (const end = Date.now() + withinMs; ;) {
      if (await this.evaluate<boolean>(`Boolean(${expression})`)) return
      if (Date.now() > end)
        throw new Error(`not within ${withinMs} ms: ${what}; the page shows:\n${await this.text()}`)
      await sleep(50)
    }
  }

  text(selector = 'body'): Promise<string> {
    return this.evaluate(`document.querySelector(${JSON.stringify(selector)})?.innerText ?? ''`)
  }

  /** Clicks where the element that `expression` gives is, as a person would, once it is there. */
  async click(expression: string): Promise<void> {
    const ready = `(() => { const e = ${expression}; return e && !e.disabled })()`
    await this.until(`something to click: ${expression}`, ready)
    const at = await this.evaluate<{ x: number; y: number }>(`(() => {
      const element = ${expression}
      element.scrollIntoView({ block: 'center' })
      const box = element.getBoundingClientRect()
      return { x: box.left + box.width / 2, y: box.top + box.height / 2 }
    })()`)
    for (const type of ['mouseMoved', 'mousePressed', 'mouseReleased'])
      await this.#call('Input.dispatchMouseEvent', { type, ...at, button: 'left', clickCount: 1 })
  }

  async point(x: number, y: number): Promise<void> {
    await this.#call('Input.dispatchMouseEvent', { type: 'mouseMoved', x, y })
  }

  async press(key: string, times = 1): Promise<void> {
    const codes: Readonly<Record<string, number>> = {
      ...{ Tab: 9, Enter: 13, Escape: 27, ArrowLeft: 37, ArrowUp: 38 },
      ...{ ArrowRight: 39, ArrowDown: 40 },
    }
    const text = key === 'Enter' ? { text: '\r' } : {}
    for (let i = 0; i < times; i++)
      for (const type of ['keyDown', 'keyUp'])
        await this.#call('Input.dispatchKeyEvent', {
          ...{ type, key, code: key, windowsVirtualKeyCode: codes[key] },
          ...(type === 'keyDown' ? text : {}),
        })
  }

  /** Into what has the focus. */
  async type(text: string): Promise<void> {
    await this.#call('Input.insertText', { text })
  }

  /** The whole page, however long. */
  async screenshot(path: string): Promise<void> {
    const { data } = await this.#call('Page.captureScreenshot', {
      ...{ format: 'png', captureBeyondViewport: true },
    })
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, Buffer.from(data as string, 'base64'))
  }
}
