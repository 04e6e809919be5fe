import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { concatBytes, toHex } from '../../core/std/bytes.ts'
import { Prng } from '../../core/std/prng.ts'
import type { ParseResult } from './frame-parser.ts'
import { FrameParser } from './frame-parser.ts'

const MAX = 200_000

function frame(body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + body.length)
  new DataView(bytes.buffer).setUint32(0, body.length)
  bytes.set(body, 4)
  return bytes
}

function filled(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed) & 0xff)
}

interface Parsed {
  readonly frames: string[]
  readonly result: ParseResult
  readonly isInsideFrame: boolean
}

/** What a parser makes of `chunks`, wanting no more than `wanted` frames. */
function parse(
  chunks: readonly Uint8Array[],
  max = MAX,
  wanted = Number.POSITIVE_INFINITY,
): Parsed {
  const parser = new FrameParser(max)
  const frames: string[] = []
  let result: ParseResult = 'ok'
  for (const chunk of chunks) {
    result = parser.push(chunk, (body) => frames.push(toHex(body)) < wanted)
  }
  return { frames, result, isInsideFrame: parser.isInsideFrame }
}

/** `bytes` in chunks of a few bytes or many, empty ones among them. */
function chunked(bytes: Uint8Array, dice: Prng): Uint8Array[] {
  const chunks: Uint8Array[] = []
  const most = dice.pick([1, 3, 8, 64, 1000])
  for (let offset = 0; offset < bytes.length;) {
    const length = dice.below(most + 1)
    // Copies, as from a socket: a parser that reads beyond its chunk must not find what it wants.
    chunks.push(bytes.slice(offset, offset + length))
    offset += length
  }
  return chunks
}

suite('frames', () => {
  test('of one chunk are views into it', () => {
    const chunk = concatBytes(frame(filled(5, 1)), frame(filled(1, 2)), frame(filled(300, 3)))
    const bodies: Uint8Array[] = []
    new FrameParser(MAX).push(chunk, (body) => bodies.push(body) > 0)
    assert.deepEqual(
      bodies.map((body) => body.length),
      [5, 1, 300],
    )
    assert.deepEqual(bodies[2], filled(300, 3))
    for (const body of bodies) assert.equal(body.buffer, chunk.buffer)
  })

  test('across chunks are gathered, whatever is cut', () => {
    const stream = concatBytes(frame(filled(5, 1)), frame(filled(70_000, 2)), frame(filled(9, 3)))
    const whole = parse([stream])
    assert.equal(whole.frames.length, 3)
    for (const cut of [1, 3, 4, 5, 9, 10, 13, 14, 65_600, 70_012, 70_013, 70_014, 70_020]) {
      const parts = [stream.slice(0, cut), stream.slice(cut)]
      assert.deepEqual(parse(parts), whole, `cut at ${cut}`)
    }
  })

  test('that were gathered do not share memory with one another', () => {
    const parser = new FrameParser(MAX)
    const bodies: Uint8Array[] = []
    const stream = concatBytes(frame(filled(50, 1)), frame(filled(50, 2)))
    for (const byte of stream) parser.push(Uint8Array.of(byte), (body) => bodies.push(body) > 0)
    assert.deepEqual(bodies, [filled(50, 1), filled(50, 2)])
  })

  test('of the greatest length pass, one byte more does not', () => {
    assert.equal(parse([frame(filled(MAX, 1))]).frames.length, 1)
    const over = parse([frame(filled(MAX + 1, 1))])
    assert.deepEqual(over, { frames: [], result: 'oversize', isInsideFrame: true })
  })

  test('have at least one byte', () => {
    assert.equal(parse([Uint8Array.of(0, 0, 0, 0)]).result, 'empty')
  })

  test('of a length of all ones are refused without waiting for the body', () => {
    assert.equal(parse([Uint8Array.of(255, 255, 255, 255)]).result, 'oversize')
    assert.equal(
      parse([Uint8Array.of(255), Uint8Array.of(255, 255), Uint8Array.of(255)]).result,
      'oversize',
    )
  })

  test('behind a bad length are never seen', () => {
    const chunks = [frame(filled(3, 1)), Uint8Array.of(0, 0, 0, 0), frame(filled(3, 2))]
    assert.deepEqual(parse(chunks).frames, [toHex(filled(3, 1))])
    assert.deepEqual(parse([concatBytes(...chunks)]).frames, [toHex(filled(3, 1))])
    assert.equal(parse(chunks).result, 'empty')
  })

  test('behind the last one wanted are never seen', () => {
    const chunks = [1, 2, 3].map((seed) => frame(filled(3, seed)))
    assert.deepEqual(parse(chunks, MAX, 2).frames.length, 2)
    assert.deepEqual(parse([concatBytes(...chunks)], MAX, 2).frames.length, 2)
    assert.equal(parse(chunks, MAX, 2).result, 'stopped')
  })

  test('may become larger while the parser is at work, from the next one on', () => {
    const parser = new FrameParser(4)
    const lengths: number[] = []
    const stream = concatBytes(frame(filled(4, 1)), frame(filled(100, 2)))
    const result = parser.push(stream, (body) => {
      parser.setBodyBytesMax(100)
      return lengths.push(body.length) > 0
    })
    assert.equal(result, 'ok')
    assert.deepEqual(lengths, [4, 100])
  })

  test('say whether they are whole', () => {
    assert.equal(parse([]).isInsideFrame, false)
    assert.equal(parse([frame(filled(3, 1))]).isInsideFrame, false)
    assert.equal(parse([frame(filled(3, 1)).subarray(0, 6)]).isInsideFrame, true)
    assert.equal(parse([frame(filled(3, 1)).subarray(0, 2)]).isInsideFrame, true)
  })
})

