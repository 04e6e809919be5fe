import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ByteReader, ByteWriter, fromHex, toHex } from '../std/bytes.ts'
import { crc32 } from '../std/crc32.ts'
import type { NodeId } from '../std/ids.ts'
import type { Layout, LayoutState, Role } from './layout.ts'
import { checkLayout } from './layout-check.ts'
import {
  decodeLayout,
  decodeLayoutState,
  encodeLayout,
  encodeLayoutState,
  hashLayout,
} from './layout-codec.ts'
import { beginTransition, markAcked, markSynced, settle } from './layout-state.ts'
import { planLayout } from './plan-layout.ts'

const node = (n: number): NodeId => n.toString(16).padStart(16, '0') as NodeId

function encoded(layout: Layout): Uint8Array {
  const writer = new ByteWriter()
  encodeLayout(writer, layout)
  return writer.take()
}

function encodedState(state: LayoutState): Uint8Array {
  const writer = new ByteWriter()
  encodeLayoutState(writer, state)
  return writer.take()
}

/** What the bytes say, or undefined when the reader refuses them or they hold more. */
function decoded(bytes: Uint8Array): Layout | undefined {
  const reader = new ByteReader(bytes)
  const layout = decodeLayout(reader)
  return reader.finished ? layout : undefined
}

function decodedState(bytes: Uint8Array): LayoutState | undefined {
  const reader = new ByteReader(bytes)
  const state = decodeLayoutState(reader)
  return reader.finished ? state : undefined
}

const anyRoles: fc.Arbitrary<Role[]> = fc
  .uniqueArray(
    fc.record({
      node: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(hexOf),
      zone: fc.constantFrom('', 'a', 'zürich-1'),
      weight: fc.integer({ min: 0, max: 1000 }),
    }),
    { minLength: 1, maxLength: 9, selector: (role) => role.node },
  )
  .filter((roles) => roles.some((role) => role.weight > 0))

function hexOf(id: bigint): NodeId {
  return id.toString(16).padStart(16, '0') as NodeId
}

const anyLayout: fc.Arbitrary<Layout> = fc
  .tuple(anyRoles, fc.integer({ min: 0, max: 5 }), fc.integer({ min: 1, max: 7 }))
  .map(([roles, bits, replicas]) =>
    planLayout({ previous: undefined, roles, partitions: 1 << bits, replicas }),
  )

const anyState: fc.Arbitrary<LayoutState> = fc
  .tuple(anyLayout, anyRoles, fc.nat(3))
  .map(([previous, roles, synced]) => {
    const { partitions, replicas } = previous
    const next = planLayout({ previous, roles, partitions, replicas })
    const first = beginTransition(undefined, previous)
    const nodes = next.roles.slice(0, synced).map((role) => role.node)
    const state = nodes.reduce(markSynced, beginTransition(first, next))
    return settle(nodes.slice(1).reduce(markAcked, state), 2)
  })

const bytesOf = (hex: string): Uint8Array => fromHex(hex)!

const GOLDEN_ROLES: Role[] = [
  { node: '00000000000000aa' as NodeId, zone: 'ä', weight: 1 },
  { node: '00000000000000bb' as NodeId, zone: 'b', weight: 300 },
]

test('the bytes of a layout stay what they were: format 1', () => {
  const content = {
    version: 7,
    previousHash: 0xdeadbeef,
    partitions: 2,
    replicas: 3,
    roles: GOLDEN_ROLES,
    table: [
      [0, 1],
      [1, 0],
    ],
  }
  const layout = { ...content, hash: hashLayout(content) }
  const golden =
    '01' +
    '07deadbeef0103' +
    '02' +
    '00000000000000aa02c3a401' +
    '00000000000000bb0162ac02' +
    '00010100' +
    'afb714f0'
  assert.equal(toHex(encoded(layout)), golden)
})

