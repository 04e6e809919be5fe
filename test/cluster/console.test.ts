/**
 * The console in a real browser, in front of a real cluster: what people see when a node dies and
 * comes back, when partitions move, and when they look at a key.
 *
 * Screenshots of each step are left in the folder that `DND_SCREENSHOTS` names, to be looked at.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { DndClient } from '../../packages/client/src/client.ts'
import { accessibilityProblems } from '../support/accessibility.ts'
import { Browser, chromiumPath } from '../support/browser.ts'
import type { Page } from '../support/browser.ts'
import { RealCluster } from '../support/real-cluster.ts'

const CHROMIUM = chromiumPath()
const SKIP =
  CHROMIUM === undefined && 'no chromium here: apt-get install chromium, or set DND_CHROMIUM'
const WEIGHT_MAX = 200 * 1024

let cluster: RealCluster
let browser: Browser
let client: DndClient

before(async () => {
  if (CHROMIUM === undefined) return
  cluster = await RealCluster.start(3)
  browser = await Browser.launch(CHROMIUM)
  client = new DndClient({ server: cluster.urls })
})

after(async () => {
  await browser?.close()
  await cluster?.close()
})

async function opened(hash: string, node = 0, width = 1280, height = 900): Promise<Page> {
  const page = await browser.page(width, height)
  await page.open(`${cluster.urls[node]!}/${hash}`)
  await page.until('the console', `document.querySelector('main h1') !== null`)
  return page
}

async function shot(page: Page, name: string): Promise<void> {
  const folder = process.env['DND_SCREENSHOTS']
  if (folder !== undefined) await page.screenshot(join(folder, `${name}.png`))
}

/** Nothing went wrong in the page, nobody is shut out, and nobody else was asked. */
async function checked(page: Page, name: string): Promise<void> {
  await shot(page, name)
  assert.deepEqual(await accessibilityProblems(page), [], name)
  assert.deepEqual(page.problems, [], name)
  const origins = new Set(page.requests.map((url) => new URL(url).origin))
  origins.delete('null')
  assert.equal(origins.size, 1, `${name}: ${[...origins].join()}`)
}

const byText = (selector: string, text: string): string =>
  `[...document.querySelectorAll(${JSON.stringify(selector)})].find((e) => e.textContent.trim() === ${JSON.stringify(text)})`
const shows = (selector: string, text: string): string =>
  `document.querySelector(${JSON.stringify(selector)})?.innerText.includes(${JSON.stringify(text)})`
const ALL_UP = shows('h1', 'nodes are up')
const HEARD = `document.querySelectorAll('.nodes .figure').length >= 9`

test(
  'the first page shows the whole cluster from any node, and weighs little',
  { skip: SKIP },
  async () => {
    for (const node of [0, 2]) {
      const page = await opened('', node)
      await page.until('all nodes with their figures', `${ALL_UP} && ${HEARD}`)
      assert.match(await page.text('.nodes'), new RegExp(`node${node + 1}\\s+serves this page`))
      assert.equal(await page.evaluate(`document.querySelectorAll('.arc').length`), 768)
      assert.equal(await page.evaluate(`document.querySelectorAll('.arc.away').length`), 0)
      const files = [...page.received].filter(([url]) => /\/console\/|\/$/.test(url))
      const bytes = files.reduce((sum, [, size]) => sum + size, 0)
      assert(files.length > 20 && bytes < WEIGHT_MAX, `${files.length} files, ${bytes} bytes`)
      await checked(page, `overview-node${node + 1}`)
    }
  },
)

test('load is drawn as it comes: how much, and how long it took', { skip: SKIP }, async () => {
  const page = await opened('')
  const until = Date.now() + 6_000
  while (Date.now() < until) {
    await client.put('load', 'x')
    await client.get('load')
  }
  const lines = `[...document.querySelectorAll('.chart')].every((chart) =>
    [...chart.querySelectorAll('.plot .line')].some((line) => (line.getAttribute('d') ?? '').includes('L')))`
  await page.until('lines of throughput, reads and writes', lines)
  assert.match(await page.text('.charts'), /reads\s+\d/)
  assert.match(await page.text('.charts'), /p99\s+[\d.]+ m?s/)
  await checked(page, 'load')
})

