import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { test } from 'node:test'
import { FrameSocket } from './frame-socket.ts'

const FRAMES = 200
/** Processor time of one frame, milliseconds. */
const WORK_MS = 1

function work(): void {
  for (const until = performance.now() + WORK_MS; performance.now() < until;);
}

test('many frames of one chunk leave room for other work, and all arrive before the end', async (t) => {
  const server = createServer()
  t.after(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const { port } = server.address() as AddressInfo
  const sender = connect(port, '127.0.0.1')
  const [socket] = await accepted

  const seen: number[] = []
  let turns = 0
  const onTurn = setInterval(() => turns++, 1)
  t.after(() => clearInterval(onTurn))
  const closed = new Promise<string | undefined>((resolve) => {
    void new FrameSocket(socket, 'there', 100, {
      frame: (body) => {
        seen.push(body[0]!)
        work()
        return true
      },
      closed: (_, fault) => resolve(fault),
    })
  })
  const bytes = Buffer.concat(
    Array.from({ length: FRAMES }, (_, i) => Buffer.from([0, 0, 0, 1, i & 0xff])),
  )
  // The end comes while most of the frames wait.
  sender.end(bytes)
  assert.equal(await closed, undefined)
  assert.deepEqual(
    seen,
    Array.from({ length: FRAMES }, (_, i) => i & 0xff),
  )
  assert.ok(turns >= 10, `${turns} turns of other work`)
})
