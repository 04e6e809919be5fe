/**
 * The disk under the data, looked at when somebody scrapes.
 */
import { Gauge } from 'prom-client'
import type { Registry } from 'prom-client'

export interface DiskFigures {
  readonly dataBytes: number
  readonly freeBytes: number
  readonly totalBytes: number
}

/** undefined: the node keeps nothing on disk, or the disk cannot be looked at. */
export type ReadDisk = () => Promise<DiskFigures | undefined>

export function addDiskMetrics(registry: Registry, disk: ReadDisk): void {
  new Gauge({
    name: 'dnd_disk_bytes',
    help: 'Bytes of the data directory, and of the disk it is on: free and in all.',
    labelNames: ['of'],
    registers: [registry],
    async collect() {
      const figures = await disk()
      this.reset()
      if (figures === undefined) return
      this.set({ of: 'data' }, figures.dataBytes)
      this.set({ of: 'free' }, figures.freeBytes)
      this.set({ of: 'total' }, figures.totalBytes)
    },
  })
}
