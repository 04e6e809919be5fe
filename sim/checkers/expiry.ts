/**
 * Deadlines are kept: while every clock is right to within the allowed skew, no read shows a value
 * after its deadline, and no listing in the end has a key of which nothing else is left. (That
 * nothing is hidden before its time is the concern of those who look for what was acknowledged.)
 */
import { EPOCH_MS } from '../clock.ts'
import { writerOfVersion } from './causality.ts'
import type { Checker } from './evidence.ts'
import { checkerOfKeys } from './evidence.ts'

export const expiry: Checker = checkerOfKeys('expiry', (key, { clockErrorMs = Infinity }) => {
  if (clockErrorMs === Infinity) return undefined
  for (const get of key.gets) {
    const { returnedAtMs } = get
    if (returnedAtMs === undefined) continue
    for (const version of get.result.live) {
      const { expiresAtMs = 0 } = version.value ?? {}
      const lateMs = EPOCH_MS + returnedAtMs - expiresAtMs
      if (expiresAtMs === 0 || lateMs < 0) continue
      const value = `op${writerOfVersion(version)}`
      return `get #${get.id} through n${get.node + 1} shows ${value} ${lateMs} ms after its deadline`
    }
  }
  return undefined
})
