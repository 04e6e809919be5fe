/**
 * The public API: a member of a dnd cluster inside this process.
 *
 * ```ts
 * import { startNode } from 'dnd'
 *
 * const node = await startNode({ data: './my-data' })                              // a new cluster, or this directory's again
 * const other = await startNode({ data: './other', port: 0, httpPort: 0, seeds: ['127.0.0.1:5001'] })
 * await node.stop()
 * ```
 */
export { DndError } from './core/errors.ts'
export type { NodeServer, NodeServerConfig } from './server/start-node.ts'
export { startNode } from './server/start-node.ts'