test('the bytes of a layout state stay what they were: formats 1 and 2', () => {
  const previous = planLayout({
    previous: undefined,
    roles: GOLDEN_ROLES.slice(0, 1),
    partitions: 1,
    replicas: 2,
  })
  const next = planLayout({ previous, roles: GOLDEN_ROLES, partitions: 1, replicas: 2 })
  const before = toHex(encoded(previous))
  const after = toHex(encoded(next))
  const settled: LayoutState = {
    current: previous,
    previous: undefined,
    synced: [],
    acked: [],
    lost: [],
  }
  assert.equal(toHex(encodedState(settled)), `02${before}0000`)
  assert.deepEqual(decodedState(bytesOf(`01${before}00`)), settled)
  const moving: LayoutState = {
    current: next,
    previous,
    synced: [GOLDEN_ROLES[1]!.node],
    acked: [],
    lost: [],
  }
  const synced = '0100000000000000bb'
  assert.equal(toHex(encodedState(moving)), `02${after}01${before}00${synced}00`)
  assert.deepEqual(decodedState(bytesOf(`01${after}01${before}${synced}`)), moving)
  const acked = { ...moving, acked: [GOLDEN_ROLES[0]!.node] }
  assert.equal(toHex(encodedState(acked)), `02${after}01${before}00${synced}0100000000000000aa`)
  const rested: LayoutState = {
    current: next,
    previous: undefined,
    former: previous,
    synced: [],
    acked: [],
    lost: [GOLDEN_ROLES[0]!.node],
  }
  assert.equal(toHex(encodedState(rested)), `02${after}02${before}0100000000000000aa`)
  assert.deepEqual(decodedState(encodedState(rested)), rested)
})

test('a layout comes back as it went', () => {
  fc.assert(
    fc.property(anyLayout, (layout) => {
      assert.deepEqual(decoded(encoded(layout)), layout)
    }),
    { seed: 3, numRuns: 200 },
  )
})

test('a layout state comes back as it went', () => {
  fc.assert(
    fc.property(anyState, (state) => {
      assert.deepEqual(decodedState(encodedState(state)), state)
    }),
    { seed: 4, numRuns: 200 },
  )
})

test('the marks of a transition that is over are not written', () => {
  const current = planLayout({
    previous: undefined,
    roles: GOLDEN_ROLES,
    partitions: 4,
    replicas: 2,
  })
  const bytes = encodedState({
    current,
    previous: undefined,
    synced: [GOLDEN_ROLES[0]!.node],
    acked: [],
    lost: [],
  })
  assert.deepEqual(decodedState(bytes)?.synced, [])
})

test('the hash covers every field', () => {
  const layout = planLayout({
    previous: undefined,
    roles: GOLDEN_ROLES,
    partitions: 4,
    replicas: 2,
  })
  const [first, second] = layout.roles
  const variants: Omit<Layout, 'hash'>[] = [
    layout,
    { ...layout, version: 2 },
    { ...layout, previousHash: 1 },
    { ...layout, replicas: 3 },
    { ...layout, roles: [{ ...first!, zone: 'c' }, second!] },
    { ...layout, roles: [{ ...first!, weight: 2 }, second!] },
    { ...layout, roles: [{ ...first!, node: node(1) }, second!] },
    { ...layout, table: layout.table.map((set) => [...set].reverse()) },
  ]
  assert.equal(new Set(variants.map(hashLayout)).size, variants.length)
  assert.equal(hashLayout(layout), layout.hash)
})

test('a layout of another format is refused', () => {
  const bytes = encoded(
    planLayout({ previous: undefined, roles: GOLDEN_ROLES, partitions: 4, replicas: 2 }),
  )
  bytes[0] = 2
  assert.equal(decoded(bytes), undefined)
})

test('every truncation of a layout or a state is refused', () => {
  const [state] = fc.sample(anyState, { seed: 5, numRuns: 1 })
  const layout = encoded(state!.current)
  for (let length = 0; length < layout.length; length++)
    assert.equal(decoded(layout.subarray(0, length)), undefined)
  const bytes = encodedState(state!)
  for (let length = 0; length < bytes.length; length++)
    assert.equal(decodedState(bytes.subarray(0, length)), undefined)
})

test('every flipped bit of a layout is noticed', () => {
  const bytes = encoded(
    planLayout({ previous: undefined, roles: GOLDEN_ROLES, partitions: 4, replicas: 2 }),
  )
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const bent = bytes.slice()
    bent[bit >> 3] = bent[bit >> 3]! ^ (1 << (bit & 7))
    assert.equal(decoded(bent), undefined, `bit ${bit}`)
  }
})

