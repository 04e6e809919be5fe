import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { exchangeRaw, serve } from './fixture.test.ts'

const ALLOWED = 'https://app.example:8443'
const NAMES = { allowOrigins: [ALLOWED], hostNames: ['10.0.0.5', 'Dnd.Example'] }

function raw(method: string, ...headers: readonly string[]): string {
  const lines = [`${method} /kv/k HTTP/1.1`, ...headers, 'Connection: close']
  return `${lines.join('\r\n')}\r\n\r\n`
}

const status = (text: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1])
const header = (text: string, name: string): string | undefined =>
  new RegExp(`^${name}: (.*)\\r$`, 'im').exec(text)?.[1]

suite('origins', () => {
  test('a foreign one is refused, whatever it asks, and nothing is done', async (t) => {
    const { port, metrics, gateway } = await serve(t, {}, NAMES)
    for (const origin of [
      'https://evil.example',
      'null',
      'http://localhost:1',
      ALLOWED.slice(0, -1),
    ])
      for (const method of ['GET', 'PUT', 'DELETE', 'POST', 'OPTIONS']) {
        const text = await exchangeRaw(port, raw(method, 'Host: localhost', `Origin: ${origin}`))
        assert.equal(status(text), 403, `${method} ${origin}`)
        assert.match(text, /DND_ERR_ORIGIN_REFUSED/)
        assert.equal(header(text, 'access-control-allow-origin'), undefined)
      }
    assert.equal(metrics.faults.get('http/origin-refused'), 20)
    assert.equal(gateway.requests.length, 0)
  })

  test('two at once are refused, though one is allowed', async (t) => {
    const { port } = await serve(t, {}, NAMES)
    const both = raw('GET', 'Host: localhost', `Origin: ${ALLOWED}`, `Origin: ${ALLOWED}`)
    assert.equal(status(await exchangeRaw(port, both)), 403)
  })

  test('an allowed one may read the answer and the headers of ours', async (t) => {
    const { port } = await serve(t, {}, NAMES)
    const text = await exchangeRaw(port, raw('PUT', 'Host: localhost', `Origin: ${ALLOWED}`))
    assert.equal(status(text), 200)
    assert.equal(header(text, 'access-control-allow-origin'), ALLOWED)
    assert.match(header(text, 'access-control-expose-headers') ?? '', /x-dnd-context/i)
    assert.equal(header(text, 'access-control-allow-credentials'), undefined)
    assert.equal(header(text, 'vary'), 'origin')
  })

  test('its preflight is answered with what it asks for', async (t) => {
    const { port, gateway } = await serve(t, {}, NAMES)
    const asked = [
      'Access-Control-Request-Method: PUT',
      'Access-Control-Request-Headers: x-dnd-ttl',
    ]
    const text = await exchangeRaw(
      port,
      raw('OPTIONS', 'Host: localhost', `Origin: ${ALLOWED}`, ...asked),
    )
    assert.equal(status(text), 204)
    assert.match(header(text, 'access-control-allow-methods') ?? '', /PUT/)
    assert.equal(header(text, 'access-control-allow-headers'), 'x-dnd-ttl')
    assert.equal(gateway.requests.length, 0)
  })

  test("the node's own is no foreign one, also behind a proxy that speaks TLS", async (t) => {
    const { port } = await serve(t, {}, NAMES)
    const own = raw('GET', 'Host: Dnd.Example', 'Origin: https://dnd.example')
    const text = await exchangeRaw(port, own)
    assert.notEqual(status(text), 403)
    assert.equal(header(text, 'access-control-allow-origin'), undefined)
  })

  test('an image, a script or a style for another site is refused; a link is followed', async (t) => {
    const { port } = await serve(t, {}, NAMES)
    const ask = async (site: string, mode: string): Promise<number> => {
      const fetched = [`Sec-Fetch-Site: ${site}`, `Sec-Fetch-Mode: ${mode}`]
      return status(await exchangeRaw(port, raw('GET', 'Host: localhost', ...fetched)))
    }
    assert.equal(await ask('cross-site', 'no-cors'), 403)
    assert.equal(await ask('same-site', 'no-cors'), 403)
    assert.notEqual(await ask('cross-site', 'navigate'), 403)
    assert.notEqual(await ask('same-origin', 'cors'), 403)
    assert.notEqual(await ask('none', 'no-cors'), 403)
  })
})

suite('names', () => {
  test('of loopback and those that are allowed are served, others refused', async (t) => {
    const { port, metrics } = await serve(t, {}, NAMES)
    const ask = async (host: string): Promise<number> =>
      status(await exchangeRaw(port, raw('GET', `Host: ${host}`)))
    const good = ['localhost:6001', '127.0.0.1', '127.9.9.9:1', '[::1]:6001', '10.0.0.5:6001']
    for (const host of [...good, 'LOCALHOST', 'dnd.example']) assert.notEqual(await ask(host), 421)
    const bad = ['evil.example', '127.0.0.1.evil.example', 'localhost.evil', '10.0.0.6', '']
    for (const host of bad) assert.equal(await ask(host), 421, host)
    assert.equal(metrics.faults.get('http/host-refused'), bad.length)
  })

  test('are not looked at where nobody has listed them', async (t) => {
    const { port } = await serve(t)
    assert.notEqual(status(await exchangeRaw(port, raw('GET', 'Host: any.example'))), 421)
  })
})