test('a length that is only claimed costs memory only as the bytes come', () => {
  const parsers: FrameParser[] = []
  const before = process.memoryUsage().arrayBuffers
  for (let i = 0; i < 100; i++) {
    const parser = new FrameParser(16 * 1024 * 1024)
    parser.push(Uint8Array.of(1, 0, 0, 0, 7), () => true)
    parsers.push(parser)
  }
  const grown = process.memoryUsage().arrayBuffers - before
  assert.ok(grown < 100 * 128 * 1024, `${grown} bytes for ${parsers.length} claims`)
})

test('any bytes in any chunks give what they give in one piece', () => {
  const dice = new Prng(10_000)
  let frames = 0
  for (let run = 0; run < 10_000; run++) {
    const parts: Uint8Array[] = []
    for (let part = dice.below(6); part > 0; part--) {
      const body = filled(1 + dice.below(40), dice.u32())
      if (dice.chance(0.8)) parts.push(frame(body))
      else parts.push(Uint8Array.from({ length: dice.below(12) }, () => dice.below(3)))
    }
    const stream = concatBytes(...parts)
    const cut = dice.chance(0.3) ? stream.subarray(0, dice.below(stream.length + 1)) : stream
    const wanted = dice.chance(0.1) ? 1 + dice.below(3) : Number.POSITIVE_INFINITY
    const whole = parse([cut], 300, wanted)
    assert.deepEqual(parse(chunked(cut, dice), 300, wanted), whole, `run ${run}`)
    frames += whole.frames.length
  }
  assert.ok(frames > 10_000, `only ${frames} frames were seen`)
})

test('paused between frames it keeps the rest, and goes on with it', () => {
  const bodies = Array.from({ length: 9 }, (_, i) => filled(i + 1, i))
  const bytes = bodies.map(frame).reduce((all, each) => concatBytes(all, each))
  for (const [every, cut] of [
    [1, bytes.length],
    [2, bytes.length],
    [3, 20],
    [1, 7],
  ] as const) {
    const parser = new FrameParser(MAX)
    const frames: string[] = []
    const onFrame = (body: Uint8Array): boolean => {
      if (frames.push(toHex(body)) % every === 0) parser.pause()
      return true
    }
    let pauses = 0
    for (let at = 0; at < bytes.length; at += cut) {
      let result = parser.push(bytes.slice(at, at + cut), onFrame)
      for (; result === 'paused'; pauses++) result = parser.resume(onFrame)
      assert.equal(result, 'ok')
    }
    assert.deepEqual(frames, bodies.map(toHex))
    assert.ok(pauses > 0, `every ${every} frames in chunks of ${cut}`)
  }
})

test('a frame over the limit is found behind a pause', () => {
  const bytes = concatBytes(frame(filled(3, 0)), frame(filled(9, 0)))
  const parser = new FrameParser(8)
  const onFrame = (): boolean => {
    parser.pause()
    return true
  }
  assert.equal(parser.push(bytes, onFrame), 'paused')
  assert.equal(parser.resume(onFrame), 'oversize')
})