test(
  'the ring tells who owns a partition, to the pointer and to the keyboard',
  { skip: SKIP },
  async () => {
    const page = await opened('')
    await page.until('the ring', `document.querySelectorAll('.arc').length === 768`)
    const box = await page.evaluate<{ x: number; y: number }>(`(() => {
    const box = document.querySelector('.ring svg').getBoundingClientRect()
    return { x: box.left + box.width * 0.5, y: box.top + box.height * 0.08 }
  })()`)
    await page.point(box.x + 2, box.y)
    await page.until('the owners', shows('.ring-middle', 'partition 0'))
    assert.match(await page.text('.ring-middle'), /slots 0 to 63/)
    await shot(page, 'ring-pointer')
    await page.point(2, 2)
    await page.evaluate(`document.querySelector('.ring svg').focus()`)
    await page.press('ArrowRight', 3)
    await page.until('the third partition', shows('.ring-middle', 'partition 2'))
    await page.press('Escape')
    await page.until('the whole again', shows('.ring-middle', 'partitions'))
  },
)

test('a node that dies and returns is seen to, without a click', { skip: SKIP }, async () => {
  const page = await opened('')
  await page.until('all nodes', ALL_UP)
  const victim = cluster.nodes[1]!
  await victim.end('SIGKILL')
  await page.until('that it is down', shows('h1', `${victim.name} is down`), 40_000)
  assert.match(await page.text('.headline'), /Everything can be read and written/)
  assert((await page.evaluate<number>(`document.querySelectorAll('.arc.away').length`)) > 200)
  for (let i = 0; i < 20; i++) await client.put(`while-away-${i}`, 'x')
  await page.until('hints for it', shows('.columns', victim.name))
  await checked(page, 'node-down')

  const own = await opened('', 0)
  await own.until('the same from a page that was opened later', shows('h1', 'is down'))
  await cluster.restart(victim)
  await page.until('that it is back', ALL_UP, 40_000)
  assert.equal(await page.evaluate(`document.querySelectorAll('.arc.away').length`), 0)
  await page.until('what has happened', shows('.happenings', `${victim.name} is back`))
  await page.until('no hints any more', shows('.columns', 'No writes wait'))
  await checked(page, 'node-back')
})

test(
  'when the node that serves the page dies, the page says so, names the others, and goes on',
  { skip: SKIP },
  async () => {
    const page = await opened('', 2)
    await page.until('all nodes', ALL_UP)
    const host = cluster.nodes[2]!
    await host.end('SIGKILL')
    await page.until('the banner', shows('.banner', `${host.name} does not answer`))
    const links = await page.evaluate<string[]>(
      `[...document.querySelectorAll('.banner a')].map((a) => a.href)`,
    )
    assert.deepEqual(
      links,
      cluster.urls.slice(0, 2).map((url) => `${url}/#/`),
    )
    await shot(page, 'node-lost')
    await cluster.restart(host)
    await page.until(
      'that it goes on',
      `document.querySelector('.banner') === null && ${ALL_UP}`,
      40_000,
    )
  },
)

test(
  'siblings stand side by side, and one is kept in the place of all',
  { skip: SKIP },
  async () => {
    await client.configureBucket('carts', { conflicts: 'siblings' })
    await client.put('ada', '{"items":["bread"]}', {
      bucket: 'carts',
      contentType: 'application/json',
    })
    await client.put('ada', '{"items":["milk"]}', {
      bucket: 'carts',
      contentType: 'application/json',
    })
    const page = await opened('#/keys/carts')
    await page.until('the key', shows('.keys', 'ada'))
    await page.click(`document.querySelector('.keys a')`)
    await page.until('both', `document.querySelectorAll('.siblings > li').length === 2`)
    await page.until('who wrote them', shows('.siblings', 'Written by node'))
    await checked(page, 'siblings')

    const index = await page.evaluate<number>(
      `[...document.querySelectorAll('.siblings > li')].findIndex((e) => e.innerText.includes('milk'))`,
    )
    await page.click(`document.querySelectorAll('.siblings button')[${index}]`)
    await page.until(
      'one value',
      shows('.value-shown', 'milk') + ` && document.querySelector('.siblings') === null`,
    )
    const kept = await client.get('ada', { bucket: 'carts' })
    assert(kept.status === 'found')
    assert.equal(new TextDecoder().decode(kept.bytes), '{"items":["milk"]}')
    assert.equal(kept.contentType, 'application/json')
    await checked(page, 'sibling-kept')
  },
)

