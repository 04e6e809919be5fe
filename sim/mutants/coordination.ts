/** Mutants of the coordinators: quorums, repair, forwarding, honest answers. */
import type { Mutant } from './mutant.ts'
import { LOSS } from './versions.ts'

const FORWARDS = 'src/core/node/forwards.js'
const NODE = 'src/core/node/node.js'
const READS = 'src/core/coordinator/reads.js'
const WRITES = 'src/core/coordinator/writes.js'

export const COORDINATION: readonly Mutant[] = [
  {
    name: 'no-read-repair',
    rule: 'whoever answers a read with less than the merge is sent the merge',
    instead: 'it is left as it is',
    patches: [],
    scenario: 'crash-restart',
    by: [...LOSS, 'convergence'],
    seedsMax: 10,
  },
  {
    name: 'sent-counts-as-stored',
    rule: 'a write is acknowledged when w replicas have it durably',
    instead: 'a replica counts when the write is sent to it',
    patches: [
      {
        file: WRITES,
        find: 'write.standIns?.setGone(node, false);',
        replace: 'write.standIns?.setGone(node, false);\n            write.tally.succeed(node);',
      },
    ],
    scenario: 'partition-heal',
    by: LOSS,
    seedsMax: 10,
  },
  {
    name: 'one-answer-too-few',
    rule: 'a read waits for r answers',
    instead: 'it waits for r - 1 and says that it had r',
    patches: [
      {
        file: READS,
        find: 'Math.min(start.r, candidates.length)',
        replace: 'Math.max(1, Math.min(start.r, candidates.length) - 1)',
      },
      {
        file: READS,
        find: 'answers: read.good }',
        replace: 'answers: read.good + 1 }',
      },
    ],
    scenario: 'partition-heal',
    by: LOSS,
    seedsMax: 10,
  },
  {
    name: 'forwarded-twice',
    rule: 'a write that may have been sent is not sent to another replica (V2)',
    instead: 'when its connection is lost, the next replica is asked to coordinate it as well',
    patches: [{ file: FORWARDS, find: 'if (forwarded.sent)', replace: 'if (false)' }],
    scenario: 'partition-heal-5',
    by: [...LOSS, 'dots', 'honest-answers'],
    seedsMax: 10,
  },
  {
    name: 'dead-means-undelivered',
    rule: 'that a member is said to be suspect or dead does not prove that it will not get what was sent (V2)',
    instead: 'a write forwarded to it is sent to the next replica as well',
    patches: [
      {
        file: NODE,
        find: 'listings.peerSuspected(peer);',
        replace: 'listings.peerSuspected(peer);\n        this.#machines.forwards.memberDown(peer);',
      },
      {
        file: FORWARDS,
        find: 'if (forwarded.target !== peer || !forwarded.sent)',
        replace: 'if (forwarded.target !== peer)',
      },
      {
        file: FORWARDS,
        find: 'memberDown(peer) {',
        replace: 'memberDown(peer) {\n        if (true) return this.#drop(peer);',
      },
      {
        file: FORWARDS,
        find: 'onDeadline(request) {',
        replace: `#drop(peer) {
        for (const [request, forwarded] of this.#forwards) {
            if (forwarded.target !== peer) continue;
            this.#forwards.delete(request);
            this.#next(forwarded);
        }
    }
    onDeadline(request) {`,
      },
    ],
    scenario: 'partition-heal-5',
    by: [...LOSS, 'dots', 'honest-answers'],
    seedsMax: 10,
  },
  {
    name: 'rejected-may-live-on',
    rule: 'a write that may live on is answered `unknown`',
    instead: 'every failed write is answered `rejected`',
    patches: [
      {
        file: WRITES,
        find: '#answer(write, result, effects) {',
        replace: `#answer(write, result, effects) {
        if (!result.ok) result = { ...result, outcome: 'rejected' };`,
      },
    ],
    scenario: 'partition-heal',
    by: [...LOSS, 'honest-answers'],
    seedsMax: 10,
  },
  {
    name: 'no-deadline',
    rule: 'every request is answered by its deadline',
    instead: 'a write waits for its quorum for ever',
    patches: [
      {
        file: WRITES,
        find: '#onTimer(request, effects) {',
        replace: '#onTimer(request, effects) {\n        if (true) return;',
      },
    ],
    scenario: 'partition-heal',
    by: ['replies', 'progress', 'bounded-queues'],
    seedsMax: 10,
  },
]
