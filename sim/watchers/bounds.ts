/**
 * How long the cluster may be wrong about who is there, from the failure detector's parameters
 * (`src/core/membership`, rules/membership.md A.1 and A.6). P is the probe interval, n the members
 * known.
 *
 * - **Detection.** A node probes the others in rounds, each once, in an order that is shuffled anew
 *   after each round: at worst a member is first in one round and last in the next, 2n − 1
 *   intervals apart (SWIM §4.3). The probe's failure shows at the end of its interval. So a member
 *   that is gone is called suspect within 2n intervals. A node that mistrusts its own ears
 *   stretches its intervals (R7); the time counts from when it is well again.
 * - **Suspicion.** It is called dead 3 · max(1, log10 n) intervals later, or, where nobody
 *   confirms, six times that (R4), unless it refutes.
 * - **Meeting again.** Two halves that have declared each other dead probe each other no more. Each
 *   node tries one of the dead every 10 to 30 seconds (R6). When all the dead are there in truth,
 *   the first try succeeds; each of them that is really gone may take a try of everybody's for
 *   itself, and that twice in a row is all that is granted to chance: with k gone, 1 + 2k tries.
 * - **Spreading.** From the first contact on, news travels by gossip with the probes: a member
 *   hears it at the latest when it is probed, within 2n intervals, and a refutation comes back the
 *   same way.
 *
 * To each comes the slack: datagrams under way when a process died, the phase of the looks, lost
 * packets.
 */

/** The upper end of the pause between two tries to reach one of the dead (`reconnects.ts`). */
const RECONNECT_MS_MAX = 30_000
const SLACK_MS = 5_000

/** The longest suspicion, in units of the shortest. */
const SUSPICION_STRETCH = 6

/** How long a member that is gone may be seen alive by one who runs. */
export function detectionBoundMs(members: number, probeIntervalMs: number): number {
  return 2 * members * probeIntervalMs + SLACK_MS
}

/** How long it may be seen as anything but dead. */
export function deathBoundMs(members: number, probeIntervalMs: number): number {
  const shortestMs = 3 * Math.max(1, Math.log10(members)) * probeIntervalMs
  const suspicionMs = SUSPICION_STRETCH * shortestMs
  return detectionBoundMs(members, probeIntervalMs) + suspicionMs
}

/** How long a member that runs may be seen as suspect or dead when nothing is wrong any more. */
export function reunionBoundMs(members: number, gone: number, probeIntervalMs: number): number {
  const meetingMs = (1 + 2 * gone) * RECONNECT_MS_MAX
  return meetingMs + deathBoundMs(members, probeIntervalMs)
}

/**
 * How long nodes that see each other may hold different layouts: each tells another one, drawn at
 * random, all that it knows in each sync interval.
 */
export function agreementBoundMs(
  members: number,
  gone: number,
  config: { readonly probeIntervalMs: number; readonly stateSyncIntervalMs: number },
): number {
  const tellingMs = members * config.stateSyncIntervalMs
  return reunionBoundMs(members, gone, config.probeIntervalMs) + tellingMs
}
