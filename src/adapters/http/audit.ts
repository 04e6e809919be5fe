/**
 * A line in the log for each act of administration: who did what, from where, and what came of it.
 * Names are told, secrets never.
 */
import type { Exchange } from './exchange.ts'

export interface Audited {
  /** The operation's id. */
  readonly act: string
  /** What the body says besides, as far as anybody may read it. */
  readonly details?: Readonly<Record<string, unknown>>
}

/** Adds to what the line will say. */
export function note(exchange: Exchange, details: Readonly<Record<string, unknown>>): void {
  const { audited } = exchange
  if (audited !== undefined)
    exchange.audited = { ...audited, details: { ...audited.details, ...details } }
}

/** The request was answered; `code`: of the problem, if that was the answer. */
export function logAudited(exchange: Exchange, status: number, code: string | undefined): void {
  const { audited, caller, site, request, bucket, key, query } = exchange
  if (audited === undefined) return
  const { remoteAddress = '', remotePort = 0 } = request.socket
  const { hasBucket } = exchange
  site.log.info('audit', {
    act: audited.act,
    who: caller === undefined ? 'anybody' : `${caller.kind} ${caller.name}`,
    from: `${remoteAddress}:${remotePort}`,
    outcome: status < 400 ? 'done' : status < 500 ? 'refused' : 'failed',
    ...(code === undefined ? {} : { code }),
    ...(hasBucket ? { bucket } : {}),
    ...(key.length > 0 ? { subject: Buffer.from(key).toString('utf8') } : {}),
    ...(query.bucket === undefined ? {} : { bucket: Buffer.from(query.bucket).toString('utf8') }),
    ...(query.prefix === undefined ? {} : { prefix: Buffer.from(query.prefix).toString('utf8') }),
    ...audited.details,
  })
}
