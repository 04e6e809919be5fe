/** Mutants of the boundary to the disk: what is durable when somebody is told so. */
import type { Mutant } from './mutant.ts'
import { LOSS } from './versions.ts'

const CODEC = 'src/core/versions/record.js'
const HOLDINGS = 'src/core/node/holdings.js'
const NODE = 'src/core/node/node.js'
const REPLICA = 'src/core/coordinator/replica.js'
const REQUESTS = 'src/core/node/requests.js'
const WRITES = 'src/core/coordinator/writes.js'

export const DURABILITY: readonly Mutant[] = [
  {
    name: 'answer-before-sync',
    rule: 'a store says that a batch is stored when it is durable',
    instead: 'it says so when it is handed over, and makes it durable later',
    patches: [],
    scenario: 'power-loss',
    by: [...LOSS, 'dots'],
    seedsMax: 20,
  },
  {
    name: 'replica-answers-early',
    rule: 'a replica says `stored` when the record is durable',
    instead: 'it says so when the record is handed to the store',
    patches: [
      {
        file: REPLICA,
        find: 'this.#pending.set(token,',
        replace: "reply(asker, 'stored', effects);\n        this.#pending.set(token,",
      },
    ],
    scenario: 'power-loss',
    by: LOSS,
    seedsMax: 20,
  },
  {
    name: 'forgotten-disk',
    rule: 'a node whose records are gone is a new one: its vnode ids go with them (V1, V8)',
    instead: 'it keeps its ids and restarts without its records (the family of riak_kv#679)',
    patches: [],
    scenario: 'crash-restart',
    by: [...LOSS, 'dots'],
    seedsMax: 20,
  },
  {
    name: 'sent-before-stored',
    rule: 'a coordinator stores durably before it sends (V1)',
    instead: 'it sends while its own copy is on its way to the disk',
    patches: [
      {
        file: WRITES,
        find: "effects.push({ type: 'arm', request, at: overdue ? deadline : hintAt });",
        replace: `effects.push({ type: 'arm', request, at: overdue ? deadline : hintAt });
        this.#replicate(request, this.#writes.get(request), effects);`,
      },
    ],
    scenario: 'bad-disks',
    by: LOSS,
    seedsMax: 10,
  },
  {
    name: 'shown-before-durable',
    rule: 'nobody is shown what is not durable here',
    instead: 'reads show what has been handed to the store',
    patches: [
      {
        file: HOLDINGS,
        find: 'record: this.#store.getDurable(key)',
        replace: 'record: this.#store.get(key)',
      },
      {
        file: HOLDINGS,
        find: 'shownBase(partition) {\n        const clock = this.#store.getDurable(',
        replace: 'shownBase(partition) {\n        const clock = this.#store.get(',
      },
    ],
    scenario: 'bad-disks',
    by: LOSS,
    seedsMax: 20,
  },
  {
    name: 'failed-batch-counts',
    rule: 'a batch that the disk did not take is not stored',
    instead: 'it is treated as if it were',
    patches: [
      {
        file: NODE,
        find: '#onStoreFailed(batch, reason) {',
        replace: '#onStoreFailed(batch, reason) {\n        if (true) return this.#onStored(batch);',
      },
    ],
    scenario: 'disk-failure',
    by: [...LOSS, 'dots', 'convergence'],
    seedsMax: 10,
  },
  {
    name: 'checksum-ignored',
    rule: 'a record whose checksum is wrong is no record (V9)',
    instead: 'whatever can be decoded is believed',
    patches: [
      {
        file: CODEC,
        find: 'if (reader.u32() !== checksum(',
        replace: 'if (reader.u32() < 0 && checksum(',
      },
    ],
    scenario: 'rotten-disks',
    by: [...LOSS, 'convergence', 'honest-answers', 'dots', 'assertions'],
    seedsMax: 10,
  },
  {
    name: 'broken-counts-as-absent',
    rule: 'nobody coordinates a write on a record that cannot be read (V9)',
    instead: 'it is taken for one that was never written',
    patches: [
      {
        file: REQUESTS,
        find: 'const held = holdings.held(partition, key);\n        if (held',
        replace: `const there = holdings.held(partition, key);
        const container = { versions: [], vector: [] };
        const held = there === 'unreadable' ? { container, isWhole: true, isStored: true } : there;
        if (held`,
      },
    ],
    scenario: 'rotten-disks',
    by: [...LOSS, 'convergence', 'dots'],
    seedsMax: 20,
  },
]
