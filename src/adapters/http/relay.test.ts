/** What other nodes tell of themselves, asked by the node that answers. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Served } from './fixture.test.ts'
import { NODES, serve } from './fixture.test.ts'

/** The second member listens there. */
function otherNodeAt({ gateway }: Served, port: number): void {
  const view = gateway.view.bind(gateway)
  gateway.view = () => {
    const seen = view()
    const members = seen.members.map((member) =>
      member.info.id === NODES[1]
        ? { ...member, info: { ...member.info, httpAddress: { host: '127.0.0.1', port } } }
        : member,
    )
    return { ...seen, members }
  }
}

async function otherNode(t: TestContext, answer: RequestListener): Promise<number> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

async function problem(url: string): Promise<[number, string, string]> {
  const response = await fetch(url)
  const body = (await response.json()) as { code: string; detail: string }
  return [response.status, body.code, body.detail]
}

test('what the node itself tells is told without asking anybody', async (t) => {
  const { base } = await serve(t)
  for (const what of ['metrics', 'hints', 'repair']) {
    const here = await (await fetch(`${base}/${what}`)).text()
    assert.equal(await (await fetch(`${base}/nodes/${NODES[0]}/${what}`)).text(), here, what)
  }
})

test('another node is asked at the address that it has told, and its answer is passed on', async (t) => {
  const served = await serve(t)
  const asked: string[] = []
  const port = await otherNode(t, (request, response) => {
    asked.push(`${request.method} ${request.url}`)
    response.setHeader('content-type', 'text/plain; version=0.0.4')
    response.end('dnd_ready 1\n')
  })
  otherNodeAt(served, port)
  const response = await fetch(`${served.base}/nodes/${NODES[1]}/metrics`)
  assert.deepEqual([response.status, await response.text()], [200, 'dnd_ready 1\n'])
  assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4')
  assert.deepEqual(asked, ['GET /metrics'])
})

test('a node that is not a member is not asked', async (t) => {
  const { base } = await serve(t)
  for (const id of ['a0000000000000ff', '127.0.0.1:1', '%2E%2E%2Fkv'])
    assert.deepEqual((await problem(`${base}/nodes/${id}/hints`)).slice(0, 2), [
      404,
      'DND_ERR_NODE_UNKNOWN',
    ])
})

test('one that does not listen, or answers with an error or without end, is silent', async (t) => {
  const served = await serve(t)
  const url = `${served.base}/nodes/${NODES[1]}/repair`
  const listening = await otherNode(t, (_request, response) => {
    response.statusCode = 503
    response.end('{}')
  })
  otherNodeAt(served, listening)
  const [status, code, detail] = await problem(url)
  assert.deepEqual([status, code], [502, 'DND_ERR_NODE_SILENT'])
  assert.match(detail, /does not answer at 127\.0\.0\.1:\d+: it answered 503$/)
  const endless = await otherNode(t, (_request, response) => {
    const more = (): void => {
      while (response.write(Buffer.alloc(65_536)));
      response.once('drain', more)
    }
    more()
  })
  otherNodeAt(served, endless)
  assert.match((await problem(url))[2], /does not end$/)
  otherNodeAt(served, 1)
  assert.match((await problem(url))[2], /ECONNREFUSED/)
})
