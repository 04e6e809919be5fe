/**
 * Plans a layout without nodes that will not come back: like any other, but that nobody waits for
 * what they had.
 */
import type { NodeId } from '../std/ids.ts'
import type { Layout } from './layout.ts'
import { hashLayout } from './layout-codec.ts'
import type { LayoutContent } from './layout-structure.ts'
import type { LayoutRequest } from './plan-layout.ts'
import { planLayout } from './plan-layout.ts'

/** `lost`: no role is theirs. Those whom the previous layout does not name had nothing. */
export function planWithout(request: LayoutRequest, lost: readonly NodeId[]): Layout {
  const { hash: _, ...planned } = planLayout(request)
  return withLost(planned, request.previous, lost)
}

/** The layout with those named as lost that the previous one knows. */
export function withLost(
  content: Omit<LayoutContent, 'lost'>,
  previous: Layout | undefined,
  nodes: readonly NodeId[],
): Layout {
  const isKnown = (node: NodeId): boolean =>
    previous?.roles.some((role) => role.node === node) === true
  const lost = nodes.filter(isKnown).sort()
  const whole: LayoutContent = lost.length === 0 ? content : { ...content, lost }
  return { ...whole, hash: hashLayout(whole) }
}