test(
  'a key is found, explained replica by replica, changed and deleted',
  { skip: SKIP },
  async () => {
    for (const key of ['apple', 'apricot', 'banana']) await client.put(key, `the ${key}`)
    const page = await opened('#/keys')
    await page.until('the keys', shows('.keys', 'banana'))
    await page.evaluate(`document.querySelector('input[type=search]').focus()`)
    await page.type('ap')
    await page.until('two of them', `document.querySelectorAll('.keys li').length === 2`)
    await page.evaluate(`document.querySelector('.keys a').focus()`)
    await page.press('ArrowDown')
    await page.press('Enter')
    await page.until('its value', shows('.value-shown', 'the apricot'))
    await page.until('all its replicas', `document.querySelectorAll('.cell.holds').length === 3`)
    const explained = await page.text('.explained')
    for (const { name } of cluster.nodes) assert(explained.includes(name), name)
    assert.match(explained, /3 replicas that answered hold the same/)
    await checked(page, 'explained')

    await page.click(byText('button', 'Edit'))
    await page.until('the form', `document.querySelector('textarea')?.value === 'the apricot'`)
    await page.evaluate(`document.querySelector('textarea').select()`)
    await page.type('a ripe apricot')
    await checked(page, 'edit')
    await page.click(byText('button', 'Store'))
    await page.until('the new value', shows('.value-shown', 'a ripe apricot'))
    await page.click(byText('button', 'Delete'))
    await page.click(byText('button', 'Delete it?'))
    await page.until('that it is gone', shows('.key-value', 'Deleted, or expired'))
    await page.until('the list without it', `!(${shows('.keys', 'apricot')})`)
    assert.equal((await client.get('apricot')).status, 'absent')
    await checked(page, 'deleted')
  },
)

test('a value of strangers is shown and never run', { skip: SKIP }, async () => {
  const evil = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
  await client.put('<b>evil</b>', evil, {
    contentType: 'text/html',
    metadata: { note: '<i>hm</i>' },
  })
  const page = await opened(`#/keys/default/${encodeURIComponent('<b>evil</b>')}`)
  await page.until('it as text', shows('.value-shown', 'onerror='))
  assert.equal(
    await page.evaluate(
      `document.querySelectorAll('main script, main img, main b, main i').length`,
    ),
    0,
  )
  assert.equal(await page.text('.key-head h1'), '<b>evil</b>')
})

test(
  'a bucket is given properties, which are checked before they are sent',
  { skip: SKIP },
  async () => {
    const page = await opened('#/buckets')
    await page.until('the list', shows('.bucket-table', 'default'))
    await page.click(byText('button', 'New bucket'))
    await page.until('the form', `document.activeElement?.tagName === 'INPUT'`)
    await page.type('sessions')
    await page.until('the promise', shows('.promise', 'A read sees every write'))
    await page.evaluate(`document.querySelectorAll('.bucket-form input.short')[1].select()`)
    await page.evaluate(`document.querySelectorAll('.bucket-form input.short')[1].focus()`)
    await page.type('9')
    await page.until('that 9 is too many', `${byText('button', 'Put in force')}.disabled`)
    await checked(page, 'bucket-wrong')
    await page.evaluate(`document.querySelectorAll('.bucket-form input.short')[1].select()`)
    await page.type('1')
    await page.until('what it means', shows('.promise', 'A read may miss'))
    await page.click(byText('button', 'Put in force'))
    await page.until('it in the list', shows('.bucket-table', 'sessions'))
    assert.equal((await client.bucketProperties('sessions')).properties.r, 1)
    await checked(page, 'bucket-made')
  },
)

