/**
 * The public API: a member of a dnd cluster inside this process.
 *
 * ```ts
 * import { startNode } from 'dnd'
 *
 * // A new cluster, or the node of this directory again:
 * const node = await startNode({ data: './my-data' })
 * // One more node of it; port 0 is any free one:
 * const seeds = ['127.0.0.1:5001']
 * const other = await startNode({ data: './other', port: 0, httpPort: 0, seeds })
 * await other.stop()
 * await node.stop()
 * ```
 */
export { DndError } from './core/errors.ts'
export type { NodeServer, NodeServerConfig } from './server/start-node.ts'
export { startNode } from './server/start-node.ts'
