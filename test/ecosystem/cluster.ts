/** Of the cluster that whoever runs these tests has started: its nodes, and clients of it. */
import { DndClient } from 'dnd-client'

const servers = (process.env['DND_SERVERS'] ?? '').split(',').filter((url) => url !== '')

export function openClient(): DndClient {
  if (servers.length === 0) throw new Error('DND_SERVERS names no node')
  return new DndClient({ server: servers })
}

/** One that no other test uses. */
export function bucketName(of: string): string {
  return `${of}-${process.pid}`
}
