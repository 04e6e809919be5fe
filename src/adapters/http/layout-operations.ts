/** What may be asked about layouts, as it is documented. */
import {
  onLayoutApply,
  onLayoutHistory,
  onLayoutPlan,
  onLayoutPlanOf,
  onLayoutRemove,
} from './layout-routes.ts'
import type { Route } from './operation.ts'
import { reading } from './operation.ts'

const LAYOUT_PLAN: Route['methods'] = {
  ...reading(
    'getLayoutPlan',
    'What would follow if every member that is up had the role that it wants',
    { 200: { description: 'Nothing is changed by looking.', content: 'LayoutPlan' } },
    onLayoutPlan,
    { op: 'layout', errors: ['DND_ERR_NOT_READY', 'DND_ERR_BAD_LAYOUT'] },
  ),
  POST: {
    id: 'planLayout',
    op: 'layout',
    access: 'cluster',
    summary: 'What would follow if these roles were given',
    query: [],
    body: 'LayoutRoles',
    responses: { 200: { description: 'Nothing is changed by looking.', content: 'LayoutPlan' } },
    errors: ['DND_ERR_NOT_READY', 'DND_ERR_BAD_LAYOUT', 'DND_ERR_NODE_UNKNOWN'],
    handle: onLayoutPlanOf,
  },
}

const LAYOUT_APPLY: Route['methods'] = {
  POST: {
    id: 'applyLayout',
    op: 'layout',
    access: 'admin',
    summary: 'Choose the layout that was planned',
    description:
      'Answered when it is chosen and in force on this node; the data moves then. Refused unless the plan, made again, is the one that is named.',
    query: [],
    body: 'LayoutChoice',
    responses: { 200: { description: 'It is chosen.', content: 'LayoutChosen' } },
    errors: [
      'DND_ERR_NOT_READY',
      'DND_ERR_BAD_LAYOUT',
      'DND_ERR_NODE_UNKNOWN',
      'DND_ERR_LAYOUT_MOVING',
      'DND_ERR_LAYOUT_CONFLICT',
      'DND_ERR_NODE_DOWN',
      'DND_ERR_LAYOUT_UNAVAILABLE',
    ],
    handle: onLayoutApply,
  },
}

const LAYOUT_REMOVE: Route['methods'] = {
  POST: {
    id: 'removeNode',
    op: 'layout',
    access: 'admin',
    summary: 'Have done with a node that will not come back',
    description:
      'Nobody waits for it any more, and the next layout, which follows at once or when the data has moved, is without it. Refused while it is up, and while partitions would lose their last replica, unless `partitions` says of how many.',
    query: [],
    body: 'LostNode',
    responses: { 202: { description: 'It is said.', content: 'RemovedNode' } },
    errors: [
      'DND_ERR_NOT_READY',
      'DND_ERR_BAD_LAYOUT',
      'DND_ERR_NODE_UNKNOWN',
      'DND_ERR_NODE_UP',
      'DND_ERR_WOULD_LOSE_DATA',
      'DND_ERR_LAST_NODE',
    ],
    handle: onLayoutRemove,
  },
}

export const LAYOUT_ROUTES: readonly Route[] = [
  { path: '/layout/plan', methods: LAYOUT_PLAN },
  { path: '/layout/apply', methods: LAYOUT_APPLY },
  { path: '/layout/remove', methods: LAYOUT_REMOVE },
  {
    path: '/layout/history',
    methods: reading(
      'getLayoutHistory',
      'The layouts that the node that answers has seen, the latest last',
      { 200: { description: 'The last 32.', content: 'LayoutHistory' } },
      onLayoutHistory,
      { op: 'layout', errors: ['DND_ERR_NOT_READY'] },
    ),
  },
]