test(
  'it is dark when the system is, or when it is told to, and remembers that',
  { skip: SKIP },
  async () => {
    const page = await opened('')
    const paper = `getComputedStyle(document.body).backgroundColor`
    const isDark = `Number(${paper}.match(/\\d+/)[0]) < 60`
    await page.until('all nodes', `${ALL_UP} && ${HEARD} && !(${isDark})`)
    await page.prefer('dark')
    await page.until('the dark', isDark)
    await checked(page, 'overview-dark')
    await page.click(`document.querySelector('.icon-button')`)
    await page.until('the light, as chosen', `!(${isDark})`)
    await page.click(`document.querySelector('.icon-button')`)
    await page.prefer('light')
    await page.until('the dark, as chosen', isDark)
    await page.open(`${cluster.urls[0]!}/#/buckets`)
    await page.open(`${cluster.urls[0]!}/?#/keys/carts/ada`)
    await page.until('a key', `document.querySelector('.explained .matrix') !== null`)
    assert(await page.evaluate(isDark), 'remembered')
    await checked(page, 'key-dark')
  },
)

test(
  'it fits a narrow screen, and is used there with the keyboard alone',
  { skip: SKIP },
  async () => {
    const page = await opened('', 0, 360, 740)
    await page.until('all nodes', `${ALL_UP} && ${HEARD}`)
    await checked(page, 'narrow-overview')
    await page.press('Tab')
    assert.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to the content')
    await page.press('Tab', 3)
    assert.equal(await page.evaluate('document.activeElement.textContent'), 'Keys')
    await page.press('Enter')
    await page.until('the keys', shows('.keys', 'banana'))
    await checked(page, 'narrow-keys')
    await page.evaluate(`${byText('.keys a', 'banana')}.focus()`)
    await page.press('Enter')
    await page.until('its value', shows('.value-shown', 'the banana'))
    await page.until('its replicas', `document.querySelectorAll('.cell.holds').length === 3`)
    await checked(page, 'narrow-key')
    await page.open(`${cluster.urls[0]!}/#/buckets`)
    await page.until('the buckets', shows('.bucket-table', 'carts'))
    await checked(page, 'narrow-buckets')
  },
)

// The last: the cluster has four nodes afterwards.
test('partitions are seen to move to a node that joins', { skip: SKIP }, async () => {
  const payload = 'x'.repeat(2_000)
  for (let batch = 0; batch < 10; batch++)
    await client.batch(
      Array.from({ length: 200 }, (_, i) => ({
        ...{ type: 'put' as const, key: `bulk-${batch}-${i}`, value: payload },
      })),
    )
  const page = await opened('')
  await page.until('all nodes', ALL_UP)
  // What is seen for a moment only is noted by the page itself.
  await page.evaluate(`(() => {
    window.seen = { marks: 0, transfer: '', title: '' }
    new MutationObserver(() => {
      const marks = document.querySelectorAll('.mark').length
      if (marks <= window.seen.marks) return
      window.seen = { marks, transfer: document.querySelector('.columns').innerText, title: document.querySelector('h1').innerText }
    }).observe(document.body, { subtree: true, childList: true })
  })()`)
  const joining = cluster.add()
  await page.until('marks on the ring', 'window.seen.marks > 0', 40_000)
  await shot(page, 'moving')
  const seen = await page.evaluate<{ marks: number; transfer: string; title: string }>(
    'window.seen',
  )
  const newcomer = await joining
  assert.match(seen.title, /partitions? (?:is|are) moving|is joining/)
  assert.match(seen.transfer, new RegExp(`Layout \\d+ → \\d+[\\s\\S]*${newcomer.name}`))
  await page.until(
    'the end of the move',
    `${shows('h1', 'All 4 nodes are up')} && document.querySelector('.mark') === null`,
    60_000,
  )
  await page.until('what has happened', shows('.happenings', 'All data is where it belongs'))
  assert.match(await page.text('.happenings'), new RegExp(`${newcomer.name} has joined`))
  await checked(page, 'moved')
})
