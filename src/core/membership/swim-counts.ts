/** What the failure detector has done since the node started; only ever counted up. */
export interface SwimCounts {
  /** Probes of the round. */
  probes: number
  /** No direct ack in time: helpers were asked, and TCP tried. */
  probeTimeouts: number
  /** Nobody has answered by the end of the probe. */
  probesFailed: number
  /** Probes answered through a helper or over TCP alone: the direct way over UDP is broken (R9). */
  probesIndirect: number
  /** Members that this node itself has called suspect. */
  suspicionsRaised: number
  /** Suspects, whoever accused them, who have shown that they live. */
  suspicionsRefuted: number
  /** Members called dead, here or elsewhere, who were not: the same generation lived on. */
  falseDeaths: number
  /** Accusations of this node that it has overruled. */
  refutations: number
  /** Times that this node stood still for too long to judge others (R8). */
  stalls: number
  /** Full exchanges begun because two nodes' membership digests differed (R11). */
  digestSyncs: number
  /** Claims that were no claims: forged, implausible, without proof. */
  claimsRefused: number
  packetsSent: number
  packetsReceived: number
}

export function noSwimCounts(): SwimCounts {
  return {
    probes: 0,
    probeTimeouts: 0,
    probesFailed: 0,
    probesIndirect: 0,
    suspicionsRaised: 0,
    suspicionsRefuted: 0,
    falseDeaths: 0,
    refutations: 0,
    stalls: 0,
    digestSyncs: 0,
    claimsRefused: 0,
    packetsSent: 0,
    packetsReceived: 0,
  }
}