test('what decodes from hostile bytes is a usable layout, whatever they are', () => {
  const bent = fc
    .tuple(anyLayout, fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 3 }), fc.boolean())
    .map(([layout, changes, rehash]) => {
      const bytes = encoded(layout)
      for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value
      // With the right hash only the structure check stands between these bytes and the table.
      if (rehash) new DataView(bytes.buffer).setUint32(bytes.length - 4, crc32(bytes.slice(1, -4)))
      return bytes
    })
  let accepted = 0
  fc.assert(
    fc.property(fc.oneof(bent, fc.uint8Array({ maxLength: 60 })), (bytes) => {
      const reader = new ByteReader(bytes)
      const layout = decodeLayout(reader)
      if (!reader.ok) return
      accepted++
      assert.equal(checkLayout(layout), undefined)
    }),
    { seed: 6, numRuns: 3000 },
  )
  assert.ok(accepted > 100, `only ${accepted} were accepted`)
})

test('a claim of a large table costs no memory', () => {
  const writer = new ByteWriter()
  writer.u8(1)
  writer.varint(1)
  writer.u32(0)
  writer.u8(12)
  writer.u8(7)
  writer.varint(1)
  writer.u32(0)
  writer.u32(1)
  writer.text('')
  writer.varint(1)
  const reader = new ByteReader(writer.take())
  assert.deepEqual(decodeLayout(reader).table, [[]])
  assert.equal(reader.ok, false)
})

/** A state of two layouts, with one thing wrong in the way it is put together. */
function brokenStates(): Record<string, LayoutState> {
  const plan = (previous: Layout | undefined, count: number): Layout => {
    const roles = Array.from({ length: count }, (_, n) => ({ node: node(n), zone: '', weight: 1 }))
    return planLayout({ previous, roles, partitions: 8, replicas: 3 })
  }
  const first = plan(undefined, 3)
  const second = plan(first, 4)
  const third = plan(second, 5)
  return {
    'a skipped version': { current: third, previous: first, synced: [], acked: [], lost: [] },
    'another predecessor': {
      current: second,
      previous: plan(undefined, 2),
      synced: [],
      acked: [],
      lost: [],
    },
    'time running backwards': { current: first, previous: second, synced: [], acked: [], lost: [] },
    'a stranger synced': {
      current: second,
      previous: first,
      synced: [node(9)],
      acked: [],
      lost: [],
    },
    'marks out of order': {
      current: second,
      previous: first,
      synced: [node(2), node(1)],
      acked: [],
      lost: [],
    },
    'a stranger acked': {
      current: second,
      previous: first,
      synced: [],
      acked: [node(9)],
      lost: [],
    },
    'a stranger lost': { current: second, previous: first, synced: [], acked: [], lost: [node(9)] },
    'a mark twice': {
      current: second,
      previous: first,
      synced: [node(1), node(1)],
      acked: [],
      lost: [],
    },
  }
}

test('a state whose parts do not belong together is refused', () => {
  for (const [what, state] of Object.entries(brokenStates()))
    assert.equal(decodedState(encodedState(state)), undefined, what)
})

test('a state of another format, or with a strange flag, is refused', () => {
  const current = planLayout({
    previous: undefined,
    roles: GOLDEN_ROLES,
    partitions: 4,
    replicas: 2,
  })
  const bytes = encodedState({ current, previous: undefined, synced: [], acked: [], lost: [] })
  assert.ok(decodedState(bytes) !== undefined)
  assert.equal(decodedState(Uint8Array.of(3, ...bytes.subarray(1))), undefined)
  assert.equal(decodedState(Uint8Array.of(...bytes.subarray(0, -1), 2)), undefined)
})

test('random bytes are no layout state and do no harm', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      const reader = new ByteReader(Uint8Array.of(1, 1, ...bytes))
      decodeLayoutState(reader)
      assert.equal(reader.ok, false)
    }),
    { seed: 7, numRuns: 1000 },
  )
})

test('a layout among other things leaves the reader behind itself', () => {
  const layout = planLayout({
    previous: undefined,
    roles: GOLDEN_ROLES,
    partitions: 4,
    replicas: 2,
  })
  const reader = new ByteReader(Uint8Array.of(...encoded(layout), 42))
  assert.deepEqual(decodeLayout(reader), layout)
  assert.equal(reader.u8(), 42)
  assert.ok(reader.finished)
})
