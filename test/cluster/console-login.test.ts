/** The console of a locked node, in a real browser: it asks who comes, and forgets it again. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { accessibilityProblems } from '../support/accessibility.ts'
import { Browser, chromiumPath } from '../support/browser.ts'
import type { Page } from '../support/browser.ts'
import { RealCluster } from '../support/real-cluster.ts'
import { runCli } from '../support/run-cli.ts'

const CHROMIUM = chromiumPath()
const SKIP =
  CHROMIUM === undefined && 'no chromium here: apt-get install chromium, or set DND_CHROMIUM'
const PASSWORD = 'correct horse battery'
const LOGIN = `document.querySelector('form.login') !== null`
const INSIDE = `document.querySelector('h1')?.innerText.includes('is up')`

let cluster: RealCluster
let browser: Browser

before(async () => {
  if (CHROMIUM === undefined) return
  cluster = await RealCluster.start(1)
  writeFileSync(join(cluster.folder, 'anna.password'), PASSWORD)
  const create = ['users', 'create', 'anna', '--grant', 'admin']
  const made = await runCli([...create, '--new-password-file', 'anna.password'], {
    ...{ server: cluster.urls[0]!, cwd: cluster.folder },
  })
  assert.equal(made.code, 0, made.err)
  browser = await Browser.launch(CHROMIUM)
})

after(async () => {
  await browser?.close()
  await cluster?.close()
})

async function logIn(page: Page, fields: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(fields)) {
    await page.evaluate(`(() => {
      const input = document.querySelector('input[name=${name}]')
      input.value = ''
      input.focus()
    })()`)
    await page.type(text)
  }
  await page.click(`document.querySelector('form.login button[type=submit]')`)
}

test(
  'the console asks who comes, keeps it for the tab, and forgets it',
  { skip: SKIP },
  async () => {
    const page = await browser.page()
    await page.open(`${cluster.urls[0]!}/`)
    await page.until('the login', LOGIN)
    assert.deepEqual(await accessibilityProblems(page), [])
    const body = await page.text()
    assert.ok(!body.includes('node1') && !body.includes('Nodes'), body)
    await logIn(page, { user: 'anna', password: 'wrong password' })
    await page.until('the refusal', `document.querySelector('.notice.bad') !== null`)
    await logIn(page, { user: 'anna', password: PASSWORD })
    await page.until('the overview', INSIDE)
    await page.evaluate(`(window.isOld = true, location.reload())`)
    await page.until('the overview after a reload', `window.isOld === undefined && ${INSIDE}`)
    await page.click(
      `[...document.querySelectorAll('button')].find((e) => e.textContent === 'Log out')`,
    )
    await page.until('the login again', LOGIN)
    assert.equal(await page.evaluate(`sessionStorage.length`), 0)
  },
)
